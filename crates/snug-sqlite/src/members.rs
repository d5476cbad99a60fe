//! Memberships: joined, left, looked up.

use rusqlite::{Connection, named_params};
use snug_core::ids::{AppId, UserId};
use snug_core::limits::ROOM_MEMBERS_MAX;
use snug_core::model::{Member, MemberState, Membership, Mentioned, Mute, Role, Time};
use snug_core::ports::{
    ChangeMembers, ChangeMembersOutcome, MemberChange, MembersChanged, OutboxEntry,
};

use crate::invitations::{self, too_many_invited};
use crate::left::LeftRoom;
use crate::messages::{guard_holds, store_said};
use crate::outbox::note;
use crate::rooms::{living, room_of, save_head};
use crate::rows::{
    HeadRow, MemberRow, Sql, all, change, int, member, member_columns, one, size, uint,
    user_columns, word,
};
use crate::{threads, users};

pub(crate) fn find_member(conn: &Connection, rk: i64, user: &UserId) -> Sql<Option<MemberRow>> {
    one(
        conn,
        concat!("SELECT ", member_columns!(), " FROM members m WHERE m.rk = ?1 AND m.user = ?2"),
        (rk, user.as_str()),
        MemberRow::read,
    )
}

/// Writes what moves with messages and reading; nothing that an index holds.
pub(crate) fn save_member(conn: &Connection, rk: i64, mine: &MemberRow) -> Sql<()> {
    let facts = &mine.facts;
    change(
        conn,
        "UPDATE members SET read_seq = ?3, read_count = ?4, read_rev = ?5, own_count = ?6, \
         read_own = ?7, last_own_seq = ?8, changed_at = ?9 WHERE rk = ?1 AND user = ?2",
        (
            rk,
            facts.user.as_str(),
            int(facts.read_seq),
            int(facts.read_count),
            int(facts.read_rev),
            int(facts.own_count),
            int(facts.read_own),
            int(mine.last_own_seq),
            facts.changed_at.0,
        ),
    )
    .map(drop)
}

/// Where a room stands in the list of who is not in it, and what it looked like to who left.
#[derive(Default)]
pub(crate) struct Outside<'a> {
    pub(crate) at: Option<Time>,
    pub(crate) room: Option<&'a str>,
}

/// Writes the whole membership, with how the room looks from outside to who is not in it.
pub(crate) fn put_member(
    conn: &Connection,
    app: &AppId,
    rk: i64,
    mine: &MemberRow,
    outside: &Outside<'_>,
) -> Sql<()> {
    let facts = &mine.facts;
    let mut put = conn.prepare_cached(
        "INSERT OR REPLACE INTO members (rk, user, app, state, role, joined_at, left_at, \
         left_seq, rev, policy_rev, visible_after_seq, read_seq, read_count, read_rev, \
         own_count, read_own, last_own_seq, changed_at, left_activity_at, left_room, pinned, \
         muted_until, hidden_count, folder, settings_rev, marks_rev, deleted_seq, invited_by, \
         invited_at) \
         VALUES (:rk, :user, :app, :state, :role, :joined_at, :left_at, \
         :left_seq, :rev, :policy_rev, :visible_after_seq, :read_seq, :read_count, :read_rev, \
         :own_count, :read_own, :last_own_seq, :changed_at, :left_activity_at, :left_room, \
         :pinned, :muted_until, :hidden_count, :folder, :settings_rev, :marks_rev, :deleted_seq, \
         :invited_by, :invited_at)",
    )?;
    put.execute(named_params! {
        ":rk": rk,
        ":user": facts.user.as_str(),
        ":app": app.as_str(),
        ":state": facts.state.as_str(),
        ":role": facts.role.as_str(),
        ":joined_at": facts.joined_at.0,
        ":left_at": facts.left_at.map(|at| at.0),
        ":left_seq": facts.left_seq.map(int),
        ":rev": int(facts.rev),
        ":policy_rev": int(facts.policy_rev),
        ":visible_after_seq": int(facts.visible_after_seq),
        ":read_seq": int(facts.read_seq),
        ":read_count": int(facts.read_count),
        ":read_rev": int(facts.read_rev),
        ":own_count": int(facts.own_count),
        ":read_own": int(facts.read_own),
        ":last_own_seq": int(mine.last_own_seq),
        ":changed_at": facts.changed_at.0,
        ":left_activity_at": outside.at.map(|at| at.0),
        ":left_room": outside.room,
        ":pinned": facts.own.pinned,
        ":muted_until": facts.own.muted.map(Mute::stored),
        ":hidden_count": facts.own.hidden_count.map(int),
        ":folder": facts.own.folder,
        ":settings_rev": int(facts.own.rev),
        ":marks_rev": int(facts.marks.rev),
        ":deleted_seq": int(facts.marks.deleted_seq),
        ":invited_by": facts.invitation.as_ref().and_then(|one| one.by.as_ref()).map(UserId::as_str),
        ":invited_at": facts.invitation.as_ref().map(|one| one.at.0),
    })
    .map(drop)
}

