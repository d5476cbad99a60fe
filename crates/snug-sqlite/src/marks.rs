//! A user's own marks on messages: stars, and what was deleted for oneself.

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits::{GONE_COUNTED_MAX, MARKS_PER_ROOM_MAX, STARS_PER_USER_MAX};
use snug_core::model::{Mark, MarkedMessage, Membership, Message, Time};
use snug_core::ports::{MarkMessage, MarkOutcome, MarkStore, Marked, MarksAfter, StoreResult};

use crate::SqliteStore;
use crate::changes::{count_aside, whole};
use crate::members::{find_member, save_marks};
use crate::rooms::living;
use crate::rows::{
    HeadRow, MESSAGE_WIDTH, Sql, all, change, int, maybe_time, message, message_columns, one, size,
    uint,
};

#[async_trait]
impl MarkStore for SqliteStore {
    async fn mark_message(&self, wanted: MarkMessage) -> StoreResult<MarkOutcome> {
        let (app, now) = (wanted.app.clone(), wanted.now);
        self.write_at(&app, now, move |conn, at| mark(conn, &wanted, at)).await
    }

    async fn marks(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seqs: &[u64],
    ) -> StoreResult<Vec<(u64, Mark)>> {
        let (app, room, user, seqs) = (app.clone(), room.clone(), user.clone(), seqs.to_vec());
        self.read_page(Some(app.clone()), move |conn| {
            let Some(head) = living(conn, &app, &room)? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for seq in seqs.iter().filter(|seq| **seq >= head.min_seq) {
                found.extend(of(conn, head.rk, &user, *seq)?.map(|mark| (*seq, mark)));
            }
            Ok(found)
        })
        .await
    }

