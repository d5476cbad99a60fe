//! Changes to stored messages: edit, delete, hide, pin, react; and messages by time. A change
//! locks its room first, as an append does.

use async_trait::async_trait;
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{CustomJson, Extras, Message, MessageVersion, Preview, Room, Time};
use snug_core::ports::{
    ChangeMessage, ChangeMessageOutcome, ChangeStore, MessageChange, OutboxEntry, StoreResult,
};
use tokio_postgres::types::ToSql;

use crate::outbox::note;
use crate::pool::{Fail, Tx, bounded};
use crate::rooms::{guard_holds, lock};
use crate::rows::{Cells, big, db_time, head_columns, message_columns, rows};
use crate::{PostgresStore, mentions, threads};

const ONE: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages g WHERE g.app = $1 AND g.room = $2 AND g.id = $3 AND g.seq >= $4"
);
const GIVEN: &str = "SELECT 1 FROM reactions
    WHERE app = $1 AND room = $2 AND seq = $3 AND key = $4 AND user_id = $5";
const KEEP_VERSION: &str =
    "INSERT INTO message_versions (app, room, seq, rev, text, custom, by, at, extras)
     SELECT app, room, seq, rev, text, custom, $4, $5, extras
     FROM messages WHERE app = $1 AND room = $2 AND seq = $3";
const EDIT: &str = "UPDATE messages SET text = coalesce($4, text), custom = coalesce($5, custom),
      edited_at = $6, extras = CASE WHEN $7::boolean THEN $8::text ELSE extras END
    WHERE app = $1 AND room = $2 AND seq = $3";
const DELETE: &str =
    "UPDATE messages SET text = NULL, custom = NULL, extras = NULL, reacted = false,
      pinned_at = NULL, deleted_at = $4 WHERE app = $1 AND room = $2 AND seq = $3";
const NO_REACTIONS: &str = "DELETE FROM reactions WHERE app = $1 AND room = $2 AND seq = $3";
const NO_VERSIONS: &str = "DELETE FROM message_versions WHERE app = $1 AND room = $2 AND seq = $3";
/// From what is kept for those who left when it was the newest one.
const ERASE_LEFT: &str = "UPDATE left_rooms SET preview_text = NULL
    WHERE app = $1 AND room = $2 AND preview_seq = $3 AND preview_text IS NOT NULL";
const HIDE: &str = "UPDATE messages SET hidden_at = CASE WHEN $4::boolean THEN $5::bigint END
    WHERE app = $1 AND room = $2 AND seq = $3";
const PIN: &str = "UPDATE messages SET pinned_at = CASE WHEN $4::boolean THEN $5::bigint END
    WHERE app = $1 AND room = $2 AND seq = $3";
const PINS: &str = "SELECT count(*) FROM messages
    WHERE app = $1 AND room = $2 AND pinned_at IS NOT NULL AND seq >= $3";
const PINNED: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages g JOIN rooms r ON r.app = g.app AND r.id = g.room
      WHERE g.app = $1 AND g.room = $2 AND g.pinned_at IS NOT NULL AND g.deleted_at IS NULL
        AND g.seq > $3 AND g.seq >= r.min_seq AND r.deleted_at IS NULL
      ORDER BY g.pinned_at DESC LIMIT $4"
);
/// The message is found first, by its key, whatever the planner thinks of a young table.
const VERSIONS: &str = "WITH g AS MATERIALIZED (
      SELECT seq FROM messages WHERE id = $3 AND app = $1 AND room = $2 AND deleted_at IS NULL)
    SELECT v.rev, v.text, v.custom, v.extras, v.by, v.at
    FROM message_versions v JOIN rooms r ON r.app = v.app AND r.id = v.room
    WHERE v.app = $1 AND v.room = $2 AND v.seq = (SELECT seq FROM g)
      AND v.seq >= r.min_seq AND r.deleted_at IS NULL
    ORDER BY v.rev DESC LIMIT $4";
const GIVE: &str = "INSERT INTO reactions (app, room, seq, key, user_id, rev)
    VALUES ($1, $2, $3, $4, $5, $6)";
const TAKE_BACK: &str = "DELETE FROM reactions
    WHERE app = $1 AND room = $2 AND seq = $3 AND key = $4 AND user_id = $5";
const REACTED: &str = "UPDATE messages SET reacted = EXISTS (SELECT FROM reactions
      WHERE app = $1 AND room = $2 AND seq = $3)
    WHERE app = $1 AND room = $2 AND seq = $3";
const STAMP: &str = "UPDATE messages SET rev = $4, changed_at = $5
    WHERE app = $1 AND room = $2 AND seq = $3";
