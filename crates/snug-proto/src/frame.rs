//! Socket frames: what a client may send, and how answers and events are written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::engine::RoomListRequest;
use snug_core::error::Error;
use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::Patch;

use crate::body::parse_body;
use crate::changes::{ChannelsListData, EditData, MessageData, PinData, ReactData};
use crate::codes::ErrorCode;
use crate::ephemeral::EphemeralData;
use crate::extras::{Card, Forward, Location, Mentions};
use crate::marks::{OwnMessageData, StarredParams};
use crate::policy::PolicyIn;
use crate::presence::{UnwatchData, WatchData};
use crate::problem::Problem;
use crate::receipts::{DeliveredBody, ReceiptsData};
use crate::rest::{HistoryParams, MembersBody, ProfileBody, SendBody};
use crate::rooms::{CreateRoomBody, OwnBody, UpdateRoomBody, WantedRooms, Which};
use crate::scheduled::{CancelScheduledData, ScheduleData, ScheduledParams, UpdateScheduledData};
use crate::threads::{ThreadHistoryData, ThreadReadData, ThreadsListData};
use crate::value::{CustomIn, Id, MutedUntil, object, or_default, patch};

/// A request's id, echoed as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    Number(i64),
    Text(String),
}

macro_rules! ops {
    ($($name:ident $text:literal $data:ty;)*) => {
        /// A request with its data.
        #[expect(clippy::large_enum_variant, reason = "one lives at a time, and not for long")]
        #[derive(Debug)]
        pub enum Request {
            $($name($data),)*
        }

        /// Every op, for the documents.
        pub const OPS: &[&str] = &[$($text,)*];

        fn parse_op(op: &str, data: &[u8]) -> Result<Request, Box<Problem>> {
            match op {
                $($text => parse_body::<$data>(data).map(Request::$name),)*
                _ => Err(Box::new(Problem::new(
                    ErrorCode::UnknownOperation,
                    "no such op; see the list in /docs",
                ).at("op", "an op of the protocol"))),
            }
        }
    };
}

ops! {
    Auth "auth" AuthData;
    SessionRefresh "session.refresh" RefreshData;
    SessionClose "session.close" NoData;
    RoomsList "rooms.list" RoomsListData;
    RoomsAll "rooms.all" SwitchData;
    RoomOpen "room.open" RoomOpenData;
    RoomClose "room.close" RoomData;
    RoomCreate "room.create" CreateRoomBody;
    RoomUpdate "room.update" RoomUpdateData;
    RoomJoin "room.join" RoomData;
    RoomLeave "room.leave" RoomData;
    RoomAccept "room.accept" RoomData;
    RoomDecline "room.decline" RoomData;
    RoomSync "room.sync" RoomSyncData;
    MineUpdate "mine.update" MineUpdateData;
    History "history" HistoryData;
    MessageSend "message.send" SendData;
    MessageEphemeral "message.ephemeral" EphemeralData;
    MessageEdit "message.edit" EditData;
    MessageUnsend "message.unsend" MessageData;
    MessageReact "message.react" ReactData;
    MessagePin "message.pin" PinData;
    MessageOwn "message.own" OwnMessageData;
    StarredList "starred.list" StarredParams;
    MessageSchedule "message.schedule" ScheduleData;
    ScheduledList "scheduled.list" ScheduledParams;
    ScheduledUpdate "scheduled.update" UpdateScheduledData;
    ScheduledCancel "scheduled.cancel" CancelScheduledData;
    MessageVersions "message.versions" MessageData;
    PinsList "pins.list" RoomData;
    ThreadHistory "thread.history" ThreadHistoryData;
    ThreadRead "thread.read" ThreadReadData;
    ThreadsList "threads.list" ThreadsListData;
    Read "read" ReadData;
    Delivered "delivered" DeliveredBody;
    ReceiptsList "receipts.list" ReceiptsData;
    Typing "typing" TypingData;
    Sync "sync" SyncData;
    UsersGet "users.get" UsersGetData;
    ChannelsList "channels.list" ChannelsListData;
    MembersList "members.list" MembersListData;
    MembersAdd "members.add" MembersData;
    MembersRemove "members.remove" MembersData;
    MeUpdate "me.update" ProfileBody;
    PresenceWatch "presence.watch" WatchData;
    PresenceUnwatch "presence.unwatch" UnwatchData;
    Ping "ping" NoData;
}

