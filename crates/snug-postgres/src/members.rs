//! Members: joined, removed, listed. The room is locked before any membership of it is.

use std::collections::{BTreeMap, BTreeSet};

use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{Member, MemberState, Membership, Role, Room, Time};
use snug_core::ports::{
    Append, AppendOutcome, Appended, ChangeMembers, ChangeMembersOutcome, Guard, MemberChange,
    MembersChanged, OutboxEntry,
};

use crate::PostgresStore;
use crate::messages::append_within;
use crate::outbox::note;
use crate::pool::{Fail, Tx};
use crate::room_bound::RoomBound;
use crate::rooms::{self, rev_of};
use crate::rows::{Cells, big, db_time, member_columns, membership_columns, room_columns, rows};
use crate::{threads, users};

/// A user on the way in.
pub(crate) type Joining<'a> = (&'a UserId, Role, MemberState);

/// Who comes back keeps the own count, on which the messages of before are numbered, and gets a
/// `policy_rev` never seen.
const JOIN: &str = "INSERT INTO members AS m (app, room, user_id, role, state, joined_at, rev,
      policy_rev, visible_after_seq, read_seq, read_count, read_rev, own_count, read_own,
      changed_at)
    SELECT $1, $2, i.user_id, i.role, i.state, $6, $7, 1, 0, $8, $9, $7, 0, 0, $10
    FROM unnest($3::text[], $4::text[], $5::text[]) AS i(user_id, role, state)
    ORDER BY i.user_id
    ON CONFLICT (app, room, user_id) DO UPDATE SET role = excluded.role, state = excluded.state,
      joined_at = excluded.joined_at, left_at = NULL, left_seq = NULL, rev = excluded.rev,
      policy_rev = m.policy_rev + 1, visible_after_seq = 0, read_seq = excluded.read_seq,
      read_count = excluded.read_count, read_rev = excluded.read_rev, read_own = m.own_count,
      settings_rev = m.settings_rev + (m.hidden_count IS NOT NULL)::integer, hidden_count = NULL,
      changed_at = excluded.changed_at, invited_by = NULL, invited_at = NULL";
/// Cursor and numbers stay those of before, if there were any: nothing of the room is told by them.
/// So does what is kept for who left: the invitation may come to nothing.
const INVITE: &str = "INSERT INTO members AS m (app, room, user_id, role, state, joined_at, rev,
      policy_rev, visible_after_seq, read_seq, read_count, read_rev, own_count, read_own,
      changed_at, invited_by, invited_at)
    SELECT $1, $2, i.user_id, $4, 'invited', $5, $6, 1, 0, 0, 0, 0, 0, 0, $7, $8, $5
    FROM unnest($3::text[]) AS i(user_id) ORDER BY i.user_id
    ON CONFLICT (app, room, user_id) DO UPDATE SET role = excluded.role, state = excluded.state,
      joined_at = excluded.joined_at, rev = excluded.rev,
      policy_rev = m.policy_rev + 1, changed_at = excluded.changed_at,
      settings_rev = m.settings_rev + (m.hidden_count IS NOT NULL)::integer, hidden_count = NULL,
      invited_by = excluded.invited_by, invited_at = excluded.invited_at";
/// Counts no further than the bounds.
const INVITED_HERE: &str = "SELECT count(*) FROM (SELECT FROM members m
    WHERE m.app = $1 AND m.room = $2 AND m.state = 'invited' AND m.rev >= 0 LIMIT $3) x";
const INVITED_EACH: &str = "SELECT max((SELECT count(*) FROM (SELECT FROM members m
      WHERE m.app = $1 AND m.user_id = i.user_id AND m.state = 'invited' LIMIT $3) x))
    FROM unnest($2::text[]) AS i(user_id)";
/// The room's creator ($7), who was never in.
macro_rules! only_made {
    () => {
        "m.left_seq IS NULL AND m.user_id = $7"
    };
}
/// Ends invitations. Who was in before has left then, with the view of then; who was not keeps
/// none, but for the creator, who is that again.
const UNINVITE: &str = concat!(
    "UPDATE members m SET state = CASE WHEN ",
    only_made!(),
    " THEN 'creator' ELSE 'left' END, role = CASE WHEN ",
    only_made!(),
    " THEN 'member' ELSE m.role END, invited_by = CASE WHEN ",
    only_made!(),
    " THEN NULL ELSE m.invited_by END, invited_at = CASE WHEN ",
    only_made!(),
    " THEN NULL ELSE m.invited_at END,
      left_at = CASE WHEN m.left_seq IS NULL THEN $4 ELSE m.left_at END, rev = $5,
      policy_rev = m.policy_rev + 1, changed_at = $6
    WHERE m.app = $1 AND m.room = $2 AND m.user_id = ANY($3)"
);
const FORGET_LEFT: &str = "DELETE FROM left_rooms
    WHERE app = $1 AND room = $2 AND user_id = ANY($3)";
