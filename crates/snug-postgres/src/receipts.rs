//! Receipts: how far each member's devices have got a room.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Receipt, ReceiptCounts};
use snug_core::ports::{Delivered, DeliveredMoved, ReceiptStore, ReceiptsOf, StoreResult};
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::pool::{Fail, bounded};
use crate::rows::{Cells, big, rows, user_columns};

/// One statement for all rooms. The rows are locked in one order, whoever writes the same ones
/// beside; rooms and members are read and not locked. What moves nothing is left out before the
/// conflict, which would lock its row for nothing; the condition behind it is for who writes the
/// same beside. The head is without a preview.
const MOVE: &str = "WITH moved AS (INSERT INTO delivered AS d (app, room, user_id, seq)
      SELECT m.app, m.room, m.user_id, least(i.seq, r.seq)
      FROM (SELECT g.app, g.room, g.user_id, max(g.seq) AS seq
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS g(app, room, user_id, seq)
        GROUP BY g.app, g.room, g.user_id) i
      JOIN rooms r ON r.app = i.app AND r.id = i.room AND r.deleted_at IS NULL
      JOIN members m ON m.app = i.app AND m.room = i.room AND m.user_id = i.user_id
        AND m.state = 'active'
      WHERE least(i.seq, r.seq) > m.read_seq
        AND NOT EXISTS (SELECT FROM delivered o WHERE o.app = m.app AND o.room = m.room
          AND o.user_id = m.user_id AND o.seq >= least(i.seq, r.seq))
        AND NOT EXISTS (SELECT FROM users u WHERE u.app = m.app AND u.id = m.user_id
          AND u.invisible)
      ORDER BY m.room, m.user_id
      ON CONFLICT (app, room, user_id) DO UPDATE SET seq = excluded.seq
        WHERE d.seq < excluded.seq
      RETURNING d.app, d.room, d.user_id, d.seq)
    SELECT v.room, v.user_id, v.seq, r.seq, r.rev, r.members_rev, r.room_rev, r.counted,
      r.activity_at, NULL::bigint AS preview_seq
      FROM moved v JOIN rooms r ON r.app = v.app AND r.id = v.room
      WHERE r.member_count <= $5 ORDER BY v.room, v.user_id";
/// Those of a room who can have a message: not its sender, in since before it was said, and not with
/// a view that begins behind it.
macro_rules! those {
    () => {
        "FROM members m WHERE m.app = $1 AND m.room = $2 AND m.state = 'active'
           AND m.user_id IS DISTINCT FROM $3::text AND m.joined_at <= $4
           AND m.visible_after_seq < $5"
    };
}
macro_rules! delivered_seq {
    () => {
        "greatest(m.read_seq, (SELECT d.seq FROM delivered d WHERE d.app = m.app
           AND d.room = m.room AND d.user_id = m.user_id))"
    };
}
const PAGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", x.delivered, x.read_seq FROM (SELECT m.app, m.user_id, m.read_seq, ",
    delivered_seq!(),
    " AS delivered ",
    those!(),
    " AND m.user_id > $6 ORDER BY m.user_id LIMIT $7) x
      JOIN users u ON u.app = x.app AND u.id = x.user_id ORDER BY x.user_id"
);
/// The second cursor is looked up for who has not read so far only, and by its key: of an `EXISTS`
/// the planner may make a table of everybody's.
const COUNT: &str = concat!(
    "SELECT count(*), count(*) FILTER (WHERE m.read_seq >= $5 OR (SELECT d.seq FROM delivered d
        WHERE d.app = m.app AND d.room = m.room AND d.user_id = m.user_id) >= $5),
      count(*) FILTER (WHERE m.read_seq >= $5) ",
    those!()
);

impl PostgresStore {
    async fn move_delivered_once(
        &self,
        app: &AppId,
        got: &[Delivered],
        told_members_max: u32,
    ) -> Result<Vec<DeliveredMoved>, Fail> {
        let client = self.reads.get().await?;
        let moves = client.prepare_cached(MOVE).await?;
        let apps = vec![app.as_str(); got.len()];
        let rooms: Vec<&str> = got.iter().map(|one| one.room.as_str()).collect();
        let users: Vec<&str> = got.iter().map(|one| one.user.as_str()).collect();
        let seqs: Vec<i64> = got.iter().map(|one| big(one.seq)).collect();
        let most = i32::try_from(told_members_max).unwrap_or(i32::MAX);
        let values: [&(dyn ToSql + Sync); 5] = [&apps, &rooms, &users, &seqs, &most];
        let found = client.query(&moves, &values).await?;
        let moved = |row| {
            let mut cells = Cells::of(row);
            let (room, user, seq) = (cells.room_id()?, cells.user_id()?, cells.number()?);
            Ok(DeliveredMoved { room, user, seq, head: cells.head()? })
        };
        found.iter().map(moved).collect()
    }

    async fn receipts_once(
        &self,
        (app, room): (&AppId, &RoomId),
        of: &ReceiptsOf,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Receipt>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let page = client.prepare_cached(PAGE).await?;
        let sender = of.sender.as_ref().map(UserId::as_str);
        let after = after.map_or("", UserId::as_str);
        let (seq, limit) = (big(of.seq), rows(limit, 0));
        let values: [&(dyn ToSql + Sync); 7] =
            [&app.as_str(), &room.as_str(), &sender, &of.said_at.0, &seq, &after, &limit];
        let found = client.query(&page, &values).await?;
        let receipt = |row| {
            let mut cells = Cells::of(row);
            let user = cells.user()?;
            let (delivered_seq, read_seq) = (cells.number()?, cells.number()?);
            Ok(Receipt { user, delivered_seq, read_seq })
        };
        found.iter().map(receipt).collect()
    }

    async fn receipt_counts_once(
        &self,
        (app, room): (&AppId, &RoomId),
        of: &ReceiptsOf,
    ) -> Result<ReceiptCounts, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let count = client.prepare_cached(COUNT).await?;
        let sender = of.sender.as_ref().map(UserId::as_str);
        let seq = big(of.seq);
        let values: [&(dyn ToSql + Sync); 5] =
            [&app.as_str(), &room.as_str(), &sender, &of.said_at.0, &seq];
        let row = client.query_one(&count, &values).await?;
        let mut cells = Cells::of(&row);
        let (members, delivered, read) = (cells.number()?, cells.number()?, cells.number()?);
        Ok(ReceiptCounts { members, delivered, read })
    }
}

#[async_trait]
impl ReceiptStore for PostgresStore {
    async fn move_delivered(
        &self,
        app: &AppId,
        got: &[Delivered],
        told_members_max: u32,
    ) -> StoreResult<Vec<DeliveredMoved>> {
        Ok(bounded(|| self.move_delivered_once(app, got, told_members_max)).await?)
    }

    async fn receipts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Receipt>> {
        Ok(bounded(|| self.receipts_once((app, room), of, after, limit)).await?)
    }

    async fn receipt_counts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
    ) -> StoreResult<ReceiptCounts> {
        Ok(bounded(|| self.receipt_counts_once((app, room), of)).await?)
    }
}
