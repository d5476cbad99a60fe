//! The named cross-room reads (room list, user sync) and the sync of one room. None of them
//! locks; that of one room reads in one snapshot.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{
    Head, ListedRoom, Member, MemberState, Membership, Message, NamePart, Room, RoomFilter,
    RoomKind, RoomPolicy, Time,
};
use snug_core::ports::{
    RoomChanges, RoomListQuery, StoreResult, SyncStore, UserChanges, UserSyncQuery,
};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{
    Cells, big, db_time, gone_after, left_columns, member_columns, membership_columns,
    message_columns, room_columns, rows,
};

macro_rules! listed_columns {
    () => {
        concat!(room_columns!(), ", ", membership_columns!(), ", ", left_columns!())
    };
}
/// A user's rooms; who left finds the room as it was then.
macro_rules! listed_from {
    () => {
        " FROM members m JOIN rooms r ON r.app = m.app AND r.id = m.room
          LEFT JOIN LATERAL (SELECT x.* FROM left_rooms x WHERE m.state = 'left'
            AND x.app = m.app AND x.room = m.room AND x.user_id = m.user_id LIMIT 1) l ON true "
    };
}
/// Which of them: what left is as it was then. The unread that are gone are counted only where
/// there is something unread.
macro_rules! listed_where {
    () => {
        concat!(
            "CROSS JOIN LATERAL (SELECT CASE WHEN m.state = 'invited' THEN m.invited_at
            ELSE coalesce(l.activity_at, r.activity_at) END AS at,
           coalesce(l.counted, r.counted) AS counted) a
         WHERE m.app = $1 AND m.user_id = $2 AND r.deleted_at IS NULL
           AND (m.state <> 'left' OR ($3 AND l.room IS NOT NULL))
           AND (coalesce(l.seq, r.seq) >= r.min_seq OR r.creator = m.user_id
             OR m.state = 'invited')
           AND ($4::bigint IS NULL OR (m.pinned, a.at, r.id) < ($6::boolean, $4, $5::text))
           AND ($7::boolean IS NULL OR coalesce(l.archived, r.archived) = $7)
           AND ($8::boolean IS NULL OR coalesce(m.hidden_count >= a.counted, false) = $8)
           AND ($9::text IS NULL OR m.folder = $9)
           AND ($10::boolean IS NULL OR coalesce(m.muted_until > $11::bigint, false) = $10)
           AND ($12::text IS NULL OR r.kind = $12)
           AND ($13::text IS NULL
             OR (m.state <> 'invited' AND $13 = ANY (coalesce(l.tags, r.tags))))
           AND (NOT $14::boolean OR (m.state = 'active' AND CASE
             WHEN r.counted - m.read_count - m.own_count + m.read_own <= 0 THEN false
             ELSE r.counted - m.read_count - m.own_count + m.read_own > ",
            gone_after!("m.read_seq"),
            " END)) "
        )
    };
}
const LIST: &str = concat!(
    "SELECT ",
    listed_columns!(),
    listed_from!(),
    listed_where!(),
    "AND ($15::text[] IS NULL OR r.id = ANY ($15)) ORDER BY m.pinned DESC, a.at DESC, r.id DESC
     LIMIT $16"
);
/// The names of the rooms of a list, which are compared in here: a database compares them by the
/// rules of its own locale.
const NAMES: &str = concat!(
    "SELECT r.id, CASE WHEN l.room IS NOT NULL THEN l.name ELSE r.name END,
       CASE WHEN m.state <> 'left' THEN u.name END, p.id",
    listed_from!(),
    "CROSS JOIN LATERAL (SELECT CASE WHEN r.direct_low = m.user_id THEN r.direct_high
       ELSE r.direct_low END AS id) p
     LEFT JOIN users u ON u.app = m.app AND u.id = p.id ",
    listed_where!(),
    "ORDER BY m.pinned DESC, a.at DESC, r.id DESC"
);
const CHANGED: &str = concat!(
    "SELECT t.at, ",
    listed_columns!(),
    listed_from!(),
    "CROSS JOIN LATERAL (SELECT CASE WHEN m.state IN ('left', 'invited') THEN m.changed_at
       ELSE greatest(m.changed_at, r.changed_at) END AS at) t
     WHERE m.app = $1 AND m.user_id = $2 AND t.at >= $3
       AND ($4::bigint IS NULL OR (t.at, r.id) > ($4, $5::text))
     ORDER BY t.at, r.id LIMIT $6"
);
const SHOWN: &str = concat!(
    "SELECT i.n, ",
    member_columns!(),
    " FROM unnest($2::text[], $3::boolean[]) WITH ORDINALITY AS i(room, direct, n)
      CROSS JOIN LATERAL (SELECT x.* FROM members x
        WHERE x.app = $1 AND x.room = i.room
          AND (x.state = 'active' OR (i.direct AND x.state = 'left'))
        ORDER BY x.user_id LIMIT (CASE WHEN i.direct THEN 2 ELSE $4::bigint END)) m
      JOIN users u ON u.app = m.app AND u.id = m.user_id
      ORDER BY i.n, m.user_id"
);
const CLOCK: &str = concat!("SELECT ", db_time!());

