//! Changes to stored messages: edit, delete, hide, pin, react; and messages by time.

use async_trait::async_trait;
use rusqlite::Connection;
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits::{
    GONE_COUNTED_MAX, PINS_PER_ROOM_MAX, REACTION_KEYS_MAX, REACTION_USERS_SHOWN,
};
use snug_core::model::{CustomJson, Membership, Message, MessageVersion, Reaction, Time};
use snug_core::ports::{
    ChangeMessage, ChangeMessageOutcome, ChangeStore, MessageChange, OutboxEntry, StoreResult,
};

use crate::members::erase_left;
use crate::messages::{by_key, guard_holds, stored_extras};
use crate::outbox::note;
use crate::rooms::{living, save_head};
use crate::rows::{
    HeadRow, MESSAGE_WIDTH, MessageRow, Sql, all, change, int, maybe_extras, maybe_json,
    maybe_user, message, message_columns, one, size, time, uint,
};
use crate::{SqliteStore, marks, mentions, threads};

#[async_trait]
impl ChangeStore for SqliteStore {
    async fn change_message(&self, wanted: ChangeMessage) -> StoreResult<ChangeMessageOutcome> {
        let (app, now) = (wanted.app.clone(), wanted.now);
        self.write_at(&app, now, move |conn, at| try_change(conn, &wanted, at)).await
    }

