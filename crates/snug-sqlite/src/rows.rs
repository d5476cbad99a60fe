//! Rows to values of the domain, and small words over statements. Columns are listed once,
//! beside the function that reads them in the same order.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use snug_core::ids::{RoomId, UserId};
use snug_core::model::{
    CustomJson, DirectKey, Extras, Head, Invitation, MarksHead, Member, MemberState, Membership,
    Mentioned, Message, MessageKind, Mute, OwnSettings, Preview, Role, Room, RoomKind, RoomPolicy,
    Time, User, words,
};

use crate::threads;

pub(crate) type Sql<T> = rusqlite::Result<T>;

/// The first row of a statement that is kept prepared.
pub(crate) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Sql<T>,
) -> Sql<Option<T>> {
    conn.prepare_cached(sql)?.query_row(params, read).optional()
}

/// All rows of a statement that is kept prepared.
pub(crate) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Sql<T>,
) -> Sql<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, read)?.collect()
}

/// Runs a change; how many rows it changed.
pub(crate) fn change(conn: &Connection, sql: &str, params: impl Params) -> Sql<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// A count or position as SQLite keeps it. None comes near 2^63.
pub(crate) fn int(of: u64) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

pub(crate) fn size(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

pub(crate) fn uint(row: &Row<'_>, at: usize) -> Sql<u64> {
    let found: i64 = row.get(at)?;
    u64::try_from(found).map_err(|_| damaged(at, "a count below zero"))
}

pub(crate) fn time(row: &Row<'_>, at: usize) -> Sql<Time> {
    row.get(at).map(Time)
}

pub(crate) fn maybe_time(row: &Row<'_>, at: usize) -> Sql<Option<Time>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(Time))
}

pub(crate) fn maybe_user(row: &Row<'_>, at: usize) -> Sql<Option<UserId>> {
    let found = row.get_ref(at)?.as_str_or_null()?;
    Ok(found.map(UserId::from_stored))
}

pub(crate) fn maybe_json(row: &Row<'_>, at: usize) -> Sql<Option<CustomJson>> {
    let Some(text) = row.get::<_, Option<String>>(at)? else {
        return Ok(None);
    };
    CustomJson::from_stored(text).map(Some).map_err(|_| damaged(at, "custom JSON that is none"))
}

pub(crate) fn maybe_extras(row: &Row<'_>, at: usize) -> Sql<Option<Box<Extras>>> {
    let Some(text) = row.get_ref(at)?.as_str_or_null()? else {
        return Ok(None);
    };
    Extras::from_stored(text).map(Some).map_err(|_| damaged(at, "extras that are none"))
}

/// A stored word of the domain.
pub(crate) fn word<T>(row: &Row<'_>, at: usize, parse: fn(&str) -> Option<T>) -> Sql<T> {
    let found = row.get_ref(at)?.as_str()?;
    parse(found).ok_or_else(|| damaged(at, "an unknown word"))
}

/// 32 bytes of SHA-256.
pub(crate) fn hash(row: &Row<'_>, at: usize) -> Sql<[u8; 32]> {
    row.get(at)
}

pub(crate) fn damaged(at: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Null, what.into())
}

/// The hot part of a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadRow {
    pub(crate) rk: i64,
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    pub(crate) members_rev: u64,
    pub(crate) count: u64,
    pub(crate) activity_at: Time,
    pub(crate) changed_at: Time,
    pub(crate) deleted_at: Option<Time>,
    pub(crate) min_seq: u64,
    pub(crate) min_rev: u64,
    pub(crate) policy_rev: u64,
    pub(crate) member_count: u32,
    /// Messages that are deleted or hidden now.
    pub(crate) gone: u64,
    /// Seq of the newest message that mentioned somebody.
    pub(crate) mentioned: u64,
    pub(crate) archived: bool,
    /// Rev of the room's own last change.
    pub(crate) room_rev: u64,
    /// Seq of the newest message that is no reply in a thread.
    pub(crate) said_seq: u64,
    /// Who hears of the app's changes, as `outbox::heard_by` reads it where a change begins.
    pub(crate) heard_by: u8,
}

