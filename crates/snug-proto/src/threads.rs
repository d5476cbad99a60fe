//! Threads, as every door takes and answers them.

use serde::{Deserialize, Serialize};
use snug_core::engine::{self, HistoryRequest, ThreadsRequest};
use snug_core::ids::{MessageId, RoomId};
use snug_core::model;
use utoipa::{IntoParams, ToSchema};

use crate::object::{Message, User, list};
use crate::value::{Id, WireTime};

/// The message at which a thread hangs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ThreadPlace {
    pub id: String,
    pub seq: u64,
}

impl From<model::ThreadPlace> for ThreadPlace {
    fn from(place: model::ThreadPlace) -> Self {
        let model::ThreadPlace { id, seq } = place;
        Self { id: id.into(), seq }
    }
}

/// How a thread stands: in its root, and in every reply.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ThreadSummary {
    /// Replies that were not unsent or hidden.
    pub replies: u64,
    /// The newest of them.
    pub last_seq: u64,
    #[schema(value_type = String, format = DateTime)]
    pub last_at: WireTime,
    /// The first few who replied, in the order in which they came.
    pub participants: Vec<String>,
    /// The room's rev of the last change: of two summaries the higher one is the newer.
    pub rev: u64,
}

impl From<model::ThreadSummary> for ThreadSummary {
    fn from(summary: model::ThreadSummary) -> Self {
        let model::ThreadSummary { replies, last_seq, last_at, participants, rev } = summary;
        let participants = participants.into_iter().map(Into::into).collect();
        Self { replies, last_seq, last_at: WireTime(last_at), participants, rev }
    }
}

/// How a thread stands for the caller.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ThreadMine {
    /// The caller wrote the root, replied, or was mentioned in a reply.
    pub following: bool,
    pub read_seq: u64,
    /// Replies of others after the cursor, at most 100.
    pub unread: u64,
}

impl From<model::ThreadMine> for ThreadMine {
    fn from(mine: model::ThreadMine) -> Self {
        let model::ThreadMine { following, read_seq, unread } = mine;
        Self { following, read_seq, unread }
    }
}

/// Seqs of the room, both inclusive: a page has every reply of its thread between them. Nothing is
/// between where `from` is above `to`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Covers {
    pub from: u64,
    pub to: u64,
}

/// A page of a thread.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ThreadAnswer {
    /// The message at which it hangs.
    pub root: Message,
    /// Replies ascending by seq.
    pub messages: Vec<Message>,
    /// Who wrote the root and these.
    pub users: Vec<User>,
    pub covers: Covers,
    pub has_before: bool,
    pub has_after: bool,
    /// Absent for a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<ThreadMine>,
}

impl From<engine::ThreadPage> for ThreadAnswer {
    fn from(page: engine::ThreadPage) -> Self {
        let engine::ThreadPage { root, messages, users, covers, has_before, has_after, mine } =
            page;
        let (from, to) = covers;
        Self {
            root: root.into(),
            messages: list(messages),
            users: list(users),
            covers: Covers { from, to },
            has_before,
            has_after,
            mine: mine.map(Into::into),
        }
    }
}

/// A thread in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ThreadItem {
    /// With `thread_summary`.
    pub root: Message,
    /// Absent for a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<ThreadMine>,
}

/// A page of a room's threads, those replied to last first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ThreadsAnswer {
    pub threads: Vec<ThreadItem>,
    /// Who wrote the roots.
    pub users: Vec<User>,
    /// `before` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

impl ThreadsAnswer {
    /// `asked_by_user`: a backend has no cursors.
    #[must_use]
    pub fn of(page: engine::ThreadsPage, asked_by_user: bool) -> Self {
        let engine::ThreadsPage { threads, users, next } = page;
        let item = |thread: model::Thread| {
            let model::Thread { root, mine } = thread;
            ThreadItem { root: root.into(), mine: asked_by_user.then(|| mine.into()) }
        };
        Self { threads: threads.into_iter().map(item).collect(), users: list(users), next }
    }
}

/// Which threads of a room.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ThreadsParams {
    /// `next` of the page before: threads whose last reply has a seq below
    pub before: Option<u64>,
    /// 1 to 50; 20 by default
    pub limit: Option<usize>,
}

impl From<ThreadsParams> for ThreadsRequest {
    fn from(params: ThreadsParams) -> Self {
        let ThreadsParams { before, limit } = params;
        Self { before, limit }
    }
}

/// `thread.history`.
#[derive(Debug, Deserialize)]
pub struct ThreadHistoryData {
    pub room: Id<RoomId>,
    pub thread: Id<MessageId>,
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub limit: Option<usize>,
}

impl ThreadHistoryData {
    /// Where, and which page.
    #[must_use]
    pub fn into_request(self) -> (RoomId, MessageId, HistoryRequest) {
        let Self { room, thread, before, after, limit } = self;
        (room.0, thread.0, HistoryRequest { before, after, limit })
    }
}

/// `thread.read`.
#[derive(Debug, Deserialize)]
pub struct ThreadReadData {
    pub room: Id<RoomId>,
    pub thread: Id<MessageId>,
    pub seq: u64,
}

/// `threads.list`.
#[derive(Debug, Deserialize)]
pub struct ThreadsListData {
    pub room: Id<RoomId>,
    pub before: Option<u64>,
    pub limit: Option<usize>,
}

impl ThreadsListData {
    /// The room and the REST parameters of the same meaning.
    #[must_use]
    pub fn into_params(self) -> (RoomId, ThreadsParams) {
        let Self { room, before, limit } = self;
        (room.0, ThreadsParams { before, limit })
    }
}
