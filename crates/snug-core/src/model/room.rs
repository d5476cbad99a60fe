//! A conversation, its head and how it stands in a user's list.

use serde::{Deserialize, Serialize};

use super::merge::merged;
use super::{CustomJson, Member, Membership, MergeError, Patch, Preview, RoomPolicy, Time};
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Seq of the newest message; 0 in a room without one.
    pub seq: u64,
    /// Rev of the newest durable change; 1 when the room is made.
    pub rev: u64,
    /// Rev of the last removal of a member.
    pub members_rev: u64,
    /// Rev of the last change of the room itself (name, tags, archived …), or of its making: what
    /// `RoomPatch::if_rev` is held against, and how who has not opened it notices.
    #[serde(default)]
    pub room_rev: u64,
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
    /// In the order of their bytes, each once.
    #[serde(default)]
    pub tags: Vec<String>,
    pub creator: Option<UserId>,
    pub frozen: bool,
    /// Out of the lists, and nobody says anything in it.
    #[serde(default)]
    pub archived: bool,
    /// Who may do what, where it is otherwise than the table says.
    #[serde(default)]
    pub policy: RoomPolicy,
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

impl Room {
    /// Leaves of the room what an invitation shows: what it is called and how many are in it; of
    /// one that ended without a joining not even that. Whatever moves with what members do is as
    /// if nothing had happened since.
    pub fn show_invited(&mut self, mine: &Membership) {
        let at = mine.invitation.as_ref().map_or(mine.joined_at, |invitation| invitation.at);
        if !mine.is_invited() {
            self.name = None;
            self.avatar = None;
            self.member_count = 0;
            // And it may be another room by now, made anew under the id of the first.
            self.frozen = false;
            self.archived = false;
            self.epoch = String::new();
            self.created_at = at;
        }
        self.direct = None;
        self.description = None;
        self.custom = None;
        self.tags = Vec::new();
        self.policy = RoomPolicy::default();
        self.creator = None;
        self.changed_at = mine.changed_at;
        self.min_seq = 1;
        self.min_rev = 0;
        self.head = Head {
            rev: mine.rev,
            members_rev: mine.rev,
            room_rev: mine.rev,
            activity_at: at,
            ..Head::default()
        };
    }
}

/// Changes to a room; `frozen` only by the backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomPatch {
    pub name: Patch<String>,
    pub avatar: Patch<String>,
    pub description: Patch<String>,
    pub custom: Patch<CustomJson>,
    /// A JSON merge patch (RFC 7396) of `custom`; not beside a new one.
    pub custom_patch: Option<CustomJson>,
    /// All of them, in the order of their bytes, each once.
    pub tags: Option<Vec<String>>,
    pub frozen: Option<bool>,
    pub archived: Option<bool>,
    /// All of it; an empty one says nothing otherwise than the table.
    pub policy: Option<RoomPolicy>,
    /// Only if the room's `room_rev` is still this.
    pub if_rev: Option<u64>,
}

impl RoomPatch {
    /// Makes the changes to a room as it stands under its lock; revs and times are the store's.
    ///
    /// # Errors
    /// [`MergeError`]; the room is as it was.
    pub fn apply(&self, room: &mut Room) -> Result<(), MergeError> {
        let Self {
            name,
            avatar,
            description,
            custom,
            custom_patch,
            tags,
            frozen,
            archived,
            policy,
            if_rev: _,
        } = self;
        let custom = match custom_patch {
            Some(patch) => merged(room.custom.as_ref(), patch)?,
            None => custom.clone().apply(room.custom.take()),
        };
        room.custom = custom;
        room.name = name.clone().apply(room.name.take());
        room.avatar = avatar.clone().apply(room.avatar.take());
        room.description = description.clone().apply(room.description.take());
        if let Some(tags) = tags {
            room.tags.clone_from(tags);
        }
        room.frozen = frozen.unwrap_or(room.frozen);
        room.archived = archived.unwrap_or(room.archived);
        if let Some(policy) = policy {
            room.policy.clone_from(policy);
        }
        Ok(())
    }

    /// Whether policy looks at what it changes.
    #[must_use]
    pub fn moves_policy(&self) -> bool {
        self.frozen.is_some() || self.archived.is_some() || self.policy.is_some()
    }
}

/// A row of a user's room list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRoom {
    pub room: Room,
    pub mine: Membership,
    /// The pair of a direct room, the first few of a group.
    pub members: Vec<Member>,
}