/// One change has one time, taken after the lock.
const CLOCK: &str = concat!("SELECT ", db_time!());
const GONE: &str = "INSERT INTO gone_messages (app, room, seq, sender) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";
const BACK: &str = "DELETE FROM gone_messages WHERE app = $1 AND room = $2 AND seq = $3";
/// The preview is the message at its seq: it changes with it.
const HEAD: &str = concat!(
    "UPDATE rooms r SET rev = $3, changed_at = ",
    db_time!(),
    ", preview_text = CASE WHEN r.preview_seq = $4 THEN $5 ELSE r.preview_text END
     WHERE r.app = $1 AND r.id = $2 RETURNING ",
    head_columns!("r")
);
const AT: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages g JOIN rooms r ON r.app = g.app AND r.id = g.room
      WHERE g.app = $1 AND g.created_at = $2 AND g.created_at >= 0 AND r.deleted_at IS NULL AND g.seq >= r.min_seq"
);
/// Times rise with seq, so half of what is left is ruled out with each step.
macro_rules! seq_at {
    () => {
        "WITH RECURSIVE part(lo, hi) AS (
           SELECT r.min_seq - 1, r.seq + 1 FROM rooms r
             WHERE r.app = $1 AND r.id = $2 AND r.deleted_at IS NULL
           UNION ALL
           SELECT CASE WHEN past THEN mid ELSE lo END, CASE WHEN past THEN hi ELSE mid END
           FROM (SELECT p.lo, p.hi, p.mid, coalesce((SELECT g.created_at <= $3 FROM messages g
                   WHERE g.app = $1 AND g.room = $2 AND g.seq = p.mid), true) AS past
                 FROM (SELECT lo, hi, (lo + hi) / 2 AS mid FROM part WHERE hi - lo > 1) p) q)"
    };
}
const SEQ_AT: &str = concat!(
    seq_at!(),
    " SELECT coalesce((SELECT CASE WHEN max(p.lo) >= r.min_seq THEN max(p.lo) ELSE 0 END
        FROM part p), 0) FROM rooms r WHERE r.app = $1 AND r.id = $2"
);
const SINCE: &str = concat!(
    seq_at!(),
    " SELECT ",
    message_columns!(),
    " FROM (
       (SELECT g.*, g.created_at AS later FROM messages g
        WHERE g.app = $1 AND g.room = $2 AND g.rev = g.first_rev
          AND g.seq > greatest((SELECT max(lo) FROM part), $4) ORDER BY g.seq LIMIT $5)
       UNION ALL
       (SELECT g.*, greatest(g.created_at, g.changed_at) AS later FROM messages g
        WHERE g.app = $1 AND g.room = $2 AND g.rev > g.first_rev
          AND greatest(g.created_at, g.changed_at) > $3
          AND g.seq > greatest((SELECT min(lo) FROM part), $4)
        ORDER BY greatest(g.created_at, g.changed_at) LIMIT $5)) g
     ORDER BY g.later, g.seq LIMIT $5"
);

enum Todo {
    It,
    Nothing,
    TooMany,
}

/// A message of a locked room.
struct Place<'a> {
    tx: &'a Tx,
    app: &'a str,
    room: &'a str,
    seq: i64,
}

