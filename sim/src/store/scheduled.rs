//! Scheduled messages, straight through.

use async_trait::async_trait;
use snug_core::ids::{AppId, UserId};
use snug_core::model::{Scheduled, Time};
use snug_core::ports::{
    ChangeScheduled, Lease, NewScheduled, PayloadHash, ScheduleOutcome, ScheduledLook,
    ScheduledPlace, ScheduledQuery, ScheduledStore, Settled, StoreResult,
};

use super::SeamStore;

#[async_trait]
impl ScheduledStore for SeamStore {
    async fn schedule(&self, new: NewScheduled) -> StoreResult<ScheduleOutcome> {
        self.inner.schedule(new).await
    }

    async fn scheduled_one(
        &self,
        place: &ScheduledPlace,
    ) -> StoreResult<Option<(PayloadHash, Scheduled)>> {
        self.inner.scheduled_one(place).await
    }

    async fn scheduled(
        &self,
        app: &AppId,
        owner: Option<&UserId>,
        query: &ScheduledQuery,
    ) -> StoreResult<Vec<Scheduled>> {
        self.inner.scheduled(app, owner, query).await
    }

    async fn change_scheduled(&self, change: ChangeScheduled) -> StoreResult<Option<Scheduled>> {
        self.inner.change_scheduled(change).await
    }

    async fn unschedule(&self, place: &ScheduledPlace, rev: u64) -> StoreResult<bool> {
        self.inner.unschedule(place, rev).await
    }

    async fn scheduled_apps(&self, now: Time, limit: usize) -> StoreResult<ScheduledLook> {
        self.inner.scheduled_apps(now, limit).await
    }

    async fn scheduled_due(
        &self,
        app: &AppId,
        now: Time,
        limit: usize,
    ) -> StoreResult<Vec<Scheduled>> {
        self.inner.scheduled_due(app, now, limit).await
    }

    async fn settle_scheduled(
        &self,
        lease: &Lease,
        place: &ScheduledPlace,
        rev: u64,
        settled: &Settled,
    ) -> StoreResult<bool> {
        self.inner.settle_scheduled(lease, place, rev, settled).await
    }

    async fn clear_scheduled(&self, failed_before: Time, limit: usize) -> StoreResult<u64> {
        self.inner.clear_scheduled(failed_before, limit).await
    }
}
