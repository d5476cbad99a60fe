//! Who is online, as every door says it.

use serde::{Deserialize, Serialize};
use snug_core::ids::{RoomId, UserId};
use snug_core::model::Time;
use utoipa::ToSchema;

use crate::value::{Id, WireTime, ids};

/// Whether a user is online: in an answer, and as the event `presence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    pub user: String,
    /// At least one connection that answers, or the last one ended a few seconds ago.
    pub online: bool,
    /// When the last connection ended, of a user who is not online and may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<WireTime>,
}

impl Presence {
    #[must_use]
    pub fn of(user: &UserId, online: bool, last_seen: Option<Time>) -> Self {
        let last_seen = last_seen.filter(|_| !online).map(WireTime);
        Self { user: user.to_string(), online, last_seen }
    }
}

/// Users, each with whether they are online.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PresenceAnswer {
    pub users: Vec<Presence>,
}

/// `presence.watch`: everybody in these rooms; or, with `users`, these of one room.
#[derive(Debug, Deserialize)]
pub struct WatchData {
    pub rooms: Vec<Id<RoomId>>,
    pub users: Option<Vec<Id<UserId>>>,
}

/// `presence.unwatch`.
#[derive(Debug, Deserialize)]
pub struct UnwatchData {
    pub rooms: Vec<Id<RoomId>>,
}

impl WatchData {
    /// Rooms, and users if some are named.
    #[must_use]
    pub fn into_parts(self) -> (Vec<RoomId>, Option<Vec<UserId>>) {
        (ids(self.rooms), self.users.map(ids))
    }
}