/// `auth`.
#[derive(Deserialize)]
pub struct AuthData {
    pub token: String,
}

impl std::fmt::Debug for AuthData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthData(..)")
    }
}

/// `session.refresh`: without a token the server mints one; with one the session goes on under
/// the newer token of the same user and device.
#[derive(Default, Deserialize)]
pub struct RefreshData {
    pub token: Option<String>,
}

impl std::fmt::Debug for RefreshData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshData(..)")
    }
}

/// Ops without data.
#[derive(Debug, Default, Deserialize)]
pub struct NoData {}

/// Ops that name a room and nothing else.
#[derive(Debug, Deserialize)]
pub struct RoomData {
    pub room: Id<RoomId>,
}

/// `rooms.all`.
#[derive(Debug, Deserialize)]
pub struct SwitchData {
    pub on: bool,
}

/// `rooms.list`.
#[derive(Debug, Default, Deserialize)]
pub struct RoomsListData {
    pub limit: Option<usize>,
    pub cursor: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub include: Vec<String>,
    pub kind: Option<String>,
    pub tag: Option<String>,
    pub unread: Option<Which>,
    pub archived: Option<Which>,
    pub hidden: Option<Which>,
    pub folder: Option<String>,
    pub muted: Option<Which>,
    pub name: Option<String>,
}

impl RoomsListData {
    /// The engine's request.
    ///
    /// # Errors
    /// A kind that there is not.
    pub fn into_request(self) -> Result<RoomListRequest, Error> {
        let Self {
            limit,
            cursor,
            include,
            kind,
            tag,
            unread,
            archived,
            hidden,
            folder,
            muted,
            name,
        } = self;
        let wanted = WantedRooms { kind, tag, unread, archived, hidden, folder, muted, name };
        let include_left = include.iter().any(|what| what == "left");
        Ok(RoomListRequest { cursor, limit, include_left, filter: wanted.try_into()? })
    }
}

/// `room.open`.
#[derive(Debug, Deserialize)]
pub struct RoomOpenData {
    pub room: Id<RoomId>,
    pub limit: Option<usize>,
}

/// `room.update`: as the REST body, with the room. (serde's `flatten` would not let raw JSON
/// through, so the fields stand here again.)
#[derive(Debug, Deserialize)]
pub struct RoomUpdateData {
    pub room: Id<RoomId>,
    #[serde(default, deserialize_with = "patch")]
    pub name: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    pub avatar: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    pub description: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    pub custom: Patch<CustomIn>,
    #[serde(default, deserialize_with = "patch")]
    pub custom_patch: Patch<CustomIn>,
    #[serde(default, deserialize_with = "patch")]
    pub tags: Patch<Vec<String>>,
    pub archived: Option<bool>,
    #[serde(default, deserialize_with = "patch")]
    pub policy: Patch<PolicyIn>,
    pub if_rev: Option<u64>,
}

impl RoomUpdateData {
    /// The room and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, UpdateRoomBody) {
        let Self {
            room,
            name,
            avatar,
            description,
            custom,
            custom_patch,
            tags,
            archived,
            policy,
            if_rev,
        } = self;
        let body = UpdateRoomBody {
            name,
            avatar,
            description,
            custom,
            custom_patch,
            tags,
            frozen: None,
            archived,
            policy,
            if_rev,
        };
        (room.0, body)
    }
}

/// `mine.update`: as the REST body, with the room.
#[derive(Debug, Deserialize)]
pub struct MineUpdateData {
    pub room: Id<RoomId>,
    pub pinned: Option<bool>,
    #[serde(default, deserialize_with = "patch")]
    pub muted_until: Patch<MutedUntil>,
    pub hidden: Option<bool>,
    #[serde(default, deserialize_with = "patch")]
    pub folder: Patch<String>,
}

impl MineUpdateData {
    /// The room and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, OwnBody) {
        let Self { room, pinned, muted_until, hidden, folder } = self;
        (room.0, OwnBody { pinned, muted_until, hidden, folder })
    }
}

