//! Who may do what: one table, asked before every mutation. Decides from facts it is given and
//! touches nothing. What it saw is carried to the commit as a `Guard` (contract line 11).

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::limits;
use crate::model::{AppPolicy, MemberState, Membership, Mentions, Role, Room, RoomKind};
use crate::ports::{Guard, RoomFacts};

/// What a page may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    CreateRoom,
    /// A room with somebody whom the backend has put among the caller's contacts.
    CreateFromContact,
    UpdateRoom,
    AddMembers,
    RemoveMembers,
    Leave,
    Send,
    EditMessage,
    DeleteMessage,
    React,
    PinMessage,
    /// The words that edits have replaced.
    ReadVersions,
    Join,
    Read,
    MarkRead,
    /// The caller's own settings of a room.
    SetOwn,
    Type,
    ListRooms,
    UpdateProfile,
}

impl Operation {
    /// Every operation, for the tables in tests and docs.
    pub const ALL: [Self; 19] = [
        Self::CreateRoom,
        Self::CreateFromContact,
        Self::UpdateRoom,
        Self::AddMembers,
        Self::RemoveMembers,
        Self::Leave,
        Self::Send,
        Self::EditMessage,
        Self::DeleteMessage,
        Self::React,
        Self::PinMessage,
        Self::ReadVersions,
        Self::Join,
        Self::Read,
        Self::MarkRead,
        Self::SetOwn,
        Self::Type,
        Self::ListRooms,
        Self::UpdateProfile,
    ];

    /// Whether an app that leaves its rooms to its backend still lets pages do this.
    #[must_use]
    pub fn allowed_under(self, policy: AppPolicy) -> bool {
        match policy {
            AppPolicy::Open => true,
            AppPolicy::BackendOnly => !matches!(
                self,
                Self::CreateRoom
                    | Self::UpdateRoom
                    | Self::AddMembers
                    | Self::RemoveMembers
                    | Self::Join
                    | Self::Leave
            ),
        }
    }
}

/// Refuses what the app leaves to its backend.
///
/// # Errors
/// [`Error::BackendOnly`].
pub fn check_app(operation: Operation, policy: AppPolicy) -> Result<()> {
    if operation.allowed_under(policy) { Ok(()) } else { Err(Error::BackendOnly) }
}

/// Decides for a member and returns the guard to carry to the commit.
///
/// # Errors
/// [`Error::UserDeactivated`], [`Error::NotAMember`], [`Error::RoomArchived`],
/// [`Error::RoomFrozen`], [`Error::RoleTooLow`], or an invalid field for what a direct room cannot
/// do.
pub fn check_member(operation: Operation, facts: &RoomFacts) -> Result<Guard> {
    // A request may have passed the door just before its user was shut out (contract line 11).
    if facts.deactivated {
        return Err(Error::UserDeactivated);
    }
    let room = &facts.room;
    if operation == Operation::Join {
        return check_join(facts);
    }
    let mine = active(facts)?;
    match operation {
        Operation::Send
        | Operation::Type
        | Operation::EditMessage
        | Operation::React
        | Operation::PinMessage
        | Operation::AddMembers
            if room.archived =>
        {
            return Err(Error::RoomArchived);
        }
        Operation::Send
        | Operation::Type
        | Operation::EditMessage
        | Operation::React
        | Operation::PinMessage
            if room.frozen =>
        {
            return Err(Error::RoomFrozen);
        }
        Operation::UpdateRoom if room.frozen && mine.role < Role::Owner => {
            return Err(Error::RoomFrozen);
        }
        Operation::AddMembers | Operation::RemoveMembers | Operation::Leave
            if room.kind == RoomKind::Direct =>
        {
            return Err(Error::invalid("room", "a group; a direct room keeps its pair"));
        }
        Operation::UpdateRoom | Operation::RemoveMembers | Operation::ReadVersions
            if mine.role < Role::Admin =>
        {
            return Err(Error::RoleTooLow);
        }
        // Two who talk to each other pin for each other.
        Operation::PinMessage if room.kind != RoomKind::Direct && mine.role < Role::Admin => {
            return Err(Error::RoleTooLow);
        }
        _ => {}
    }
    Ok(guard_of(room, mine))
}

