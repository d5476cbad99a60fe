//! A user's own marks on messages: stars, and what was deleted for oneself.
//!
//! The membership is locked first, which numbers the user's marks in the room; then, for a star,
//! the user's stars. No room is locked: who is an active member is one of a living room.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{Mark, MarkedMessage, MarksHead, Message, Time};
use snug_core::ports::{MarkMessage, MarkOutcome, MarkStore, Marked, MarksAfter, StoreResult};
use tokio_postgres::types::ToSql;

use crate::PostgresStore;
use crate::pool::{Fail, Tx, bounded};
use crate::rows::{Cells, big, db_time, head_columns, membership_columns, message_columns, rows};

const LOCK: &str = "SELECT r.min_seq, r.seq, m.marks_rev, m.deleted_seq FROM members m
    JOIN rooms r ON r.app = m.app AND r.id = m.room
    WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3 AND m.state = 'active' FOR UPDATE OF m";
const OLD: &str = "SELECT k.starred_at, k.deleted, k.rev FROM marks k
    WHERE k.app = $1 AND k.room = $2 AND k.user_id = $3 AND k.seq = $4";
/// Stars of one user are given one after the other: the list of them goes by their times.
const LOCK_STARS: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))";
const LAST_STAR: &str = "SELECT max(k.starred_at) FROM marks k
    WHERE k.app = $1 AND k.user_id = $2 AND k.starred_at IS NOT NULL";
const HOW_MANY: &str = "SELECT count(*) FROM marks k
    WHERE k.app = $1 AND k.room = $2 AND k.user_id = $3 AND k.seq >= $4";
const SAVE: &str = "INSERT INTO marks (app, room, user_id, seq, rev, starred_at, deleted)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (app, room, user_id, seq)
    DO UPDATE SET rev = excluded.rev, starred_at = excluded.starred_at,
      deleted = excluded.deleted";
const SET: &str = concat!(
    "UPDATE members m SET marks_rev = $4, deleted_seq = $5, changed_at = ",
    db_time!(),
    " WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3"
);
/// Both of one snapshot, for they are counted against each other. Not the statement that takes the
/// lock: its snapshot would be older than its wait.
const MINE: &str = concat!(
    "SELECT ",
    head_columns!("r"),
    ", ",
    membership_columns!(),
    " FROM members m JOIN rooms r ON r.app = m.app AND r.id = m.room
      WHERE m.app = $1 AND m.room = $2 AND m.user_id = $3"
);
const OF: &str = "SELECT k.seq, k.starred_at, k.deleted, k.rev
    FROM unnest($4::bigint[]) AS i(seq)
    JOIN marks k ON k.app = $1 AND k.room = $2 AND k.user_id = $3 AND k.seq = i.seq
    WHERE k.seq >= (SELECT r.min_seq FROM rooms r
      WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL)";
const AFTER: &str = "SELECT g.id, g.seq, k.starred_at, k.deleted, k.rev
    FROM (SELECT x.* FROM marks x WHERE x.app = $1 AND x.room = $2 AND x.user_id = $3
        AND x.rev > $4 AND x.rev >= 0 AND x.seq > $5 AND x.seq >= (SELECT r.min_seq FROM rooms r
          WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL)
      ORDER BY x.rev LIMIT $6) k
    JOIN messages g ON g.app = $1 AND g.room = $2 AND g.seq = k.seq ORDER BY k.rev";
/// The message of a star `k`, if the list shows it.
macro_rules! in_sight {
    () => {
        " FROM rooms r JOIN members n ON n.app = k.app AND n.room = k.room
             AND n.user_id = k.user_id AND n.state = 'active'
           JOIN messages g ON g.app = k.app AND g.room = k.room AND g.seq = k.seq
           WHERE r.app = k.app AND r.id = k.room AND r.deleted_at IS NULL
             AND g.seq >= r.min_seq AND g.seq > n.visible_after_seq
             AND g.deleted_at IS NULL AND g.hidden_at IS NULL LIMIT 1"
    };
}
/// Those of a user, in the order in which they were given.
const STARRED: &str = concat!(
    "SELECT x.*, k.starred_at, k.deleted, k.rev
     FROM (SELECT s.* FROM marks s WHERE s.app = $1 AND s.user_id = $2
         AND s.starred_at < $3 AND s.starred_at IS NOT NULL
       ORDER BY s.starred_at DESC OFFSET 0) k
     CROSS JOIN LATERAL (SELECT ",
    message_columns!(),
    in_sight!(),
    ") x ORDER BY k.starred_at DESC LIMIT $4"
);
/// All of them, whatever the list shows, and no more than the bound.
const HOW_MANY_STARS: &str = "SELECT count(*) FROM (SELECT 1 FROM marks s
      WHERE s.app = $1 AND s.user_id = $2 AND s.starred_at < $3 AND s.starred_at IS NOT NULL
      LIMIT $4) y";
