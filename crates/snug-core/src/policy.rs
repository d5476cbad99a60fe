//! Who may do what: one table, asked before every mutation. Decides from facts it is given and
//! touches nothing. What it saw is carried to the commit as a `Guard` (contract line 11).

mod table;

use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::model::{AppPolicy, MemberState, Membership, Mentions, Role, Room};
use crate::ports::{Guard, RoomFacts};

pub use table::{Closed, Operation, Rule, TABLE, Who};

/// Refuses what the app leaves to its backend.
///
/// # Errors
/// [`Error::BackendOnly`].
pub fn check_app(operation: Operation, policy: AppPolicy) -> Result<()> {
    let closed = policy == AppPolicy::BackendOnly && operation.rule().backend_only;
    if closed { Err(Error::BackendOnly) } else { Ok(()) }
}

/// Decides for a member and returns the guard to carry to the commit.
///
/// # Errors
/// [`Error::UserDeactivated`], [`Error::NotAMember`], [`Error::NotInvited`], [`Error::RoomArchived`],
/// [`Error::RoomFrozen`], [`Error::RoleTooLow`], or an invalid field for what a direct room cannot
/// do.
pub fn check_member(operation: Operation, facts: &RoomFacts) -> Result<Guard> {
    // A request may have passed the door just before its user was shut out (contract line 11).
    if facts.deactivated {
        return Err(Error::UserDeactivated);
    }
    let (room, rule) = (&facts.room, operation.rule());
    if rule.least.contains(&Who::Outsider) {
        return check_join(rule, facts);
    }
    if rule.least.contains(&Who::Invited) {
        return check_invited(rule, facts);
    }
    let mine = active(facts)?;
    if room.archived && rule.archived.holds_for(mine.role) {
        return Err(Error::RoomArchived);
    }
    if room.frozen && rule.frozen.holds_for(mine.role) {
        return Err(Error::RoomFrozen);
    }
    match rule.who(room) {
        Who::Nobody => Err(not_here(operation)),
        Who::Role(least) if mine.role < least => Err(Error::RoleTooLow),
        _ => Ok(guard_of(room, mine)),
    }
}

/// What a direct room cannot do.
fn not_here(operation: Operation) -> Error {
    match operation {
        Operation::SetPolicy => {
            Error::invalid("policy", "absent; in a direct room both may do the same")
        }
        _ => Error::invalid("room", "a group; a direct room keeps its pair"),
    }
}

/// A channel is open to every user of the app. The guard holds the room only: there may be no
/// membership yet, and one that is there makes joining harmless.
fn check_join(rule: &Rule, facts: &RoomFacts) -> Result<Guard> {
    if rule.who(&facts.room) != Who::Outsider {
        return Err(Error::NotAMember);
    }
    let inside = facts.mine.as_ref().is_some_and(Membership::is_active);
    if facts.room.archived && rule.archived != Closed::Open && !inside {
        return Err(Error::RoomArchived);
    }
    Ok(backend_guard(&facts.room))
}

/// Who has accepted or declined already may say so again.
fn check_invited(rule: &Rule, facts: &RoomFacts) -> Result<Guard> {
    if rule.who(&facts.room) == Who::Nobody {
        return Err(Error::NotInvited);
    }
    let (room, mine) = match &facts.mine {
        Some(mine) if mine.is_invited() => (&facts.room, mine),
        Some(mine) if mine.is_active() && rule.operation == Operation::Accept => {
            return Ok(guard_of(&facts.room, mine));
        }
        // Of an invitation that has ended there is nothing left to decline: a repeat is harmless.
        Some(mine) if mine.is_uninvited() && rule.operation == Operation::Decline => {
            return Ok(guard_of(&facts.room, mine));
        }
        _ => return Err(Error::NotInvited),
    };
    if room.archived && rule.archived != Closed::Open {
        return Err(Error::RoomArchived);
    }
    Ok(guard_of(room, mine))
}

