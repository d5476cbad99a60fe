//! What a dialect needs of the server that carries it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use snug_core::engine::{Client, Engine};
use snug_core::error::Result;
use snug_core::event::{RoomEvent, UserEvent};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{CloseReason, Head};
use tokio::sync::broadcast::Sender;

/// Work without an answer.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A place among the connections that have not said whose they are; given back when dropped.
pub struct Place {
    _held: Box<dyn Send + Sync>,
}

impl Place {
    /// A place that is held by `held`.
    pub fn of(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}

/// A user's first connection on this node came, or the last one went.
#[derive(Debug, Clone)]
pub struct Presence {
    pub app: AppId,
    pub user: UserId,
    pub online: bool,
}

/// The server around a dialect.
#[async_trait]
pub trait Host: Send + Sync {
    /// The rules. Every change and every read goes through it.
    fn engine(&self) -> &Arc<Engine>;

    /// Runs work that a drain waits for.
    fn spawn(&self, work: Work);

    /// Lets a connection of this session hear the rooms of its user: known first, read
    /// afterwards, so that nothing falls between. Ends with the session.
    ///
    /// # Errors
    /// The engine's, also when the session was closed meanwhile.
    async fn listen(&self, client: &Client) -> Result<Arc<dyn Listening>>;

    /// A place for a connection whose user is not known yet; `None` when there are too many.
    fn admit(&self) -> Option<Place>;

    /// Answers a WebSocket upgrade and runs `run` on the socket; any other request is answered
    /// 426. `max_frame` bounds what a client may send, in bytes.
    fn upgrade(
        &self,
        request: Request,
        max_frame: usize,
        run: Box<dyn FnOnce(Box<dyn Socket>) -> Work + Send>,
    ) -> Response;

    /// The app of a request that names none: by host name, else the dialect's `default_app`.
    /// `None` when nothing is set up for it.
    fn app_by_host(&self, dialect: &'static str, host: Option<&str>) -> Option<AppId>;

    /// Whether the user has a connection on this node.
    fn is_online(&self, app: &AppId, user: &UserId) -> bool;

    /// Who comes and goes on this node, as it happens; who listens slowly misses some.
    fn presence(&self) -> &Sender<Presence>;

    /// Whether a page that this server serves sends the request.
    fn is_own_page(&self, headers: &http::HeaderMap) -> bool;

    /// Refuses pages whose origin is not the app's.
    ///
    /// # Errors
    /// `OriginRefused`.
    fn check_origin(&self, app: &snug_core::model::App, origin: &str) -> Result<()>;

    /// Counts a request of a session.
    ///
    /// # Errors
    /// `RateLimited`.
    fn check_rate(&self, client: &Client) -> Result<()>;

    /// Counts a token of the site's that its backend is asked about.
    ///
    /// # Errors
    /// `RateLimited`.
    fn check_verify_rate(&self, app: &AppId, from: Option<IpAddr>) -> Result<()>;

    /// Counts a try to log in with a password; `false` when there were too many.
    fn may_try_password(&self, from: Option<IpAddr>, name: &str) -> bool;

    /// argon2id; slow on purpose and bounded in how many run at once.
    ///
    /// # Errors
    /// `Overloaded`.
    async fn hash_password(&self, password: String) -> Result<String>;

    /// Whether a password is the one that was hashed.
    ///
    /// # Errors
    /// `Overloaded`.
    async fn check_password(&self, password: String, hash: String) -> Result<bool>;
}

/// Something that a listening connection hears, in the order of its room but for what came too
/// late to wait for: other systems' wires know no sync that would make it good.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event of a room that the connection has joined, without what its user deleted for
    /// oneself. When it removes the connection's own
    /// user or deletes the room it is the last one of that room.
    Room(Arc<RoomEvent>),
    /// The user's own.
    User(Arc<UserEvent>),
    /// The user is out of a room, and the event that said so was lost.
    Left(RoomId),
}

/// Why a listening ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The session is over.
    Session(CloseReason),
    /// The session has come to the end of its life.
    Expired,
    /// Too much waited for this connection: the client must sync.
    SlowReader,
    /// The server stops.
    GoingAway,
}

/// One connection's ear. Dropped, it hears no more.
#[async_trait]
pub trait Listening: Send + Sync {
    /// The next thing; `Err` when it has ended. Cancel-safe; one caller at a time.
    async fn next(&self) -> std::result::Result<Heard, Ended>;

    /// Hears one more room whose reading the engine has just allowed; `head` is from that reading.
    /// A `guest` reads a channel without being in it.
    fn join(&self, room: &RoomId, head: &Head, guest: bool);
}

/// A server's end of a WebSocket. Pings, pongs and the liveness bound are its own matter.
#[async_trait]
pub trait Socket: Send {
    /// The next text or binary frame; `None` when the client is gone, silent for too long, or
    /// sent something that is not WebSocket. Cancel-safe.
    async fn next(&mut self) -> Option<Bytes>;

    /// Sends a text frame; `false` when the client is gone or takes nothing.
    async fn send(&mut self, text: Bytes) -> bool;

    /// Says goodbye with a code and a reason.
    async fn close(&mut self, code: u16, reason: &str);
}

/// The address of the other side; the server puts it into every request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);
