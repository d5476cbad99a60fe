//! What is said to who is there now: decided, asked about and bounded like a message, told once,
//! and kept nowhere.

use super::messages::{SendMessage, decide};
use super::{Actor, Engine, check};
use crate::error::{Error, Result};
use crate::event::RoomEventBody;
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::limits;
use crate::model::Ephemeral;
use crate::policy::Operation;
use crate::ports::RoomFacts;

/// Words for who has the room open, as a door hands them over.
#[derive(Debug, Clone, Default)]
pub struct SayEphemeral {
    /// Its words: sender, kind, text, custom, card, location, format. It has no id of its sender's,
    /// and calls, answers and forwards nothing.
    pub words: SendMessage,
    /// The only ones to see it; only a backend may name them.
    pub to: Option<Vec<UserId>>,
}

impl Engine {
    /// Says something to who has the room open. At most once: nothing is stored, a repeat says it
    /// again, and who is not there never hears it. Its id is of no use to any other call.
    ///
    /// # Errors
    /// Those of a send, but for conflicts of ids; [`Error::BridgeUnsupported`]: whose
    /// conversations its backend keeps, it would not have this.
    pub async fn say_ephemeral(
        &self,
        actor: &Actor,
        room: &RoomId,
        say: SayEphemeral,
    ) -> Result<MessageId> {
        let SayEphemeral { words, to } = say;
        let app = &actor.app().id;
        let to = addressed(actor, to)?;
        let mut new = self.new_message(actor, SendMessage { id: None, ..words })?;
        self.unless_bridged(actor, "say what is kept nowhere").await?;
        let mut facts = self.may_speak(actor, room).await?;
        if self.ask_before_ephemeral(actor, &facts, &mut new).await? {
            // Who was removed while the hook was asked says nothing (contract line 11).
            facts = self.may_speak(actor, room).await?;
        }
        // After the position, which the event carries: the list can only be newer.
        let to = match to {
            Some(to) => Some(self.members_of(app, room, &to).await?),
            None => None,
        };
        let said = Ephemeral {
            id: new.id.clone(),
            sender: new.sender,
            kind: new.kind,
            text: new.text,
            custom: new.custom,
            extras: new.extras,
            created_at: self.now(),
            to: None,
        };
        // What is too large to be pushed could only be dropped. It is JSON: it cannot fail.
        let most = limits::EPHEMERAL_BYTES_MAX;
        if serde_json::to_vec(&said).map_or(0, |json| json.len()) > most {
            return Err(Error::too_large("text", format!("at most {most} bytes of JSON in all")));
        }
        let said = Box::new(Ephemeral { to, ..said });
        self.publish_room(app, room, facts.room.head, RoomEventBody::Ephemeral { said });
        Ok(new.id)
    }

    async fn may_speak(&self, actor: &Actor, room: &RoomId) -> Result<RoomFacts> {
        let facts = self.store.room_facts(&actor.app().id, room, actor.user()).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        decide(actor, Operation::Send, &facts)?;
        Ok(facts)
    }

    async fn members_of(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> Result<Vec<UserId>> {
        let members = self.store.members_among(app, room, users).await?;
        Ok(members.into_iter().map(|(user, _)| user).collect())
    }
}

fn addressed(actor: &Actor, to: Option<Vec<UserId>>) -> Result<Option<Vec<UserId>>> {
    let Some(to) = to else { return Ok(None) };
    if matches!(actor, Actor::Client(_)) {
        return Err(Error::invalid("to", "absent; only a backend says who is to see it"));
    }
    let most = limits::EPHEMERAL_TO_MAX;
    if to.is_empty() || to.len() > most {
        return Err(Error::invalid("to", format!("1 to {most} users")));
    }
    Ok(Some(check::distinct(to)))
}
