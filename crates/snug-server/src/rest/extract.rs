//! Extractors: who calls (proved by the type), and bodies, paths and queries as core values.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use snug_core::engine::{Actor, Backend, Client};
use snug_core::error::Error;
use snug_core::ids::{InvalidId, MessageId, RoomId, SessionId, UserId};
use snug_core::limits;
use snug_proto::{ErrorCode, Problem, parse_body};
use utoipa::Modify;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::error::ApiError;
use super::origin::check_page;
use super::signed::BySignature;
use crate::wiring::App;

/// A customer's backend, proved by its server key or by a signature under it.
pub(super) struct ByBackend(pub(super) Backend);

impl ByBackend {
    pub(super) fn actor(&self) -> Actor {
        Actor::Backend(self.0.clone())
    }
}

impl FromRequestParts<Arc<App>> for ByBackend {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        // Before the key is looked at: a key in a page is a leak, whether it is right or not.
        if parts.headers.contains_key(ORIGIN) {
            return Err(Error::ServerKeyInBrowser.into());
        }
        if let Some(signed) = parts.extensions.get::<BySignature>() {
            return Ok(Self(signed.0.clone()));
        }
        let key = bearer(parts).ok_or(Error::TokenMissing)?;
        Ok(Self(app.engine.authenticate_backend(key).await?))
    }
}

/// A user's page or app, proved by its session token.
pub(super) struct ByClient {
    pub(super) client: Client,
    pub(super) token: String,
}

impl ByClient {
    pub(super) fn actor(&self) -> Actor {
        Actor::Client(self.client.clone())
    }
}

impl FromRequestParts<Arc<App>> for ByClient {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let token = bearer(parts).ok_or(Error::TokenMissing)?.to_owned();
        let client = app.engine.authenticate(&token).await?;
        check_page(app, &client.app, &parts.headers)?;
        app.check_rate(client.session_id())?;
        Ok(Self { client, token })
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A JSON body within its bound.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, ApiError> {
        Ok(Self(parse_body(&read_body(request.into_body()).await?)?))
    }
}

/// A body within its bounds of size and time.
pub(super) async fn read_body(body: axum::body::Body) -> Result<Bytes, ApiError> {
    let most = limits::BODY_BYTES_MAX;
    let body = Limited::new(body, most).collect();
    let bound = Duration::from_millis(limits::BODY_MS_MAX);
    match tokio::time::timeout(bound, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Error::too_large("", format!("at most {most} bytes")).into())
        }
        Ok(Err(_)) | Err(_) => {
            let detail = "the body ended early, or took too long";
            Err(Problem::new(ErrorCode::MalformedJson, detail).into())
        }
    }
}

/// Query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        match query {
            Ok(axum::extract::Query(params)) => Ok(Self(params)),
            Err(error) => Err(explain(&error.body_text()).into()),
        }
    }
}

/// "Failed to deserialize query string: limit: invalid digit found in string"
fn explain(detail: &str) -> Error {
    let mut parts = detail.splitn(3, ": ").skip(1);
    match (parts.next(), parts.next()) {
        (Some(field), Some(reason)) if reason.contains("digit") || reason.contains("integer") => {
            Error::invalid(field, "a whole number")
        }
        (Some(field), Some(reason)) => Error::invalid(field, reason),
        (Some(reason), None) if reason.starts_with("missing field `") => {
            Error::missing(reason.trim_start_matches("missing field `").trim_end_matches('`'))
        }
        (Some(reason), None) => Error::invalid("", reason),
        _ => Error::invalid("", "a query of the documented parameters"),
    }
}

/// Ids in the path, decoded and checked.
pub(super) trait InPath: Sized {
    fn parse(parts: &[String]) -> Result<Self, Error>;
}

fn id<T>(name: &str, made: Result<T, InvalidId>) -> Result<T, Error> {
    made.map_err(|error| Error::invalid(name, error.expected))
}

fn part(parts: &[String], index: usize) -> &str {
    parts.get(index).map_or("", String::as_str)
}

impl InPath for UserId {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        id("user", Self::new(part(parts, 0)))
    }
}

impl InPath for RoomId {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        id("room", Self::new(part(parts, 0)))
    }
}

impl InPath for MessageId {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        id("message", Self::new(part(parts, 0)))
    }
}

impl InPath for SessionId {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        id("session", Self::new(part(parts, 0)))
    }
}

impl InPath for (RoomId, UserId) {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        let room = id("room", RoomId::new(part(parts, 0)))?;
        Ok((room, id("user", UserId::new(part(parts, 1)))?))
    }
}

impl InPath for (RoomId, MessageId) {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        let room = id("room", RoomId::new(part(parts, 0)))?;
        Ok((room, id("message", MessageId::new(part(parts, 1)))?))
    }
}

impl InPath for (RoomId, MessageId, String) {
    fn parse(parts: &[String]) -> Result<Self, Error> {
        let (room, message) = <(RoomId, MessageId)>::parse(parts)?;
        Ok((room, message, part(parts, 2).to_owned()))
    }
}

/// An id, or several, from the path.
pub(super) struct At<T>(pub(super) T);

impl<T: InPath> FromRequestParts<Arc<App>> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let found: Result<Path<Vec<(String, String)>>, PathRejection> =
            Path::from_request_parts(parts, app).await;
        let Path(pairs) = found.map_err(|_| Error::invalid("path", "percent-encoded UTF-8"))?;
        let values: Vec<String> = pairs.into_iter().map(|(_, value)| value).collect();
        Ok(Self(T::parse(&values)?))
    }
}

/// Names the two kinds of bearer tokens in the OpenAPI document.
pub(super) struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for (name, description) in [
            ("server_key", "A server key; never in a page"),
            ("session_token", "A session token, or a JWT that the backend minted"),
        ] {
            let scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description))
                .build();
            components.add_security_scheme(name, SecurityScheme::Http(scheme));
        }
    }
}
