//! The grant that `open-session` makes for one (user, device).

use serde::{Deserialize, Serialize};

use super::Time;
use crate::ids::{DeviceId, SessionId, UserId};

/// SHA-256 of a token as the bearer sends it. The token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    #[must_use]
    pub fn of(token: &str) -> Self {
        use sha2::{Digest, Sha256};
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// Why a session ended. Each has a close code of its own (`docs/codes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseReason {
    /// The client logged out, or the backend closed this one session.
    Closed,
    /// The backend revoked it by session, device or user.
    Revoked,
    /// The same (user, device) opened another.
    Replaced,
    /// The user was deactivated.
    Deactivated,
}

impl CloseReason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::Deactivated => "deactivated",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "closed" => Some(Self::Closed),
            "revoked" => Some(Self::Revoked),
            "replaced" => Some(Self::Replaced),
            "deactivated" => Some(Self::Deactivated),
            _ => None,
        }
    }
}

/// A session as the store holds it. It lives while `closed` is `None` and `expires_at` is ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub device: DeviceId,
    pub created_at: Time,
    /// The life that a refresh gives again, in seconds; fixed when the session is opened.
    pub ttl_seconds: u64,
    pub expires_at: Time,
    pub closed: Option<(Time, CloseReason)>,
}

/// Which sessions to close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionSelector {
    Session(SessionId),
    Device(UserId, DeviceId),
    User(UserId),
}
