//! The resources: user, message, head, member, room. Field meanings in `docs/protocol.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snug_core::model;
use utoipa::ToSchema;

use crate::extras::{Card, Forwarded, Location, Mentions, ReplyTo, format_word};
use crate::marks::{Marks, Own};
use crate::threads::{ThreadPlace, ThreadSummary};
use crate::value::{MutedUntil, WireTime, raw};

/// A person of the customer's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub session_custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deactivated: bool,
    /// Does not want to be seen as online; told to the user and the backend only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invisible: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

impl User {
    /// As the user and the backend see it.
    #[must_use]
    pub fn own(user: model::User) -> Self {
        let invisible = user.invisible;
        Self { invisible, ..user.into() }
    }
}

impl From<model::User> for User {
    fn from(user: model::User) -> Self {
        let model::User {
            id,
            name,
            avatar,
            locale,
            custom,
            session_custom,
            deactivated_at,
            // Whoever may know says so: `own`.
            invisible: _,
            created_at: _,
            changed_at: _,
        } = user;
        Self {
            id: id.into(),
            name,
            avatar,
            locale,
            custom: raw(custom),
            session_custom: raw(session_custom),
            deactivated: deactivated_at.is_some(),
            invisible: false,
        }
    }
}

/// A stored message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Message {
    pub id: String,
    pub room: String,
    pub seq: u64,
    pub rev: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// `text`, `custom`, `card`, `location` or `system`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `markdown`: the text is its source; plain when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub silent: bool,
    /// The room's counting number after this message.
    pub count: u64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    /// When its words were last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<WireTime>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// Out of sight; it may be shown again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// Since when it is pinned for everybody in the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pinned_at: Option<WireTime>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// A reply in a thread: it does not stand in the room's own conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadPlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_summary: Option<ThreadSummary>,
    /// How the reader keeps it: in what is read, not in events and answers of changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Own>,
}

/// Who reacted to a message with one thing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Reaction {
    pub key: String,
    pub count: u64,
    /// The first ones, in the order in which they reacted.
    pub users: Vec<String>,
}

impl From<model::Reaction> for Reaction {
    fn from(reaction: model::Reaction) -> Self {
        let model::Reaction { key, count, users } = reaction;
        Self { key, count, users: users.into_iter().map(Into::into).collect() }
    }
}

impl From<model::Message> for Message {
    fn from(message: model::Message) -> Self {
        let model::Message {
            id,
            // The customer's own name for it; pages know the message by `id`.
            external: _,
            room,
            seq,
            rev,
            first_rev: _,
            sender,
            kind,
            text,
            custom,
            extras,
            silent,
            count,
            created_at,
            edited_at,
            deleted_at,
            hidden_at,
            pinned_at,
            reactions,
            thread,
            thread_summary,
            own,
        } = message;
        let model::Extras { mentions, reply_to, card, location, forwarded, format } =
            extras.map(|extras| *extras).unwrap_or_default();
        Self {
            id: id.into(),
            room: room.into(),
            seq,
            rev,
            sender: sender.map(Into::into),
            kind: kind.as_str().to_owned(),
            text,
            format: format_word(format),
            custom: raw(custom),
            mentions: Some(mentions).filter(|all| !all.is_empty()).map(Into::into),
            reply_to: reply_to.map(Into::into),
            card: card.map(Into::into),
            location: location.map(Into::into),
            forwarded: forwarded.map(Into::into),
            silent,
            count,
            created_at: WireTime(created_at),
            edited_at: edited_at.map(WireTime),
            deleted: deleted_at.is_some(),
            hidden: hidden_at.is_some(),
            pinned_at: pinned_at.map(WireTime),
            reactions: list(reactions),
            thread: thread.map(|place| (*place).into()),
            thread_summary: thread_summary.map(|summary| (*summary).into()),
            own: own.map(Into::into),
        }
    }
}

/// The last message as a list row needs it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    pub seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
}

