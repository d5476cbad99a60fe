//! Rooms and members.

use async_trait::async_trait;

use super::{Appended, Guard, NewMessage, StoreResult};
use crate::ids::{AppId, RoomId, UserId};
use crate::model::{
    CustomJson, DirectKey, Head, Member, Membership, MergeError, OwnPatch, Role, Room, RoomKind,
    RoomPatch, RoomPolicy, Time,
};

/// A room to be made.
#[derive(Debug, Clone)]
pub struct NewRoom {
    pub app: AppId,
    pub id: RoomId,
    pub kind: RoomKind,
    pub direct: Option<DirectKey>,
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub description: Option<String>,
    pub custom: Option<CustomJson>,
    /// In the order of their bytes, each once.
    pub tags: Vec<String>,
    pub policy: RoomPolicy,
    /// Listed as `Creator` when not among the members.
    pub creator: Option<UserId>,
    pub members: Vec<(UserId, Role)>,
    /// By the creator; none of them is among the members.
    pub invited: Vec<UserId>,
    pub epoch: String,
    /// Stored in the same commit.
    pub message: Option<NewMessage>,
    pub now: Time,
}

/// A room that was made, with its members (`members` names no one else), and the memberships of
/// those who were invited, too. As it stands before its first message: who joins hears of that as of any
/// other. What the message moved is with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedRoom {
    pub room: Room,
    pub members: Vec<Member>,
    pub memberships: Vec<Membership>,
    pub message: Option<Appended>,
}

/// What became of a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateRoomOutcome {
    Created(Box<CreatedRoom>),
    /// A living room has this id. Nothing was stored, the message neither.
    Exists(Box<Room>),
    /// One of the members is in `ROOMS_PER_USER_MAX` rooms already. Nothing was stored.
    TooMany,
    /// The bound on open invitations, of the room or of one of the invited. Nothing was stored.
    TooManyInvited,
    /// The creator, or the first message's sender, is shut out of the app. Nothing was stored.
    CreatorDeactivated,
}

/// A room as one user's request meets it: what policy looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFacts {
    pub room: Room,
    /// The caller's membership, in any state.
    pub mine: Option<Membership>,
    /// The caller is shut out of the app, whatever the membership says.
    pub deactivated: bool,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateRoomOutcome {
    Updated(Box<Room>),
    GuardMoved,
    /// The room was changed since `if_rev`: its `room_rev` is this. Nothing was stored.
    RevMoved {
        room_rev: u64,
    },
    /// The merged custom JSON cannot be. Nothing was stored.
    NotMerged(MergeError),
    RoomNotFound,
}

/// One change of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// Adds with this role; a member that is active already stays as it is, and who is invited
    /// is a member at once.
    Add { users: Vec<UserId>, role: Role },
    /// Invites to come with this role; who is a member or invited already stays as they are.
    Invite { users: Vec<UserId>, role: Role, by: Option<UserId> },
    /// Makes who is invited a member, with the role of the invitation, or as `Role::Member` when
    /// who asked is no active owner of the room any more; others stay as they are.
    Accept { user: UserId },
    /// Removes, and takes invitations back; who is neither active nor invited is passed over.
    Remove { users: Vec<UserId> },
}

impl MemberChange {
    /// Whom it names.
    #[must_use]
    pub fn users(&self) -> &[UserId] {
        match self {
            Self::Add { users, .. } | Self::Invite { users, .. } | Self::Remove { users } => users,
            Self::Accept { user } => std::slice::from_ref(user),
        }
    }
}

/// A change of members, with the system message that tells of it.
#[derive(Debug, Clone)]
pub struct ChangeMembers {
    pub app: AppId,
    pub room: RoomId,
    pub guard: Guard,
    pub change: MemberChange,
    /// Stored in the same commit, after the change, only if the change made somebody a member or
    /// ended a membership.
    pub announce: Option<NewMessage>,
    pub now: Time,
}

/// What a change of members left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersChanged {
    /// The room with `head.rev` = the change's rev (not the announcement's).
    pub room: Room,
    /// Those whose membership changed, in their new state. Empty: nothing changed, no rev taken.
    pub members: Vec<Member>,
    pub memberships: Vec<Membership>,
    pub announced: Option<Appended>,
}

