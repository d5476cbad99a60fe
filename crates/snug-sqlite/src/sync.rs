//! The named cross-room reads (room list, user sync) and the sync of one room.

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits::SYNC_READS_MAX;
use snug_core::model::{
    Head, ListedRoom, Member, MemberState, Membership, Message, Room, RoomFilter, RoomKind,
    RoomPolicy, Time,
};
use snug_core::ports::{
    RoomChanges, RoomListQuery, StoreResult, SyncStore, UserChanges, UserSyncQuery,
};

use crate::SqliteStore;
use crate::changes::{count_aside, is_gone, whole};
use crate::left::LeftRoom;
use crate::members;
use crate::rooms::{living, room_of};
use crate::rows::{
    HEAD_WIDTH, HeadRow, MemberRow, ROOM_WIDTH, Sql, all, head_columns, int, member,
    member_columns, message, message_columns, one, room, room_columns, size, tags, time, uint,
    user_columns, word,
};

#[async_trait]
impl SyncStore for SqliteStore {
    async fn room_list(
        &self,
        app: &AppId,
        user: &UserId,
        query: &RoomListQuery,
    ) -> StoreResult<Vec<ListedRoom>> {
        let (app, user, query) = (app.clone(), user.clone(), query.clone());
        self.read_page(Some(app.clone()), move |conn| list(conn, &app, &user, &query)).await
    }

    async fn room_changes(
        &self,
        app: &AppId,
        room: &RoomId,
        rev: u64,
        above_seq: u64,
        limit: usize,
    ) -> StoreResult<Option<RoomChanges>> {
        let (app, room) = (app.clone(), room.clone());
        self.read_page(Some(app.clone()), move |conn| {
            let Some(head) = living(conn, &app, &room)? else {
                return Ok(None);
            };
            let from = From { app: &app, room: &room, head: &head, rev, above_seq };
            from.changes(conn, limit).map(Some)
        })
        .await
    }

    async fn user_changes(
        &self,
        app: &AppId,
        user: &UserId,
        query: &UserSyncQuery,
        now: Time,
    ) -> StoreResult<UserChanges> {
        self.clock.see(now);
        let (app, user, query) = (app.clone(), user.clone(), query.clone());
        self.read_page(Some(app.clone()), move |conn| changed(conn, &app, &user, &query, now)).await
    }
}

/// A row of the list, or `None` when a left room had nothing to show.
fn listed(
    conn: &Connection,
    app: &AppId,
    user: &UserId,
    rk: i64,
    shown: usize,
) -> Sql<Option<(ListedRoom, Option<LeftRoom>)>> {
    let found = one(
        conn,
        concat!(
            "SELECT ",
            head_columns!(),
            ", ",
            room_columns!(),
            ", ",
            member_columns!(),
            ", m.left_room FROM members m CROSS JOIN heads h ON h.rk = m.rk \
             CROSS JOIN rooms r ON r.rk = m.rk WHERE m.rk = ?1 AND m.user = ?2"
        ),
        (rk, user.as_str()),
        |row| {
            let head = HeadRow::read(row)?;
            let room = room(conn, row, HEAD_WIDTH, &head)?;
            let mut mine = MemberRow::read_at(row, HEAD_WIDTH + ROOM_WIDTH)?.facts;
            count_aside(conn, &head, &mut mine)?;
            let left: Option<String> = row.get("left_room")?;
            Ok((room, mine, left, head.gone > 0))
        },
    )?;
    let Some((mut room, mine, left, some_gone)) = found else {
        return Ok(None);
    };
    // Who was in before the invitation has a view of then.
    if mine.is_invited() || (mine.invitation.is_some() && left.is_none()) {
        room.show_invited(&mine);
        return Ok(Some((ListedRoom { room, mine, members: Vec::new() }, None)));
    }
    if mine.state != MemberState::Left {
        let members = shown_members(conn, app, rk, &room, shown)?;
        return Ok(Some((ListedRoom { room, mine, members }, None)));
    }
    let mut left = left.as_deref().map(LeftRoom::from_json).transpose()?;
    if let Some(left) = left.as_mut().filter(|_| some_gone)
        && let Some(seq) = left.shown_seq()
        && is_gone(conn, rk, seq)?
    {
        left.hide_words();
    }
    match &left {
        Some(left) => left.apply(&mut room)?,
        None if room.deleted_at.is_none() => forget(&mut room, &mine),
        None => {}
    }
    // Who is in it is not for those who left.
    Ok(Some((ListedRoom { room, mine, members: Vec::new() }, left)))
}