impl From<model::Preview> for Preview {
    fn from(preview: model::Preview) -> Self {
        let model::Preview { seq, sender, kind, text, created_at } = preview;
        Self {
            seq,
            sender: sender.map(Into::into),
            kind: kind.as_str().to_owned(),
            text,
            created_at: WireTime(created_at),
        }
    }
}

/// Where a room stands; what every connection of every member gets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Head {
    pub room: String,
    pub seq: u64,
    pub rev: u64,
    pub members_rev: u64,
    /// Rev of the last change of the room itself, such as its name.
    #[serde(default)]
    pub room_rev: u64,
    pub count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    #[schema(value_type = String, format = DateTime)]
    pub activity_at: WireTime,
    /// Whom the newest message mentions, where it is news: only in `room.head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    /// It is no news of a message: whom a message mentions that it is the first to tell of must be
    /// asked. Only in `room.head`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
}

impl Head {
    #[must_use]
    pub fn of(room: &str, head: model::Head) -> Self {
        let model::Head { seq, rev, members_rev, room_rev, count, activity_at, preview } = head;
        Self {
            room: room.to_owned(),
            seq,
            rev,
            members_rev,
            room_rev,
            count,
            preview: preview.map(Into::into),
            activity_at: WireTime(activity_at),
            mentions: None,
            again: false,
        }
    }
}

/// A member as others see one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub user: String,
    pub role: String,
    pub state: String,
    #[schema(value_type = String, format = DateTime)]
    pub joined_at: WireTime,
    pub read_seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub session_custom: Option<Box<RawValue>>,
    pub rev: u64,
}

impl From<model::Member> for Member {
    fn from(member: model::Member) -> Self {
        let model::Member { user, role, state, joined_at, read_seq, rev } = member;
        // Who made the room and never joined is to the others one who is out.
        let state =
            if state == model::MemberState::Creator { model::MemberState::Left } else { state };
        Self {
            user: user.id.into(),
            role: role.as_str().to_owned(),
            state: state.as_str().to_owned(),
            joined_at: WireTime(joined_at),
            read_seq,
            name: user.name,
            avatar: user.avatar,
            custom: raw(user.custom),
            session_custom: raw(user.session_custom),
            rev,
        }
    }
}

/// The caller's own standing in a room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Mine {
    pub role: String,
    pub state: String,
    pub read_seq: u64,
    /// (`count` of the room - `read_count`) - (`own_count` - `read_own`) - `gone`.
    pub unread: u64,
    pub read_count: u64,
    pub own_count: u64,
    pub read_own: u64,
    /// Messages of others after the cursor that were deleted, hidden, or deleted by the caller for
    /// oneself; absent when none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone: u64,
    /// Unread messages that mention the caller, at most 100: told as "99+".
    #[serde(default)]
    pub mentions: u64,
    /// How the caller keeps the room; absent until it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// Where the caller's own marks on messages stand; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
    /// Of who is invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    #[schema(value_type = String, format = DateTime)]
    pub joined_at: WireTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub left_at: Option<WireTime>,
}

impl Mine {
    /// `count` is the room's counting number.
    #[must_use]
    pub fn of(mine: &model::Membership, count: u64) -> Self {
        Self {
            role: mine.role.as_str().to_owned(),
            state: mine.state.as_str().to_owned(),
            read_seq: mine.read_seq,
            unread: mine.unread(count),
            read_count: mine.read_count,
            own_count: mine.own_count,
            read_own: mine.read_own,
            gone: mine.gone,
            mentions: mine.mentions.all,
            settings: Settings::of(&mine.own, count),
            marks: Marks::of(mine.marks),
            invitation: mine.invitation.clone().filter(|_| mine.is_invited()).map(Into::into),
            joined_at: WireTime(mine.joined_at),
            left_at: mine.left_at.filter(|_| mine.state == model::MemberState::Left).map(WireTime),
        }
    }
}

/// Who asked the caller into a room, and when.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Absent: the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub at: WireTime,
}

