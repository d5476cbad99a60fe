//! What a node asks in order to let connections hear rooms. Reads only.

use super::keys::{parse_placed_token, parse_session_token};
use super::{Client, Engine};
use crate::error::{Error, Result};
use crate::ids::{AppId, RoomId, SessionId, UserId};
use crate::limits;
use crate::model::{Head, User};
use crate::ports::{Arrival, JoinedRoom, SessionFacts};

/// A caller whose connection is let in.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// With the session as it is now.
    pub client: Client,
    pub user: User,
    /// The rooms that the connection hears, in no order.
    pub rooms: Vec<JoinedRoom>,
    /// Changes when history could have changed behind every client's back.
    pub epoch: String,
}

impl Engine {
    /// Looks once more at a caller whose connection is known by now, so that a session that ends
    /// from here on ends the connection, too, and reads what the connection hears.
    ///
    /// # Errors
    /// As [`Engine::authenticate`] when the session ended meanwhile; the store's.
    pub async fn arrive(&self, client: &Client) -> Result<Arrived> {
        let (app, user) = (&client.app.id, client.user());
        let found = self.store.arrival(app, user, client.session_id()).await?;
        let Arrival { session, user, rooms, epoch } = found.ok_or(Error::SessionClosed)?;
        let user_deactivated = user.deactivated_at.is_some();
        let facts = SessionFacts { session, user_deactivated };
        let client = self.client(client.app.clone(), facts)?;
        Ok(Arrived { client, user, rooms, epoch })
    }

    /// The app that a token names, before anything of it is checked.
    #[must_use]
    pub fn app_named_by(&self, token: &str) -> Option<AppId> {
        if token.len() > limits::TOKEN_BYTES_MAX {
            return None;
        }
        if let Some((app, _)) = parse_placed_token(token) {
            return Some(app);
        }
        parse_session_token(token).or_else(|| Some(self.minted.peek(token)?.app))
    }

    /// The rooms that the caller is an active member of, with their heads.
    ///
    /// # Errors
    /// The store's.
    pub async fn joined_rooms(&self, client: &Client) -> Result<Vec<(RoomId, Head)>> {
        let app = &client.app.id;
        let mut rooms = self.store.joined_rooms(app, client.user()).await?;
        for (room, head) in &mut rooms {
            self.put_preview(app, room, head);
        }
        Ok(rooms)
    }

    /// The user's sessions that live.
    ///
    /// # Errors
    /// The store's.
    pub async fn living_sessions(&self, app: &AppId, user: &UserId) -> Result<Vec<SessionId>> {
        let living = self.store.sessions_of(app, user, self.now()).await?;
        Ok(living.into_iter().map(|session| session.id).collect())
    }

    /// Which of these users are members now, each with the rev of their last change, and the rev of
    /// the last removal that the answer certainly reflects.
    ///
    /// # Errors
    /// The store's.
    pub async fn listeners(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> Result<(Vec<(UserId, u64)>, u64)> {
        // The rev first: the list read after it can only be newer.
        let Some(facts) = self.store.room_facts(app, room, None).await? else {
            return Ok((Vec::new(), 0));
        };
        let members = self.store.members_among(app, room, users).await?;
        Ok((members, facts.room.head.members_rev))
    }
}