/// The room that was left is deleted, and another has its id now, of which nothing is shown.
fn forget(room: &mut Room, mine: &Membership) {
    room.name = None;
    room.avatar = None;
    room.description = None;
    room.custom = None;
    room.tags = Vec::new();
    room.creator = None;
    room.frozen = false;
    room.archived = false;
    room.policy = RoomPolicy::default();
    room.member_count = 0;
    room.changed_at = mine.changed_at;
    room.head = Head {
        seq: mine.left_seq.unwrap_or(0),
        rev: mine.rev,
        members_rev: mine.rev,
        room_rev: mine.rev,
        count: mine.read_count,
        activity_at: mine.left_at.unwrap_or(mine.changed_at),
        preview: None,
    };
}

/// The pair of a direct room, the first few of a group.
fn shown_members(
    conn: &Connection,
    app: &AppId,
    rk: i64,
    room: &Room,
    shown: usize,
) -> Sql<Vec<Member>> {
    let Some(pair) = room.direct.as_ref().filter(|_| room.kind == RoomKind::Direct) else {
        return members::page(conn, app, rk, None, shown, false);
    };
    let mut members = Vec::with_capacity(2);
    for user in [&pair.low, &pair.high] {
        if members.iter().any(|seen: &Member| seen.user.id == *user) {
            continue;
        }
        members.extend(members::seen(conn, app, rk, user)?);
    }
    Ok(members)
}

/// The rooms of a user's list with what they are ordered by, and what the list leaves out of
/// itself. A room that was left and deleted has no place (`at` is null, and no bound holds). Of rooms that were left more is said by what is kept of them.
macro_rules! candidates {
    ($more:literal, $from:literal) => {
        concat!(
            "SELECT CASE WHEN m.state IN ('left', 'invited') THEN m.left_activity_at \
             ELSE h.activity_at END AS at, \
             m.rk, m.pinned",
            $more,
            " FROM members m INDEXED BY members_by_user CROSS JOIN heads h ON h.rk = m.rk ",
            $from,
            "WHERE m.app = ?1 AND m.user = ?2 AND h.deleted_at IS NULL \
             AND m.pinned <= ?3 AND at <= iif(m.pinned = ?3, ?4, 9223372036854775807) \
             AND (m.state <> 'left' OR ?5) AND (m.state <> 'active' OR h.seq >= h.min_seq \
             OR (SELECT c.creator FROM rooms c WHERE c.rk = m.rk) = ?2) \
             AND (?6 IS NULL OR m.state = 'left' OR h.archived = ?6) \
             AND (?7 IS NULL OR coalesce(m.hidden_count >= h.count, 0) = ?7) \
             AND (?8 IS NULL OR m.folder = ?8) \
             AND (?9 IS NULL OR coalesce(m.muted_until > ?10, 0) = ?9)"
        )
    };
}
/// Only the index by user and the narrow heads are read for rooms that are not on the page.
const NARROW: &str = candidates!("", "");
/// Also the rooms' own rows, the cursors, and the others of direct rooms.
const WIDE: &str = candidates!(
    ", m.state = 'left', r.kind, r.tags, h.count - m.read_count - m.own_count + m.read_own, \
     coalesce(r.name, (SELECT coalesce(u.name, u.id) FROM users u WHERE u.app = m.app \
     AND u.id = iif(r.direct_low = m.user, r.direct_high, r.direct_low)))",
    "CROSS JOIN rooms r ON r.rk = m.rk "
);

/// Where a room stands in the list.
type Place = (bool, Time, i64);

fn places(conn: &Connection, app: &AppId, user: &UserId, query: &RoomListQuery) -> Sql<Vec<Place>> {
    let filter = &query.filter;
    let until = query.after.as_ref().map_or(i64::MAX, |after| after.activity_at.0);
    let bounds = (
        app.as_str(),
        user.as_str(),
        query.after.as_ref().is_none_or(|after| after.pinned),
        until,
        query.include_left,
        filter.archived,
        filter.hidden,
        &filter.folder,
        filter.muted,
        query.now.0,
    );
    let place = |row: &Row<'_>| Ok((row.get(2)?, time(row, 0)?, row.get(1)?));
    let mut places = if filter.is_wide() {
        let found = all(conn, WIDE, bounds, |row| Ok((place(row)?, may_hold(row, filter)?)))?;
        found.into_iter().filter(|(_, may)| *may).map(|(place, _)| place).collect()
    } else {
        all(conn, NARROW, bounds, place)?
    };
    places.sort_unstable_by(|a, b| b.cmp(a));
    Ok(places)
}

