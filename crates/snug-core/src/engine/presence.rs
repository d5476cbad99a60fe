//! Who is online: whom a caller may watch, and what is kept of it. Where connections are is for
//! the nodes to know; nothing of it is stored but when a user was seen last.

use super::{Actor, Client, Engine, check};
use crate::error::{Error, Result};
use crate::ids::{AppId, RoomId, UserId};
use crate::limits;
use crate::model::Time;

impl Engine {
    /// Whom the caller may watch in a room: the other members, or those of them that are named.
    /// Who is named and is no member is left out.
    ///
    /// # Errors
    /// [`Error::TooLarge`] in a room of more than `PRESENCE_MEMBERS_MAX` members where nobody is
    /// named, or for more users than that; [`Error::NotAMember`], [`Error::RoomNotFound`]; the
    /// store's.
    pub async fn may_watch(
        &self,
        client: &Client,
        room: &RoomId,
        named: Option<Vec<UserId>>,
    ) -> Result<Vec<UserId>> {
        let actor = Actor::Client(client.clone());
        let most = limits::PRESENCE_MEMBERS_MAX;
        let view = self.room(&actor, room).await?;
        if !view.mine.as_ref().is_some_and(crate::model::Membership::is_active) {
            return Err(Error::NotAMember);
        }
        let mut users = match named {
            Some(named) => {
                let named = check::distinct(named);
                if named.len() > most {
                    return Err(Error::too_large("users", format!("at most {most} users")));
                }
                let members = self.store.members_among(&client.app.id, room, &named).await?;
                members.into_iter().map(|(user, _)| user).collect()
            }
            None => {
                let page = self.members(&actor, room, None, Some(most)).await?;
                if page.next.is_some() {
                    let why = format!("a room of at most {most} members, or `users` named");
                    return Err(Error::too_large("room", why));
                }
                page.members.into_iter().map(|member| member.user.id).collect::<Vec<_>>()
            }
        };
        users.retain(|user| user != client.user());
        Ok(users)
    }

    /// Who of these is an active member of the room now.
    ///
    /// # Errors
    /// The store's.
    pub async fn members_now(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> Result<Vec<UserId>> {
        let members = self.store.members_among(app, room, users).await?;
        Ok(members.into_iter().map(|(user, _)| user).collect())
    }

    /// When these users were online last, as far as they may be seen.
    ///
    /// # Errors
    /// The store's.
    pub async fn last_seen(&self, app: &AppId, users: &[UserId]) -> Result<Vec<(UserId, Time)>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.last_seen(app, users).await?)
    }

    /// Notes when users went.
    ///
    /// # Errors
    /// The store's.
    pub async fn note_seen(&self, seen: &[(AppId, UserId, Time)]) -> Result<()> {
        for some in seen.chunks(limits::PRESENCE_SEEN_AT_ONCE) {
            self.store.note_seen(some).await?;
        }
        Ok(())
    }
}