const LEAVE: &str = "UPDATE members m SET state = 'left', left_at = $4, left_seq = $5, rev = $6,
      policy_rev = m.policy_rev + 1, changed_at = $7, invited_by = NULL, invited_at = NULL,
      settings_rev = m.settings_rev + (m.hidden_count IS NOT NULL)::integer, hidden_count = NULL
    WHERE m.app = $1 AND m.room = $2 AND m.user_id = ANY($3)";
const REMEMBER_LEFT: &str = "INSERT INTO left_rooms (app, room, user_id, name, avatar, description,
      custom, frozen, tags, archived, changed_at, member_count, seq, rev, members_rev, room_rev,
      counted, activity_at, preview_seq, preview_sender, preview_kind, preview_text, preview_at)
    SELECT r.app, r.id, i.user_id, r.name, r.avatar, r.description, r.custom, r.frozen,
      r.tags, r.archived, r.changed_at, r.member_count, r.seq, r.rev, r.members_rev, r.room_rev,
      r.counted, r.activity_at,
      r.preview_seq, r.preview_sender, r.preview_kind, r.preview_text, r.preview_at
    FROM rooms r CROSS JOIN unnest($3::text[]) AS i(user_id) WHERE r.app = $1 AND r.id = $2";
/// Own settings go with the room: another may have its id later. Their rev goes on.
macro_rules! no_settings {
    () => {
        "pinned = false, muted_until = NULL, hidden_count = NULL, folder = NULL,
         settings_rev = m.settings_rev + (m.settings_rev > 0)::integer "
    };
}
const END_ALL: &str = concat!(
    "UPDATE members m SET state = 'left', left_at = $3, left_seq = $4, rev = $5,
      policy_rev = m.policy_rev + 1, changed_at = $6, ",
    no_settings!(),
    "WHERE m.app = $1 AND m.room = $2 AND m.state <> 'left'"
);
/// Those who left before are told of a deletion too, by their change time.
const TELL_LEFT: &str = concat!(
    "UPDATE members m SET changed_at = $3, ",
    no_settings!(),
    "WHERE m.app = $1 AND m.room = $2 AND m.state = 'left'"
);
const FORGET_ALL_LEFT: &str = "DELETE FROM left_rooms WHERE app = $1 AND room = $2";
/// With the role that an invitation comes to: above member only as long as who asked may give it,
/// which the backend always may.
const STATES: &str = "SELECT m.user_id, m.state, CASE WHEN m.state <> 'invited'
      OR coalesce((SELECT o.state = 'active' AND o.role = 'owner' AND u.deactivated_at IS NULL
        FROM members o JOIN users u ON u.app = o.app AND u.id = o.user_id
        WHERE o.app = m.app AND o.room = m.room AND o.user_id = m.invited_by),
        m.invited_by IS NULL) THEN m.role ELSE 'member' END
    FROM members m WHERE m.app = $1 AND m.room = $2 AND m.user_id = ANY($3)
    ORDER BY m.user_id FOR UPDATE OF m";
const COUNT: &str = concat!(
    "UPDATE rooms r SET rev = r.rev + 1, member_count = r.member_count + $3,
       members_rev = CASE WHEN $4::boolean THEN r.rev + 1 ELSE r.members_rev END, changed_at = ",
    db_time!(),
    " WHERE r.app = $1 AND r.id = $2 RETURNING ",
    room_columns!()
);
const NAMED: &str = concat!(
    "SELECT ",
    member_columns!(),
    ", ",
    membership_columns!(),
    " FROM members m JOIN users u ON u.app = m.app AND u.id = m.user_id
      WHERE m.app = $1 AND m.room = $2 AND m.user_id = ANY($3) ORDER BY m.user_id"
);
const PAGE: &str = concat!(
    "SELECT ",
    member_columns!(),
    " FROM members m JOIN users u ON u.app = m.app AND u.id = m.user_id
      WHERE m.app = $1 AND m.room = $2 AND m.user_id > $3
        AND (m.state = 'active' OR ($5::boolean AND m.state = 'invited'))
      ORDER BY m.user_id LIMIT $4"
);
const AMONG: &str = "SELECT user_id, rev FROM members
    WHERE app = $1 AND room = $2 AND user_id = ANY($3) AND state = 'active' ORDER BY user_id";

