//! Signs of life. One process holds the file, so nobody else is ever lost here; the table is the
//! port's.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId};
use snug_core::model::Time;
use snug_core::ports::{ChangedRoom, LostNode, NodeStore, StoreResult};

use crate::SqliteStore;
use crate::rows::{HEAD_WIDTH, HeadRow, all, change, head_columns, one, size, time};

fn ago(now: Time, millis: u64) -> Time {
    now.plus_millis(i64::try_from(millis).map_or(i64::MIN, |millis| -millis))
}

#[async_trait]
impl NodeStore for SqliteStore {
    async fn beat_node(&self, node: &str, told_ms: u64, now: Time) -> StoreResult<()> {
        let (node, told) = (node.to_owned(), ago(now, told_ms));
        self.write(None, move |conn| {
            change(
                conn,
                "INSERT INTO nodes (node, seen_at, told_at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, \
                 told_at = max(min(told_at, excluded.seen_at), excluded.told_at)",
                (node.as_str(), now.0, told.0),
            )?;
            Ok(())
        })
        .await
    }

    async fn lost_node(&self, silent_ms: u64, now: Time) -> StoreResult<Option<LostNode>> {
        let before = ago(now, silent_ms);
        self.write(None, move |conn| {
            one(
                conn,
                "UPDATE nodes SET seen_at = ?1 WHERE node = (SELECT node FROM nodes \
                 WHERE seen_at <= ?2 ORDER BY seen_at LIMIT 1) RETURNING node, told_at",
                (now.0, before.0),
                |row| Ok(LostNode { node: row.get(0)?, told_at: time(row, 1)? }),
            )
        })
        .await
    }

    async fn forget_node(&self, node: &str) -> StoreResult<()> {
        let node = node.to_owned();
        self.write(None, move |conn| {
            change(conn, "DELETE FROM nodes WHERE node = ?1", [node.as_str()])?;
            Ok(())
        })
        .await
    }

    async fn rooms_changed(&self, since: Time, limit: usize) -> StoreResult<Vec<ChangedRoom>> {
        self.read_page(None, move |conn| {
            all(
                conn,
                concat!(
                    "SELECT ",
                    head_columns!(),
                    ", r.app, r.id FROM heads h CROSS JOIN rooms r ON r.rk = h.rk \
                     WHERE h.changed_at >= ?1 ORDER BY h.changed_at DESC LIMIT ?2"
                ),
                (since.0, size(limit)),
                |row| {
                    let app = AppId::from_stored(row.get_ref(HEAD_WIDTH)?.as_str()?);
                    let room = RoomId::from_stored(row.get_ref(HEAD_WIDTH + 1)?.as_str()?);
                    let head = HeadRow::read(row)?;
                    let deleted = head.deleted_at.is_some();
                    Ok(ChangedRoom { app, room, head: head.head(conn)?, deleted })
                },
            )
        })
        .await
    }
}
