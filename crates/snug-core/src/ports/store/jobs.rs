//! Leases on durable work: of several nodes one does it, and when that one dies another goes on.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::AppId;
use crate::model::Time;

/// A piece of work that one node at a time does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobPlace {
    pub app: AppId,
    pub kind: &'static str,
    /// Which one of its kind; empty when an app has one only.
    pub key: String,
}

impl JobPlace {
    /// Delivery of an app's outbox to its webhook endpoint.
    #[must_use]
    pub fn webhook(app: &AppId) -> Self {
        Self { app: app.clone(), kind: "webhook", key: String::new() }
    }

    /// Sending of an app's scheduled messages whose time has come.
    #[must_use]
    pub fn scheduled(app: &AppId) -> Self {
        Self { app: app.clone(), kind: "scheduled", key: String::new() }
    }
}

/// A job in a node's hands. Every write that the job makes shows it: a node that was away for
/// longer than its lease cannot write over what the next one did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub place: JobPlace,
    /// Goes up with each lease of this job.
    pub fence: u64,
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    Free,
    /// Somebody asked for the job meanwhile, because there was work: it is still the caller's.
    AskedFor,
    /// It was another's already.
    Lost,
}

/// Leases. A lease lives so many milliseconds by the store's own time: a database server's
/// clock, or `now` for the embedded store, whose file one process holds, so that every lease of
/// before its opening is free.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Takes the job if nobody has it, or whoever had it let the lease end. Else `None`, and the
    /// holder learns at its release that it was asked for.
    async fn lease_job(
        &self,
        place: &JobPlace,
        owner: &str,
        ttl_ms: u64,
        now: Time,
    ) -> StoreResult<Option<Lease>>;

    /// Makes the lease live so long from now on; `false` when it was lost.
    async fn renew_job(&self, lease: &Lease, ttl_ms: u64, now: Time) -> StoreResult<bool>;

    /// Gives the job back, unless it was asked for.
    async fn release_job(&self, lease: &Lease) -> StoreResult<Released>;
}