/// Makes memberships at the room's position and rev.
pub(crate) async fn join(
    tx: &Tx,
    app: &AppId,
    room: &Room,
    joining: &[Joining<'_>],
    now: Time,
) -> Result<(), Fail> {
    let users: Vec<&str> = joining.iter().map(|(user, _, _)| user.as_str()).collect();
    let roles: Vec<&str> = joining.iter().map(|(_, role, _)| role.as_str()).collect();
    let states: Vec<&str> = joining.iter().map(|(_, _, state)| state.as_str()).collect();
    let join = tx.prepare_cached(JOIN).await?;
    let forget = tx.prepare_cached(FORGET_LEFT).await?;
    tx.execute(
        &join,
        &[
            &app.as_str(),
            &room.id.as_str(),
            &users,
            &roles,
            &states,
            &now.0,
            &rev_of(room),
            &big(room.head.seq),
            &big(room.head.count),
            &room.changed_at.0,
        ],
    )
    .await?;
    tx.execute(&forget, &[&app.as_str(), &room.id.as_str(), &users]).await?;
    Ok(())
}

/// Asks users in, at the room's rev.
pub(crate) async fn invite(
    tx: &Tx,
    app: &AppId,
    room: &Room,
    asked: (&[&str], Role, Option<&UserId>),
    now: Time,
) -> Result<(), Fail> {
    let (users, role, by) = asked;
    let invite = tx.prepare_cached(INVITE).await?;
    let (app, id, by) = (app.as_str(), room.id.as_str(), by.map(UserId::as_str));
    let (rev, at) = (rev_of(room), room.changed_at.0);
    tx.execute(&invite, &[&app, &id, &users, &role.as_str(), &now.0, &rev, &at, &by]).await?;
    Ok(())
}

/// Whether there would be more open invitations than may be, to the room or of one of those to be
/// invited. Who invites the same user elsewhere at the same moment is not waited for.
pub(crate) async fn too_many_invited(
    tx: &Tx,
    app: &AppId,
    room: &RoomId,
    users: &[&str],
) -> Result<bool, Fail> {
    if users.is_empty() {
        return Ok(false);
    }
    let here = tx.prepare_cached(INVITED_HERE).await?;
    let each = tx.prepare_cached(INVITED_EACH).await?;
    let (app, room) = (app.as_str(), room.as_str());
    let (room_most, user_most) =
        (limits::INVITATIONS_PER_ROOM_MAX, limits::INVITATIONS_PER_USER_MAX);
    let open: i64 = tx.query_one(&here, &[&app, &room, &rows(room_most, 0)]).await?.try_get(0)?;
    if usize::try_from(open).unwrap_or(usize::MAX).saturating_add(users.len()) > room_most {
        return Ok(true);
    }
    let open: Option<i64> =
        tx.query_one(&each, &[&app, &users, &rows(user_most, 0)]).await?.try_get(0)?;
    Ok(open.is_some_and(|open| usize::try_from(open).unwrap_or(usize::MAX) >= user_most))
}

/// Ends memberships, and keeps for each what the room looked like.
async fn leave(tx: &Tx, app: &AppId, room: &Room, leaving: &[&str], now: Time) -> Result<(), Fail> {
    let leave = tx.prepare_cached(LEAVE).await?;
    let remember = tx.prepare_cached(REMEMBER_LEFT).await?;
    let (app, id) = (app.as_str(), room.id.as_str());
    tx.execute(
        &leave,
        &[&app, &id, &leaving, &now.0, &big(room.head.seq), &rev_of(room), &room.changed_at.0],
    )
    .await?;
    tx.execute(&remember, &[&app, &id, &leaving]).await?;
    threads::forget(tx, app, id, leaving).await
}

/// Ends every membership of a room that is being deleted: nobody keeps a view of it.
pub(crate) async fn end_all(tx: &Tx, app: &AppId, room: &Room, now: Time) -> Result<(), Fail> {
    let tell = tx.prepare_cached(TELL_LEFT).await?;
    let end = tx.prepare_cached(END_ALL).await?;
    let forget = tx.prepare_cached(FORGET_ALL_LEFT).await?;
    let (app, id) = (app.as_str(), room.id.as_str());
    tx.execute(&tell, &[&app, &id, &room.changed_at.0]).await?;
    tx.execute(&end, &[&app, &id, &now.0, &big(room.head.seq), &rev_of(room), &room.changed_at.0])
        .await?;
    tx.execute(&forget, &[&app, &id]).await?;
    Ok(())
}

/// Members and memberships of these users, side by side.
pub(crate) async fn named(
    tx: &Tx,
    app: &AppId,
    room: &RoomId,
    users: &[&str],
) -> Result<(Vec<Member>, Vec<Membership>), Fail> {
    let named = tx.prepare_cached(NAMED).await?;
    let found = tx.query(&named, &[&app.as_str(), &room.as_str(), &users]).await?;
    let (mut members, mut memberships) = (Vec::new(), Vec::new());
    for row in &found {
        let mut cells = Cells::of(row);
        members.push(cells.member()?);
        memberships.push(cells.membership()?);
    }
    Ok((members, memberships))
}

/// One whom a change changes, and what they were before.
struct Affected<'a> {
    user: &'a UserId,
    was: Option<(MemberState, Role)>,
}

