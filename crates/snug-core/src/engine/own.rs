//! A member's own settings of a room.

use super::{Client, Engine, check};
use crate::error::{Error, Result};
use crate::event::UserEventBody;
use crate::ids::RoomId;
use crate::limits;
use crate::model::{Membership, OwnPatch, Patch};
use crate::policy::{self, Operation};

impl Engine {
    /// Pins, mutes, hides a room for the caller or puts it in a folder, and tells the caller's
    /// other devices; nobody else hears of it. Returns the caller's standing and the room's
    /// counting number. What is so already is answered the same.
    ///
    /// # Errors
    /// An invalid field, [`Error::NotAMember`], [`Error::RoomNotFound`]; the store's.
    pub async fn set_own(
        &self,
        client: &Client,
        room: &RoomId,
        patch: OwnPatch,
    ) -> Result<(Membership, u64)> {
        policy::check_app(Operation::SetOwn, client.app.policy)?;
        if let Patch::Set(folder) = &patch.folder {
            check::short_name("folder", folder, limits::FOLDER_BYTES_MAX)?;
        }
        let (app, user) = (&client.app.id, client.user());
        let Some((mine, head, changed)) =
            self.store.set_own(app, room, user, patch, self.now()).await?
        else {
            return Err(self.not_a_member(client, room).await?);
        };
        let count = head.count;
        if changed {
            let (room, mine) = (room.clone(), mine.clone());
            let body = UserEventBody::Mine { room, count, mine, mark: None };
            self.publish_user(app, user, body);
        }
        Ok((mine, count))
    }

    /// What to say to who is no active member: of a direct room of others, not that it is there.
    pub(super) async fn not_a_member(&self, client: &Client, room: &RoomId) -> Result<Error> {
        let facts = self.store.room_facts(&client.app.id, room, Some(client.user())).await?;
        let shown = facts.is_some_and(|f| f.room.direct.is_none() || f.mine.is_some());
        Ok(if shown { Error::NotAMember } else { Error::RoomNotFound(room.clone()) })
    }
}
