//! The embedded store: SQLite in one file, with one writer that commits in groups and a few
//! readers. Rows stay in here; no rule of chat, no wire shape and no wall clock may enter.

mod apps;
mod call;
mod changes;
mod cursor;
mod invitations;
mod jobs;
mod left;
mod marks;
mod members;
mod mentions;
mod messages;
mod nodes;
mod open;
mod operators;
mod outbox;
mod queue;
mod reader;
mod receipts;
mod records;
mod rooms;
mod rows;
mod scheduled;
mod schema;
mod sessions;
mod sync;
mod threads;
mod users;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use rusqlite::Connection;
use snug_core::ids::AppId;
use snug_core::limits::SYNC_OVERLAP_MS;
use snug_core::model::Time;
use snug_core::ports::{Position, Store, StoreError, StoreResult};
use tokio::sync::watch;

pub use open::{OpenError, SqliteConfig};
use queue::{Lane, Refused};
use writer::Calls;

/// The store. Dropping it without [`SqliteStore::close`] waits for what is queued.
pub struct SqliteStore {
    writes: Arc<Calls>,
    /// In memory there is one connection only, so reads take the writer's queue.
    reads: Arc<Calls>,
    /// Pages of history, lists and syncs: what a send needs to read does not wait behind them.
    pages: Arc<Calls>,
    clock: Arc<Clock>,
    epoch: String,
    rooms_per_user_max: usize,
    ended: watch::Receiver<bool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Takes no more calls, works off what is queued and checkpoints.
    pub async fn close(&self) {
        self.reads.close();
        self.pages.close();
        self.writes.close();
        let mut ended = self.ended.clone();
        // The sender is gone only when the writer ended, too.
        drop(ended.wait_for(|ended| *ended).await);
    }

    /// Runs a call on the writer's thread and waits for its commit.
    async fn write<T, F>(&self, lane: Lane, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        submit(&self.writes, &lane, work).await
    }

    /// As `write`, with the time to stamp changes with, taken when the call's turn has come.
    async fn write_at<T, F>(&self, app: &AppId, now: Time, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(&Connection, Time) -> rusqlite::Result<T> + Send + 'static,
    {
        let clock = Arc::clone(&self.clock);
        self.write(Some(app.clone()), move |conn| work(conn, clock.stamp(now))).await
    }

    async fn read<T, F>(&self, lane: Lane, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        submit(&self.reads, &lane, work).await
    }

    /// As `read`, for what reads many rows.
    async fn read_page<T, F>(&self, lane: Lane, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        submit(&self.pages, &lane, work).await
    }
}

async fn submit<T, F>(calls: &Calls, lane: &Lane, work: F) -> StoreResult<T>
where
    T: Send + 'static,
    F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let (call, answer) = call::call(work);
    calls.push(lane, call).map_err(|refused| match refused {
        Refused::Full => StoreError::Overloaded,
        Refused::Closed => call::gone(),
    })?;
    answer.await.unwrap_or_else(|_| Err(call::gone()))
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.reads.close();
        self.pages.close();
        self.writes.close();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// The latest time any caller brought. A call that waited long in the queue, or whose caller's
/// clock is behind, is stamped at most half the overlap before it, so that no sync cursor that
/// was given out lies above the change (contract line 6); the other half is for the commit.
#[derive(Debug, Default)]
struct Clock(AtomicI64);

impl Clock {
    fn see(&self, now: Time) {
        self.0.fetch_max(now.0, Ordering::Relaxed);
    }

    fn stamp(&self, now: Time) -> Time {
        let seen = Time(self.0.fetch_max(now.0, Ordering::Relaxed));
        now.max(seen.plus_millis(-SYNC_OVERLAP_MS / 2))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn position(&self, now: Time) -> StoreResult<Position> {
        self.clock.see(now);
        Ok(Position { epoch: self.epoch.clone(), at: now })
    }

    async fn ping(&self) -> StoreResult<()> {
        // Takes the write lock, so a file that cannot be written is told.
        self.write(None, |_| Ok(())).await
    }
}

#[cfg(test)]
mod tests;
