//! The store: truth. Every method is one atomic fact: it happens whole or not at all, and is
//! durable when it returns. If two calls must be atomic, make one method. `conformance` defines
//! what a backend is.
//!
//! "Not found" is `Ok(None)` or a variant of the outcome; an `Err` means the store itself failed.
//! Every call names the app, and no call can reach another app's rows.
//!
//! Times: `now` is the caller's clock. Message times are made strictly increasing per room and
//! unique per app by the store. `changed_at` of rooms and memberships is stamped inside the transaction and never goes
//! back by more than `SYNC_OVERLAP_MS` between commits.

mod apps;
mod changes;
mod jobs;
mod marks;
mod messages;
mod nodes;
mod operators;
mod outbox;
mod receipts;
mod records;
mod rooms;
mod scheduled;
mod sessions;
mod sync;
mod threads;
mod users;

use async_trait::async_trait;

use crate::model::Time;

pub use apps::{AppStore, NewApp, NewServerKey};
pub use changes::{ChangeMessage, ChangeMessageOutcome, ChangeStore, MessageChange, SeenWords};
pub use jobs::{JobPlace, JobStore, Lease, Released};
pub use marks::{MarkMessage, MarkOutcome, MarkStore, Marked, MarksAfter};
pub use messages::{
    Append, AppendOutcome, Appended, Guard, HistoryQuery, KeyHit, MessageStore, NewMessage,
    NewReply, PayloadHash,
};
pub use nodes::{ChangedRoom, LostNode, NodeStore};
pub use operators::{CreateOperator, OperatorSession, OperatorStore};
pub use outbox::{Attempted, Consumers, OutboxEntry, OutboxQuery, OutboxStore};
pub use receipts::{Delivered, DeliveredMoved, ReceiptStore, ReceiptsOf};
pub use records::{PutRecord, PutRecordOutcome, Record, RecordPlace, RecordStore};
pub use rooms::{
    ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, CreatedRoom, MemberChange,
    MembersChanged, NewRoom, RoomFacts, RoomStore, UpdateRoomOutcome,
};
pub use scheduled::{
    ChangeScheduled, NewScheduled, ScheduleOutcome, ScheduledLook, ScheduledPlace, ScheduledQuery,
    ScheduledStore, Settled,
};
pub use sessions::{
    Arrival, ClosedSession, JoinedRoom, NewSession, OpenOutcome, RefreshOutcome, SessionFacts,
    SessionOrigin, SessionStore,
};
pub use sync::{ListCursor, RoomChanges, RoomListQuery, SyncStore, UserChanges, UserSyncQuery};
pub use threads::{ThreadStore, ThreadsQuery};
pub use users::UserStore;

/// The result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

/// The store itself failed; nothing was decided about the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Its queue is full: nothing was written, try later.
    #[error("the store's queue is full")]
    Overloaded,
    /// It cannot be reached, or gave up in the middle: a write may or may not have happened,
    /// and the same id tells.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// A row that cannot be, or a statement that does not fit: a bug or damage.
    #[error("the store is damaged or misused: {0}")]
    Broken(String),
}

/// Where the whole store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Changes when the whole install's history could have changed (restore, import).
    pub epoch: String,
    pub at: Time,
}

/// All of a store.
#[async_trait]
pub trait Store:
    AppStore
    + UserStore
    + SessionStore
    + RoomStore
    + MessageStore
    + ChangeStore
    + ThreadStore
    + MarkStore
    + ScheduledStore
    + ReceiptStore
    + RecordStore
    + OutboxStore
    + JobStore
    + NodeStore
    + SyncStore
    + OperatorStore
    + Send
    + Sync
{
    /// The install's epoch and the store's own time, for the start of a user's sync: a database
    /// server's clock (the one that stamps `changed_at`), or `now` for the embedded store.
    async fn position(&self, now: Time) -> StoreResult<Position>;

    /// A cheap round trip: is the store there and writable?
    async fn ping(&self) -> StoreResult<()>;
}