/// Writes a membership's own settings.
pub(crate) fn save_own(conn: &Connection, rk: i64, facts: &Membership) -> Sql<()> {
    let own = &facts.own;
    change(
        conn,
        "UPDATE members SET pinned = ?3, muted_until = ?4, hidden_count = ?5, folder = ?6, \
         settings_rev = ?7, changed_at = ?8 WHERE rk = ?1 AND user = ?2",
        (
            rk,
            facts.user.as_str(),
            own.pinned,
            own.muted.map(Mute::stored),
            own.hidden_count.map(int),
            &own.folder,
            int(own.rev),
            facts.changed_at.0,
        ),
    )
    .map(drop)
}

/// Writes where a membership's marks stand.
pub(crate) fn save_marks(conn: &Connection, rk: i64, facts: &Membership) -> Sql<()> {
    change(
        conn,
        "UPDATE members SET marks_rev = ?3, deleted_seq = ?4, changed_at = ?5 \
         WHERE rk = ?1 AND user = ?2",
        (
            rk,
            facts.user.as_str(),
            int(facts.marks.rev),
            int(facts.marks.deleted_seq),
            facts.changed_at.0,
        ),
    )
    .map(drop)
}

/// What all who join in one change have in common.
pub(crate) struct Joining<'a> {
    pub(crate) app: &'a AppId,
    /// After the change took its rev.
    pub(crate) head: &'a HeadRow,
    pub(crate) now: Time,
    pub(crate) at: Time,
}

impl Joining<'_> {
    /// Joins a user, made if need be, read up to the room's position (line 10: what was before
    /// does not count). Numbers of own messages and `policy_rev` go on where they were.
    pub(crate) fn join(
        &self,
        conn: &Connection,
        user: &UserId,
        role: Role,
        state: MemberState,
    ) -> Sql<(Member, Membership)> {
        let made = users::get(conn, self.app, user, self.now)?;
        let old = find_member(conn, self.head.rk, user)?;
        let own_count = old.as_ref().map_or(0, |old| old.facts.own_count);
        let mut own = old.as_ref().map(|old| old.facts.own.clone()).unwrap_or_default();
        own.show();
        let marks = old.as_ref().map(|old| old.facts.marks).unwrap_or_default();
        let facts = Membership {
            user: user.clone(),
            role,
            state,
            invitation: None,
            joined_at: self.now,
            left_at: None,
            left_seq: None,
            rev: self.head.rev,
            policy_rev: old.as_ref().map_or(0, |old| old.facts.policy_rev) + 1,
            visible_after_seq: 0,
            read_seq: self.head.seq,
            read_count: self.head.count,
            read_rev: self.head.rev,
            own_count,
            read_own: own_count,
            gone: 0,
            mentions: Mentioned::default(),
            own,
            marks,
            changed_at: self.at,
        };
        let last_own_seq = old.map_or(0, |old| old.last_own_seq);
        let mine = MemberRow { facts, last_own_seq };
        put_member(conn, self.app, self.head.rk, &mine, &Outside::default())?;
        Ok((as_seen(made, &mine.facts), mine.facts))
    }
}

pub(crate) fn as_seen(user: snug_core::model::User, facts: &Membership) -> Member {
    Member {
        user,
        role: facts.role,
        state: facts.state,
        joined_at: facts.joined_at,
        read_seq: facts.read_seq,
        rev: facts.rev,
    }
}