/// Spares building rows that the filter would leave out. A room that was left is looked at when
/// it is dressed, and what is gone of the unread when it is counted.
fn may_hold(row: &Row<'_>, filter: &RoomFilter) -> Sql<bool> {
    if row.get::<_, bool>(3)? {
        return Ok(true);
    }
    if let Some(kind) = filter.kind
        && word(row, 4, RoomKind::parse)? != kind
    {
        return Ok(false);
    }
    if filter.unread && row.get::<_, i64>(6)? <= 0 {
        return Ok(false);
    }
    if let Some(part) = &filter.name
        && !row.get_ref(7)?.as_str_or_null()?.is_some_and(|name| part.is_in(name))
    {
        return Ok(false);
    }
    match &filter.tag {
        Some(tag) => Ok(tags(row, 5)?.contains(tag)),
        None => Ok(true),
    }
}

fn list(
    conn: &Connection,
    app: &AppId,
    user: &UserId,
    query: &RoomListQuery,
) -> Sql<Vec<ListedRoom>> {
    let rooms = places(conn, app, user, query)?;
    let mut page = Vec::new();
    for alike in rooms.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let mut ties = Vec::with_capacity(alike.len());
        for (pinned, at, rk) in alike {
            let Some((listed, left)) = listed(conn, app, user, *rk, query.members_shown)? else {
                continue;
            };
            let empty = left.is_some_and(|left| !left.has_message() && !left.is_creator(user));
            let seen = query.after.as_ref().is_some_and(|after| {
                (*pinned, *at, &listed.room.id) >= (after.pinned, after.activity_at, &after.room)
            });
            if !empty && !seen && query.filter.holds(&listed, query.now) {
                ties.push(listed);
            }
        }
        ties.sort_by(|a, b| b.room.id.cmp(&a.room.id));
        page.append(&mut ties);
        if page.len() >= query.limit {
            break;
        }
    }
    page.truncate(query.limit);
    Ok(page)
}

fn changed(
    conn: &Connection,
    app: &AppId,
    user: &UserId,
    query: &UserSyncQuery,
    now: Time,
) -> Sql<UserChanges> {
    let since = query.after.as_ref().map_or(query.since, |(at, _)| query.since.max(*at));
    // Line 6. A left room changes for who left only by the membership, as one does for who is
    // only invited: what happens in it is nobody's business who is not in it.
    let mut rooms = all(
        conn,
        "SELECT CASE WHEN m.state IN ('left', 'invited') THEN m.changed_at \
         ELSE max(m.changed_at, h.changed_at) END AS at, \
         m.rk FROM members m INDEXED BY members_by_user CROSS JOIN heads h ON h.rk = m.rk \
         WHERE m.app = ?1 AND m.user = ?2 AND at >= ?3",
        (app.as_str(), user.as_str(), since.0),
        |row| Ok((time(row, 0)?, row.get::<_, i64>(1)?)),
    )?;
    rooms.sort_unstable();
    let mut page: Vec<(Time, ListedRoom)> = Vec::new();
    for alike in rooms.chunk_by(|a, b| a.0 == b.0) {
        let mut ties = Vec::with_capacity(alike.len());
        for (at, rk) in alike {
            let found = listed(conn, app, user, *rk, query.members_shown)?;
            let seen = |id: &RoomId| {
                query.after.as_ref().is_some_and(|(after, room)| (at, id) <= (after, room))
            };
            if let Some((listed, _)) = found
                && !seen(&listed.room.id)
            {
                ties.push((*at, listed));
            }
        }
        ties.sort_by(|a, b| a.1.room.id.cmp(&b.1.room.id));
        page.append(&mut ties);
        if page.len() > query.limit {
            break;
        }
    }
    let more = page.len() > query.limit;
    page.truncate(query.limit);
    Ok(UserChanges { rooms: page, read_at: now, more })
}

/// Where a room sync starts.
struct From<'a> {
    app: &'a AppId,
    room: &'a RoomId,
    head: &'a HeadRow,
    rev: u64,
    above_seq: u64,
}

