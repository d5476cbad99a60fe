//! What becomes of a message after it was sent: edit, delete, hide, pin, react; and messages by
//! time, as other systems' wires name them.

use super::before_send::after;
use super::extras::edited;
use super::forward::check_own_words;
use super::history::above;
use super::messages::{check_body, decide};
use super::{Actor, Backend, Engine, check};
use crate::error::{Error, Result};
use crate::event::RoomEventBody;
use crate::ids::{AppId, MessageId, RoomId};
use crate::limits;
use crate::model::{EditMessage, Head, Message, MessageVersion, Patch, RoomKind, Time, User};
use crate::policy::{self, Operation};
use crate::ports::{ChangeMessage, ChangeMessageOutcome, MessageChange, RoomFacts, SeenWords};

impl Engine {
    /// Changes the words of a message: its sender's, or the backend's to change.
    ///
    /// # Errors
    /// An invalid field, [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn edit_message(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
        edit: EditMessage,
    ) -> Result<Message> {
        let EditMessage { text, format: _, custom, mentions, card, location } = &edit;
        let none = text.is_none() && custom.is_none() && card.is_none() && location.is_none();
        if none && matches!(mentions, Patch::Keep) {
            return Err(Error::missing("text"));
        }
        self.unless_bridged(actor, "edit a message").await?;
        let wanted = Wanted::Edit(Box::new(Edit { edit, asked: false, made: None }));
        self.change_message(actor, room, id, Operation::EditMessage, wanted).await
    }

    /// Takes a message back for everybody: its sender's, an admin's or the backend's to do.
    /// Repeating it is harmless.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn delete_message(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
    ) -> Result<Message> {
        self.told_by_backend(actor, "unsend a message").await?;
        let wanted = Wanted::Change(MessageChange::Delete);
        self.change_message(actor, room, id, Operation::DeleteMessage, wanted).await
    }

    /// Takes a message out of everybody's sight, or shows it again.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`]; the store's.
    pub async fn hide_message(
        &self,
        backend: &Backend,
        room: &RoomId,
        id: &MessageId,
        hidden: bool,
    ) -> Result<Message> {
        let actor = Actor::Backend(backend.clone());
        let wanted = Wanted::Change(MessageChange::Hide(hidden));
        self.change_message(&actor, room, id, Operation::EditMessage, wanted).await
    }

    /// Pins a message for everybody in the room, or takes the pin away: a direct room's members'
    /// to do, in other rooms an admin's, and the backend's. Repeating it is harmless.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`], too many pins, policy's refusals; the store's.
    pub async fn pin_message(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
        on: bool,
    ) -> Result<Message> {
        let wanted = Wanted::Change(MessageChange::Pin(on));
        self.change_message(actor, room, id, Operation::PinMessage, wanted).await
    }

    /// The room's pinned messages that the caller may see, those pinned last first, with the
    /// profiles of their senders.
    ///
    /// # Errors
    /// Policy's refusals; the store's.
    pub async fn pinned_messages(
        &self,
        actor: &Actor,
        room: &RoomId,
    ) -> Result<(Vec<Message>, Vec<User>)> {
        let facts = self.readable(actor, room).await?;
        let app = &actor.app().id;
        let mut found = self.store.pinned_messages(app, room, above(&facts)).await?;
        if matches!(actor, Actor::Client(_)) {
            found.retain(|message| message.hidden_at.is_none());
        }
        self.put_all_words(actor, room, &mut found).await?;
        let mut found = self.put_own(actor, &facts, found).await?;
        found.retain(|message| !message.own.is_some_and(|mark| mark.deleted));
        let users = self.senders(app, &found).await?;
        Ok((found, users))
    }

    /// The words that edits of a message have replaced, the newest first, at most
    /// `VERSIONS_SHOWN`: for admins of the room and the backend. An unsent message has none left, and
    /// one that the caller deleted for oneself shows none.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn message_versions(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
    ) -> Result<Vec<MessageVersion>> {
        let app = &actor.app().id;
        let facts = self.store.room_facts(app, room, actor.user()).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        decide(actor, Operation::ReadVersions, &facts)?;
        let shown = matches!(actor, Actor::Backend(_));
        let hit = self.store.message_by_key(app, room, id).await?.map(|hit| hit.message);
        let hit = hit
            .filter(|message| message.seq > above(&facts))
            .filter(|message| shown || message.hidden_at.is_none())
            .ok_or_else(|| Error::MessageNotFound(id.clone()))?;
        if self.with_own(actor, &facts, hit).await?.own.is_some_and(|mark| mark.deleted) {
            return Ok(Vec::new());
        }
        Ok(self.store.message_versions(app, room, id, limits::VERSIONS_SHOWN).await?)
    }

    /// Gives or takes back a reaction of the caller's.
    ///
    /// # Errors
    /// An invalid field, [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn react(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
        key: &str,
        on: bool,
    ) -> Result<Message> {
        let Some(user) = actor.user().cloned() else {
            return Err(Error::invalid("user", "a user's session"));
        };
        if key.is_empty() {
            return Err(Error::missing("key"));
        }
        check::label("key", key, limits::REACTION_KEY_BYTES_MAX)?;
        let change = MessageChange::React { user, key: key.to_owned(), on };
        self.change_message(actor, room, id, Operation::React, Wanted::Change(change)).await
    }

    /// One message by its id.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`], policy's refusals; the store's.
    pub async fn message(&self, actor: &Actor, room: &RoomId, id: &MessageId) -> Result<Message> {
        let facts = self.readable(actor, room).await?;
        let hit = self.store.message_by_key(&actor.app().id, room, id).await?;
        let found = hit.map(|hit| hit.message).filter(|message| message.seq > above(&facts));
        let found = found.ok_or_else(|| Error::MessageNotFound(id.clone()))?;
        let found = seen(actor, self.with_words(actor, found).await?);
        self.with_own(actor, &facts, found).await
    }

    /// The message that was stored at exactly this time, wherever in the app it is; `None` also
    /// when the caller may not read its room.
    ///
    /// # Errors
    /// The store's.
    pub async fn message_at(&self, actor: &Actor, at: Time) -> Result<Option<Message>> {
        let Some(message) = self.store.message_at(&actor.app().id, at).await? else {
            return Ok(None);
        };
        match self.readable(actor, &message.room).await {
            Ok(facts) if message.seq > above(&facts) => {
                let message = seen(actor, self.with_words(actor, message).await?);
                Ok(Some(self.with_own(actor, &facts, message).await?))
            }
            Ok(_) | Err(Error::NotAMember | Error::RoomNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The highest seq at or before a time, 0 when there is none: a page by time is a page by seq.
    ///
    /// # Errors
    /// Policy's refusals; the store's.
    pub async fn seq_at(&self, actor: &Actor, room: &RoomId, at: Time) -> Result<u64> {
        self.readable(actor, room).await?;
        Ok(self.store.seq_at(&actor.app().id, room, at).await?)
    }

    /// Messages stored, changed or deleted after a time, by the later of the two; at most
    /// `SYNC_PAGE_MAX`.
    ///
    /// # Errors
    /// Policy's refusals; the store's.
    pub async fn messages_since(
        &self,
        actor: &Actor,
        room: &RoomId,
        since: Time,
        limit: Option<usize>,
    ) -> Result<Vec<Message>> {
        let most = limits::SYNC_PAGE_MAX;
        let limit = check::limit(limit, most, most)?;
        let facts = self.readable(actor, room).await?;
        let above = above(&facts);
        let app = &actor.app().id;
        let mut found = self.store.messages_since(app, room, above, since, limit).await?;
        self.put_all_words(actor, room, &mut found).await?;
        let found = found.into_iter().map(|message| seen(actor, message)).collect();
        self.put_own(actor, &facts, found).await
    }

    async fn change_message(
        &self,
        actor: &Actor,
        room: &RoomId,
        id: &MessageId,
        operation: Operation,
        mut wanted: Wanted,
    ) -> Result<Message> {
        let app = &actor.app().id;
        for _ in 0..limits::GUARD_TRIES_MAX {
            let facts = self.store.room_facts(app, room, actor.user()).await?;
            let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
            let guard = decide(actor, operation, &facts)?;
            // Sender and kind of a message never change: reading them before the commit is safe.
            let hit = self.store.message_by_key(app, room, id).await?;
            let found = hit.map(|hit| hit.message).filter(|message| message.seq > above(&facts));
            let found = found.ok_or_else(|| Error::MessageNotFound(id.clone()))?;
            if matches!(actor, Actor::Client(_)) {
                policy::check_message(operation, &facts, found.sender.as_ref())?;
                if found.hidden_at.is_some() {
                    return Err(Error::MessageNotFound(id.clone()));
                }
            }
            let change = self.work_out(actor, &facts, &found, &mut wanted).await?;
            // Extras are given whole, with what this edit leaves as it is, and words go with the
            // format that was seen: another change of them in between must not be undone. Reactions
            // in between are nothing to it.
            let whole = matches!(
                change,
                MessageChange::Edit { extras: Some(_), .. }
                    | MessageChange::Edit { text: Some(_), .. }
            );
            let request = ChangeMessage {
                app: app.clone(),
                room: room.clone(),
                id: id.clone(),
                guard,
                seen: whole.then(|| Box::new(SeenWords::of(&found))),
                change,
                by: actor.user().cloned(),
                now: self.now(),
            };
            match self.store.change_message(request).await? {
                ChangeMessageOutcome::Changed(changed) => {
                    let (mut message, head) = *changed;
                    self.publish_changed(app, room, &mut message, head);
                    return Ok(seen(actor, self.with_words_or_without(actor, message).await));
                }
                ChangeMessageOutcome::Unchanged(message) => {
                    // A repeat may mean that the first answer was lost, and the news with it.
                    self.remind(app, room).await;
                    return Ok(seen(actor, self.with_words_or_without(actor, *message).await));
                }
                ChangeMessageOutcome::RoomNotFound => {
                    return Err(Error::RoomNotFound(room.clone()));
                }
                ChangeMessageOutcome::MessageNotFound => {
                    return Err(Error::MessageNotFound(id.clone()));
                }
                ChangeMessageOutcome::TooMany => return Err(too_many(operation)),
                ChangeMessageOutcome::GuardMoved => {}
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// What is done to the message. The app's hook is asked about an edit once, whatever moves
    /// meanwhile; an edit that is done already is none.
    async fn work_out(
        &self,
        actor: &Actor,
        facts: &RoomFacts,
        found: &Message,
        wanted: &mut Wanted,
    ) -> Result<MessageChange> {
        let change = wanted.on(actor, facts, found)?;
        let Wanted::Edit(edit) = wanted else { return Ok(change) };
        if edit.asked || found.deleted_at.is_some() || change.is_done(found) == Some(true) {
            return Ok(change);
        }
        edit.made = self.ask_before_edit(actor, facts, found, &change).await?;
        edit.asked = true;
        wanted.on(actor, facts, found)
    }

    fn publish_changed(&self, app: &AppId, room: &RoomId, message: &mut Message, head: Head) {
        self.words_after_change(app, room, message, &head);
        let body = match self.put_known(app, room, message) {
            true => RoomEventBody::MessageChanged { message: message.clone().as_seen() },
            // Words that are not at hand are no news of blanks: who has the room syncs.
            false => RoomEventBody::Beacon,
        };
        self.publish_room(app, room, head, body);
    }
}

/// What is asked for; what an edit comes to depends on the message as it is.
enum Wanted {
    Edit(Box<Edit>),
    Change(MessageChange),
}

struct Edit {
    edit: EditMessage,
    /// The app's hook has said what it has to say.
    asked: bool,
    /// What the hook makes of it.
    made: Option<EditMessage>,
}

impl Wanted {
    fn on(&self, actor: &Actor, facts: &RoomFacts, found: &Message) -> Result<MessageChange> {
        let Edit { edit, asked: _, made } = match self {
            Self::Edit(edit) => edit.as_ref(),
            Self::Change(change) => return Ok(change.clone()),
        };
        check_own_words(actor, found)?;
        let change = worked_out(actor, Some(facts), found, edit.clone())?;
        let Some(made) = made else { return Ok(change) };
        let edited = after(found, &change);
        let made = worked_out(actor, Some(facts), &edited, made.clone())?;
        Ok(on_top(change, made))
    }
}

/// What an edit of a message comes to, held against the bounds of a send. Without facts the room
/// is about to be made.
pub(super) fn worked_out(
    actor: &Actor,
    facts: Option<&RoomFacts>,
    found: &Message,
    mut edit: EditMessage,
) -> Result<MessageChange> {
    let extras = edited(found, &mut edit)?;
    let was_wide = found.extras.as_ref().is_some_and(|extras| extras.mentions.is_wide());
    if let (Some(extras), Some(facts)) = (&extras, facts)
        && matches!(actor, Actor::Client(_))
        && !was_wide
    {
        policy::check_mentions(facts, &extras.mentions)?;
    }
    let EditMessage { text, custom, .. } = edit;
    let now_text = text.as_deref().or(found.text.as_deref());
    check_body(found.kind, now_text, custom.as_ref().or(found.custom.as_ref()))?;
    Ok(MessageChange::Edit { text, custom, extras })
}

fn too_many(operation: Operation) -> Error {
    if operation == Operation::PinMessage {
        let most = limits::PINS_PER_ROOM_MAX;
        return Error::too_large("message", format!("at most {most} pinned ones in a room"));
    }
    let most = limits::REACTION_KEYS_MAX;
    Error::too_large("key", format!("at most {most} different ones on a message"))
}

/// Two edits as one; where both say something, the later one holds.
fn on_top(first: MessageChange, then: MessageChange) -> MessageChange {
    match (first, then) {
        (
            MessageChange::Edit { text, custom, extras },
            MessageChange::Edit { text: new_text, custom: new_custom, extras: new_extras },
        ) => MessageChange::Edit {
            text: new_text.or(text),
            custom: new_custom.or(custom),
            extras: new_extras.or(extras),
        },
        (first, _) => first,
    }
}

/// A hidden message keeps its words for the backend only.
pub(super) fn seen(actor: &Actor, message: Message) -> Message {
    match actor {
        Actor::Backend(_) => message,
        Actor::Client(_) => message.as_seen(),
    }
}

/// A channel is read by the whole app, so not being a member of it is no refusal.
pub(super) fn reads_as_guest(operation: Operation, facts: &RoomFacts) -> bool {
    operation == Operation::Read && facts.room.kind == RoomKind::Channel && !facts.deactivated
}
