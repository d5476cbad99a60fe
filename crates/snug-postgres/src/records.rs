//! Dialects' documents.

use async_trait::async_trait;
use snug_core::ids::AppId;
use snug_core::model::Time;
use snug_core::ports::{
    PutRecord, PutRecordOutcome, Record, RecordPlace, RecordStore, StoreResult,
};

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, rows};

const ONE: &str = "SELECT key, value, rev, changed_at, expires_at FROM records
    WHERE app = $1 AND dialect = $2 AND kind = $3 AND key = $4
      AND (expires_at IS NULL OR expires_at > $5)";
const PAGE: &str = "SELECT key, value, rev, changed_at, expires_at FROM records
    WHERE app = $1 AND dialect = $2 AND kind = $3 AND key > $4
      AND (expires_at IS NULL OR expires_at > $5) ORDER BY key LIMIT $6";
const BY_LOOKUP: &str = "SELECT app, key, value, rev, changed_at, expires_at FROM records
    WHERE dialect = $1 AND kind = $2 AND lookup = $3
      AND (expires_at IS NULL OR expires_at > $4)";
const REMOVE: &str = "DELETE FROM records
    WHERE app = $1 AND dialect = $2 AND kind = $3 AND key = $4
    RETURNING expires_at IS NULL OR expires_at > $5";
/// An expired document holds its lookup no longer.
const FREE_LOOKUP: &str = "DELETE FROM records
    WHERE dialect = $1 AND kind = $2 AND lookup = $3 AND expires_at <= $4";
const TAKEN: &str = "SELECT 1 FROM records
    WHERE dialect = $1 AND kind = $2 AND lookup = $3 AND NOT (app = $4 AND key = $5)";
/// One statement decides the race: the row's own conflict waits for whoever writes it.
const PUT: &str = "INSERT INTO records AS d
      (app, dialect, kind, key, value, rev, lookup, changed_at, expires_at)
    SELECT $1, $2, $3, $4, $5, 1, $6, $7, $8 WHERE $9::bigint IS NULL OR $9 = 0
      OR EXISTS (SELECT FROM records WHERE app = $1 AND dialect = $2 AND kind = $3 AND key = $4)
    ON CONFLICT (app, dialect, kind, key) DO UPDATE SET
      value = excluded.value, lookup = excluded.lookup, changed_at = excluded.changed_at,
      expires_at = excluded.expires_at,
      rev = CASE WHEN d.expires_at <= $7 THEN 0 ELSE d.rev END + 1
    WHERE $9::bigint IS NULL OR $9 = CASE WHEN d.expires_at <= $7 THEN 0 ELSE d.rev END
    RETURNING rev";

fn read(cells: &mut Cells<'_>) -> Result<Record, Fail> {
    Ok(Record {
        key: cells.next()?,
        value: cells.next()?,
        rev: cells.number()?,
        changed_at: cells.time()?,
        expires_at: cells.time_or_none()?,
    })
}

impl PostgresStore {
    async fn record_once(
        &self,
        place: &RecordPlace,
        key: &str,
        now: Time,
    ) -> Result<Option<Record>, Fail> {
        let client = self.reads.get().await?;
        let one = client.prepare_cached(ONE).await?;
        let (app, dialect, kind) = (place.app.as_str(), place.dialect, place.kind);
        let row = client.query_opt(&one, &[&app, &dialect, &kind, &key, &now.0]).await?;
        row.map(|row| read(&mut Cells::of(&row))).transpose()
    }

