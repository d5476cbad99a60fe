//! Socket.IO over Engine.IO 4: WebSocket, and polling that may be upgraded to it. A transport and
//! nothing else: a dialect hands in its namespaces and gets events. No dialect's words may enter.
//!
//! Written here and not taken from a crate: a crate brings its own WebSocket, tasks, queues and
//! pings, beside the server's bounds, drain and liveness (`docs/adr`).

mod packet;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{Method, StatusCode, header};
use parking_lot::Mutex;
use snug_core::limits;
use tokio::time::Instant;

use session::Session;
pub(crate) use session::{Connection, Incoming};

use crate::cors::cors;
use crate::{Host, Socket};

/// What separates frames in a polling body.
const SEPARATOR: char = '\u{1e}';

/// What a dialect does with a connected client. The client is disconnected when it returns.
#[async_trait]
pub(crate) trait Namespace: Send + Sync {
    async fn run(&self, connection: Connection);
}

/// Namespaces by name, `/` the usual one.
pub(crate) type Namespaces = Arc<Vec<(&'static str, Arc<dyn Namespace>)>>;

struct Transport {
    host: Arc<dyn Host>,
    namespaces: Namespaces,
    /// Sessions that began by polling.
    polling: Mutex<HashMap<String, Arc<Session>>>,
}

/// The routes of a path such as `/socket.io/`.
pub(crate) fn routes(
    host: &Arc<dyn Host>,
    path: &str,
    namespaces: Vec<(&'static str, Arc<dyn Namespace>)>,
) -> Router {
    let transport = Arc::new(Transport {
        host: host.clone(),
        namespaces: Arc::new(namespaces),
        polling: Mutex::default(),
    });
    let mut router = Router::new().route(path, any(serve));
    if let Some(bare) = path.strip_suffix('/') {
        router = router.route(bare, any(serve));
    }
    let layer = axum::middleware::from_fn_with_state(host.clone(), cors);
    router.with_state(transport).layer(layer)
}

#[derive(Default)]
struct Query {
    version: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
}

impl Query {
    fn of(request: &Request) -> Self {
        let mut query = Self::default();
        let text = request.uri().query().unwrap_or("");
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "EIO" => query.version = Some(value.into_owned()),
                "transport" => query.transport = Some(value.into_owned()),
                "sid" => query.sid = Some(value.into_owned()),
                _ => {}
            }
        }
        query
    }
}

fn refuse(code: u8, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], text).into_response()
}

async fn serve(State(transport): State<Arc<Transport>>, request: Request) -> Response {
    let query = Query::of(&request);
    if query.version.as_deref() != Some("4") {
        return refuse(5, "Unsupported protocol version");
    }
    match (query.transport.as_deref(), query.sid) {
        (Some("websocket"), None) => transport.web_socket(request),
        (Some("websocket"), Some(sid)) => transport.upgrade(request, &sid),
        (Some("polling"), None) if request.method() == Method::GET => transport.open(&request),
        (Some("polling"), None) => refuse(2, "Bad handshake method"),
        (Some("polling"), Some(sid)) => transport.poll(request, &sid).await,
        _ => refuse(0, "Transport unknown"),
    }
}

impl Transport {
    /// A new session, if there is a place for one whose user is not known yet.
    fn session(&self, request: &Request) -> Option<Arc<Session>> {
        let place = self.host.admit()?;
        let sid = self.host.engine().secret();
        let headers = request.headers().clone();
        Some(Session::new(sid, headers, self.namespaces.clone(), self.host.clone(), place))
    }

    fn web_socket(&self, request: Request) -> Response {
        let Some(session) = self.session(&request) else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let run = Box::new(move |mut socket: Box<dyn Socket>| -> crate::Work {
            Box::pin(async move {
                if socket.send(session.opening(&[]).into()).await {
                    pump(socket.as_mut(), &session).await;
                }
                session.end();
            })
        });
        self.host.upgrade(request, limits::BODY_BYTES_MAX, run)
    }

