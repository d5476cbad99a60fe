//! CORS of client routes: per app, exact origins. A preflight names no app, so it is answered
//! when any app lists the origin; the request behind it is held to its own app's list.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderValue, Method, StatusCode};
use snug_core::error::Error;

use super::error::ApiError;
use crate::wiring::App;

pub(super) async fn cors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = if preflight {
        match preflight_answer(&app, &origin).await {
            Ok(answer) => answer,
            Err(refused) => return refused.into_response(),
        }
    } else {
        next.run(request).await
    };
    let headers = answer.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = HeaderValue::from_static("X-Request-Id, Retry-After");
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    answer
}

async fn preflight_answer(app: &Arc<App>, origin: &HeaderValue) -> Result<Response, ApiError> {
    let text = origin.to_str().unwrap_or("");
    if !app.engine.any_app_allows(text).await? {
        app.metrics.refused_origins.inc();
        let mend = format!("add {text:?} to the origins of the app in the panel");
        tracing::warn!(origin = text, mend, "origin refused");
        return Err(Error::OriginRefused { origin: text.to_owned() }.into());
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    let headers = answer.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let allowed = HeaderValue::from_static("Authorization, Content-Type");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Ok(answer)
}
