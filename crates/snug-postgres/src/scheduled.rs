//! Messages that are to be sent later.
//!
//! Schedules of one owner are made one after the other, under an advisory lock: they are counted.
//! What becomes of one whose time has come is kept in the transaction that looks at the lease.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Scheduled, ScheduledFailure, ScheduledWords, Time};
use snug_core::ports::{
    ChangeScheduled, Lease, NewScheduled, PayloadHash, ScheduleOutcome, ScheduledLook,
    ScheduledPlace, ScheduledQuery, ScheduledStore, Settled, StoreResult,
};
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::jobs::is_held;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, rows};

macro_rules! scheduled_columns {
    () => {
        "s.id, s.room, s.owner, s.at, s.words, s.rev, s.created_at, s.sending, s.attempts, \
         s.failed_at, s.failed_code, s.failed_detail"
    };
}
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('scheduled ' || $1::text || ' ' || $2::text, 0))";
const ONE: &str = concat!(
    "SELECT ",
    scheduled_columns!(),
    ", s.hash FROM scheduled s WHERE s.app = $1 AND s.owner = $2 AND s.id = $3"
);
const HOW_MANY: &str = "SELECT count(*) FROM scheduled s WHERE s.app = $1 AND s.owner = $2";
const PUT: &str = "INSERT INTO scheduled
      (app, owner, id, room, at, due_at, words, hash, rev, created_at)
    VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9)";
const PAGE: &str = concat!(
    "SELECT ",
    scheduled_columns!(),
    " FROM scheduled s WHERE s.app = $1 AND s.owner = $2 AND s.at >= 0
        AND (s.at, s.id) > ($3, $4) AND coalesce($5, s.room) = s.room
      ORDER BY s.at, s.id LIMIT $6"
);
const CHANGE: &str = concat!(
    "UPDATE scheduled s SET at = $5, due_at = $5, words = $6, attempts = 0, failed_at = NULL,
       failed_code = NULL, failed_detail = NULL, rev = s.rev + 1
     WHERE s.app = $1 AND s.owner = $2 AND s.id = $3 AND s.rev = $4 AND NOT s.sending
     RETURNING ",
    scheduled_columns!()
);
const REMOVE: &str = "DELETE FROM scheduled s
    WHERE s.app = $1 AND s.owner = $2 AND s.id = $3 AND s.rev = $4 AND NOT s.sending";
/// Fenced, so that no index is taken for the order of the apps. A condition of `scheduled_due` that
/// holds always, and that `DUE` does not name, keeps the two indexes apart.
const APPS: &str = "SELECT x.app FROM (SELECT s.app, s.due_at FROM scheduled s
      WHERE s.due_at <= $1 AND s.attempts >= 0 ORDER BY s.due_at OFFSET 0) x
    GROUP BY x.app ORDER BY min(x.due_at) LIMIT $2";
const NEXT: &str = "SELECT s.due_at FROM scheduled s WHERE s.due_at > $1 AND s.attempts >= 0
    ORDER BY s.due_at LIMIT 1";
const DUE: &str = concat!(
    "SELECT ",
    scheduled_columns!(),
    " FROM scheduled s WHERE s.app = $1 AND s.due_at <= $2 AND s.due_at >= 0
      ORDER BY s.due_at, s.owner, s.id LIMIT $3"
);
const SENDING: &str = "UPDATE scheduled s SET sending = true
    WHERE s.app = $1 AND s.owner = $2 AND s.id = $3 AND s.rev = $4";
const SENT: &str = "DELETE FROM scheduled s
    WHERE s.app = $1 AND s.owner = $2 AND s.id = $3 AND s.rev = $4";
const AGAIN: &str = "UPDATE scheduled s
    SET sending = $6, attempts = s.attempts + 1, due_at = $5, rev = s.rev + 1
    WHERE s.app = $1 AND s.owner = $2 AND s.id = $3 AND s.rev = $4";
const FAILED: &str = "UPDATE scheduled s SET sending = false, attempts = 0, due_at = NULL,
      failed_at = $5, failed_code = $6, failed_detail = $7, rev = s.rev + 1
    WHERE s.app = $1 AND s.owner = $2 AND s.id = $3 AND s.rev = $4";
/// Looked at again outside: its owner may have given one another time meanwhile.
const CLEAR: &str = "DELETE FROM scheduled s USING (SELECT o.app, o.owner, o.id FROM scheduled o
      WHERE o.failed_at < $1 ORDER BY o.failed_at LIMIT $2) x
    WHERE s.app = x.app AND s.owner = x.owner AND s.id = x.id
      AND coalesce(s.failed_at, $1) < $1";

fn key(place: &ScheduledPlace) -> (&str, &str, &str) {
    (place.app.as_str(), owner_of(place.owner.as_ref()), place.id.as_str())
}

/// No user's id is empty.
fn owner_of(owner: Option<&UserId>) -> &str {
    owner.map_or("", UserId::as_str)
}

