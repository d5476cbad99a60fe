//! What happened, as the bus carries it from the committing node to every node with interest.
//! Events may be lost, doubled and reordered; `rev` makes them reliable (contract line 8).
//!
//! Their serde form travels between nodes of two releases: fields are only added, with a default,
//! and `snug-server/tests/golden/bus-v1.jsonl` holds what the first release sent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, MessageId, RoomId, SessionId, UserId};
use crate::model::{
    CloseReason, DeliveredTo, Ephemeral, Head, MarkedMessage, Member, Membership, Message, Room,
    Scheduled, Time,
};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    Room(RoomEvent),
    User(UserEvent),
    Presence(PresenceEvent),
}

/// Something in a room: the same for every member. `head` is the room's after the change, so
/// that a light head can be made for connections that have not opened the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomEvent {
    pub app: AppId,
    pub room: RoomId,
    pub head: Head,
    pub body: RoomEventBody,
}

/// What happened in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomEventBody {
    /// `head.rev` is the message's rev.
    MessageAppended {
        message: Message,
    },
    /// Edited, deleted, hidden, shown or reacted to: the message in its new state, as members see
    /// it. `head.rev` is the message's rev.
    MessageChanged {
        message: Message,
    },
    RoomUpdated {
        room: Arc<Room>,
    },
    /// Added, invited, removed or changed members in their new state. A removed one gets nothing of a
    /// higher rev.
    MembersChanged {
        members: Vec<Member>,
        room: Arc<Room>,
    },
    RoomDeleted,
    /// A read cursor moved; no rev of its own.
    Read {
        user: UserId,
        seq: u64,
    },
    /// Delivered cursors moved, in a room that is small enough to be told; no rev of its own. Who
    /// missed it asks for a message's receipts. Nodes of the release before pass over it.
    Delivered {
        users: Vec<DeliveredTo>,
    },
    /// Ephemeral.
    Typing {
        user: UserId,
        on: bool,
        /// What is being written, where the typist's client shows it.
        text: Option<String>,
    },
    /// Words for who has the room open, kept nowhere. `head` is as policy saw it, so that no
    /// member hears it who was removed before (contract line 12).
    Ephemeral {
        said: Box<Ephemeral>,
    },
    /// The room's position once more, for those who missed an event.
    Beacon,
}

impl RoomEventBody {
    /// Whether this event took a rev of its own.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        match self {
            Self::MessageAppended { .. }
            | Self::MessageChanged { .. }
            | Self::RoomUpdated { .. }
            | Self::MembersChanged { .. }
            | Self::RoomDeleted => true,
            Self::Read { .. }
            | Self::Delivered { .. }
            | Self::Typing { .. }
            | Self::Ephemeral { .. }
            | Self::Beacon => false,
        }
    }

    /// Whether it is worth nothing a moment later: the first to go where there is too much.
    #[must_use]
    pub fn is_fleeting(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Typing { .. } | Self::Ephemeral { .. })
    }
}

/// Something of one user's own, for that user's connections only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEvent {
    pub app: AppId,
    pub user: UserId,
    pub body: UserEventBody,
}

/// What happened to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserEventBody {
    /// The own membership moved: a read, a send or a mark on any of the user's devices.
    Mine {
        room: RoomId,
        count: u64,
        mine: Membership,
        /// What moved is a mark on a message. Nodes of the release before do not send it, and
        /// tell the standing alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<Box<MarkedMessage>>,
    },
    /// Became a member.
    Joined { room: Arc<Room>, mine: Membership, members: Vec<Member> },
    /// Was invited: the room as the invited see it.
    Invited { room: Arc<Room>, mine: Membership },
    /// An invitation ended without a joining: declined on one of the user's devices, or taken
    /// back.
    Uninvited { room: RoomId, rev: u64 },
    /// Sessions that every node must drop now.
    SessionsClosed { sessions: Vec<SessionId>, reason: CloseReason },
    /// Sessions of the user may have been closed without news of it: every node asks which of
    /// those that its connections stand on still live.
    SessionsDoubted { reason: CloseReason },
    /// Somebody watches the user: every node that has a connection of theirs says so once more.
    PresenceAsked,
    /// The user is not seen as online from now on, or is again: as the profile said when it changed
    /// at this time. The newest holds.
    Invisible { on: bool, at: Time },
    /// A message of the user's was scheduled or changed, or could not be sent: as it is now.
    Scheduled { scheduled: Box<Scheduled> },
    /// A scheduled message of the user's is scheduled no more: it was sent, or taken back.
    Unscheduled { id: MessageId, room: RoomId, sent: bool },
}

/// Whether a node has connections of a user, for nodes where somebody watches that user. Fleeting,
/// and repeated when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceEvent {
    pub app: AppId,
    pub user: UserId,
    /// The node that says so.
    pub node: u64,
    /// Rises with each word of that node: of two words the one with the higher number is newer.
    pub number: u64,
    pub online: bool,
    /// When the last connection there ended; of a user who went out of sight, none.
    pub last_seen: Option<Time>,
}
