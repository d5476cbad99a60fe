//! Receipts: how far each member's devices have got a room.

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Receipt, ReceiptCounts};
use snug_core::ports::{Delivered, DeliveredMoved, ReceiptStore, ReceiptsOf, StoreResult};

use crate::SqliteStore;
use crate::rooms::living;
use crate::rows::{
    HeadRow, Sql, USER_WIDTH, all, change, int, one, size, uint, user, user_columns,
};

#[async_trait]
impl ReceiptStore for SqliteStore {
    async fn move_delivered(
        &self,
        app: &AppId,
        got: &[Delivered],
        told_members_max: u32,
    ) -> StoreResult<Vec<DeliveredMoved>> {
        let mut got = got.to_vec();
        // A room is looked up once, what moved is told in this order, and of two the higher stays.
        got.sort_unstable_by(|a, b| (&a.room, &a.user, b.seq).cmp(&(&b.room, &b.user, a.seq)));
        got.dedup_by(|next, kept| (&next.room, &next.user) == (&kept.room, &kept.user));
        // Beside the writer, whose time is the sends': most of a large room may be read by now.
        let of = app.clone();
        let lane = Some(app.clone());
        let news = self.read_page(lane.clone(), move |conn| news_in(conn, &of, &got)).await?;
        if news.is_empty() {
            return Ok(Vec::new());
        }
        let of = app.clone();
        self.write(lane, move |conn| {
            let mut moved = Vec::new();
            for in_room in news.chunk_by(|a, b| a.room == b.room) {
                let Some(first) = in_room.first() else { continue };
                let Some(head) = living(conn, &of, &first.room)? else { continue };
                move_in_room(conn, (&of, &head), in_room, told_members_max, &mut moved)?;
            }
            Ok(moved)
        })
        .await
    }

    async fn receipts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Receipt>> {
        let (app, room, of, after) = (app.clone(), room.clone(), of.clone(), after.cloned());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => page(conn, (&app, head.rk), &of, after.as_ref(), limit),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn receipt_counts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
    ) -> StoreResult<ReceiptCounts> {
        let (app, room, of) = (app.clone(), room.clone(), of.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => counts(conn, head.rk, &of),
            None => Ok(ReceiptCounts::default()),
        })
        .await
    }
}

/// The membership `?1`, `?2` whose cursor may move to `?3`: of an active member who has not read up
/// to there and, in the app `?4`, may be seen.
macro_rules! behind {
    () => {
        "FROM members m WHERE m.rk = ?1 AND m.user = ?2 AND m.state = 'active' \
         AND m.read_seq < ?3 AND NOT EXISTS (SELECT 1 FROM users u \
         WHERE u.app = ?4 AND u.id = ?2 AND u.invisible)"
    };
}

/// What moves a cursor, of what is sorted by room.
fn news_in(conn: &Connection, app: &AppId, got: &[Delivered]) -> Sql<Vec<Delivered>> {
    let sql = concat!(
        "SELECT 1 ",
        behind!(),
        " AND NOT EXISTS (SELECT 1 FROM delivered d \
         WHERE d.rk = ?1 AND d.user = ?2 AND d.seq >= ?3)"
    );
    let mut news = Vec::new();
    for in_room in got.chunk_by(|a, b| a.room == b.room) {
        let Some(first) = in_room.first() else { continue };
        let Some(head) = living(conn, app, &first.room)? else { continue };
        for one_of in in_room {
            let to = int(one_of.seq.min(head.seq));
            let values = (head.rk, one_of.user.as_str(), to, app.as_str());
            if one(conn, sql, values, |_| Ok(()))?.is_some() {
                news.push(one_of.clone());
            }
        }
    }
    Ok(news)
}

/// Looks at all of it again: a member may be out, or have read, since.
fn move_in_room(
    conn: &Connection,
    (app, head): (&AppId, &HeadRow),
    news: &[Delivered],
    told_members_max: u32,
    moved: &mut Vec<DeliveredMoved>,
) -> Sql<()> {
    let sql = concat!(
        "INSERT INTO delivered (rk, user, seq) SELECT m.rk, m.user, ?3 ",
        behind!(),
        " ON CONFLICT (rk, user) DO UPDATE SET seq = excluded.seq \
         WHERE delivered.seq < excluded.seq"
    );
    for Delivered { room, user, seq } in news {
        let to = (*seq).min(head.seq);
        let moves = change(conn, sql, (head.rk, user.as_str(), int(to), app.as_str()))? > 0;
        if moves && head.member_count <= told_members_max {
            let (room, user, head) = (room.clone(), user.clone(), head.head_with(None));
            moved.push(DeliveredMoved { room, user, seq: to, head });
        }
    }
    Ok(())
}

/// Those of the room `?1` who can have a message: not its sender `?2`, in since before `?3`, and not
/// with a view that begins behind it, at `?4`.
macro_rules! those {
    () => {
        "FROM members m WHERE m.rk = ?1 AND m.state = 'active' AND m.user IS NOT ?2 \
         AND m.joined_at <= ?3 AND m.visible_after_seq < ?4"
    };
}
macro_rules! delivered_seq {
    () => {
        "max(m.read_seq, coalesce((SELECT d.seq FROM delivered d \
         WHERE d.rk = m.rk AND d.user = m.user), 0))"
    };
}

fn page(
    conn: &Connection,
    (app, rk): (&AppId, i64),
    of: &ReceiptsOf,
    after: Option<&UserId>,
    limit: usize,
) -> Sql<Vec<Receipt>> {
    let sql = concat!(
        "SELECT ",
        user_columns!(),
        ", x.delivered, x.read_seq FROM (SELECT m.user, m.read_seq, ",
        delivered_seq!(),
        " AS delivered ",
        those!(),
        " AND m.user > ?5 ORDER BY m.user LIMIT ?6) x \
         CROSS JOIN users u ON u.app = ?7 AND u.id = x.user ORDER BY x.user"
    );
    let sender = of.sender.as_ref().map(UserId::as_str);
    let after = after.map_or("", UserId::as_str);
    let values = (rk, sender, of.said_at.0, int(of.seq), after, size(limit), app.as_str());
    all(conn, sql, values, receipt)
}

fn receipt(row: &Row<'_>) -> Sql<Receipt> {
    Ok(Receipt {
        user: user(row)?,
        delivered_seq: uint(row, USER_WIDTH)?,
        read_seq: uint(row, USER_WIDTH + 1)?,
    })
}

/// The second cursor is looked up for who has not read so far only.
fn counts(conn: &Connection, rk: i64, of: &ReceiptsOf) -> Sql<ReceiptCounts> {
    let sql = concat!(
        "SELECT count(*), count(*) FILTER (WHERE m.read_seq >= ?4 OR EXISTS (SELECT 1 \
         FROM delivered d WHERE d.rk = m.rk AND d.user = m.user AND d.seq >= ?4)), \
         count(*) FILTER (WHERE m.read_seq >= ?4) ",
        those!()
    );
    let sender = of.sender.as_ref().map(UserId::as_str);
    let found = one(conn, sql, (rk, sender, of.said_at.0, int(of.seq)), |row| {
        Ok(ReceiptCounts { members: uint(row, 0)?, delivered: uint(row, 1)?, read: uint(row, 2)? })
    })?;
    Ok(found.unwrap_or_default())
}
