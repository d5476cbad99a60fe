//! Pushed events and the data of socket answers that REST has no body for.

use serde::{Deserialize, Serialize};
use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::limits;
use snug_core::model;

use crate::ephemeral::EphemeralEvent;
use crate::frame::event;
use crate::marks::OwnAnswer;
use crate::object::{Head, Member, Message, Mine, Room, User, list};
use crate::receipts::DeliveredEvent;
use crate::rest::{HistoryAnswer, MySession};
use crate::value::WireTime;

/// Every event, for the documents.
pub const EVENTS: &[&str] = &[
    "hello",
    "room.head",
    "message.new",
    "message.changed",
    "message.ephemeral",
    "room.changed",
    "members.changed",
    "room.joined",
    "room.invited",
    "room.left",
    "room.mine",
    "message.own",
    "scheduled",
    "read",
    "delivered",
    "typing",
    "presence",
    "session.expiring",
    "error",
];

/// The first event after authentication.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub server: String,
    pub session: MySession,
    pub user: User,
    pub policy: String,
    pub epoch: String,
    pub limits: HelloLimits,
    pub reconnect: Reconnect,
}

/// Bounds that a client should know.
#[derive(Debug, Serialize, Deserialize)]
pub struct HelloLimits {
    pub frame_bytes: usize,
    pub text_bytes: usize,
    pub liveness_ms: u64,
}

/// How reconnecting clients spread.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reconnect {
    pub min_ms: u64,
    pub max_ms: u64,
}

/// The answer to `message.send`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SentAnswer {
    pub message: Message,
    pub duplicate: bool,
}

/// The answer to `room.open`.
#[derive(Debug, Serialize, Deserialize)]
pub struct OpenAnswer {
    pub room: Room,
    pub history: HistoryAnswer,
}

/// The answer to ops that change a room.
#[derive(Debug, Serialize, Deserialize)]
pub struct RoomAnswer {
    pub room: Room,
}

/// The answer to `me.update`.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserAnswer {
    pub user: User,
}

/// The answer to `session.refresh`; no token where the client brought one.
#[derive(Debug, Serialize, Deserialize)]
pub struct RefreshAnswer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub session: String,
    pub expires_at: WireTime,
}

/// `message.new` and `message.changed`: the message as it is now.
#[derive(Debug, Serialize, Deserialize)]
pub struct MessageNew {
    pub room: String,
    pub rev: u64,
    pub members_rev: u64,
    pub message: Message,
}

/// `room.changed`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RoomChanged {
    pub room: String,
    pub rev: u64,
    pub members_rev: u64,
    pub room_object: Room,
}

/// `members.changed`.
#[derive(Debug, Serialize, Deserialize)]
pub struct MembersChanged {
    pub room: String,
    pub rev: u64,
    pub members_rev: u64,
    pub member_count: u32,
    pub members: Vec<Member>,
}

/// `room.joined` and `room.invited`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RoomJoined {
    pub room: String,
    pub rev: u64,
    pub room_object: Room,
}

/// `room.left`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RoomLeft {
    pub room: String,
    pub rev: u64,
    /// `left`, `removed` or `deleted`.
    pub reason: String,
}

/// `room.mine`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RoomMine {
    pub room: String,
    pub mine: Mine,
}

/// `read`.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadEvent {
    pub room: String,
    pub user: String,
    pub seq: u64,
    pub rev: u64,
}

