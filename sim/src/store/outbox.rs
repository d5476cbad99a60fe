//! The outbox, leases and signs of life, straight through.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId};
use snug_core::model::{OutboxRow, Time};
use snug_core::ports::{
    Attempted, ChangedRoom, Consumers, JobPlace, JobStore, Lease, LostNode, NodeStore, OutboxQuery,
    OutboxStore, Released, StoreResult,
};

use super::SeamStore;

#[async_trait]
impl OutboxStore for SeamStore {
    async fn consumers(&self, app: &AppId) -> StoreResult<Option<Consumers>> {
        self.inner.consumers(app).await
    }

    async fn put_consumers(
        &self,
        app: &AppId,
        consumers: &Consumers,
        expected: u64,
    ) -> StoreResult<Option<u64>> {
        self.inner.put_consumers(app, consumers, expected).await
    }

    async fn outbox_apps(&self, limit: usize) -> StoreResult<Vec<(AppId, bool)>> {
        self.inner.outbox_apps(limit).await
    }

    async fn outbox_due(&self, now: Time, limit: usize) -> StoreResult<Vec<AppId>> {
        self.inner.outbox_due(now, limit).await
    }

    async fn outbox(&self, app: &AppId, query: &OutboxQuery) -> StoreResult<Vec<OutboxRow>> {
        self.inner.outbox(app, query).await
    }

    async fn outbox_rooms(
        &self,
        app: &AppId,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<(u64, RoomId, u64)>> {
        self.inner.outbox_rooms(app, after, limit).await
    }

    async fn outbox_of_room(
        &self,
        app: &AppId,
        room: &RoomId,
        above_rev: u64,
        limit: usize,
    ) -> StoreResult<Vec<OutboxRow>> {
        self.inner.outbox_of_room(app, room, above_rev, limit).await
    }

    async fn settle_outbox(
        &self,
        lease: &Lease,
        position: u64,
        attempted: &Attempted,
        now: Time,
    ) -> StoreResult<bool> {
        self.inner.settle_outbox(lease, position, attempted, now).await
    }

    async fn replay_outbox(
        &self,
        app: &AppId,
        positions: (u64, u64),
        limit: usize,
    ) -> StoreResult<(u64, u64)> {
        self.inner.replay_outbox(app, positions, limit).await
    }

    async fn clear_outbox(
        &self,
        app: &AppId,
        waiting_since: Time,
        kept_since: Time,
        limit: usize,
    ) -> StoreResult<u64> {
        self.inner.clear_outbox(app, waiting_since, kept_since, limit).await
    }
}

#[async_trait]
impl NodeStore for SeamStore {
    async fn beat_node(&self, node: &str, told_ms: u64, now: Time) -> StoreResult<()> {
        self.inner.beat_node(node, told_ms, now).await
    }

    async fn lost_node(&self, silent_ms: u64, now: Time) -> StoreResult<Option<LostNode>> {
        self.inner.lost_node(silent_ms, now).await
    }

    async fn forget_node(&self, node: &str) -> StoreResult<()> {
        self.inner.forget_node(node).await
    }

    async fn rooms_changed(&self, since: Time, limit: usize) -> StoreResult<Vec<ChangedRoom>> {
        self.inner.rooms_changed(since, limit).await
    }
}

#[async_trait]
impl JobStore for SeamStore {
    async fn lease_job(
        &self,
        place: &JobPlace,
        owner: &str,
        ttl_ms: u64,
        now: Time,
    ) -> StoreResult<Option<Lease>> {
        self.inner.lease_job(place, owner, ttl_ms, now).await
    }

    async fn renew_job(&self, lease: &Lease, ttl_ms: u64, now: Time) -> StoreResult<bool> {
        self.inner.renew_job(lease, ttl_ms, now).await
    }

    async fn release_job(&self, lease: &Lease) -> StoreResult<Released> {
        self.inner.release_job(lease).await
    }
}