const ROOM: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms r WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL"
);
/// Messages above a rev ($3) and a seq ($4), by rev: those stored since, whose first one is found
/// by halving (a message's first rev grows with its seq), and older ones changed since, by their
/// own small index. `lo` is at or before the last message known; `hi` behind the first unknown.
const MESSAGES: &str = concat!(
    "WITH RECURSIVE head AS (
       SELECT r.seq, greatest(r.min_seq - 1, $4) AS above, r.seq - (r.rev - $3) AS known
       FROM rooms r WHERE r.app = $1 AND r.id = $2),
     part(lo, hi) AS (
       SELECT greatest(h.above, h.known), h.seq + 1 FROM head h
       UNION ALL
       SELECT CASE WHEN known THEN mid ELSE lo END, CASE WHEN known THEN hi ELSE mid END
       FROM (SELECT p.lo, p.hi, p.mid, coalesce((SELECT g.first_rev <= $3 FROM messages g
               WHERE g.app = $1 AND g.room = $2 AND g.seq = p.mid), true) AS known
             FROM (SELECT lo, hi, (lo + hi) / 2 AS mid FROM part WHERE hi - lo > 1) p) q)
     SELECT ",
    message_columns!(),
    " FROM (
       (SELECT g.* FROM messages g WHERE g.app = $1 AND g.room = $2
          AND g.seq > (SELECT max(lo) FROM part) AND g.rev = g.first_rev
        ORDER BY g.seq LIMIT $5)
       UNION ALL
       (SELECT g.* FROM messages g WHERE g.app = $1 AND g.room = $2
          AND g.rev > $3 AND g.rev > g.first_rev AND g.seq > (SELECT above FROM head)
        ORDER BY g.rev LIMIT $5)) g
     ORDER BY g.rev LIMIT $5"
);
/// A creator who is no member is nobody to the others, unless they were told of an invitation.
macro_rules! members_where {
    ($which:literal) => {
        concat!(
            "SELECT ",
            member_columns!(),
            " FROM members m JOIN users u ON u.app = m.app AND u.id = m.user_id
              WHERE m.app = $1 AND m.room = $2 AND m.rev ",
            $which,
            " $3 AND m.rev >= 0 AND (m.state <> 'creator' OR m.left_at IS NOT NULL)
              ORDER BY m.rev, m.user_id LIMIT $4"
        )
    };
}
const READS: &str = "SELECT user_id, read_seq FROM members
    WHERE app = $1 AND room = $2 AND read_rev >= $3 AND read_rev >= 0 AND state = 'active'
    ORDER BY read_rev DESC, user_id LIMIT $4";

/// A query as the statements of the list take it.
struct Asked<'a> {
    app: &'a str,
    user: &'a str,
    include_left: bool,
    at: Option<i64>,
    room: Option<&'a str>,
    pinned: bool,
    filter: &'a RoomFilter,
    kind: Option<&'static str>,
    now: i64,
}

impl<'a> Asked<'a> {
    fn of(app: &'a AppId, user: &'a UserId, query: &'a RoomListQuery) -> Self {
        let after = query.after.as_ref();
        Self {
            app: app.as_str(),
            user: user.as_str(),
            include_left: query.include_left,
            at: after.map(|cursor| cursor.activity_at.0),
            room: after.map(|cursor| cursor.room.as_str()),
            pinned: after.is_some_and(|cursor| cursor.pinned),
            filter: &query.filter,
            kind: query.filter.kind.map(RoomKind::as_str),
            now: query.now.0,
        }
    }

    fn bounds(&self) -> Vec<&(dyn ToSql + Sync)> {
        let RoomFilter { kind: _, tag, unread, archived, hidden, folder, muted, name: _ } =
            self.filter;
        vec![
            &self.app,
            &self.user,
            &self.include_left,
            &self.at,
            &self.room,
            &self.pinned,
            archived,
            hidden,
            folder,
            muted,
            &self.now,
            &self.kind,
            tag,
            unread,
        ]
    }
}