/// `typing`.
#[derive(Debug, Serialize, Deserialize)]
pub struct TypingEvent {
    pub room: String,
    pub user: String,
    pub on: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `session.expiring`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Expiring {
    pub expires_at: WireTime,
}

/// What those who have the room open get of a room event; `None` where a light head says all,
/// also of an event too large to push: one queue must hold several.
#[must_use]
pub fn full(happened: &RoomEvent) -> Option<Vec<u8>> {
    encode(happened).filter(|frame| frame.len() <= limits::EVENT_BYTES_MAX)
}

fn encode(happened: &RoomEvent) -> Option<Vec<u8>> {
    let room = happened.room.to_string();
    let (rev, members_rev) = (happened.head.rev, happened.head.members_rev);
    Some(match &happened.body {
        RoomEventBody::MessageAppended { message } => {
            let message = Message::from(message.clone());
            event("message.new", &MessageNew { room, rev, members_rev, message })
        }
        RoomEventBody::MessageChanged { message } => {
            let message = Message::from(message.clone());
            event("message.changed", &MessageNew { room, rev, members_rev, message })
        }
        RoomEventBody::RoomUpdated { room: changed } => {
            let room_object = Room::of(model::Room::clone(changed), Vec::new(), None);
            event("room.changed", &RoomChanged { room, rev, members_rev, room_object })
        }
        RoomEventBody::MembersChanged { members, room: changed } => {
            let member_count = changed.member_count;
            let members = list(members.clone());
            let data = MembersChanged { room, rev, members_rev, member_count, members };
            event("members.changed", &data)
        }
        RoomEventBody::Read { user, seq } => {
            event("read", &ReadEvent { room, user: user.to_string(), seq: *seq, rev })
        }
        RoomEventBody::Delivered { users } => {
            event("delivered", &DeliveredEvent::of(&happened.room, users))
        }
        RoomEventBody::Typing { user, on, .. } => {
            let data = TypingEvent { room, user: user.to_string(), on: *on, name: None };
            event("typing", &data)
        }
        RoomEventBody::Ephemeral { said } => {
            let said = model::Ephemeral::clone(said);
            event("message.ephemeral", &EphemeralEvent::of(&happened.room, said))
        }
        RoomEventBody::RoomDeleted | RoomEventBody::Beacon => return None,
    })
}

/// The light head of a room event. News of a message says whom it mentions: who has the room closed
/// counts that as the server does, without a frame for each who is mentioned.
#[must_use]
pub fn light(happened: &RoomEvent) -> Vec<u8> {
    let mut head = Head::of(happened.room.as_str(), happened.head.clone());
    if let RoomEventBody::MessageAppended { message } = &happened.body {
        head.mentions = message.mentions().cloned().map(Into::into);
    } else {
        head.again = true;
    }
    event("room.head", &head)
}

/// Told to whom a room is lost.
#[must_use]
pub fn left(happened: &RoomEvent, reason: &str) -> Vec<u8> {
    let data = RoomLeft {
        room: happened.room.to_string(),
        rev: happened.head.rev,
        reason: reason.to_owned(),
    };
    event("room.left", &data)
}

/// Told to a user who became a member.
#[must_use]
pub fn joined(room: &model::Room, mine: &model::Membership, members: &[model::Member]) -> Vec<u8> {
    let write = |members: &[model::Member]| {
        let data = RoomJoined {
            room: room.id.to_string(),
            rev: room.head.rev,
            room_object: Room::of(room.clone(), members.to_vec(), Some(mine)),
        };
        event("room.joined", &data)
    };
    let frame = write(members);
    if frame.len() <= limits::EVENT_BYTES_MAX { frame } else { write(&[]) }
}

/// Told to a user who was invited; nothing is in it that an invitation does not show.
#[must_use]
pub fn invited(room: &model::Room, mine: &model::Membership) -> Vec<u8> {
    let data = RoomJoined {
        room: room.id.to_string(),
        rev: room.head.rev,
        room_object: Room::of(room.clone(), Vec::new(), Some(mine)),
    };
    event("room.invited", &data)
}

/// Told to a user whose invitation ended without a joining.
#[must_use]
pub fn uninvited(room: &str, rev: u64) -> Vec<u8> {
    event("room.left", &RoomLeft { room: room.to_owned(), rev, reason: "removed".to_owned() })
}

/// Told to the user's own connections.
#[must_use]
pub fn mine(room: &str, count: u64, mine: &model::Membership) -> Vec<u8> {
    event("room.mine", &RoomMine { room: room.to_owned(), mine: Mine::of(mine, count) })
}

/// Told to the user's own connections of a mark on a message.
#[must_use]
pub fn own(
    room: &str,
    count: u64,
    mine: &model::Membership,
    mark: &model::MarkedMessage,
) -> Vec<u8> {
    event("message.own", &OwnAnswer::of(room, mark.clone(), mine, count))
}
