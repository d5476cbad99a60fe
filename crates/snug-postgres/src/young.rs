//! Statistics while tables are young. The planner knows nothing of a table until its first
//! `ANALYZE`, takes it for almost empty, and keeps what it planned then: a join walks all rooms of
//! an app, since there seem to be none. The database itself looks once a minute, which is long for
//! who has just installed us, moves in, or measures. So this node looks too, often at first, and
//! has a table analyzed each time its rows have doubled, until it is large.

use std::time::Duration;

use deadpool_postgres::Pool;
use snug_core::limits;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::pool::Fail;

const FIRST: Duration = Duration::from_millis(limits::STATISTICS_LOOK_MS_MIN);
const LAST: Duration = Duration::from_millis(limits::STATISTICS_LOOK_MS_MAX);

/// Tables of fewer rows than $1 that have doubled since they were analyzed.
const DOUBLED: &str = "SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND pg_has_role(c.relowner, 'USAGE')
      AND s.n_live_tup >= 10 AND s.n_live_tup > 2 * greatest(c.reltuples, 0)
      AND c.reltuples < $1::bigint";

/// Looks until it is dropped.
pub(crate) fn watch(pool: &Pool) -> JoinSet<()> {
    let pool = pool.clone();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut pause = FIRST;
        loop {
            sleep(pause).await;
            pause = match analyze(&pool).await {
                Ok(0) => (pause * 2).min(LAST),
                Ok(_) => FIRST,
                Err(error) => {
                    tracing::warn!(error = ?error, "young tables could not be looked at");
                    LAST
                }
            };
        }
    });
    task
}

/// How many tables were analyzed.
async fn analyze(pool: &Pool) -> Result<usize, Fail> {
    let client = pool.get().await?;
    let mut done = 0;
    let tables = client.query(DOUBLED, &[&limits::STATISTICS_ROWS_MAX]).await?;
    for table in &tables {
        let table: String = table.try_get(0)?;
        // One that takes too long (it was restored from a dump) keeps no other waiting.
        match client.batch_execute(&format!("ANALYZE {table}")).await {
            Ok(()) => done += 1,
            Err(error) => tracing::warn!(%table, %error, "a table could not be analyzed"),
        }
    }
    Ok(done)
}
