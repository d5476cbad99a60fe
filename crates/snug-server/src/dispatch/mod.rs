//! Delivery of the outbox to customers' webhook endpoints, and the waking of those who pull it;
//! and scheduled messages at their time (`scheduled`).
//!
//! A commit of this node wakes the app's worker at once; work that nobody began, or that a dead
//! node left, is found by a look now and then. One node at a time has an app's deliveries in hand
//! (a lease). A worker that dies takes nobody with it: its lease ends, and the next look begins
//! anew. Never on a request's path.

mod attempt;
mod heard;
mod rooms;
mod scheduled;
mod worker;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use snug_core::engine::Engine;
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::model::Time;
use snug_core::ports::{Bus, Outbound, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::tasks::Tasks;
use heard::{AppHeard, Heard, HearingBus};

/// What deliveries are made with.
pub struct Parts {
    pub engine: Arc<Engine>,
    pub store: Arc<dyn Store>,
    pub outbound: Arc<dyn Outbound>,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    /// Who holds the leases: this process.
    pub node: String,
    /// Deliveries under way, of all apps.
    pub places: Semaphore,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The dispatcher of one node.
#[derive(Debug)]
pub struct Dispatcher {
    heard: Arc<Heard>,
    /// Until it is started.
    started: Mutex<Option<mpsc::Receiver<AppId>>>,
}

impl Default for Dispatcher {
    fn default() -> Self {
        let (start, started) = mpsc::channel(limits::APPS_MAX);
        Self { heard: Arc::new(Heard::new(start)), started: Mutex::new(Some(started)) }
    }
}

impl Dispatcher {
    /// A bus that tells of every commit published through it.
    pub fn listen(&self, bus: Arc<dyn Bus>) -> Arc<dyn Bus> {
        Arc::new(HearingBus::new(bus, self.heard.clone()))
    }

    /// Begins to deliver, until the server stops.
    pub fn start(&self, parts: Parts) {
        let Some(started) = self.started.lock().take() else { return };
        let parts = Arc::new(parts);
        let tasks = parts.tasks.clone();
        let (heard, watched) = (self.heard.clone(), self.heard.clone());
        tasks.spawn_until_stop(look_out(parts.clone(), watched.clone()));
        tasks.spawn_until_stop(scheduled::look_out(parts.clone(), watched));
        tasks.clone().spawn_until_stop(async move { hand_out(&parts, &heard, started).await });
    }

    /// The app's consumers were changed through this node.
    pub fn changed(&self, app: &AppId, delivers: bool) {
        let heard = self.heard.set(app, delivers);
        if delivers {
            self.heard.wake(app, &heard);
        }
    }

    /// Rows that were done wait again.
    pub fn replayed(&self, app: &AppId) {
        let heard = self.heard.set(app, true);
        heard.replayed.store(true, Ordering::Release);
        self.heard.wake(app, &heard);
    }

    /// A message is to be sent then. Of users' own the bus tells; of a backend's nobody else does.
    pub fn scheduled(&self, at: Time) {
        self.heard.soon.hear(at);
    }

    /// Somebody may pull the app's events.
    pub fn pulled(&self, app: &AppId) {
        self.heard.add(app);
    }

    /// Watches the app's commits from now on, for one request; `None` when as many watch as may.
    #[must_use]
    pub fn watch(&self, app: &AppId) -> Option<Watch> {
        let heard = self.heard.add(app);
        let place = heard.waiting.clone().try_acquire_owned().ok()?;
        Some(Watch { news: heard.news.subscribe(), _place: place })
    }
}

/// A request that waits for an app's commits.
#[derive(Debug)]
pub struct Watch {
    news: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    /// Waits until something was committed since the last look, at most so long.
    pub async fn wait(&mut self, at_most: Duration) {
        // When the time is over, or the app is gone, the caller looks again, too.
        let _ = tokio::time::timeout(at_most, self.news.changed()).await;
    }
}

/// Gives each app that needs one a worker.
async fn hand_out(parts: &Arc<Parts>, heard: &Arc<Heard>, mut started: mpsc::Receiver<AppId>) {
    while let Some(app) = started.recv().await {
        let Some(its) = heard.get(&app) else { continue };
        let parts = parts.clone();
        parts.tasks.clone().spawn(async move { keep_working(&parts, &app, &its).await });
    }
}

/// Works as long as there is word of work.
async fn keep_working(parts: &Arc<Parts>, app: &AppId, heard: &Arc<AppHeard>) {
    let stopping = parts.tasks.stopping();
    loop {
        // What woke it is not another reason to work.
        let _ = heard.work.notified().now_or_never();
        if AssertUnwindSafe(worker::work(parts, app, heard)).catch_unwind().await.is_err() {
            tracing::error!(%app, "deliveries of an app failed badly; they begin anew");
        }
        heard.running.store(false, Ordering::Release);
        // Word that came between its last look and this line would be lost.
        let word = heard.work.notified().now_or_never().is_some();
        if !word || stopping.is_cancelled() || heard.running.swap(true, Ordering::AcqRel) {
            return;
        }
    }
}

/// Looks for work that nobody does, and clears away what is old.
async fn look_out(parts: Arc<Parts>, heard: Arc<Heard>) {
    let mut tick = tokio::time::interval(Duration::from_millis(limits::OUTBOX_SWEEP_MS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut clear_at = Instant::now();
    loop {
        tick.tick().await;
        if let Err(error) = find_work(&parts, &heard).await {
            tracing::warn!(%error, "cannot look for deliveries");
        }
        if Instant::now() >= clear_at {
            clear_at = Instant::now() + Duration::from_millis(limits::OUTBOX_CLEAR_MS);
            clear(&parts, &heard).await;
        }
    }
}

async fn find_work(parts: &Parts, heard: &Heard) -> Result<(), snug_core::ports::StoreError> {
    heard.refresh(&parts.store.outbox_apps(limits::APPS_MAX).await?);
    for app in parts.store.outbox_due(parts.engine.now(), limits::APPS_MAX).await? {
        let its = heard.set(&app, true);
        heard.wake(&app, &its);
    }
    Ok(())
}

async fn clear(parts: &Parts, heard: &Heard) {
    let now = parts.engine.now();
    let seconds = i64::try_from(limits::WEBHOOK_AGE_SECONDS_MAX).unwrap_or(i64::MAX);
    // A worker parks what it tries; this is for endpoints that are gone.
    let waiting_since = now.plus_millis(-2 * seconds * 1_000);
    let kept_since = now.plus_millis(-limits::OUTBOX_KEPT_SECONDS * 1_000);
    let most = limits::OUTBOX_CLEAR_MAX;
    for app in heard.all() {
        // Small commits, so that the store's other work goes on between, and several: what is
        // written in a minute may be more than one of them.
        for _ in 0..limits::OUTBOX_CLEAR_ROUNDS_MAX {
            let cleared = parts.store.clear_outbox(&app, waiting_since, kept_since, most).await;
            match cleared {
                Ok(cleared) if cleared >= most as u64 => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%app, %error, "old events cannot be cleared away");
                    break;
                }
            }
        }
    }
}
