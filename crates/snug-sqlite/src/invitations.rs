//! Invitations: who is asked in, how it ends without a joining, and how many may be open.

use rusqlite::Connection;
use snug_core::ids::{AppId, UserId};
use snug_core::limits::{INVITATIONS_PER_ROOM_MAX, INVITATIONS_PER_USER_MAX};
use snug_core::model::{Invitation, Member, MemberState, Membership, Mentioned, Role, Time};

use crate::left::LeftRoom;
use crate::members::{Joining, Outside, as_seen, find_member, put_member};
use crate::rows::{MemberRow, Sql, one, size};
use crate::users;

impl Joining<'_> {
    /// Asks a user, made if need be. Cursor and numbers stay those of before, if there were any:
    /// nothing of the room is told by them. So does what is kept for who left: the invitation may
    /// come to nothing.
    pub(crate) fn invite(
        &self,
        conn: &Connection,
        user: &UserId,
        role: Role,
        by: Option<&UserId>,
    ) -> Sql<(Member, Membership)> {
        let made = users::get(conn, self.app, user, self.now)?;
        let old = find_member(conn, self.head.rk, user)?;
        let last_own_seq = old.as_ref().map_or(0, |old| old.last_own_seq);
        let old = old.map(|old| old.facts);
        let number = |of: fn(&Membership) -> u64| old.as_ref().map_or(0, of);
        let mut own = old.as_ref().map(|old| old.own.clone()).unwrap_or_default();
        own.show();
        let marks = old.as_ref().map(|old| old.marks).unwrap_or_default();
        let facts = Membership {
            user: user.clone(),
            role,
            state: MemberState::Invited,
            invitation: Some(Invitation { by: by.cloned(), at: self.now }),
            joined_at: self.now,
            left_at: old.as_ref().and_then(|old| old.left_at),
            left_seq: old.as_ref().and_then(|old| old.left_seq),
            rev: self.head.rev,
            policy_rev: number(|old| old.policy_rev) + 1,
            visible_after_seq: number(|old| old.visible_after_seq),
            read_seq: number(|old| old.read_seq),
            read_count: number(|old| old.read_count),
            read_rev: number(|old| old.read_rev),
            own_count: number(|old| old.own_count),
            read_own: number(|old| old.read_own),
            gone: 0,
            mentions: Mentioned::default(),
            own,
            marks,
            changed_at: self.at,
        };
        let mine = MemberRow { facts, last_own_seq };
        let kept = kept(conn, self.head.rk, user)?;
        let outside = Outside { at: Some(self.now), room: kept.as_deref() };
        put_member(conn, self.app, self.head.rk, &mine, &outside)?;
        Ok((as_seen(made, &mine.facts), mine.facts))
    }
}

/// Ends an invitation: who was in before has left then, with the view of then; who was not keeps
/// none, but for the room's creator, who is that again.
pub(crate) fn end(
    conn: &Connection,
    app: &AppId,
    rk: i64,
    mine: &mut MemberRow,
    (creator, now): (Option<&UserId>, Time),
) -> Sql<()> {
    let facts = &mut mine.facts;
    facts.state = MemberState::Left;
    if facts.left_seq.is_none() {
        facts.left_at = Some(now);
        if creator == Some(&facts.user) {
            facts.state = MemberState::Creator;
            facts.role = Role::Member;
            facts.invitation = None;
        }
    }
    let kept = kept(conn, rk, &facts.user)?;
    let left = kept.as_deref().map(LeftRoom::from_json).transpose()?;
    let outside = Outside { at: left.as_ref().map(LeftRoom::activity_at), room: kept.as_deref() };
    put_member(conn, app, rk, mine, &outside)
}

/// The room as it was when the user left, if it is kept.
fn kept(conn: &Connection, rk: i64, user: &UserId) -> Sql<Option<String>> {
    let sql = "SELECT left_room FROM members WHERE rk = ?1 AND user = ?2";
    let kept = one(conn, sql, (rk, user.as_str()), |row| row.get::<_, Option<String>>(0))?;
    Ok(kept.flatten())
}

/// Whether there would be more open invitations than may be: to the room, if it is there already,
/// or of one of those to be invited. Counts no further than the bounds.
pub(crate) fn too_many_invited<'u>(
    conn: &Connection,
    app: &AppId,
    rk: Option<i64>,
    users: impl ExactSizeIterator<Item = &'u UserId>,
) -> Sql<bool> {
    if users.len() == 0 {
        return Ok(false);
    }
    let open: Option<i64> = match rk {
        Some(rk) => {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM members INDEXED BY members_invited \
                       WHERE rk = ?1 AND state = 'invited' LIMIT ?2)";
            one(conn, sql, (rk, size(INVITATIONS_PER_ROOM_MAX)), |row| row.get(0))?
        }
        None => None,
    };
    if open.unwrap_or(0).saturating_add(size(users.len())) > size(INVITATIONS_PER_ROOM_MAX) {
        return Ok(true);
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM members INDEXED BY members_by_user \
               WHERE app = ?1 AND user = ?2 AND state = 'invited' LIMIT ?3)";
    for user in users {
        let key = (app.as_str(), user.as_str(), size(INVITATIONS_PER_USER_MAX));
        let open: Option<i64> = one(conn, sql, key, |row| row.get(0))?;
        if open.is_some_and(|open| open >= size(INVITATIONS_PER_USER_MAX)) {
            return Ok(true);
        }
    }
    Ok(false)
}
