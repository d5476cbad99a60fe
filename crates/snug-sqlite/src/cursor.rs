//! Where a member's cursor goes and what unread needs to know there (contract lines 9 and 10).

use rusqlite::Connection;
use snug_core::ids::UserId;

use crate::rows::{HeadRow, MemberRow, Sql, int, one, uint};

/// Moves the cursor to `to`, which is above it and within the room.
pub(crate) fn move_to(conn: &Connection, head: &HeadRow, mine: &mut MemberRow, to: u64) -> Sql<()> {
    // Nearly always the newest message, where both numbers are at hand.
    let read_count = if to >= head.seq { head.count } else { count_at(conn, head.rk, to)? };
    mine.facts.read_own = own_at(conn, head.rk, mine, to)?;
    mine.facts.read_count = read_count;
    mine.facts.read_seq = to;
    Ok(())
}

/// Whether only own messages lie above the cursor. Unread says at once when others' counting
/// messages do; only system and silent ones need a look.
pub(crate) fn only_own_above(
    conn: &Connection,
    head: &HeadRow,
    mine: &MemberRow,
    user: &UserId,
) -> Sql<bool> {
    if mine.facts.read_seq >= head.seq {
        return Ok(true);
    }
    if mine.facts.unread(head.count) > 0 {
        return Ok(false);
    }
    let others = one(
        conn,
        "SELECT 1 FROM messages WHERE rk = ?1 AND seq > ?2 AND seq <= ?3 AND sender IS NOT ?4 \
         LIMIT 1",
        (head.rk, int(mine.facts.read_seq), int(head.seq), user.as_str()),
        |_| Ok(()),
    )?;
    Ok(others.is_none())
}

/// The room's counting number at a seq.
fn count_at(conn: &Connection, rk: i64, seq: u64) -> Sql<u64> {
    let found = one(
        conn,
        "SELECT count FROM messages WHERE rk = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
        (rk, int(seq)),
        |row| uint(row, 0),
    )?;
    Ok(found.unwrap_or(0))
}

/// How many own counting messages are at or below a seq above the cursor. Each own message
/// names the one before, so only those between `to` and the newest are visited, no index needed.
fn own_at(conn: &Connection, rk: i64, mine: &MemberRow, to: u64) -> Sql<u64> {
    let facts = &mine.facts;
    let (mut seq, mut number) = (mine.last_own_seq, facts.own_count);
    while seq > to && number > facts.read_own {
        let before = one(
            conn,
            "SELECT own_before FROM messages WHERE rk = ?1 AND seq = ?2",
            (rk, int(seq)),
            |row| uint(row, 0),
        )?;
        seq = before.unwrap_or(0);
        number -= 1;
    }
    Ok(number)
}
