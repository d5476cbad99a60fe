//! Documents that only one dialect understands: another system's keys, settings, names and
//! preferences, by (app, dialect, kind, key). The core never looks inside; secrets in them are
//! hashed or sealed before they come here.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::AppId;
use crate::model::Time;

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: String,
    /// JSON text.
    pub value: String,
    /// 1 when made, one more with each change.
    pub rev: u64,
    pub changed_at: Time,
    /// From here on it is not found.
    pub expires_at: Option<Time>,
}

/// Where a document lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordPlace {
    pub app: AppId,
    /// `i2a`, `imkit`, `rocketchat`, `ecb`, or `native` for what the native doors keep so.
    pub dialect: &'static str,
    pub kind: &'static str,
}

/// A document to be stored.
#[derive(Debug, Clone)]
pub struct PutRecord {
    pub place: RecordPlace,
    pub key: String,
    pub value: String,
    /// The rev that it must have now; `Some(0)`: it must not be there; `None`: whatever it has.
    pub expected: Option<u64>,
    /// A secret's hash by which the document is found without knowing its app; unique among all
    /// documents of this dialect and kind.
    pub lookup: Option<[u8; 32]>,
    pub expires_at: Option<Time>,
    pub now: Time,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutRecordOutcome {
    /// With its new rev.
    Put(u64),
    /// It is not at the expected rev: the document as it is, or `None` when there is none.
    Conflict(Option<Record>),
    /// Another document has this lookup.
    LookupTaken,
}

/// Dialects' documents. An expired one counts as absent everywhere.
#[async_trait]
pub trait RecordStore: Send + Sync {
    async fn record(
        &self,
        place: &RecordPlace,
        key: &str,
        now: Time,
    ) -> StoreResult<Option<Record>>;

    /// A put over an expired one starts at rev 1 again.
    async fn put_record(&self, put: PutRecord) -> StoreResult<PutRecordOutcome>;

    /// Says whether it was there.
    async fn delete_record(&self, place: &RecordPlace, key: &str, now: Time) -> StoreResult<bool>;

    /// By key, byte for byte, above `after`.
    async fn records(
        &self,
        place: &RecordPlace,
        after: Option<&str>,
        limit: usize,
        now: Time,
    ) -> StoreResult<Vec<Record>>;

    /// The document with this lookup, of whichever app: how a door finds the app of a request
    /// that brings nothing but a secret.
    async fn record_by_lookup(
        &self,
        dialect: &'static str,
        kind: &'static str,
        lookup: &[u8; 32],
        now: Time,
    ) -> StoreResult<Option<(AppId, Record)>>;
}
