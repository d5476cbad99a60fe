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
        let (of, mut got) = (app.clone(), got.to_vec());
        // A room is looked up once, and what moved is told in this order.
        got.sort_unstable_by(|a, b| (&a.room, &a.user).cmp(&(&b.room, &b.user)));
        self.write(Some(app.clone()), move |conn| {
            let mut moved = Vec::new();
            for in_room in got.chunk_by(|a, b| a.room == b.room) {
                let Some(first) = in_room.first() else { continue };
                let Some(head) = living(conn, &of, &first.room)? else { continue };
                move_in_room(conn, &head, in_room, told_members_max, &mut moved)?;
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

fn move_in_room(
    conn: &Connection,
    head: &HeadRow,
    got: &[Delivered],
    told_members_max: u32,
    moved: &mut Vec<DeliveredMoved>,
) -> Sql<()> {
    let mut told = None;
    for Delivered { room, user, seq } in got {
        let to = (*seq).min(head.seq);
        let sql = "SELECT read_seq FROM members WHERE rk = ?1 AND user = ?2 AND state = 'active'";
        let read = one(conn, sql, (head.rk, user.as_str()), |row| uint(row, 0))?;
        if read.is_none_or(|read| to <= read) {
            continue;
        }
        let sql = "INSERT INTO delivered (rk, user, seq) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (rk, user) DO UPDATE SET seq = excluded.seq \
                   WHERE delivered.seq < excluded.seq";
        let moves = change(conn, sql, (head.rk, user.as_str(), int(to)))? > 0;
        if !moves || head.member_count > told_members_max {
            continue;
        }
        let at = match told.take() {
            Some(known) => known,
            None => head.head(conn)?,
        };
        told = Some(at.clone());
        moved.push(DeliveredMoved { room: room.clone(), user: user.clone(), seq: to, head: at });
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

fn counts(conn: &Connection, rk: i64, of: &ReceiptsOf) -> Sql<ReceiptCounts> {
    let sql = concat!(
        "SELECT count(*), coalesce(sum(x.delivered >= ?4), 0), coalesce(sum(x.read_seq >= ?4), 0) \
         FROM (SELECT m.read_seq, ",
        delivered_seq!(),
        " AS delivered ",
        those!(),
        ") x"
    );
    let sender = of.sender.as_ref().map(UserId::as_str);
    let found = one(conn, sql, (rk, sender, of.said_at.0, int(of.seq)), |row| {
        Ok(ReceiptCounts { members: uint(row, 0)?, delivered: uint(row, 1)?, read: uint(row, 2)? })
    })?;
    Ok(found.unwrap_or_default())
}
