//! Messages and read cursors.

use async_trait::async_trait;
use rusqlite::{Connection, named_params};
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{CustomJson, Extras, Head, Membership, Message, Preview, Time};
use snug_core::ports::{
    Append, AppendOutcome, Appended, Guard, HistoryQuery, KeyHit, MessageStore, NewMessage,
    OutboxEntry, PayloadHash, StoreResult,
};

use crate::changes::{count_aside, whole};
use crate::members::{find_member, save_member};
use crate::outbox::note;
use crate::rooms::{living, save_head};
use crate::rows::{
    HeadRow, MESSAGE_WIDTH, MemberRow, Sql, all, change, hash, int, message, message_columns, one,
    size,
};
use crate::{SqliteStore, cursor, mentions, threads, users};

#[async_trait]
impl MessageStore for SqliteStore {
    async fn append_message(&self, append: Append) -> StoreResult<AppendOutcome> {
        let (app, now) = (append.app.clone(), append.now);
        self.write_at(&app, now, move |conn, at| try_append(conn, &append, at)).await
    }

    async fn message_by_key(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
    ) -> StoreResult<Option<KeyHit>> {
        let (app, room, id) = (app.clone(), room.clone(), id.clone());
        self.read(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => by_key(conn, &head, &room, &id),
            None => Ok(None),
        })
        .await
    }

    async fn externals(
        &self,
        app: &AppId,
        room: &RoomId,
        externals: &[String],
    ) -> StoreResult<Vec<(String, MessageId)>> {
        let (app, room, externals) = (app.clone(), room.clone(), externals.to_vec());
        self.read(Some(app.clone()), move |conn| {
            let Some(head) = living(conn, &app, &room)? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for external in &externals {
                if let Some(id) = by_external(conn, &head, external)? {
                    found.push((external.clone(), id));
                }
            }
            Ok(found)
        })
        .await
    }

    async fn history(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>> {
        let (app, room, query) = (app.clone(), room.clone(), query.clone());
        self.read_page(Some(app.clone()), move |conn| match living(conn, &app, &room)? {
            Some(head) => page(conn, &head, &room, &query),
            None => Ok(Vec::new()),
        })
        .await
    }

    async fn move_cursor(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seq: u64,
        now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>> {
        let (id, room, user) = (app.clone(), room.clone(), user.clone());
        self.write_at(app, now, move |conn, at| {
            let Some(head) = living(conn, &id, &room)? else {
                return Ok(None);
            };
            let mine = find_member(conn, head.rk, &user)?;
            let Some(mut mine) = mine.filter(|mine| mine.facts.is_active()) else {
                return Ok(None);
            };
            let to = seq.min(head.seq);
            // Line 9: a cursor never goes back.
            let moves = to > mine.facts.read_seq;
            if moves {
                cursor::move_to(conn, &head, &mut mine, to)?;
                mine.facts.read_rev = head.rev;
                mine.facts.changed_at = at;
                save_member(conn, head.rk, &mine)?;
            }
            count_aside(conn, &head, &mut mine.facts)?;
            Ok(Some((mine.facts, head.head(conn)?, moves)))
        })
        .await
    }
}

/// The order of the checks is the contract's: room, key, guard.
fn try_append(conn: &Connection, append: &Append, at: Time) -> Sql<AppendOutcome> {
    let Append { app, room, guard, message: new, now } = append;
    let Some(mut head) = living(conn, app, room)? else {
        return Ok(AppendOutcome::RoomNotFound);
    };
    // Line 2: the key is looked up where the seq is given, so a racing repeat leaves no hole.
    if let Some(hit) = by_key(conn, &head, room, &new.id)? {
        let same = hit.hash == new.hash && hit.message.sender == new.sender;
        return Ok(if same {
            AppendOutcome::Duplicate(Box::new(hit.message))
        } else {
            AppendOutcome::Conflict
        });
    }
    if let Some(external) = &new.external
        && by_external(conn, &head, external)?.is_some()
    {
        return Ok(AppendOutcome::Conflict);
    }
    let mine = match &new.sender {
        Some(sender) => find_member(conn, head.rk, sender)?,
        None => None,
    };
    if !guard_holds(conn, &head, guard, mine.as_ref())? {
        return Ok(AppendOutcome::GuardMoved);
    }
    ensure_sender(conn, app, mine.as_ref(), new, *now)?;
    let appended = store(conn, (app, room), &mut head, mine, new, (*now, at))?;
    Ok(AppendOutcome::Stored(Box::new(appended)))
}

/// Line 11: what policy saw is compared in the transaction that stores.
pub(crate) fn guard_holds(
    conn: &Connection,
    head: &HeadRow,
    guard: &Guard,
    known: Option<&MemberRow>,
) -> Sql<bool> {
    if guard.room_policy_rev != head.policy_rev {
        return Ok(false);
    }
    let Some((user, seen)) = &guard.member else {
        return Ok(true);
    };
    let rev = match known.filter(|known| known.facts.user == *user) {
        Some(known) => Some(known.facts.policy_rev),
        None => find_member(conn, head.rk, user)?.map(|found| found.facts.policy_rev),
    };
    Ok(rev == Some(*seen))
}

/// Stores a message that was allowed: the one place where seq and a message's rev are given.
/// Everything is worked out before the first write. `(now, at)`: the caller's time, and the
/// one to stamp changes with.
pub(crate) fn store(
    conn: &Connection,
    (app, room): (&AppId, &RoomId),
    head: &mut HeadRow,
    mut mine: Option<MemberRow>,
    new: &NewMessage,
    (now, at): (Time, Time),
) -> Sql<Appended> {
    let before = *head;
    // Lines 3 and 4: seq and rev go on by one, in the commit of what they number.
    head.seq += 1;
    head.rev += 1;
    head.count += u64::from(new.counts());
    let created_at = time_of_next(conn, &before, now)?;
    // A reply in a thread moves the room in no list.
    if new.thread.is_none() {
        head.said_seq = head.seq;
        head.activity_at = created_at;
    }
    head.changed_at = at;
    let own_before = mine.as_ref().map_or(0, |mine| mine.last_own_seq);
    if let Some(mine) = &mut mine {
        count_own(conn, (&before, head), mine, new, at)?;
    }
    let own_no = mine.as_ref().map_or(0, |mine| mine.facts.own_count);
    let mut message = Message {
        id: new.id.clone(),
        external: new.external.clone(),
        room: room.clone(),
        seq: head.seq,
        rev: head.rev,
        first_rev: head.rev,
        sender: new.sender.clone(),
        kind: new.kind,
        text: new.text.clone(),
        custom: new.custom.clone(),
        extras: new.extras.clone(),
        silent: new.silent,
        count: head.count,
        created_at,
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
        pinned_at: None,
        reactions: Vec::new(),
        thread: new.thread.as_ref().map(|reply| Box::new(reply.root.clone())),
        thread_summary: None,
        own: None,
    };
    free_id(conn, head, &message.id)?;
    insert(conn, head.rk, &message, new.hash, (own_no, own_before))?;
    mentions::follow(conn, head, None, &message)?;
    threads::hang(conn, head, new, &mut message)?;
    save_head(conn, head)?;
    note(conn, app, head, || OutboxEntry::appended(message.seq), message.created_at)?;
    if let Some(mine) = &mine {
        save_member(conn, head.rk, mine)?;
    }
    let mut mine = mine.map(|mine| mine.facts).filter(Membership::is_active);
    if let Some(mine) = &mut mine {
        count_aside(conn, head, mine)?;
    }
    let head = match message.thread {
        None => head.head_with(Some(Preview::of(&message))),
        Some(_) => head.head(conn)?,
    };
    Ok(Appended { message, head, mine })
}

/// Line 3: times rise strictly, whatever the clock does; in this file one for one message, so that
/// a time names its message in the whole app.
fn time_of_next(conn: &Connection, before: &HeadRow, now: Time) -> Sql<Time> {
    let above = Time(before.activity_at.0 + i64::from(before.seq > 0));
    Ok(now.max(above).max(Time(last_time(conn)? + 1)))
}

/// When the newest message of the file was stored: the last entry of an index.
fn last_time(conn: &Connection) -> Sql<i64> {
    let found = one(conn, "SELECT max(created_at) FROM messages", [], |row| row.get(0))?;
    Ok(found.flatten().unwrap_or(0))
}

/// The sender's own number and cursor. A sender who is away (the backend may speak for one)
/// keeps the number only.
fn count_own(
    conn: &Connection,
    (before, after): (&HeadRow, &HeadRow),
    mine: &mut MemberRow,
    new: &NewMessage,
    at: Time,
) -> Sql<()> {
    let active = mine.facts.is_active();
    let from = mine.facts.read_seq;
    let mut passes = false;
    if active {
        // Line 9: first what the sender says was read, by max, then past the own message.
        let said = new.read_up_to.unwrap_or(0).min(before.seq);
        if said > from {
            cursor::move_to(conn, before, mine, said)?;
        }
        let user = mine.facts.user.clone();
        passes = cursor::only_own_above(conn, before, mine, &user)?;
    }
    let counted = after.count > before.count;
    if counted {
        mine.facts.own_count += 1;
        mine.last_own_seq = after.seq;
    }
    if passes {
        mine.facts.read_seq = after.seq;
        mine.facts.read_count = after.count;
        mine.facts.read_own = mine.facts.own_count;
    }
    if mine.facts.read_seq > from {
        mine.facts.read_rev = after.rev;
    }
    if active {
        mine.facts.changed_at = at;
    }
    Ok(())
}

fn insert(
    conn: &Connection,
    rk: i64,
    message: &Message,
    hash: PayloadHash,
    (own_no, own_before): (u64, u64),
) -> Sql<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO messages (rk, seq, rev, first_rev, id, sender, kind, text, custom, silent, \
         count, own_no, own_before, created_at, hash, external, extras, thread, thread_id) \
         VALUES (:rk, :seq, :rev, :rev, :id, :sender, :kind, :text, :custom, :silent, \
         :count, :own_no, :own_before, :created_at, :hash, :external, :extras, :thread, \
         :thread_id)",
    )?;
    insert
        .execute(named_params! {
            ":rk": rk,
            ":seq": int(message.seq),
            ":rev": int(message.rev),
            ":id": message.id.as_str(),
            ":sender": message.sender.as_ref().map(UserId::as_str),
            ":kind": message.kind.as_str(),
            ":text": message.text,
            ":custom": message.custom.as_ref().map(CustomJson::as_str),
            ":silent": message.silent,
            ":count": int(message.count),
            ":own_no": int(own_no),
            ":own_before": int(own_before),
            ":created_at": message.created_at.0,
            ":hash": hash.0,
            ":external": message.external,
            ":extras": stored_extras(message.extras.as_deref()),
            ":thread": message.thread.as_ref().map(|place| int(place.seq)),
            ":thread_id": message.thread.as_ref().map(|place| place.id.as_str()),
        })
        .map(drop)
}

