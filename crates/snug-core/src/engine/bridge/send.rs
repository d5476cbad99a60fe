//! A send: noted as pending, stored by the backend under its id, then a row (contract line 17).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::super::messages::decide;
use super::super::{Actor, Engine, Sent};
use super::mirror::Told;
use super::wire::{Body, BridgeMessage, BridgeThread};
use super::{Bridge, EXTERNAL_START, Key, broken, id_of_external};
use crate::error::{Error, Result};
use crate::ids::{MessageId, RoomId, UserId};
use crate::limits;
use crate::model::{Membership, Message, MessageKind};
use crate::policy::{self, Operation};
use crate::ports::{
    Append, AppendOutcome, Guard, NewMessage, PayloadHash, PutRecord, PutRecordOutcome,
    RecordPlace, RoomFacts,
};

/// A message that was sent to the backend and has no row yet.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) id: MessageId,
    pub(super) sender: UserId,
    pub(super) kind: MessageKind,
    pub(super) silent: bool,
    pub(super) hash: PayloadHash,
}

/// As it is stored: no words.
#[derive(Serialize, Deserialize)]
struct Note {
    v: u8,
    sender: String,
    kind: String,
    silent: bool,
    hash: String,
    at: i64,
}

/// A send that the backend has stored.
pub(super) struct Delivered {
    pub(super) sent: Sent,
    pub(super) thread: Box<RawValue>,
    pub(super) message: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    thread: Box<RawValue>,
    #[serde(default)]
    thread_message: Option<Box<RawValue>>,
    #[serde(default)]
    messages: Vec<Box<RawValue>>,
}

/// Who may send: the room's members, or whomever the backend takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Senders {
    Members,
    AsBackendSays,
}

fn place(bridge: &Bridge) -> RecordPlace {
    RecordPlace { app: bridge.app().clone(), dialect: "native", kind: "bridge_pending" }
}

fn key_of(room: &RoomId, id: &MessageId) -> String {
    format!("{room}\n{id}")
}

impl Engine {
    /// A page's send.
    pub(in crate::engine) async fn send_bridged(
        &self,
        actor: &Actor,
        bridge: &Bridge,
        room: &RoomId,
        message: NewMessage,
    ) -> Result<Sent> {
        let facts = self.store.room_facts(bridge.app(), room, actor.user()).await?;
        let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
        decide(actor, Operation::Send, &facts)?;
        Ok(self.deliver(actor, bridge, room, message, Senders::Members).await?.sent)
    }

    /// A send by the backend itself: it has stored the message under this id, and Snug tells.
    pub(in crate::engine) async fn told_message(
        &self,
        actor: &Actor,
        bridge: &Bridge,
        room: &RoomId,
        message: NewMessage,
        named: bool,
    ) -> Result<Sent> {
        if !named {
            return Err(Error::missing("id"));
        }
        let external = message.id.as_str().to_owned();
        let facts = self.store.room_facts(bridge.app(), room, None).await?;
        if facts.is_some_and(|facts| facts.room.head.seq == 0) {
            // What was said before it stands before it; a backend that cannot be asked while it
            // tells is believed all the same.
            let _ = self.fetch_before(bridge, room, &external).await;
        }
        self.store_row(actor, bridge, room, (message, external), Senders::AsBackendSays).await
    }

    pub(super) async fn deliver(
        &self,
        actor: &Actor,
        bridge: &Bridge,
        room: &RoomId,
        message: NewMessage,
        senders: Senders,
    ) -> Result<Delivered> {
        let Some(sender) = message.sender.clone() else { return Err(Error::missing("sender")) };
        if message.id.as_str().starts_with(EXTERNAL_START) {
            let expected = "an id that does not begin with b_, as the backend's own messages do";
            return Err(Error::invalid("id", expected));
        }
        let hit = self.store.message_by_key(bridge.app(), room, &message.id).await?;
        let new = hit.is_none();
        if hit.is_some_and(|hit| hit.hash != message.hash || hit.message.sender != message.sender) {
            return Err(Error::MessageIdConflict);
        }
        self.read_before_first(bridge, room, &sender).await?;
        if new {
            // Before the backend has it: what it has stored, it shows.
            let facts = self.store.room_facts(bridge.app(), room, actor.user()).await?;
            guard(actor, &facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?, senders)?;
        }
        self.note(bridge, room, &message, &sender).await?;
        let before = self.before(bridge, room).await?;
        let (kind, data) = Body::of(&message).write(message.kind);
        let call = json!({
            "userId": sender,
            "threadId": room,
            "threadMessage": {
                "messageId": message.id,
                "fromUserId": sender,
                "creationTime": self.now().seconds(),
                "type": kind,
                "data": data,
            },
        });
        let key = Key(message.id.as_str());
        let answer = self.call_bridge::<Answer>(bridge, "addThreadMessage", call, Some(key)).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error @ Error::BridgeRefused { .. }) => {
                self.forget_note(bridge, room, &message.id).await;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        let thread = BridgeThread::read(&answer.thread)?;
        self.check_thread(bridge, &thread, Some(room))?;
        let mut messages = answer.messages;
        let raw = answer.thread_message.or_else(|| messages.pop());
        let raw = raw.ok_or_else(|| broken("addThreadMessage answers with its threadMessage"))?;
        let told = Told::read(BridgeMessage::read(&raw)?)?;
        check_told(&told.message, &message, &sender, &kind)?;
        self.mirror(bridge, &thread, before, None).await?;
        let mut message = message;
        message.extras = told.body.extras();
        (message.text, message.custom) = (told.body.text, told.body.custom);
        let id = message.id.clone();
        let named = (message, told.message.message_id);
        let sent = self.store_row(actor, bridge, room, named, senders).await?;
        self.forget_note(bridge, room, &id).await;
        Ok(Delivered { sent, thread: answer.thread, message: raw })
    }

