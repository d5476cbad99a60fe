//! Messages and read cursors: what an append reads, and the reads. What it writes is in `write`.
//!
//! Statements after the one that locks the rooms see what was committed before the lock, because
//! under READ COMMITTED each takes its own snapshot. They may therefore be sent in one flight, but
//! never be joined into the locking statement, whose snapshot is older than its wait.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{Head, Membership, Message, Time};
use snug_core::ports::{
    Append, AppendOutcome, HistoryQuery, KeyHit, MessageStore, StoreError, StoreResult,
};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::append::{Cursor, Loaded, LockedRoom};
use crate::outbox::heard_by;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{
    Cells, big, db_time, gone_after, head_columns, membership_columns, mentions_after,
    message_columns, rows,
};
use crate::write::write;
use crate::{PostgresStore, externals, threads};

/// What to do about a room that another transaction holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Leave it out.
    Skip,
    Wait,
}

macro_rules! lock_rooms {
    ($how:literal) => {
        concat!(
            "SELECT i.n, r.deleted_at IS NULL, r.policy_rev, r.min_seq, r.last_time, ",
            head_columns!("r"),
            " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS i(app, room, n)
              JOIN rooms r ON r.app = i.app AND r.id = i.room
              ORDER BY r.app, r.id FOR UPDATE OF r",
            $how
        )
    };
}
const KEYS: &str = concat!(
    "SELECT i.n, g.hash, ",
    message_columns!(),
    " FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS i(app, room, id, n)
      JOIN messages g ON g.app = i.app AND g.room = i.room AND g.id = i.id"
);
/// Memberships with what an append wants to know about the cursor at `up_to`.
macro_rules! lock_members {
    ($how:literal) => {
        concat!(
            "SELECT i.n, c.seq,
               coalesce((SELECT g.counted FROM messages g
                 WHERE g.app = i.app AND g.room = i.room AND g.seq <= c.seq
                 ORDER BY g.seq DESC LIMIT 1), 0),
               coalesce((SELECT g.own_no FROM messages g
                 WHERE g.app = i.app AND g.room = i.room AND g.sender = i.user_id AND g.behind
                   AND g.seq > m.read_seq AND g.seq <= c.seq
                 ORDER BY g.seq DESC LIMIT 1), 0),
               NOT EXISTS (SELECT FROM messages g
                 WHERE g.app = i.app AND g.room = i.room AND g.seq > c.seq AND g.seq <= r.seq
                   AND g.sender IS DISTINCT FROM i.user_id),
               ",
            gone_after!("c.seq"),
            ", CASE WHEN c.seq < r.seq THEN ",
            mentions_after!("c.seq"),
            " ELSE ARRAY[0, 0]::bigint[] END, ",
            // Most senders have read all: their look is spared.
            membership_columns!(concat!(
                "CASE WHEN m.read_seq < r.seq THEN ",
                mentions_after!("m.read_seq"),
                " ELSE ARRAY[0, 0]::bigint[] END"
            )),
            " FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                 WITH ORDINALITY AS i(app, room, user_id, up_to, n)
              JOIN rooms r ON r.app = i.app AND r.id = i.room
              JOIN members m ON m.app = i.app AND m.room = i.room AND m.user_id = i.user_id
              CROSS JOIN LATERAL (SELECT greatest(m.read_seq, least(i.up_to, r.seq)) AS seq) c
              ORDER BY m.app, m.room, m.user_id FOR UPDATE OF m",
            $how
        )
    };
}
/// The newest time of each app's messages, one entry of an index, and who hears of them.
const FLOORS: &str = concat!(
    "SELECT i.n, coalesce((SELECT g.created_at FROM messages g
       WHERE g.app = i.app AND g.created_at >= 0 ORDER BY g.created_at DESC LIMIT 1), 0), ",
    heard_by!("i.app"),
    " FROM unnest($1::text[]) WITH ORDINALITY AS i(app, n)"
);
const CLOCK: &str = concat!("SELECT ", db_time!());
/// Locks the rooms of a batch in their order and reads what deciding needs: one flight.
pub(crate) async fn load(tx: &Tx, batch: &[&Append], held: Held) -> Result<Loaded, Fail> {
    let (lock_rooms, lock_members) = match held {
        Held::Skip => (lock_rooms!(" SKIP LOCKED"), lock_members!(" SKIP LOCKED")),
        Held::Wait => (lock_rooms!(""), lock_members!("")),
    };
    let lock_rooms = tx.prepare_cached(lock_rooms).await?;
    let keys = tx.prepare_cached(KEYS).await?;
    let lock_members = tx.prepare_cached(lock_members).await?;
    let clock = tx.prepare_cached(CLOCK).await?;
    let floors = tx.prepare_cached(FLOORS).await?;

    let apps: Vec<&str> = batch.iter().map(|a| a.app.as_str()).collect();
    let rooms: Vec<&str> = batch.iter().map(|a| a.room.as_str()).collect();
    let ids: Vec<&str> = batch.iter().map(|a| a.message.id.as_str()).collect();
    let distinct: BTreeSet<(&AppId, &RoomId)> = batch.iter().map(|a| (&a.app, &a.room)).collect();
    let room_keys: Vec<(&AppId, &RoomId)> = distinct.into_iter().collect();
    let locked_apps: Vec<&str> = room_keys.iter().map(|(app, _)| app.as_str()).collect();
    let locked_rooms: Vec<&str> = room_keys.iter().map(|(_, room)| room.as_str()).collect();
    let wanted = wanted(batch);
    let member_apps: Vec<&str> = wanted.iter().map(|w| apps[w.place]).collect();
    let member_rooms: Vec<&str> = wanted.iter().map(|w| rooms[w.place]).collect();
    let member_users: Vec<&str> = wanted.iter().map(|w| w.user.as_str()).collect();
    let up_to: Vec<i64> = wanted.iter().map(|w| w.up_to).collect();

    let app_ids: BTreeSet<&AppId> = batch.iter().map(|append| &append.app).collect();
    let app_ids: Vec<&AppId> = app_ids.into_iter().collect();
    let named: Vec<&str> = app_ids.iter().map(|app| app.as_str()).collect();

    let (room_rows, key_rows, member_rows, floor_rows, clock_row) = tokio::try_join!(
        async { tx.query(&lock_rooms, &[&locked_apps, &locked_rooms]).await },
        async { tx.query(&keys, &[&apps, &rooms, &ids]).await },
        async {
            let wanted: [&(dyn ToSql + Sync); 4] =
                [&member_apps, &member_rooms, &member_users, &up_to];
            tx.query(&lock_members, &wanted).await
        },
        async { tx.query(&floors, &[&named]).await },
        tx.query_one(&clock, &[]),
    )?;
    let mut loaded = Loaded {
        rooms: HashMap::with_capacity(room_keys.len()),
        cursors: vec![None; batch.len()],
        stamp: Cells::of(&clock_row).time()?,
        floors: HashMap::with_capacity(app_ids.len()),
        heard_by: HashMap::with_capacity(app_ids.len()),
        strangers: BTreeSet::new(),
    };
    let spread = spread();
    for row in &floor_rows {
        let mut cells = Cells::of(row);
        let app = app_ids[place(&mut cells)?];
        loaded.floors.insert(app.clone(), Time(cells.time()?.0.saturating_add(spread)));
        loaded.heard_by.insert(app.clone(), cells.next()?);
    }
    for row in &room_rows {
        let mut cells = Cells::of(row);
        let (app, room) = room_keys[place(&mut cells)?];
        let living = cells.next()?;
        let bounds = (cells.number()?, cells.number()?);
        let (last_time, head) = (cells.time()?, cells.head()?);
        let locked = LockedRoom::new(room.clone(), living, bounds, head, last_time);
        loaded.rooms.insert((app.clone(), room.clone()), locked);
    }
    add_keys(&mut loaded, batch, &key_rows)?;
    externals::add(tx, &mut loaded, batch).await?;
    threads::add(tx, &mut loaded, batch).await?;
    add_members(&mut loaded, batch, &wanted, &member_rows)?;
    Ok(loaded)
}

