//! Server requests that are signed in place of carrying the key. The body is read here, since
//! the signature covers it; the caller goes on with the request to `ByBackend`.

use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::ORIGIN;
use http::request::Parts;
use snug_core::engine::{Backend, SignedRequest};
use snug_core::error::Error;
use snug_core::limits;
use snug_proto::signed::{CanonicalRequest, parse_signature};

use super::error::ApiError;
use super::extract::read_body;
use crate::wiring::App;

/// Put into a request whose signature was right.
#[derive(Debug, Clone)]
pub(super) struct BySignature(pub(super) Backend);

const SIGNATURE: &str = "snug-signature";

pub(super) async fn signed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key(SIGNATURE) {
        return next.run(request).await;
    }
    match check(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn check(app: &Arc<App>, request: Request) -> Result<Request, ApiError> {
    if request.headers().contains_key(ORIGIN) {
        return Err(Error::ServerKeyInBrowser.into());
    }
    let (mut parts, body) = request.into_parts();
    let body = read_body(body).await?;
    let signed = read(&parts, &body)?;
    let backend = app.engine.authenticate_signed(signed).await?;
    parts.extensions.insert(BySignature(backend));
    Ok(Request::from_parts(parts, HttpBody::from(body)))
}

fn read(parts: &Parts, body: &[u8]) -> Result<SignedRequest, Error> {
    let header = |name: &'static str| {
        let value = parts.headers.get(name).ok_or_else(|| Error::missing(name))?;
        value.to_str().map(str::trim).map_err(|_| Error::invalid(name, "printable ASCII"))
    };
    let (key, nonce) = (header("snug-key")?, header("snug-nonce")?);
    let timestamp = header("snug-timestamp")?;
    let [least, most] = limits::NONCE_CHARS;
    let plain = nonce.bytes().all(|byte| byte.is_ascii_graphic());
    if !(least..=most).contains(&nonce.len()) || !plain {
        let expected = format!("{least} to {most} printable ASCII characters, new each time");
        return Err(Error::invalid("snug-nonce", expected));
    }
    let seconds = timestamp
        .parse()
        .map_err(|_| Error::invalid("snug-timestamp", "seconds since 1970, such as 1789000000"))?;
    let signature = parse_signature(header(SIGNATURE)?)
        .ok_or_else(|| Error::invalid(SIGNATURE, "v1= and 64 hexadecimal digits"))?;
    let canonical = CanonicalRequest {
        key,
        timestamp,
        nonce,
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or(""),
        body,
    };
    Ok(SignedRequest {
        key: key.to_owned(),
        timestamp: seconds,
        nonce: nonce.to_owned(),
        text: canonical.text(),
        signature,
    })
}