    async fn put_once(&self, put: &PutRecord) -> Result<PutRecordOutcome, Fail> {
        let PutRecord { place, key, value, expected, lookup, expires_at, now } = put;
        let (app, dialect, kind) = (place.app.as_str(), place.dialect, place.kind);
        let lookup = lookup.as_ref().map(<[u8; 32]>::as_slice);
        let tx = Tx::begin(self.reads.get().await?);
        if let Some(lookup) = lookup {
            let free = tx.prepare_cached(FREE_LOOKUP).await?;
            tx.execute(&free, &[&dialect, &kind, &lookup, &now.0]).await?;
            let taken = tx.prepare_cached(TAKEN).await?;
            let key = key.as_str();
            if tx.query_opt(&taken, &[&dialect, &kind, &lookup, &app, &key]).await?.is_some() {
                tx.rollback().await?;
                return Ok(PutRecordOutcome::LookupTaken);
            }
        }
        let statement = tx.prepare_cached(PUT).await?;
        let row = tx
            .query_opt(
                &statement,
                &[
                    &app,
                    &dialect,
                    &kind,
                    key,
                    value,
                    &lookup,
                    &now.0,
                    &expires_at.map(|at| at.0),
                    &expected.map(big),
                ],
            )
            .await?;
        let Some(row) = row else {
            tx.rollback().await?;
            return Ok(PutRecordOutcome::Conflict(self.record_once(place, key, *now).await?));
        };
        let rev = Cells::of(&row).number()?;
        tx.commit().await?;
        Ok(PutRecordOutcome::Put(rev))
    }

    async fn forget_once(&self, place: &RecordPlace, key: &str, now: Time) -> Result<bool, Fail> {
        let client = self.reads.get().await?;
        let remove = client.prepare_cached(REMOVE).await?;
        let (app, dialect, kind) = (place.app.as_str(), place.dialect, place.kind);
        let row = client.query_opt(&remove, &[&app, &dialect, &kind, &key, &now.0]).await?;
        row.map_or(Ok(false), |row| Cells::of(&row).next())
    }

    async fn records_once(
        &self,
        place: &RecordPlace,
        after: &str,
        limit: usize,
        now: Time,
    ) -> Result<Vec<Record>, Fail> {
        let client = self.reads.get().await?;
        let page = client.prepare_cached(PAGE).await?;
        let (app, dialect, kind) = (place.app.as_str(), place.dialect, place.kind);
        let most = rows(limit, 0);
        let found = client.query(&page, &[&app, &dialect, &kind, &after, &now.0, &most]).await?;
        found.iter().map(|row| read(&mut Cells::of(row))).collect()
    }

    async fn by_lookup_once(
        &self,
        dialect: &str,
        kind: &str,
        lookup: &[u8],
        now: Time,
    ) -> Result<Option<(AppId, Record)>, Fail> {
        let client = self.reads.get().await?;
        let by_lookup = client.prepare_cached(BY_LOOKUP).await?;
        let row = client.query_opt(&by_lookup, &[&dialect, &kind, &lookup, &now.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let mut cells = Cells::of(&row);
        Ok(Some((cells.app()?, read(&mut cells)?)))
    }
}

#[async_trait]
impl RecordStore for PostgresStore {
    async fn record(
        &self,
        place: &RecordPlace,
        key: &str,
        now: Time,
    ) -> StoreResult<Option<Record>> {
        Ok(bounded(|| self.record_once(place, key, now)).await?)
    }

    async fn put_record(&self, put: PutRecord) -> StoreResult<PutRecordOutcome> {
        Ok(bounded(|| self.put_once(&put)).await?)
    }

    async fn delete_record(&self, place: &RecordPlace, key: &str, now: Time) -> StoreResult<bool> {
        Ok(bounded(|| self.forget_once(place, key, now)).await?)
    }

    async fn records(
        &self,
        place: &RecordPlace,
        after: Option<&str>,
        limit: usize,
        now: Time,
    ) -> StoreResult<Vec<Record>> {
        Ok(bounded(|| self.records_once(place, after.unwrap_or(""), limit, now)).await?)
    }

    async fn record_by_lookup(
        &self,
        dialect: &'static str,
        kind: &'static str,
        lookup: &[u8; 32],
        now: Time,
    ) -> StoreResult<Option<(AppId, Record)>> {
        Ok(bounded(|| self.by_lookup_once(dialect, kind, lookup, now)).await?)
    }
}
