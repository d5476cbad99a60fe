//! Threads: what hangs at a message. A reply is stored by `append_message` and changed by
//! `change_message`, which keep the summary; here is what is read of it, and the own cursor.

use async_trait::async_trait;

use super::{HistoryQuery, StoreResult};
use crate::ids::{AppId, RoomId, UserId};
use crate::model::{Message, Thread, ThreadMine};

/// A page of a room's threads.
#[derive(Debug, Clone)]
pub struct ThreadsQuery {
    /// Whose cursors are shown.
    pub user: Option<UserId>,
    /// Only threads whose summary has a `last_seq` below.
    pub before: Option<u64>,
    /// Only roots above this seq.
    pub above: u64,
    pub limit: usize,
}

/// Threads of rooms. Rooms that are deleted have none, and nothing below `min_seq` is one.
#[async_trait]
pub trait ThreadStore: Send + Sync {
    /// Replies of the thread at a root, ascending by seq, tombstones too: the nearest `limit`
    /// ones to `before` or `after`, with neither the newest.
    async fn thread_replies(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>>;

    /// The room's threads that have a reply in sight, those replied to last first.
    async fn threads(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &ThreadsQuery,
    ) -> StoreResult<Vec<Thread>>;

    /// How a thread stands for a user, who need not be a member; the default where there is none.
    async fn thread_mine(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
    ) -> StoreResult<ThreadMine>;

    /// Moves an active member's cursor in the thread at a root to `seq` (capped at the room's
    /// seq), never back. It moves no rev. `None` when the user is no active member of a living
    /// room. Gone with the membership.
    async fn read_thread(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
        seq: u64,
    ) -> StoreResult<Option<ThreadMine>>;
}
