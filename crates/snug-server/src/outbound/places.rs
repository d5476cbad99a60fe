//! Places per app: some at work, some in line for them. What has no place was not done at all,
//! which is told apart from what was done and failed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use snug_core::ids::AppId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Apps remembered at most before those that have nothing under way are forgotten.
const APPS_KEPT: usize = 1_000;

/// So many at work and so many in line, for each app.
pub(crate) struct Places {
    working: usize,
    waiting: usize,
    apps: Mutex<HashMap<AppId, App>>,
}

#[derive(Clone)]
struct App {
    queue: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

/// A place at work, given back when dropped.
pub(crate) struct Place {
    _queued: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(working: usize, waiting: usize) -> Self {
        Self { working, waiting, apps: Mutex::default() }
    }

    /// A place at work; `None` when too many wait, or after waiting so long.
    pub(crate) async fn take(&self, app: &AppId, wait: Duration) -> Option<Place> {
        let App { queue, work } = self.of(app);
        let queued = queue.try_acquire_owned().ok()?;
        let working = tokio::time::timeout(wait, work.acquire_owned()).await.ok()?.ok()?;
        Some(Place { _queued: queued, _working: working })
    }

    fn of(&self, app: &AppId) -> App {
        let mut apps = self.apps.lock();
        if apps.len() > APPS_KEPT {
            // Who is at work or waits holds a part of it.
            apps.retain(|_, app| Arc::strong_count(&app.queue) > 1);
        }
        let fresh = || App {
            queue: Arc::new(Semaphore::new(self.working + self.waiting)),
            work: Arc::new(Semaphore::new(self.working)),
        };
        apps.entry(app.clone()).or_insert_with(fresh).clone()
    }
}
