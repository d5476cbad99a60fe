//! Scheduled messages: when one is tried again, and three lies of the self-test.

use async_trait::async_trait;
use snug_core::ids::{AppId, UserId};
use snug_core::model::{Scheduled, Time};
use snug_core::ports::{
    ChangeScheduled, Lease, NewScheduled, PayloadHash, ScheduleOutcome, ScheduledLook,
    ScheduledPlace, ScheduledQuery, ScheduledStore, Settled, StoreResult,
};

use super::{Break, SeamStore};

const HOUR_MS: i64 = 3_600_000;
/// Earlier than every clock of a run: due at once.
const AT_ONCE: Time = Time(1);

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
        if self.is(Break::KeepCancelled) {
            return Ok(true);
        }
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
        let early = if self.is(Break::SendEarly) { HOUR_MS } else { 0 };
        self.inner.scheduled_due(app, now.plus_millis(early), limit).await
    }

    async fn settle_scheduled(
        &self,
        lease: &Lease,
        place: &ScheduledPlace,
        rev: u64,
        settled: &Settled,
    ) -> StoreResult<bool> {
        if *settled == Settled::Sent && self.is(Break::KeepSent) {
            return Ok(true);
        }
        // The engine waits by chance, which is not the seed's.
        let settled = match settled {
            Settled::Again { open, .. } => Settled::Again { due_at: AT_ONCE, open: *open },
            other => other.clone(),
        };
        self.inner.settle_scheduled(lease, place, rev, &settled).await
    }

    async fn clear_scheduled(&self, failed_before: Time, limit: usize) -> StoreResult<u64> {
        self.inner.clear_scheduled(failed_before, limit).await
    }
}
