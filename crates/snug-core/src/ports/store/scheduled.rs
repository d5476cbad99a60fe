//! Messages that are to be sent later.

use async_trait::async_trait;

use super::{Lease, PayloadHash, StoreResult};
use crate::ids::{AppId, MessageId, RoomId, UserId};
use crate::model::{Scheduled, ScheduledFailure, ScheduledWords, Time};

/// Where a scheduled message lies: an id is its owner's, whatever the room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScheduledPlace {
    pub app: AppId,
    /// No user: the backend.
    pub owner: Option<UserId>,
    pub id: MessageId,
}

impl ScheduledPlace {
    #[must_use]
    pub fn of(app: &AppId, scheduled: &Scheduled) -> Self {
        let Scheduled { owner, id, .. } = scheduled;
        Self { app: app.clone(), owner: owner.clone(), id: id.clone() }
    }
}

/// A message to be scheduled.
#[derive(Debug, Clone)]
pub struct NewScheduled {
    pub app: AppId,
    /// With rev 1, neither being sent nor failed.
    pub scheduled: Scheduled,
    /// Of what was asked, to know a repeat by; a change does not move it.
    pub hash: PayloadHash,
    /// So many of its owner's may be there with it.
    pub most: usize,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleOutcome {
    Stored,
    /// The id is there with the same hash: the message as it is now.
    Existing(Box<Scheduled>),
    /// The id is there with another hash. Nothing was stored.
    Conflict,
    TooMany,
}

/// A page of an owner's scheduled messages.
#[derive(Debug, Clone, Default)]
pub struct ScheduledQuery {
    /// Of this room only.
    pub room: Option<RoomId>,
    /// Behind this time and id.
    pub after: Option<(Time, MessageId)>,
    pub limit: usize,
}

/// New time and words for a scheduled message.
#[derive(Debug, Clone)]
pub struct ChangeScheduled {
    pub place: ScheduledPlace,
    /// The rev that it must have.
    pub rev: u64,
    pub at: Time,
    pub words: Box<ScheduledWords>,
}

/// What a try made of a scheduled message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It begins: from here on its owner changes nothing. Takes no rev.
    Sending,
    /// The message is stored: it is scheduled no more.
    Sent,
    /// It came to nothing that lasts: to be tried again then. Its owner's to change until then,
    /// unless it is open: nobody knows whether the try has stored it.
    Again { due_at: Time, open: bool },
    /// It is not tried again.
    Failed(ScheduledFailure),
}

/// What a look for due messages finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduledLook {
    /// Apps with messages that are due, each once, that first whose message waits longest.
    pub apps: Vec<AppId>,
    /// When the first is due of those that are not yet, whatever its app.
    pub next: Option<Time>,
}

/// Scheduled messages. One row for each that was not sent yet.
#[async_trait]
pub trait ScheduledStore: Send + Sync {
    /// Stores a message that is due at its time. The bound is held also against schedules of the
    /// same moment.
    async fn schedule(&self, new: NewScheduled) -> StoreResult<ScheduleOutcome>;

    /// One message, with the hash of what was asked.
    async fn scheduled_one(
        &self,
        place: &ScheduledPlace,
    ) -> StoreResult<Option<(PayloadHash, Scheduled)>>;

    /// An owner's, by time and then id, soonest first.
    async fn scheduled(
        &self,
        app: &AppId,
        owner: Option<&UserId>,
        query: &ScheduledQuery,
    ) -> StoreResult<Vec<Scheduled>>;

    /// Gives a message another time and other words, takes a rev, and makes it due at that time,
    /// also one that has failed. `None` when it is not there at this rev, or is being sent.
    async fn change_scheduled(&self, change: ChangeScheduled) -> StoreResult<Option<Scheduled>>;

    /// Takes a message back; `false` when it is not there at this rev, or is being sent.
    async fn unschedule(&self, place: &ScheduledPlace, rev: u64) -> StoreResult<bool>;

    /// Apps with messages that are due, at most so many, and when to look again.
    async fn scheduled_apps(&self, now: Time, limit: usize) -> StoreResult<ScheduledLook>;

    /// An app's messages that are due, longest due first, then by owner and id: also those whose
    /// sending began and never ended, and those whose words this build cannot read
    /// ([`ScheduledWords::unread`]).
    async fn scheduled_due(
        &self,
        app: &AppId,
        now: Time,
        limit: usize,
    ) -> StoreResult<Vec<Scheduled>>;

    /// Keeps what became of a message whose time had come; [`Settled::Again`] and
    /// [`Settled::Failed`] take a rev. `false`, and nothing is written, when the lease is another's
    /// or the message is not there at this rev.
    async fn settle_scheduled(
        &self,
        lease: &Lease,
        place: &ScheduledPlace,
        rev: u64,
        settled: &Settled,
    ) -> StoreResult<bool>;

    /// Removes messages of any app that failed before then, at most so many, the oldest first.
    /// Says how many went.
    async fn clear_scheduled(&self, failed_before: Time, limit: usize) -> StoreResult<u64>;
}
