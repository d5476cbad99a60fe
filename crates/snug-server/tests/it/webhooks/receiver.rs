//! A customer's webhook endpoint on this machine: checks every signature, answers what the test
//! says, and keeps what came, in the order of its coming.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::harness::{is_signed, text, within};

/// A delivery as it came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) body: Value,
    pub(crate) raw: Vec<u8>,
    pub(crate) timestamp: String,
    pub(crate) signature: String,
    /// What it was answered.
    pub(crate) status: u16,
}

impl Came {
    pub(crate) fn room(&self) -> String {
        text(&self.body["data"]["room"])
    }

    pub(crate) fn rev(&self) -> u64 {
        self.body["data"]["rev"].as_u64().expect("a rev")
    }

    /// Whether one of its signatures is this secret's.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        is_signed(secret, (&self.id, &self.timestamp), &self.raw, &self.signature)
    }
}

/// Status, headers, and what to wait for before answering.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) held: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), held: false }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn held(mut self) -> Self {
        self.held = true;
        self
    }
}

type Answers = dyn Fn(&Came) -> Reply + Send + Sync;

#[derive(Clone)]
struct Desk {
    answers: Arc<Answers>,
    came: Arc<watch::Sender<Vec<Came>>>,
    /// Deliveries that stand at the door, by room; let in when the door is open.
    standing: Arc<watch::Sender<Vec<String>>>,
    open: Arc<watch::Sender<bool>>,
    now: Arc<Mutex<HashSet<String>>>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    desk: Desk,
    _serving: AbortOnDropHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(answers: impl Fn(&Came) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), answers).await
    }

    pub(crate) async fn start_at(
        at: SocketAddr,
        answers: impl Fn(&Came) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(at).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let desk = Desk {
            answers: Arc::new(answers),
            came: Arc::new(watch::Sender::new(Vec::new())),
            standing: Arc::new(watch::Sender::new(Vec::new())),
            open: Arc::new(watch::Sender::new(false)),
            now: Arc::default(),
        };
        let router = Router::new().fallback(receive).with_state(desk.clone());
        let serving = tokio_util::task::TaskTracker::new().spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, desk, _serving: AbortOnDropHandle::new(serving) }
    }

    /// One that takes everything.
    pub(crate) async fn willing() -> Self {
        Self::start(|_| Reply::status(204)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All that came so far.
    pub(crate) fn came(&self) -> Vec<Came> {
        self.desk.came.borrow().clone()
    }

    /// Waits until what came is enough; all of it.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&[Came]) -> bool) -> Vec<Came> {
        let mut came = self.desk.came.subscribe();
        let waited = within(what, came.wait_for(|came| enough(came))).await;
        waited.expect("the receiver is there").clone()
    }

    /// Waits until so many were taken (answered with 2xx).
    pub(crate) async fn taken(&self, many: usize) -> Vec<Came> {
        let taken = |came: &[Came]| came.iter().filter(|came| came.status < 300).count() >= many;
        let all = self.until("deliveries", taken).await;
        all.into_iter().filter(|came| came.status < 300).collect()
    }

    /// Waits until a delivery of this room stands at the door.
    pub(crate) async fn stands(&self, room: &str) {
        let mut standing = self.desk.standing.subscribe();
        let stands = |rooms: &Vec<String>| rooms.iter().any(|known| known == room);
        within("a delivery at the door", standing.wait_for(stands)).await.expect("the door");
    }

    /// Lets in whoever stands at the door.
    pub(crate) fn open(&self) {
        self.desk.open.send_replace(true);
    }
}

/// A delivery under way. Two of one room at one time would be out of order. Leaves also when the
/// caller hangs up.
struct Here {
    now: Arc<Mutex<HashSet<String>>>,
    room: String,
}

impl Here {
    fn enter(desk: &Desk, room: &str) -> Self {
        let (now, room) = (desk.now.clone(), room.to_owned());
        let alone = now.lock().unwrap_or_else(PoisonError::into_inner).insert(room.clone());
        assert!(alone, "two deliveries of {room} at one time");
        Self { now, room }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.room);
    }
}

async fn receive(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| {
        let value = headers.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        value.to_str().expect("text").to_owned()
    };
    let mut came = Came {
        id: header("webhook-id"),
        attempt: header("webhook-attempt").parse().expect("a number"),
        body: serde_json::from_slice(&body).expect("JSON"),
        raw: body.to_vec(),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        status: 0,
    };
    let room = came.room();
    let here = Here::enter(&desk, &room);
    let reply = (desk.answers)(&came);
    if reply.held {
        desk.standing.send_modify(|standing| standing.push(room.clone()));
        let _ = desk.open.subscribe().wait_for(|open| *open).await;
    }
    came.status = reply.status;
    drop(here);
    desk.came.send_modify(|all| all.push(came));
    let mut answer = StatusCode::from_u16(reply.status).expect("a status").into_response();
    for (name, value) in reply.headers {
        answer.headers_mut().insert(name, value.parse().expect("a header"));
    }
    answer
}
