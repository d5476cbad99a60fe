//! Readers: threads with read-only connections. Each call sees one snapshot, with every write
//! that was answered before the call began, and ends at a bound, so that the write-ahead log
//! can start over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::call::{Call, failure};
use crate::writer::Calls;

/// Between two looks at the clock, in SQLite's instructions.
const LOOK_EVERY: i32 = 10_000;

pub(crate) struct Reader {
    conn: Connection,
    calls: Arc<Calls>,
    most: Duration,
    born: Instant,
    /// Milliseconds after `born` at which the present call is ended.
    ends_at: Arc<AtomicU64>,
}

impl Reader {
    pub(crate) fn new(
        mut conn: Connection,
        calls: Arc<Calls>,
        most: Duration,
    ) -> rusqlite::Result<Self> {
        let (born, ends_at) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
        let end = Arc::clone(&ends_at);
        let over = move || millis(born.elapsed()) >= end.load(Ordering::Relaxed);
        conn.progress_handler(LOOK_EVERY, Some(over))?;
        Ok(Self { conn, calls, most, born, ends_at })
    }

    pub(crate) fn run(self) {
        while let Some(taken) = self.calls.take(1) {
            for mut call in taken {
                let end = millis(self.born.elapsed() + self.most);
                self.ends_at.store(end, Ordering::Relaxed);
                self.read(call.as_mut());
                self.ends_at.store(u64::MAX, Ordering::Relaxed);
                call.answer();
            }
        }
    }

    fn read(&self, call: &mut dyn Call) {
        if let Err(e) = self.exec("BEGIN") {
            return call.fail(failure(&e));
        }
        call.run(&self.conn);
        self.ends_at.store(u64::MAX, Ordering::Relaxed);
        if !self.conn.is_autocommit()
            && let Err(e) = self.exec("COMMIT").or_else(|_| self.exec("ROLLBACK"))
        {
            tracing::error!(%e, "a read's snapshot did not end");
        }
    }

    fn exec(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(drop)
    }
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