macro_rules! head_columns {
    () => {
        "h.rk, h.seq, h.rev, h.members_rev, h.count, h.activity_at, h.changed_at, h.deleted_at, \
         h.min_seq, h.min_rev, h.policy_rev, h.member_count, h.gone, h.mentioned, h.archived, \
         h.room_rev, h.said_seq"
    };
}
macro_rules! room_columns {
    () => {
        "r.id, r.kind, r.direct_low, r.direct_high, r.direct_context, r.name, r.avatar, \
         r.description, r.custom, r.creator, r.frozen, r.created_at, r.epoch, r.tags, \
         r.policy"
    };
}
macro_rules! member_columns {
    () => {
        "m.user, m.role, m.state, m.joined_at, m.left_at, m.left_seq, m.rev, m.policy_rev, \
         m.visible_after_seq, m.read_seq, m.read_count, m.read_rev, m.own_count, m.read_own, \
         m.changed_at, m.last_own_seq, m.pinned, m.muted_until, m.hidden_count, m.folder, \
         m.settings_rev, m.marks_rev, m.deleted_seq, m.invited_by, m.invited_at"
    };
}
macro_rules! user_columns {
    () => {
        "u.id, u.name, u.avatar, u.locale, u.custom, u.session_custom, u.deactivated_at, \
         u.created_at, u.changed_at, u.invisible"
    };
}
macro_rules! message_columns {
    () => {
        "m.id, m.seq, m.rev, m.first_rev, m.sender, m.kind, m.text, m.custom, m.silent, m.count, \
         m.created_at, m.deleted_at, m.edited_at, m.hidden_at, m.reacted, \
         m.external, m.extras, m.pinned_at, m.thread, m.thread_id, m.threaded"
    };
}
pub(crate) use {head_columns, member_columns, message_columns, room_columns, user_columns};

pub(crate) const HEAD_WIDTH: usize = 17;
pub(crate) const ROOM_WIDTH: usize = 15;
pub(crate) const USER_WIDTH: usize = 10;
pub(crate) const MESSAGE_WIDTH: usize = 21;

impl HeadRow {
    pub(crate) fn read(row: &Row<'_>) -> Sql<Self> {
        Self::read_at(row, 0)
    }

    pub(crate) fn read_at(row: &Row<'_>, at: usize) -> Sql<Self> {
        Ok(Self {
            rk: row.get(at)?,
            seq: uint(row, at + 1)?,
            rev: uint(row, at + 2)?,
            members_rev: uint(row, at + 3)?,
            count: uint(row, at + 4)?,
            activity_at: time(row, at + 5)?,
            changed_at: time(row, at + 6)?,
            deleted_at: maybe_time(row, at + 7)?,
            min_seq: uint(row, at + 8)?,
            min_rev: uint(row, at + 9)?,
            policy_rev: uint(row, at + 10)?,
            member_count: row.get(at + 11)?,
            gone: uint(row, at + 12)?,
            mentioned: uint(row, at + 13)?,
            archived: row.get(at + 14)?,
            room_rev: uint(row, at + 15)?,
            said_seq: uint(row, at + 16)?,
            heard_by: 0,
        })
    }

    /// The head as everybody sees it. The preview is the message at its seq, never a copy that
    /// could differ from it.
    pub(crate) fn head(&self, conn: &Connection) -> Sql<Head> {
        let said = self.said_seq;
        let there = said > 0 && said >= self.min_seq;
        let preview = if there { preview(conn, self.rk, said)? } else { None };
        Ok(self.head_with(preview))
    }

    pub(crate) fn head_with(&self, preview: Option<Preview>) -> Head {
        Head {
            seq: self.seq,
            rev: self.rev,
            members_rev: self.members_rev,
            room_rev: self.room_rev,
            count: self.count,
            activity_at: self.activity_at,
            preview,
        }
    }
}

