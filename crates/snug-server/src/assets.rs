//! Files that the binary carries: the SDK under `/sdk/`, the panel under `/panel/`. Packed by
//! `build.rs` from the web workspace; a server built without them says so.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::wiring::App;

/// A packed file: its path, its bytes and a hash of them.
#[derive(Debug)]
pub struct Asset {
    pub path: &'static str,
    pub bytes: &'static [u8],
    pub etag: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The panel loads nothing from elsewhere and speaks to nobody else.
const PANEL_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Routes of the packed files.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sdk/{*path}", get(sdk))
        .route("/panel", get(|| async { Redirect::permanent("/panel/") }))
        .route(
            "/panel/",
            get(|request: Request| async move { panel_file("index.html", request.headers()) }),
        )
        .route("/panel/{*path}", get(panel))
}

/// Whether the SDK was packed in.
#[must_use]
pub fn packed() -> bool {
    find("sdk/snug.js").is_some()
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

async fn sdk(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let mut answer = file(&format!("sdk/{path}"), &headers);
    // Scripts of any page may load it, also as a module.
    let any = HeaderValue::from_static("*");
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    let name = HeaderName::from_static("cross-origin-resource-policy");
    answer.headers_mut().insert(name, HeaderValue::from_static("cross-origin"));
    answer
}

async fn panel(Path(path): Path<String>, headers: HeaderMap) -> Response {
    panel_file(&path, &headers)
}

fn panel_file(path: &str, headers: &HeaderMap) -> Response {
    let mut answer = file(&format!("panel/{path}"), headers);
    let set = answer.headers_mut();
    set.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PANEL_CSP));
    set.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// What a server says that was built without them.
pub(crate) const NOT_PACKED: &str = "This server was built without its web files. Run \
    `cargo xtask run`, or `npm ci && npm run build` in web/ and build again.";

/// A packed file as an answer.
pub(crate) fn file(path: &str, headers: &HeaderMap) -> Response {
    let Some(asset) = find(path) else {
        let text = if packed() { "No such file." } else { NOT_PACKED };
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let known = headers.get(IF_NONE_MATCH).is_some_and(|etag| etag == asset.etag);
    let mut answer =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.into_response() };
    let set = answer.headers_mut();
    set.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    set.insert(ETAG, HeaderValue::from_static(asset.etag));
    // A new server brings new files under the same names.
    set.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("ts") => "text/plain; charset=utf-8",
        Some("tgz") => "application/gzip",
        _ => "application/octet-stream",
    }
}
