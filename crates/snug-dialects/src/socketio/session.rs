//! One Engine.IO session: what waits for the client, what the client sent, and when it was last
//! heard. Knows nothing of what carries it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::Value;
use snug_core::limits;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::packet::{self, Packet};
use super::{Namespace, Namespaces};
use crate::{Host, Place};

/// The handshake as the client sent it.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) headers: HeaderMap,
}

/// An event of the client's.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) name: String,
    pub(crate) args: Vec<Value>,
    /// The client waits for an answer under this number.
    pub(crate) ack: Option<u64>,
}

#[derive(Default)]
struct Out {
    waiting: VecDeque<Bytes>,
    bytes: usize,
    /// No more comes in; what waits is still sent.
    ending: bool,
}

pub(super) struct Session {
    pub(super) sid: String,
    handshake: Arc<Handshake>,
    namespaces: Namespaces,
    host: Arc<dyn Host>,
    /// Among the strangers, until the handler knows whose it is.
    place: Mutex<Option<Place>>,
    out: Mutex<Out>,
    ready: Notify,
    events: Mutex<Option<(String, mpsc::Sender<Incoming>)>>,
    heard_at: Mutex<Instant>,
    /// A WebSocket takes over from polling.
    pub(super) upgrading: AtomicBool,
}

impl Session {
    pub(super) fn new(
        sid: String,
        headers: HeaderMap,
        namespaces: Namespaces,
        host: Arc<dyn Host>,
        place: Place,
    ) -> Arc<Self> {
        let handshake = Arc::new(Handshake { headers });
        let session = Self {
            sid,
            handshake,
            namespaces,
            host,
            place: Mutex::new(Some(place)),
            out: Mutex::default(),
            ready: Notify::new(),
            events: Mutex::default(),
            heard_at: Mutex::new(Instant::now()),
            upgrading: AtomicBool::new(false),
        };
        Arc::new(session)
    }

    /// The first frame of a session.
    pub(super) fn opening(&self, upgrades: &[&str]) -> String {
        let silent = limits::LIVENESS_MS - limits::PING_EVERY_MS;
        let opening = serde_json::json!({
            "sid": self.sid,
            "upgrades": upgrades,
            "pingInterval": limits::PING_EVERY_MS,
            "pingTimeout": silent,
            "maxPayload": limits::BODY_BYTES_MAX,
        });
        format!("0{opening}")
    }

    /// The client gave a sign of life.
    pub(super) fn hear(&self) {
        *self.heard_at.lock() = Instant::now();
    }

    /// When a client that stays silent is given up.
    fn silent_at(&self) -> Instant {
        *self.heard_at.lock() + Duration::from_millis(limits::LIVENESS_MS)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_ending() || Instant::now() >= self.silent_at()
    }

    /// Puts a frame behind what waits; a client that does not read is ended.
    pub(super) fn push(&self, frame: String) {
        {
            let mut out = self.out.lock();
            if out.ending {
                return;
            }
            out.bytes += frame.len();
            if out.bytes > limits::CONNECTION_QUEUE_BYTES_MAX {
                *out = Out { ending: true, ..Out::default() };
            } else {
                out.waiting.push_back(Bytes::from(frame));
            }
        }
        self.ready.notify_one();
    }

    pub(super) fn take(&self) -> Option<Bytes> {
        let mut out = self.out.lock();
        let frame = out.waiting.pop_front()?;
        out.bytes -= frame.len();
        if out.waiting.is_empty() {
            // An idle session keeps no buffer.
            out.waiting = VecDeque::new();
        }
        Some(frame)
    }

    /// Ends it once what waits has been sent, and the handler at once.
    pub(super) fn end(&self) {
        self.out.lock().ending = true;
        *self.events.lock() = None;
        *self.place.lock() = None;
        self.ready.notify_one();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.out.lock().ending
    }

