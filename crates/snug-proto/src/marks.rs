//! A user's own marks on messages, as every door takes and answers them.

use serde::{Deserialize, Serialize};
use snug_core::engine::{self, MarkRequest};
use snug_core::ids::{MessageId, RoomId};
use snug_core::model;
use utoipa::{IntoParams, ToSchema};

use crate::object::{Message, Mine, User, is_false, list};
use crate::value::{Id, WireTime};

/// How the caller keeps a message; told to nobody else.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Own {
    /// Of two views of one message's the higher one is the newer.
    pub rev: u64,
    /// Since when it is starred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starred_at: Option<WireTime>,
    /// Deleted for the caller alone: nothing of its words is here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
}

impl From<model::Mark> for Own {
    fn from(mark: model::Mark) -> Self {
        let model::Mark { starred_at, deleted, rev } = mark;
        Self { rev, starred_at: starred_at.map(WireTime), deleted }
    }
}

/// Where the caller's marks in a room stand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Marks {
    /// Of the newest one.
    pub rev: u64,
    /// The newest message of the room's own conversation that the caller deleted for oneself: a
    /// preview of this seq is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_seq: Option<u64>,
}

impl Marks {
    pub(crate) fn of(marks: model::MarksHead) -> Option<Self> {
        let model::MarksHead { rev, deleted_seq } = marks;
        (rev > 0).then(|| Self { rev, deleted_seq: Some(deleted_seq).filter(|seq| *seq > 0) })
    }
}

/// A message by its place, and how the caller keeps it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MarkItem {
    pub id: String,
    pub seq: u64,
    pub own: Own,
}

impl From<model::MarkedMessage> for MarkItem {
    fn from(marked: model::MarkedMessage) -> Self {
        let model::MarkedMessage { id, seq, mark } = marked;
        Self { id: id.into(), seq, own: mark.into() }
    }
}

/// How a message is kept now, and the standing that this makes: an answer, and `message.own`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct OwnAnswer {
    pub room: String,
    /// The message's id.
    pub id: String,
    pub seq: u64,
    pub own: Own,
    pub mine: Mine,
}

impl OwnAnswer {
    #[must_use]
    pub fn of(
        room: &str,
        message: model::MarkedMessage,
        mine: &model::Membership,
        count: u64,
    ) -> Self {
        let MarkItem { id, seq, own } = message.into();
        Self { room: room.to_owned(), id, seq, own, mine: Mine::of(mine, count) }
    }
}

/// The caller's marks of a room after the rev that was asked from.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MarksPage {
    /// Each once and as it is now, ascending by rev.
    pub changed: Vec<MarkItem>,
    /// The rev up to which this is complete.
    pub rev: u64,
    pub more: bool,
}

impl From<engine::MarksPage> for MarksPage {
    fn from(page: engine::MarksPage) -> Self {
        let engine::MarksPage { marks, rev, more } = page;
        Self { changed: list(marks), rev, more }
    }
}

/// Changes to how the caller keeps a message; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct OwnMessageBody {
    pub starred: Option<bool>,
    /// Only `true`: what was deleted for oneself is not brought back. It takes the star, too.
    pub deleted: Option<bool>,
}

impl From<OwnMessageBody> for MarkRequest {
    fn from(body: OwnMessageBody) -> Self {
        let OwnMessageBody { starred, deleted } = body;
        Self { starred, deleted }
    }
}

/// `message.own`: the REST body, with its room and message.
#[derive(Debug, Deserialize)]
pub struct OwnMessageData {
    pub room: Id<RoomId>,
    pub id: Id<MessageId>,
    pub starred: Option<bool>,
    pub deleted: Option<bool>,
}

/// Which starred messages, and `starred.list`.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct StarredParams {
    /// `next` of the page before: those starred earlier
    #[param(value_type = Option<String>, format = DateTime)]
    pub before: Option<WireTime>,
    /// 1 to 100; 50 by default
    pub limit: Option<usize>,
}

/// A page of the caller's starred messages, starred last first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StarredAnswer {
    pub messages: Vec<Message>,
    /// Who sent these.
    pub users: Vec<User>,
    /// `before` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next: Option<WireTime>,
}

impl From<engine::StarredPage> for StarredAnswer {
    fn from(page: engine::StarredPage) -> Self {
        let engine::StarredPage { messages, users, next } = page;
        Self { messages: list(messages), users: list(users), next: next.map(WireTime) }
    }
}
