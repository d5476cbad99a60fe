//! Passing a message on: its words are read with the sender's eyes and stored as a message of the
//! sender's, which says whose they were.

use super::extras::{ForwardOf, SendExtras};
use super::messages::SendMessage;
use super::{Actor, Engine};
use crate::error::{Error, Result};
use crate::model::{Extras, Forwarded, Message, MessageKind};
use crate::ports::NewMessage;

/// A forward brings no words of its own.
pub(super) fn check_alone(send: &SendMessage) -> Result<()> {
    let SendMessage { text, custom, kind, extras, .. } = send;
    let SendExtras { mentions, reply_to, card, location, format, .. } = extras;
    let own = text.is_some() || custom.is_some() || kind.is_some() || !mentions.is_empty();
    let more = reply_to.is_some() || card.is_some() || location.is_some() || format.is_some();
    if own || more {
        return Err(Error::invalid(
            "forward",
            "no words beside it: it brings those of its message",
        ));
    }
    Ok(())
}

/// What an edit of a user's would make of it: words that its first sender never said.
pub(super) fn check_own_words(actor: &Actor, found: &Message) -> Result<()> {
    let forwarded = found.extras.as_ref().is_some_and(|extras| extras.forwarded.is_some());
    if forwarded && matches!(actor, Actor::Client(_)) {
        return Err(Error::invalid(
            "id",
            "a message of the sender's own words, not a forwarded one",
        ));
    }
    Ok(())
}

impl Engine {
    /// Puts the words of the message that is passed on into a send. Nobody is called by them
    /// again, and what they answered stays behind.
    pub(super) async fn take_forwarded(
        &self,
        actor: &Actor,
        of: &ForwardOf,
        message: &mut NewMessage,
    ) -> Result<()> {
        let unseen = || Error::invalid("forward", "a message that the sender sees, with words");
        let found = match self.message(actor, &of.room, &of.id).await {
            Ok(found) => found,
            Err(
                Error::RoomNotFound(_)
                | Error::MessageNotFound(_)
                | Error::NotAMember
                | Error::RoleTooLow,
            ) => return Err(unseen()),
            Err(error) => return Err(error),
        };
        let Message { sender: Some(sender), kind, text, custom, extras, created_at, .. } = found
        else {
            return Err(unseen());
        };
        let gone = found.deleted_at.is_some() || found.hidden_at.is_some();
        if gone || kind == MessageKind::System {
            return Err(unseen());
        }
        let extras = extras.map(|extras| *extras).unwrap_or_default();
        let Extras { card, location, forwarded, format, .. } = extras;
        let first = forwarded.unwrap_or(Forwarded { sender, at: created_at });
        let forwarded = Some(first);
        let extras = Extras { card, location, forwarded, format, ..Extras::default() };
        (message.kind, message.text, message.custom) = (kind, text, custom);
        message.extras = Some(Box::new(extras));
        Ok(())
    }
}