/// `room.sync`.
#[derive(Debug, Deserialize)]
pub struct RoomSyncData {
    pub room: Id<RoomId>,
    pub rev: u64,
    pub epoch: String,
    pub limit: Option<usize>,
    /// The rev of the caller's own marks that is known.
    pub marks: Option<u64>,
}

/// `history`.
#[derive(Debug, Deserialize)]
pub struct HistoryData {
    pub room: Id<RoomId>,
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub limit: Option<usize>,
}

impl HistoryData {
    /// The room and the REST parameters of the same meaning.
    #[must_use]
    pub fn into_params(self) -> (RoomId, HistoryParams) {
        let Self { room, before, after, limit } = self;
        (room.0, HistoryParams { before, after, limit })
    }
}

/// `message.send`.
#[derive(Debug, Deserialize)]
pub struct SendData {
    pub room: Id<RoomId>,
    pub id: Option<Id<MessageId>>,
    pub kind: Option<String>,
    pub text: Option<String>,
    pub format: Option<String>,
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "object")]
    pub mentions: Option<Mentions>,
    pub reply_to: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
    #[serde(default, deserialize_with = "object")]
    pub forward: Option<Forward>,
    pub thread: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "or_default")]
    pub silent: bool,
    pub read_up_to: Option<u64>,
}

impl SendData {
    /// The room and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, SendBody) {
        let Self {
            room,
            id,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
            read_up_to,
        } = self;
        let body = SendBody {
            id,
            sender: None,
            kind,
            text,
            format,
            custom,
            mentions,
            reply_to,
            card,
            location,
            forward,
            thread,
            silent,
            read_up_to,
        };
        (room.0, body)
    }
}

/// `read`.
#[derive(Debug, Deserialize)]
pub struct ReadData {
    pub room: Id<RoomId>,
    pub seq: u64,
}

/// `typing`.
#[derive(Debug, Deserialize)]
pub struct TypingData {
    pub room: Id<RoomId>,
    pub on: bool,
}

/// `sync`.
#[derive(Debug, Deserialize)]
pub struct SyncData {
    pub cursor: String,
}

/// `users.get`.
#[derive(Debug, Deserialize)]
pub struct UsersGetData {
    pub ids: Vec<Id<UserId>>,
}

/// `members.list`.
#[derive(Debug, Deserialize)]
pub struct MembersListData {
    pub room: Id<RoomId>,
    pub limit: Option<usize>,
    pub cursor: Option<Id<UserId>>,
    #[serde(default, deserialize_with = "or_default")]
    pub include: Vec<String>,
}

/// `members.add` and `members.remove`.
#[derive(Debug, Deserialize)]
pub struct MembersData {
    pub room: Id<RoomId>,
    pub users: Vec<Id<UserId>>,
    pub role: Option<String>,
    pub invitation_required: Option<bool>,
    pub announce: Option<bool>,
}

impl MembersData {
    /// The room and the REST body of the same meaning.
    #[must_use]
    pub fn into_body(self) -> (RoomId, MembersBody) {
        let Self { room, users, role, invitation_required, announce } = self;
        (room.0, MembersBody { users, role, invitation_required, announce })
    }
}

/// A frame from a client.
#[derive(Debug)]
pub struct ClientFrame {
    pub id: RequestId,
    pub request: Request,
}

/// A frame that was refused; answered under its id where it has one.
#[derive(Debug)]
pub struct RefusedFrame {
    pub id: Option<RequestId>,
    pub problem: Box<Problem>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    id: RequestId,
    op: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OnlyId {
    id: Option<RequestId>,
}

/// Takes a text frame apart.
///
/// # Errors
/// A problem, with the request's id if one could be read.
pub fn parse_frame(text: &[u8]) -> Result<ClientFrame, RefusedFrame> {
    // serde would take an array for the envelope, field by field.
    let is_object = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let envelope: Envelope<'_> = match serde_json::from_slice(text) {
        Ok(envelope) if is_object => envelope,
        _ => return Err(refused_envelope(text, is_object)),
    };
    let Envelope { id, op, data } = envelope;
    if let RequestId::Text(text) = &id
        && (text.is_empty() || text.len() > limits::REQUEST_ID_BYTES_MAX)
    {
        let problem = Problem::new(ErrorCode::InvalidField, "id: expected 1 to 64 bytes")
            .at("id", "1 to 64 bytes, or an integer");
        return Err(RefusedFrame { id: None, problem: Box::new(problem) });
    }
    let data = data.map_or("{}", |data| match data.get() {
        "null" => "{}",
        text => text,
    });
    match parse_op(&op, data.as_bytes()) {
        Ok(request) => Ok(ClientFrame { id, request }),
        Err(problem) => Err(RefusedFrame { id: Some(id), problem: in_data(problem) }),
    }
}

