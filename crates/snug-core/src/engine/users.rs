//! Users: made by whoever names them first, described by the backend or by themselves.

use super::actor::Me;
use super::{Backend, Client, Engine, check};
use crate::error::{Error, Result};
use crate::event::UserEventBody;
use crate::ids::{AppId, UserId};
use crate::limits;
use crate::model::{CloseReason, User, UserPatch};
use crate::policy::{self, Operation};
use crate::ports::ClosedSession;

impl Engine {
    /// Makes a user or changes its profile.
    ///
    /// # Errors
    /// An invalid profile field; the store's.
    pub async fn upsert_user(
        &self,
        backend: &Backend,
        user: &UserId,
        patch: UserPatch,
    ) -> Result<User> {
        check::profile("", &patch)?;
        self.put_user(&backend.app.id, user, patch).await
    }

    /// Nodes with connections of the user learn at once whether they may be seen.
    async fn put_user(&self, app: &AppId, user: &UserId, patch: UserPatch) -> Result<User> {
        let invisible = patch.invisible;
        let done = self.store.upsert_user(app, user, patch, self.now()).await?;
        if invisible.is_some() {
            self.tell_sight(app, &done);
        }
        Ok(done)
    }

    fn tell_sight(&self, app: &AppId, user: &User) {
        let (on, at) = (user.invisible, user.changed_at);
        self.publish_user(app, &user.id, UserEventBody::Invisible { on, at });
    }

    /// The same for a profile that came with a session.
    pub(super) async fn announce_sight(&self, app: &AppId, user: &UserId) -> Result<()> {
        if let Some(user) = self.store.user(app, user).await? {
            self.tell_sight(app, &user);
        }
        Ok(())
    }

    /// One user.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; the store's.
    pub async fn user(&self, backend: &Backend, user: &UserId) -> Result<User> {
        let found = self.store.user(&backend.app.id, user).await?;
        found.ok_or_else(|| Error::UserNotFound(user.clone()))
    }

    /// Names and avatars of users of the caller's app, those that exist; the custom JSON of others
    /// is left out.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `USERS_PER_QUERY_MAX`; the store's.
    pub async fn users(&self, client: &Client, users: Vec<UserId>) -> Result<Vec<User>> {
        if users.len() > limits::USERS_PER_QUERY_MAX {
            let most = limits::USERS_PER_QUERY_MAX;
            return Err(Error::too_large("ids", format!("at most {most} users")));
        }
        let mut found = self.store.users(&client.app.id, &check::distinct(users)).await?;
        for user in found.iter_mut().filter(|user| user.id != *client.user()) {
            // Custom JSON is for members of the user's rooms, who get it with the room.
            user.custom = None;
            user.session_custom = None;
        }
        Ok(found)
    }

    /// The caller's profile and session.
    ///
    /// # Errors
    /// The store's.
    pub async fn me(&self, client: &Client) -> Result<Me> {
        let found = self.store.user(&client.app.id, client.user()).await?;
        let user = found.ok_or_else(|| Error::UserNotFound(client.user().clone()))?;
        Ok(Me { user, session: client.session.clone() })
    }

    /// Changes the caller's own profile.
    ///
    /// # Errors
    /// An invalid profile field; the store's.
    pub async fn update_me(&self, client: &Client, patch: UserPatch) -> Result<User> {
        policy::check_app(Operation::UpdateProfile, client.app.policy)?;
        check::profile("", &patch)?;
        self.put_user(&client.app.id, client.user(), patch).await
    }

    /// Shuts a user out: every session is closed and no message of the user is stored after
    /// the return.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; the store's.
    pub async fn deactivate_user(&self, backend: &Backend, user: &UserId) -> Result<User> {
        let done = self.store.deactivate_user(&backend.app.id, user, self.now()).await?;
        let (found, closed) = done.ok_or_else(|| Error::UserNotFound(user.clone()))?;
        self.announce_closed(&backend.app.id, closed, CloseReason::Deactivated);
        Ok(found)
    }

    /// Lets a user in again.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; the store's.
    pub async fn reactivate_user(&self, backend: &Backend, user: &UserId) -> Result<User> {
        let found = self.store.reactivate_user(&backend.app.id, user, self.now()).await?;
        found.ok_or_else(|| Error::UserNotFound(user.clone()))
    }

    /// Tells every node to drop the connections of closed sessions.
    pub(super) fn announce_closed(
        &self,
        app: &AppId,
        closed: Vec<ClosedSession>,
        reason: CloseReason,
    ) {
        let mut by_user = std::collections::BTreeMap::<UserId, Vec<_>>::new();
        for session in closed {
            by_user.entry(session.user).or_default().push(session.id);
        }
        for (user, sessions) in by_user {
            self.publish_user(app, &user, UserEventBody::SessionsClosed { sessions, reason });
        }
    }
}
