//! Signs of life, by the database's clock.

use async_trait::async_trait;
use snug_core::model::Time;
use snug_core::ports::{ChangedRoom, LostNode, NodeStore, StoreResult};

use crate::PostgresStore;
use crate::pool::{Fail, bounded};
use crate::rows::{Cells, big, db_time, head_columns};

/// The clock of a database that was set back must not keep what was told in its future.
const BEAT: &str = concat!(
    "INSERT INTO nodes AS n (node, seen_at, told_at) VALUES ($1, ",
    db_time!(),
    ", ",
    db_time!(),
    " - $2::bigint) ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, \
     told_at = greatest(least(n.told_at, excluded.seen_at), excluded.told_at)"
);
const TAKE: &str = concat!(
    "UPDATE nodes SET seen_at = ",
    db_time!(),
    " WHERE node = (SELECT node FROM nodes WHERE seen_at <= ",
    db_time!(),
    " - $1::bigint ORDER BY seen_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING node, told_at"
);
const FORGET: &str = "DELETE FROM nodes WHERE node = $1";
const CHANGED: &str = concat!(
    "SELECT r.app, r.id, ",
    head_columns!("r"),
    ", r.deleted_at IS NOT NULL FROM rooms r WHERE r.changed_at >= $1 \
     ORDER BY r.changed_at DESC LIMIT $2"
);

fn nanos(millis: u64) -> i64 {
    big(millis.saturating_mul(1_000_000))
}

impl PostgresStore {
    async fn beat_once(&self, node: &str, told_ms: u64) -> Result<(), Fail> {
        let client = self.reads.get().await?;
        let beat = client.prepare_cached(BEAT).await?;
        client.execute(&beat, &[&node, &nanos(told_ms)]).await?;
        Ok(())
    }

    async fn lost_once(&self, silent_ms: u64) -> Result<Option<LostNode>, Fail> {
        let client = self.reads.get().await?;
        let take = client.prepare_cached(TAKE).await?;
        let Some(row) = client.query_opt(&take, &[&nanos(silent_ms)]).await? else {
            return Ok(None);
        };
        let mut cells = Cells::of(&row);
        Ok(Some(LostNode { node: cells.next()?, told_at: cells.time()? }))
    }

    async fn remove_once(&self, node: &str) -> Result<(), Fail> {
        let client = self.reads.get().await?;
        let forget = client.prepare_cached(FORGET).await?;
        client.execute(&forget, &[&node]).await?;
        Ok(())
    }

    async fn changed_once(&self, since: Time, limit: usize) -> Result<Vec<ChangedRoom>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let changed = client.prepare_cached(CHANGED).await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = client.query(&changed, &[&since.0, &limit]).await?;
        let read = |row| {
            let mut cells = Cells::of(row);
            let (app, room) = (cells.app()?, cells.room_id()?);
            Ok(ChangedRoom { app, room, head: cells.head()?, deleted: cells.next()? })
        };
        rows.iter().map(read).collect()
    }
}

#[async_trait]
impl NodeStore for PostgresStore {
    async fn beat_node(&self, node: &str, told_ms: u64, _now: Time) -> StoreResult<()> {
        Ok(bounded(|| self.beat_once(node, told_ms)).await?)
    }

    async fn lost_node(&self, silent_ms: u64, _now: Time) -> StoreResult<Option<LostNode>> {
        Ok(bounded(|| self.lost_once(silent_ms)).await?)
    }

    async fn forget_node(&self, node: &str) -> StoreResult<()> {
        Ok(bounded(|| self.remove_once(node)).await?)
    }

    async fn rooms_changed(&self, since: Time, limit: usize) -> StoreResult<Vec<ChangedRoom>> {
        Ok(bounded(|| self.changed_once(since, limit)).await?)
    }
}