impl From<model::Invitation> for Invitation {
    fn from(invitation: model::Invitation) -> Self {
        let model::Invitation { by, at } = invitation;
        Self { by: by.map(Into::into), at: WireTime(at) }
    }
}

/// The caller's own settings of a room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// One more with each change: of two views the one with the higher rev is the newer.
    pub rev: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    pub pinned: bool,
    /// A time, or `forever`. One that has passed mutes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub muted_until: Option<MutedUntil>,
    /// Out of the list as long as the room's `count` is not above `hidden_count`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

impl Settings {
    fn of(own: &model::OwnSettings, room_count: u64) -> Option<Self> {
        let hidden = own.is_hidden(room_count);
        let model::OwnSettings { pinned, muted, hidden_count, folder, rev } = own;
        (*rev > 0).then(|| Self {
            rev: *rev,
            pinned: *pinned,
            muted_until: muted.map(MutedUntil),
            hidden,
            hidden_count: *hidden_count,
            folder: folder.clone(),
        })
    }
}

/// A room.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Room {
    pub id: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub custom: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    pub frozen: bool,
    /// Out of the lists; nobody says anything in it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub archived: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who may do what, where it is otherwise than the table says: operation to least role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<BTreeMap<String, String>>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: WireTime,
    pub epoch: String,
    pub seq: u64,
    pub rev: u64,
    pub members_rev: u64,
    /// Rev of the last change of the room itself: what `if_rev` is held against.
    #[serde(default)]
    pub room_rev: u64,
    pub count: u64,
    pub min_seq: u64,
    pub member_count: u32,
    #[schema(value_type = String, format = DateTime)]
    pub activity_at: WireTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// The pair of a direct room; the first members of a group.
    pub members: Vec<Member>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<Mine>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
}

impl Room {
    #[must_use]
    pub fn of(
        room: model::Room,
        members: Vec<model::Member>,
        mine: Option<&model::Membership>,
    ) -> Self {
        let model::Room {
            id,
            kind,
            direct,
            name,
            avatar,
            description,
            custom,
            tags,
            creator,
            frozen,
            archived,
            policy,
            created_at,
            changed_at: _,
            deleted_at,
            epoch,
            min_seq,
            min_rev: _,
            policy_rev: _,
            member_count,
            head,
        } = room;
        let model::Head { seq, rev, members_rev, room_rev, count, activity_at, preview } = head;
        Self {
            id: id.into(),
            kind: kind.as_str().to_owned(),
            name,
            avatar,
            description,
            custom: raw(custom),
            context: direct.map(|direct| direct.context).filter(|context| !context.is_empty()),
            creator: creator.map(Into::into),
            frozen,
            archived,
            tags,
            policy: said_policy(&policy),
            created_at: WireTime(created_at),
            epoch,
            seq,
            rev,
            members_rev,
            room_rev,
            count,
            min_seq,
            member_count,
            activity_at: WireTime(activity_at),
            preview: preview.map(Into::into),
            members: members.into_iter().map(Into::into).collect(),
            mine: mine.map(|mine| Mine::of(mine, count)),
            deleted: deleted_at.is_some(),
        }
    }
}

/// A room's own policy in words, where it says anything.
pub(crate) fn said_policy(policy: &model::RoomPolicy) -> Option<BTreeMap<String, String>> {
    let said = policy.0.iter();
    let said = said.map(|(ruled, least)| (ruled.as_str().to_owned(), least.as_str().to_owned()));
    Some(said.collect()).filter(|said: &BTreeMap<_, _>| !said.is_empty())
}

impl From<model::ListedRoom> for Room {
    fn from(listed: model::ListedRoom) -> Self {
        let model::ListedRoom { room, mine, members } = listed;
        Self::of(room, members, Some(&mine))
    }
}

/// Objects in a list.
pub fn list<A, B: From<A>>(items: Vec<A>) -> Vec<B> {
    items.into_iter().map(Into::into).collect()
}