    async fn pinned_messages(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
    ) -> StoreResult<Vec<Message>> {
        let (app, room) = (app.clone(), room.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => {
                let above = above_seq.max(head.min_seq.saturating_sub(1));
                pinned(conn, &room, &head, above)
            }
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn message_versions(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
        limit: usize,
    ) -> StoreResult<Vec<MessageVersion>> {
        let (app, room, id) = (app.clone(), room.clone(), id.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => versions(conn, &head, &id, limit),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn message_at(&self, app: &AppId, at: Time) -> StoreResult<Option<Message>> {
        let app = app.clone();
        self.read(Some(app.clone()), move |conn| stored_at(conn, &app, at)).await
    }

    async fn seq_at(&self, app: &AppId, room: &RoomId, at: Time) -> StoreResult<u64> {
        let (app, room) = (app.clone(), room.clone());
        self.read(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => last_seq_at(conn, &head, at),
            None => Ok(0),
        })
        .await
    }

    async fn messages_since(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
        since: Time,
        limit: usize,
    ) -> StoreResult<Vec<Message>> {
        let (app, room) = (app.clone(), room.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => {
                let above = above_seq.max(head.min_seq.saturating_sub(1));
                changed_since(conn, &room, &head, (above, since), limit)
            }
            None => Ok(Vec::new()),
        })
        .await
    }
}

/// The order of the checks is the port's: room, message, guard, nothing to do.
fn try_change(conn: &Connection, wanted: &ChangeMessage, at: Time) -> Sql<ChangeMessageOutcome> {
    let Some(mut head) = living(conn, &wanted.app, &wanted.room)? else {
        return Ok(ChangeMessageOutcome::RoomNotFound);
    };
    let found = by_key(conn, &head, &wanted.room, &wanted.id)?.map(|hit| hit.message);
    let deletes = wanted.change == MessageChange::Delete;
    let Some(old) = found.filter(|old| deletes || old.deleted_at.is_none()) else {
        return Ok(ChangeMessageOutcome::MessageNotFound);
    };
    let moved = wanted.seen.as_ref().is_some_and(|seen| !seen.holds(&old));
    if moved || !guard_holds(conn, &head, &wanted.guard, None)? {
        return Ok(ChangeMessageOutcome::GuardMoved);
    }
    let place = (head.rk, int(old.seq));
    match what_to_do(conn, &head, &old, &wanted.change)? {
        Todo::Nothing => return Ok(ChangeMessageOutcome::Unchanged(Box::new(old))),
        Todo::TooMany => return Ok(ChangeMessageOutcome::TooMany),
        Todo::It => {}
    }
    // Line 4: every durable change takes a rev.
    head.rev += 1;
    head.changed_at = at;
    apply(conn, place, (&old, wanted), (head.rev, at))?;
    let stamp = "UPDATE messages SET rev = ?3, changed_at = ?4 WHERE rk = ?1 AND seq = ?2";
    change(conn, stamp, (place.0, place.1, int(head.rev), at.0))?;
    let now = by_key(conn, &head, &wanted.room, &wanted.id)?.map(|hit| hit.message);
    let mut now = now.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    match (old.is_gone(), now.is_gone()) {
        (false, true) => head.gone += 1,
        (true, false) => head.gone = head.gone.saturating_sub(1),
        _ => {}
    }
    threads::follow(conn, &head, &old, &mut now)?;
    mentions::follow(conn, &mut head, Some(&old), &now)?;
    save_head(conn, &head)?;
    note(conn, &wanted.app, &head, || OutboxEntry::message_changed(wanted, &now), at)?;
    let head = head.head(conn)?;
    Ok(ChangeMessageOutcome::Changed(Box::new((now, head))))
}

enum Todo {
    It,
    Nothing,
    TooMany,
}

fn what_to_do(
    conn: &Connection,
    head: &HeadRow,
    old: &Message,
    change: &MessageChange,
) -> Sql<Todo> {
    let MessageChange::React { user, key, on } = change else {
        if change.is_done(old) == Some(true) {
            return Ok(Todo::Nothing);
        }
        let full = *change == MessageChange::Pin(true) && pins_are_full(conn, head)?;
        return Ok(if full { Todo::TooMany } else { Todo::It });
    };
    let on = *on;
    let given = one(
        conn,
        "SELECT 1 FROM reactions WHERE rk = ?1 AND seq = ?2 AND key = ?3 AND user = ?4",
        (head.rk, int(old.seq), key.as_str(), user.as_str()),
        |_| Ok(()),
    )?;
    if given.is_some() == on {
        return Ok(Todo::Nothing);
    }
    let known = old.reactions.iter().any(|reaction| reaction.key == *key);
    let full = on && !known && old.reactions.len() >= REACTION_KEYS_MAX;
    Ok(if full { Todo::TooMany } else { Todo::It })
}

fn apply(
    conn: &Connection,
    (rk, seq): (i64, i64),
    (old, wanted): (&Message, &ChangeMessage),
    (rev, at): (u64, Time),
) -> Sql<()> {
    match &wanted.change {
        MessageChange::Edit { text, custom, extras } => {
            keep_version(conn, (rk, seq), (old, wanted), at)?;
            change(
                conn,
                "UPDATE messages SET text = coalesce(?3, text), custom = coalesce(?4, custom), \
                 edited_at = ?5, extras = CASE WHEN ?6 THEN ?7 ELSE extras END \
                 WHERE rk = ?1 AND seq = ?2",
                (
                    rk,
                    seq,
                    text.as_deref(),
                    custom.as_ref().map(CustomJson::as_str),
                    at.0,
                    extras.is_some(),
                    stored_extras(extras.as_deref()),
                ),
            )
        }
        MessageChange::Delete => {
            change(conn, "DELETE FROM reactions WHERE rk = ?1 AND seq = ?2", (rk, seq))?;
            change(conn, "DELETE FROM message_versions WHERE rk = ?1 AND seq = ?2", (rk, seq))?;
            erase_left(conn, rk, seq)?;
            change(
                conn,
                "UPDATE messages SET text = NULL, custom = NULL, extras = NULL, reacted = 0, \
                 pinned_at = NULL, deleted_at = ?3 WHERE rk = ?1 AND seq = ?2",
                (rk, seq, at.0),
            )
        }
        MessageChange::Hide(on) => change(
            conn,
            "UPDATE messages SET hidden_at = ?3 WHERE rk = ?1 AND seq = ?2",
            (rk, seq, on.then_some(at.0)),
        ),
        MessageChange::Pin(on) => change(
            conn,
            "UPDATE messages SET pinned_at = ?3 WHERE rk = ?1 AND seq = ?2",
            (rk, seq, on.then_some(at.0)),
        ),
        MessageChange::React { user, key, on: true } => {
            change(
                conn,
                "INSERT INTO reactions (rk, seq, key, user, rev) VALUES (?1, ?2, ?3, ?4, ?5)",
                (rk, seq, key.as_str(), user.as_str(), int(rev)),
            )?;
            change(conn, "UPDATE messages SET reacted = 1 WHERE rk = ?1 AND seq = ?2", (rk, seq))
        }
        MessageChange::React { user, key, on: false } => {
            change(
                conn,
                "DELETE FROM reactions WHERE rk = ?1 AND seq = ?2 AND key = ?3 AND user = ?4",
                (rk, seq, key.as_str(), user.as_str()),
            )?;
            change(
                conn,
                "UPDATE messages SET reacted = EXISTS (SELECT 1 FROM reactions \
                 WHERE rk = ?1 AND seq = ?2) WHERE rk = ?1 AND seq = ?2",
                (rk, seq),
            )
        }
    }
    .map(drop)
}

fn keep_version(
    conn: &Connection,
    (rk, seq): (i64, i64),
    (old, wanted): (&Message, &ChangeMessage),
    at: Time,
) -> Sql<()> {
    change(
        conn,
        "INSERT INTO message_versions (rk, seq, rev, text, custom, by, at, extras) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            rk,
            seq,
            int(old.rev),
            old.text.as_deref(),
            old.custom.as_ref().map(CustomJson::as_str),
            wanted.by.as_ref().map(UserId::as_str),
            at.0,
            stored_extras(old.extras.as_deref()),
        ),
    )
    .map(drop)
}

fn pins_are_full(conn: &Connection, head: &HeadRow) -> Sql<bool> {
    let pins = one(
        conn,
        "SELECT count(*) FROM messages INDEXED BY messages_pinned \
         WHERE rk = ?1 AND pinned_at IS NOT NULL AND seq >= ?2",
        (head.rk, int(head.min_seq)),
        |row| uint(row, 0),
    )?;
    Ok(pins.is_some_and(|pins| pins >= PINS_PER_ROOM_MAX as u64))
}

fn pinned(conn: &Connection, room: &RoomId, head: &HeadRow, above: u64) -> Sql<Vec<Message>> {
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages m INDEXED BY messages_pinned WHERE m.rk = ?1 AND m.pinned_at IS NOT NULL \
         AND m.seq > ?2 AND m.deleted_at IS NULL ORDER BY m.pinned_at DESC LIMIT ?3"
    );
    let values = (head.rk, int(above), size(PINS_PER_ROOM_MAX));
    let rows = all(conn, sql, values, |row| message(row, room))?;
    whole(conn, head.rk, rows)
}

