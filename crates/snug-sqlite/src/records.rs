//! Dialects' documents.

use async_trait::async_trait;
use rusqlite::{Connection, Row, named_params};
use snug_core::ids::AppId;
use snug_core::model::Time;
use snug_core::ports::{
    PutRecord, PutRecordOutcome, Record, RecordPlace, RecordStore, StoreResult,
};

use crate::SqliteStore;
use crate::rows::{Sql, all, change, int, maybe_time, one, size, time, uint};

#[async_trait]
impl RecordStore for SqliteStore {
    async fn record(
        &self,
        place: &RecordPlace,
        key: &str,
        now: Time,
    ) -> StoreResult<Option<Record>> {
        let (place, key) = (place.clone(), key.to_owned());
        self.read(Some(place.app.clone()), move |conn| find(conn, &place, &key, now)).await
    }

    async fn put_record(&self, put: PutRecord) -> StoreResult<PutRecordOutcome> {
        self.write(Some(put.place.app.clone()), move |conn| try_put(conn, &put)).await
    }

    async fn delete_record(&self, place: &RecordPlace, key: &str, now: Time) -> StoreResult<bool> {
        let (place, key) = (place.clone(), key.to_owned());
        self.write(Some(place.app.clone()), move |conn| {
            let was = find(conn, &place, &key, now)?.is_some();
            change(
                conn,
                "DELETE FROM records WHERE app = ?1 AND dialect = ?2 AND kind = ?3 AND key = ?4",
                (place.app.as_str(), place.dialect, place.kind, key.as_str()),
            )?;
            Ok(was)
        })
        .await
    }

    async fn records(
        &self,
        place: &RecordPlace,
        after: Option<&str>,
        limit: usize,
        now: Time,
    ) -> StoreResult<Vec<Record>> {
        let (place, after) = (place.clone(), after.unwrap_or("").to_owned());
        self.read(Some(place.app.clone()), move |conn| {
            all(
                conn,
                "SELECT key, value, rev, changed_at, expires_at FROM records \
                 WHERE app = ?1 AND dialect = ?2 AND kind = ?3 AND key > ?4 \
                 AND (expires_at IS NULL OR expires_at > ?5) ORDER BY key LIMIT ?6",
                (place.app.as_str(), place.dialect, place.kind, after.as_str(), now.0, size(limit)),
                read,
            )
        })
        .await
    }

    async fn record_by_lookup(
        &self,
        dialect: &'static str,
        kind: &'static str,
        lookup: &[u8; 32],
        now: Time,
    ) -> StoreResult<Option<(AppId, Record)>> {
        let lookup = *lookup;
        self.read(None, move |conn| {
            one(
                conn,
                "SELECT key, value, rev, changed_at, expires_at, app FROM records \
                 WHERE dialect = ?1 AND kind = ?2 AND lookup = ?3 \
                 AND (expires_at IS NULL OR expires_at > ?4)",
                (dialect, kind, lookup, now.0),
                |row| Ok((AppId::from_stored(row.get_ref(5)?.as_str()?), read(row)?)),
            )
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Sql<Record> {
    Ok(Record {
        key: row.get(0)?,
        value: row.get(1)?,
        rev: uint(row, 2)?,
        changed_at: time(row, 3)?,
        expires_at: maybe_time(row, 4)?,
    })
}

fn find(conn: &Connection, place: &RecordPlace, key: &str, now: Time) -> Sql<Option<Record>> {
    one(
        conn,
        "SELECT key, value, rev, changed_at, expires_at FROM records \
         WHERE app = ?1 AND dialect = ?2 AND kind = ?3 AND key = ?4 \
         AND (expires_at IS NULL OR expires_at > ?5)",
        (place.app.as_str(), place.dialect, place.kind, key, now.0),
        read,
    )
}

fn try_put(conn: &Connection, put: &PutRecord) -> Sql<PutRecordOutcome> {
    let PutRecord { place, key, value, expected, lookup, expires_at, now } = put;
    let known = find(conn, place, key, *now)?;
    let rev = known.as_ref().map_or(0, |known| known.rev);
    if expected.is_some_and(|expected| expected != rev) {
        return Ok(PutRecordOutcome::Conflict(known));
    }
    if let Some(lookup) = lookup {
        // An expired document holds its lookup no longer.
        change(
            conn,
            "DELETE FROM records WHERE dialect = ?1 AND kind = ?2 AND lookup = ?3 \
             AND expires_at <= ?4",
            (place.dialect, place.kind, lookup, now.0),
        )?;
        let taken = one(
            conn,
            "SELECT 1 FROM records WHERE dialect = ?1 AND kind = ?2 AND lookup = ?3 \
             AND NOT (app = ?4 AND key = ?5)",
            (place.dialect, place.kind, lookup, place.app.as_str(), key.as_str()),
            |_| Ok(()),
        )?;
        if taken.is_some() {
            return Ok(PutRecordOutcome::LookupTaken);
        }
    }
    let mut put = conn.prepare_cached(
        "INSERT OR REPLACE INTO records \
         (app, dialect, kind, key, value, rev, lookup, changed_at, expires_at) \
         VALUES (:app, :dialect, :kind, :key, :value, :rev, :lookup, :changed_at, :expires_at)",
    )?;
    put.execute(named_params! {
        ":app": place.app.as_str(),
        ":dialect": place.dialect,
        ":kind": place.kind,
        ":key": key,
        ":value": value,
        ":rev": int(rev + 1),
        ":lookup": lookup,
        ":changed_at": now.0,
        ":expires_at": expires_at.map(|at| at.0),
    })?;
    Ok(PutRecordOutcome::Put(rev + 1))
}
