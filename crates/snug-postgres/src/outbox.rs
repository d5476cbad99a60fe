//! The outbox: rows written in the commit of what they tell. Commits race, so a row gets its
//! position after its commit, from whoever reads first, one reader of an app at a time: in a room
//! rows are committed in the order of rev, so whoever sees one sees all below it.

use std::collections::HashMap;

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId};
use snug_core::model::{CustomJson, Delivery, DeliveryState, Message, OutboxKind, OutboxRow, Time};
use snug_core::ports::{
    Attempted, Consumers, Lease, OutboxEntry, OutboxQuery, OutboxStore, StoreResult,
};
use tokio_postgres::{Row, Statement};

use crate::PostgresStore;
use crate::append::{Loaded, Stored};
use crate::jobs;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, db_time, message_columns, rows};

/// Rows that get their positions in one transaction.
const PLACED_AT_ONCE: usize = 1_000;
/// Such transactions before one read.
const PLACINGS_MAX: usize = 20;

/// Who hears of an app's changes: 0 nobody, 1 who pulls, 2 the webhook endpoint too.
macro_rules! heard_by {
    ($app:literal) => {
        concat!(
            "coalesce((SELECT CASE WHEN c.webhook THEN 2 WHEN c.pull THEN 1 ELSE 0 END
                FROM consumers c WHERE c.app = ",
            $app,
            "), 0)"
        )
    };
}
pub(crate) use heard_by;

const NOTE: &str = "INSERT INTO outbox (app, room, rev, kind, seq, at, state, attempts, detail)
    SELECT c.app, $2::text, $3::bigint, $4::text, $5::bigint, $6::bigint,
      CASE WHEN c.webhook THEN 'waiting' ELSE 'off' END, 0, $7::text
    FROM consumers c WHERE c.app = $1 AND (c.webhook OR c.pull)";
pub(crate) const NOTE_MESSAGES: &str = "INSERT INTO outbox
      (app, room, rev, kind, seq, at, state, attempts)
    SELECT app, room, rev, 'message.new', seq, at, state, 0
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
    AS i(app, room, rev, seq, at, state)";
const CONSUMERS: &str = "SELECT webhook, paused, pull, endpoint, rev FROM consumers
    WHERE app = $1";
const PUT: &str = "INSERT INTO consumers AS c
      (app, webhook, paused, pull, position, rev, endpoint)
    SELECT $1, $2, $6, $3, 0, 1, $4 WHERE $5::bigint = 0 OR EXISTS (SELECT FROM consumers WHERE app = $1)
    ON CONFLICT (app) DO UPDATE SET webhook = excluded.webhook, paused = excluded.paused,
      pull = excluded.pull, endpoint = excluded.endpoint, rev = c.rev + 1
    WHERE c.rev = $5 RETURNING rev";
const DUE: &str = concat!(
    "SELECT c.app FROM consumers c WHERE c.webhook AND NOT c.paused
       AND (SELECT true FROM outbox o WHERE o.app = c.app AND o.state = 'waiting' LIMIT 1)
       AND NOT EXISTS (SELECT FROM jobs j WHERE j.app = c.app AND j.kind = 'webhook'
         AND j.key = '' AND j.owner IS NOT NULL AND j.until > ",
    db_time!(),
    ") LIMIT $1"
);
const APPS: &str =
    "SELECT app, webhook AND NOT paused FROM consumers WHERE webhook OR pull LIMIT $1";
const ROOMS: &str = "SELECT position, room, rev FROM outbox
    WHERE app = $1 AND state = 'waiting' AND position > $2 ORDER BY position LIMIT $3";
const UNPLACED: &str = "SELECT 1 FROM outbox WHERE app = $1 AND position IS NULL LIMIT 1";
const LOCK: &str = "SELECT position FROM consumers WHERE app = $1 FOR UPDATE";
/// Rooms come in the order of their ids, so what is taken of each is its lowest revs; times are
/// held to the order of revs, for clocks may jump.
const PLACE: &str = "WITH due AS (
      SELECT room, rev, at FROM outbox WHERE app = $1 AND position IS NULL
      ORDER BY room, rev LIMIT $3),
    held AS (SELECT room, rev, max(at) OVER (PARTITION BY room ORDER BY rev) AS at FROM due),
    placed AS (SELECT room, rev, $2 + row_number() OVER (ORDER BY at, room, rev) AS n FROM held)
    UPDATE outbox o SET position = p.n FROM placed p
    WHERE o.app = $1 AND o.room = p.room AND o.rev = p.rev";
