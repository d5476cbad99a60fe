//! The outbox: rows written in the commit of what they tell, and read by position. There is one
//! writer, so positions are given in the order of commits as the rows are written.

use async_trait::async_trait;
use rusqlite::{Connection, Row};
use snug_core::ids::{AppId, RoomId};
use snug_core::model::{Delivery, DeliveryState, Message, OutboxKind, OutboxRow, Time};
use snug_core::ports::{
    Attempted, Consumers, Lease, OutboxEntry, OutboxQuery, OutboxStore, StoreResult,
};

use crate::rows::{
    HeadRow, MESSAGE_WIDTH, Sql, all, change, int, maybe_extras, maybe_json, maybe_time, message,
    message_columns, one, size, time, uint, word,
};
use crate::{SqliteStore, jobs};

/// Who hears of an app's changes, as a statement reads it beside a head: 0 nobody, 1 who pulls,
/// 2 the webhook endpoint too.
macro_rules! heard_by {
    ($app:literal) => {
        concat!(
            "coalesce((SELECT iif(c.webhook, 2, c.pull) FROM consumers c WHERE c.app = ",
            $app,
            "), 0)"
        )
    };
}
pub(crate) use heard_by;

macro_rules! outbox_columns {
    () => {
        "o.position, o.rk, o.rev, o.kind, o.seq, o.at, o.state, o.attempts, o.next_at, o.status, \
         o.done_at, o.error, o.detail, r.id"
    };
}

/// For a room whose head was not read from the file.
pub(crate) fn hearers(conn: &Connection, app: &AppId) -> Sql<u8> {
    let found = one(conn, concat!("SELECT ", heard_by!("?1")), [app.as_str()], |row| row.get(0))?;
    Ok(found.unwrap_or(0))
}

