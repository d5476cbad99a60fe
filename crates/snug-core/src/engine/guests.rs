//! Guests: people whom nobody knows, let in by an app that has said so. Each is a fresh user of
//! his own and comes back only while his session lives.

use super::{Engine, IssuedToken, OpenSession};
use crate::error::{Error, Result};
use crate::ids::{AppId, DeviceId, GUEST_PREFIX, UserId};
use crate::model::{Patch, UserPatch};

/// A session to be opened for somebody unknown.
#[derive(Debug, Clone)]
pub struct OpenGuest {
    pub device: DeviceId,
    pub name: Option<String>,
    pub push_token: Option<String>,
}

impl Engine {
    /// Whether the app takes guests at all.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] where it does not; the store's.
    pub async fn takes_guests(&self, app: &AppId) -> Result<()> {
        if self.settings(app).await?.guests {
            return Ok(());
        }
        Err(Error::NotSetUp { what: "guests".to_owned() })
    }

    /// Makes a user and opens a session for him.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] unless the app takes guests; an invalid name; as
    /// [`Engine::open_session`].
    pub async fn open_guest(&self, app: &AppId, open: OpenGuest) -> Result<IssuedToken> {
        self.takes_guests(app).await?;
        let backend = self.backend_by_dialect(app, "guests").await?;
        let OpenGuest { device, name, push_token } = open;
        let name = name.map_or(Patch::Keep, Patch::Set);
        let open = OpenSession {
            user: UserId::from_stored(&format!("{GUEST_PREFIX}{}", self.ulid().to_lowercase())),
            device,
            profile: UserPatch { name, ..UserPatch::default() },
            custom: None,
            push_token,
            ttl_seconds: None,
            token: None,
        };
        self.open_session(&backend, open).await
    }
}