const MOVE: &str = "UPDATE consumers SET position = position + $2 WHERE app = $1";

macro_rules! outbox_columns {
    () => {
        "o.position, o.room, o.rev, o.kind, o.seq, o.at, o.state, o.attempts, o.next_at, \
         o.status, o.done_at, o.error, o.detail"
    };
}
const ABOVE: &str = concat!(
    "SELECT ",
    outbox_columns!(),
    " FROM outbox o WHERE o.app = $1 AND o.position > $2 AND ($3::text IS NULL OR o.state = $3)
      ORDER BY o.position LIMIT $4"
);
const BELOW: &str = concat!(
    "SELECT ",
    outbox_columns!(),
    " FROM outbox o WHERE o.app = $1 AND o.position < $2 AND ($3::text IS NULL OR o.state = $3)
      ORDER BY o.position DESC LIMIT $4"
);
const WAITING_ABOVE: &str = concat!(
    "SELECT ",
    outbox_columns!(),
    " FROM outbox o WHERE o.app = $1 AND o.state = 'waiting' AND o.position > $2
      ORDER BY o.position LIMIT $3"
);
const PARKED_BELOW: &str = concat!(
    "SELECT ",
    outbox_columns!(),
    " FROM outbox o WHERE o.app = $1 AND o.state = 'parked' AND o.position < $2
      ORDER BY o.position DESC LIMIT $3"
);
const OF_ROOM: &str = concat!(
    "SELECT ",
    outbox_columns!(),
    " FROM outbox o WHERE o.app = $1 AND o.room = $2 AND o.rev > $3 AND o.state = 'waiting'
      AND o.position IS NOT NULL ORDER BY o.rev LIMIT $4"
);
/// Messages with the words that they had at a rev, and whether their room was deleted since.
const SAID: &str = concat!(
    "SELECT i.n, g.seq < r.min_seq, r.changed_at, v.rev IS NOT NULL, v.text, v.custom, v.extras, ",
    message_columns!(),
    " FROM unnest($2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS i(room, seq, rev, n)
      JOIN messages g ON g.app = $1 AND g.room = i.room AND g.seq = i.seq
      JOIN rooms r ON r.app = $1 AND r.id = i.room
      LEFT JOIN LATERAL (SELECT v.rev, v.text, v.custom, v.extras FROM message_versions v
        WHERE v.app = $1 AND v.room = i.room AND v.seq = i.seq AND v.rev >= i.rev
        ORDER BY v.rev LIMIT 1) v ON true"
);
const SETTLE: &str = "UPDATE outbox SET state = $3, attempts = attempts + 1, status = $4,
      next_at = $5, error = $6, done_at = $7
    WHERE app = $1 AND position = $2 AND state = 'waiting'";
const REPLAY: &str = "WITH again AS (SELECT position FROM outbox
      WHERE app = $1 AND position BETWEEN $2 AND $3 AND state <> 'waiting'
      ORDER BY position LIMIT $4)
    UPDATE outbox o SET state = 'waiting', attempts = 0, next_at = NULL, status = NULL,
      error = NULL, done_at = NULL
    FROM again a WHERE o.app = $1 AND o.position = a.position RETURNING o.position";
const PARK_OLD: &str = "WITH oldest AS (SELECT position, at FROM outbox
      WHERE app = $1 AND state = 'waiting' AND position IS NOT NULL
      ORDER BY position LIMIT $3),
    old AS (SELECT position FROM oldest WHERE at < $2)
    UPDATE outbox o SET state = 'parked', done_at = $2, error = coalesce(o.error, 'too old')
    FROM old WHERE o.app = $1 AND o.position = old.position";
