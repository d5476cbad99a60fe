//! Receipts, as every door takes and answers them: what a device got, and who has a message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use snug_core::engine;
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::limits;
use snug_core::model;
use utoipa::{IntoParams, ToSchema};

use crate::object::{User, list};
use crate::value::Id;

/// Up to which seq the caller's device has got rooms.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DeliveredBody {
    /// Room id to seq; 1 to 100 rooms.
    pub rooms: BTreeMap<String, u64>,
}

impl DeliveredBody {
    /// Each room with its seq.
    ///
    /// # Errors
    /// None or too many rooms, or what is no room's id.
    pub fn into_rooms(self) -> Result<Vec<(RoomId, u64)>, Error> {
        let most = limits::DELIVERED_ROOMS_MAX;
        if self.rooms.is_empty() || self.rooms.len() > most {
            return Err(Error::invalid("rooms", format!("1 to {most} rooms")));
        }
        let one = |(room, seq): (String, u64)| {
            let id = RoomId::try_from(room);
            id.map(|id| (id, seq)).map_err(|error| Error::invalid("rooms", error.expected))
        };
        self.rooms.into_iter().map(one).collect()
    }
}

/// A delivered cursor that moved.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliveredItem {
    pub user: String,
    pub seq: u64,
}

/// `delivered`.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliveredEvent {
    pub room: String,
    /// Each user once.
    pub cursors: Vec<DeliveredItem>,
}

impl DeliveredEvent {
    #[must_use]
    pub fn of(room: &RoomId, users: &[model::DeliveredTo]) -> Self {
        let item = |to: &model::DeliveredTo| {
            let model::DeliveredTo { user, seq } = to;
            DeliveredItem { user: user.to_string(), seq: *seq }
        };
        Self { room: room.to_string(), cursors: users.iter().map(item).collect() }
    }
}

/// How many members have a message, of those who can have it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReceiptCounts {
    /// Who can have it: members who were in when it was said, but its sender.
    pub members: u64,
    pub delivered: u64,
    pub read: u64,
}

/// A member's two cursors.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReceiptItem {
    pub user: String,
    /// Never below `read_seq`.
    pub delivered_seq: u64,
    pub read_seq: u64,
}

/// Who has a message: a page of those who can, by user id.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReceiptsAnswer {
    /// The message's: whose cursor is there or above has it.
    pub seq: u64,
    /// On the first page, of a room of at most 5,000 members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<ReceiptCounts>,
    pub members: Vec<ReceiptItem>,
    /// Their profiles.
    pub users: Vec<User>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<engine::ReceiptsPage> for ReceiptsAnswer {
    fn from(page: engine::ReceiptsPage) -> Self {
        let engine::ReceiptsPage { seq, counts, members, next } = page;
        let counts = counts.map(|counts| {
            let model::ReceiptCounts { members, delivered, read } = counts;
            ReceiptCounts { members, delivered, read }
        });
        let (items, users) = members
            .into_iter()
            .map(|one| {
                let model::Receipt { user, delivered_seq, read_seq } = one;
                (ReceiptItem { user: user.id.to_string(), delivered_seq, read_seq }, user)
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        Self { seq, counts, members: items, users: list(users), next: next.map(Into::into) }
    }
}

/// Which page of a message's receipts.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct ReceiptsParams {
    /// 1 to 500; 100 by default
    pub limit: Option<usize>,
    /// `next` of the page before
    pub cursor: Option<String>,
}

impl ReceiptsParams {
    /// After whom, and how many.
    ///
    /// # Errors
    /// A cursor that is none.
    pub fn into_page(self) -> Result<(Option<UserId>, Option<usize>), Error> {
        let Self { limit, cursor } = self;
        let after = cursor.map(UserId::try_from).transpose();
        let after = after.map_err(|_| Error::invalid("cursor", "`next` of the page before"))?;
        Ok((after, limit))
    }
}

/// `receipts.list`.
#[derive(Debug, Deserialize)]
pub struct ReceiptsData {
    pub room: Id<RoomId>,
    pub id: Id<MessageId>,
    pub limit: Option<usize>,
    pub cursor: Option<Id<UserId>>,
}

impl ReceiptsData {
    /// Of which message, and which page.
    #[must_use]
    pub fn into_request(self) -> (RoomId, MessageId, (Option<UserId>, Option<usize>)) {
        let Self { room, id, limit, cursor } = self;
        (room.0, id.0, (cursor.map(|cursor| cursor.0), limit))
    }
}