fn read(cells: &mut Cells<'_>) -> Result<Scheduled, Fail> {
    let (id, room) = (cells.message_id()?, cells.room_id()?);
    let owner: &str = cells.next()?;
    let owner = (!owner.is_empty()).then(|| UserId::from_stored(owner));
    let at = cells.time()?;
    let words = ScheduledWords::from_stored(cells.next()?);
    let (rev, created_at, sending) = (cells.number()?, cells.time()?, cells.next()?);
    let attempts = u32::try_from(cells.number()?).unwrap_or(u32::MAX);
    let (failed_at, code, detail) = (cells.time_or_none()?, cells.next()?, cells.next()?);
    let failed = failed(failed_at, code, detail);
    Ok(Scheduled { id, room, owner, at, words, rev, created_at, sending, attempts, failed })
}

fn failed(
    at: Option<Time>,
    code: Option<String>,
    detail: Option<String>,
) -> Option<ScheduledFailure> {
    let (code, detail) = (code.unwrap_or_default(), detail.unwrap_or_default());
    at.map(|at| ScheduledFailure { code, detail, at })
}

impl PostgresStore {
    async fn schedule_once(&self, new: &NewScheduled) -> Result<ScheduleOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let outcome = schedule(&tx, new).await?;
        match &outcome {
            ScheduleOutcome::Stored => tx.commit().await?,
            _ => tx.rollback().await?,
        }
        Ok(outcome)
    }

    async fn scheduled_once(
        &self,
        place: &ScheduledPlace,
    ) -> Result<Option<(PayloadHash, Scheduled)>, Fail> {
        let client = self.reads.get().await?;
        let one = client.prepare_cached(ONE).await?;
        let (app, owner, id) = key(place);
        let row = client.query_opt(&one, &[&app, &owner, &id]).await?;
        row.map(|row| with_hash(&mut Cells::of(&row))).transpose()
    }

    async fn scheduled_page_once(
        &self,
        app: &AppId,
        owner: Option<&UserId>,
        query: &ScheduledQuery,
    ) -> Result<Vec<Scheduled>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let page = client.prepare_cached(PAGE).await?;
        let (at, id) = match &query.after {
            Some((at, id)) => (at.0, id.as_str()),
            None => (-1, ""),
        };
        let room = query.room.as_ref().map(RoomId::as_str);
        let (app, owner, limit) = (app.as_str(), owner_of(owner), rows(query.limit, 0));
        let values: [&(dyn ToSql + Sync); 6] = [&app, &owner, &at, &id, &room, &limit];
        let found = client.query(&page, &values).await?;
        found.iter().map(|row| read(&mut Cells::of(row))).collect()
    }

    async fn change_scheduled_once(
        &self,
        change: &ChangeScheduled,
    ) -> Result<Option<Scheduled>, Fail> {
        let ChangeScheduled { place, rev, at, words } = change;
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(CHANGE).await?;
        let ((app, owner, id), rev, words) = (key(place), big(*rev), words.stored());
        let values: [&(dyn ToSql + Sync); 6] = [&app, &owner, &id, &rev, &at.0, &words];
        let row = client.query_opt(&statement, &values).await?;
        row.map(|row| read(&mut Cells::of(&row))).transpose()
    }

    async fn unschedule_once(&self, place: &ScheduledPlace, rev: u64) -> Result<bool, Fail> {
        let client = self.reads.get().await?;
        let remove = client.prepare_cached(REMOVE).await?;
        let (app, owner, id) = key(place);
        Ok(client.execute(&remove, &[&app, &owner, &id, &big(rev)]).await? > 0)
    }

    async fn look_for_scheduled_once(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<ScheduledLook, Fail> {
        let client = self.reads.get().await?;
        let apps = client.prepare_cached(APPS).await?;
        let found = client.query(&apps, &[&now.0, &rows(limit, 0)]).await?;
        let apps = found.iter().map(|row| Cells::of(row).app()).collect::<Result<_, _>>()?;
        let next = client.prepare_cached(NEXT).await?;
        let next = client.query_opt(&next, &[&now.0]).await?;
        let next = next.map(|row| Cells::of(&row).time()).transpose()?;
        Ok(ScheduledLook { apps, next })
    }

    async fn clear_scheduled_once(&self, before: Time, limit: usize) -> Result<u64, Fail> {
        let client = self.reads.get().await?;
        let clear = client.prepare_cached(CLEAR).await?;
        Ok(client.execute(&clear, &[&before.0, &rows(limit, 0)]).await?)
    }

    async fn scheduled_due_once(
        &self,
        app: &AppId,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Scheduled>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let due = client.prepare_cached(DUE).await?;
        let found = client.query(&due, &[&app.as_str(), &now.0, &rows(limit, 0)]).await?;
        found.iter().map(|row| read(&mut Cells::of(row))).collect()
    }

    async fn settle_scheduled_once(
        &self,
        lease: &Lease,
        place: &ScheduledPlace,
        rev: u64,
        settled: &Settled,
    ) -> Result<bool, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        if is_held(&tx, lease).await? && settle(&tx, place, rev, settled).await? {
            tx.commit().await?;
            return Ok(true);
        }
        tx.rollback().await?;
        Ok(false)
    }
}

