//! Bodies of REST requests and answers; socket ops carry the same ones in `data`.

use serde::{Deserialize, Serialize};
use snug_core::engine::{
    ChangeMembersRequest, CreatedRoomView, HistoryPage, HistoryRequest, IssuedToken, Me,
    MembersPage, OpenSession, RevokeSessions, RoomListPage, RoomSync, RoomView, SendExtras,
    SendMessage, UserSync,
};
use snug_core::error::Error;
use snug_core::ids::{DeviceId, MessageId, ROCKETCHAT_PREFIX, RoomId, SessionId, UserId};
use snug_core::model::{self, MessageKind, Patch, Role, SessionSelector, UserPatch};
use utoipa::ToSchema;

use crate::extras::{Card, Forward, Location, Mentions, format_of, send_extras};
use crate::marks::MarksPage;
use crate::object::{Head, Member, Message, Room, User, list};
use crate::value::{CustomIn, Id, WireTime, custom, custom_patch, ids, object, or_default, patch};

/// Changes to a profile; `null` clears, an absent field stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ProfileBody {
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub avatar: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<String>)]
    pub locale: Patch<String>,
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Option<Object>)]
    pub custom: Patch<CustomIn>,
    /// The user is not seen as online, and not when last.
    pub invisible: Option<bool>,
}

impl From<ProfileBody> for UserPatch {
    fn from(body: ProfileBody) -> Self {
        let ProfileBody { name, avatar, locale, custom, invisible } = body;
        Self { name, avatar, locale, custom: custom_patch(custom), invisible }
    }
}

/// `open-session`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OpenSessionBody {
    #[schema(value_type = String)]
    pub user: Id<UserId>,
    #[schema(value_type = String)]
    pub device: Id<DeviceId>,
    pub profile: Option<ProfileBody>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    pub push_token: Option<String>,
    /// 10 to 7,776,000; a day by default.
    pub ttl_seconds: Option<u64>,
}

impl From<OpenSessionBody> for OpenSession {
    fn from(body: OpenSessionBody) -> Self {
        Self {
            user: body.user.0,
            device: body.device.0,
            profile: body.profile.unwrap_or_default().into(),
            custom: custom(body.custom),
            push_token: body.push_token,
            ttl_seconds: body.ttl_seconds,
            token: None,
        }
    }
}

/// A token, shown this once.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenAnswer {
    pub token: String,
    pub session: String,
    pub user: String,
    pub device: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: WireTime,
}

impl From<IssuedToken> for TokenAnswer {
    fn from(issued: IssuedToken) -> Self {
        let IssuedToken { token, session } = issued;
        Self {
            token,
            session: session.id.into(),
            user: session.user.into(),
            device: session.device.into(),
            expires_at: WireTime(session.expires_at),
        }
    }
}

/// The token that replaces the one it was asked with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RefreshedAnswer {
    pub token: String,
    pub session: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: WireTime,
}

impl From<IssuedToken> for RefreshedAnswer {
    fn from(issued: IssuedToken) -> Self {
        let IssuedToken { token, session } = issued;
        Self { token, session: session.id.into(), expires_at: WireTime(session.expires_at) }
    }
}

/// Which sessions to revoke: a session, a user, or a user's device.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RevokeBody {
    #[schema(value_type = Option<String>)]
    pub session: Option<Id<SessionId>>,
    #[schema(value_type = Option<String>)]
    pub user: Option<Id<UserId>>,
    #[schema(value_type = Option<String>)]
    pub device: Option<Id<DeviceId>>,
}

impl TryFrom<RevokeBody> for RevokeSessions {
    type Error = Error;
    fn try_from(body: RevokeBody) -> Result<Self, Error> {
        match (body.session, body.user, body.device) {
            (Some(session), None, None) => Ok(Self(SessionSelector::Session(session.0))),
            (None, Some(user), None) => Ok(Self(SessionSelector::User(user.0))),
            (None, Some(user), Some(device)) => Ok(Self(SessionSelector::Device(user.0, device.0))),
            _ => Err(Error::invalid("session", "either session, or user, or user and device")),
        }
    }
}

/// How many sessions ended.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RevokedAnswer {
    pub closed: usize,
}

/// A living session.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionItem {
    pub id: String,
    pub user: String,
    pub device: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: WireTime,
    /// At least one connection on this node.
    pub online: bool,
}

impl SessionItem {
    #[must_use]
    pub fn of(session: model::Session, online: bool) -> Self {
        Self {
            id: session.id.into(),
            user: session.user.into(),
            device: session.device.into(),
            created_at: WireTime(session.created_at),
            expires_at: WireTime(session.expires_at),
            online,
        }
    }
}

