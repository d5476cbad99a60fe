//! A conversation, its head and how it stands in a user's list.

use serde::{Deserialize, Serialize};

use super::{CustomJson, Member, Membership, Patch, Preview, Time};
use crate::ids::{RoomId, UserId};

/// The kinds of rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoomKind {
    /// Two users, keyed by the pair and a context.
    Direct,
    Group,
    /// Open to the whole app: every user may read it and join.
    Channel,
}

impl RoomKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "direct" => Some(Self::Direct),
            "group" => Some(Self::Group),
            "channel" => Some(Self::Channel),
            _ => None,
        }
    }
}

/// Whom a direct room joins, and about what. `low <= high` byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectKey {
    pub low: UserId,
    pub high: UserId,
    pub context: String,
}

impl DirectKey {
    #[must_use]
    pub fn new(a: UserId, b: UserId, context: String) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self { low, high, context }
    }

    /// The other one of the pair.
    #[must_use]
    pub fn peer_of(&self, user: &UserId) -> Option<&UserId> {
        if *user == self.low {
            Some(&self.high)
        } else if *user == self.high {
            Some(&self.low)
        } else {
            None
        }
    }
}

/// Where a room stands: the light part that changes with every event, alike for all members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Seq of the newest message; 0 in a room without one.
    pub seq: u64,
    /// Rev of the newest durable change; 1 when the room is made.
    pub rev: u64,
    /// Rev of the last removal of a member.
    pub members_rev: u64,
    /// The counting number of the newest message.
    pub count: u64,
    /// Time of the newest message, else of making the room.
    pub activity_at: Time,
    pub preview: Option<Preview>,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub id: RoomId,
    pub kind: RoomKind,
    pub direct: Option<DirectKey>,
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub description: Option<String>,
    pub custom: Option<CustomJson>,
    pub creator: Option<UserId>,
    pub frozen: bool,
    pub created_at: Time,
    pub changed_at: Time,
    pub deleted_at: Option<Time>,
    /// Changes when history could have changed behind a client's back (restore, re-creation).
    pub epoch: String,
    pub min_seq: u64,
    pub min_rev: u64,
    /// Moves with every change that policy looks at, but for one member's own.
    pub policy_rev: u64,
    pub member_count: u32,
    pub head: Head,
}

/// Changes to a room; `frozen` only by the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomPatch {
    pub name: Patch<String>,
    pub avatar: Patch<String>,
    pub description: Patch<String>,
    pub custom: Patch<CustomJson>,
    pub frozen: Option<bool>,
}

/// A row of a user's room list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRoom {
    pub room: Room,
    pub mine: Membership,
    /// The pair of a direct room, the first few of a group.
    pub members: Vec<Member>,
}
