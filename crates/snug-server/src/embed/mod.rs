//! Pages that stand in another site's frame: a room (`/embed/rooms/{id}`) or the whole chat
//! (`/embed`), shown by the same elements as anywhere. The page carries no word of a user: it
//! gets its token from the address's fragment, from the page around it, or by a code.

mod page;
mod parents;
mod rocketchat;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, Uri};
use snug_core::error::{Error, Result};
use snug_core::ids::{AppId, RoomId};

use crate::assets;
use crate::rest::ApiError;
use crate::wiring::App;
use page::Page;
use parents::Parents;

/// The pages and their two files.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/embed", get(chat))
        .route("/embed/", get(chat))
        .route("/embed/rooms/{room}", get(room))
        .route("/embed/{file}", get(file))
        .merge(rocketchat::routes())
}

async fn chat(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    answer(native(&app, &uri, &headers, None).await)
}

async fn room(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let room = match RoomId::new(&room) {
        Ok(room) => room,
        Err(error) => return answer(Err(Error::invalid("room", error.expected))),
    };
    answer(native(&app, &uri, &headers, Some(&room)).await)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let mut answer = assets::file(&format!("embed/{name}"), &headers);
    // Opened as a page of its own, a file may do nothing.
    let nothing = http::HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, nothing);
    answer
}

fn answer(made: Result<Response>) -> Response {
    made.unwrap_or_else(|error| ApiError::from(error).into_response())
}

async fn native(
    app: &Arc<App>,
    uri: &Uri,
    headers: &HeaderMap,
    room: Option<&RoomId>,
) -> Result<Response> {
    let query = uri.query().unwrap_or("");
    let known = match named_app(app, query).await? {
        Some(id) => Some(app.engine.app(&id).await?),
        None => None,
    };
    let parents = Parents::of(app, known.as_deref(), headers).await?;
    let page = Page {
        app: known.as_ref().map(|known| known.id.as_str()),
        room: room.map(RoomId::as_str),
        foreign: None,
        parents: &parents,
        query,
    };
    Ok(page.answer(headers))
}

/// The app of `?app=`, else that of the code in `?code=`.
async fn named_app(app: &Arc<App>, query: &str) -> Result<Option<AppId>> {
    if let Some(id) = page::parameter(query, "app") {
        let id = AppId::new(&id).map_err(|error| Error::invalid("app", error.expected))?;
        return Ok(Some(id));
    }
    match page::parameter(query, "code") {
        // One that is gone is refused when the page takes it, in words that it can show.
        Some(code) => app.engine.app_of_code(&code).await,
        None => Ok(None),
    }
}
