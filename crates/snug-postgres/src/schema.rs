//! The schema's versions: forward only, one file each, applied once however many nodes start.

use deadpool_postgres::Pool;
use snug_core::ids;

use crate::pool::{Fail, Tx};

/// In the order of their versions, from 1.
const MIGRATIONS: [&str; 17] = [
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_changes.sql"),
    include_str!("../migrations/0003_bridge.sql"),
    include_str!("../migrations/0004_outbox.sql"),
    include_str!("../migrations/0005_plans.sql"),
    include_str!("../migrations/0006_extras.sql"),
    include_str!("../migrations/0007_mentions.sql"),
    include_str!("../migrations/0008_pins.sql"),
    include_str!("../migrations/0009_rooms.sql"),
    include_str!("../migrations/0010_nodes.sql"),
    include_str!("../migrations/0011_threads.sql"),
    include_str!("../migrations/0012_marks.sql"),
    include_str!("../migrations/0013_presence.sql"),
    include_str!("../migrations/0014_policies_and_invitations.sql"),
    include_str!("../migrations/0015_scheduled.sql"),
    include_str!("../migrations/0016_delivered.sql"),
    include_str!("../migrations/0017_left_previews.sql"),
];

/// "snug" in ASCII and 1: the lock that nodes take to migrate one after the other.
const LOCK: i64 = 0x736e_7567_0000_0001;

/// Brings the database to the newest version and sees that the install has an epoch.
///
/// One transaction under one advisory lock: of several nodes that start at once one migrates and
/// the others wait and find it done; a migration that fails leaves nothing.
pub(crate) async fn migrate(pool: &Pool, epoch_seed: [u8; 16]) -> Result<(), Fail> {
    // Each version by itself: one that held the locks of several would meet, in another order, what
    // nodes of the release before have under way.
    while step(pool, epoch_seed).await? {}
    Ok(())
}

/// One version further, or the epoch where there is none; says whether to go on.
async fn step(pool: &Pool, epoch_seed: [u8; 16]) -> Result<bool, Fail> {
    let tx = Tx::begin(pool.get().await?);
    // A migration may take longer than a request may.
    tx.batch_execute(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
    )
    .await?;
    tx.query("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let encoding: String =
        tx.query_one("SELECT current_setting('server_encoding')", &[]).await?.try_get(0)?;
    if encoding != "UTF8" {
        return Err(Fail::Broken(format!("the database's encoding is {encoding}, expected UTF8")));
    }
    tx.batch_execute(
        "CREATE TABLE IF NOT EXISTS schema_versions (
            version integer PRIMARY KEY,
            applied_at timestamptz NOT NULL DEFAULT now())",
    )
    .await?;
    let found: i32 = tx
        .query_one("SELECT coalesce(max(version), 0) FROM schema_versions", &[])
        .await?
        .try_get(0)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(Fail::Broken(format!(
            "the database is at schema version {found}, this program knows {} only",
            MIGRATIONS.len()
        )));
    }
    if let Some(migration) = MIGRATIONS.get(found) {
        let version = i32::try_from(found + 1).unwrap_or(i32::MAX);
        tracing::info!(version, "migrating the database");
        tx.batch_execute(migration).await?;
        tx.execute("INSERT INTO schema_versions (version) VALUES ($1)", &[&version]).await?;
        tx.commit().await?;
        return Ok(true);
    }
    let mut epoch = String::new();
    ids::base32(&epoch_seed, 26, &mut epoch);
    tx.execute(
        "INSERT INTO meta (key, value) VALUES ('epoch', $1) ON CONFLICT (key) DO NOTHING",
        &[&epoch],
    )
    .await?;
    tx.commit().await?;
    Ok(false)
}