impl Place<'_> {
    async fn run(&self, sql: &str) -> Result<(), Fail> {
        let statement = self.tx.prepare_cached(sql).await?;
        self.tx.execute(&statement, &[&self.app, &self.room, &self.seq]).await?;
        Ok(())
    }

    async fn todo(&self, room: &Room, old: &Message, wanted: &MessageChange) -> Result<Todo, Fail> {
        let MessageChange::React { user, key, on } = wanted else {
            if wanted.is_done(old) == Some(true) {
                return Ok(Todo::Nothing);
            }
            let full = *wanted == MessageChange::Pin(true) && self.pins_are_full(room).await?;
            return Ok(if full { Todo::TooMany } else { Todo::It });
        };
        let on = *on;
        let given = self.tx.prepare_cached(GIVEN).await?;
        let (key, user) = (key.as_str(), user.as_str());
        let row =
            self.tx.query_opt(&given, &[&self.app, &self.room, &self.seq, &key, &user]).await?;
        if row.is_some() == on {
            return Ok(Todo::Nothing);
        }
        let known = old.reactions.iter().any(|reaction| reaction.key == key);
        let full = on && !known && old.reactions.len() >= limits::REACTION_KEYS_MAX;
        Ok(if full { Todo::TooMany } else { Todo::It })
    }

    async fn pins_are_full(&self, room: &Room) -> Result<bool, Fail> {
        let pins = self.tx.prepare_cached(PINS).await?;
        let row = self.tx.query_one(&pins, &[&self.app, &self.room, &big(room.min_seq)]).await?;
        Ok(Cells::of(&row).number()? >= limits::PINS_PER_ROOM_MAX as u64)
    }

    async fn apply(&self, wanted: &ChangeMessage, rev: i64, at: i64) -> Result<(), Fail> {
        let Self { tx, app, room, seq } = self;
        match &wanted.change {
            MessageChange::Edit { text, custom, extras } => {
                let by = wanted.by.as_ref().map(UserId::as_str);
                let keep = tx.prepare_cached(KEEP_VERSION).await?;
                tx.execute(&keep, &[app, room, seq, &by, &at]).await?;
                let edit = tx.prepare_cached(EDIT).await?;
                let custom = custom.as_ref().map(CustomJson::as_str);
                let extras = (extras.is_some(), extras.as_deref().and_then(Extras::stored));
                let values: [&(dyn ToSql + Sync); 8] =
                    [app, room, seq, text, &custom, &at, &extras.0, &extras.1];
                tx.execute(&edit, &values).await?;
            }
            MessageChange::Delete => {
                self.run(NO_REACTIONS).await?;
                self.run(NO_VERSIONS).await?;
                self.run(ERASE_LEFT).await?;
                let delete = tx.prepare_cached(DELETE).await?;
                tx.execute(&delete, &[app, room, seq, &at]).await?;
            }
            MessageChange::Hide(on) => {
                let hide = tx.prepare_cached(HIDE).await?;
                tx.execute(&hide, &[app, room, seq, on, &at]).await?;
            }
            MessageChange::Pin(on) => {
                let pin = tx.prepare_cached(PIN).await?;
                tx.execute(&pin, &[app, room, seq, on, &at]).await?;
            }
            MessageChange::React { user, key, on } => {
                let (key, user) = (key.as_str(), user.as_str());
                if *on {
                    let give = tx.prepare_cached(GIVE).await?;
                    tx.execute(&give, &[app, room, seq, &key, &user, &rev]).await?;
                } else {
                    let take = tx.prepare_cached(TAKE_BACK).await?;
                    tx.execute(&take, &[app, room, seq, &key, &user]).await?;
                }
                self.run(REACTED).await?;
            }
        }
        let stamp = tx.prepare_cached(STAMP).await?;
        tx.execute(&stamp, &[app, room, seq, &rev, &at]).await?;
        Ok(())
    }

    /// Line 10: counting messages that nobody sees any more are looked up beside each cursor.
    async fn count_gone(&self, old: &Message, now: &Message) -> Result<(), Fail> {
        let counts = now.counts();
        match (old.is_gone(), now.is_gone()) {
            (false, true) if counts => {
                let gone = self.tx.prepare_cached(GONE).await?;
                let sender = now.sender.as_ref().map(UserId::as_str);
                self.tx.execute(&gone, &[&self.app, &self.room, &self.seq, &sender]).await?;
                Ok(())
            }
            (true, false) => self.run(BACK).await,
            _ => Ok(()),
        }
    }
}

impl PostgresStore {
    async fn change_once(&self, wanted: &ChangeMessage) -> Result<ChangeMessageOutcome, Fail> {
        let tx = Tx::begin(self.reads.get().await?);
        let room = lock(&tx, &wanted.app, &wanted.room).await?;
        let Some(room) = room.filter(|room| room.deleted_at.is_none()) else {
            tx.rollback().await?;
            return Ok(ChangeMessageOutcome::RoomNotFound);
        };
        let found = one(&tx, wanted, &room).await?;
        let deletes = wanted.change == MessageChange::Delete;
        let Some(old) = found.filter(|old| deletes || old.deleted_at.is_none()) else {
            tx.rollback().await?;
            return Ok(ChangeMessageOutcome::MessageNotFound);
        };
        let moved = wanted.seen.as_ref().is_some_and(|seen| !seen.holds(&old));
        if moved || !guard_holds(&tx, &wanted.app, &room, &wanted.guard).await? {
            tx.rollback().await?;
            return Ok(ChangeMessageOutcome::GuardMoved);
        }
        let (app, id) = (wanted.app.as_str(), wanted.room.as_str());
        let place = Place { tx: &tx, app, room: id, seq: big(old.seq) };
        match place.todo(&room, &old, &wanted.change).await? {
            Todo::Nothing => {
                tx.rollback().await?;
                return Ok(ChangeMessageOutcome::Unchanged(Box::new(old)));
            }
            Todo::TooMany => {
                tx.rollback().await?;
                return Ok(ChangeMessageOutcome::TooMany);
            }
            Todo::It => {}
        }
        // Line 4: every durable change takes a rev.
        let rev = big(room.head.rev + 1);
        let clock = tx.prepare_cached(CLOCK).await?;
        let at = Cells::of(&tx.query_one(&clock, &[]).await?).time()?.0;
        place.apply(wanted, rev, at).await?;
        let now = one(&tx, wanted, &room).await?;
        let mut now =
            now.ok_or_else(|| Fail::Broken("a message went away under lock".to_owned()))?;
        place.count_gone(&old, &now).await?;
        mentions::follow(&tx, &wanted.app, (&old, &now)).await?;
        threads::follow(&tx, (&wanted.app, rev), &old, &mut now).await?;
        let head = tx.prepare_cached(HEAD).await?;
        let text = Preview::of(&now).text;
        let row = tx.query_one(&head, &[&app, &id, &rev, &big(now.seq), &text]).await?;
        let head = Cells::of(&row).head()?;
        let entry = OutboxEntry::message_changed(wanted, &now);
        note(&tx, (&wanted.app, &wanted.room), head.rev, &entry, Time(at)).await?;
        tx.commit().await?;
        Ok(ChangeMessageOutcome::Changed(Box::new((now, head))))
    }

