//! Leases. One process holds the file, so those of before its opening are free.

use async_trait::async_trait;
use rusqlite::Connection;
use snug_core::model::Time;
use snug_core::ports::{JobPlace, JobStore, Lease, Released, StoreResult};

use crate::SqliteStore;
use crate::rows::{Sql, change, int, one, uint};

#[async_trait]
impl JobStore for SqliteStore {
    async fn lease_job(
        &self,
        place: &JobPlace,
        owner: &str,
        ttl_ms: u64,
        now: Time,
    ) -> StoreResult<Option<Lease>> {
        let (place, owner, until) = (place.clone(), owner.to_owned(), end(now, ttl_ms));
        self.write(Some(place.app.clone()), move |conn| take(conn, &place, &owner, (now, until)))
            .await
    }

    async fn renew_job(&self, lease: &Lease, ttl_ms: u64, now: Time) -> StoreResult<bool> {
        let (lease, until) = (lease.clone(), end(now, ttl_ms));
        self.write(Some(lease.place.app.clone()), move |conn| {
            let renewed = change(
                conn,
                "UPDATE jobs SET until = ?5 WHERE app = ?1 AND kind = ?2 AND key = ?3 \
                 AND fence = ?4 AND owner IS NOT NULL",
                (
                    lease.place.app.as_str(),
                    lease.place.kind,
                    lease.place.key.as_str(),
                    int(lease.fence),
                    until.0,
                ),
            )?;
            Ok(renewed > 0)
        })
        .await
    }

    async fn release_job(&self, lease: &Lease) -> StoreResult<Released> {
        let lease = lease.clone();
        self.write(Some(lease.place.app.clone()), move |conn| release(conn, &lease)).await
    }
}

fn end(now: Time, ttl_ms: u64) -> Time {
    now.plus_millis(i64::try_from(ttl_ms).unwrap_or(i64::MAX))
}

fn take(
    conn: &Connection,
    place: &JobPlace,
    owner: &str,
    (now, until): (Time, Time),
) -> Sql<Option<Lease>> {
    let key = (place.app.as_str(), place.kind, place.key.as_str());
    let fence = one(
        conn,
        "INSERT INTO jobs (app, kind, key, owner, until, fence, asked) \
         VALUES (?1, ?2, ?3, ?4, ?6, 1, 0) ON CONFLICT (app, kind, key) DO UPDATE SET \
         owner = excluded.owner, until = excluded.until, fence = fence + 1, asked = 0 \
         WHERE owner IS NULL OR until <= ?5 RETURNING fence",
        (key.0, key.1, key.2, owner, now.0, until.0),
        |row| uint(row, 0),
    )?;
    if fence.is_none() {
        change(conn, "UPDATE jobs SET asked = 1 WHERE app = ?1 AND kind = ?2 AND key = ?3", key)?;
    }
    Ok(fence.map(|fence| Lease { place: place.clone(), fence }))
}

fn release(conn: &Connection, lease: &Lease) -> Sql<Released> {
    let place = &lease.place;
    let key = (place.app.as_str(), place.kind, place.key.as_str(), int(lease.fence));
    let asked: Option<bool> = one(
        conn,
        "SELECT asked FROM jobs WHERE app = ?1 AND kind = ?2 AND key = ?3 AND fence = ?4 \
         AND owner IS NOT NULL",
        key,
        |row| row.get(0),
    )?;
    let (sql, became) = match asked {
        None => return Ok(Released::Lost),
        Some(true) => ("UPDATE jobs SET asked = 0", Released::AskedFor),
        Some(false) => ("UPDATE jobs SET owner = NULL", Released::Free),
    };
    let sql = format!("{sql} WHERE app = ?1 AND kind = ?2 AND key = ?3 AND fence = ?4");
    change(conn, &sql, key)?;
    Ok(became)
}

pub(crate) fn is_held(conn: &Connection, lease: &Lease) -> Sql<bool> {
    let place = &lease.place;
    let found = one(
        conn,
        "SELECT 1 FROM jobs WHERE app = ?1 AND kind = ?2 AND key = ?3 AND fence = ?4 \
         AND owner IS NOT NULL",
        (place.app.as_str(), place.kind, place.key.as_str(), int(lease.fence)),
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Leases of a process that is gone.
pub(crate) fn free_all(conn: &Connection) -> Sql<()> {
    conn.execute("UPDATE jobs SET owner = NULL, asked = 0 WHERE owner IS NOT NULL", []).map(drop)
}