fn preview(conn: &Connection, rk: i64, seq: u64) -> Sql<Option<Preview>> {
    one(
        conn,
        "SELECT sender, kind, iif(hidden_at IS NULL, text, NULL), created_at, extras FROM messages \
         WHERE rk = ?1 AND seq = ?2",
        (rk, int(seq)),
        |row| {
            Ok(Preview {
                seq,
                sender: maybe_user(row, 0)?,
                kind: word(row, 1, MessageKind::parse)?,
                text: preview_text(row)?,
                created_at: time(row, 3)?,
            })
        },
    )
}

/// Without the marks of its format, as the one that `Preview::of` makes.
fn preview_text(row: &Row<'_>) -> Sql<Option<String>> {
    let Some(text) = row.get_ref(2)?.as_str_or_null()? else { return Ok(None) };
    let format = maybe_extras(row, 4)?.and_then(|extras| extras.format);
    Ok(Some(Preview::cut(&words(text, format))))
}

/// A room from its own columns at `at` and its head.
pub(crate) fn room(conn: &Connection, row: &Row<'_>, at: usize, head: &HeadRow) -> Sql<Room> {
    let direct = match (maybe_user(row, at + 2)?, maybe_user(row, at + 3)?) {
        (Some(low), Some(high)) => Some(DirectKey { low, high, context: row.get(at + 4)? }),
        _ => None,
    };
    Ok(Room {
        id: RoomId::from_stored(row.get_ref(at)?.as_str()?),
        kind: word(row, at + 1, RoomKind::parse)?,
        direct,
        name: row.get(at + 5)?,
        avatar: row.get(at + 6)?,
        description: row.get(at + 7)?,
        custom: maybe_json(row, at + 8)?,
        tags: tags(row, at + 13)?,
        creator: maybe_user(row, at + 9)?,
        frozen: row.get(at + 10)?,
        archived: head.archived,
        policy: policy(row, at + 14)?,
        created_at: time(row, at + 11)?,
        changed_at: head.changed_at,
        deleted_at: head.deleted_at,
        epoch: row.get(at + 12)?,
        min_seq: head.min_seq,
        min_rev: head.min_rev,
        policy_rev: head.policy_rev,
        member_count: head.member_count,
        head: head.head(conn)?,
    })
}

fn policy(row: &Row<'_>, at: usize) -> Sql<RoomPolicy> {
    RoomPolicy::from_stored(row.get_ref(at)?.as_str_or_null()?)
        .ok_or_else(|| damaged(at, "a policy that cannot be read"))
}

/// Whoever came in, by whatever release, has none.
fn invitation(row: &Row<'_>, at: usize, state: MemberState) -> Sql<Option<Invitation>> {
    let (by, since) = (maybe_user(row, at)?, maybe_time(row, at + 1)?);
    let asked = matches!(state, MemberState::Invited | MemberState::Left);
    Ok(since.filter(|_| asked).map(|at| Invitation { by, at }))
}

/// A membership, with what only the store needs of it.
#[derive(Debug, Clone)]
pub(crate) struct MemberRow {
    pub(crate) facts: Membership,
    /// Seq of the member's newest own counting message; 0 without one.
    pub(crate) last_own_seq: u64,
}

impl MemberRow {
    pub(crate) fn read(row: &Row<'_>) -> Sql<Self> {
        Self::read_at(row, 0)
    }

    pub(crate) fn read_at(row: &Row<'_>, at: usize) -> Sql<Self> {
        let state = word(row, at + 2, MemberState::parse)?;
        let facts = Membership {
            user: UserId::from_stored(row.get_ref(at)?.as_str()?),
            role: word(row, at + 1, Role::parse)?,
            state,
            invitation: invitation(row, at + 23, state)?,
            joined_at: time(row, at + 3)?,
            left_at: maybe_time(row, at + 4)?,
            left_seq: row.get::<_, Option<i64>>(at + 5)?.map(i64::unsigned_abs),
            rev: uint(row, at + 6)?,
            policy_rev: uint(row, at + 7)?,
            visible_after_seq: uint(row, at + 8)?,
            read_seq: uint(row, at + 9)?,
            read_count: uint(row, at + 10)?,
            read_rev: uint(row, at + 11)?,
            own_count: uint(row, at + 12)?,
            read_own: uint(row, at + 13)?,
            gone: 0,
            mentions: Mentioned::default(),
            own: own(row, at + 16)?,
            marks: MarksHead { rev: uint(row, at + 21)?, deleted_seq: uint(row, at + 22)? },
            changed_at: time(row, at + 14)?,
        };
        Ok(Self { facts, last_own_seq: uint(row, at + 15)? })
    }
}

