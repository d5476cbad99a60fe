//! The authenticated caller. Holding one proves that the caller was checked.

use std::sync::Arc;

use crate::ids::{DeviceId, KeyId, SessionId, UserId};
use crate::model::{App, Session, User};

/// A customer's backend, by server key.
#[derive(Debug, Clone)]
pub struct Backend {
    pub app: Arc<App>,
    pub key: KeyId,
}

/// A user's page or app, by session.
#[derive(Debug, Clone)]
pub struct Client {
    pub app: Arc<App>,
    pub session: Arc<Session>,
}

impl Client {
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.session.user
    }

    #[must_use]
    pub fn device(&self) -> &DeviceId {
        &self.session.device
    }

    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        &self.session.id
    }
}

/// Either of them.
#[derive(Debug, Clone)]
pub enum Actor {
    Backend(Backend),
    Client(Client),
}

impl Actor {
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        match self {
            Self::Backend(backend) => &backend.app,
            Self::Client(client) => &client.app,
        }
    }

    /// The user who acts; `None` for a backend.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Backend(_) => None,
            Self::Client(client) => Some(client.user()),
        }
    }
}

impl From<Backend> for Actor {
    fn from(backend: Backend) -> Self {
        Self::Backend(backend)
    }
}

impl From<Client> for Actor {
    fn from(client: Client) -> Self {
        Self::Client(client)
    }
}

/// The profile of the caller with the session, as `me` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    pub user: User,
    pub session: Arc<Session>,
}