/// Writes the row of a change that took `head.rev`, if anybody hears of it. The only place that
/// gives positions: above every row there is, and above every one that was cleared away.
pub(crate) fn note(
    conn: &Connection,
    app: &AppId,
    head: &HeadRow,
    entry: impl FnOnce() -> OutboxEntry,
    at: Time,
) -> Sql<()> {
    let state = match head.heard_by {
        0 => return Ok(()),
        1 => DeliveryState::Off,
        _ => DeliveryState::Waiting,
    };
    let OutboxEntry { kind, seq, detail } = entry();
    change(
        conn,
        "INSERT INTO outbox (app, position, rk, rev, kind, seq, at, state, attempts, detail) \
         SELECT ?1, 1 + max(coalesce((SELECT max(position) FROM outbox WHERE app = ?1), 0), \
         cleared), ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8 FROM consumers WHERE app = ?1",
        (
            app.as_str(),
            head.rk,
            int(head.rev),
            kind.as_str(),
            seq.map(int),
            at.0,
            state.as_str(),
            detail,
        ),
    )
    .map(drop)
}

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn consumers(&self, app: &AppId) -> StoreResult<Option<Consumers>> {
        let app = app.clone();
        self.read(Some(app.clone()), move |conn| find(conn, &app)).await
    }

    async fn put_consumers(
        &self,
        app: &AppId,
        consumers: &Consumers,
        expected: u64,
    ) -> StoreResult<Option<u64>> {
        let (app, consumers) = (app.clone(), consumers.clone());
        self.write(Some(app.clone()), move |conn| put(conn, &app, &consumers, expected)).await
    }

    async fn outbox_apps(&self, limit: usize) -> StoreResult<Vec<(AppId, bool)>> {
        self.read(None, move |conn| {
            all(
                conn,
                "SELECT app, webhook AND NOT paused FROM consumers \
                 WHERE webhook = 1 OR pull = 1 LIMIT ?1",
                [size(limit)],
                |row| Ok((AppId::from_stored(row.get_ref(0)?.as_str()?), row.get(1)?)),
            )
        })
        .await
    }

    async fn outbox_due(&self, now: Time, limit: usize) -> StoreResult<Vec<AppId>> {
        self.read(None, move |conn| {
            all(
                conn,
                "SELECT c.app FROM consumers c WHERE c.webhook = 1 AND c.paused = 0 \
                 AND EXISTS (SELECT 1 FROM outbox o INDEXED BY outbox_open \
                   WHERE o.app = c.app AND o.state = 'waiting') \
                 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.app = c.app AND j.kind = 'webhook' \
                   AND j.key = '' AND j.owner IS NOT NULL AND j.until > ?1) LIMIT ?2",
                (now.0, size(limit)),
                |row| Ok(AppId::from_stored(row.get_ref(0)?.as_str()?)),
            )
        })
        .await
    }

    async fn outbox(&self, app: &AppId, query: &OutboxQuery) -> StoreResult<Vec<OutboxRow>> {
        let (app, query) = (app.clone(), query.clone());
        self.read_page(Some(app.clone()), move |conn| page(conn, &app, &query)).await
    }

    async fn outbox_rooms(
        &self,
        app: &AppId,
        after: u64,
        limit: usize,
    ) -> StoreResult<Vec<(u64, RoomId, u64)>> {
        let app = app.clone();
        self.read_page(Some(app.clone()), move |conn| {
            all(
                conn,
                "SELECT o.position, r.id, o.rev FROM outbox o INDEXED BY outbox_open \
                 CROSS JOIN rooms r ON r.rk = o.rk WHERE o.app = ?1 AND o.state = 'waiting' \
                 AND o.position > ?2 ORDER BY o.position LIMIT ?3",
                (app.as_str(), int(after), size(limit)),
                |row| {
                    let room = RoomId::from_stored(row.get_ref(1)?.as_str()?);
                    Ok((uint(row, 0)?, room, uint(row, 2)?))
                },
            )
        })
        .await
    }

    async fn outbox_of_room(
        &self,
        app: &AppId,
        room: &RoomId,
        above_rev: u64,
        limit: usize,
    ) -> StoreResult<Vec<OutboxRow>> {
        let (app, room) = (app.clone(), room.clone());
        self.read_page(Some(app.clone()), move |conn| {
            let found = all(
                conn,
                concat!(
                    "SELECT ",
                    outbox_columns!(),
                    " FROM rooms r CROSS JOIN outbox o INDEXED BY outbox_by_rev ON o.rk = r.rk \
                     WHERE r.app = ?1 AND r.id = ?2 AND o.rev > ?3 AND o.state = 'waiting' \
                     ORDER BY o.rev LIMIT ?4"
                ),
                (app.as_str(), room.as_str(), int(above_rev), size(limit)),
                read,
            )?;
            with_messages(conn, found)
        })
        .await
    }

    async fn settle_outbox(
        &self,
        lease: &Lease,
        position: u64,
        attempted: &Attempted,
        now: Time,
    ) -> StoreResult<bool> {
        let (lease, attempted) = (lease.clone(), attempted.clone());
        self.write(Some(lease.place.app.clone()), move |conn| {
            if !jobs::is_held(conn, &lease)? {
                return Ok(false);
            }
            settle(conn, &lease.place.app, position, &attempted, now)?;
            Ok(true)
        })
        .await
    }

    async fn replay_outbox(
        &self,
        app: &AppId,
        positions: (u64, u64),
        limit: usize,
    ) -> StoreResult<(u64, u64)> {
        let app = app.clone();
        self.write(Some(app.clone()), move |conn| replay(conn, &app, positions, limit)).await
    }

    async fn clear_outbox(
        &self,
        app: &AppId,
        waiting_since: Time,
        kept_since: Time,
        limit: usize,
    ) -> StoreResult<u64> {
        let app = app.clone();
        self.write(Some(app.clone()), move |conn| {
            clear(conn, &app, (waiting_since, kept_since), limit)
        })
        .await
    }
}

fn find(conn: &Connection, app: &AppId) -> Sql<Option<Consumers>> {
    one(
        conn,
        "SELECT webhook, paused, pull, endpoint, rev FROM consumers WHERE app = ?1",
        [app.as_str()],
        |row| {
            Ok(Consumers {
                webhook: row.get(0)?,
                paused: row.get(1)?,
                pull: row.get(2)?,
                endpoint: row.get(3)?,
                rev: uint(row, 4)?,
            })
        },
    )
}

fn put(conn: &Connection, app: &AppId, new: &Consumers, expected: u64) -> Sql<Option<u64>> {
    let rev = find(conn, app)?.map_or(0, |known| known.rev);
    if rev != expected {
        return Ok(None);
    }
    change(
        conn,
        "INSERT INTO consumers (app, webhook, paused, pull, cleared, rev, endpoint) \
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6) ON CONFLICT (app) DO UPDATE SET \
         webhook = excluded.webhook, paused = excluded.paused, pull = excluded.pull, \
         rev = excluded.rev, endpoint = excluded.endpoint",
        (app.as_str(), new.webhook, new.paused, new.pull, int(rev + 1), new.endpoint.as_deref()),
    )?;
    Ok(Some(rev + 1))
}