    /// A WebSocket that takes over a polling session.
    fn upgrade(&self, request: Request, sid: &str) -> Response {
        let Some(session) = self.polling.lock().get(sid).cloned() else {
            return refuse(1, "Session ID unknown");
        };
        let run = Box::new(move |mut socket: Box<dyn Socket>| -> crate::Work {
            Box::pin(async move {
                if !takes_over(socket.as_mut(), &session).await {
                    session.upgrading.store(false, Ordering::Release);
                    return;
                }
                pump(socket.as_mut(), &session).await;
                session.end();
            })
        });
        self.host.upgrade(request, limits::BODY_BYTES_MAX, run)
    }

    fn open(&self, request: &Request) -> Response {
        // First out with those that are over, whose places are free then.
        self.polling.lock().retain(|_, session| !session.is_over());
        let Some(session) = self.session(request) else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        {
            let mut polling = self.polling.lock();
            if polling.len() >= limits::UNAUTHENTICATED_MAX {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            polling.insert(session.sid.clone(), session.clone());
        }
        plain(session.opening(&["websocket"]))
    }

    async fn poll(&self, request: Request, sid: &str) -> Response {
        let Some(session) = self.polling.lock().get(sid).cloned() else {
            return refuse(1, "Session ID unknown");
        };
        if request.method() == Method::GET {
            return plain(waiting(&session).await);
        }
        if request.method() != Method::POST {
            return refuse(2, "Bad handshake method");
        }
        let Ok(body) = to_bytes(request.into_body(), limits::BODY_BYTES_MAX).await else {
            return refuse(3, "Bad request");
        };
        for frame in body.split(|byte| *byte == SEPARATOR as u8) {
            session.receive(frame).await;
        }
        Response::new(Body::from("ok"))
    }
}

/// What waits for a polling client, else the next ping.
async fn waiting(session: &Session) -> String {
    session.hear();
    let ping_at = Instant::now() + millis(limits::PING_EVERY_MS);
    loop {
        if session.is_upgrading() {
            return "6".to_owned();
        }
        let mut frames = String::new();
        while let Some(frame) = session.take() {
            if !frames.is_empty() {
                frames.push(SEPARATOR);
            }
            frames.push_str(std::str::from_utf8(&frame).unwrap_or(""));
        }
        if !frames.is_empty() {
            return frames;
        }
        if session.is_ending() {
            return "1".to_owned();
        }
        tokio::select! {
            () = session.ready() => {}
            () = tokio::time::sleep_until(ping_at) => return "2".to_owned(),
        }
    }
}

/// The client's probe, the last poll sent home, and the client's word that it has moved.
async fn takes_over(socket: &mut dyn Socket, session: &Arc<Session>) -> bool {
    let probed = socket.next().await.is_some_and(|frame| frame.as_ref() == b"2probe");
    if !probed || !socket.send("3probe".into()).await {
        return false;
    }
    session.upgrading.store(true, Ordering::Release);
    session.wake();
    socket.next().await.is_some_and(|frame| frame.as_ref() == b"5")
}

/// Carries a session over a WebSocket until either side ends.
async fn pump(socket: &mut dyn Socket, session: &Arc<Session>) {
    let mut ping_at = Instant::now() + millis(limits::PING_EVERY_MS);
    loop {
        while let Some(frame) = session.take() {
            if !socket.send(frame).await {
                return;
            }
        }
        if session.is_ending() {
            socket.close(1000, "").await;
            return;
        }
        tokio::select! {
            frame = socket.next() => match frame {
                Some(frame) => session.receive(&frame).await,
                None => return,
            },
            () = session.ready() => {}
            () = tokio::time::sleep_until(ping_at) => {
                session.push("2".to_owned());
                ping_at = Instant::now() + millis(limits::PING_EVERY_MS);
            }
        }
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