/// Two batches that both lag behind an app's newest time would choose the same next ones; a few
/// random nanoseconds apart they seldom do, and what still collides is tried again.
fn spread() -> i64 {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ());
    i64::try_from(random % 4_096).unwrap_or(0)
}

fn add_keys(loaded: &mut Loaded, batch: &[&Append], rows: &[Row]) -> Result<(), Fail> {
    for row in rows {
        let mut cells = Cells::of(row);
        let append = batch[place(&mut cells)?];
        let hash = cells.payload_hash()?;
        let message = cells.message()?;
        if let Some(room) = room_of(loaded, append) {
            room.add_key(KeyHit { hash, message });
        }
    }
    Ok(())
}

fn add_members(
    loaded: &mut Loaded,
    batch: &[&Append],
    wanted: &[Wanted<'_>],
    rows: &[Row],
) -> Result<(), Fail> {
    for row in rows {
        let mut cells = Cells::of(row);
        let want = &wanted[place(&mut cells)?];
        let cursor = Cursor {
            seq: cells.number()?,
            count: cells.number()?,
            own: cells.number()?,
            clear: cells.next()?,
            gone: cells.number()?,
            mentions: cells.mentioned()?,
        };
        let membership = cells.membership()?;
        if want.is_sender {
            loaded.cursors[want.place] = Some(cursor);
        }
        if let Some(room) = room_of(loaded, batch[want.place]) {
            room.add_member(membership);
        }
    }
    Ok(())
}

pub(crate) fn room_of<'a>(loaded: &'a mut Loaded, append: &Append) -> Option<&'a mut LockedRoom> {
    loaded.rooms.get_mut(&(append.app.clone(), append.room.clone()))
}