fn with_hash(cells: &mut Cells<'_>) -> Result<(PayloadHash, Scheduled), Fail> {
    let scheduled = read(cells)?;
    Ok((cells.payload_hash()?, scheduled))
}

async fn schedule(tx: &Tx, new: &NewScheduled) -> Result<ScheduleOutcome, Fail> {
    let NewScheduled { app, scheduled, hash, most } = new;
    let place = ScheduledPlace::of(app, scheduled);
    let (app, owner, id) = key(&place);
    let lock = tx.prepare_cached(LOCK).await?;
    tx.query(&lock, &[&app, &owner]).await?;
    let one = tx.prepare_cached(ONE).await?;
    if let Some(row) = tx.query_opt(&one, &[&app, &owner, &id]).await? {
        let (known, found) = with_hash(&mut Cells::of(&row))?;
        return Ok(if known == *hash {
            ScheduleOutcome::Existing(Box::new(found))
        } else {
            ScheduleOutcome::Conflict
        });
    }
    let how_many = tx.prepare_cached(HOW_MANY).await?;
    let row = tx.query_one(&how_many, &[&app, &owner]).await?;
    if Cells::of(&row).number()? >= *most as u64 {
        return Ok(ScheduleOutcome::TooMany);
    }
    let put = tx.prepare_cached(PUT).await?;
    let (room, words) = (scheduled.room.as_str(), scheduled.words.stored());
    let (rev, hash) = (big(scheduled.rev), hash.0.as_slice());
    let values: [&(dyn ToSql + Sync); 9] =
        [&app, &owner, &id, &room, &scheduled.at.0, &words, &hash, &rev, &scheduled.created_at.0];
    tx.execute(&put, &values).await?;
    Ok(ScheduleOutcome::Stored)
}

async fn settle(
    tx: &Tx,
    place: &ScheduledPlace,
    rev: u64,
    settled: &Settled,
) -> Result<bool, Fail> {
    let ((app, owner, id), rev) = (key(place), big(rev));
    let touched = match settled {
        Settled::Sending => {
            let sending = tx.prepare_cached(SENDING).await?;
            tx.execute(&sending, &[&app, &owner, &id, &rev]).await?
        }
        Settled::Sent => {
            let sent = tx.prepare_cached(SENT).await?;
            tx.execute(&sent, &[&app, &owner, &id, &rev]).await?
        }
        Settled::Again { due_at, open } => {
            let again = tx.prepare_cached(AGAIN).await?;
            let values: [&(dyn ToSql + Sync); 6] = [&app, &owner, &id, &rev, &due_at.0, open];
            tx.execute(&again, &values).await?
        }
        Settled::Failed(failure) => {
            let ScheduledFailure { code, detail, at } = failure;
            let failed = tx.prepare_cached(FAILED).await?;
            let values: [&(dyn ToSql + Sync); 7] = [&app, &owner, &id, &rev, &at.0, code, detail];
            tx.execute(&failed, &values).await?
        }
    };
    Ok(touched > 0)
}

#[async_trait]
impl ScheduledStore for PostgresStore {
    async fn schedule(&self, new: NewScheduled) -> StoreResult<ScheduleOutcome> {
        Ok(bounded(|| self.schedule_once(&new)).await?)
    }

    async fn scheduled_one(
        &self,
        place: &ScheduledPlace,
    ) -> StoreResult<Option<(PayloadHash, Scheduled)>> {
        Ok(bounded(|| self.scheduled_once(place)).await?)
    }

    async fn scheduled(
        &self,
        app: &AppId,
        owner: Option<&UserId>,
        query: &ScheduledQuery,
    ) -> StoreResult<Vec<Scheduled>> {
        Ok(bounded(|| self.scheduled_page_once(app, owner, query)).await?)
    }

    async fn change_scheduled(&self, change: ChangeScheduled) -> StoreResult<Option<Scheduled>> {
        Ok(bounded(|| self.change_scheduled_once(&change)).await?)
    }

    async fn unschedule(&self, place: &ScheduledPlace, rev: u64) -> StoreResult<bool> {
        Ok(bounded(|| self.unschedule_once(place, rev)).await?)
    }

    async fn scheduled_apps(&self, now: Time, limit: usize) -> StoreResult<ScheduledLook> {
        Ok(bounded(|| self.look_for_scheduled_once(now, limit)).await?)
    }

    async fn scheduled_due(
        &self,
        app: &AppId,
        now: Time,
        limit: usize,
    ) -> StoreResult<Vec<Scheduled>> {
        Ok(bounded(|| self.scheduled_due_once(app, now, limit)).await?)
    }

    async fn settle_scheduled(
        &self,
        lease: &Lease,
        place: &ScheduledPlace,
        rev: u64,
        settled: &Settled,
    ) -> StoreResult<bool> {
        Ok(bounded(|| self.settle_scheduled_once(lease, place, rev, settled)).await?)
    }

    async fn clear_scheduled(&self, failed_before: Time, limit: usize) -> StoreResult<u64> {
        Ok(bounded(|| self.clear_scheduled_once(failed_before, limit)).await?)
    }
}
