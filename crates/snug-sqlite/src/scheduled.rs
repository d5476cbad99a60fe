//! Messages that are to be sent later.

use async_trait::async_trait;
use rusqlite::{Connection, Row, named_params};
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{Scheduled, ScheduledFailure, ScheduledWords, Time};
use snug_core::ports::{
    ChangeScheduled, Lease, NewScheduled, PayloadHash, ScheduleOutcome, ScheduledLook,
    ScheduledPlace, ScheduledQuery, ScheduledStore, Settled, StoreResult,
};

use crate::SqliteStore;
use crate::jobs::is_held;
use crate::rows::{Sql, all, change, hash, int, maybe_time, one, size, time, uint};

macro_rules! scheduled_columns {
    () => {
        "s.id, s.room, s.owner, s.at, s.words, s.rev, s.created_at, s.sending, s.attempts, \
         s.failed_at, s.failed_code, s.failed_detail"
    };
}
const WIDTH: usize = 12;

#[async_trait]
impl ScheduledStore for SqliteStore {
    async fn schedule(&self, new: NewScheduled) -> StoreResult<ScheduleOutcome> {
        self.write(Some(new.app.clone()), move |conn| schedule(conn, &new)).await
    }

    async fn scheduled_one(
        &self,
        place: &ScheduledPlace,
    ) -> StoreResult<Option<(PayloadHash, Scheduled)>> {
        let place = place.clone();
        self.read(Some(place.app.clone()), move |conn| find(conn, &place)).await
    }

    async fn scheduled(
        &self,
        app: &AppId,
        owner: Option<&UserId>,
        query: &ScheduledQuery,
    ) -> StoreResult<Vec<Scheduled>> {
        let (app, owner, query) = (app.clone(), owner.cloned(), query.clone());
        self.read_page(Some(app.clone()), move |conn| list(conn, &app, owner.as_ref(), &query))
            .await
    }

    async fn change_scheduled(&self, wanted: ChangeScheduled) -> StoreResult<Option<Scheduled>> {
        self.write(Some(wanted.place.app.clone()), move |conn| alter(conn, &wanted)).await
    }

    async fn unschedule(&self, place: &ScheduledPlace, rev: u64) -> StoreResult<bool> {
        let place = place.clone();
        self.write(Some(place.app.clone()), move |conn| {
            let sql = "DELETE FROM scheduled WHERE app = ?1 AND owner = ?2 AND id = ?3 \
                       AND rev = ?4 AND sending = 0";
            let (app, owner, id) = key(&place);
            Ok(change(conn, sql, (app, owner, id, int(rev)))? > 0)
        })
        .await
    }

    async fn scheduled_apps(&self, now: Time, limit: usize) -> StoreResult<ScheduledLook> {
        self.read_page(None, move |conn| look(conn, now, limit)).await
    }

    async fn scheduled_due(
        &self,
        app: &AppId,
        now: Time,
        limit: usize,
    ) -> StoreResult<Vec<Scheduled>> {
        let app = app.clone();
        self.read_page(Some(app.clone()), move |conn| {
            all(
                conn,
                concat!(
                    "SELECT ",
                    scheduled_columns!(),
                    " FROM scheduled s INDEXED BY scheduled_due_of WHERE s.app = ?1 \
                     AND s.due_at <= ?2 AND s.due_at IS NOT NULL \
                     ORDER BY s.due_at, s.owner, s.id LIMIT ?3"
                ),
                (app.as_str(), now.0, size(limit)),
                read,
            )
        })
        .await
    }

    async fn settle_scheduled(
        &self,
        lease: &Lease,
        place: &ScheduledPlace,
        rev: u64,
        settled: &Settled,
    ) -> StoreResult<bool> {
        let (lease, place, settled) = (lease.clone(), place.clone(), settled.clone());
        self.write(Some(place.app.clone()), move |conn| {
            if !is_held(conn, &lease)? {
                return Ok(false);
            }
            settle(conn, &place, rev, &settled)
        })
        .await
    }

