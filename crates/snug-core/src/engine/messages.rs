//! Sending: look-up of the id before policy, decision, the app's hook, guarded append, events
//! after the commit.

use super::bridge::boxed;
use super::changes::reads_as_guest;
use super::extras::{SendExtras, for_bridge};
use super::forward::check_alone;
use super::{Actor, Engine, check};
use crate::error::{Error, Result};
use crate::event::{RoomEventBody, UserEventBody};
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::limits;
use crate::model::{CustomJson, Extras, Membership, Message, MessageKind};
use crate::policy::{self, Operation};
use crate::ports::{Append, AppendOutcome, Appended, Guard, NewMessage, PayloadHash, RoomFacts};

/// A send as a door hands it over.
#[derive(Debug, Clone, Default)]
pub struct SendMessage {
    /// Minted by the client; without one the server mints, and a retry is a new message.
    pub id: Option<MessageId>,
    /// Only a backend may name one.
    pub sender: Option<UserId>,
    /// Text when there is text, else custom; a backend without a sender says system.
    pub kind: Option<MessageKind>,
    pub text: Option<String>,
    pub custom: Option<CustomJson>,
    pub extras: SendExtras,
    pub silent: bool,
    pub read_up_to: Option<u64>,
}

/// The answer to a send: after the commit, and the same for every repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub message: Message,
    /// The id was stored before.
    pub duplicate: bool,
    /// The sender's own standing after the send; absent for repeats and non-members.
    pub mine: Option<Membership>,
}

impl Engine {
    /// Stores a message and tells the room. Answered after the commit (contract line 1).
    ///
    /// # Errors
    /// [`Error::MessageIdConflict`] for an id used otherwise; policy's refusals; the store's.
    pub async fn send_message(
        &self,
        actor: &Actor,
        room: &RoomId,
        mut send: SendMessage,
    ) -> Result<Sent> {
        let client_minted = send.id.is_some();
        let app = &actor.app().id;
        let bridge = self.bridge(app).await?;
        if bridge.is_some() {
            for_bridge(&mut send)?;
        }
        let answers = send.extras.reply_to.clone();
        let thread = send.extras.thread.clone();
        let forwards = send.extras.forward.clone();
        let mut message = self.new_message(actor, send)?;
        if client_minted && let Some(sent) = self.repeated(app, room, &message).await? {
            return Ok(sent);
        }
        if let Some(of) = forwards {
            self.take_forwarded(actor, &of, &mut message).await?;
        }
        if let Some(bridge) = bridge {
            return match actor {
                Actor::Client(_) => boxed(self.send_bridged(actor, &bridge, room, message)).await,
                Actor::Backend(_) => {
                    boxed(self.told_message(actor, &bridge, room, message, client_minted)).await
                }
            };
        }
        self.send_decided(actor, room, message, (answers.as_ref(), thread.as_ref())).await
    }