pub(crate) fn change_members(
    conn: &Connection,
    wanted: &ChangeMembers,
    most: usize,
    at: Time,
) -> Sql<ChangeMembersOutcome> {
    let Some(mut head) = living(conn, &wanted.app, &wanted.room)? else {
        return Ok(ChangeMembersOutcome::RoomNotFound);
    };
    if !guard_holds(conn, &head, &wanted.guard, None)? {
        return Ok(ChangeMembersOutcome::GuardMoved);
    }
    let concerned = concerned(conn, head.rk, &wanted.change)?;
    if let Some(refused) = bounds(conn, wanted, &head, &concerned, most)? {
        return Ok(refused);
    }
    let mut changed = MembersChanged {
        room: room_of(conn, &head)?,
        members: Vec::new(),
        memberships: Vec::new(),
        announced: None,
    };
    if concerned.is_empty() {
        return Ok(ChangeMembersOutcome::Changed(Box::new(changed)));
    }
    // Line 4: one rev for the change, one more for telling of it.
    head.rev += 1;
    head.changed_at = at;
    let moved = moved(&wanted.change, &concerned);
    if matches!(wanted.change, MemberChange::Remove { .. }) {
        head.member_count = head.member_count.saturating_sub(moved);
        if moved > 0 {
            // Line 12: every later event carries this rev. Who was only invited heard nothing.
            head.members_rev = head.rev;
        }
    } else {
        head.member_count = head.member_count.saturating_add(moved);
    }
    save_head(conn, &head)?;
    let done = apply(conn, wanted, &head, concerned, at)?;
    (changed.members, changed.memberships) = done.into_iter().unzip();
    changed.room = room_of(conn, &head)?;
    let affected: Vec<&UserId> = changed.memberships.iter().map(|mine| &mine.user).collect();
    note(conn, &wanted.app, &head, || OutboxEntry::members_changed(wanted, &affected), at)?;
    if let Some(said) = wanted.announce.as_ref().filter(|_| moved > 0) {
        let times = (wanted.now, at);
        changed.announced =
            Some(store_said(conn, (&wanted.app, &wanted.room), &mut head, said, times)?);
    }
    Ok(ChangeMembersOutcome::Changed(Box::new(changed)))
}

/// One whom a change changes, and what they were before.
struct Concerned<'u> {
    user: &'u UserId,
    was: Option<(MemberState, Role)>,
}

impl Concerned<'_> {
    fn was(&self, state: MemberState) -> bool {
        self.was.is_some_and(|(was, _)| was == state)
    }
}

/// Those whom the change changes, each once.
fn concerned<'u>(conn: &Connection, rk: i64, change: &'u MemberChange) -> Sql<Vec<Concerned<'u>>> {
    let users = change.users();
    let mut seen = std::collections::HashSet::with_capacity(users.len());
    let mut concerned = Vec::with_capacity(users.len());
    for user in users {
        if !seen.insert(user) {
            continue;
        }
        let one = Concerned { user, was: state_of(conn, rk, user)? };
        let (active, invited) = (one.was(MemberState::Active), one.was(MemberState::Invited));
        let changes = match change {
            MemberChange::Add { .. } => !active,
            MemberChange::Invite { .. } => !active && !invited,
            MemberChange::Accept { .. } => invited,
            MemberChange::Remove { .. } => active || invited,
        };
        if changes {
            concerned.push(one);
        }
    }
    Ok(concerned)
}

