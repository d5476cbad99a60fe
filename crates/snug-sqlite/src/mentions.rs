//! Whom messages mention, beside the messages: unread mentions are counted without reading any.

use rusqlite::Connection;
use snug_core::ids::UserId;
use snug_core::limits::MENTIONS_COUNTED_MAX;
use snug_core::model::{Membership, Mentioned, Mentions, Message};

use crate::rows::{HeadRow, Sql, change, int, one, size, uint};

/// The first messages of others above a cursor that mention a target.
macro_rules! first_of {
    ($target:literal, $named:literal) => {
        concat!(
            "SELECT * FROM (SELECT seq, ",
            $named,
            " AS named FROM mentions x WHERE rk = ?1 AND target = ",
            $target,
            " AND seq > ?5 AND sender IS NOT ?6 AND (seq > ?8 OR NOT EXISTS (SELECT 1 FROM marks k \
             WHERE k.rk = ?1 AND k.user = ?6 AND k.seq = x.seq AND k.deleted = 1)) \
             ORDER BY seq LIMIT ?7)"
        )
    };
}

/// Brings the index from a message as it was (`None`: it is new) to what it is now. A message that
/// mentions nobody costs nothing. The head is saved by the caller.
pub(crate) fn follow(
    conn: &Connection,
    head: &mut HeadRow,
    old: Option<&Message>,
    now: &Message,
) -> Sql<()> {
    let had = old.map(Message::mention_targets).unwrap_or_default();
    let has = now.mention_targets();
    for target in had.difference(&has) {
        let sql = "DELETE FROM mentions WHERE rk = ?1 AND target = ?2 AND seq = ?3";
        change(conn, sql, (head.rk, target, int(now.seq)))?;
    }
    let sender = now.sender.as_ref().map(UserId::as_str);
    for target in has.difference(&had) {
        let sql =
            "INSERT OR IGNORE INTO mentions (rk, target, seq, sender) VALUES (?1, ?2, ?3, ?4)";
        change(conn, sql, (head.rk, target, int(now.seq), sender))?;
        head.mentioned = head.mentioned.max(now.seq);
    }
    Ok(())
}

/// Messages after the cursor that mention the member. Nothing is looked at where the newest of them
/// is read.
pub(crate) fn count(conn: &Connection, head: &HeadRow, mine: &mut Membership) -> Sql<()> {
    mine.mentions = Mentioned::default();
    let above = mine.read_seq.max(mine.visible_after_seq);
    if above >= head.mentioned || !mine.is_active() {
        return Ok(());
    }
    let [everyone, role, user] = Mentions::targets_of(&mine.user, mine.role);
    let most = size(MENTIONS_COUNTED_MAX);
    let found = one(
        conn,
        concat!(
            "SELECT count(*), coalesce(sum(named), 0) FROM (SELECT max(named) AS named FROM (",
            first_of!("?2", "0"),
            " UNION ALL ",
            first_of!("?3", "0"),
            " UNION ALL ",
            first_of!("?4", "1"),
            ") GROUP BY seq)"
        ),
        (
            head.rk,
            everyone,
            role,
            user,
            int(above),
            mine.user.as_str(),
            most,
            int(mine.marks.deleted_seq),
        ),
        |row| Ok(Mentioned::bounded(uint(row, 0)?, uint(row, 1)?)),
    )?;
    mine.mentions = found.unwrap_or_default();
    Ok(())
}