fn own(row: &Row<'_>, at: usize) -> Sql<OwnSettings> {
    Ok(OwnSettings {
        pinned: row.get(at)?,
        muted: row.get::<_, Option<i64>>(at + 1)?.map(Mute::from_stored),
        hidden_count: row.get::<_, Option<i64>>(at + 2)?.map(i64::unsigned_abs),
        folder: row.get(at + 3)?,
        rev: uint(row, at + 4)?,
    })
}

/// A room's tags: a JSON list; most rooms have none.
pub(crate) fn tags(row: &Row<'_>, at: usize) -> Sql<Vec<String>> {
    let Some(text) = row.get_ref(at)?.as_str_or_null()? else {
        return Ok(Vec::new());
    };
    serde_json::from_str(text).map_err(|_| damaged(at, "tags that are none"))
}

/// As `tags` reads them.
pub(crate) fn stored_tags(tags: &[String]) -> Option<String> {
    // A list of strings can always be written.
    (!tags.is_empty()).then(|| serde_json::to_string(tags).unwrap_or_default())
}

pub(crate) fn user(row: &Row<'_>) -> Sql<User> {
    user_at(row, 0)
}

fn user_at(row: &Row<'_>, at: usize) -> Sql<User> {
    Ok(User {
        id: UserId::from_stored(row.get_ref(at)?.as_str()?),
        name: row.get(at + 1)?,
        avatar: row.get(at + 2)?,
        locale: row.get(at + 3)?,
        custom: maybe_json(row, at + 4)?,
        session_custom: maybe_json(row, at + 5)?,
        deactivated_at: maybe_time(row, at + 6)?,
        created_at: time(row, at + 7)?,
        changed_at: time(row, at + 8)?,
        invisible: row.get(at + 9)?,
    })
}

/// A member as others see one: the user's columns, then role, state, `joined_at`, `read_seq`, rev.
pub(crate) fn member(row: &Row<'_>) -> Sql<Member> {
    let at = USER_WIDTH;
    Ok(Member {
        user: user_at(row, 0)?,
        role: word(row, at, Role::parse)?,
        state: word(row, at + 1, MemberState::parse)?,
        joined_at: time(row, at + 2)?,
        read_seq: uint(row, at + 3)?,
        rev: uint(row, at + 4)?,
    })
}

/// A message without its reactions and its thread's summary; `changes::whole` puts them to it.
#[derive(Debug)]
pub(crate) struct MessageRow {
    pub(crate) message: Message,
    pub(crate) reacted: bool,
    /// Replies hang at it.
    pub(crate) threaded: bool,
}

pub(crate) fn message(row: &Row<'_>, room: &RoomId) -> Sql<MessageRow> {
    let message = Message {
        id: snug_core::ids::MessageId::from_stored(row.get_ref(0)?.as_str()?),
        external: row.get(15)?,
        room: room.clone(),
        seq: uint(row, 1)?,
        rev: uint(row, 2)?,
        first_rev: uint(row, 3)?,
        sender: maybe_user(row, 4)?,
        kind: word(row, 5, MessageKind::parse)?,
        text: row.get(6)?,
        custom: maybe_json(row, 7)?,
        extras: maybe_extras(row, 16)?,
        silent: row.get(8)?,
        count: uint(row, 9)?,
        created_at: time(row, 10)?,
        deleted_at: maybe_time(row, 11)?,
        edited_at: maybe_time(row, 12)?,
        hidden_at: maybe_time(row, 13)?,
        pinned_at: maybe_time(row, 17)?,
        reactions: Vec::new(),
        thread: threads::place(row, 18)?,
        thread_summary: None,
        own: None,
    };
    Ok(MessageRow { message, reacted: row.get(14)?, threaded: row.get(20)? })
}
