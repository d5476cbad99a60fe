//! The schema's versions. Forward only: a migration that was released is never edited.

use rusqlite::{Connection, OptionalExtension};

use crate::OpenError;

/// `"Snug"` in the file's header: another program's file is refused, not overwritten.
const APPLICATION_ID: i64 = 0x536e_7567;

/// Place n brings the schema to version n + 1.
const MIGRATIONS: [&str; 15] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_changes.sql"),
    include_str!("../migrations/0003_bridge.sql"),
    include_str!("../migrations/0004_outbox.sql"),
    include_str!("../migrations/0005_extras.sql"),
    include_str!("../migrations/0006_mentions.sql"),
    include_str!("../migrations/0007_pins.sql"),
    include_str!("../migrations/0008_rooms.sql"),
    include_str!("../migrations/0009_nodes.sql"),
    include_str!("../migrations/0010_threads.sql"),
    include_str!("../migrations/0011_marks.sql"),
    include_str!("../migrations/0012_presence.sql"),
    include_str!("../migrations/0013_policies_and_invitations.sql"),
    include_str!("../migrations/0014_scheduled.sql"),
    include_str!("../migrations/0015_delivered.sql"),
];

/// The newest version that this build knows.
pub(crate) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Brings the file to the newest version, and makes the install's epoch when there is none.
pub(crate) fn migrate(conn: &mut Connection, first_epoch: &str) -> Result<String, OpenError> {
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    if found > KNOWN {
        return Err(OpenError::Newer { found, known: KNOWN });
    }
    for (place, sql) in MIGRATIONS.iter().enumerate() {
        let version = place as i64 + 1;
        if version > found {
            tx.execute_batch(sql)?;
            tx.execute("INSERT INTO schema_versions (version) VALUES (?1)", [version])?;
        }
    }
    tx.execute(
        "INSERT INTO meta (key, value) VALUES ('epoch', ?1) ON CONFLICT DO NOTHING",
        [first_epoch],
    )?;
    let epoch = tx.query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| row.get(0))?;
    tx.commit()?;
    Ok(epoch)
}

/// The file's version; 0 for a file that was empty.
fn version(conn: &Connection) -> Result<i64, OpenError> {
    let marked: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if marked == APPLICATION_ID {
        let found = conn
            .query_row("SELECT max(version) FROM schema_versions", [], |row| {
                row.get::<_, Option<i64>>(0)
            })
            .optional()?
            .flatten();
        return Ok(found.unwrap_or(0));
    }
    let things: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if marked != 0 || things != 0 {
        return Err(OpenError::Foreign);
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.execute_batch("CREATE TABLE schema_versions (version INTEGER PRIMARY KEY) STRICT")?;
    Ok(0)
}
