//! What a message carries beside its words: checked, and put into the form that is stored.

use serde::Serialize;

use super::history::above;
use super::messages::SendMessage;
use super::{Actor, Engine, check};
use crate::error::{Error, Result};
use crate::ids::{MessageId, RoomId};
use crate::limits;
use crate::model::{
    Card, EditMessage, Extras, Format, Location, Mentions, Message, MessageKind, Patch, ReplyTo,
};
use crate::ports::{NewMessage, RoomFacts};

/// Beside the words of a send, as a door hands it over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendExtras {
    pub mentions: Mentions,
    /// The door read the mentions from the words: they are no part of the payload, so that a
    /// repeat is one whoever has become a user meanwhile.
    pub mentions_read: bool,
    /// The id of the message that is answered.
    pub reply_to: Option<MessageId>,
    pub card: Option<Card>,
    pub location: Option<Location>,
    /// The words are those of another message.
    pub forward: Option<ForwardOf>,
    /// The id of the message in whose thread it is said.
    pub thread: Option<MessageId>,
    /// How the text is written.
    pub format: Option<Format>,
}

/// Which message is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForwardOf {
    pub room: RoomId,
    pub id: MessageId,
}

impl SendExtras {
    /// What a send's hash takes of it, after the rest; nothing for a plain message.
    pub(super) fn hashed(&self) -> Option<String> {
        let mut hashed = self.hashed_carried();
        // No JSON text has a line break of its own, and no id either.
        if let Some(thread) = &self.thread {
            hashed = Some(format!("{}\nthread:{thread}", hashed.unwrap_or_default()));
        }
        if let Some(format) = self.format {
            hashed = Some(hashed.unwrap_or_default() + &hashed_format(format));
        }
        hashed
    }

    fn hashed_carried(&self) -> Option<String> {
        let Self { mentions, mentions_read, reply_to, card, location, forward, .. } = self;
        if let Some(forward) = forward {
            return serde_json::to_string(forward).ok();
        }
        let none = Mentions::default();
        let mentions = if *mentions_read { &none } else { mentions };
        if mentions.is_empty() && reply_to.is_none() && card.is_none() && location.is_none() {
            return None;
        }
        serde_json::to_string(&(mentions, reply_to, card, location)).ok()
    }

    /// Checked, and without what only the store knows: see `Engine::find_answered`.
    pub(super) fn checked(self, kind: MessageKind) -> Result<Extras> {
        let Self { mentions, card, location, format, .. } = self;
        match kind {
            MessageKind::Card if card.is_none() => return Err(Error::missing("card")),
            MessageKind::Location if location.is_none() => return Err(Error::missing("location")),
            _ => {}
        }
        if card.is_some() && kind != MessageKind::Card {
            return Err(Error::invalid("card", "absent unless the kind is card"));
        }
        if location.is_some() && kind != MessageKind::Location {
            return Err(Error::invalid("location", "absent unless the kind is location"));
        }
        let mentions = check_mentions(mentions)?;
        if let Some(card) = &card {
            check_card(card)?;
        }
        if let Some(place) = &location {
            check_place(place)?;
        }
        Ok(Extras { mentions, card, location, format, ..Extras::default() })
    }
}

/// What the hash of a payload takes of its format.
pub(super) fn hashed_format(format: Format) -> String {
    format!("\nformat:{}", format.as_str())
}

/// An app whose backend keeps the words: its protocol has no place for mentions and answers, so
/// that these go without, and a card or a place would come out as nothing. A place that is also
/// said in text and custom JSON, as by IMKit's clients, goes as these.
pub(super) fn for_bridge(send: &mut SendMessage) -> Result<()> {
    let extras = std::mem::take(&mut send.extras);
    if extras.forward.is_some() {
        return Err(Error::BridgeUnsupported { what: "forward a message" });
    }
    if extras.thread.is_some() {
        return Err(Error::BridgeUnsupported { what: "keep a thread" });
    }
    let said = send.text.is_some() && send.custom.is_some();
    if extras.card.is_some() || (extras.location.is_some() && !said) {
        return Err(Error::BridgeUnsupported { what: "keep a card or a location" });
    }
    if extras.location.is_some() {
        send.kind = Some(MessageKind::Custom);
    }
    send.extras.format = extras.format;
    Ok(())
}

fn check_mentions(mut mentions: Mentions) -> Result<Mentions> {
    mentions.users = check::distinct(mentions.users);
    let most = limits::MENTIONED_USERS_MAX;
    if mentions.users.len() > most {
        return Err(Error::too_large("mentions.users", format!("at most {most} users")));
    }
    mentions.roles.sort_unstable();
    mentions.roles.dedup();
    Ok(mentions)
}