/// A row as it lies in the file, with its room's number.
fn read(row: &Row<'_>) -> Sql<(i64, OutboxRow)> {
    let delivery = Delivery {
        state: word(row, 6, DeliveryState::parse)?,
        attempts: row.get(7)?,
        next_at: maybe_time(row, 8)?,
        status: row.get(9)?,
        done_at: maybe_time(row, 10)?,
        error: row.get(11)?,
    };
    let read = OutboxRow {
        position: uint(row, 0)?,
        room: RoomId::from_stored(row.get_ref(13)?.as_str()?),
        rev: uint(row, 2)?,
        kind: word(row, 3, OutboxKind::parse)?,
        seq: row.get::<_, Option<i64>>(4)?.map(i64::unsigned_abs),
        detail: row.get(12)?,
        message: None,
        at: time(row, 5)?,
        delivery,
    };
    Ok((row.get(1)?, read))
}

fn page(conn: &Connection, app: &AppId, query: &OutboxQuery) -> Sql<Vec<OutboxRow>> {
    let limit = size(query.limit);
    let state = query.state.map(DeliveryState::as_str);
    let found = match (query.after, query.state) {
        (Some(after), Some(DeliveryState::Waiting)) => all(
            conn,
            concat!(
                "SELECT ",
                outbox_columns!(),
                " FROM outbox o INDEXED BY outbox_open CROSS JOIN rooms r ON r.rk = o.rk \
                 WHERE o.app = ?1 AND o.state = 'waiting' AND o.position > ?2 \
                 ORDER BY o.position LIMIT ?3"
            ),
            (app.as_str(), int(after), limit),
            read,
        )?,
        (Some(after), _) => all(
            conn,
            concat!(
                "SELECT ",
                outbox_columns!(),
                " FROM outbox o CROSS JOIN rooms r ON r.rk = o.rk \
                 WHERE o.app = ?1 AND o.position > ?2 AND (?3 IS NULL OR o.state = ?3) \
                 ORDER BY o.position LIMIT ?4"
            ),
            (app.as_str(), int(after), state, limit),
            read,
        )?,
        (None, Some(DeliveryState::Parked)) => all(
            conn,
            concat!(
                "SELECT ",
                outbox_columns!(),
                " FROM outbox o INDEXED BY outbox_open CROSS JOIN rooms r ON r.rk = o.rk \
                 WHERE o.app = ?1 AND o.state = 'parked' AND o.position < ?2 \
                 ORDER BY o.position DESC LIMIT ?3"
            ),
            (app.as_str(), int(query.before.unwrap_or(u64::MAX)), limit),
            read,
        )?,
        (None, _) => all(
            conn,
            concat!(
                "SELECT ",
                outbox_columns!(),
                " FROM outbox o CROSS JOIN rooms r ON r.rk = o.rk \
                 WHERE o.app = ?1 AND o.position < ?2 AND (?3 IS NULL OR o.state = ?3) \
                 ORDER BY o.position DESC LIMIT ?4"
            ),
            (app.as_str(), int(query.before.unwrap_or(u64::MAX)), state, limit),
            read,
        )?,
    };
    with_messages(conn, found)
}

fn with_messages(conn: &Connection, rows: Vec<(i64, OutboxRow)>) -> Sql<Vec<OutboxRow>> {
    let put = |(rk, mut row): (i64, OutboxRow)| {
        if let Some(seq) = row.seq {
            row.message = message_at_rev(conn, rk, seq, &row)?;
        }
        Ok(row)
    };
    rows.into_iter().map(put).collect()
}