fn versions(
    conn: &Connection,
    head: &HeadRow,
    id: &MessageId,
    limit: usize,
) -> Sql<Vec<MessageVersion>> {
    let sql = "SELECT v.rev, v.text, v.custom, v.extras, v.by, v.at \
               FROM messages m JOIN message_versions v ON v.rk = m.rk AND v.seq = m.seq \
               WHERE m.rk = ?1 AND m.id = ?2 AND m.seq >= ?3 AND m.deleted_at IS NULL \
               ORDER BY v.rev DESC LIMIT ?4";
    all(conn, sql, (head.rk, id.as_str(), int(head.min_seq), size(limit)), |row| {
        Ok(MessageVersion {
            rev: uint(row, 0)?,
            text: row.get(1)?,
            custom: maybe_json(row, 2)?,
            extras: maybe_extras(row, 3)?,
            by: maybe_user(row, 4)?,
            at: time(row, 5)?,
        })
    })
}

/// Puts their reactions and their thread's summary to the messages that have some; the others cost
/// nothing.
pub(crate) fn whole(conn: &Connection, rk: i64, rows: Vec<MessageRow>) -> Sql<Vec<Message>> {
    let fill = |row: MessageRow| {
        let MessageRow { mut message, reacted, threaded } = row;
        if reacted {
            message.reactions = reactions(conn, rk, message.seq)?;
        }
        let root = message.thread.as_ref().map(|place| place.seq);
        if let Some(root) = root.or(threaded.then_some(message.seq)) {
            message.thread_summary = threads::summary(conn, rk, root)?.map(Box::new);
        }
        Ok(message)
    };
    rows.into_iter().map(fill).collect()
}

fn reactions(conn: &Connection, rk: i64, seq: u64) -> Sql<Vec<Reaction>> {
    let mut found = all(
        conn,
        "SELECT key, count(*), min(rev) FROM reactions WHERE rk = ?1 AND seq = ?2 GROUP BY key",
        (rk, int(seq)),
        |row| {
            let reaction = Reaction { key: row.get(0)?, count: uint(row, 1)?, users: Vec::new() };
            Ok((row.get::<_, i64>(2)?, reaction))
        },
    )?;
    found.sort_by_key(|(first, _)| *first);
    let mut reactions = Vec::with_capacity(found.len());
    for (_, mut reaction) in found {
        reaction.users = all(
            conn,
            "SELECT user FROM reactions WHERE rk = ?1 AND seq = ?2 AND key = ?3 \
             ORDER BY rev LIMIT ?4",
            (rk, int(seq), reaction.key.as_str(), size(REACTION_USERS_SHOWN)),
            |row| Ok(UserId::from_stored(row.get_ref(0)?.as_str()?)),
        )?;
        reactions.push(reaction);
    }
    Ok(reactions)
}

/// What a membership says beside its row: of the messages above the cursor, those that nobody sees
/// any more, and those that mention the member.
pub(crate) fn count_aside(conn: &Connection, head: &HeadRow, mine: &mut Membership) -> Sql<()> {
    count_gone(conn, head, mine)?;
    mine.gone += marks::deleted_above(conn, head.rk, mine)?;
    mentions::count(conn, head, mine)
}

