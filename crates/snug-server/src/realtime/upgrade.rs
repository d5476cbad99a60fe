//! The HTTP upgrade to a socket: the token from wherever it stands, then the raw stream.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, CONNECTION, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use snug_core::error::Error;
use snug_core::limits;
use snug_proto::{ErrorCode, Problem};
use tokio::net::TcpStream;

use snug_dialects::{Socket, Work};

use super::codec;
use super::connection::{Upgrade, run};
use super::foreign::ForeignSocket;
use crate::rest::{ApiError, is_own_page};
use crate::wiring::App;

/// The subprotocol that the server selects.
const SUBPROTOCOL: &str = "snug.v1";
/// The subprotocol that carries a token, since a page can set no header.
const TOKEN_SUBPROTOCOL: &str = "snug.token.";
/// RFC 6455, section 1.3.
const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request to this path asks for the native socket.
pub fn is_socket(path: &str) -> bool {
    path.strip_prefix("/v1/socket").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The socket's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/socket", get(upgrade))
        .route("/v1/socket/", get(upgrade))
        .route("/v1/socket/{token}", get(upgrade))
}

async fn upgrade(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let headers = request.headers();
    let Some(accept) = handshake(headers) else {
        let problem = Problem::new(ErrorCode::InvalidField, "this path takes WebSocket upgrades")
            .at("Upgrade", "websocket, version 13, with a key");
        let mut answer = ApiError::from(problem).into_response();
        *answer.status_mut() = StatusCode::UPGRADE_REQUIRED;
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return answer;
    };
    let upgrade = Upgrade {
        token: token(headers, request.uri()),
        // Our own embed pages stand in no app's list.
        origin: text(headers, &ORIGIN).filter(|_| !is_own_page(headers)).map(str::to_owned),
    };
    let selects = protocols(headers).any(|name| name == SUBPROTOCOL);
    let stopping = app.tasks.stopping();
    let paced = tokio::select! {
        paced = app.arrivals.pace(upgrade.token.as_deref()) => paced,
        () = stopping.cancelled() => Err(Error::Overloaded { retry_after_ms: 1_000 }),
    };
    if let Err(error) = paced {
        return ApiError::from(Problem::from(error)).into_response();
    }
    // Taken behind the wait: who waits, and who hung up meanwhile, holds nobody's place.
    let Some(admitted) = app.admit() else {
        let problem = Problem::new(ErrorCode::Overloaded, "too many connections without a token")
            .retry_after(2_000);
        return ApiError::from(problem).into_response();
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        if let Some(socket) = socket(upgrading, limits::FRAME_BYTES_MAX).await {
            run(app, socket, upgrade, admitted).await;
        }
    });
    switching(accept, selects)
}

/// The upgrade for a dialect, which reads its token from the request itself.
pub fn upgrade_foreign(
    app: &Arc<App>,
    mut request: Request,
    max_frame: usize,
    run: Box<dyn FnOnce(Box<dyn Socket>) -> Work + Send>,
) -> Response {
    let Some(accept) = handshake(request.headers()) else {
        let mut answer = StatusCode::UPGRADE_REQUIRED.into_response();
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        return answer;
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let stopping = app.tasks.stopping();
    app.tasks.spawn(async move {
        if let Some(socket) = socket(upgrading, max_frame).await {
            run(Box::new(ForeignSocket::new(socket, stopping))).await;
        }
    });
    switching(accept, false)
}

/// The raw stream back, and what the client said before it had the answer: no layer of HTTP stays
/// for the connection's life.
async fn socket(upgrading: OnUpgrade, most: usize) -> Option<codec::Socket> {
    let upgraded = upgrading.await.ok()?;
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => Some(codec::Socket::new(parts.io.into_inner(), &parts.read_buf, most)),
        Err(_) => {
            tracing::error!("an upgrade of something that is no TCP connection");
            None
        }
    }
}

fn switching(accept: HeaderValue, selects: bool) -> Response {
    let mut answer = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if selects {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    answer
}

/// The answer to the client's key, if this is a WebSocket upgrade at all.
fn handshake(headers: &HeaderMap) -> Option<HeaderValue> {
    let lists = |name: &HeaderName, wanted: &str| {
        text(headers, name).is_some_and(|value| {
            value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
        })
    };
    if !lists(&CONNECTION, "upgrade") || !lists(&UPGRADE, "websocket") {
        return None;
    }
    if text(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return None;
    }
    let key = text(headers, &SEC_WEBSOCKET_KEY)?;
    let joined = format!("{key}{ACCEPT_GUID}");
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes());
    HeaderValue::from_str(&STANDARD.encode(hash)).ok()
}

/// Header, subprotocol, query, path: the first that is there.
fn token(headers: &HeaderMap, uri: &http::Uri) -> Option<String> {
    let bearer = text(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return Some(token.trim().to_owned());
    }
    if let Some(token) = protocols(headers).find_map(|name| name.strip_prefix(TOKEN_SUBPROTOCOL)) {
        return Some(token.to_owned());
    }
    let query = uri.query().unwrap_or("");
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("token="));
    let in_path = uri.path().strip_prefix("/v1/socket/").filter(|token| !token.is_empty());
    let coded = in_query.or(in_path)?;
    percent_decode_str(coded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    all.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_the_rfc_s() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(handshake(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.remove(UPGRADE);
        assert!(handshake(&headers).is_none());
    }

    #[test]
    fn a_socket_is_asked_for_by_its_paths_only() {
        for path in ["/v1/socket", "/v1/socket/", "/v1/socket/a.b"] {
            assert!(is_socket(path), "{path}");
        }
        for path in ["/v1/sockets", "/v1/rooms", "/v1", "/"] {
            assert!(!is_socket(path), "{path}");
        }
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        let none = HeaderMap::new();
        let uri = |text: &str| text.parse::<http::Uri>().unwrap();
        assert_eq!(token(&none, &uri("/v1/socket?x=1&token=a%2Eb")).as_deref(), Some("a.b"));
        assert_eq!(token(&none, &uri("/v1/socket/a.b")).as_deref(), Some("a.b"));
        assert_eq!(token(&none, &uri("/v1/socket/")), None);
        let mut headers = HeaderMap::new();
        let list = HeaderValue::from_static("snug.v1, snug.token.a.b");
        headers.insert(SEC_WEBSOCKET_PROTOCOL, list);
        assert_eq!(token(&headers, &uri("/v1/socket")).as_deref(), Some("a.b"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer c"));
        assert_eq!(token(&headers, &uri("/v1/socket")).as_deref(), Some("c"));
    }
}