/// How many members the room has more, or by a removal fewer.
fn moved(change: &MemberChange, concerned: &[Concerned<'_>]) -> u32 {
    let number = match change {
        MemberChange::Add { .. } | MemberChange::Accept { .. } => concerned.len(),
        MemberChange::Invite { .. } => 0,
        MemberChange::Remove { .. } => {
            concerned.iter().filter(|one| one.was(MemberState::Active)).count()
        }
    };
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What the bounds refuse.
fn bounds(
    conn: &Connection,
    wanted: &ChangeMembers,
    head: &HeadRow,
    concerned: &[Concerned<'_>],
    most: usize,
) -> Sql<Option<ChangeMembersOutcome>> {
    let users = || concerned.iter().map(|one| one.user);
    Ok(match &wanted.change {
        MemberChange::Add { .. } | MemberChange::Accept { .. } => {
            let number = moved(&wanted.change, concerned);
            let full = head.member_count.saturating_add(number) > ROOM_MEMBERS_MAX
                || any_is_full(conn, &wanted.app, users(), most)?;
            full.then_some(ChangeMembersOutcome::TooMany)
        }
        MemberChange::Invite { .. } => {
            let full = too_many_invited(conn, &wanted.app, Some(head.rk), users())?;
            full.then_some(ChangeMembersOutcome::TooManyInvited)
        }
        MemberChange::Remove { .. } => None,
    })
}

fn apply(
    conn: &Connection,
    wanted: &ChangeMembers,
    head: &HeadRow,
    concerned: Vec<Concerned<'_>>,
    at: Time,
) -> Sql<Vec<(Member, Membership)>> {
    let joining = Joining { app: &wanted.app, head, now: wanted.now, at };
    let join = |user, role| joining.join(conn, user, role, MemberState::Active);
    match &wanted.change {
        MemberChange::Add { role, .. } => {
            concerned.into_iter().map(|one| join(one.user, *role)).collect()
        }
        MemberChange::Accept { .. } => {
            let role = |one: &Concerned<'_>| one.was.map_or(Role::Member, |(_, role)| role);
            concerned.into_iter().map(|one| join(one.user, role(&one))).collect()
        }
        MemberChange::Invite { role, by, .. } => {
            let invite = |one: Concerned<'_>| joining.invite(conn, one.user, *role, by.as_ref());
            concerned.into_iter().map(invite).collect()
        }
        MemberChange::Remove { .. } => remove(conn, wanted, head, (concerned, at)),
    }
}

/// Whether one of them is in as many rooms as a user may be. Counts no further than the bound, in
/// the index alone.
pub(crate) fn any_is_full<'u>(
    conn: &Connection,
    app: &AppId,
    users: impl Iterator<Item = &'u UserId>,
    most: usize,
) -> Sql<bool> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM members INDEXED BY members_by_user \
               WHERE app = ?1 AND user = ?2 AND state = 'active' LIMIT ?3)";
    for user in users {
        let key = (app.as_str(), user.as_str(), size(most));
        let rooms: Option<i64> = one(conn, sql, key, |row| row.get(0))?;
        if rooms.is_some_and(|rooms| rooms >= size(most)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// With the role that an invitation comes to: above member only as long as who asked may give it,
/// which the backend always may.
fn state_of(conn: &Connection, rk: i64, user: &UserId) -> Sql<Option<(MemberState, Role)>> {
    let sql = "SELECT m.state, iif(m.state <> 'invited' \
               OR coalesce((SELECT o.state = 'active' AND o.role = 'owner' \
               AND u.deactivated_at IS NULL FROM members o \
               JOIN users u ON u.app = o.app AND u.id = o.user \
               WHERE o.rk = m.rk AND o.user = m.invited_by), m.invited_by IS NULL), \
               m.role, 'member') FROM members m WHERE m.rk = ?1 AND m.user = ?2";
    one(conn, sql, (rk, user.as_str()), |row| {
        Ok((word(row, 0, MemberState::parse)?, word(row, 1, Role::parse)?))
    })
}

/// The rev of an active membership's last change.
fn active_since(conn: &Connection, rk: i64, user: &UserId) -> Sql<Option<u64>> {
    let sql = "SELECT rev FROM members WHERE rk = ?1 AND user = ?2 AND state = 'active'";
    one(conn, sql, (rk, user.as_str()), |row| uint(row, 0))
}

fn remove(
    conn: &Connection,
    wanted: &ChangeMembers,
    head: &HeadRow,
    (leaving, at): (Vec<Concerned<'_>>, Time),
) -> Sql<Vec<(Member, Membership)>> {
    // As it stands at the leaving's rev: nothing later is theirs to see.
    let room = room_of(conn, head)?;
    let left = LeftRoom::of(&room).to_json()?;
    let mut done = Vec::with_capacity(leaving.len());
    for Concerned { user, was } in leaving {
        let Some(mut mine) = find_member(conn, head.rk, user)? else {
            continue;
        };
        let facts = &mut mine.facts;
        facts.rev = head.rev;
        facts.policy_rev += 1;
        facts.own.show();
        facts.changed_at = at;
        if was.is_some_and(|(was, _)| was == MemberState::Invited) {
            let end = (room.creator.as_ref(), wanted.now);
            invitations::end(conn, &wanted.app, head.rk, &mut mine, end)?;
        } else {
            facts.state = MemberState::Left;
            facts.left_at = Some(wanted.now);
            facts.left_seq = Some(head.seq);
            facts.invitation = None;
            let outside = Outside { at: Some(head.activity_at), room: Some(&left) };
            put_member(conn, &wanted.app, head.rk, &mine, &outside)?;
            threads::forget(conn, head.rk, user)?;
        }
        let user = users::get(conn, &wanted.app, user, wanted.now)?;
        done.push((as_seen(user, &mine.facts), mine.facts));
    }
    Ok(done)
}

/// Takes the words of a deleted message out of what is kept for those who left when it was the
/// newest one of the room's own; replies in threads may have come after it.
pub(crate) fn erase_left(conn: &Connection, rk: i64, seq: i64) -> Sql<()> {
    let kept: Vec<(String, String)> = all(
        conn,
        "SELECT user, left_room FROM members \
         WHERE rk = ?1 AND state IN ('left', 'invited') AND left_seq >= ?2 \
         AND left_room IS NOT NULL \
         AND left_seq < coalesce((SELECT seq FROM messages WHERE rk = ?1 AND seq > ?2 \
         AND thread IS NULL ORDER BY seq LIMIT 1), left_seq + 1)",
        (rk, seq),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (user, left) in kept {
        let mut left = LeftRoom::from_json(&left)?;
        if left.shown_seq() != Some(seq.unsigned_abs()) {
            continue;
        }
        left.hide_words();
        let sql = "UPDATE members SET left_room = ?3 WHERE rk = ?1 AND user = ?2";
        change(conn, sql, (rk, user, left.to_json()?))?;
    }
    Ok(())
}

/// Own settings go with the room: another may have its id later. Their rev goes on.
macro_rules! no_settings {
    () => {
        "pinned = 0, muted_until = NULL, hidden_count = NULL, folder = NULL, \
         settings_rev = settings_rev + (settings_rev > 0)"
    };
}

/// Ends every membership of a room that is deleted, and keeps nothing of it for anybody. Those
/// who left before are told of the deletion too, by their change time.
pub(crate) fn end_all(conn: &Connection, head: &HeadRow, (now, at): (Time, Time)) -> Sql<()> {
    change(
        conn,
        concat!(
            "UPDATE members SET changed_at = ?2, left_activity_at = NULL, left_room = NULL, ",
            no_settings!(),
            " WHERE rk = ?1 AND state = 'left'"
        ),
        (head.rk, at.0),
    )?;
    change(
        conn,
        concat!(
            "UPDATE members SET state = 'left', left_at = ?2, left_seq = ?3, rev = ?4, \
             policy_rev = policy_rev + 1, changed_at = ?5, left_activity_at = NULL, \
             left_room = NULL, ",
            no_settings!(),
            " WHERE rk = ?1 AND state <> 'left'"
        ),
        (head.rk, now.0, int(head.seq), int(head.rev), at.0),
    )
    .map(drop)
}

pub(crate) fn page(
    conn: &Connection,
    app: &AppId,
    rk: i64,
    after: Option<&UserId>,
    limit: usize,
    invited: bool,
) -> Sql<Vec<Member>> {
    all(
        conn,
        concat!(
            "SELECT ",
            user_columns!(),
            ", m.role, m.state, m.joined_at, m.read_seq, m.rev FROM members m \
             CROSS JOIN users u ON u.app = ?2 AND u.id = m.user \
             WHERE m.rk = ?1 AND m.user > ?3 \
             AND (m.state = 'active' OR (?5 AND m.state = 'invited')) ORDER BY m.user LIMIT ?4"
        ),
        (rk, app.as_str(), after.map_or("", UserId::as_str), size(limit), invited),
        member,
    )
}

/// One member in any state but `Creator`.
pub(crate) fn seen(conn: &Connection, app: &AppId, rk: i64, user: &UserId) -> Sql<Option<Member>> {
    one(
        conn,
        concat!(
            "SELECT ",
            user_columns!(),
            ", m.role, m.state, m.joined_at, m.read_seq, m.rev FROM members m \
             CROSS JOIN users u ON u.app = ?2 AND u.id = m.user \
             WHERE m.rk = ?1 AND m.user = ?3 AND m.state <> 'creator'"
        ),
        (rk, app.as_str(), user.as_str()),
        member,
    )
}

pub(crate) fn among(conn: &Connection, rk: i64, users: &[UserId]) -> Sql<Vec<(UserId, u64)>> {
    let mut active = Vec::new();
    for user in users {
        if let Some(rev) = active_since(conn, rk, user)? {
            active.push((user.clone(), rev));
        }
    }
    Ok(active)
}