    pub(super) fn is_upgrading(&self) -> bool {
        self.upgrading.load(Ordering::Acquire)
    }

    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Lets a poll that waits go home.
    pub(super) fn wake(&self) {
        self.ready.notify_one();
    }

    /// Takes one Engine.IO frame; waits while the handler is busy, so that a client that sends
    /// faster than it is answered is read more slowly.
    pub(super) async fn receive(self: &Arc<Self>, frame: &[u8]) {
        self.hear();
        let Ok(text) = std::str::from_utf8(frame) else { return };
        match text.as_bytes().first() {
            Some(b'1') => self.end(),
            Some(b'2') => self.push(format!("3{}", &text[1..])),
            Some(b'4') => match packet::parse(&text[1..]) {
                Some(packet) => self.dispatch(packet).await,
                None => tracing::debug!("a socket.io packet that is not spoken"),
            },
            _ => {}
        }
    }

    async fn dispatch(self: &Arc<Self>, packet: Packet) {
        match packet {
            Packet::Connect { namespace, auth } => self.connect(namespace, auth),
            Packet::Disconnect { namespace } => {
                let mut events = self.events.lock();
                if events.as_ref().is_some_and(|(name, _)| *name == namespace) {
                    *events = None;
                }
            }
            Packet::Event { namespace, ack, args } => {
                let sender = {
                    let events = self.events.lock();
                    let here = events.as_ref().filter(|(name, _)| *name == namespace);
                    here.map(|(_, sender)| sender.clone())
                };
                let mut args = args.into_iter();
                let (Some(sender), Some(Value::String(name))) = (sender, args.next()) else {
                    return;
                };
                let _ = sender.send(Incoming { name, args: args.collect(), ack }).await;
            }
        }
    }

    /// One namespace per session: the first that is there.
    fn connect(self: &Arc<Self>, namespace: String, auth: Option<Value>) {
        let found = self.namespaces.iter().find(|(name, _)| *name == namespace);
        let Some((_, handler)) = found else {
            self.push(packet::refused(&namespace, "Invalid namespace"));
            return;
        };
        let events = {
            let mut slot = self.events.lock();
            if slot.is_some() {
                self.push(packet::refused(&namespace, "Already connected"));
                return;
            }
            let (sender, events) = mpsc::channel(limits::REQUESTS_IN_FLIGHT_MAX);
            *slot = Some((namespace.clone(), sender));
            events
        };
        self.push(packet::connected(&namespace, &self.host.engine().secret()));
        let connection = Connection { session: self.clone(), namespace, auth, events };
        let handler: Arc<dyn Namespace> = handler.clone();
        self.host.spawn(Box::pin(async move { handler.run(connection).await }));
    }
}

/// A handler's side of a connected client. Dropped, the client is disconnected.
pub(crate) struct Connection {
    session: Arc<Session>,
    namespace: String,
    auth: Option<Value>,
    events: mpsc::Receiver<Incoming>,
}

impl Connection {
    /// The client's next event; `None` when it is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        loop {
            let silent_at = self.session.silent_at();
            tokio::select! {
                event = self.events.recv() => return event,
                () = tokio::time::sleep_until(silent_at) => {
                    if self.session.is_over() {
                        return None;
                    }
                }
            }
        }
    }

    pub(crate) fn handshake(&self) -> &Handshake {
        &self.session.handshake
    }

    /// It is known whose it is.
    pub(crate) fn is_known(&self) {
        *self.session.place.lock() = None;
    }

    /// What the client sent when it connected to the namespace.
    pub(crate) fn auth(&self) -> Option<&Value> {
        self.auth.as_ref()
    }

    pub(crate) fn emit(&self, name: &str, arg: &Value) {
        self.session.push(packet::event(&self.namespace, name, arg));
    }

    pub(crate) fn ack(&self, id: u64, args: &[Value]) {
        self.session.push(packet::ack(&self.namespace, id, args));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.push(packet::disconnected(&self.namespace));
        self.session.end();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