const OLDEST: &str = "SELECT position, at, state FROM outbox
    WHERE app = $1 AND position > 0 ORDER BY position LIMIT $2";
const CLEAR: &str = "DELETE FROM outbox WHERE app = $1 AND position <= $2";

/// Writes the row of a change, if anybody hears of it.
pub(crate) async fn note(
    tx: &Tx,
    (app, room): (&AppId, &RoomId),
    rev: u64,
    entry: &OutboxEntry,
    at: Time,
) -> Result<(), Fail> {
    let note = tx.prepare_cached(NOTE).await?;
    let OutboxEntry { kind, seq, detail } = entry;
    let seq = seq.map(big);
    tx.execute(
        &note,
        &[&app.as_str(), &room.as_str(), &big(rev), &kind.as_str(), &seq, &at.0, detail],
    )
    .await?;
    Ok(())
}

/// The messages of a batch that somebody hears of.
fn heard(loaded: &Loaded) -> Vec<(&AppId, &Stored, DeliveryState)> {
    let mut heard = Vec::new();
    for ((app, _), room) in &loaded.rooms {
        let state = match loaded.heard_by.get(app) {
            None | Some(0) => continue,
            Some(1) => DeliveryState::Off,
            Some(_) => DeliveryState::Waiting,
        };
        heard.extend(room.stored.iter().map(|stored| (app, stored, state)));
    }
    heard
}

/// Whether anybody hears of anything that the batch stored.
pub(crate) fn is_heard(loaded: &Loaded) -> bool {
    loaded.heard_by.values().any(|heard_by| *heard_by > 0)
}

/// Writes the rows of a batch's messages; `None` when nobody hears of them.
pub(crate) async fn note_messages(
    tx: &Tx,
    note: Option<&Statement>,
    loaded: &Loaded,
) -> Result<(), Fail> {
    let Some(note) = note else { return Ok(()) };
    let heard = heard(loaded);
    let apps: Vec<&str> = heard.iter().map(|(app, _, _)| app.as_str()).collect();
    let messages = || heard.iter().map(|(_, stored, _)| &stored.message);
    let rooms: Vec<&str> = messages().map(|message| message.room.as_str()).collect();
    let revs: Vec<i64> = messages().map(|message| big(message.rev)).collect();
    let seqs: Vec<i64> = messages().map(|message| big(message.seq)).collect();
    let times: Vec<i64> = messages().map(|message| message.created_at.0).collect();
    let states: Vec<&str> = heard.iter().map(|(_, _, state)| state.as_str()).collect();
    tx.execute(note, &[&apps, &rooms, &revs, &seqs, &times, &states]).await?;
    Ok(())
}

fn row_of(row: &Row) -> Result<OutboxRow, Fail> {
    let mut cells = Cells::of(row);
    let (position, room, rev) = (cells.number()?, cells.room_id()?, cells.number()?);
    let kind = cells.word(OutboxKind::parse)?;
    let seq: Option<i64> = cells.next()?;
    let at = cells.time()?;
    let state = cells.word(DeliveryState::parse)?;
    let attempts = u32::try_from(cells.next::<i32>()?).unwrap_or(0);
    let next_at = cells.time_or_none()?;
    let status: Option<i32> = cells.next()?;
    let delivery = Delivery {
        state,
        attempts,
        next_at,
        status: status.and_then(|status| u16::try_from(status).ok()),
        done_at: cells.time_or_none()?,
        error: cells.next()?,
    };
    Ok(OutboxRow {
        position,
        room,
        rev,
        kind,
        seq: seq.map(i64::unsigned_abs),
        detail: cells.next()?,
        message: None,
        at,
        delivery,
    })
}

