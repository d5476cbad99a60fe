//! A user's place in a room, the read cursor, and unread as a pure function.

use serde::{Deserialize, Serialize};

use super::{MarksHead, OwnSettings, Time, User};
use crate::ids::UserId;
use crate::limits;

/// What a member may do; see `policy`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Member,
    Admin,
    Owner,
}

impl Role {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }
}

/// Whether a membership is alive. `Creator` made the room through the backend and never
/// joined: the room is in the list, nothing else. An invitation that ends otherwise than by a
/// joining leaves them that again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MemberState {
    Active,
    Left,
    Creator,
    /// Asked to come, and no member until accepting: what the room is called, and nothing of it.
    Invited,
}

impl MemberState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Left => "left",
            Self::Creator => "creator",
            Self::Invited => "invited",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "left" => Some(Self::Left),
            "creator" => Some(Self::Creator),
            "invited" => Some(Self::Invited),
            _ => None,
        }
    }
}

/// Who asked a user into a room, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// None: the backend.
    pub by: Option<UserId>,
    pub at: Time,
}

/// The facts of one user in one room. Everything that unread needs is here and in the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub user: UserId,
    pub role: Role,
    pub state: MemberState,
    /// Of who is invited, and of who never joined after it: `Left` then means that it was declined
    /// or taken back, and nothing of the room was ever theirs to see since; what they see of it is
    /// what was kept when they left before, if they were in.
    #[serde(default)]
    pub invitation: Option<Invitation>,
    /// Of who is invited: when.
    pub joined_at: Time,
    /// The room's seq at leaving; the list shows the room as it was then. An invitation moves
    /// neither of one who was in before. Of a `Creator` `left_at` says that an invitation ended,
    /// which the members were told of.
    pub left_at: Option<Time>,
    pub left_seq: Option<u64>,
    /// Rev of the last change of this membership (join, leave, role).
    pub rev: u64,
    /// Moves with this member's role, mute, removal, deactivation: what a guard compares.
    pub policy_rev: u64,
    /// Messages at or below are not shown to this member; 0 shows all.
    pub visible_after_seq: u64,
    /// The read cursor.
    pub read_seq: u64,
    /// The room's counting number at the cursor.
    pub read_count: u64,
    /// The room's rev when the cursor last moved.
    pub read_rev: u64,
    /// How many counting messages this member has sent here.
    pub own_count: u64,
    /// How many of those are at or below the cursor.
    pub read_own: u64,
    /// How many counting messages of others after the cursor are deleted, hidden or deleted by this
    /// member for oneself: not stored, counted when the membership is read, of each kind at most
    /// `GONE_COUNTED_MAX`.
    pub gone: u64,
    /// Not stored: counted when the membership is read, with the role of now; none unless active.
    #[serde(default)]
    pub mentions: Mentioned,
    /// How this member keeps the room; moves no rev of the room.
    #[serde(default)]
    pub own: OwnSettings,
    /// Where this member's own marks on messages stand; they move no rev of the room either.
    #[serde(default, skip_serializing_if = "MarksHead::is_default")]
    pub marks: MarksHead,
    pub changed_at: Time,
}

/// How many messages mention a member: those that count as unread, after the cursor, in sight and
/// not gone, each once, at most `MENTIONS_COUNTED_MAX`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentioned {
    /// By the user's id, a role or everyone.
    pub all: u64,
    /// Of those, by the user's id.
    pub by_name: u64,
}

impl Mentioned {
    #[must_use]
    pub fn bounded(all: u64, by_name: u64) -> Self {
        let most = limits::MENTIONS_COUNTED_MAX as u64;
        Self { all: all.min(most), by_name: by_name.min(most) }
    }
}

impl Membership {
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == MemberState::Active
    }

    #[must_use]
    pub fn is_invited(&self) -> bool {
        self.state == MemberState::Invited
    }

    /// An invitation was the last that happened, and ended without a joining.
    #[must_use]
    pub fn is_uninvited(&self) -> bool {
        match self.state {
            MemberState::Left => self.invitation.is_some(),
            MemberState::Creator => self.left_at.is_some(),
            MemberState::Active | MemberState::Invited => false,
        }
    }

    /// Unread messages, from the room's counting number (`delivery-contract`, line 10).
    #[must_use]
    pub fn unread(&self, room_count: u64) -> u64 {
        if !self.is_active() {
            return 0;
        }
        let all = room_count.saturating_sub(self.read_count);
        let others = all.saturating_sub(self.own_count.saturating_sub(self.read_own));
        others.saturating_sub(self.gone)
    }
}

/// A member as others see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub user: User,
    pub role: Role,
    pub state: MemberState,
    pub joined_at: Time,
    pub read_seq: u64,
    pub rev: u64,
}

impl Member {
    /// Whether who changed is out: who is only invited was not in.
    #[must_use]
    pub fn is_out(&self) -> bool {
        !matches!(self.state, MemberState::Active | MemberState::Invited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::User;

    #[test]
    fn who_is_only_invited_is_not_out() {
        let user = User {
            id: UserId::from_stored("zoe"),
            name: None,
            avatar: None,
            locale: None,
            custom: None,
            session_custom: None,
            deactivated_at: None,
            invisible: false,
            created_at: Time(0),
            changed_at: Time(0),
        };
        for (state, out) in [
            (MemberState::Active, false),
            (MemberState::Invited, false),
            (MemberState::Left, true),
            (MemberState::Creator, true),
        ] {
            let role = Role::Member;
            let (joined_at, user) = (Time(0), user.clone());
            let member = Member { user, role, state, joined_at, read_seq: 0, rev: 1 };
            assert_eq!(member.is_out(), out, "{state:?}");
        }
    }
}