fn check_card(card: &Card) -> Result<()> {
    let Card { title, text, image, url, actions } = card;
    let words = [title, text].into_iter().flatten();
    if words.clone().all(String::is_empty) {
        return Err(Error::missing("card.title"));
    }
    if words.clone().any(String::is_empty) {
        return Err(Error::invalid("card", "a title and a text that are absent or not empty"));
    }
    if let Some(title) = title {
        check::label("card.title", title, limits::NAME_BYTES_MAX)?;
    }
    if let Some(text) = text {
        check::text("card.text", text, limits::DESCRIPTION_BYTES_MAX)?;
    }
    if let Some(image) = image {
        check::address("card.image.url", &image.url)?;
        if let Some(alt) = &image.alt {
            check::label("card.image.alt", alt, limits::NAME_BYTES_MAX)?;
        }
    }
    if let Some(url) = url {
        check::address("card.url", url)?;
    }
    let most = limits::CARD_ACTIONS_MAX;
    if actions.len() > most {
        return Err(Error::too_large("card.actions", format!("at most {most} actions")));
    }
    for (n, action) in actions.iter().enumerate() {
        let field = |name: &str| format!("card.actions[{n}].{name}");
        if action.id.is_empty() || actions[..n].iter().any(|before| before.id == action.id) {
            return Err(Error::invalid(&field("id"), "an id that no other action of the card has"));
        }
        check::label(&field("id"), &action.id, limits::CARD_ACTION_ID_BYTES_MAX)?;
        if action.label.is_empty() {
            return Err(Error::missing(&field("label")));
        }
        check::label(&field("label"), &action.label, limits::NAME_BYTES_MAX)?;
        if let Some(url) = &action.url {
            check::address(&field("url"), url)?;
        }
    }
    Ok(())
}

fn check_place(place: &Location) -> Result<()> {
    if place.lat.get().abs() > 90.0 {
        return Err(Error::invalid("location.lat", "degrees from -90 to 90"));
    }
    let words = [("location.name", &place.name), ("location.address", &place.address)];
    for (field, words) in words {
        if let Some(words) = words {
            check::label(field, words, limits::PLACE_BYTES_MAX)?;
            if words.is_empty() {
                return Err(Error::invalid(field, "absent or not empty"));
            }
        }
    }
    Ok(())
}

impl Engine {
    /// Puts to a send the place of the message that it answers: one that is in the sender's sight.
    /// A tombstone will do: who answers may have been away when it was unsent. Where a message
    /// stands never changes, so looking before the commit is safe.
    pub(super) async fn find_answered(
        &self,
        actor: &Actor,
        room: &RoomId,
        facts: &RoomFacts,
        message: &mut NewMessage,
        id: &MessageId,
    ) -> Result<()> {
        let hit = self.store.message_by_key(&actor.app().id, room, id).await?;
        let found = hit.map(|hit| hit.message).filter(|found| found.seq > above(facts));
        let Some(found) = found else {
            return Err(Error::invalid("reply_to", "the id of a message that is in the room"));
        };
        let answered = ReplyTo { id: found.id, seq: found.seq };
        message.extras.get_or_insert_default().reply_to = Some(answered);
        Ok(())
    }
}

/// The extras of a message after an edit, when they change.
pub(super) fn edited(found: &Message, edit: &mut EditMessage) -> Result<Option<Box<Extras>>> {
    let mentions = std::mem::take(&mut edit.mentions);
    if edit.format.is_some() && edit.text.is_none() {
        return Err(Error::missing("text"));
    }
    // New words say anew how they are written.
    let format = if edit.text.is_some() { edit.format } else { found.format() };
    let none = edit.card.is_none() && edit.location.is_none() && format == found.format();
    if matches!(mentions, Patch::Keep) && none {
        return Ok(None);
    }
    let mut extras = found.extras.clone().unwrap_or_default();
    let derived = found.text == extras.words();
    extras.format = format;
    match mentions {
        Patch::Keep => {}
        Patch::Clear => extras.mentions = Mentions::default(),
        Patch::Set(mentions) => extras.mentions = check_mentions(mentions)?,
    }
    if let Some(card) = edit.card.take() {
        if found.kind != MessageKind::Card {
            return Err(Error::invalid("card", "absent unless the message is a card"));
        }
        check_card(&card)?;
        extras.card = Some(card);
    }
    if let Some(place) = edit.location.take() {
        if found.kind != MessageKind::Location {
            return Err(Error::invalid("location", "absent unless the message is a location"));
        }
        check_place(&place)?;
        extras.location = Some(place);
    }
    // Words of the sender's own stay; those that were made of the card or the place follow it.
    if derived && edit.text.is_none() {
        edit.text = extras.words();
    }
    Ok(Some(extras))
}