/// What became of a change of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeMembersOutcome {
    Changed(Box<MembersChanged>),
    GuardMoved,
    RoomNotFound,
    /// The room would have more than `ROOM_MEMBERS_MAX` members, or one of those added is in
    /// `ROOMS_PER_USER_MAX` rooms already.
    TooMany,
    /// The room would have more than `INVITATIONS_PER_ROOM_MAX` open invitations, or one of those
    /// invited `INVITATIONS_PER_USER_MAX`. Nothing was stored.
    TooManyInvited,
}

/// Rooms and members of an app.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Makes a room, its members (bare users made as needed) and its first message in one
    /// commit. The creation takes rev 1, a first message rev 2 and seq 1. Racing creates of one
    /// id make one room: the others get `Exists`. A deleted room's id is made anew on the same
    /// counters: seq, rev and count go on, `min_seq` = seq + 1, `min_rev` = the new rev, a new
    /// epoch, and only the new members.
    ///
    /// Members start read up to the room's position: what was before does not count as unread.
    async fn create_room(&self, new: NewRoom) -> StoreResult<CreateRoomOutcome>;

    /// A living room and the user's membership.
    async fn room_facts(
        &self,
        app: &AppId,
        room: &RoomId,
        user: Option<&UserId>,
    ) -> StoreResult<Option<RoomFacts>>;

    /// Changes the given fields and takes a rev, which is also `room_rev`; `frozen`, `archived` and
    /// `policy` also move `policy_rev`. Under the room's lock: the guard, then `if_rev`, then the merge of
    /// `custom_patch` with the custom JSON as it is there.
    async fn update_room(
        &self,
        app: &AppId,
        room: &RoomId,
        patch: RoomPatch,
        guard: &Guard,
        now: Time,
    ) -> StoreResult<UpdateRoomOutcome>;

    /// Changes an active member's own settings ([`OwnPatch`]); takes no rev of the room. A change
    /// moves `changed_at` of the membership, so that the user's sync tells it. The flag says
    /// whether anything changed. `None` when the user is no active member of a living room.
    async fn set_own(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        patch: OwnPatch,
        now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>>;

    /// Marks the room deleted: takes a rev, which is also `members_rev`, ends every membership,
    /// raises `min_seq` and `min_rev`, moves `policy_rev`. Messages are gone for every reader.
    /// `None` when there is no living room. The head is the one after.
    async fn delete_room(&self, app: &AppId, room: &RoomId, now: Time)
    -> StoreResult<Option<Head>>;

    /// Adds, invites or removes members in one commit: one rev for the change (`members_rev` too
    /// when it ends a membership; taking back an invitation ends none), `policy_rev` of each changed membership moves, one more rev and a seq for the
    /// announcement. Added users that do not exist are made; who joins starts read up to the
    /// room's position. A removed member keeps a membership in state `Left` with `left_seq`.
    /// Own settings stay through leaving and coming back, but for `hidden_count`: both clear it.
    ///
    /// Who is invited is no member: not counted, with the cursor and the numbers of before, and
    /// nothing of the room. Accepting is joining. An invitation that ends otherwise leaves a
    /// membership in state `Left` that keeps the invitation: who was a member before has the room
    /// as it was at leaving, others nothing of it. The room's creator who never joined is `Creator`
    /// again, without an invitation.
    async fn change_members(&self, change: ChangeMembers) -> StoreResult<ChangeMembersOutcome>;

    /// Active members by user id, above `after`; with `invited` also those who are invited.
    async fn members(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Option<&UserId>,
        limit: usize,
        invited: bool,
    ) -> StoreResult<Vec<Member>>;

    /// Which of these users are active members, each with the rev of the last change of their
    /// membership, for a node that reloads its member list.
    async fn members_among(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> StoreResult<Vec<(UserId, u64)>>;

    /// Living rooms of a kind by id, above `after`; for a list of channels, never on a hot path.
    async fn rooms_of_kind(
        &self,
        app: &AppId,
        kind: RoomKind,
        after: Option<&RoomId>,
        limit: usize,
    ) -> StoreResult<Vec<Room>>;

    /// The rooms of which the user is an active member, with their heads, by activity, newest
    /// first; for a new connection. At most `ROOMS_PER_USER_MAX`.
    async fn joined_rooms(&self, app: &AppId, user: &UserId) -> StoreResult<Vec<(RoomId, Head)>>;
}
