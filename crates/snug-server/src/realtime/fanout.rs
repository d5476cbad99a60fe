//! Who writes what the hub has queued: a task for each core, none for each recipient. Nobody is
//! woken who has nothing to do but write; and what is queued for a socket before its turn comes
//! leaves with the rest in one system call, the more the busier it is.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use snug_core::limits;
use snug_proto::CloseCode;
use tokio::sync::Notify;

use super::hub::Connection;
use super::outbox::Pushed;
use crate::tasks::Tasks;

/// Frames that were queued.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// For whom somebody has to write them.
    listed: Vec<Arc<Connection>>,
    frames: u64,
}

impl Told {
    /// Queues a whole frame.
    pub(super) fn tell(&mut self, connection: &Arc<Connection>, frame: Bytes) {
        let pushed = connection.outbox.push(frame);
        self.frames += u64::from(pushed != Pushed::Refused);
        if pushed == Pushed::Listed {
            self.listed.push(connection.clone());
        }
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }
}

#[derive(Debug, Default)]
struct Lane {
    listed: Mutex<Vec<Arc<Connection>>>,
    filled: Notify,
}

/// The writing tasks.
#[derive(Debug)]
pub(super) struct Fanout {
    lanes: Vec<Arc<Lane>>,
}

impl Fanout {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let lanes = cores.min(limits::FANOUT_TASKS_MAX);
        Self { lanes: (0..lanes).map(|_| Arc::default()).collect() }
    }

    pub(super) fn start(&self, tasks: &Tasks) {
        for lane in &self.lanes {
            tasks.spawn_until_stop(lane.clone().run());
        }
    }

    /// Has it written. A connection is always written by the same task.
    pub(super) fn write(&self, told: Told) {
        let mut listed = told.listed;
        let count = self.lanes.len() as u64;
        // Mixed: those who connect by turns may have the same to do.
        let lane_of = |connection: &Connection| (mixed(connection.id) >> 32) % count;
        for (lane, number) in self.lanes.iter().zip(0_u64..) {
            let mut own = listed.extract_if(.., |connection| lane_of(connection) == number);
            let Some(first) = own.next() else { continue };
            {
                let mut waiting = lane.listed.lock();
                waiting.push(first);
                waiting.extend(own);
            }
            lane.filled.notify_one();
        }
    }
}

/// Fibonacci hashing.
fn mixed(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Lane {
    async fn run(self: Arc<Self>) {
        loop {
            let listed = std::mem::take(&mut *self.listed.lock());
            if listed.is_empty() {
                self.filled.notified().await;
                continue;
            }
            // Others have their turn, and what comes for the same sockets meanwhile leaves with it.
            for some in listed.chunks(limits::WRITES_IN_A_ROW_MAX) {
                some.iter().for_each(|connection| write(connection));
                tokio::task::yield_now().await;
            }
        }
    }
}

/// One socket takes no other with it.
fn write(connection: &Connection) {
    let write = std::panic::AssertUnwindSafe(|| connection.outbox.write());
    if std::panic::catch_unwind(write).is_err() {
        connection.outbox.end(CloseCode::GoingAway, None);
    }
}