/// A channel is open to every user of the app. The guard holds the room only: there may be no
/// membership yet, and one that is there makes joining harmless.
fn check_join(facts: &RoomFacts) -> Result<Guard> {
    if facts.room.kind != RoomKind::Channel {
        return Err(Error::NotAMember);
    }
    if facts.room.archived && facts.mine.as_ref().is_none_or(|mine| !mine.is_active()) {
        return Err(Error::RoomArchived);
    }
    Ok(backend_guard(&facts.room))
}

/// Decides for the backend, whom only the room's own state binds.
///
/// # Errors
/// [`Error::RoomArchived`]: nobody speaks there, whoever archived it.
pub fn check_backend(operation: Operation, room: &Room) -> Result<Guard> {
    if operation == Operation::Send && room.archived {
        return Err(Error::RoomArchived);
    }
    Ok(backend_guard(room))
}

/// Whose messages a member may change: the own ones; an admin also deletes those of others.
///
/// # Errors
/// [`Error::NotAMember`], [`Error::RoleTooLow`].
pub fn check_message(
    operation: Operation,
    facts: &RoomFacts,
    sender: Option<&UserId>,
) -> Result<()> {
    let mine = active(facts)?;
    let own = sender == Some(&mine.user);
    let ok = match operation {
        Operation::EditMessage => own,
        Operation::DeleteMessage => own || mine.role >= Role::Admin,
        _ => true,
    };
    if ok { Ok(()) } else { Err(Error::RoleTooLow) }
}

/// In a large room only admins mention everybody, or a role.
///
/// # Errors
/// [`Error::RoleTooLow`].
pub fn check_mentions(facts: &RoomFacts, mentions: &Mentions) -> Result<()> {
    let large = facts.room.member_count > limits::MENTION_WIDE_MEMBERS_MAX;
    if mentions.is_wide() && large && active(facts)?.role < Role::Admin {
        return Err(Error::RoleTooLow);
    }
    Ok(())
}

/// Only an owner removes an owner or an admin; an admin removes members.
///
/// # Errors
/// [`Error::RoleTooLow`].
pub fn check_removal(mine: Role, theirs: Role) -> Result<()> {
    if mine == Role::Owner || (mine == Role::Admin && theirs == Role::Member) {
        Ok(())
    } else {
        Err(Error::RoleTooLow)
    }
}

/// The guard of a decision that the backend made: only the room's own state binds it.
#[must_use]
pub fn backend_guard(room: &Room) -> Guard {
    Guard { room_policy_rev: room.policy_rev, member: None }
}

fn guard_of(room: &Room, mine: &Membership) -> Guard {
    Guard { room_policy_rev: room.policy_rev, member: Some((mine.user.clone(), mine.policy_rev)) }
}

fn active(facts: &RoomFacts) -> Result<&Membership> {
    match &facts.mine {
        Some(mine) if mine.state == MemberState::Active => Ok(mine),
        _ => Err(Error::NotAMember),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_operation_and_app_policy() {
        use Operation as O;
        let refused =
            [O::CreateRoom, O::UpdateRoom, O::AddMembers, O::RemoveMembers, O::Leave, O::Join];
        for operation in O::ALL {
            assert_eq!(check_app(operation, AppPolicy::Open), Ok(()));
            let expected =
                if refused.contains(&operation) { Err(Error::BackendOnly) } else { Ok(()) };
            assert_eq!(check_app(operation, AppPolicy::BackendOnly), expected, "{operation:?}");
        }
    }

    #[test]
    fn nobody_is_removed_by_an_equal_but_an_owner() {
        use Role::{Admin, Member, Owner};
        for (mine, theirs, ok) in [
            (Owner, Owner, true),
            (Owner, Member, true),
            (Admin, Member, true),
            (Admin, Admin, false),
            (Admin, Owner, false),
            (Member, Member, false),
        ] {
            assert_eq!(check_removal(mine, theirs).is_ok(), ok, "{mine:?} {theirs:?}");
        }
    }
}