/// The first rooms that the name is a part of.
fn named(found: &[Row], part: &NamePart, limit: usize) -> Result<Vec<String>, Fail> {
    let mut rooms = Vec::new();
    for row in found {
        if rooms.len() >= limit {
            break;
        }
        let mut cells = Cells::of(row);
        let room: &str = cells.next()?;
        let name: Option<&str> = cells.next()?;
        let (other, id): (Option<&str>, Option<&str>) = (cells.next()?, cells.next()?);
        if name.or(other).or(id).is_some_and(|name| part.is_in(name)) {
            rooms.push(room.to_owned());
        }
    }
    Ok(rooms)
}

/// The room as its reader may see it, and the reader's membership.
fn listed(cells: &mut Cells<'_>) -> Result<ListedRoom, Fail> {
    let mut room = cells.room()?;
    let mine = cells.membership()?;
    let dressed = cells.dress_left(&mut room)?;
    // Who was in before the invitation has a view of then.
    if mine.is_invited() || (mine.invitation.is_some() && !dressed) {
        room.show_invited(&mine);
    } else if mine.state == MemberState::Left && !dressed && room.deleted_at.is_none() {
        forget(&mut room, &mine);
    }
    Ok(ListedRoom { room, mine, members: Vec::new() })
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

impl PostgresStore {
    async fn list_once(
        &self,
        app: &AppId,
        user: &UserId,
        query: &RoomListQuery,
    ) -> Result<Vec<ListedRoom>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let asked = Asked::of(app, user, query);
        let named = match &query.filter.name {
            None => None,
            Some(part) => {
                let names = client.prepare_cached(NAMES).await?;
                let found = client.query(&names, &asked.bounds()).await?;
                Some(named(&found, part, query.limit)?)
            }
        };
        let list = client.prepare_cached(LIST).await?;
        let limit = rows(query.limit, 0);
        let mut bounds = asked.bounds();
        bounds.push(&named);
        bounds.push(&limit);
        let found = client.query(&list, &bounds).await?;
        drop(client);
        let mut rooms =
            found.iter().map(|row| listed(&mut Cells::of(row))).collect::<Result<Vec<_>, _>>()?;
        let shown = rooms.iter_mut().collect();
        self.show_members(app, shown, query.members_shown).await?;
        Ok(rooms)
    }

    /// Fills in the members: the pair of a direct room, the first few of a group. A room that
    /// was left shows none: who is in it is not for those who left.
    async fn show_members(
        &self,
        app: &AppId,
        mut rooms: Vec<&mut ListedRoom>,
        shown: usize,
    ) -> Result<(), Fail> {
        rooms.retain(|listed| {
            let outside = matches!(listed.mine.state, MemberState::Left | MemberState::Invited);
            listed.room.deleted_at.is_none() && !outside
        });
        if rooms.is_empty() {
            return Ok(());
        }
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(SHOWN).await?;
        let ids: Vec<&str> = rooms.iter().map(|listed| listed.room.id.as_str()).collect();
        let directs: Vec<bool> =
            rooms.iter().map(|listed| listed.room.kind == RoomKind::Direct).collect();
        let limit = rows(shown, 0);
        let found = client.query(&statement, &[&app.as_str(), &ids, &directs, &limit]).await?;
        for row in &found {
            let mut cells = Cells::of(row);
            let place = cells.number()?.saturating_sub(1);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            let member = cells.member()?;
            if let Some(listed) = rooms.get_mut(place) {
                listed.members.push(member);
            }
        }
        Ok(())
    }

    async fn changes_once(
        &self,
        (app, id): (&AppId, &RoomId),
        rev: u64,
        above_seq: u64,
        limit: usize,
    ) -> Result<Option<RoomChanges>, Fail> {
        let _page = self.reads.page().await?;
        let tx = Tx::begin_snapshot(self.reads.get().await?);
        let room = tx.prepare_cached(ROOM).await?;
        let messages = tx.prepare_cached(MESSAGES).await?;
        let members = tx.prepare_cached(members_where!(">")).await?;
        let (app, id) = (app.as_str(), id.as_str());
        let (from, above, most) = (big(rev), big(above_seq), rows(limit, 1));
        let (room, messages, members) = tokio::try_join!(
            async { tx.query_opt(&room, &[&app, &id]).await },
            async { tx.query(&messages, &[&app, &id, &from, &above, &most]).await },
            async { tx.query(&members, &[&app, &id, &from, &most]).await },
        )?;
        let Some(room) = room else {
            tx.rollback().await?;
            return Ok(None);
        };
        let room = Cells::of(&room).room()?;
        let messages = read_all(&messages, Cells::message)?;
        let members = read_all(&members, Cells::member)?;
        let mut changes = cut(room, messages, members, limit);
        if changes.more && changes.messages.is_empty() && changes.members.is_empty() {
            // One change of members is larger than the page: it comes whole.
            let whole = tx.prepare_cached(members_where!("=")).await?;
            let at = big(changes.rev + 1);
            let found = tx.query(&whole, &[&app, &id, &at, &i64::MAX]).await?;
            changes.members = read_all(&found, Cells::member)?;
            changes.rev += 1;
            changes.more = changes.rev < changes.room.head.rev;
        }
        let reads = tx.prepare_cached(READS).await?;
        let most = rows(limits::SYNC_READS_MAX, 0);
        let found = tx.query(&reads, &[&app, &id, &from, &most]).await?;
        changes.reads = read_all(&found, |cells| Ok((cells.user_id()?, cells.number()?)))?;
        tx.commit().await?;
        Ok(Some(changes))
    }

    async fn user_changes_once(
        &self,
        app: &AppId,
        user: &UserId,
        query: &UserSyncQuery,
    ) -> Result<UserChanges, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let clock = client.prepare_cached(CLOCK).await?;
        let changed = client.prepare_cached(CHANGED).await?;
        let after = query.after.as_ref();
        let (app_id, user) = (app.as_str(), user.as_str());
        let at = after.map(|(at, _)| at.0);
        let room = after.map(|(_, room)| room.as_str());
        let most = rows(query.limit, 1);
        let (clock, found) = tokio::try_join!(client.query_one(&clock, &[]), async {
            let wanted: [&(dyn ToSql + Sync); 6] =
                [&app_id, &user, &query.since.0, &at, &room, &most];
            client.query(&changed, &wanted).await
        },)?;
        drop(client);
        let mut rooms = read_all(&found, |cells| Ok((cells.time()?, listed(cells)?)))?;
        let more = rooms.len() > query.limit;
        rooms.truncate(query.limit);
        let shown = rooms.iter_mut().map(|(_, listed)| listed).collect();
        self.show_members(app, shown, query.members_shown).await?;
        Ok(UserChanges { rooms, read_at: Cells::of(&clock).time()?, more })
    }
}