/// The message as it was said at the row's rev. What was erased since stays erased.
fn message_at_rev(conn: &Connection, rk: i64, seq: u64, row: &OutboxRow) -> Sql<Option<Message>> {
    let found = one(
        conn,
        concat!(
            "SELECT ",
            message_columns!(),
            ", h.min_seq, h.changed_at FROM messages m CROSS JOIN heads h ON h.rk = m.rk \
             WHERE m.rk = ?1 AND m.seq = ?2"
        ),
        (rk, int(seq)),
        |found| {
            let bounds = (uint(found, MESSAGE_WIDTH)?, time(found, MESSAGE_WIDTH + 1)?);
            Ok((message(found, &row.room)?.message, bounds))
        },
    )?;
    let Some((found, (min_seq, changed_at))) = found else {
        return Ok(None);
    };
    let mut said = found;
    if said.edited_at.is_some() {
        let old = one(
            conn,
            "SELECT text, custom, extras FROM message_versions \
             WHERE rk = ?1 AND seq = ?2 AND rev >= ?3 ORDER BY rev LIMIT 1",
            (rk, int(seq), int(row.rev)),
            |old| {
                let text: Option<String> = old.get(0)?;
                Ok((text, maybe_json(old, 1)?, maybe_extras(old, 2)?))
            },
        )?;
        if let Some(old) = old {
            (said.text, said.custom, said.extras) = old;
        }
    }
    if seq < min_seq {
        said.deleted_at = said.deleted_at.or(Some(changed_at));
    }
    Ok(Some(row.told(said)))
}

fn settle(
    conn: &Connection,
    app: &AppId,
    position: u64,
    attempted: &Attempted,
    now: Time,
) -> Sql<()> {
    let (state, status, next_at, error) = match attempted {
        Attempted::Delivered { status } => (DeliveryState::Delivered, Some(*status), None, None),
        Attempted::Failed { status, error, next_at } => {
            (DeliveryState::Waiting, *status, Some(next_at.0), Some(error.as_str()))
        }
        Attempted::Parked { status, error } => {
            (DeliveryState::Parked, *status, None, Some(error.as_str()))
        }
    };
    let done_at = (state != DeliveryState::Waiting).then_some(now.0);
    change(
        conn,
        "UPDATE outbox SET state = ?3, attempts = attempts + 1, status = ?4, next_at = ?5, \
         error = ?6, done_at = ?7 WHERE app = ?1 AND position = ?2 AND state = 'waiting'",
        (app.as_str(), int(position), state.as_str(), status, next_at, error, done_at),
    )
    .map(drop)
}

fn replay(conn: &Connection, app: &AppId, (from, to): (u64, u64), limit: usize) -> Sql<(u64, u64)> {
    let found: Vec<i64> = all(
        conn,
        "SELECT position FROM outbox WHERE app = ?1 AND position BETWEEN ?2 AND ?3 \
         AND state <> 'waiting' ORDER BY position LIMIT ?4",
        (app.as_str(), int(from), int(to), size(limit)),
        |row| row.get(0),
    )?;
    let last = found.last().copied().map_or(0, i64::unsigned_abs);
    change(
        conn,
        "UPDATE outbox SET state = 'waiting', attempts = 0, next_at = NULL, status = NULL, \
         error = NULL, done_at = NULL WHERE app = ?1 AND position BETWEEN ?2 AND ?3 \
         AND state <> 'waiting'",
        (app.as_str(), int(from), int(last)),
    )?;
    Ok((found.len() as u64, last))
}

fn clear(
    conn: &Connection,
    app: &AppId,
    (waiting_since, kept_since): (Time, Time),
    limit: usize,
) -> Sql<u64> {
    change(
        conn,
        "UPDATE outbox SET state = 'parked', done_at = ?2, error = coalesce(error, 'too old') \
         WHERE app = ?1 AND position IN (SELECT position FROM (SELECT position, at \
           FROM outbox INDEXED BY outbox_open WHERE app = ?1 AND state = 'waiting' \
           ORDER BY position LIMIT ?3) WHERE at < ?2)",
        (app.as_str(), waiting_since.0, size(limit)),
    )?;
    // From the oldest on, and not past one that is kept: what is left has no holes.
    let oldest = all(
        conn,
        "SELECT position, at, state FROM outbox WHERE app = ?1 ORDER BY position LIMIT ?2",
        (app.as_str(), size(limit)),
        |row| Ok((row.get::<_, i64>(0)?, time(row, 1)?, word(row, 2, DeliveryState::parse)?)),
    )?;
    let goes = |at: Time, state| at < kept_since && state != DeliveryState::Waiting;
    let going = oldest.iter().take_while(|(_, at, state)| goes(*at, *state));
    let Some((last, _, _)) = going.last() else {
        return Ok(0);
    };
    let sql = "UPDATE consumers SET cleared = max(cleared, ?2) WHERE app = ?1";
    change(conn, sql, (app.as_str(), last))?;
    let sql = "DELETE FROM outbox WHERE app = ?1 AND position <= ?2";
    Ok(change(conn, sql, (app.as_str(), last))? as u64)
}
