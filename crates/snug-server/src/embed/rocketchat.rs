//! Rocket.Chat's addresses of rooms, shown by our elements: `/channel/<name>`, `/group/<name>`,
//! `/direct/<rid>` and the whole chat at `/?layout=embedded`. The app is the one of this host.

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

const NOT_SET_UP: &str = "No application speaks Rocket.Chat's wire under this host name. Name it \
    with dialect_app, such as rocketchat=<app id>, or rocketchat@<host>=<app id>.";

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
    let Some(id) = app.dialects.app_by_host(DIALECT, host) else {
        return Ok((StatusCode::NOT_FOUND, NOT_SET_UP).into_response());
    };
    let known = app.engine.app(&id).await?;
    let query = uri.query().unwrap_or("");
    let parents = Parents::of_app(&known);
    let embedded = parameter(query, "layout").as_deref() == Some("embedded");
    let page = Page {
        app: Some(id.as_str()),
        room: None,
        foreign: Some(Foreign { room, embedded }),
        parents: &parents,
        query,
    };
    Ok(page.answer(headers))
}