impl Affected<'_> {
    fn was(&self, state: MemberState) -> bool {
        self.was.is_some_and(|(was, _)| was == state)
    }
}

/// Those among the named whose membership the change changes, each once.
async fn affected<'a>(tx: &Tx, change: &'a ChangeMembers) -> Result<Vec<Affected<'a>>, Fail> {
    let users = change.change.users();
    let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
    let states = tx.prepare_cached(STATES).await?;
    let found = tx.query(&states, &[&change.app.as_str(), &change.room.as_str(), &ids]).await?;
    let mut known = BTreeMap::new();
    for row in &found {
        let mut cells = Cells::of(row);
        let user = cells.user_id()?;
        known.insert(user, (cells.word(MemberState::parse)?, cells.word(Role::parse)?));
    }
    let distinct: BTreeSet<&UserId> = users.iter().collect();
    let each = distinct.into_iter().map(|user| Affected { user, was: known.get(user).copied() });
    let changes = |one: &Affected<'_>| {
        let (active, invited) = (one.was(MemberState::Active), one.was(MemberState::Invited));
        match &change.change {
            MemberChange::Add { .. } => !active,
            MemberChange::Invite { .. } => !active && !invited,
            MemberChange::Accept { .. } => invited,
            MemberChange::Remove { .. } => active || invited,
        }
    };
    Ok(each.filter(changes).collect())
}

impl PostgresStore {
    pub(crate) async fn change_members_once(
        &self,
        change: &ChangeMembers,
    ) -> Result<ChangeMembersOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let outcome = change_within(&tx, change, &self.room_bound).await?;
        match &outcome {
            ChangeMembersOutcome::Changed(_) => tx.commit().await?,
            _ => tx.rollback().await?,
        }
        Ok(outcome)
    }

    pub(crate) async fn members_page(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Option<&UserId>,
        limit: usize,
        invited: bool,
    ) -> Result<Vec<Member>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let page = client.prepare_cached(PAGE).await?;
        let after = after.map_or("", UserId::as_str);
        let limit = rows(limit, 0);
        let (app, room) = (app.as_str(), room.as_str());
        let found = client.query(&page, &[&app, &room, &after, &limit, &invited]).await?;
        found.iter().map(|row| Cells::of(row).member()).collect()
    }

    pub(crate) async fn among_once(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, u64)>, Fail> {
        let client = self.reads.get().await?;
        let among = client.prepare_cached(AMONG).await?;
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let found = client.query(&among, &[&app.as_str(), &room.as_str(), &ids]).await?;
        let member = |row| {
            let mut cells = Cells::of(row);
            Ok((cells.user_id()?, cells.number()?))
        };
        found.iter().map(member).collect()
    }
}

async fn change_within(
    tx: &Tx,
    change: &ChangeMembers,
    bound: &RoomBound,
) -> Result<ChangeMembersOutcome, Fail> {
    let app = &change.app;
    let room = rooms::lock(tx, app, &change.room).await?;
    let Some(room) = room.filter(|room| room.deleted_at.is_none()) else {
        return Ok(ChangeMembersOutcome::RoomNotFound);
    };
    if !rooms::guard_holds(tx, app, &room, &change.guard).await? {
        return Ok(ChangeMembersOutcome::GuardMoved);
    }
    let affected = affected(tx, change).await?;
    if affected.is_empty() {
        return Ok(ChangeMembersOutcome::Changed(Box::new(MembersChanged {
            room,
            members: Vec::new(),
            memberships: Vec::new(),
            announced: None,
        })));
    }
    let ids: Vec<&str> = affected.iter().map(|one| one.user.as_str()).collect();
    if let Some(refused) = bounds(tx, change, &room, &ids, bound).await? {
        return Ok(refused);
    }
    let moved = match &change.change {
        MemberChange::Add { .. } | MemberChange::Accept { .. } => affected.len(),
        MemberChange::Invite { .. } => 0,
        MemberChange::Remove { .. } => {
            affected.iter().filter(|one| one.was(MemberState::Active)).count()
        }
    };
    let is_removal = matches!(change.change, MemberChange::Remove { .. });
    let count = i32::try_from(moved).unwrap_or(i32::MAX);
    let by = if is_removal { -count } else { count };
    // Line 12: every event after a removal carries its rev. Who was only invited heard nothing.
    let ends = is_removal && moved > 0;
    let update = tx.prepare_cached(COUNT).await?;
    let row = tx.query_one(&update, &[&app.as_str(), &room.id.as_str(), &by, &ends]).await?;
    let room = Cells::of(&row).room()?;
    apply(tx, change, &room, &affected).await?;
    let users: Vec<&UserId> = affected.iter().map(|one| one.user).collect();
    let entry = OutboxEntry::members_changed(change, &users);
    note(tx, (app, &room.id), room.head.rev, &entry, room.changed_at).await?;
    let announced = if moved > 0 { announce(tx, change, &room).await? } else { None };
    let (members, memberships) = named(tx, app, &room.id, &ids).await?;
    Ok(ChangeMembersOutcome::Changed(Box::new(MembersChanged {
        room,
        members,
        memberships,
        announced,
    })))
}