    async fn clear_scheduled(&self, failed_before: Time, limit: usize) -> StoreResult<u64> {
        self.write(None, move |conn| {
            let cleared = change(
                conn,
                "DELETE FROM scheduled WHERE (app, owner, id) IN (SELECT app, owner, id \
                 FROM scheduled INDEXED BY scheduled_failed WHERE failed_at < ?1 \
                 AND failed_at IS NOT NULL ORDER BY failed_at LIMIT ?2)",
                (failed_before.0, size(limit)),
            )?;
            Ok(cleared as u64)
        })
        .await
    }
}

fn key(place: &ScheduledPlace) -> (&str, &str, &str) {
    (place.app.as_str(), owner_of(place.owner.as_ref()), place.id.as_str())
}

/// No user's id is empty.
fn owner_of(owner: Option<&UserId>) -> &str {
    owner.map_or("", UserId::as_str)
}

fn look(conn: &Connection, now: Time, limit: usize) -> Sql<ScheduledLook> {
    let apps = all(
        conn,
        "SELECT app FROM scheduled INDEXED BY scheduled_due WHERE due_at <= ?1 \
         AND due_at IS NOT NULL GROUP BY app ORDER BY min(due_at) LIMIT ?2",
        (now.0, size(limit)),
        |row| Ok(AppId::from_stored(row.get_ref(0)?.as_str()?)),
    )?;
    let next = one(
        conn,
        "SELECT due_at FROM scheduled INDEXED BY scheduled_due WHERE due_at > ?1 \
         AND due_at IS NOT NULL ORDER BY due_at LIMIT 1",
        [now.0],
        |row| time(row, 0),
    )?;
    Ok(ScheduledLook { apps, next })
}

fn read(row: &Row<'_>) -> Sql<Scheduled> {
    let owner = row.get_ref(2)?.as_str()?;
    let failed = match maybe_time(row, 9)? {
        Some(at) => Some(ScheduledFailure { code: row.get(10)?, detail: row.get(11)?, at }),
        None => None,
    };
    Ok(Scheduled {
        id: MessageId::from_stored(row.get_ref(0)?.as_str()?),
        room: RoomId::from_stored(row.get_ref(1)?.as_str()?),
        owner: (!owner.is_empty()).then(|| UserId::from_stored(owner)),
        at: time(row, 3)?,
        words: ScheduledWords::from_stored(row.get_ref(4)?.as_str()?),
        rev: uint(row, 5)?,
        created_at: time(row, 6)?,
        sending: row.get(7)?,
        attempts: row.get(8)?,
        failed,
    })
}

fn find(conn: &Connection, place: &ScheduledPlace) -> Sql<Option<(PayloadHash, Scheduled)>> {
    one(
        conn,
        concat!(
            "SELECT ",
            scheduled_columns!(),
            ", s.hash FROM scheduled s WHERE s.app = ?1 AND s.owner = ?2 AND s.id = ?3"
        ),
        key(place),
        |row| Ok((PayloadHash(hash(row, WIDTH)?), read(row)?)),
    )
}

fn list(
    conn: &Connection,
    app: &AppId,
    owner: Option<&UserId>,
    query: &ScheduledQuery,
) -> Sql<Vec<Scheduled>> {
    let (at, id) = match &query.after {
        Some((at, id)) => (at.0, id.as_str()),
        None => (i64::MIN, ""),
    };
    let room = query.room.as_ref().map(RoomId::as_str);
    all(
        conn,
        concat!(
            "SELECT ",
            scheduled_columns!(),
            " FROM scheduled s INDEXED BY scheduled_by_time WHERE s.app = ?1 AND s.owner = ?2 \
             AND (s.at, s.id) > (?3, ?4) AND (?5 IS NULL OR s.room = ?5) \
             ORDER BY s.at, s.id LIMIT ?6"
        ),
        (app.as_str(), owner_of(owner), at, id, room, size(query.limit)),
        read,
    )
}

