//! Threads: the summary that a reply's commit writes, who follows, the own cursor, and pages.

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits::{THREAD_UNREAD_COUNTED_MAX, THREAD_UNREAD_LOOKED_MAX};
use snug_core::model::{Message, Thread, ThreadMine, ThreadPlace, ThreadSummary};
use snug_core::ports::{HistoryQuery, NewMessage, StoreResult, ThreadStore, ThreadsQuery};

use crate::SqliteStore;
use crate::changes::whole;
use crate::members::find_member;
use crate::rooms::living;
use crate::rows::{
    HeadRow, Sql, all, change, damaged, int, message, message_columns, one, size, time, uint,
};

#[async_trait]
impl ThreadStore for SqliteStore {
    async fn thread_replies(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>> {
        let (app, room, query) = (app.clone(), room.clone(), query.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => replies(conn, &head, (&room, root), &query),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn threads(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &ThreadsQuery,
    ) -> StoreResult<Vec<Thread>> {
        let (app, room, query) = (app.clone(), room.clone(), query.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => list(conn, &head, &room, &query),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn thread_mine(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
    ) -> StoreResult<ThreadMine> {
        let (app, room, user) = (app.clone(), room.clone(), user.clone());
        self.read(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) if root >= head.min_seq => mine(conn, head.rk, root, &user),
            _ => Ok(ThreadMine::default()),
        })
        .await
    }

    async fn read_thread(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
        seq: u64,
    ) -> StoreResult<Option<ThreadMine>> {
        let (id, room, user) = (app.clone(), room.clone(), user.clone());
        self.write(Some(app.clone()), move |conn| {
            let Some(head) = living(conn, &id, &room)? else {
                return Ok(None);
            };
            let member = find_member(conn, head.rk, &user)?;
            if !member.is_some_and(|member| member.facts.is_active()) {
                return Ok(None);
            }
            // Line 9: a cursor never goes back.
            let sql = "INSERT INTO thread_users (rk, user, root, following, read_seq) \
                       VALUES (?1, ?2, ?3, 0, ?4) ON CONFLICT DO UPDATE \
                       SET read_seq = excluded.read_seq WHERE read_seq < excluded.read_seq";
            let to = int(seq.min(head.seq));
            change(conn, sql, (head.rk, user.as_str(), int(root), to))?;
            mine(conn, head.rk, root, &user).map(Some)
        })
        .await
    }
}

/// Writes what a new reply makes of its thread, and gives it the summary.
pub(crate) fn hang(
    conn: &Connection,
    head: &HeadRow,
    new: &NewMessage,
    reply: &mut Message,
) -> Sql<()> {
    let Some(place) = &reply.thread else {
        return Ok(());
    };
    let root = place.seq;
    let before = summary(conn, head.rk, root)?;
    if before.is_none() {
        let sql = "UPDATE messages SET threaded = 1 WHERE rk = ?1 AND seq = ?2";
        change(conn, sql, (head.rk, int(root)))?;
    }
    let now = ThreadSummary::with(before.as_ref(), reply);
    save(conn, head.rk, root, &now)?;
    for user in new.followers() {
        // Who is out follows nothing.
        let sql = "INSERT INTO thread_users (rk, user, root, following, read_seq) \
                   SELECT rk, user, ?3, 1, 0 FROM members \
                   WHERE rk = ?1 AND user = ?2 AND state = 'active' \
                   ON CONFLICT DO UPDATE SET following = 1 WHERE following = 0";
        change(conn, sql, (head.rk, user.as_str(), int(root)))?;
    }
    reply.thread_summary = Some(Box::new(now));
    Ok(())
}

/// Brings the thread's summary to what a reply is now, in sight or not, and gives it to it.
pub(crate) fn follow(
    conn: &Connection,
    head: &HeadRow,
    old: &Message,
    now: &mut Message,
) -> Sql<()> {
    let Some(place) = now.thread.as_ref().filter(|_| old.is_gone() != now.is_gone()) else {
        return Ok(());
    };
    let Some(before) = summary(conn, head.rk, place.seq)? else {
        return Ok(());
    };
    let newest = one(
        conn,
        "SELECT seq, created_at FROM messages INDEXED BY messages_by_thread \
         WHERE rk = ?1 AND thread = ?2 AND deleted_at IS NULL AND hidden_at IS NULL \
         ORDER BY seq DESC LIMIT 1",
        (head.rk, int(place.seq)),
        |row| Ok((uint(row, 0)?, time(row, 1)?)),
    )?;
    let after = before.changed(old.is_gone(), newest, head.rev);
    save(conn, head.rk, place.seq, &after)?;
    now.thread_summary = Some(Box::new(after));
    Ok(())
}

/// Who is out follows nothing any more.
pub(crate) fn forget(conn: &Connection, rk: i64, user: &UserId) -> Sql<()> {
    let sql = "DELETE FROM thread_users WHERE rk = ?1 AND user = ?2";
    change(conn, sql, (rk, user.as_str())).map(drop)
}

/// The root's seq and id, as a message's row has them.
pub(crate) fn place(row: &Row<'_>, at: usize) -> Sql<Option<Box<ThreadPlace>>> {
    let Some(seq) = row.get::<_, Option<i64>>(at)? else {
        return Ok(None);
    };
    let id = snug_core::ids::MessageId::from_stored(row.get_ref(at + 1)?.as_str()?);
    Ok(Some(Box::new(ThreadPlace { id, seq: seq.unsigned_abs() })))
}

pub(crate) fn summary(conn: &Connection, rk: i64, root: u64) -> Sql<Option<ThreadSummary>> {
    one(
        conn,
        "SELECT replies, last_seq, last_at, participants, rev FROM threads \
         WHERE rk = ?1 AND root = ?2",
        (rk, int(root)),
        |row| {
            let users = serde_json::from_str(row.get_ref(3)?.as_str()?);
            Ok(ThreadSummary {
                replies: uint(row, 0)?,
                last_seq: uint(row, 1)?,
                last_at: time(row, 2)?,
                participants: users.map_err(|_| damaged(3, "users that are none"))?,
                rev: uint(row, 4)?,
            })
        },
    )
}

fn save(conn: &Connection, rk: i64, root: u64, now: &ThreadSummary) -> Sql<()> {
    // A list of strings can always be written.
    let users = serde_json::to_string(&now.participants).unwrap_or_default();
    change(
        conn,
        "INSERT INTO threads (rk, root, replies, last_seq, last_at, participants, rev) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET \
         replies = excluded.replies, last_seq = excluded.last_seq, last_at = excluded.last_at, \
         participants = excluded.participants, rev = excluded.rev",
        (rk, int(root), int(now.replies), int(now.last_seq), now.last_at.0, users, int(now.rev)),
    )
    .map(drop)
}

fn mine(conn: &Connection, rk: i64, root: u64, user: &UserId) -> Sql<ThreadMine> {
    let sql = "SELECT following, read_seq FROM thread_users \
               WHERE rk = ?1 AND user = ?2 AND root = ?3";
    let found = one(conn, sql, (rk, user.as_str(), int(root)), |row| {
        Ok((row.get::<_, bool>(0)?, uint(row, 1)?))
    })?;
    let (following, read_seq) = found.unwrap_or_default();
    let (counted, looked) = (size(THREAD_UNREAD_COUNTED_MAX), size(THREAD_UNREAD_LOOKED_MAX));
    let unread = one(
        conn,
        // Not what was said before joining, and for who is out nothing.
        "SELECT count(*) FROM (SELECT 1 FROM (SELECT deleted_at, hidden_at, kind, silent, sender, \
         created_at FROM messages INDEXED BY messages_by_thread \
         WHERE rk = ?1 AND thread = ?2 AND seq > ?3 ORDER BY seq DESC LIMIT ?6) \
         WHERE deleted_at IS NULL AND hidden_at IS NULL AND kind <> 'system' AND silent = 0 \
         AND sender IS NOT ?4 AND created_at >= (SELECT joined_at FROM members \
         WHERE rk = ?1 AND user = ?4 AND state = 'active') LIMIT ?5)",
        (rk, int(root), int(read_seq), user.as_str(), counted, looked),
        |row| uint(row, 0),
    )?;
    Ok(ThreadMine::bounded(following, read_seq, unread.unwrap_or(0)))
}

fn replies(
    conn: &Connection,
    head: &HeadRow,
    (room, root): (&RoomId, u64),
    query: &HistoryQuery,
) -> Sql<Vec<Message>> {
    macro_rules! page {
        ($order:literal) => {
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages m INDEXED BY messages_by_thread \
                 WHERE m.rk = ?1 AND m.thread = ?2 AND m.seq > ?3 AND m.seq < ?4 ORDER BY m.seq ",
                $order,
                " LIMIT ?5"
            )
        };
    }
    // `above` and `after` are exclusive, `min_seq` is not.
    let above = query.above.max(query.after.unwrap_or(0)).max(head.min_seq.saturating_sub(1));
    let before = query.before.unwrap_or(u64::MAX);
    let forward = query.after.is_some();
    let sql = if forward { page!("ASC") } else { page!("DESC") };
    let bounds = (head.rk, int(root), int(above), int(before), size(query.limit));
    let mut found = all(conn, sql, bounds, |row| message(row, room))?;
    if !forward {
        found.reverse();
    }
    whole(conn, head.rk, found)
}

fn list(
    conn: &Connection,
    head: &HeadRow,
    room: &RoomId,
    query: &ThreadsQuery,
) -> Sql<Vec<Thread>> {
    let above = query.above.max(head.min_seq.saturating_sub(1));
    let bounds = (head.rk, int(query.before.unwrap_or(u64::MAX)), int(above), size(query.limit));
    let rows = all(
        conn,
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM threads t INDEXED BY threads_by_last \
             CROSS JOIN messages m ON m.rk = t.rk AND m.seq = t.root \
             WHERE t.rk = ?1 AND t.last_seq < ?2 AND t.last_seq > ?3 AND t.root > ?3 AND t.replies > 0 \
             ORDER BY t.last_seq DESC LIMIT ?4"
        ),
        bounds,
        |row| message(row, room),
    )?;
    let dressed = |root: Message| {
        let mine = match &query.user {
            Some(user) => mine(conn, head.rk, root.seq, user)?,
            None => ThreadMine::default(),
        };
        Ok(Thread { root, mine })
    };
    whole(conn, head.rk, rows)?.into_iter().map(dressed).collect()
}
