//! The outbox: what consumers outside are told, written in the commit of what it tells.
//!
//! Every change that takes a rev (`create_room`, `update_room`, `delete_room`, `change_members`,
//! `append_message`, `change_message`) leaves one row keyed (app, room, rev) in its own
//! transaction, if the app has a consumer; other apps' changes leave none.

use async_trait::async_trait;

use super::{ChangeMembers, ChangeMessage, Lease, MemberChange, MessageChange, StoreResult};
use crate::ids::{AppId, RoomId, UserId};
use crate::model::{DeliveryState, Message, OutboxDetail, OutboxKind, OutboxRow, Role, Room, Time};

/// Who hears of an app's changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Consumers {
    /// Rows wait for delivery to the webhook endpoint.
    pub webhook: bool,
    /// Rows wait, but nothing is delivered: the endpoint said that it is gone.
    pub paused: bool,
    /// Rows are kept to be pulled.
    pub pull: bool,
    /// The webhook endpoint: a JSON document of the engine's.
    pub endpoint: Option<String>,
    /// 1 when first put, one more with each change.
    pub rev: u64,
}

impl std::fmt::Debug for Consumers {
    /// The endpoint holds sealed secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumers")
            .field("webhook", &self.webhook)
            .field("paused", &self.paused)
            .field("pull", &self.pull)
            .field("rev", &self.rev)
            .finish_non_exhaustive()
    }
}

/// Which rows. Ascending above `after`, or without it descending below `before`.
#[derive(Debug, Clone, Default)]
pub struct OutboxQuery {
    pub after: Option<u64>,
    pub before: Option<u64>,
    pub state: Option<DeliveryState>,
    pub limit: usize,
}

/// What an attempt to deliver came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    Delivered { status: u16 },
    Failed { status: Option<u16>, error: String, next_at: Time },
    Parked { status: Option<u16>, error: String },
}

/// What a row says, made alike for every store.
#[derive(Debug, Clone)]
pub struct OutboxEntry {
    pub kind: OutboxKind,
    pub seq: Option<u64>,
    pub detail: Option<String>,
}

impl OutboxEntry {
    fn of(kind: OutboxKind, seq: Option<u64>, detail: &OutboxDetail) -> Self {
        // Strings and numbers: there is nothing in it that JSON cannot hold.
        let detail = serde_json::to_string(detail).ok();
        Self { kind, seq, detail }
    }

    #[must_use]
    pub fn appended(seq: u64) -> Self {
        Self { kind: OutboxKind::MessageNew, seq: Some(seq), detail: None }
    }

    #[must_use]
    pub fn message_changed(wanted: &ChangeMessage, message: &Message) -> Self {
        let detail = OutboxDetail::by(wanted.by.as_ref());
        let (kind, detail) = match &wanted.change {
            MessageChange::Edit { .. } => (OutboxKind::MessageEdited, detail),
            MessageChange::Delete => (OutboxKind::MessageDeleted, detail),
            MessageChange::Hide(true) => (OutboxKind::MessageHidden, detail),
            MessageChange::Hide(false) => (OutboxKind::MessageShown, detail),
            MessageChange::Pin(true) => (OutboxKind::MessagePinned, detail),
            MessageChange::Pin(false) => (OutboxKind::MessageUnpinned, detail),
            MessageChange::React { user, key, on } => {
                let kind =
                    if *on { OutboxKind::ReactionAdded } else { OutboxKind::ReactionRemoved };
                (kind, detail.with_reaction(user, key))
            }
        };
        Self::of(kind, Some(message.seq), &detail)
    }

    #[must_use]
    pub fn room_created(room: &Room, members: &[(UserId, Role)], invited: &[UserId]) -> Self {
        let members = members.iter().map(|(user, role)| (user, Some(*role)));
        let detail = OutboxDetail::by(room.creator.as_ref()).with_room(room).with_members(members);
        let detail = detail.with_invited(invited);
        Self::of(OutboxKind::RoomCreated, None, &detail)
    }