/// Living sessions of a user.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionsAnswer {
    pub sessions: Vec<SessionItem>,
}

/// The caller.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MeAnswer {
    pub user: User,
    pub session: MySession,
    pub policy: String,
}

/// The caller's session.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MySession {
    pub id: String,
    pub device: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: WireTime,
}

impl From<&model::Session> for MySession {
    fn from(session: &model::Session) -> Self {
        Self {
            id: session.id.to_string(),
            device: session.device.to_string(),
            expires_at: WireTime(session.expires_at),
        }
    }
}

impl MeAnswer {
    #[must_use]
    pub fn of(me: Me, policy: model::AppPolicy) -> Self {
        let Me { user, session } = me;
        Self {
            user: User::own(user),
            session: session.as_ref().into(),
            policy: policy.as_str().to_owned(),
        }
    }
}

/// Users.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UsersAnswer {
    pub users: Vec<User>,
}

/// A message to be sent.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct SendBody {
    /// Minted by the sender: the same id again is the same message.
    #[schema(value_type = Option<String>)]
    pub id: Option<Id<MessageId>>,
    /// Backends only.
    #[schema(value_type = Option<String>)]
    pub sender: Option<Id<UserId>>,
    /// `text`, `custom`, `card`, `location`, and for backends `system`.
    pub kind: Option<String>,
    pub text: Option<String>,
    /// `markdown`: how the text is written; plain when absent.
    pub format: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub custom: Option<CustomIn>,
    #[serde(default, deserialize_with = "object")]
    pub mentions: Option<Mentions>,
    /// The id of the message that is answered.
    #[schema(value_type = Option<String>)]
    pub reply_to: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "object")]
    pub card: Option<Card>,
    #[serde(default, deserialize_with = "object")]
    pub location: Option<Location>,
    #[serde(default, deserialize_with = "object")]
    pub forward: Option<Forward>,
    /// The id of the message in whose thread it is said.
    #[schema(value_type = Option<String>)]
    pub thread: Option<Id<MessageId>>,
    #[serde(default, deserialize_with = "or_default")]
    pub silent: bool,
    pub read_up_to: Option<u64>,
}

impl TryFrom<SendBody> for SendMessage {
    type Error = Error;
    fn try_from(body: SendBody) -> Result<Self, Error> {
        let kind = kind_of(body.kind.as_deref())?;
        let format = format_of(body.format.as_deref())?;
        let id = body.id.map(|id| id.0);
        if id.as_ref().is_some_and(|id| id.as_str().starts_with(ROCKETCHAT_PREFIX)) {
            return Err(Error::invalid("id", "an id that does not begin with rc:"));
        }
        Ok(Self {
            id,
            sender: body.sender.map(|id| id.0),
            kind,
            text: body.text,
            custom: custom(body.custom),
            extras: SendExtras {
                format,
                ..send_extras(
                    body.mentions,
                    body.reply_to,
                    body.card,
                    body.location,
                    body.forward,
                    body.thread,
                )?
            },
            silent: body.silent,
            read_up_to: body.read_up_to,
        })
    }
}

/// A kind by its word.
pub(crate) fn kind_of(word: Option<&str>) -> Result<Option<MessageKind>, Error> {
    let known =
        |word| MessageKind::parse(word).ok_or_else(|| Error::invalid("kind", one_of_the_kinds()));
    word.map(known).transpose()
}

fn one_of_the_kinds() -> String {
    MessageKind::ALL.map(MessageKind::as_str).join(", ")
}

/// Users to add or remove.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MembersBody {
    #[schema(value_type = Vec<String>)]
    pub users: Vec<Id<UserId>>,
    /// For those added: `member`, `admin` or `owner`.
    pub role: Option<String>,
    /// Those added are asked first: members when they accept.
    pub invitation_required: Option<bool>,
    /// Whether the room says so in a system message; yes by default.
    pub announce: Option<bool>,
}

impl TryFrom<MembersBody> for ChangeMembersRequest {
    type Error = Error;
    fn try_from(body: MembersBody) -> Result<Self, Error> {
        let role = match body.role.as_deref() {
            None => None,
            Some(role) => Some(
                Role::parse(role)
                    .ok_or_else(|| Error::invalid("role", "member, admin or owner"))?,
            ),
        };
        Ok(Self {
            users: ids(body.users),
            role,
            invite: body.invitation_required.unwrap_or(false),
            announce: body.announce.unwrap_or(true),
        })
    }
}

/// A page of members.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MembersAnswer {
    pub members: Vec<Member>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl From<MembersPage> for MembersAnswer {
    fn from(page: MembersPage) -> Self {
        let MembersPage { members, next } = page;
        Self { members: list(members), next: next.map(Into::into) }
    }
}