/// WITH ORDINALITY counts from 1.
pub(crate) fn place(cells: &mut Cells<'_>) -> Result<usize, Fail> {
    let n = cells.number()?;
    usize::try_from(n.saturating_sub(1)).map_err(|_| Fail::Broken("no such place".to_owned()))
}

/// A membership that deciding needs.
struct Wanted<'a> {
    place: usize,
    user: &'a UserId,
    up_to: i64,
    is_sender: bool,
}

fn wanted<'a>(batch: &[&'a Append]) -> Vec<Wanted<'a>> {
    let mut wanted = Vec::with_capacity(batch.len());
    for (place, append) in batch.iter().enumerate() {
        let sender = append.message.sender.as_ref();
        if let Some(user) = sender {
            wanted.push(Wanted {
                place,
                user,
                up_to: big(append.message.read_up_to.unwrap_or(0)),
                is_sender: true,
            });
        }
        if let Some((user, _)) = &append.guard.member
            && sender != Some(user)
        {
            wanted.push(Wanted { place, user, up_to: 0, is_sender: false });
        }
    }
    wanted
}

/// One append inside a transaction that goes on (a first message, an announcement).
pub(crate) async fn append_within(tx: &Tx, append: &Append) -> Result<AppendOutcome, Fail> {
    let mut loaded = load(tx, &[append], Held::Wait).await?;
    let outcome = loaded.decide(0, append, false);
    write(tx, &loaded, false).await?;
    Ok(outcome.unwrap_or(AppendOutcome::RoomNotFound))
}

const BY_KEY: &str = concat!(
    "SELECT g.hash, ",
    message_columns!(),
    " FROM messages g JOIN rooms r ON r.app = g.app AND r.id = g.room
      WHERE g.app = $1 AND g.room = $2 AND g.id = $3 AND g.seq >= r.min_seq"
);
macro_rules! page {
    ($order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages g WHERE g.app = $1 AND g.room = $2
                AND g.seq >= (SELECT r.min_seq FROM rooms r WHERE r.app = $1 AND r.id = $2)
                AND g.seq > $3 AND g.seq < $4 ORDER BY g.seq ",
            $order,
            " LIMIT $5"
        )
    };
}
const LOCK_POSITION: &str = concat!(
    "SELECT ",
    head_columns!("r"),
    " FROM rooms r WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL FOR SHARE"
);
const MOVE: &str = concat!(
    "UPDATE members m SET read_seq = c.seq, read_rev = r.rev, changed_at = ",
    db_time!(),
    ", read_count = coalesce((SELECT g.counted FROM messages g
         WHERE g.app = $1 AND g.room = $2 AND g.seq <= c.seq ORDER BY g.seq DESC LIMIT 1), 0),
       read_own = greatest(m.read_own, (SELECT g.own_no FROM messages g
         WHERE g.app = $1 AND g.room = $2 AND g.sender = $3 AND g.behind
           AND g.seq > m.read_seq AND g.seq <= c.seq ORDER BY g.seq DESC LIMIT 1))
     FROM rooms r CROSS JOIN LATERAL (SELECT least($4, r.seq) AS seq) c
     WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL
       AND m.app = $1 AND m.room = $2 AND m.user_id = $3 AND m.state = 'active'
       AND m.read_seq < c.seq"
);
const MINE: &str = concat!(
    "SELECT ",
    membership_columns!(),
    " FROM members m WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3 AND m.state = 'active'"
);