fn read_all<'a, T>(
    rows: &'a [Row],
    read: impl Fn(&mut Cells<'a>) -> Result<T, Fail>,
) -> Result<Vec<T>, Fail> {
    rows.iter().map(|row| read(&mut Cells::of(row))).collect()
}

/// Cuts a page before the first rev that does not fit whole. Empty with `more`: not even the
/// first one fits; `rev` is then the one before it.
fn cut(room: Room, messages: Vec<Message>, members: Vec<Member>, limit: usize) -> RoomChanges {
    let mut revs: Vec<u64> = messages.iter().map(|message| message.rev).collect();
    revs.extend(members.iter().map(|member| member.rev));
    revs.sort_unstable();
    let mut changes =
        RoomChanges { rev: room.head.rev, room, messages, members, reads: Vec::new(), more: false };
    if let Some(first_out) = revs.get(limit) {
        changes.messages.retain(|message| message.rev < *first_out);
        changes.members.retain(|member| member.rev < *first_out);
        changes.rev = first_out - 1;
        changes.more = true;
    }
    changes
}

#[async_trait]
impl SyncStore for PostgresStore {
    async fn room_list(
        &self,
        app: &AppId,
        user: &UserId,
        query: &RoomListQuery,
    ) -> StoreResult<Vec<ListedRoom>> {
        Ok(bounded(|| self.list_once(app, user, query)).await?)
    }

    async fn room_changes(
        &self,
        app: &AppId,
        room: &RoomId,
        rev: u64,
        above_seq: u64,
        limit: usize,
    ) -> StoreResult<Option<RoomChanges>> {
        Ok(bounded(|| self.changes_once((app, room), rev, above_seq, limit)).await?)
    }

    async fn user_changes(
        &self,
        app: &AppId,
        user: &UserId,
        query: &UserSyncQuery,
        _now: Time,
    ) -> StoreResult<UserChanges> {
        Ok(bounded(|| self.user_changes_once(app, user, query)).await?)
    }
}