/// Line 10: counting messages of others above the cursor that nobody sees any more. Nothing to
/// look at in a room that has none.
fn count_gone(conn: &Connection, head: &HeadRow, mine: &mut Membership) -> Sql<()> {
    mine.gone = 0;
    if head.gone == 0 || mine.read_seq >= head.seq || !mine.is_active() {
        return Ok(());
    }
    let found = one(
        conn,
        "SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY messages_gone \
         WHERE rk = ?1 AND seq > ?2 AND (deleted_at IS NOT NULL OR hidden_at IS NOT NULL) \
         AND kind <> 'system' AND silent = 0 AND thread IS NULL AND sender IS NOT ?3 LIMIT ?4)",
        (head.rk, int(mine.read_seq), mine.user.as_str(), size(GONE_COUNTED_MAX)),
        |row| uint(row, 0),
    )?;
    mine.gone = found.unwrap_or(0);
    Ok(())
}

/// Whether the message at a seq is one that nobody sees any more.
pub(crate) fn is_gone(conn: &Connection, rk: i64, seq: u64) -> Sql<bool> {
    let sql = "SELECT 1 FROM messages INDEXED BY messages_gone \
               WHERE rk = ?1 AND seq = ?2 AND (deleted_at IS NOT NULL OR hidden_at IS NOT NULL)";
    Ok(one(conn, sql, (rk, int(seq)), |_| Ok(()))?.is_some())
}

fn stored_at(conn: &Connection, app: &AppId, at: Time) -> Sql<Option<Message>> {
    let found = one(
        conn,
        concat!(
            "SELECT ",
            message_columns!(),
            ", m.rk, r.id FROM messages m INDEXED BY messages_by_time \
             CROSS JOIN rooms r ON r.rk = m.rk CROSS JOIN heads h ON h.rk = m.rk \
             WHERE m.created_at = ?1 AND r.app = ?2 AND h.deleted_at IS NULL \
             AND m.seq >= h.min_seq"
        ),
        (at.0, app.as_str()),
        |row| {
            let room = RoomId::from_stored(row.get_ref(MESSAGE_WIDTH + 1)?.as_str()?);
            Ok((row.get::<_, i64>(MESSAGE_WIDTH)?, message(row, &room)?))
        },
    )?;
    match found {
        Some((rk, row)) => Ok(whole(conn, rk, vec![row])?.pop()),
        None => Ok(None),
    }
}

/// Times rise with seq, so half of what is left is ruled out with each look.
fn last_seq_at(conn: &Connection, head: &HeadRow, at: Time) -> Sql<u64> {
    let (mut low, mut high) = (head.min_seq.max(1), head.seq + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = one(
            conn,
            "SELECT seq, created_at FROM messages WHERE rk = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1",
            (head.rk, int(middle)),
            |row| Ok((uint(row, 0)?, row.get::<_, i64>(1)?)),
        )?;
        match found {
            Some((seq, created)) if created <= at.0 => low = seq + 1,
            _ => high = middle,
        }
    }
    Ok(if low > head.min_seq.max(1) { low - 1 } else { 0 })
}

/// The first of both kinds by the same time, each from its own index, are the first of all.
fn changed_since(
    conn: &Connection,
    room: &RoomId,
    head: &HeadRow,
    (above, since): (u64, Time),
    limit: usize,
) -> Sql<Vec<Message>> {
    let timed =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(MESSAGE_WIDTH)?, message(row, room)?));
    // Times rise with seq.
    let fresh_above = above.max(last_seq_at(conn, head, since)?);
    let mut found = all(
        conn,
        concat!(
            "SELECT ",
            message_columns!(),
            ", m.created_at FROM messages m WHERE m.rk = ?1 AND m.seq > ?2 \
             AND m.rev = m.first_rev ORDER BY m.seq LIMIT ?3"
        ),
        (head.rk, int(fresh_above), size(limit)),
        timed,
    )?;
    found.extend(all(
        conn,
        concat!(
            "SELECT ",
            message_columns!(),
            ", max(m.changed_at, m.created_at) AS later FROM messages m \
             INDEXED BY messages_changed WHERE m.rk = ?1 AND m.rev <> m.first_rev \
             AND later > ?2 AND m.seq > ?3 ORDER BY later, m.seq LIMIT ?4"
        ),
        (head.rk, since.0, int(above), size(limit)),
        timed,
    )?);
    found.sort_by_key(|(at, row)| (*at, row.message.seq));
    found.truncate(limit);
    whole(conn, head.rk, found.into_iter().map(|(_, row)| row).collect())
}