    #[must_use]
    pub fn room_changed(room: &Room, by: Option<&UserId>) -> Self {
        Self::of(OutboxKind::RoomChanged, None, &OutboxDetail::by(by).with_room(room))
    }

    #[must_use]
    pub fn room_deleted() -> Self {
        Self::of(OutboxKind::RoomDeleted, None, &OutboxDetail::by(None))
    }

    /// `affected`: those whose membership changed.
    #[must_use]
    pub fn members_changed(change: &ChangeMembers, affected: &[&UserId]) -> Self {
        let by = change.guard.member.as_ref().map(|(user, _)| user);
        let (kind, role) = match &change.change {
            MemberChange::Add { role, .. } => (OutboxKind::MembersAdded, Some(*role)),
            MemberChange::Accept { .. } => (OutboxKind::MembersAdded, None),
            MemberChange::Invite { role, .. } => (OutboxKind::MembersInvited, Some(*role)),
            MemberChange::Remove { .. } => (OutboxKind::MembersRemoved, None),
        };
        let members = affected.iter().map(|user| (*user, role));
        Self::of(kind, None, &OutboxDetail::by(by).with_members(members))
    }
}

/// The outbox of an app.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    async fn consumers(&self, app: &AppId) -> StoreResult<Option<Consumers>>;

    /// Stores who hears of the app's changes, at the next rev; `expected` is the rev that is
    /// there now (0 for none). `None` when it is another. Every change that begins after the
    /// return is written for these consumers.
    async fn put_consumers(
        &self,
        app: &AppId,
        consumers: &Consumers,
        expected: u64,
    ) -> StoreResult<Option<u64>>;

    /// Apps that have a consumer, at most `limit`, and whether deliveries are to be made.
    async fn outbox_apps(&self, limit: usize) -> StoreResult<Vec<(AppId, bool)>>;

    /// Apps with a row that waits, that are not paused, and whose delivery ([`super::JobPlace::webhook`]) no living
    /// lease holds, at most `limit`: work that a dead node left, or that nobody began.
    async fn outbox_due(&self, now: Time, limit: usize) -> StoreResult<Vec<AppId>>;

    /// Rows by position, with their messages. Gives positions to what was committed without one
    /// first: in each room in the order of rev, and above every position that was ever seen.
    async fn outbox(&self, app: &AppId, query: &OutboxQuery) -> StoreResult<Vec<OutboxRow>>;

    /// Position, room and rev of waiting rows by position, placed first as in `outbox`: which
    /// rooms have work.
    async fn outbox_rooms(
        &self,
        app: &AppId,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<(u64, RoomId, u64)>>;

    /// Waiting rows of one room above a rev, by rev, with their messages; of those that have a
    /// position.
    async fn outbox_of_room(
        &self,
        app: &AppId,
        room: &RoomId,
        above_rev: u64,
        limit: usize,
    ) -> StoreResult<Vec<OutboxRow>>;

    /// Keeps what an attempt came to, and counts it. `false`, and nothing is kept, when the
    /// lease is no longer the caller's.
    async fn settle_outbox(
        &self,
        lease: &Lease,
        position: u64,
        attempted: &Attempted,
        now: Time,
    ) -> StoreResult<bool>;

    /// Makes rows of these positions (both inclusive) wait for delivery again, as if never
    /// tried, the oldest `limit` of those that do not wait; how many, and up to which position.
    async fn replay_outbox(
        &self,
        app: &AppId,
        positions: (u64, u64),
        limit: usize,
    ) -> StoreResult<(u64, u64)>;

    /// Parks up to `limit` waiting rows of before `waiting_since` and removes up to `limit`
    /// rows of before `kept_since` that do not wait. How many were removed.
    async fn clear_outbox(
        &self,
        app: &AppId,
        waiting_since: Time,
        kept_since: Time,
        limit: usize,
    ) -> StoreResult<u64>;
}
