//! What consumers outside are told: one entry per rev of a room.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{CustomJson, Message, Role, Room, RoomKind, RoomPolicy, Time};
use crate::ids::{RoomId, UserId};

/// What happened at a rev.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxKind {
    MessageNew,
    MessageEdited,
    MessageDeleted,
    MessageHidden,
    MessageShown,
    MessagePinned,
    MessageUnpinned,
    ReactionAdded,
    ReactionRemoved,
    MembersAdded,
    MembersInvited,
    MembersRemoved,
    RoomCreated,
    RoomChanged,
    RoomDeleted,
}

impl OutboxKind {
    /// Every kind, for documents and filters.
    pub const ALL: [Self; 15] = [
        Self::MessageNew,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::MessageHidden,
        Self::MessageShown,
        Self::MessagePinned,
        Self::MessageUnpinned,
        Self::ReactionAdded,
        Self::ReactionRemoved,
        Self::MembersAdded,
        Self::MembersInvited,
        Self::MembersRemoved,
        Self::RoomCreated,
        Self::RoomChanged,
        Self::RoomDeleted,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageNew => "message.new",
            Self::MessageEdited => "message.edited",
            Self::MessageDeleted => "message.deleted",
            Self::MessageHidden => "message.hidden",
            Self::MessageShown => "message.shown",
            Self::MessagePinned => "message.pinned",
            Self::MessageUnpinned => "message.unpinned",
            Self::ReactionAdded => "reaction.added",
            Self::ReactionRemoved => "reaction.removed",
            Self::MembersAdded => "members.added",
            Self::MembersInvited => "members.invited",
            Self::MembersRemoved => "members.removed",
            Self::RoomCreated => "room.created",
            Self::RoomChanged => "room.changed",
            Self::RoomDeleted => "room.deleted",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a row keeps of a change that later ones would hide; a stored document. New messages and
/// edits keep none: the message and its versions tell what was said at that rev.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OutboxDetail {
    /// The form of this document.
    pub v: u32,
    /// Who did it; absent for the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaction: Option<ReactionDetail>,
    /// Who was added, invited or removed; in a new room, its members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberDetail>,
    /// In a new room: who was invited to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<UserId>,
    /// As the change left it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomDetail>,
}

/// A reaction given or taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReactionDetail {
    pub user: UserId,
    pub key: String,
}

/// A member, with the role that was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemberDetail {
    pub user: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A room's own facts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoomDetail {
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<UserId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, skip_serializing_if = "RoomPolicy::is_empty")]
    pub policy: RoomPolicy,
    pub member_count: u32,
}

impl OutboxDetail {
    /// The form that this build writes.
    pub const VERSION: u32 = 1;

    #[must_use]
    pub fn by(by: Option<&UserId>) -> Self {
        Self { v: Self::VERSION, by: by.cloned(), ..Self::default() }
    }

    #[must_use]
    pub fn with_members<'m>(
        mut self,
        members: impl Iterator<Item = (&'m UserId, Option<Role>)>,
    ) -> Self {
        let mut seen = HashSet::new();
        for (user, role) in members {
            if seen.insert(user) {
                let role = role.map(|role| role.as_str().to_owned());
                self.members.push(MemberDetail { user: user.clone(), role });
            }
        }
        self
    }

    #[must_use]
    pub fn with_invited(mut self, invited: &[UserId]) -> Self {
        self.invited = invited.to_vec();
        self
    }

    #[must_use]
    pub fn with_room(mut self, room: &Room) -> Self {
        self.room = Some(RoomDetail {
            kind: room.kind.as_str().to_owned(),
            context: room.direct.as_ref().map(|direct| direct.context.clone()),
            name: room.name.clone(),
            avatar: room.avatar.clone(),
            description: room.description.clone(),
            custom: room.custom.as_ref().map(|custom: &CustomJson| custom.raw().to_owned()),
            creator: room.creator.clone(),
            frozen: room.frozen,
            archived: room.archived,
            tags: room.tags.clone(),
            policy: room.policy.clone(),
            member_count: room.member_count,
        });
        self
    }