/// Fields of the data are named from the frame's root.
fn in_data(mut problem: Box<Problem>) -> Box<Problem> {
    if problem.code != ErrorCode::UnknownOperation
        && let Some(field) = &mut problem.field
    {
        *field = if field.is_empty() { "data".to_owned() } else { format!("data.{field}") };
    }
    problem
}

fn refused_envelope(text: &[u8], is_object: bool) -> RefusedFrame {
    #[derive(Deserialize)]
    struct Strict {
        #[serde(rename = "id")]
        _id: RequestId,
        #[serde(rename = "op")]
        _op: String,
    }
    let only = is_object.then(|| serde_json::from_slice::<OnlyId>(text).ok()).flatten();
    let id = only.and_then(|only| only.id);
    let problem = match parse_body::<Strict>(text) {
        Err(problem) => problem,
        Ok(_) => Box::new(Problem::new(ErrorCode::MalformedJson, "the frame is not an object")),
    };
    RefusedFrame { id, problem }
}

/// An answer to a request.
#[derive(Debug, Serialize)]
pub struct Answer<'a, T> {
    pub id: &'a RequestId,
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a Problem>,
}

/// An event.
#[derive(Debug, Serialize)]
pub struct EventFrame<'a, T> {
    pub event: &'a str,
    pub data: T,
}

/// Writes a frame. Wire types hold nothing that cannot be written.
#[must_use]
pub fn write<T: Serialize>(frame: &T) -> Vec<u8> {
    serde_json::to_vec(frame).unwrap_or_default()
}

/// The frame that answers a request with data.
#[must_use]
pub fn answer<T: Serialize>(id: &RequestId, data: &T) -> Vec<u8> {
    write(&Answer { id, ok: true, data: Some(data), error: None })
}

/// The frame that refuses a request.
#[must_use]
pub fn refusal(id: &RequestId, problem: &Problem) -> Vec<u8> {
    write(&Answer::<()> { id, ok: false, data: None, error: Some(problem) })
}

/// The frame of an event.
#[must_use]
pub fn event<T: Serialize>(name: &str, data: &T) -> Vec<u8> {
    write(&EventFrame { event: name, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_apart() {
        let frame = parse_frame(
            br#"{"id":7,"op":"message.send","data":{"room":42,"text":"hi","custom":{"b":1,"a":[2]}},"x":1}"#,
        )
        .unwrap();
        assert_eq!(frame.id, RequestId::Number(7));
        let Request::MessageSend(data) = frame.request else { panic!("{frame:?}") };
        assert_eq!(data.room.0.as_str(), "42");
        assert_eq!(data.custom.unwrap().0.as_str(), r#"{"b":1,"a":[2]}"#);
    }

    #[test]
    fn a_refusal_has_the_id_and_the_field() {
        let refused = parse_frame(br#"{"id":"a","op":"read","data":{"room":"r"}}"#).unwrap_err();
        assert_eq!(refused.id, Some(RequestId::Text("a".into())));
        assert_eq!(refused.problem.field.as_deref(), Some("data.seq"));
        let refused = parse_frame(br#"{"id":"a","op":"fly"}"#).unwrap_err();
        assert_eq!(refused.problem.code, ErrorCode::UnknownOperation);
        let refused = parse_frame(br#"{"id":"a","data":{}}"#).unwrap_err();
        assert_eq!(refused.problem.field.as_deref(), Some("op"));
        assert_eq!(refused.id, Some(RequestId::Text("a".into())));
        for bad in [&b"[1]"[..], b"7", b"\xff\xfe", b"{", b"", b"null"] {
            let refused = parse_frame(bad).unwrap_err();
            assert!(refused.id.is_none(), "{bad:?}");
        }
    }
}