/// What the bounds refuse.
async fn bounds(
    tx: &Tx,
    change: &ChangeMembers,
    room: &Room,
    ids: &[&str],
    bound: &RoomBound,
) -> Result<Option<ChangeMembersOutcome>, Fail> {
    Ok(match &change.change {
        MemberChange::Add { .. } | MemberChange::Accept { .. } => {
            let room_for = limits::ROOM_MEMBERS_MAX.saturating_sub(room.member_count);
            let full = ids.len() > room_for as usize || bound.is_met(tx, &change.app, ids).await?;
            full.then_some(ChangeMembersOutcome::TooMany)
        }
        MemberChange::Invite { .. } => {
            let full = too_many_invited(tx, &change.app, &room.id, ids).await?;
            full.then_some(ChangeMembersOutcome::TooManyInvited)
        }
        MemberChange::Remove { .. } => None,
    })
}

/// Writes the memberships, in a room that took its rev.
async fn apply(
    tx: &Tx,
    change: &ChangeMembers,
    room: &Room,
    affected: &[Affected<'_>],
) -> Result<(), Fail> {
    let (app, now) = (&change.app, change.now);
    match &change.change {
        MemberChange::Add { .. } | MemberChange::Accept { .. } => {
            let role = |one: &Affected<'_>| match &change.change {
                MemberChange::Add { role, .. } => *role,
                _ => one.was.map_or(Role::Member, |(_, role)| role),
            };
            users::make_bare(tx, affected.iter().map(|one| (app, one.user)), now).await?;
            let joining: Vec<Joining<'_>> =
                affected.iter().map(|one| (one.user, role(one), MemberState::Active)).collect();
            join(tx, app, room, &joining, now).await
        }
        MemberChange::Invite { role, by, .. } => {
            users::make_bare(tx, affected.iter().map(|one| (app, one.user)), now).await?;
            let ids: Vec<&str> = affected.iter().map(|one| one.user.as_str()).collect();
            invite(tx, app, room, (&ids, *role, by.as_ref()), now).await
        }
        MemberChange::Remove { .. } => {
            let were = |state: MemberState| -> Vec<&str> {
                let all = affected.iter().filter(|one| one.was(state));
                all.map(|one| one.user.as_str()).collect()
            };
            let (inside, asked) = (were(MemberState::Active), were(MemberState::Invited));
            if !asked.is_empty() {
                let uninvite = tx.prepare_cached(UNINVITE).await?;
                let (app, id) = (app.as_str(), room.id.as_str());
                let (rev, at) = (rev_of(room), room.changed_at.0);
                let creator = room.creator.as_ref().map(UserId::as_str);
                tx.execute(&uninvite, &[&app, &id, &asked, &now.0, &rev, &at, &creator]).await?;
            }
            if inside.is_empty() { Ok(()) } else { leave(tx, app, room, &inside, now).await }
        }
    }
}

async fn announce(tx: &Tx, change: &ChangeMembers, room: &Room) -> Result<Option<Appended>, Fail> {
    let Some(message) = &change.announce else {
        return Ok(None);
    };
    let append = Append {
        app: change.app.clone(),
        room: change.room.clone(),
        guard: Guard { room_policy_rev: room.policy_rev, member: None },
        message: message.clone(),
        now: change.now,
    };
    match append_within(tx, &append).await? {
        AppendOutcome::Stored(appended) => Ok(Some(*appended)),
        // Its id was used before: what it would say was said.
        _ => Ok(None),
    }
}
