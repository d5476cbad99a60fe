//! Sessions: grants, not connections.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, DeviceId, RoomId, SessionId, UserId};
use crate::model::{
    CloseReason, CustomJson, MarksHead, Session, SessionSelector, Time, TokenHash, User, UserPatch,
};

/// Who vouches for a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrigin {
    /// The customer's backend, by `open-session`.
    Backend,
    /// A JWT of the customer's minting, with its `iat` (0 when absent). Refused when the user's
    /// or the device's sessions were revoked at or after that second.
    Minted { issued_at: Time },
}

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub app: AppId,
    pub id: SessionId,
    pub user: UserId,
    pub device: DeviceId,
    pub token: TokenHash,
    pub origin: SessionOrigin,
    pub profile: UserPatch,
    /// Becomes the user's `session_custom` when present.
    pub custom: Option<CustomJson>,
    pub push_token: Option<String>,
    pub ttl_seconds: u64,
    pub expires_at: Time,
    pub now: Time,
}

/// A session that was closed by a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedSession {
    pub id: SessionId,
    pub user: UserId,
    pub device: DeviceId,
}

/// What became of an open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenOutcome {
    /// Opened; the living session of the same (user, device), if any, was closed as `Replaced`.
    Opened {
        session: Session,
        replaced: Vec<ClosedSession>,
    },
    /// A session with this very token is there (a JWT shown again); as it is, also when closed.
    Existing(Session),
    UserDeactivated,
    /// The JWT was minted before the last revoke of its user or device.
    Revoked,
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    pub session: Session,
    pub user_deactivated: bool,
}

/// A room that its member hears, and where it stood when that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedRoom {
    pub room: RoomId,
    /// Rev of the newest durable change.
    pub rev: u64,
    /// Rev of the last removal of a member.
    pub members_rev: u64,
    /// Where the user's own marks there stand.
    pub marks: MarksHead,
}

/// All that a node reads to let a connection in, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// As it is now, also when it was closed or has expired.
    pub session: Session,
    pub user: User,
    /// Those of which the user is an active member, each once, in no order.
    pub rooms: Vec<JoinedRoom>,
    /// The install's epoch.
    pub epoch: String,
}

/// What became of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshOutcome {
    Refreshed(Session),
    /// Closed, expired, or the old token was already exchanged.
    Gone,
}

/// Sessions of an app.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Opens a session and, in the same commit, makes or changes the user, remembers the device
    /// with its push token, and closes the session it replaces.
    async fn open_session(&self, new: NewSession) -> StoreResult<OpenOutcome>;

    /// The session of a token, living or not.
    async fn session_by_token(
        &self,
        app: &AppId,
        token: TokenHash,
    ) -> StoreResult<Option<SessionFacts>>;

    /// The session of a user's that a connection comes with, living or not, the user, and the rooms
    /// that the connection is to hear: one snapshot, with every write that was answered before.
    /// How many rooms there are is bounded where they are joined.
    async fn arrival(
        &self,
        app: &AppId,
        user: &UserId,
        session: &SessionId,
    ) -> StoreResult<Option<Arrival>>;

    /// Exchanges a living session's token; the old token is refused from the return on.
    async fn refresh_session(
        &self,
        app: &AppId,
        old: TokenHash,
        new: TokenHash,
        expires_at: Time,
        now: Time,
    ) -> StoreResult<RefreshOutcome>;

    /// Closes what the selector names, forgets the push tokens of the devices concerned, and
    /// (for a device or a user) refuses JWTs minted until now. Returns those closed by this call.
    async fn close_sessions(
        &self,
        app: &AppId,
        which: &SessionSelector,
        reason: CloseReason,
        now: Time,
    ) -> StoreResult<Vec<ClosedSession>>;

    /// Living sessions of a user at `now`, newest first.
    async fn sessions_of(&self, app: &AppId, user: &UserId, now: Time)
    -> StoreResult<Vec<Session>>;
}