/// Nothing but the star stands in these rows: what is deleted has none.
const GIVE_WAY: &str = concat!(
    "DELETE FROM marks k WHERE k.app = $1 AND k.user_id = $2
       AND k.starred_at < $3 AND k.starred_at IS NOT NULL AND (SELECT g.seq",
    in_sight!(),
    ") IS NULL"
);

impl PostgresStore {
    async fn mark_once(&self, wanted: &MarkMessage) -> Result<MarkOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let outcome = mark(&tx, wanted).await?;
        match &outcome {
            MarkOutcome::Marked(marked) if marked.changed => tx.commit().await?,
            _ => tx.rollback().await?,
        }
        Ok(outcome)
    }

    async fn marks_once(
        &self,
        (app, room, user): (&AppId, &RoomId, &UserId),
        seqs: &[u64],
    ) -> Result<Vec<(u64, Mark)>, Fail> {
        let client = self.reads.get().await?;
        let of = client.prepare_cached(OF).await?;
        let seqs: Vec<i64> = seqs.iter().map(|seq| big(*seq)).collect();
        let values: [&(dyn ToSql + Sync); 4] =
            [&app.as_str(), &room.as_str(), &user.as_str(), &seqs];
        let found = client.query(&of, &values).await?;
        let read = |row| {
            let mut cells = Cells::of(row);
            Ok((cells.number()?, cells.mark()?))
        };
        found.iter().map(read).collect()
    }

    async fn marks_after_once(
        &self,
        (app, room, user): (&AppId, &RoomId, &UserId),
        MarksAfter { rev, above_seq, limit }: MarksAfter,
    ) -> Result<Vec<MarkedMessage>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let after = client.prepare_cached(AFTER).await?;
        let (rev, above, limit) = (big(rev), big(above_seq), rows(limit, 0));
        let values: [&(dyn ToSql + Sync); 6] =
            [&app.as_str(), &room.as_str(), &user.as_str(), &rev, &above, &limit];
        let found = client.query(&after, &values).await?;
        let read = |row| {
            let mut cells = Cells::of(row);
            let (id, seq) = (cells.message_id()?, cells.number()?);
            Ok(MarkedMessage { id, seq, mark: cells.mark()? })
        };
        found.iter().map(read).collect()
    }

    async fn starred_once(
        &self,
        (app, user): (&AppId, &UserId),
        before: Option<Time>,
        limit: usize,
    ) -> Result<Vec<Message>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let starred = client.prepare_cached(STARRED).await?;
        let before = before.map_or(i64::MAX, |before| before.0);
        let limit = rows(limit, 0);
        let values: [&(dyn ToSql + Sync); 4] = [&app.as_str(), &user.as_str(), &before, &limit];
        let found = client.query(&starred, &values).await?;
        let read = |row| {
            let mut cells = Cells::of(row);
            let message = cells.message()?;
            Ok(message.marked(cells.mark()?))
        };
        found.iter().map(read).collect()
    }
}

async fn mark(tx: &Tx, wanted: &MarkMessage) -> Result<MarkOutcome, Fail> {
    let MarkMessage { app, room, user, seq, reply, patch, now } = wanted;
    let (app, room, user) = (app.as_str(), room.as_str(), user.as_str());
    let lock = tx.prepare_cached(LOCK).await?;
    let Some(row) = tx.query_opt(&lock, &[&app, &room, &user]).await? else {
        return Ok(MarkOutcome::NotAMember);
    };
    let mut cells = Cells::of(&row);
    let (min_seq, newest) = (cells.number()?, cells.number()?);
    let mut marks = MarksHead { rev: cells.number()?, deleted_seq: cells.number()? };
    if *seq < min_seq || *seq > newest {
        return Ok(MarkOutcome::MessageNotFound);
    }
    let old = tx.prepare_cached(OLD).await?;
    let old = tx.query_opt(&old, &[&app, &room, &user, &big(*seq)]).await?;
    let old = old.map(|row| Cells::of(&row).mark()).transpose()?;
    let mut mark = old.unwrap_or_default();
    let stars = mark.starred_at.is_none() && !mark.deleted && patch.starred == Some(true);
    let at = if stars { next_star(tx, (app, user), *now).await? } else { *now };
    let changed = mark.apply(*patch, at);
    if changed {
        if old.is_none() && is_full(tx, (app, room, user), min_seq, marks).await? {
            return Ok(MarkOutcome::TooManyMarks);
        }
        if stars && has_all_stars(tx, (app, user)).await? {
            return Ok(MarkOutcome::TooManyStars);
        }
        marks.rev += 1;
        mark.rev = marks.rev;
        if mark.deleted && !*reply {
            marks.deleted_seq = marks.deleted_seq.max(*seq);
        }
        write(tx, (app, room, user), *seq, (mark, marks)).await?;
    }
    let mine = tx.prepare_cached(MINE).await?;
    let row = tx.query_one(&mine, &[&app, &room, &user]).await?;
    let mut cells = Cells::of(&row);
    let (head, mine) = (cells.head()?, cells.membership()?);
    Ok(MarkOutcome::Marked(Box::new(Marked { mark, mine, head, changed })))
}