    /// Gives the message its row, without its words, and tells the room with them.
    async fn store_row(
        &self,
        actor: &Actor,
        bridge: &Bridge,
        room: &RoomId,
        (mut message, external): (NewMessage, String),
        senders: Senders,
    ) -> Result<Sent> {
        let app = bridge.app();
        let body = Body::of(&message);
        (message.text, message.custom, message.extras) = (None, None, None);
        message.external = Some(external.clone());
        for _ in 0..limits::GUARD_TRIES_MAX {
            let facts = self.store.room_facts(app, room, actor.user()).await?;
            let facts = facts.ok_or_else(|| Error::RoomNotFound(room.clone()))?;
            let append = Append {
                app: app.clone(),
                room: room.clone(),
                guard: guard(actor, &facts, senders)?,
                message: message.clone(),
                now: self.now(),
            };
            match self.store.append_message(append).await? {
                AppendOutcome::Stored(mut appended) => {
                    self.put_words(app, &mut appended, &body);
                    let sent = Sent {
                        message: appended.message.clone(),
                        duplicate: false,
                        mine: appended.mine.clone(),
                    };
                    self.publish_appended(app, *appended);
                    return Ok(sent);
                }
                AppendOutcome::Duplicate(first) => {
                    self.remind(app, room).await;
                    return Ok(as_repeat(first.as_seen(), body));
                }
                AppendOutcome::Conflict => {
                    return self.taken(actor, bridge, room, (&message, &external), body).await;
                }
                AppendOutcome::RoomNotFound => return Err(Error::RoomNotFound(room.clone())),
                AppendOutcome::GuardMoved => {}
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// The backend's id has a row under another id. It is a repeat when the row was made of what
    /// the backend showed, before its send was answered or it was told, or when the backend tells
    /// what a page had sent; else the backend gave the id before.
    async fn taken(
        &self,
        actor: &Actor,
        bridge: &Bridge,
        room: &RoomId,
        (message, external): (&NewMessage, &str),
        body: Body,
    ) -> Result<Sent> {
        let app = bridge.app();
        let found = self.store.externals(app, room, &[external.to_owned()]).await?.pop();
        let Some((_, id)) = found.filter(|(_, id)| *id != message.id) else {
            return Err(Error::MessageIdConflict);
        };
        let (sender, kind) = (message.sender.as_ref(), message.kind);
        let told = matches!(actor, Actor::Backend(_));
        let hit = match told || id == id_of_external(external) {
            true => self.store.message_by_key(app, room, &id).await?,
            false => None,
        };
        let shown = hit.filter(|hit| {
            let hashed = |silent| body.was_hashed(&hit.hash, (sender, kind, silent));
            let same = hashed(false) || hashed(true);
            same && hit.message.sender == message.sender
        });
        let Some(hit) = shown else {
            return Err(broken("each message has a messageId of its own"));
        };
        Ok(as_repeat(hit.message.as_seen(), body))
    }

    /// What was said before Snug knew the thread gets its rows before the first thing that is
    /// said through Snug, so that it stands before it.
    async fn read_before_first(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        sender: &UserId,
    ) -> Result<()> {
        let facts = self.store.room_facts(bridge.app(), room, None).await?;
        if facts.is_none_or(|facts| facts.room.head.seq == 0) {
            self.fetch_thread(bridge, Some(sender), room).await?;
        }
        Ok(())
    }

    /// Durable before the backend is asked; the same again is the same note.
    async fn note(
        &self,
        bridge: &Bridge,
        room: &RoomId,
        message: &NewMessage,
        sender: &UserId,
    ) -> Result<()> {
        let now = self.now();
        let note = Note {
            v: 1,
            sender: sender.to_string(),
            kind: message.kind.as_str().to_owned(),
            silent: message.silent,
            hash: STANDARD_NO_PAD.encode(message.hash.0),
            at: now.0,
        };
        let life = i64::try_from(limits::BRIDGE_PENDING_SECONDS).unwrap_or(0);
        let put = PutRecord {
            place: place(bridge),
            key: key_of(room, &message.id),
            value: serde_json::to_string(&note).map_err(|_| Error::Internal)?,
            expected: Some(0),
            lookup: None,
            expires_at: Some(now.plus_millis(life * 1_000)),
            now,
        };
        for _ in 0..limits::GUARD_TRIES_MAX {
            match self.store.put_record(put.clone()).await? {
                PutRecordOutcome::Put(_) => return Ok(()),
                PutRecordOutcome::Conflict(Some(before)) => {
                    let before: Note = serde_json::from_str(&before.value).map_err(|error| {
                        Error::StoreBroken { cause: format!("a pending message: {error}") }
                    })?;
                    let same = (before.hash, before.sender) == (note.hash, note.sender);
                    return if same { Ok(()) } else { Err(Error::MessageIdConflict) };
                }
                // Its first try ended in this moment.
                PutRecordOutcome::Conflict(None) => {}
                PutRecordOutcome::LookupTaken => return Err(Error::Internal),
            }
        }
        Err(Error::Overloaded { retry_after_ms: limits::OVERLOADED_RETRY_MS })
    }

    /// A note that stays is harmless: it ends by itself, and its message has its row.
    pub(super) async fn forget_note(&self, bridge: &Bridge, room: &RoomId, id: &MessageId) {
        let key = key_of(room, id);
        let _ = self.store.delete_record(&place(bridge), &key, self.now()).await;
    }

    /// What was sent to this room and has no row yet, as far as a page goes.
    pub(super) async fn pending_in(&self, bridge: &Bridge, room: &RoomId) -> Result<Vec<Pending>> {
        let start = format!("{room}\n");
        let most = limits::LISTING_PAGE_MAX;
        let found = self.store.records(&place(bridge), Some(&start), most, self.now()).await?;
        let here = found.iter().map_while(|record| {
            let id = record.key.strip_prefix(&start)?;
            Some((id, serde_json::from_str::<Note>(&record.value).ok()?))
        });
        Ok(here.filter_map(|(id, note)| pending(id, &note)).collect())
    }
}

fn as_repeat(mut first: Message, body: Body) -> Sent {
    if !first.is_gone() {
        body.put(&mut first);
    }
    first.rev = first.first_rev;
    Sent { message: first, duplicate: true, mine: None }
}

fn pending(id: &str, note: &Note) -> Option<Pending> {
    let hash = STANDARD_NO_PAD.decode(&note.hash).ok()?;
    Some(Pending {
        id: MessageId::from_stored(id),
        sender: UserId::from_stored(&note.sender),
        kind: MessageKind::parse(&note.kind)?,
        silent: note.silent,
        hash: PayloadHash(hash.try_into().ok()?),
    })
}

fn guard(actor: &Actor, facts: &RoomFacts, senders: Senders) -> Result<Guard> {
    let member = facts.mine.as_ref().is_some_and(Membership::is_active);
    if senders == Senders::AsBackendSays && !member {
        if facts.deactivated {
            return Err(Error::UserDeactivated);
        }
        if matches!(actor, Actor::Client(_)) {
            // Who never was in may be let in by the backend; who was removed is out (line 12).
            if facts.mine.is_some() {
                return Err(Error::NotAMember);
            }
            if facts.room.frozen {
                return Err(Error::RoomFrozen);
            }
        }
        return policy::check_backend(Operation::Send, &facts.room);
    }
    decide(actor, Operation::Send, facts)
}

fn check_told(told: &BridgeMessage, sent: &NewMessage, sender: &UserId, kind: &str) -> Result<()> {
    if told.from_user_id != *sender {
        return Err(broken("a threadMessage is from the user who sent it"));
    }
    if told.kind != kind {
        return Err(broken("a threadMessage has the type that was sent"));
    }
    let other = told.idempotency_key.as_deref().is_some_and(|key| key != sent.id.as_str());
    if other {
        return Err(broken("the answer is for the idempotencyKey that was sent"));
    }
    Ok(())
}
