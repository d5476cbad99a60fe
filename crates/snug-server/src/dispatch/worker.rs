//! One app's deliveries, on the node that has the lease: rooms side by side, each in its order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use snug_core::engine::WebhookTarget;
use snug_core::error::Error;
use snug_core::ids::{AppId, RoomId};
use snug_core::limits;
use snug_core::model::{OutboxRow, Time};
use snug_core::ports::{Attempted, JobPlace, Lease, Released};
use tokio::time::Instant;

use super::Parts;
use super::attempt::{Tried, attempt, backoff_ms};
use super::heard::AppHeard;
use super::rooms::{Rooms, Turn};

/// Rows of one room that are delivered before another room's turn.
const ROWS_PER_TURN: usize = 16;

/// What a room's turn came to.
struct Ended {
    room: RoomId,
    turn: Result<Turn, Stop>,
    /// Of the turn's attempts, those in a row that failed at its end, and whether one succeeded.
    failed: bool,
    delivered: bool,
    /// The endpoint asked for quiet until then.
    quiet_until: Option<Time>,
}

/// Why a worker ends before its work does.
enum Stop {
    /// The lease is another's.
    Lost,
    /// There is nowhere to deliver to.
    NoTarget,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<snug_core::ports::StoreError> for Stop {
    fn from(error: snug_core::ports::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes the app's deliveries in hand, if nobody has, until there are none.
pub(super) async fn work(parts: &Arc<Parts>, app: &AppId, heard: &Arc<AppHeard>) {
    let place = JobPlace::webhook(app);
    let now = parts.engine.now();
    let leased = parts.store.lease_job(&place, &parts.node, limits::OUTBOX_LEASE_MS, now).await;
    let lease = match leased {
        Ok(Some(lease)) => lease,
        Ok(None) => {
            // Another node has it and was told. Not asked again for every commit.
            tokio::time::sleep(Duration::from_millis(limits::OUTBOX_LINGER_MS / 2)).await;
            return;
        }
        Err(error) => {
            tracing::warn!(%app, %error, "deliveries cannot be taken in hand");
            return;
        }
    };
    let mut worker = Worker {
        parts: parts.clone(),
        app: app.clone(),
        heard: heard.clone(),
        lease,
        rooms: Rooms::default(),
        scanned: 0,
        look: true,
        failing: 0,
        quiet_until: None,
        target: None,
        running: FuturesUnordered::new(),
    };
    match worker.run().await {
        Ok(()) | Err(Stop::Lost) => return,
        Err(Stop::NoTarget) => {}
        Err(Stop::Failed(error)) => {
            let cause = error.cause().unwrap_or("");
            tracing::warn!(%app, %error, cause, "deliveries stop for a while");
        }
    }
    // Whoever asked meanwhile asks again.
    while let Ok(Released::AskedFor) = parts.store.release_job(&worker.lease).await {}
}

struct Worker {
    parts: Arc<Parts>,
    app: AppId,
    heard: Arc<AppHeard>,
    lease: Lease,
    rooms: Rooms,
    /// Rows up to this position are done, or their rooms are in `rooms`.
    scanned: u64,
    /// There may be rows above it.
    look: bool,
    /// Failures since the last delivery.
    failing: u32,
    quiet_until: Option<Time>,
    target: Option<(Arc<WebhookTarget>, Instant)>,
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
}

impl Worker {
    /// Until nothing is left, and nobody asked for more.
    async fn run(&mut self) -> Result<(), Stop> {
        let mut renew_at = Instant::now() + Duration::from_millis(limits::OUTBOX_RENEW_MS);
        let stopping = self.parts.tasks.stopping();
        loop {
            self.discover().await?;
            self.begin_turns().await?;
            let idle = self.running.is_empty() && self.rooms.len() == 0;
            let linger = Duration::from_millis(limits::OUTBOX_LINGER_MS);
            let due = self.until_due();
            tokio::select! {
                () = stopping.cancelled() => {
                    self.parts.store.release_job(&self.lease).await?;
                    return Err(Stop::Lost);
                }
                Some(ended) = self.running.next() => self.end_turn(ended)?,
                () = self.heard.work.notified() => {
                    (self.look, self.target) = (true, None);
                    if self.heard.replayed.swap(false, std::sync::atomic::Ordering::AcqRel) {
                        self.scanned = 0;
                    }
                }
                () = tokio::time::sleep_until(renew_at) => {
                    let (parts, ttl) = (&self.parts, limits::OUTBOX_LEASE_MS);
                    if !parts.store.renew_job(&self.lease, ttl, parts.engine.now()).await? {
                        return Err(Stop::Lost);
                    }
                    renew_at = Instant::now() + Duration::from_millis(limits::OUTBOX_RENEW_MS);
                    // Other nodes' commits, while this one has not come to its end.
                    self.look = true;
                }
                () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => {}
                () = tokio::time::sleep(linger), if idle => {
                    match self.parts.store.release_job(&self.lease).await? {
                        Released::Free | Released::Lost => return Ok(()),
                        Released::AskedFor => (self.look, self.scanned) = (true, 0),
                    }
                }
            }
        }
    }

    /// Which rooms have rows that wait.
    async fn discover(&mut self) -> Result<(), Stop> {
        while self.look && self.rooms.len() < limits::WEBHOOK_ROOMS_MAX {
            let (app, page) = (&self.app, limits::OUTBOX_PAGE);
            let found = self.parts.store.outbox_rooms(app, self.scanned, page).await?;
            self.look = found.len() >= page;
            for (position, room, rev) in found {
                self.rooms.see(&room, rev);
                self.scanned = self.scanned.max(position);
            }
        }
        Ok(())
    }

    fn places(&self) -> usize {
        if self.failing >= limits::WEBHOOK_FAILING_MAX { 1 } else { limits::WEBHOOKS_PER_APP_MAX }
    }

    fn is_quiet(&self, now: Time) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }

    /// How long until a room may begin that may not yet; no longer than a look for lost work, since
    /// the clock may jump.
    fn until_due(&self) -> Option<Duration> {
        if self.running.len() >= self.places() {
            return None;
        }
        let now = self.parts.engine.now();
        let due = match self.quiet_until.filter(|until| now < *until) {
            Some(until) => {
                (self.rooms.has_ready() || self.rooms.next_due().is_some()).then_some(until)
            }
            None => self.rooms.next_due(),
        }?;
        let millis = u64::try_from((due.0 - now.0).max(0) / 1_000_000 + 1).unwrap_or(0);
        Some(Duration::from_millis(millis.min(limits::OUTBOX_SWEEP_MS)))
    }

    async fn begin_turns(&mut self) -> Result<(), Stop> {
        let now = self.parts.engine.now();
        while self.running.len() < self.places() && !self.is_quiet(now) {
            let Some((room, above)) = self.rooms.take(now) else { break };
            let target = self.target().await?;
            let turn = RoomTurn {
                parts: self.parts.clone(),
                app: self.app.clone(),
                lease: self.lease.clone(),
                target,
            };
            self.running.push(Box::pin(turn.take(room, above)));
        }
        Ok(())
    }

    /// Read anew now and then, and after each change that this node knows of.
    async fn target(&mut self) -> Result<Arc<WebhookTarget>, Stop> {
        let fresh = Duration::from_millis(limits::APP_CACHE_MS.unsigned_abs());
        if let Some((target, read)) = &self.target
            && read.elapsed() < fresh
        {
            return Ok(target.clone());
        }
        let read = self.parts.engine.webhook_target(&self.app).await?;
        let target = Arc::new(read.ok_or(Stop::NoTarget)?);
        self.target = Some((target.clone(), Instant::now()));
        Ok(target)
    }

    fn end_turn(&mut self, ended: Ended) -> Result<(), Stop> {
        let Ended { room, turn, failed, delivered, quiet_until } = ended;
        let turn = turn?;
        let was_failing = self.failing >= limits::WEBHOOK_FAILING_MAX;
        if delivered {
            self.failing = 0;
        }
        self.failing += u32::from(failed);
        self.quiet_until = self.quiet_until.max(quiet_until);
        self.rooms.done(&room, turn);
        if delivered && was_failing {
            self.rooms.wake_all();
        }
        Ok(())
    }
}

/// One room's turn.
struct RoomTurn {
    parts: Arc<Parts>,
    app: AppId,
    lease: Lease,
    target: Arc<WebhookTarget>,
}

impl RoomTurn {
    async fn take(self, room: RoomId, above: u64) -> Ended {
        let turn = Ok(Turn::Empty);
        let mut ended = Ended { room, turn, failed: false, delivered: false, quiet_until: None };
        ended.turn = self.deliver(above, &mut ended).await;
        ended
    }

    async fn deliver(&self, mut above: u64, ended: &mut Ended) -> Result<Turn, Stop> {
        let store = &self.parts.store;
        let rows = store.outbox_of_room(&self.app, &ended.room, above, ROWS_PER_TURN).await?;
        let full = rows.len() >= ROWS_PER_TURN;
        for row in rows {
            let now = self.parts.engine.now();
            if let Some(until) = row.delivery.next_at.filter(|until| now < *until) {
                // Another node failed, or this one did before it was woken.
                return Ok(Turn::Wait { until, above });
            }
            let rev = row.rev;
            if let Some(until) = self.deliver_row(row, ended).await? {
                return Ok(Turn::Wait { until, above });
            }
            above = rev;
        }
        Ok(if full { Turn::Next(above) } else { Turn::Empty })
    }

    /// One attempt; when to try again, if it is to be.
    async fn deliver_row(&self, row: OutboxRow, ended: &mut Ended) -> Result<Option<Time>, Stop> {
        let Parts { engine, store, outbound, metrics, .. } = self.parts.as_ref();
        let (position, at, tries) = (row.position, row.at, row.delivery.attempts + 1);
        let tried = {
            let _place = self.parts.places.acquire().await.map_err(|_| Stop::Lost)?;
            attempt(outbound.as_ref(), &self.app, &self.target, row, engine.now()).await?
        };
        let now = engine.now();
        let mut again = None;
        let became = match tried {
            Tried::Delivered { status } => {
                (ended.delivered, ended.failed) = (true, false);
                metrics.webhooks_delivered.inc();
                Attempted::Delivered { status }
            }
            Tried::Gone { error } => {
                engine.disable_webhook(&self.app, &self.target.url, &error).await?;
                let status = Some(410);
                let failed = Attempted::Failed { status, error, next_at: now };
                store.settle_outbox(&self.lease, position, &failed, now).await?;
                return Err(Stop::NoTarget);
            }
            Tried::Failed { status, error, retry_after_ms } => {
                ended.failed = true;
                metrics.webhooks_failed.inc();
                let age = now.0.saturating_sub(at.0) / 1_000_000_000;
                if u64::try_from(age).unwrap_or(0) >= limits::WEBHOOK_AGE_SECONDS_MAX {
                    metrics.webhooks_parked.inc();
                    Attempted::Parked { status, error }
                } else {
                    let wait = backoff_ms(tries).max(retry_after_ms.unwrap_or(0));
                    let next_at = now.plus_millis(i64::try_from(wait).unwrap_or(i64::MAX));
                    ended.quiet_until = retry_after_ms.map(|_| next_at);
                    again = Some(next_at);
                    Attempted::Failed { status, error, next_at }
                }
            }
        };
        if !store.settle_outbox(&self.lease, position, &became, now).await? {
            return Err(Stop::Lost);
        }
        Ok(again)
    }
}
