//! The one writer: takes what is queued, runs it in one transaction, commits, answers, repeats.
//! No call is answered before its commit is on disk, and none waits for a timer.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use snug_core::limits::{GROUP_COMMIT_MAX, TRANSACTION_MS_MAX};
use snug_core::ports::StoreError;
use tokio::sync::watch;

use crate::call::{Call, failure};
use crate::queue::FairQueue;

/// A group ends when it has run for so long: small calls do not wait for a slow one behind them.
const GROUP_MS_MAX: u128 = 200;
/// How long a checkpoint first waits for readers, in milliseconds.
const CHECKPOINT_WAIT_MS: u64 = 20;

pub(crate) type Calls = FairQueue<Box<dyn Call>>;

/// Bounds of the write-ahead log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalBounds {
    /// From here on the log is checkpointed, in bytes.
    pub(crate) bytes: u64,
    /// At twice the bytes the writer waits so long for readers: no read lives longer.
    pub(crate) patience: Duration,
}

pub(crate) struct Writer {
    conn: Connection,
    calls: Arc<Calls>,
    wal: Option<WalBounds>,
    wal_bytes: Arc<AtomicU64>,
    checkpoint_at: u64,
    ended: watch::Sender<bool>,
    /// Held for as long as this thread may write.
    _lock: Option<File>,
}

impl Writer {
    pub(crate) fn new(
        mut conn: Connection,
        calls: Arc<Calls>,
        wal: Option<WalBounds>,
        lock: Option<File>,
        ended: watch::Sender<bool>,
    ) -> rusqlite::Result<Self> {
        let wal_bytes = Arc::new(AtomicU64::new(0));
        let page_size: u64 =
            conn.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        let seen = Arc::clone(&wal_bytes);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(u64::from(pages.unsigned_abs()) * page_size, Ordering::Relaxed);
            Ok(())
        }))?;
        let checkpoint_at = wal.map_or(u64::MAX, |wal| wal.bytes);
        Ok(Self { conn, calls, wal, wal_bytes, checkpoint_at, ended, _lock: lock })
    }

    pub(crate) fn run(mut self) {
        let calls = Arc::clone(&self.calls);
        while let Some(mut taken) = calls.take(GROUP_COMMIT_MAX) {
            while !taken.is_empty() {
                self.commit_group(&mut taken);
                self.checkpoint_when_due();
            }
        }
        self.last_checkpoint();
        let Self { conn, ended, _lock, .. } = self;
        if let Err((_, e)) = conn.close() {
            tracing::warn!(%e, "the writer's connection did not close");
        }
        drop(_lock);
        ended.send_replace(true);
    }

    /// Commits as many of the taken calls as one group may hold, and answers them in order.
    fn commit_group(&mut self, taken: &mut VecDeque<Box<dyn Call>>) {
        // Savepoints cost a copy of every page touched; failures are rare. So the group runs
        // without them first, and once more with them when a call failed.
        let ran = match self.attempt(taken, false) {
            Ok(Some(ran)) => Ok(ran),
            Ok(None) => self.attempt(taken, true).map(|ran| ran.unwrap_or(taken.len())),
            Err(e) => Err(e),
        };
        let answered = match ran {
            Ok(ran) => ran,
            Err(e) => {
                tracing::error!(%e, "a group of writes was not committed");
                for call in taken.iter_mut() {
                    // Line 1: no commit, no ack. The same id tells whether it was stored.
                    call.fail(e.clone());
                }
                taken.len()
            }
        };
        for call in taken.drain(..answered) {
            call.answer();
        }
    }

    /// One transaction over the calls. `Ok(None)`: one failed and nothing was kept (only
    /// without savepoints). `Err`: the transaction itself failed, for all of them.
    fn attempt(
        &self,
        calls: &mut VecDeque<Box<dyn Call>>,
        savepoints: bool,
    ) -> Result<Option<usize>, StoreError> {
        let begun = Instant::now();
        self.exec("BEGIN IMMEDIATE")?;
        let mut ran = 0;
        for call in calls.iter_mut() {
            let fine = if savepoints {
                self.run_in_savepoint(call.as_mut())?
            } else {
                call.run(&self.conn)
            };
            ran += 1;
            if !fine && !savepoints {
                self.roll_back();
                return Ok(None);
            }
            if begun.elapsed().as_millis() > GROUP_MS_MAX {
                break;
            }
        }
        if let Err(e) = self.exec("COMMIT") {
            self.roll_back();
            return Err(e);
        }
        if begun.elapsed().as_millis() > u128::from(TRANSACTION_MS_MAX) {
            tracing::warn!(ms = begun.elapsed().as_millis(), "a transaction took too long");
        }
        Ok(Some(ran))
    }

    fn run_in_savepoint(&self, call: &mut dyn Call) -> Result<bool, StoreError> {
        self.exec("SAVEPOINT call")?;
        let fine = call.run(&self.conn);
        if self.conn.is_autocommit() {
            // A full disk or an I/O error may end the whole transaction by itself.
            return Err(StoreError::Unavailable("the transaction was ended".to_owned()));
        }
        let undone = if fine { Ok(()) } else { self.exec("ROLLBACK TO call") };
        if let Err(e) = undone.and_then(|()| self.exec("RELEASE call")) {
            self.roll_back();
            return Err(e);
        }
        Ok(fine)
    }

    fn exec(&self, sql: &str) -> Result<(), StoreError> {
        let done = self.conn.prepare_cached(sql).and_then(|mut s| s.execute([]));
        done.map(drop).map_err(|e| failure(&e))
    }

    fn roll_back(&self) {
        if !self.conn.is_autocommit()
            && let Err(e) = self.exec("ROLLBACK")
        {
            tracing::error!(%e, "a rollback failed");
        }
    }

    /// Empties the write-ahead log when it is over its bound. After the answers: nobody waits
    /// for it but the next group.
    fn checkpoint_when_due(&mut self) {
        let (Some(wal), bytes) = (self.wal, self.wal_bytes.load(Ordering::Relaxed)) else {
            return;
        };
        if bytes < self.checkpoint_at {
            return;
        }
        // A long read keeps the log from starting over. First ask, and grow on for a while;
        // then wait: reads are ended by their own bound, which is within the patience.
        let must = bytes >= wal.bytes.saturating_mul(2);
        let wait = if must { wal.patience } else { Duration::from_millis(CHECKPOINT_WAIT_MS) };
        match self.checkpoint(CheckpointMode::RESTART, wait) {
            Ok(()) => {
                self.wal_bytes.store(0, Ordering::Relaxed);
                self.checkpoint_at = wal.bytes;
            }
            Err(e) => {
                self.checkpoint_at = bytes + wal.bytes / 8;
                if must {
                    tracing::warn!(%e, bytes, "the write-ahead log is over its bound");
                }
            }
        }
    }

    fn last_checkpoint(&self) {
        if let Some(wal) = self.wal
            && let Err(e) = self.checkpoint(CheckpointMode::TRUNCATE, wal.patience)
        {
            tracing::warn!(%e, "the last checkpoint failed; the log is read at the next start");
        }
    }

    fn checkpoint(&self, mode: CheckpointMode, wait: Duration) -> rusqlite::Result<()> {
        self.conn.busy_timeout(wait)?;
        let done = self.conn.wal_checkpoint_v2(Some("main"), mode);
        self.conn.busy_timeout(Duration::from_millis(TRANSACTION_MS_MAX))?;
        done.map(drop)
    }
}
