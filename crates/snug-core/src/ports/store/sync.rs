//! The named cross-room reads (room list, user sync) and the sync of one room.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, RoomId, UserId};
use crate::model::{ListedRoom, Member, Message, Room, RoomFilter, Time};

/// Where a page of the room list ended: whether among the pinned, activity and room id, exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    pub pinned: bool,
    pub activity_at: Time,
    pub room: RoomId,
}

/// A page of the room list.
#[derive(Debug, Clone)]
pub struct RoomListQuery {
    pub after: Option<ListCursor>,
    pub limit: usize,
    /// Also rooms that were left, as they were at the moment of leaving.
    pub include_left: bool,
    /// Members to show with each group.
    pub members_shown: usize,
    pub filter: RoomFilter,
    /// What mutes are held against.
    pub now: Time,
}

/// Everything of one room above a rev, in its latest state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomChanges {
    pub room: Room,
    /// Messages with rev above the given one, ascending by rev; tombstones too.
    pub messages: Vec<Message>,
    /// Members (also those that left) with rev above the given one, ascending by rev.
    pub members: Vec<Member>,
    /// Cursors of active members that moved at or after the given rev: user and seq. On every
    /// page, since the next page asks from a later rev; at most `SYNC_READS_MAX`, the newest.
    pub reads: Vec<(UserId, u64)>,
    /// The rev up to which this page is complete: the room's, unless `more`.
    pub rev: u64,
    pub more: bool,
}

/// Where a user sync goes on: time of the first change not yet seen, and the last room of a
/// page that ended in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSyncQuery {
    pub since: Time,
    /// Changed rooms come in the order of (changed_at, room id); this page starts behind.
    pub after: Option<(Time, RoomId)>,
    pub limit: usize,
    pub members_shown: usize,
}

/// Rooms of a user that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserChanges {
    /// Rooms whose head or own membership changed at or after `since`, in the order of the later
    /// of the two times and the room id. Left and deleted rooms too.
    pub rooms: Vec<(Time, ListedRoom)>,
    /// The store's own time when it began to read.
    pub read_at: Time,
    pub more: bool,
}

/// Reads that answer "what is new".
#[async_trait]
pub trait SyncStore: Send + Sync {
    /// The user's rooms, the pinned ones first, each part by activity, newest first, ties by room
    /// id descending. A room without a message is listed for its creator only; deleted rooms
    /// never; of the others those that [`RoomFilter::holds`].
    async fn room_list(
        &self,
        app: &AppId,
        user: &UserId,
        query: &RoomListQuery,
    ) -> StoreResult<Vec<ListedRoom>>;

    /// `None` when there is no living room. Messages and members above `rev` are read in one
    /// snapshot; when more than `limit` changed, the page is cut at a rev so that nothing of or
    /// below `RoomChanges::rev` is missing. Only messages above `above_seq` are returned.
    async fn room_changes(
        &self,
        app: &AppId,
        room: &RoomId,
        rev: u64,
        above_seq: u64,
        limit: usize,
    ) -> StoreResult<Option<RoomChanges>>;

    async fn user_changes(
        &self,
        app: &AppId,
        user: &UserId,
        query: &UserSyncQuery,
        now: Time,
    ) -> StoreResult<UserChanges>;
}