fn said(row: &Row) -> Result<(usize, Message), Fail> {
    let mut cells = Cells::of(row);
    let place = crate::messages::place(&mut cells)?;
    let below: bool = cells.next()?;
    let changed_at = cells.time()?;
    let changed: bool = cells.next()?;
    let (text, custom): (Option<String>, Option<String>) = (cells.next()?, cells.next()?);
    let extras = cells.extras()?;
    let mut message = cells.message()?;
    if changed {
        message.text = text;
        message.extras = extras;
        message.custom = custom
            .map(CustomJson::from_stored)
            .transpose()
            .map_err(|_| Fail::Broken("custom JSON that is none".to_owned()))?;
    }
    if below {
        message.deleted_at = message.deleted_at.or(Some(changed_at));
    }
    Ok((place, message))
}

impl PostgresStore {
    async fn consumers_once(&self, app: &AppId) -> Result<Option<Consumers>, Fail> {
        let client = self.reads.get().await?;
        let consumers = client.prepare_cached(CONSUMERS).await?;
        let Some(row) = client.query_opt(&consumers, &[&app.as_str()]).await? else {
            return Ok(None);
        };
        let mut cells = Cells::of(&row);
        Ok(Some(Consumers {
            webhook: cells.next()?,
            paused: cells.next()?,
            pull: cells.next()?,
            endpoint: cells.next()?,
            rev: cells.number()?,
        }))
    }

    async fn put_consumers_once(
        &self,
        app: &AppId,
        new: &Consumers,
        expected: u64,
    ) -> Result<Option<u64>, Fail> {
        let client = self.reads.get().await?;
        let put = client.prepare_cached(PUT).await?;
        let row = client
            .query_opt(
                &put,
                &[
                    &app.as_str(),
                    &new.webhook,
                    &new.pull,
                    &new.endpoint,
                    &big(expected),
                    &new.paused,
                ],
            )
            .await?;
        row.map(|row| Cells::of(&row).number()).transpose()
    }

    async fn due_once(&self, limit: usize) -> Result<Vec<AppId>, Fail> {
        let client = self.reads.get().await?;
        let due = client.prepare_cached(DUE).await?;
        let found = client.query(&due, &[&rows(limit, 0)]).await?;
        found.iter().map(|row| Cells::of(row).app()).collect()
    }

    async fn apps_heard_once(&self, limit: usize) -> Result<Vec<(AppId, bool)>, Fail> {
        let client = self.reads.get().await?;
        let apps = client.prepare_cached(APPS).await?;
        let read = |row: &Row| {
            let mut cells = Cells::of(row);
            Ok((cells.app()?, cells.next()?))
        };
        client.query(&apps, &[&rows(limit, 0)]).await?.iter().map(read).collect()
    }