/// The document as it is stored; most messages have none.
pub(crate) fn stored_extras(extras: Option<&Extras>) -> Option<String> {
    extras.and_then(Extras::stored)
}

/// Takes an id from a message of before a deletion: nobody can see that one any more. Only a
/// room that was made anew has such.
fn free_id(conn: &Connection, head: &HeadRow, id: &MessageId) -> Sql<()> {
    if head.min_seq <= 1 {
        return Ok(());
    }
    let sql = "DELETE FROM messages WHERE rk = ?1 AND id = ?2 AND seq < ?3";
    change(conn, sql, (head.rk, id.as_str(), int(head.min_seq))).map(drop)
}

pub(crate) fn by_key(
    conn: &Connection,
    head: &HeadRow,
    room: &RoomId,
    id: &MessageId,
) -> Sql<Option<KeyHit>> {
    let sql = concat!(
        "SELECT ",
        message_columns!(),
        ", m.hash FROM messages m WHERE m.rk = ?1 AND m.id = ?2 AND m.seq >= ?3"
    );
    let found = one(conn, sql, (head.rk, id.as_str(), int(head.min_seq)), |row| {
        Ok((PayloadHash(hash(row, MESSAGE_WIDTH)?), message(row, room)?))
    })?;
    let Some((hash, row)) = found else {
        return Ok(None);
    };
    let message = whole(conn, head.rk, vec![row])?.pop();
    Ok(message.map(|message| KeyHit { hash, message }))
}