    #[must_use]
    pub fn with_reaction(mut self, user: &UserId, key: &str) -> Self {
        self.reaction = Some(ReactionDetail { user: user.clone(), key: key.to_owned() });
        self
    }
}

impl RoomDetail {
    /// The kind, if this build knows it.
    #[must_use]
    pub fn kind(&self) -> Option<RoomKind> {
        RoomKind::parse(&self.kind)
    }
}

/// How far the delivery of a row to the app's webhook endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// The app had no endpoint: the row is there to be pulled.
    Off,
    Waiting,
    Delivered,
    /// Given up: too old, or refused for good. Replay makes it wait again.
    Parked,
}

impl DeliveryState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "waiting" => Some(Self::Waiting),
            "delivered" => Some(Self::Delivered),
            "parked" => Some(Self::Parked),
            _ => None,
        }
    }
}

/// A row's delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub state: DeliveryState,
    pub attempts: u32,
    /// Not before; only while it waits after a failure.
    pub next_at: Option<Time>,
    /// Of the last attempt that failed.
    pub error: Option<String>,
    /// HTTP status of the last attempt, if there was an answer.
    pub status: Option<u16>,
    /// When it was delivered or parked.
    pub done_at: Option<Time>,
}

/// A change as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place among all of the app's: 1, 2, 3 …, in order per room, given after the commit, so
    /// that nothing appears below a position that was seen.
    pub position: u64,
    pub room: RoomId,
    pub rev: u64,
    pub kind: OutboxKind,
    /// The message concerned.
    pub seq: Option<u64>,
    /// An [`OutboxDetail`] as JSON.
    pub detail: Option<String>,
    /// The message with the words that it had at this rev and without reactions; a tombstone
    /// when they were erased since. `None`: nothing of it is left.
    pub message: Option<Message>,
    pub at: Time,
    pub delivery: Delivery,
}

impl OutboxRow {
    /// A message with the words of this row's rev, as the row tells of it: without what came
    /// later, but for erasure.
    #[must_use]
    pub fn told(&self, mut message: Message) -> Message {
        message.rev = self.rev;
        message.reactions = Vec::new();
        message.thread_summary = None;
        message.pinned_at = (self.kind == OutboxKind::MessagePinned).then_some(self.at);
        if message.deleted_at.is_some() {
            message.text = None;
            message.custom = None;
            message.extras = None;
        }
        message.edited_at = match self.kind {
            OutboxKind::MessageNew => None,
            OutboxKind::MessageEdited => Some(self.at),
            _ => message.edited_at,
        };
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of an older build are told too: the stored form stays.
    #[test]
    fn the_first_form_of_details_is_read_and_written() {
        let stored = r#"{"v":1,"by":"anna","reaction":{"user":"anna","key":"+1"},"members":[{"user":"ben","role":"member"},{"user":"cho"}],"room":{"kind":"group","context":"c","name":"n","avatar":"a","description":"d","custom":{"b": 1,"a":2},"creator":"anna","frozen":true,"member_count":3}}"#;
        let read: OutboxDetail = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), stored);
        let more = r#"{"v":1,"room":{"kind":"channel","archived":true,"tags":["a","標籤"],"member_count":0}}"#;
        let read: OutboxDetail = serde_json::from_str(more).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), more);
        let later = r#"{"v":1,"room":{"kind":"group","policy":{"fly":"admin","send":"admin"},"member_count":0}}"#;
        let read: OutboxDetail = serde_json::from_str(later).unwrap();
        let known = later.replace(r#""fly":"admin","#, "");
        assert_eq!(serde_json::to_string(&read).unwrap(), known, "of a later release");
        let bare: OutboxDetail = serde_json::from_str(r#"{"v":1}"#).unwrap();
        assert_eq!(serde_json::to_string(&bare).unwrap(), r#"{"v":1}"#);
    }

    #[test]
    fn kinds_are_words() {
        for kind in OutboxKind::ALL {
            assert_eq!(OutboxKind::parse(kind.as_str()), Some(kind));
        }
    }
}
