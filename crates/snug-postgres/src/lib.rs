//! The store on PostgreSQL, or on an engine that speaks its wire protocol. Rules of chat may not
//! enter here: only what the ports say that a store does. What each table and index is for:
//! `docs/schema-postgres.md`.
//!
//! One file per section of the port, the same as in the embedded store: `schema`, `gather`
//! (there: writer), `rows`, then the sections. `pool` holds connections and failures, `append`
//! what an append does to a room, `room_bound` how many rooms a user may be in.

mod append;
mod apps;
mod changes;
mod externals;
mod gather;
mod jobs;
mod marks;
mod members;
mod mentions;
mod messages;
mod nodes;
mod operators;
mod outbox;
mod own;
#[cfg(test)]
mod plans;
mod pool;
mod receipts;
mod records;
mod room_bound;
mod rooms;
mod rows;
mod scheduled;
mod schema;
mod sessions;
mod sync;
mod threads;
mod users;
mod write;
mod young;

use std::sync::Arc;

use async_trait::async_trait;
use snug_core::limits::ROOMS_PER_USER_MAX;
use snug_core::model::Time;
use snug_core::ports::{Position, Store, StoreError, StoreResult};
use tokio::task::JoinSet;

use crate::gather::Gather;
use crate::pool::{Connections, Fail, bounded};
use crate::room_bound::RoomBound;
use crate::rows::{Cells, db_time};

const POSITION: &str = concat!("SELECT value, ", db_time!(), " FROM meta WHERE key = 'epoch'");

/// Connections of one node, when nothing else is said.
pub const POOL_SIZE_DEFAULT: usize = 16;
/// Fewer connections cannot keep reads, batches and held rooms apart.
pub const POOL_SIZE_MIN: usize = 4;

/// How to reach the database.
#[derive(Clone)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database`
    pub url: String,
    /// Connections of this node, at least [`POOL_SIZE_MIN`].
    pub pool_size: usize,
    /// Becomes the install's epoch if the database is new.
    pub epoch_seed: [u8; 16],
    /// Rooms that one user may be an active member of.
    pub rooms_per_user_max: usize,
}

impl PostgresConfig {
    #[must_use]
    pub fn new(url: &str, epoch_seed: [u8; 16]) -> Self {
        Self {
            url: url.to_owned(),
            pool_size: POOL_SIZE_DEFAULT,
            epoch_seed,
            rooms_per_user_max: ROOMS_PER_USER_MAX,
        }
    }
}

impl std::fmt::Debug for PostgresConfig {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConfig").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

/// A store on a PostgreSQL database.
pub struct PostgresStore {
    /// For everything but appends, which have connections of their own: neither starves the other.
    reads: Connections,
    gather: Gather,
    room_bound: RoomBound,
    _young: JoinSet<()>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects and brings the schema to its newest version. Needs a tokio runtime, on which the
    /// append workers live until the store is dropped.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer; `Broken` when it is no database of ours
    /// or newer than this program.
    pub async fn connect(config: PostgresConfig) -> StoreResult<Arc<Self>> {
        let size = config.pool_size.max(POOL_SIZE_MIN);
        let gatherers = (size / 4).clamp(1, 4);
        let waiters = (size / 8).clamp(1, 4);
        let reads = pool::pool(&config.url, size - gatherers - waiters)?;
        schema::migrate(&reads, config.epoch_seed).await?;
        let writes = pool::pool(&config.url, gatherers + waiters)?;
        let gather = Gather::start(&writes, gatherers, waiters);
        let young = young::watch(&reads);
        Ok(Arc::new(Self {
            reads: Connections::new(reads),
            gather,
            room_bound: RoomBound::new(config.rooms_per_user_max),
            _young: young,
        }))
    }

    async fn position_once(&self) -> Result<Position, Fail> {
        let client = self.reads.get().await?;
        let position = client.prepare_cached(POSITION).await?;
        let row = client.query_one(&position, &[]).await?;
        let mut cells = Cells::of(&row);
        Ok(Position { epoch: cells.next()?, at: cells.time()? })
    }

    async fn is_writable(&self) -> Result<bool, Fail> {
        let client = self.reads.get().await?;
        let writable = client
            .prepare_cached(
                "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'",
            )
            .await?;
        Ok(client.query_one(&writable, &[]).await?.try_get(0)?)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn position(&self, _now: Time) -> StoreResult<Position> {
        Ok(bounded(|| self.position_once()).await?)
    }

    async fn ping(&self) -> StoreResult<()> {
        if bounded(|| self.is_writable()).await? {
            Ok(())
        } else {
            Err(StoreError::Unavailable("the database is read-only".to_owned()))
        }
    }
}