fn by_external(conn: &Connection, head: &HeadRow, external: &str) -> Sql<Option<MessageId>> {
    let sql = "SELECT id FROM messages WHERE rk = ?1 AND external = ?2 AND seq >= ?3";
    one(conn, sql, (head.rk, external, int(head.min_seq)), |row| {
        Ok(MessageId::from_stored(row.get_ref(0)?.as_str()?))
    })
}

fn page(
    conn: &Connection,
    head: &HeadRow,
    room: &RoomId,
    query: &HistoryQuery,
) -> Sql<Vec<Message>> {
    // `above` and `after` are exclusive, `min_seq` is not.
    let above = query.above.max(query.after.unwrap_or(0)).max(head.min_seq.saturating_sub(1));
    let before = query.before.unwrap_or(u64::MAX);
    let forward = query.after.is_some();
    let sql = if forward {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m WHERE m.rk = ?1 AND m.seq > ?2 AND m.seq < ?3 \
             ORDER BY m.seq LIMIT ?4"
        )
    } else {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m WHERE m.rk = ?1 AND m.seq > ?2 AND m.seq < ?3 \
             ORDER BY m.seq DESC LIMIT ?4"
        )
    };
    let bounds = (head.rk, int(above), int(before), size(query.limit));
    let mut found = all(conn, sql, bounds, |row| message(row, room))?;
    if !forward {
        found.reverse();
    }
    whole(conn, head.rk, found)
}

/// As `store`, for a call that does not know the sender's membership.
pub(crate) fn store_said(
    conn: &Connection,
    (app, room): (&AppId, &RoomId),
    head: &mut HeadRow,
    new: &NewMessage,
    times: (Time, Time),
) -> Sql<Appended> {
    let mine = match &new.sender {
        Some(sender) => find_member(conn, head.rk, sender)?,
        None => None,
    };
    ensure_sender(conn, app, mine.as_ref(), new, times.0)?;
    store(conn, (app, room), head, mine, new, times)
}

/// A member is a user already; anybody else is made on the spot.
fn ensure_sender(
    conn: &Connection,
    app: &AppId,
    mine: Option<&MemberRow>,
    new: &NewMessage,
    now: Time,
) -> Sql<()> {
    match &new.sender {
        Some(sender) if mine.is_none() => users::ensure(conn, app, sender, now),
        _ => Ok(()),
    }
}