async fn write(
    tx: &Tx,
    (app, room, user): (&str, &str, &str),
    seq: u64,
    (mark, marks): (Mark, MarksHead),
) -> Result<(), Fail> {
    let (save, set) = (tx.prepare_cached(SAVE).await?, tx.prepare_cached(SET).await?);
    let starred_at = mark.starred_at.map(|at| at.0);
    let (seq, rev, deleted_seq) = (big(seq), big(mark.rev), big(marks.deleted_seq));
    let row: [&(dyn ToSql + Sync); 7] =
        [&app, &room, &user, &seq, &rev, &starred_at, &mark.deleted];
    let head: [&(dyn ToSql + Sync); 5] = [&app, &room, &user, &rev, &deleted_seq];
    tokio::try_join!(async { tx.execute(&save, &row).await }, async {
        tx.execute(&set, &head).await
    })?;
    Ok(())
}

/// When the user's next star is, from now on.
async fn next_star(tx: &Tx, (app, user): (&str, &str), now: Time) -> Result<Time, Fail> {
    let lock = tx.prepare_cached(LOCK_STARS).await?;
    tx.query(&lock, &[&app, &user]).await?;
    let last = tx.prepare_cached(LAST_STAR).await?;
    let row = tx.query_one(&last, &[&app, &user]).await?;
    Ok(Mark::star_at(now, Cells::of(&row).time_or_none()?))
}

/// Nothing is counted until so many marks were made.
async fn is_full(
    tx: &Tx,
    (app, room, user): (&str, &str, &str),
    min_seq: u64,
    marks: MarksHead,
) -> Result<bool, Fail> {
    let most = limits::MARKS_PER_ROOM_MAX as u64;
    if marks.rev < most {
        return Ok(false);
    }
    let how_many = tx.prepare_cached(HOW_MANY).await?;
    let row = tx.query_one(&how_many, &[&app, &room, &user, &big(min_seq)]).await?;
    Ok(Cells::of(&row).number()? >= most)
}

/// All stars are counted, so that no more rows than the bound are ever looked at; those that the
/// list does not show give way first. The user's stars are locked.
async fn has_all_stars(tx: &Tx, (app, user): (&str, &str)) -> Result<bool, Fail> {
    if !are_many(tx, (app, user)).await? {
        return Ok(false);
    }
    let give_way = tx.prepare_cached(GIVE_WAY).await?;
    tx.execute(&give_way, &[&app, &user, &i64::MAX]).await?;
    are_many(tx, (app, user)).await
}

async fn are_many(tx: &Tx, (app, user): (&str, &str)) -> Result<bool, Fail> {
    let count = tx.prepare_cached(HOW_MANY_STARS).await?;
    let most = limits::STARS_PER_USER_MAX;
    let row = tx.query_one(&count, &[&app, &user, &i64::MAX, &rows(most, 0)]).await?;
    Ok(Cells::of(&row).number()? >= most as u64)
}

#[async_trait]
impl MarkStore for PostgresStore {
    async fn mark_message(&self, wanted: MarkMessage) -> StoreResult<MarkOutcome> {
        Ok(bounded(|| self.mark_once(&wanted)).await?)
    }

    async fn marks(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seqs: &[u64],
    ) -> StoreResult<Vec<(u64, Mark)>> {
        Ok(bounded(|| self.marks_once((app, room, user), seqs)).await?)
    }

    async fn marks_after(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        after: MarksAfter,
    ) -> StoreResult<Vec<MarkedMessage>> {
        Ok(bounded(|| self.marks_after_once((app, room, user), after)).await?)
    }

    async fn starred(
        &self,
        app: &AppId,
        user: &UserId,
        before: Option<Time>,
        limit: usize,
    ) -> StoreResult<Vec<Message>> {
        Ok(bounded(|| self.starred_once((app, user), before, limit)).await?)
    }
}
