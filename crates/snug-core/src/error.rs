//! Every way an engine call can be refused. One place (`snug-proto`) maps them to
//! problem+json and error frames; nothing else builds an error answer.

use crate::ids::{AppId, MessageId, RoomId, SessionId, UserId};

/// The result of an engine call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{field}: expected {expected}")]
    InvalidField { field: String, expected: String },
    #[error("{field} is required")]
    MissingField { field: String },
    #[error("{field} is too large: expected {expected}")]
    TooLarge { field: String, expected: String },
    #[error("no token was sent")]
    TokenMissing,
    #[error("the token is not valid here")]
    TokenInvalid,
    #[error("the token has expired")]
    TokenExpired,
    #[error("the session was closed")]
    SessionClosed,
    #[error("the server key is not valid")]
    ServerKeyInvalid,
    #[error("server keys and server routes are for backends, never for pages")]
    ServerKeyInBrowser,
    #[error("the signature is not right")]
    SignatureInvalid,
    #[error("the timestamp is more than 300 s from the server's time")]
    SignatureExpired,
    #[error("the nonce was used before; sign every request anew")]
    SignatureReplayed,
    #[error("the site does not accept this token")]
    VerifyFailed,
    #[error("the site's backend cannot be asked now")]
    VerifyUnreachable {
        /// For the operator's log, never for the caller.
        cause: String,
    },
    #[error("the site's backend refuses: {message}")]
    BridgeRefused {
        /// What it said, cut.
        message: String,
    },
    #[error(
        "the site's backend gave no answer; what was sent is pending, send it again with the same id"
    )]
    BridgeUnreachable {
        /// For the operator's log, never for the caller.
        cause: String,
    },
    #[error("the site's backend breaks a promise: {promise}")]
    BridgeBroken { promise: String },
    #[error("this app's conversations are kept by its backend, which has no operation to {what}")]
    BridgeUnsupported { what: &'static str },
    #[error("{}", reason.as_deref().unwrap_or("the application does not take this message"))]
    MessageRefused {
        /// What its hook has to say to the sender.
        reason: Option<String>,
    },
    #[error("the application could not be asked about the message; send it again with the same id")]
    HookFailed,
    #[error("the app has not set up {what}")]
    NotSetUp { what: String },
    #[error("events after {after} are not there; kept are {oldest} to {newest}")]
    EventsGone { after: u64, oldest: u64, newest: u64 },
    #[error("pages of {origin} may not call this app; add the origin to the app's list")]
    OriginRefused { origin: String },
    #[error("the user is deactivated")]
    UserDeactivated,
    #[error("this app leaves that to its backend")]
    BackendOnly,
    #[error("not a member of this room")]
    NotAMember,
    #[error("nobody has invited the caller to this room, or it was taken back")]
    NotInvited,
    #[error("the member's role does not allow that")]
    RoleTooLow,
    #[error("the room is frozen")]
    RoomFrozen,
    #[error("the room is archived; nothing is said in it until it is taken out again")]
    RoomArchived,
    #[error("the room was changed since; read it, and decide again")]
    RevConflict {
        /// The room's `room_rev` now.
        room_rev: u64,
    },
    #[error("no such room: {0}")]
    RoomNotFound(RoomId),
    #[error("no such user: {0}")]
    UserNotFound(UserId),
    #[error("no such message: {0}")]
    MessageNotFound(MessageId),
    #[error("no such session: {0}")]
    SessionNotFound(SessionId),
    #[error("no such app: {0}")]
    AppNotFound(AppId),
    #[error("the id belongs to another room")]
    RoomExists,
    #[error("the message id was used for another message")]
    MessageIdConflict,
    #[error("too many requests")]
    RateLimited { retry_after_ms: u64 },
    #[error("too much is waiting to be written")]
    Overloaded { retry_after_ms: u64 },
    #[error("the store cannot be reached")]
    StoreUnavailable {
        /// For the operator's log, never for the caller.
        cause: String,
    },
    #[error("internal error")]
    StoreBroken {
        /// For the operator's log, never for the caller.
        cause: String,
    },
    #[error("internal error")]
    Internal,
}

impl Error {
    /// What the operator should read in the log, if this is the server's own trouble.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::StoreUnavailable { cause }
            | Self::StoreBroken { cause }
            | Self::VerifyUnreachable { cause }
            | Self::BridgeUnreachable { cause } => Some(cause),
            Self::BridgeBroken { promise } => Some(promise),
            Self::Internal => Some("a bug, or another master key"),
            _ => None,
        }
    }

    /// A field that holds what it may not hold.
    #[must_use]
    pub fn invalid(field: &str, expected: impl Into<String>) -> Self {
        Self::InvalidField { field: field.to_owned(), expected: expected.into() }
    }

    /// A field over its bound.
    #[must_use]
    pub fn too_large(field: &str, expected: impl Into<String>) -> Self {
        Self::TooLarge { field: field.to_owned(), expected: expected.into() }
    }

    /// A required field that is absent.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self::MissingField { field: field.to_owned() }
    }
}