/// Decides for the backend, whom only the room's own state binds.
///
/// # Errors
/// [`Error::RoomArchived`]: nobody speaks there, whoever archived it. An invalid field for what a
/// direct room cannot do.
pub fn check_backend(operation: Operation, room: &Room) -> Result<Guard> {
    if room.archived && operation.rule().archived == Closed::ToAll {
        return Err(Error::RoomArchived);
    }
    if operation == Operation::SetPolicy && operation.rule().who(room) == Who::Nobody {
        return Err(not_here(operation));
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

/// In a large room only admins mention everybody, or a role, unless the room says otherwise.
///
/// # Errors
/// [`Error::RoleTooLow`].
pub fn check_mentions(facts: &RoomFacts, mentions: &Mentions) -> Result<()> {
    if !mentions.is_wide() {
        return Ok(());
    }
    match Operation::MentionAll.rule().who(&facts.room) {
        Who::Role(least) if active(facts)?.role < least => Err(Error::RoleTooLow),
        _ => Ok(()),
    }
}

/// Only an owner removes an owner or an admin; who else may remove, removes members.
///
/// # Errors
/// [`Error::RoleTooLow`].
pub fn check_removal(room: &Room, mine: Role, theirs: Role) -> Result<()> {
    let Who::Role(least) = Operation::RemoveMembers.rule().who(room) else {
        return Err(Error::RoleTooLow);
    };
    if mine == Role::Owner || (mine >= least && theirs == Role::Member) {
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
    use crate::limits;
    use crate::model::{
        Head, MarksHead, Mentioned, OwnSettings, RoomKind, RoomPolicy, Ruled, Time,
    };

    #[test]
    fn every_cell_of_operation_and_app_policy() {
        use Operation as O;
        let refused = [
            O::CreateRoom,
            O::UpdateRoom,
            O::SetPolicy,
            O::AddMembers,
            O::RemoveMembers,
            O::Leave,
            O::Join,
        ];
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
        let room = group(RoomPolicy::default());
        for (mine, theirs, ok) in [
            (Owner, Owner, true),
            (Owner, Member, true),
            (Admin, Member, true),
            (Admin, Admin, false),
            (Admin, Owner, false),
            (Member, Member, false),
        ] {
            assert_eq!(check_removal(&room, mine, theirs).is_ok(), ok, "{mine:?} {theirs:?}");
        }
        // Where members may remove, they remove members, and nobody above.
        let room = group(RoomPolicy([(Ruled::RemoveMembers, Member)].into()));
        for (mine, theirs, ok) in [
            (Member, Member, true),
            (Member, Admin, false),
            (Admin, Admin, false),
            (Owner, Admin, true),
        ] {
            assert_eq!(check_removal(&room, mine, theirs).is_ok(), ok, "{mine:?} {theirs:?}");
        }
    }

    fn group(policy: RoomPolicy) -> Room {
        Room {
            id: crate::ids::RoomId::from_stored("team"),
            kind: RoomKind::Group,
            direct: None,
            name: None,
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            creator: None,
            frozen: false,
            archived: false,
            policy,
            created_at: Time(0),
            changed_at: Time(0),
            deleted_at: None,
            epoch: String::new(),
            min_seq: 1,
            min_rev: 0,
            policy_rev: 1,
            member_count: 3,
            head: Head::default(),
        }
    }

    #[test]
    fn a_room_says_otherwise_than_the_table() {
        let announcements = RoomPolicy([(Ruled::Send, Role::Admin)].into());
        let mut room = group(announcements);
        for operation in [Operation::Send, Operation::Type] {
            assert_eq!(operation.rule().who(&room), Who::Role(Role::Admin), "{operation:?}");
        }
        assert_eq!(Operation::React.rule().who(&room), Who::Role(Role::Member));
        assert_eq!(Operation::MentionAll.rule().who(&room), Who::Role(Role::Member));
        room.member_count = limits::MENTION_WIDE_MEMBERS_MAX + 1;
        assert_eq!(Operation::MentionAll.rule().who(&room), Who::Role(Role::Admin));
        room.policy = RoomPolicy([(Ruled::MentionAll, Role::Member)].into());
        assert_eq!(Operation::MentionAll.rule().who(&room), Who::Role(Role::Member));
        // What a kind of room cannot do, no room's word allows.
        room.policy = RoomPolicy([(Ruled::AddMembers, Role::Member)].into());
        room.kind = RoomKind::Direct;
        assert_eq!(Operation::AddMembers.rule().who(&room), Who::Nobody);
    }

    fn facts(room: Room, role: Role) -> RoomFacts {
        let mine = Membership {
            user: UserId::from_stored("ann"),
            role,
            state: MemberState::Active,
            invitation: None,
            joined_at: Time(0),
            left_at: None,
            left_seq: None,
            rev: 1,
            policy_rev: 1,
            visible_after_seq: 0,
            read_seq: 0,
            read_count: 0,
            read_rev: 1,
            own_count: 0,
            read_own: 0,
            gone: 0,
            mentions: Mentioned::default(),
            own: OwnSettings::default(),
            marks: MarksHead::default(),
            changed_at: Time(0),
        };
        RoomFacts { room, mine: Some(mine), deactivated: false }
    }

    #[test]
    fn no_room_locks_its_owner_out() {
        for ruled in Ruled::ALL {
            for least in [Role::Member, Role::Admin, Role::Owner] {
                let room = group(RoomPolicy([(ruled, least)].into()));
                for operation in Operation::ALL {
                    let done = check_member(operation, &facts(room.clone(), Role::Owner));
                    let elsewhere = [Operation::Join, Operation::Decline].contains(&operation);
                    assert_eq!(done.is_err(), elsewhere, "{operation:?} under {ruled:?}: {done:?}");
                }
                // Whatever closes it, an owner says otherwise.
                let closed = Room { frozen: true, archived: true, ..room };
                for operation in [Operation::UpdateRoom, Operation::SetPolicy] {
                    let done = check_member(operation, &facts(closed.clone(), Role::Owner));
                    assert!(done.is_ok(), "{operation:?} under {ruled:?}: {done:?}");
                    let admin = check_member(operation, &facts(closed.clone(), Role::Admin));
                    assert!(admin.is_err(), "{operation:?} under {ruled:?}");
                }
            }
        }
    }

    #[test]
    fn the_page_of_rooms_shows_the_table() {
        let page = include_str!("../../../docs/rooms.md");
        for rule in &TABLE {
            let row = rule.as_documented();
            assert!(page.contains(&row), "docs/rooms.md: expected the row\n{row}");
        }
        let rows = page.lines().filter(|line| line.ends_with("| <!-- rule -->")).count();
        assert_eq!(rows, TABLE.len(), "docs/rooms.md has rows of operations that are gone");
    }
}