impl From<'_> {
    /// Line 5: everything above the rev in its latest state, cut so that nothing of or below
    /// the page's rev is missing.
    fn changes(&self, conn: &Connection, limit: usize) -> Sql<RoomChanges> {
        let mut messages = self.unchanged(conn, limit + 1)?;
        messages.append(&mut self.changed(conn, limit + 1)?);
        messages.sort_unstable_by_key(|message| message.rev);
        let mut members = self.members(conn, self.rev, u64::MAX, limit + 1)?;
        let mut revs: Vec<u64> = messages.iter().map(|message| message.rev).collect();
        revs.extend(members.iter().map(|member| member.rev));
        revs.sort_unstable();
        let more = revs.len() > limit;
        let mut rev = self.head.rev;
        if more {
            // The first rev that does not fit whole. A rev of more rows than a page is one page.
            let next = revs[limit];
            let whole = revs[..limit].iter().rev().find(|rev| **rev < next).copied();
            rev = whole.unwrap_or(next);
            if whole.is_none() {
                members = self.members(conn, self.rev, next, usize::MAX)?;
            }
            messages.retain(|message| message.rev <= rev);
            members.retain(|member| member.rev <= rev);
        }
        let more = more && rev < self.head.rev;
        let reads = self.reads(conn)?;
        let room = room_of(conn, self.head)?;
        Ok(RoomChanges { room, messages, members, reads, rev, more })
    }

    /// Messages that were never changed: their first revs rise with seq, so the index by seq
    /// finds them.
    fn unchanged(&self, conn: &Connection, limit: usize) -> Sql<Vec<Message>> {
        let Some(first) = self.first_seq_above(conn)? else {
            return Ok(Vec::new());
        };
        let rows = all(
            conn,
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages m WHERE m.rk = ?1 AND m.seq >= ?2 AND m.rev = m.first_rev \
                 ORDER BY m.seq LIMIT ?3"
            ),
            (self.head.rk, int(first), size(limit)),
            |row| message(row, self.room),
        )?;
        whole(conn, self.head.rk, rows)
    }

    fn floor(&self) -> u64 {
        self.above_seq.max(self.head.min_seq.saturating_sub(1))
    }

    /// The lowest shown seq whose first rev is above the given one. No more messages than revs
    /// lie above it, which bounds the search, and mostly ends it at once.
    fn first_seq_above(&self, conn: &Connection) -> Sql<Option<u64>> {
        let behind = self.head.rev.saturating_sub(self.rev);
        let mut low = self.floor().max(self.head.seq.saturating_sub(behind)) + 1;
        let mut high = self.head.seq + 1;
        let probe = |seq: u64| {
            one(
                conn,
                "SELECT seq, first_rev FROM messages WHERE rk = ?1 AND seq >= ?2 \
                 ORDER BY seq LIMIT 1",
                (self.head.rk, int(seq)),
                |row| Ok((uint(row, 0)?, uint(row, 1)?)),
            )
        };
        let mut middle = low;
        while low < high {
            match probe(middle)? {
                Some((seq, rev)) if rev <= self.rev => low = seq + 1,
                _ => high = middle,
            }
            middle = low + high.saturating_sub(low) / 2;
        }
        Ok((low <= self.head.seq).then_some(low))
    }

    fn changed(&self, conn: &Connection, limit: usize) -> Sql<Vec<Message>> {
        let rows = all(
            conn,
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages m INDEXED BY messages_changed \
                 WHERE m.rk = ?1 AND m.rev > ?2 AND m.rev <> m.first_rev \
                 AND m.seq > ?3 ORDER BY m.rev LIMIT ?4"
            ),
            (self.head.rk, int(self.rev), int(self.floor()), size(limit)),
            |row| message(row, self.room),
        )?;
        whole(conn, self.head.rk, rows)
    }

    /// Members with a rev above `above`, up to `until`.
    /// A creator who is no member is nobody to the others, unless they were told of an invitation.
    fn members(&self, conn: &Connection, above: u64, until: u64, limit: usize) -> Sql<Vec<Member>> {
        all(
            conn,
            concat!(
                "SELECT ",
                user_columns!(),
                ", m.role, m.state, m.joined_at, m.read_seq, m.rev FROM members m \
                 INDEXED BY members_by_rev \
                 CROSS JOIN users u ON u.app = ?2 AND u.id = m.user \
                 WHERE m.rk = ?1 AND m.rev > ?3 AND m.rev <= ?4 \
                 AND (m.state <> 'creator' OR m.left_at IS NOT NULL) \
                 ORDER BY m.rev, m.user LIMIT ?5"
            ),
            (self.head.rk, self.app.as_str(), int(above), int(until), size(limit)),
            member,
        )
    }

    /// Cursors that moved. Walks the room's members: an index by `read_rev` would cost every
    /// send and every read one more page.
    fn reads(&self, conn: &Connection) -> Sql<Vec<(UserId, u64)>> {
        all(
            conn,
            "SELECT user, read_seq FROM members \
             WHERE rk = ?1 AND read_rev >= ?2 AND state = 'active' \
             ORDER BY read_rev DESC LIMIT ?3",
            (self.head.rk, int(self.rev), size(SYNC_READS_MAX)),
            |row| Ok((UserId::from_stored(row.get_ref(0)?.as_str()?), uint(row, 1)?)),
        )
    }
}