impl PostgresStore {
    async fn history_page(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> Result<Vec<Message>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let ascending = query.after.is_some();
        let page = if ascending { page!("ASC") } else { page!("DESC") };
        let page = client.prepare_cached(page).await?;
        let above = big(query.above.max(query.after.unwrap_or(0)));
        let below = query.before.map_or(i64::MAX, big);
        let limit = rows(query.limit, 0);
        let found =
            client.query(&page, &[&app.as_str(), &room.as_str(), &above, &below, &limit]).await?;
        let mut messages =
            found.iter().map(|row| Cells::of(row).message()).collect::<Result<Vec<_>, _>>()?;
        if !ascending {
            messages.reverse();
        }
        Ok(messages)
    }

    /// The room's lock is shared: cursors move side by side, but no append comes between the rev
    /// that is written and the commit, so a sync from that rev on never misses the move.
    async fn move_cursor_once(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seq: u64,
    ) -> Result<Option<(Membership, Head, bool)>, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let lock = tx.prepare_cached(LOCK_POSITION).await?;
        let move_it = tx.prepare_cached(MOVE).await?;
        let mine = tx.prepare_cached(MINE).await?;
        let (app, room, user) = (app.as_str(), room.as_str(), user.as_str());
        let seq = big(seq);
        let (head, moved, mine, ()) = tokio::try_join!(
            async { tx.query_opt(&lock, &[&app, &room]).await },
            async { tx.execute(&move_it, &[&app, &room, &user, &seq]).await },
            async { tx.query_opt(&mine, &[&app, &room, &user]).await },
            tx.batch_execute("COMMIT"),
        )?;
        tx.committed();
        let (Some(head), Some(mine)) = (head, mine) else {
            return Ok(None);
        };
        let (mine, head) = (Cells::of(&mine).membership()?, Cells::of(&head).head()?);
        Ok(Some((mine, head, moved > 0)))
    }

    async fn by_key(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
    ) -> Result<Option<KeyHit>, Fail> {
        let client = self.reads.get().await?;
        let by_key = client.prepare_cached(BY_KEY).await?;
        let row = client.query_opt(&by_key, &[&app.as_str(), &room.as_str(), &id.as_str()]).await?;
        let Some(row) = row else { return Ok(None) };
        let mut cells = Cells::of(&row);
        Ok(Some(KeyHit { hash: cells.payload_hash()?, message: cells.message()? }))
    }
}

#[async_trait]
impl MessageStore for PostgresStore {
    async fn append_message(&self, append: Append) -> StoreResult<AppendOutcome> {
        // Known before the queue, so that it does not spoil the batch it would travel in.
        if append.message.text.as_ref().is_some_and(|t| t.contains('\0')) {
            return Err(StoreError::Broken("U+0000 in a message's text".to_owned()));
        }
        self.gather.append(append).await
    }

    async fn message_by_key(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
    ) -> StoreResult<Option<KeyHit>> {
        Ok(bounded(|| self.by_key(app, room, id)).await?)
    }

    async fn externals(
        &self,
        app: &AppId,
        room: &RoomId,
        wanted: &[String],
    ) -> StoreResult<Vec<(String, MessageId)>> {
        Ok(bounded(|| externals::known(self, app, room, wanted)).await?)
    }

    async fn history(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>> {
        Ok(bounded(|| self.history_page(app, room, query)).await?)
    }

    async fn move_cursor(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seq: u64,
        _now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>> {
        Ok(bounded(|| self.move_cursor_once(app, room, user, seq)).await?)
    }
}