    /// Decides, asks the app's hook and appends; again when what policy saw has moved. With the
    /// ids of the message that is answered, and of the one in whose thread it is said.
    async fn send_decided(
        &self,
        actor: &Actor,
        room: &RoomId,
        mut message: NewMessage,
        (answers, thread): (Option<&MessageId>, Option<&MessageId>),
    ) -> Result<Sent> {
        let app = &actor.app().id;
        let mut asked = false;
        for _ in 0..limits::GUARD_TRIES_MAX {
            let facts = self.store.room_facts(app, room, actor.user()).await?;
            let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
            let guard = decide(actor, Operation::Send, &facts)?;
            if let Some(extras) = &message.extras
                && matches!(actor, Actor::Client(_))
            {
                policy::check_mentions(&facts, &extras.mentions)?;
            }
            if let Some(id) = answers {
                self.find_answered(actor, room, &facts, &mut message, id).await?;
            }
            if let Some(id) = thread {
                self.hang_at(actor, room, &facts, &mut message, id).await?;
            }
            // Once, whatever moves meanwhile: the commit compares what policy saw.
            if !std::mem::replace(&mut asked, true)
                && let Err(refused) = self.ask_before_send(actor, &facts, &mut message).await
            {
                return self.unless_stored(app, room, &message, refused).await;
            }
            let append = Append {
                app: app.clone(),
                room: room.clone(),
                guard,
                message: message.clone(),
                now: self.now(),
            };
            match self.store.append_message(append).await? {
                AppendOutcome::Stored(appended) => {
                    let sent = Sent {
                        message: appended.message.clone(),
                        duplicate: false,
                        mine: appended.mine.clone(),
                    };
                    self.publish_appended(app, *appended);
                    return Ok(sent);
                }
                AppendOutcome::Duplicate(message) => {
                    self.remind(app, room).await;
                    return Ok(as_first_answered(message.as_seen()));
                }
                AppendOutcome::Conflict => return Err(Error::MessageIdConflict),
                AppendOutcome::RoomNotFound => return Err(Error::RoomNotFound(room.clone())),
                AppendOutcome::GuardMoved => {}
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// Tells the room that a member types, and what, if the client says so. Ephemeral: nothing is
    /// stored.
    ///
    /// # Errors
    /// A text of more than `TYPING_TEXT_BYTES_MAX`; policy's refusals; the store's.
    pub async fn set_typing(
        &self,
        actor: &Actor,
        room: &RoomId,
        on: bool,
        text: Option<String>,
    ) -> Result<()> {
        if let Some(text) = &text {
            check::bytes("text", text, limits::TYPING_TEXT_BYTES_MAX)?;
        }
        let Some(user) = actor.user() else {
            return Err(Error::invalid("sender", "a user's session"));
        };
        let app = &actor.app().id;
        let facts = self.store.room_facts(app, room, Some(user)).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        decide(actor, Operation::Type, &facts)?;
        let body = RoomEventBody::Typing { user: user.clone(), on, text };
        self.publish_room(app, room, facts.room.head, body);
        Ok(())
    }

    /// Publishes a stored message, and the sender's new standing to the sender's devices.
    pub(super) fn publish_appended(&self, app: &AppId, appended: Appended) {
        let Appended { message, head, mine } = appended;
        let room = message.room.clone();
        let count = head.count;
        self.publish_room(app, &room, head, RoomEventBody::MessageAppended { message });
        if let Some(mine) = mine.filter(Membership::is_active) {
            let user = mine.user.clone();
            self.publish_user(app, &user, UserEventBody::Mine { room, count, mine, mark: None });
        }
    }

    /// A message ready to be stored, checked and hashed as received.
    pub(super) fn new_message(&self, actor: &Actor, mut send: SendMessage) -> Result<NewMessage> {
        let sender = sender(actor, send.sender.take())?;
        let kind = kind(actor, &send, sender.is_some())?;
        if send.extras.forward.is_some() {
            check_alone(&send)?;
        } else {
            check_body(kind, send.text.as_deref(), send.custom.as_ref())?;
        }
        if send.extras.format.is_some() && send.text.is_none() {
            return Err(Error::missing("text"));
        }
        let id = match send.id {
            Some(id) => id,
            None => MessageId::from_stored(&self.ulid()),
        };
        let (text, custom) = (send.text.as_deref(), send.custom.as_ref());
        let mut hash = payload_hash(sender.as_ref(), kind, text, custom, send.silent);
        if let Some(more) = send.extras.hashed() {
            hash = with_extras(hash, &more);
        }
        let extras = send.extras.checked(kind)?;
        // A card or a place says itself in words, too.
        let text = send.text.or_else(|| extras.words());
        let extras = (extras != Extras::default()).then(|| Box::new(extras));
        Ok(NewMessage {
            external: None,
            id,
            sender,
            kind,
            text,
            custom: send.custom,
            extras,
            silent: send.silent,
            hash,
            read_up_to: send.read_up_to,
            thread: None,
        })
    }

    /// A system message of the room's own.
    pub(super) fn system_message(&self, custom: CustomJson) -> NewMessage {
        let hash = payload_hash(None, MessageKind::System, None, Some(&custom), false);
        NewMessage {
            external: None,
            id: MessageId::from_stored(&self.ulid()),
            sender: None,
            kind: MessageKind::System,
            text: None,
            custom: Some(custom),
            extras: None,
            silent: false,
            hash,
            read_up_to: None,
            thread: None,
        }
    }

    /// The same message, if it is stored.
    pub(super) async fn repeated(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &NewMessage,
    ) -> Result<Option<Sent>> {
        let Some(mut hit) = self.store.message_by_key(app, room, &message.id).await? else {
            return Ok(None);
        };
        // Another payload or sender falls through to policy first: an outsider must not learn
        // from a conflict that an id exists.
        let same = hit.hash == message.hash && hit.message.sender == message.sender;
        if !same {
            return Ok(None);
        }
        if hit.message.external.is_some() && hit.message.deleted_at.is_none() {
            // The backend's words if they are at hand; else those that were sent, which the hash
            // says are the same.
            if !self.put_known(app, room, &mut hit.message) {
                let sent = (message.text.clone(), message.custom.clone());
                (hit.message.text, hit.message.custom) = sent;
                hit.message.extras.clone_from(&message.extras);
            }
        }
        self.remind(app, room).await;
        Ok(Some(as_first_answered(hit.message.as_seen())))
    }

    /// A refusal, unless the same message was stored while the hook was asked: a repeat is
    /// answered as the first one was, whatever the hook says of it. An id that is used otherwise
    /// is a conflict whatever it says, or the client would try for ever.
    async fn unless_stored(
        &self,
        app: &AppId,
        room: &RoomId,
        message: &NewMessage,
        refused: Error,
    ) -> Result<Sent> {
        if let Some(sent) = self.repeated(app, room, message).await? {
            return Ok(sent);
        }
        let taken = self.store.message_by_key(app, room, &message.id).await?.is_some();
        Err(if taken { Error::MessageIdConflict } else { refused })
    }

    /// A repeat may mean that the commit's news was lost with its answer: the room's position is
    /// told once more, and who missed the message syncs.
    pub(super) async fn remind(&self, app: &AppId, room: &RoomId) {
        if let Ok(Some(facts)) = self.store.room_facts(app, room, None).await {
            self.publish_room(app, room, facts.room.head, RoomEventBody::Beacon);
        }
    }
}

/// App policy, then the member's, then the guard that the commit compares.
pub(super) fn decide(actor: &Actor, operation: Operation, facts: &RoomFacts) -> Result<Guard> {
    match actor {
        Actor::Backend(_) => policy::check_backend(operation, &facts.room),
        Actor::Client(client) => {
            policy::check_app(operation, client.app.policy)?;
            if reads_as_guest(operation, facts) {
                return Ok(policy::backend_guard(&facts.room));
            }
            if facts.room.direct.is_some() && facts.mine.is_none() {
                // Its id is a hash that anybody can make: that two others talk is their matter.
                return Err(Error::RoomNotFound(facts.room.id.clone()));
            }
            policy::check_member(operation, facts)
        }
    }
}

fn as_first_answered(mut message: Message) -> Sent {
    message.rev = message.first_rev;
    Sent { message, duplicate: true, mine: None }
}

fn sender(actor: &Actor, named: Option<UserId>) -> Result<Option<UserId>> {
    match actor {
        Actor::Backend(_) => Ok(named),
        Actor::Client(client) => match named {
            Some(other) if other != *client.user() => {
                Err(Error::invalid("sender", "absent; a page sends as its own user"))
            }
            _ => Ok(Some(client.user().clone())),
        },
    }
}

fn kind(actor: &Actor, send: &SendMessage, has_sender: bool) -> Result<MessageKind> {
    let kind = match send.kind {
        Some(kind) => kind,
        // Until its words are there.
        None if send.extras.forward.is_some() => MessageKind::Text,
        None if !has_sender => MessageKind::System,
        None if send.extras.card.is_some() => MessageKind::Card,
        None if send.extras.location.is_some() => MessageKind::Location,
        None if send.text.is_some() => MessageKind::Text,
        None => MessageKind::Custom,
    };
    if kind == MessageKind::System && matches!(actor, Actor::Client(_)) {
        return Err(Error::invalid("kind", "text, custom, card or location"));
    }
    if kind != MessageKind::System && !has_sender {
        return Err(Error::missing("sender"));
    }
    Ok(kind)
}

pub(super) fn check_body(
    kind: MessageKind,
    text: Option<&str>,
    custom: Option<&CustomJson>,
) -> Result<()> {
    if let Some(text) = text {
        check::text("text", text, limits::TEXT_BYTES_MAX)?;
        if text.is_empty() {
            return Err(Error::invalid("text", "at least one character"));
        }
    }
    if let Some(custom) = custom {
        check::bytes("custom", custom.as_str(), limits::CUSTOM_BYTES_MAX)?;
    }
    match kind {
        MessageKind::Text if text.is_none() => Err(Error::missing("text")),
        MessageKind::Custom if custom.is_none() => Err(Error::missing("custom")),
        MessageKind::System if text.is_none() && custom.is_none() => Err(Error::missing("text")),
        _ => Ok(()),
    }
}

/// The hash of a payload that carries more than words. A plain one keeps the hash that it had
/// before there were such.
pub(super) fn with_extras(plain: PayloadHash, extras: &str) -> PayloadHash {
    use sha2::{Digest, Sha256};
    PayloadHash(Sha256::new().chain_update(plain.0).chain_update(extras).finalize().into())
}

/// SHA-256 of the payload as received. `read_up_to` is not part of it: a retry may know more.
pub(super) fn payload_hash(
    sender: Option<&UserId>,
    kind: MessageKind,
    text: Option<&str>,
    custom: Option<&CustomJson>,
    silent: bool,
) -> PayloadHash {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let custom = custom.map(CustomJson::as_str);
    for part in [sender.map(UserId::as_str), Some(kind.as_str()), text, custom] {
        // Presence and length first, so that no two payloads hash the same bytes.
        hash.update([u8::from(part.is_some())]);
        let part = part.unwrap_or("");
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update([u8::from(silent)]);
    PayloadHash(hash.finalize().into())
}