    async fn marks_after(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        wanted: MarksAfter,
    ) -> StoreResult<Vec<MarkedMessage>> {
        let (app, room, user) = (app.clone(), room.clone(), user.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => after(conn, &head, &user, wanted),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn starred(
        &self,
        app: &AppId,
        user: &UserId,
        before: Option<Time>,
        limit: usize,
    ) -> StoreResult<Vec<Message>> {
        let (app, user) = (app.clone(), user.clone());
        self.read_page(Some(app.clone()), move |conn| starred(conn, (&app, &user), before, limit))
            .await
    }
}

/// `at` is the time to stamp changes with.
fn mark(conn: &Connection, wanted: &MarkMessage, at: Time) -> Sql<MarkOutcome> {
    let MarkMessage { app, room, user, seq, reply, patch, now } = wanted;
    let Some(head) = living(conn, app, room)? else {
        return Ok(MarkOutcome::NotAMember);
    };
    let mine = find_member(conn, head.rk, user)?.map(|mine| mine.facts);
    let Some(mut mine) = mine.filter(Membership::is_active) else {
        return Ok(MarkOutcome::NotAMember);
    };
    if *seq < head.min_seq || *seq > head.seq {
        return Ok(MarkOutcome::MessageNotFound);
    }
    let old = of(conn, head.rk, user, *seq)?;
    let mut mark = old.unwrap_or_default();
    let stars = mark.starred_at.is_none() && !mark.deleted && patch.starred == Some(true);
    let starred_at = if stars { Mark::star_at(*now, last_star(conn, app, user)?) } else { *now };
    let changed = mark.apply(*patch, starred_at);
    if changed {
        if old.is_none() && is_full(conn, &head, &mine)? {
            return Ok(MarkOutcome::TooManyMarks);
        }
        if stars && has_all_stars(conn, app, user)? {
            return Ok(MarkOutcome::TooManyStars);
        }
        mine.marks.rev += 1;
        mark.rev = mine.marks.rev;
        if mark.deleted && !*reply {
            mine.marks.deleted_seq = mine.marks.deleted_seq.max(*seq);
        }
        mine.changed_at = at;
        save(conn, (app, head.rk, user), *seq, mark)?;
        save_marks(conn, head.rk, &mine)?;
    }
    count_aside(conn, &head, &mut mine)?;
    let head = head.head(conn)?;
    Ok(MarkOutcome::Marked(Box::new(Marked { mark, mine, head, changed })))
}

fn of(conn: &Connection, rk: i64, user: &UserId, seq: u64) -> Sql<Option<Mark>> {
    let sql = "SELECT starred_at, deleted, rev FROM marks WHERE rk = ?1 AND user = ?2 AND seq = ?3";
    one(conn, sql, (rk, user.as_str(), int(seq)), |row| read(row, 0))
}

fn read(row: &Row<'_>, at: usize) -> Sql<Mark> {
    Ok(Mark {
        starred_at: maybe_time(row, at)?,
        deleted: row.get(at + 1)?,
        rev: uint(row, at + 2)?,
    })
}

fn save(
    conn: &Connection,
    (app, rk, user): (&AppId, i64, &UserId),
    seq: u64,
    mark: Mark,
) -> Sql<()> {
    let sql = "INSERT INTO marks (rk, user, seq, app, rev, starred_at, deleted) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET \
               rev = excluded.rev, starred_at = excluded.starred_at, deleted = excluded.deleted";
    let starred_at = mark.starred_at.map(|at| at.0);
    let (seq, rev) = (int(seq), int(mark.rev));
    change(conn, sql, (rk, user.as_str(), seq, app.as_str(), rev, starred_at, mark.deleted))
        .map(drop)
}

fn last_star(conn: &Connection, app: &AppId, user: &UserId) -> Sql<Option<Time>> {
    let sql = "SELECT max(starred_at) FROM marks INDEXED BY marks_starred \
               WHERE app = ?1 AND user = ?2 AND starred_at IS NOT NULL";
    Ok(one(conn, sql, (app.as_str(), user.as_str()), |row| maybe_time(row, 0))?.flatten())
}

/// Nothing is counted until so many marks were made.
fn is_full(conn: &Connection, head: &HeadRow, mine: &Membership) -> Sql<bool> {
    if mine.marks.rev < MARKS_PER_ROOM_MAX as u64 {
        return Ok(false);
    }
    let sql = "SELECT count(*) FROM marks WHERE rk = ?1 AND user = ?2 AND seq >= ?3";
    let found =
        one(conn, sql, (head.rk, mine.user.as_str(), int(head.min_seq)), |row| uint(row, 0))?;
    Ok(found.unwrap_or(0) >= MARKS_PER_ROOM_MAX as u64)
}

/// What the list shows of a user's stars `k`: `n`, `h` and `m` are the membership, the head and the
/// message.
macro_rules! in_sight {
    () => {
        "n.state = 'active' AND h.deleted_at IS NULL AND m.seq >= h.min_seq \
         AND m.seq > n.visible_after_seq AND m.deleted_at IS NULL AND m.hidden_at IS NULL"
    };
}

/// All stars are counted, whatever the list shows of them, so that no more rows than the bound are
/// ever looked at. Those that it does not show give way first; nothing but the star stands in
/// their rows, for what is deleted has none.
fn has_all_stars(conn: &Connection, app: &AppId, user: &UserId) -> Sql<bool> {
    if !are_many(conn, app, user)? {
        return Ok(false);
    }
    let sql = concat!(
        "DELETE FROM marks AS k INDEXED BY marks_starred \
         WHERE k.app = ?1 AND k.user = ?2 AND k.starred_at IS NOT NULL AND NOT EXISTS (\
         SELECT 1 FROM members n CROSS JOIN heads h ON h.rk = n.rk \
         CROSS JOIN messages m ON m.rk = n.rk AND m.seq = k.seq \
         WHERE n.rk = k.rk AND n.user = k.user AND ",
        in_sight!(),
        ")"
    );
    change(conn, sql, (app.as_str(), user.as_str()))?;
    are_many(conn, app, user)
}

fn are_many(conn: &Connection, app: &AppId, user: &UserId) -> Sql<bool> {
    let sql = "SELECT 1 FROM marks INDEXED BY marks_starred \
               WHERE app = ?1 AND user = ?2 AND starred_at IS NOT NULL LIMIT 1 OFFSET ?3";
    let others = size(STARS_PER_USER_MAX) - 1;
    let last = one(conn, sql, (app.as_str(), user.as_str(), others), |_| Ok(()))?;
    Ok(last.is_some())
}

fn starred(
    conn: &Connection,
    (app, user): (&AppId, &UserId),
    before: Option<Time>,
    limit: usize,
) -> Sql<Vec<Message>> {
    let before = before.map_or(i64::MAX, |before| before.0);
    let rows = all(
        conn,
        concat!(
            "SELECT ",
            message_columns!(),
            ", r.id, r.rk, k.starred_at, k.deleted, k.rev \
             FROM marks k INDEXED BY marks_starred \
             CROSS JOIN members n ON n.rk = k.rk AND n.user = k.user \
             CROSS JOIN heads h ON h.rk = k.rk CROSS JOIN rooms r ON r.rk = k.rk \
             CROSS JOIN messages m ON m.rk = k.rk AND m.seq = k.seq \
             WHERE k.app = ?1 AND k.user = ?2 AND k.starred_at < ?3 \
             AND k.starred_at IS NOT NULL AND ",
            in_sight!(),
            " ORDER BY k.starred_at DESC LIMIT ?4"
        ),
        (app.as_str(), user.as_str(), before, size(limit)),
        |row| {
            let room = RoomId::from_stored(row.get_ref(MESSAGE_WIDTH)?.as_str()?);
            let rk: i64 = row.get(MESSAGE_WIDTH + 1)?;
            Ok((rk, message(row, &room)?, read(row, MESSAGE_WIDTH + 2)?))
        },
    )?;
    let mut found = Vec::with_capacity(rows.len());
    for (rk, row, mark) in rows {
        let message = whole(conn, rk, vec![row])?.pop();
        found.extend(message.map(|message| message.marked(mark)));
    }
    Ok(found)
}

fn after(
    conn: &Connection,
    head: &HeadRow,
    user: &UserId,
    MarksAfter { rev, above_seq, limit }: MarksAfter,
) -> Sql<Vec<MarkedMessage>> {
    let above = above_seq.max(head.min_seq.saturating_sub(1));
    all(
        conn,
        "SELECT m.id, m.seq, k.starred_at, k.deleted, k.rev FROM marks k INDEXED BY marks_by_rev \
         CROSS JOIN messages m ON m.rk = k.rk AND m.seq = k.seq \
         WHERE k.rk = ?1 AND k.user = ?2 AND k.rev > ?3 AND k.seq > ?4 ORDER BY k.rev LIMIT ?5",
        (head.rk, user.as_str(), int(rev), int(above), size(limit)),
        |row| {
            let id = MessageId::from_stored(row.get_ref(0)?.as_str()?);
            Ok(MarkedMessage { id, seq: uint(row, 1)?, mark: read(row, 2)? })
        },
    )
}

/// Line 10: counting messages of others above the cursor that the member deleted for oneself, and
/// that are not gone for everybody. Nothing to look at where none lies above the cursor.
pub(crate) fn deleted_above(conn: &Connection, rk: i64, mine: &Membership) -> Sql<u64> {
    if mine.marks.deleted_seq <= mine.read_seq || !mine.is_active() {
        return Ok(0);
    }
    let found = one(
        conn,
        "SELECT count(*) FROM (SELECT 1 FROM marks k \
         CROSS JOIN messages m ON m.rk = k.rk AND m.seq = k.seq \
         WHERE k.rk = ?1 AND k.user = ?2 AND k.seq > ?3 AND k.deleted = 1 \
         AND m.deleted_at IS NULL AND m.hidden_at IS NULL AND m.kind <> 'system' \
         AND m.silent = 0 AND m.thread IS NULL AND m.sender IS NOT ?2 LIMIT ?4)",
        (rk, mine.user.as_str(), int(mine.read_seq), size(GONE_COUNTED_MAX)),
        |row| uint(row, 0),
    )?;
    Ok(found.unwrap_or(0))
}
