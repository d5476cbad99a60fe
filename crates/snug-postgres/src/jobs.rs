//! Leases, by the database's clock.

use async_trait::async_trait;
use snug_core::model::Time;
use snug_core::ports::{JobPlace, JobStore, Lease, Released, StoreResult};

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, db_time};

const TAKE: &str = concat!(
    "INSERT INTO jobs AS j (app, kind, key, owner, until, fence, asked)
     VALUES ($1, $2, $3, $4, ",
    db_time!(),
    " + $5, 1, false)
     ON CONFLICT (app, kind, key) DO UPDATE SET owner = excluded.owner, until = excluded.until,
       fence = j.fence + 1, asked = false
     WHERE j.owner IS NULL OR j.until <= ",
    db_time!(),
    " RETURNING fence"
);
const ASK: &str = "UPDATE jobs SET asked = true
    WHERE app = $1 AND kind = $2 AND key = $3 AND owner IS NOT NULL";
const RENEW: &str = concat!(
    "UPDATE jobs SET until = ",
    db_time!(),
    " + $5 WHERE app = $1 AND kind = $2 AND key = $3 AND fence = $4 AND owner IS NOT NULL"
);
/// One statement, so that whoever asks either came before it or finds the job free.
const RELEASE: &str = "WITH held AS (SELECT asked FROM jobs WHERE app = $1 AND kind = $2
      AND key = $3 AND fence = $4 AND owner IS NOT NULL FOR UPDATE)
    UPDATE jobs j SET asked = false, owner = CASE WHEN held.asked THEN j.owner END
    FROM held WHERE j.app = $1 AND j.kind = $2 AND j.key = $3 RETURNING held.asked";
const HELD: &str = "SELECT 1 FROM jobs WHERE app = $1 AND kind = $2 AND key = $3 AND fence = $4
    AND owner IS NOT NULL FOR SHARE";

fn nanos(ttl_ms: u64) -> i64 {
    big(ttl_ms.saturating_mul(1_000_000))
}

/// Whether the lease is the caller's still; it stays so until the transaction ends.
pub(crate) async fn is_held(tx: &Tx, lease: &Lease) -> Result<bool, Fail> {
    let held = tx.prepare_cached(HELD).await?;
    let place = &lease.place;
    let row = tx
        .query_opt(&held, &[&place.app.as_str(), &place.kind, &place.key, &big(lease.fence)])
        .await?;
    Ok(row.is_some())
}

impl PostgresStore {
    async fn lease_once(
        &self,
        place: &JobPlace,
        owner: &str,
        ttl_ms: u64,
    ) -> Result<Option<Lease>, Fail> {
        let client = self.reads.get().await?;
        let take = client.prepare_cached(TAKE).await?;
        let app = place.app.as_str();
        let ask = client.prepare_cached(ASK).await?;
        loop {
            let row = client
                .query_opt(&take, &[&app, &place.kind, &place.key, &owner, &nanos(ttl_ms)])
                .await?;
            if let Some(row) = row {
                let fence = Cells::of(&row).number()?;
                return Ok(Some(Lease { place: place.clone(), fence }));
            }
            // Nobody to ask: it was given back in between.
            if client.execute(&ask, &[&app, &place.kind, &place.key]).await? > 0 {
                return Ok(None);
            }
        }
    }

    async fn renew_once(&self, lease: &Lease, ttl_ms: u64) -> Result<bool, Fail> {
        let client = self.reads.get().await?;
        let renew = client.prepare_cached(RENEW).await?;
        let place = &lease.place;
        let (app, fence) = (place.app.as_str(), big(lease.fence));
        let renewed = client
            .execute(&renew, &[&app, &place.kind, &place.key, &fence, &nanos(ttl_ms)])
            .await?;
        Ok(renewed > 0)
    }

    async fn release_once(&self, lease: &Lease) -> Result<Released, Fail> {
        let client = self.reads.get().await?;
        let release = client.prepare_cached(RELEASE).await?;
        let place = &lease.place;
        let (app, fence) = (place.app.as_str(), big(lease.fence));
        let row = client.query_opt(&release, &[&app, &place.kind, &place.key, &fence]).await?;
        let Some(row) = row else { return Ok(Released::Lost) };
        Ok(if Cells::of(&row).next()? { Released::AskedFor } else { Released::Free })
    }
}

#[async_trait]
impl JobStore for PostgresStore {
    async fn lease_job(
        &self,
        place: &JobPlace,
        owner: &str,
        ttl_ms: u64,
        _now: Time,
    ) -> StoreResult<Option<Lease>> {
        Ok(bounded(|| self.lease_once(place, owner, ttl_ms)).await?)
    }

    async fn renew_job(&self, lease: &Lease, ttl_ms: u64, _now: Time) -> StoreResult<bool> {
        Ok(bounded(|| self.renew_once(lease, ttl_ms)).await?)
    }

    async fn release_job(&self, lease: &Lease) -> StoreResult<Released> {
        Ok(bounded(|| self.release_once(lease)).await?)
    }
}
