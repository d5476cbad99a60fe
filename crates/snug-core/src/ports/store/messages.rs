//! Messages and read cursors.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::model::{CustomJson, Extras, Head, Membership, Message, MessageKind, ThreadPlace, Time};

/// SHA-256 over a send's payload as received: sender, kind, text, custom, silent, extras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadHash(pub [u8; 32]);

/// What policy saw. The store compares it inside its transaction (contract line 11) and
/// answers `GuardMoved` when it moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    pub room_policy_rev: u64,
    /// The acting member and the membership's `policy_rev`; `None` for the backend.
    pub member: Option<(UserId, u64)>,
}

/// A message to be stored.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub id: MessageId,
    /// The backend's id of a message of a bridged app, unique per room; the row has no body.
    pub external: Option<String>,
    pub sender: Option<UserId>,
    pub kind: MessageKind,
    pub text: Option<String>,
    pub custom: Option<CustomJson>,
    pub extras: Option<Box<Extras>>,
    pub silent: bool,
    pub hash: PayloadHash,
    /// How far the sender had read when sending.
    pub read_up_to: Option<u64>,
    /// A reply in a thread.
    pub thread: Option<NewReply>,
}

/// Where a new reply hangs. None of it ever changes, so it was read before the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReply {
    pub root: ThreadPlace,
    /// Who wrote the root, and so follows the thread.
    pub author: Option<UserId>,
}

impl NewMessage {
    /// Whether it counts as unread for the others.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.kind != MessageKind::System && !self.silent && self.thread.is_none()
    }

    /// Who follows the thread from this reply on: its sender, who wrote the root, and whom the
    /// reply mentions by name. Each once.
    #[must_use]
    pub fn followers(&self) -> BTreeSet<&UserId> {
        let Some(reply) = &self.thread else { return BTreeSet::new() };
        let named = self.extras.iter().flat_map(|extras| &extras.mentions.users);
        self.sender.iter().chain(&reply.author).chain(named).collect()
    }
}

/// An append.
#[derive(Debug, Clone)]
pub struct Append {
    pub app: AppId,
    pub room: RoomId,
    pub guard: Guard,
    pub message: NewMessage,
    pub now: Time,
}

/// A stored message, the room's head after it, and the sender's membership if it is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub message: Message,
    pub head: Head,
    pub mine: Option<Membership>,
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendOutcome {
    Stored(Box<Appended>),
    /// The id is there with the same sender and payload: the message as it is now; answer with
    /// its `first_rev`.
    Duplicate(Box<Message>),
    /// The id is there with another sender or payload, or the external id under another id.
    /// Nothing was stored.
    Conflict,
    GuardMoved,
    RoomNotFound,
}

/// What is known about an id key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHit {
    pub hash: PayloadHash,
    pub message: Message,
}

/// A page of history. `before` and `after` are exclusive; with neither, the newest page.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    pub before: Option<u64>,
    pub after: Option<u64>,
    /// Only messages above this seq (a member's `visible_after_seq`, the room's `min_seq` - 1).
    pub above: u64,
    pub limit: usize,
}

/// Messages of rooms.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Stores a message in ONE transaction. In this order, under the room's lock: the room
    /// exists and is not deleted (else `RoomNotFound`); the id key (`Duplicate`, `Conflict`) and
    /// the external id (`Conflict`); the guard (`GuardMoved`); then seq = head.seq + 1, rev = head.rev + 1, the counting number
    /// (+1 unless system, silent or a reply in a thread), a time above the last; the message and whom
    /// it mentions, the room's head with preview, the sender's `own_count` (+1 if it counts) and
    /// cursor. A reply in a thread leaves the head's preview and activity as they were, and writes
    /// the thread's summary, which the message has, and who follows it.
    ///
    /// The sender's cursor moves to `read_up_to` (by max, not above the room's seq before this
    /// message) and then past the own message only when no other's message lies between the
    /// cursor and it. `read_count`, `read_own` follow the cursor; `read_rev` = the new rev.
    ///
    /// Concurrent appends to one room leave seq 1..n without hole or double.
    async fn append_message(&self, append: Append) -> StoreResult<AppendOutcome>;

    /// The message stored under an id, for the look-up before policy.
    async fn message_by_key(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
    ) -> StoreResult<Option<KeyHit>>;

    /// Those of the backend's ids that messages of the living room have, in any order, each with
    /// the message's own id.
    async fn externals(
        &self,
        app: &AppId,
        room: &RoomId,
        externals: &[String],
    ) -> StoreResult<Vec<(String, MessageId)>>;

    /// Messages ascending by seq: the nearest `limit` ones to `before` or `after`.
    async fn history(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>>;

    /// Moves an active member's cursor to `seq` (capped at the room's seq), never back;
    /// `read_count` is the counting number of the message at the cursor, `read_own` the number
    /// of own counting messages at or below it, `read_rev` the room's rev. The flag says whether
    /// it moved. `None` when the user is no active member of a living room.
    async fn move_cursor(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seq: u64,
        now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>>;
}