    async fn pinned_once(
        &self,
        (app, room): (&AppId, &RoomId),
        above_seq: u64,
    ) -> Result<Vec<Message>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(PINNED).await?;
        let (above, most) = (big(above_seq), rows(limits::PINS_PER_ROOM_MAX, 0));
        let values: [&(dyn ToSql + Sync); 4] = [&app.as_str(), &room.as_str(), &above, &most];
        let found = client.query(&statement, &values).await?;
        found.iter().map(|row| Cells::of(row).message()).collect()
    }

    async fn versions_once(
        &self,
        (app, room): (&AppId, &RoomId),
        id: &MessageId,
        limit: usize,
    ) -> Result<Vec<MessageVersion>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(VERSIONS).await?;
        let values: [&(dyn ToSql + Sync); 4] =
            [&app.as_str(), &room.as_str(), &id.as_str(), &rows(limit, 0)];
        let found = client.query(&statement, &values).await?;
        found.iter().map(|row| Cells::of(row).version()).collect()
    }

    async fn at_once(&self, app: &AppId, at: Time) -> Result<Option<Message>, Fail> {
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(AT).await?;
        let row = client.query_opt(&statement, &[&app.as_str(), &at.0]).await?;
        row.map(|row| Cells::of(&row).message()).transpose()
    }

    async fn seq_at_once(&self, app: &AppId, room: &RoomId, at: Time) -> Result<u64, Fail> {
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(SEQ_AT).await?;
        let row = client.query_opt(&statement, &[&app.as_str(), &room.as_str(), &at.0]).await?;
        row.map_or(Ok(0), |row| Cells::of(&row).number())
    }

    async fn since_once(
        &self,
        (app, room): (&AppId, &RoomId),
        above_seq: u64,
        since: Time,
        limit: usize,
    ) -> Result<Vec<Message>, Fail> {
        let _page = self.reads.page().await?;
        let client = self.reads.get().await?;
        let statement = client.prepare_cached(SINCE).await?;
        let (above, most) = (big(above_seq), rows(limit, 0));
        let found = client
            .query(&statement, &[&app.as_str(), &room.as_str(), &since.0, &above, &most])
            .await?;
        found.iter().map(|row| Cells::of(row).message()).collect()
    }
}

async fn one(tx: &Tx, wanted: &ChangeMessage, room: &Room) -> Result<Option<Message>, Fail> {
    let one = tx.prepare_cached(ONE).await?;
    let (app, id) = (wanted.app.as_str(), wanted.room.as_str());
    let row = tx.query_opt(&one, &[&app, &id, &wanted.id.as_str(), &big(room.min_seq)]).await?;
    row.map(|row| Cells::of(&row).message()).transpose()
}

#[async_trait]
impl ChangeStore for PostgresStore {
    async fn change_message(&self, wanted: ChangeMessage) -> StoreResult<ChangeMessageOutcome> {
        Ok(bounded(|| self.change_once(&wanted)).await?)
    }

    async fn pinned_messages(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
    ) -> StoreResult<Vec<Message>> {
        Ok(bounded(|| self.pinned_once((app, room), above_seq)).await?)
    }

    async fn message_versions(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
        limit: usize,
    ) -> StoreResult<Vec<MessageVersion>> {
        Ok(bounded(|| self.versions_once((app, room), id, limit)).await?)
    }

    async fn message_at(&self, app: &AppId, at: Time) -> StoreResult<Option<Message>> {
        Ok(bounded(|| self.at_once(app, at)).await?)
    }

    async fn seq_at(&self, app: &AppId, room: &RoomId, at: Time) -> StoreResult<u64> {
        Ok(bounded(|| self.seq_at_once(app, room, at)).await?)
    }

    async fn messages_since(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
        since: Time,
        limit: usize,
    ) -> StoreResult<Vec<Message>> {
        Ok(bounded(|| self.since_once((app, room), above_seq, since, limit)).await?)
    }
}
