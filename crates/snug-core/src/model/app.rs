//! A tenant and its keys.

use super::Time;
use crate::ids::{AppId, KeyId};

/// What a page may do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppPolicy {
    /// By role: pages create rooms and change members.
    Open,
    /// Creating rooms and changing members is left to the customer's backend.
    BackendOnly,
}

impl AppPolicy {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::BackendOnly => "backend_only",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "open" => Some(Self::Open),
            "backend_only" => Some(Self::BackendOnly),
            _ => None,
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub id: AppId,
    pub name: String,
    pub policy: AppPolicy,
    /// A development app also takes pages from localhost.
    pub development: bool,
    /// Exact origins (`https://shop.example`) whose pages may call.
    pub origins: Vec<String>,
    pub created_at: Time,
    pub changed_at: Time,
}

/// Changes to an app; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct AppPatch {
    pub name: Option<String>,
    pub policy: Option<AppPolicy>,
    pub development: Option<bool>,
    pub origins: Option<Vec<String>>,
}

/// A server key at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    pub app: AppId,
    pub id: KeyId,
    /// The whole key string, sealed under the master key: customers' JWTs are checked with it
    /// and the panel can reveal it.
    pub sealed: Vec<u8>,
    /// SHA-256 of the whole key string: what a request is checked against.
    pub hash: [u8; 32],
    /// The last four characters, to tell keys apart.
    pub hint: String,
    pub created_at: Time,
    /// From here on the key is refused.
    pub expires_at: Option<Time>,
}

impl std::fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerKey")
            .field("app", &self.app)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// How much an app holds; for the panel, never on a request path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AppCounts {
    pub users: u64,
    pub rooms: u64,
}