    async fn waiting_rooms_once(
        &self,
        app: &AppId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, RoomId, u64)>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let rooms = client.prepare_cached(ROOMS).await?;
        let limit = rows(limit, 0);
        let found = client.query(&rooms, &[&app.as_str(), &big(after), &limit]).await?;
        let read = |row: &Row| {
            let mut cells = Cells::of(row);
            Ok((cells.number()?, cells.room_id()?, cells.number()?))
        };
        found.iter().map(read).collect()
    }

    /// Places what is without a position, as far as one read may.
    async fn place(&self, app: &AppId) -> Result<(), Fail> {
        for _ in 0..PLACINGS_MAX {
            if !bounded(|| self.place_some(app)).await? {
                break;
            }
        }
        Ok(())
    }

    /// Gives positions to some rows; whether there may be more.
    async fn place_some(&self, app: &AppId) -> Result<bool, Fail> {
        let client = self.reads.get().await?;
        let unplaced = client.prepare_cached(UNPLACED).await?;
        if client.query_opt(&unplaced, &[&app.as_str()]).await?.is_none() {
            return Ok(false);
        }
        let tx = Tx::begin(client);
        let lock = tx.prepare_cached(LOCK).await?;
        let place = tx.prepare_cached(PLACE).await?;
        let advance = tx.prepare_cached(MOVE).await?;
        let Some(row) = tx.query_opt(&lock, &[&app.as_str()]).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        let highest = big(Cells::of(&row).number()?);
        let most = rows(PLACED_AT_ONCE, 0);
        let placed = tx.execute(&place, &[&app.as_str(), &highest, &most]).await?;
        tx.execute(&advance, &[&app.as_str(), &big(placed)]).await?;
        tx.commit().await?;
        Ok(placed >= PLACED_AT_ONCE as u64)
    }

    async fn outbox_once(&self, app: &AppId, query: &OutboxQuery) -> Result<Vec<OutboxRow>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let (app, limit) = (app.as_str(), rows(query.limit, 0));
        let state = query.state.map(DeliveryState::as_str);
        let below = query.before.map_or(i64::MAX, big);
        let found = match (query.after.map(big), query.state) {
            (Some(after), Some(DeliveryState::Waiting)) => {
                let page = client.prepare_cached(WAITING_ABOVE).await?;
                client.query(&page, &[&app, &after, &limit]).await?
            }
            (Some(after), _) => {
                let page = client.prepare_cached(ABOVE).await?;
                client.query(&page, &[&app, &after, &state, &limit]).await?
            }
            (None, Some(DeliveryState::Parked)) => {
                let page = client.prepare_cached(PARKED_BELOW).await?;
                client.query(&page, &[&app, &below, &limit]).await?
            }
            (None, _) => {
                let page = client.prepare_cached(BELOW).await?;
                client.query(&page, &[&app, &below, &state, &limit]).await?
            }
        };
        let found = found.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
        with_messages(&client, app, found).await
    }

    async fn of_room_once(
        &self,
        (app, room): (&AppId, &RoomId),
        above_rev: u64,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, Fail> {
        let client = self.reads.get().await?;
        let page = client.prepare_cached(OF_ROOM).await?;
        let app = app.as_str();
        let found =
            client.query(&page, &[&app, &room.as_str(), &big(above_rev), &rows(limit, 0)]).await?;
        let found = found.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
        with_messages(&client, app, found).await
    }

    async fn settle_once(
        &self,
        lease: &Lease,
        position: u64,
        attempted: &Attempted,
        now: Time,
    ) -> Result<bool, Fail> {
        let (state, status, next_at, error) = match attempted {
            Attempted::Delivered { status } => {
                (DeliveryState::Delivered, Some(*status), None, None)
            }
            Attempted::Failed { status, error, next_at } => {
                (DeliveryState::Waiting, *status, Some(next_at.0), Some(error.as_str()))
            }
            Attempted::Parked { status, error } => {
                (DeliveryState::Parked, *status, None, Some(error.as_str()))
            }
        };
        let done_at = (state != DeliveryState::Waiting).then_some(now.0);
        let tx = Tx::begin(self.reads.get().await?);
        if !jobs::is_held(&tx, lease).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        let settle = tx.prepare_cached(SETTLE).await?;
        let app = lease.place.app.as_str();
        let status = status.map(i32::from);
        tx.execute(
            &settle,
            &[&app, &big(position), &state.as_str(), &status, &next_at, &error, &done_at],
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn replay_once(
        &self,
        app: &AppId,
        (from, to): (u64, u64),
        limit: usize,
    ) -> Result<(u64, u64), Fail> {
        let client = self.reads.get().await?;
        let replay = client.prepare_cached(REPLAY).await?;
        let again =
            client.query(&replay, &[&app.as_str(), &big(from), &big(to), &rows(limit, 0)]).await?;
        let mut last = 0;
        for row in &again {
            last = last.max(Cells::of(row).number()?);
        }
        Ok((again.len() as u64, last))
    }

    async fn clear_once(
        &self,
        app: &AppId,
        (waiting_since, kept_since): (Time, Time),
        limit: usize,
    ) -> Result<u64, Fail> {
        let client = self.reads.get().await?;
        let (app, most) = (app.as_str(), rows(limit, 0));
        let park = client.prepare_cached(PARK_OLD).await?;
        client.execute(&park, &[&app, &waiting_since.0, &most]).await?;
        let oldest = client.prepare_cached(OLDEST).await?;
        let mut last = None;
        for row in &client.query(&oldest, &[&app, &most]).await? {
            let mut cells = Cells::of(row);
            let (position, at) = (cells.number()?, cells.time()?);
            // Not past one that is kept: what is left has no holes.
            if at >= kept_since || cells.word(DeliveryState::parse)? == DeliveryState::Waiting {
                break;
            }
            last = Some(position);
        }
        let Some(last) = last else { return Ok(0) };
        let clear = client.prepare_cached(CLEAR).await?;
        Ok(client.execute(&clear, &[&app, &big(last)]).await?)
    }
}

async fn with_messages(
    client: &deadpool_postgres::ClientWrapper,
    app: &str,
    mut found: Vec<OutboxRow>,
) -> Result<Vec<OutboxRow>, Fail> {
    let about: Vec<(usize, u64)> =
        found.iter().enumerate().filter_map(|(n, row)| Some((n, row.seq?))).collect();
    if about.is_empty() {
        return Ok(found);
    }
    let rooms: Vec<&str> = about.iter().map(|(n, _)| found[*n].room.as_str()).collect();
    let seqs: Vec<i64> = about.iter().map(|(_, seq)| big(*seq)).collect();
    let revs: Vec<i64> = about.iter().map(|(n, _)| big(found[*n].rev)).collect();
    let statement = client.prepare_cached(SAID).await?;
    let messages = client.query(&statement, &[&app, &rooms, &seqs, &revs]).await?;
    let messages = messages.iter().map(said).collect::<Result<HashMap<_, _>, _>>()?;
    for (place, message) in messages {
        let row = &mut found[about[place].0];
        row.message = Some(row.told(message));
    }
    Ok(found)
}

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn consumers(&self, app: &AppId) -> StoreResult<Option<Consumers>> {
        Ok(bounded(|| self.consumers_once(app)).await?)
    }

    async fn put_consumers(
        &self,
        app: &AppId,
        consumers: &Consumers,
        expected: u64,
    ) -> StoreResult<Option<u64>> {
        Ok(bounded(|| self.put_consumers_once(app, consumers, expected)).await?)
    }

    async fn outbox_apps(&self, limit: usize) -> StoreResult<Vec<(AppId, bool)>> {
        Ok(bounded(|| self.apps_heard_once(limit)).await?)
    }

    async fn outbox_due(&self, _now: Time, limit: usize) -> StoreResult<Vec<AppId>> {
        Ok(bounded(|| self.due_once(limit)).await?)
    }

    async fn outbox(&self, app: &AppId, query: &OutboxQuery) -> StoreResult<Vec<OutboxRow>> {
        self.place(app).await?;
        Ok(bounded(|| self.outbox_once(app, query)).await?)
    }

    async fn outbox_rooms(
        &self,
        app: &AppId,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<(u64, RoomId, u64)>> {
        self.place(app).await?;
        Ok(bounded(|| self.waiting_rooms_once(app, after, limit)).await?)
    }

    async fn outbox_of_room(
        &self,
        app: &AppId,
        room: &RoomId,
        above_rev: u64,
        limit: usize,
    ) -> StoreResult<Vec<OutboxRow>> {
        Ok(bounded(|| self.of_room_once((app, room), above_rev, limit)).await?)
    }

    async fn settle_outbox(
        &self,
        lease: &Lease,
        position: u64,
        attempted: &Attempted,
        now: Time,
    ) -> StoreResult<bool> {
        Ok(bounded(|| self.settle_once(lease, position, attempted, now)).await?)
    }

    async fn replay_outbox(
        &self,
        app: &AppId,
        positions: (u64, u64),
        limit: usize,
    ) -> StoreResult<(u64, u64)> {
        Ok(bounded(|| self.replay_once(app, positions, limit)).await?)
    }

    async fn clear_outbox(
        &self,
        app: &AppId,
        waiting_since: Time,
        kept_since: Time,
        limit: usize,
    ) -> StoreResult<u64> {
        // What nobody has read yet grows old, too.
        self.place(app).await?;
        Ok(bounded(|| self.clear_once(app, (waiting_since, kept_since), limit)).await?)
    }
}