fn schedule(conn: &Connection, new: &NewScheduled) -> Sql<ScheduleOutcome> {
    let NewScheduled { app, scheduled, hash, most } = new;
    let place = ScheduledPlace::of(app, scheduled);
    if let Some((known, found)) = find(conn, &place)? {
        return Ok(if known == *hash {
            ScheduleOutcome::Existing(Box::new(found))
        } else {
            ScheduleOutcome::Conflict
        });
    }
    let (app, owner, id) = key(&place);
    let sql = "SELECT count(*) FROM scheduled WHERE app = ?1 AND owner = ?2";
    let there: Option<i64> = one(conn, sql, (app, owner), |row| row.get(0))?;
    if there.unwrap_or(0) >= size(*most) {
        return Ok(ScheduleOutcome::TooMany);
    }
    let mut put = conn.prepare_cached(
        "INSERT INTO scheduled (app, owner, id, room, at, due_at, words, hash, rev, created_at) \
         VALUES (:app, :owner, :id, :room, :at, :at, :words, :hash, :rev, :created_at)",
    )?;
    put.execute(named_params! {
        ":app": app,
        ":owner": owner,
        ":id": id,
        ":room": scheduled.room.as_str(),
        ":at": scheduled.at.0,
        ":words": scheduled.words.stored(),
        ":hash": hash.0,
        ":rev": int(scheduled.rev),
        ":created_at": scheduled.created_at.0,
    })?;
    Ok(ScheduleOutcome::Stored)
}

fn alter(conn: &Connection, wanted: &ChangeScheduled) -> Sql<Option<Scheduled>> {
    let ChangeScheduled { place, rev, at, words } = wanted;
    let (app, owner, id) = key(place);
    let changed = change(
        conn,
        "UPDATE scheduled SET at = ?5, due_at = ?5, words = ?6, attempts = 0, failed_at = NULL, \
         failed_code = NULL, failed_detail = NULL, rev = rev + 1 \
         WHERE app = ?1 AND owner = ?2 AND id = ?3 AND rev = ?4 AND sending = 0",
        (app, owner, id, int(*rev), at.0, words.stored()),
    )?;
    if changed == 0 {
        return Ok(None);
    }
    Ok(find(conn, place)?.map(|(_, found)| found))
}

fn settle(conn: &Connection, place: &ScheduledPlace, rev: u64, settled: &Settled) -> Sql<bool> {
    let (app, owner, id) = key(place);
    let at = (app, owner, id, int(rev));
    let touched = match settled {
        Settled::Sending => {
            let sql = "UPDATE scheduled SET sending = 1 WHERE app = ?1 AND owner = ?2 \
                       AND id = ?3 AND rev = ?4";
            change(conn, sql, at)?
        }
        Settled::Sent => {
            let sql = "DELETE FROM scheduled WHERE app = ?1 AND owner = ?2 AND id = ?3 \
                       AND rev = ?4";
            change(conn, sql, at)?
        }
        Settled::Again { due_at, open } => {
            let sql = "UPDATE scheduled SET sending = ?6, attempts = attempts + 1, due_at = ?5, \
                       rev = rev + 1 WHERE app = ?1 AND owner = ?2 AND id = ?3 AND rev = ?4";
            change(conn, sql, (at.0, at.1, at.2, at.3, due_at.0, *open))?
        }
        Settled::Failed(failure) => {
            let ScheduledFailure { code, detail, at: when } = failure;
            let sql = "UPDATE scheduled SET sending = 0, attempts = 0, due_at = NULL, \
                       failed_at = ?5, failed_code = ?6, failed_detail = ?7, rev = rev + 1 \
                       WHERE app = ?1 AND owner = ?2 AND id = ?3 AND rev = ?4";
            change(conn, sql, (at.0, at.1, at.2, at.3, when.0, code.as_str(), detail.as_str()))?
        }
    };
    Ok(touched > 0)
}
