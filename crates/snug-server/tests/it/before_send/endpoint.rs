//! A customer's before-send endpoint on this machine: answers what the test says, lets some stand
//! at its door, and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::harness::{TestApp, is_signed, text, within};

/// A question as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) body: Value,
    raw: Vec<u8>,
    timestamp: String,
    signature: String,
}

impl Asked {
    pub(crate) fn message(&self) -> &Value {
        &self.body["data"]["message"]
    }

    pub(crate) fn words(&self) -> &str {
        self.message()["text"].as_str().unwrap_or("")
    }

    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        is_signed(secret, (&self.id, &self.timestamp), &self.raw, &self.signature)
    }
}

/// Status and body, and whether it waits at the door.
pub(crate) struct Reply {
    status: u16,
    body: String,
    location: Option<String>,
    held: bool,
}

impl Reply {
    pub(crate) fn of(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), location: None, held: false }
    }

    pub(crate) fn allow() -> Self {
        Self::of(204, "")
    }

    pub(crate) fn refuse(reason: &str) -> Self {
        Self::of(200, json!({"action": "refuse", "reason": reason}).to_string())
    }

    pub(crate) fn change(message: &Value) -> Self {
        Self::of(200, json!({"action": "change", "message": message}).to_string())
    }

    pub(crate) fn elsewhere(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::of(302, "") }
    }

    pub(crate) fn held(mut self) -> Self {
        self.held = true;
        self
    }
}

type Answers = dyn Fn(&Asked) -> Reply + Send + Sync;

#[derive(Clone)]
struct Desk {
    answers: Arc<Answers>,
    asked: Arc<watch::Sender<Vec<Asked>>>,
    open: Arc<watch::Sender<bool>>,
    /// At this moment, and at most.
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// Ends when dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    desk: Desk,
    _serving: AbortOnDropHandle<()>,
}

impl Endpoint {
    pub(crate) async fn start(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let desk = Desk {
            answers: Arc::new(answers),
            asked: Arc::new(watch::Sender::new(Vec::new())),
            open: Arc::new(watch::Sender::new(false)),
            now: Arc::default(),
            most: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(desk.clone());
        let serving = tokio_util::task::TaskTracker::new().spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, desk, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/before-send", self.address)
    }

    /// Sets it as the app's hook, with these settings besides; the secret, if one is shown.
    pub(crate) async fn set(&self, app: &TestApp, mut settings: Value) -> Option<String> {
        settings["url"] = json!(self.url());
        if settings["timeout_ms"].is_null() {
            // A busy machine is no failure.
            settings["timeout_ms"] = json!(5_000);
        }
        let set = app.backend_ok("PUT", "before-send", settings).await;
        set.get("secret").map(text)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.desk.asked.borrow().clone()
    }

    /// Waits until it was asked so often, those at the door counted.
    pub(crate) async fn until(&self, many: usize) -> Vec<Asked> {
        let mut asked = self.desk.asked.subscribe();
        let enough = asked.wait_for(|asked| asked.len() >= many);
        within("questions", enough).await.expect("the endpoint is there").clone()
    }

    /// Lets in whoever stands at the door.
    pub(crate) fn open(&self) {
        self.desk.open.send_replace(true);
    }

    /// How many were answered at one time.
    pub(crate) fn most(&self) -> usize {
        self.desk.most.load(Ordering::SeqCst)
    }
}

/// A question under way; ends also when the caller hangs up.
struct Here(Arc<AtomicUsize>);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let now = desk.now.fetch_add(1, Ordering::SeqCst) + 1;
    desk.most.fetch_max(now, Ordering::SeqCst);
    let _here = Here(desk.now.clone());
    let header = |name: &str| {
        let value = headers.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        value.to_str().expect("text").to_owned()
    };
    let asked = Asked {
        id: header("webhook-id"),
        body: serde_json::from_slice(&body).expect("JSON"),
        raw: body.to_vec(),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
    };
    let reply = (desk.answers)(&asked);
    desk.asked.send_modify(|all| all.push(asked));
    if reply.held {
        let _ = desk.open.subscribe().wait_for(|open| *open).await;
    }
    let status = StatusCode::from_u16(reply.status).expect("a status");
    let mut answer = (status, reply.body).into_response();
    if let Some(location) = reply.location {
        answer.headers_mut().insert("location", location.parse().expect("a header"));
    }
    answer
}