/// Which page of history.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct HistoryParams {
    pub before: Option<u64>,
    pub after: Option<u64>,
    pub limit: Option<usize>,
}

impl From<HistoryParams> for HistoryRequest {
    fn from(params: HistoryParams) -> Self {
        let HistoryParams { before, after, limit } = params;
        Self { before, after, limit }
    }
}

/// A page of history.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HistoryAnswer {
    /// Ascending by seq.
    pub messages: Vec<Message>,
    pub users: Vec<User>,
    pub head: Head,
    pub has_before: bool,
    pub has_after: bool,
}

impl HistoryAnswer {
    #[must_use]
    pub fn of(room: &RoomId, page: HistoryPage) -> Self {
        let HistoryPage { messages, users, head, has_before, has_after } = page;
        Self {
            messages: list(messages),
            users: list(users),
            head: Head::of(room.as_str(), head),
            has_before,
            has_after,
        }
    }
}

/// How far the caller has read.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ReadBody {
    pub seq: u64,
}

/// Whether the caller types.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TypingBody {
    pub on: bool,
}

/// A page of the room list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomsAnswer {
    pub rooms: Vec<Room>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where the user's sync begins.
    pub cursor: String,
}

impl From<RoomListPage> for RoomsAnswer {
    fn from(page: RoomListPage) -> Self {
        let RoomListPage { rooms, next, sync } = page;
        Self { rooms: list(rooms), next, cursor: sync }
    }
}

impl From<RoomView> for Room {
    fn from(view: RoomView) -> Self {
        let RoomView { room, members, mine } = view;
        Self::of(room, members, mine.as_ref())
    }
}

/// A room that was made or found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CreatedRoomAnswer {
    pub room: Room,
    pub created: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
}

impl From<CreatedRoomView> for CreatedRoomAnswer {
    fn from(made: CreatedRoomView) -> Self {
        let CreatedRoomView { view, created, message } = made;
        Self { room: view.into(), created, message: message.map(Into::into) }
    }
}

/// From where a room is caught up.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RoomSyncParams {
    pub rev: u64,
    pub epoch: String,
    pub limit: Option<usize>,
    /// The rev of the caller's own marks that is known.
    pub marks: Option<u64>,
}

/// A read cursor.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReadItem {
    pub user: String,
    pub seq: u64,
}

/// Everything of a room above a rev, or a reset.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RoomSyncAnswer {
    pub room: String,
    /// Forget the room and load it anew.
    pub reset: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub rev: u64,
    pub epoch: String,
    pub more: bool,
    pub min_seq: u64,
    pub messages: Vec<Message>,
    pub members: Vec<Member>,
    pub reads: Vec<ReadItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_object: Option<Room>,
    pub users: Vec<User>,
    /// The caller's own marks, where it was said from which rev on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<MarksPage>,
}

impl From<RoomSync> for RoomSyncAnswer {
    fn from(sync: RoomSync) -> Self {
        match sync {
            RoomSync::Reset { reason, room } => Self {
                room: room.id.to_string(),
                reset: true,
                reason: Some(reason.to_owned()),
                rev: room.head.rev,
                epoch: room.epoch.clone(),
                more: false,
                min_seq: room.min_seq,
                messages: Vec::new(),
                members: Vec::new(),
                reads: Vec::new(),
                room_object: None,
                users: Vec::new(),
                marks: None,
            },
            RoomSync::Changes { changes, users, marks } => {
                let changes = *changes;
                let read = |(user, seq): (UserId, u64)| ReadItem { user: user.into(), seq };
                Self {
                    room: changes.room.id.to_string(),
                    reset: false,
                    reason: None,
                    rev: changes.rev,
                    epoch: changes.room.epoch.clone(),
                    more: changes.more,
                    min_seq: changes.room.min_seq,
                    messages: list(changes.messages),
                    members: list(changes.members),
                    reads: changes.reads.into_iter().map(read).collect(),
                    room_object: Some(Room::of(changes.room, Vec::new(), None)),
                    users: list(users),
                    marks: marks.map(Into::into),
                }
            }
        }
    }
}

/// Rooms of the caller that changed, or a reset.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserSyncAnswer {
    /// Forget everything and load the room list anew.
    pub reset: bool,
    pub cursor: String,
    pub more: bool,
    pub rooms: Vec<Room>,
}

impl From<UserSync> for UserSyncAnswer {
    fn from(sync: UserSync) -> Self {
        match sync {
            UserSync::Reset { cursor } => {
                Self { reset: true, cursor, more: false, rooms: Vec::new() }
            }
            UserSync::Changes { rooms, cursor, more } => {
                Self { reset: false, cursor, more, rooms: list(rooms) }
            }
        }
    }
}
