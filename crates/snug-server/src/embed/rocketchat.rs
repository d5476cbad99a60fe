//! Rocket.Chat's addresses of rooms, shown by our elements: `/channel/<name>`, `/group/<name>`,
//! `/direct/<rid>` and the whole chat at `/?layout=embedded`. The app is the one of this host, else the token's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header::HOST;
use http::{HeaderMap, StatusCode, Uri};
use snug_core::error::Result;
use snug_core::limits;
use snug_dialects::rocketchat::DIALECT;

use super::page::{Foreign, Page, parameter};
use super::parents::Parents;
use crate::wiring::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(home))
        .route("/channel/{name}", get(channel))
        .route("/group/{name}", get(group))
        .route("/direct/{name}", get(direct))
}

async fn home(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    if parameter(uri.query().unwrap_or(""), "layout").as_deref() != Some("embedded") {
        return Redirect::temporary("/panel/").into_response();
    }
    super::answer(show(&app, &uri, &headers, None).await)
}

async fn channel(state: State<Arc<App>>, name: Path<String>, uri: Uri, h: HeaderMap) -> Response {
    room(state, "channel", name, &uri, &h).await
}

async fn group(state: State<Arc<App>>, name: Path<String>, uri: Uri, h: HeaderMap) -> Response {
    room(state, "group", name, &uri, &h).await
}

async fn direct(state: State<Arc<App>>, name: Path<String>, uri: Uri, h: HeaderMap) -> Response {
    room(state, "direct", name, &uri, &h).await
}

async fn room(
    State(app): State<Arc<App>>,
    kind: &'static str,
    Path(name): Path<String>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Response {
    if name.len() > limits::NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return (StatusCode::NOT_FOUND, "No such room.").into_response();
    }
    super::answer(show(&app, uri, headers, Some((kind, &name))).await)
}

async fn show(
    app: &Arc<App>,
    uri: &Uri,
    headers: &HeaderMap,
    room: Option<(&'static str, &str)>,
) -> Result<Response> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let known = match app.dialects.app_by_host(DIALECT, host) {
        Some(id) => Some(app.engine.app(&id).await?),
        None => None,
    };
    let parents = Parents::of(app, known.as_deref(), headers).await?;
    let query = uri.query().unwrap_or("");
    let embedded = parameter(query, "layout").as_deref() == Some("embedded");
    let page = Page {
        app: known.as_ref().map(|known| known.id.as_str()),
        room: None,
        foreign: Some(Foreign { room, embedded }),
        parents: &parents,
        query,
    };
    Ok(page.answer(headers))
}
