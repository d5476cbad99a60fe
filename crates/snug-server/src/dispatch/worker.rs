//! One app's deliveries, on the node that has the lease: rooms side by side, each in its order.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use snug_core::error::Error;
use snug_core::ids::{AppId, RoomId};
use snug_core::limits;
use snug_core::model::{OutboxRow, Time};
use snug_core::ports::{Attempted, JobPlace, Lease, Released};
use tokio::task::JoinSet;
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
    /// The server ends: another node is to go on.
    Ending,
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
        running: JoinSet::new(),
    };
    let stop = worker.run().await;
    // What is under way ends before another node may begin.
    worker.running.shutdown().await;
    match stop {
        Ok(()) | Err(Stop::Lost) => return,
        Err(Stop::NoTarget | Stop::Ending) => {}
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
    /// On their own: a turn that holds a connection or a lock is not left standing while this one
    /// asks the store for another.
    running: JoinSet<Ended>,
}

impl Worker {
    /// Until nothing is left, and nobody asked for more.
    async fn run(&mut self) -> Result<(), Stop> {
        let mut renew_at = Instant::now() + Duration::from_millis(limits::OUTBOX_RENEW_MS);
        let stopping = self.parts.tasks.stopping();
        loop {
            self.discover().await?;
            self.begin_turns();
            let idle = self.running.is_empty() && self.rooms.len() == 0;
            let linger = Duration::from_millis(limits::OUTBOX_LINGER_MS);
            let due = self.until_due();
            tokio::select! {
                () = stopping.cancelled() => return Err(Stop::Ending),
                Some(ended) = self.running.join_next() => match ended {
                    Ok(ended) => self.end_turn(ended)?,
                    Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                    Err(_) => return Err(Stop::Lost),
                },
                () = self.heard.work.notified() => {
                    self.look = true;
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
                // The next page, once the others here had their turn: a lease is renewed on time
                // also while a long backlog is gone through.
                () = std::future::ready(()), if self.looks_on() => {}
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

    /// Whether there may be more rooms with rows that wait than are known, and room for them.
    fn looks_on(&self) -> bool {
        self.look && self.rooms.len() < limits::WEBHOOK_ROOMS_MAX
    }

    /// Which rooms have rows that wait: a page.
    async fn discover(&mut self) -> Result<(), Stop> {
        if self.looks_on() {
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

    fn begin_turns(&mut self) {
        let now = self.parts.engine.now();
        while self.running.len() < self.places() && !self.is_quiet(now) {
            let Some((room, above)) = self.rooms.take(now) else { break };
            let woken = self.rooms.was_woken(&room);
            let (parts, app, lease) = (self.parts.clone(), self.app.clone(), self.lease.clone());
            let turn = RoomTurn { parts, app, lease, woken };
            self.running.spawn(turn.take(room, above));
        }
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
    /// The endpoint is back: nothing waits for what was said while it was away.
    woken: bool,
}

impl RoomTurn {
    async fn take(self, room: RoomId, above: u64) -> Ended {
        let turn = Ok(Turn::Empty);
        let mut ended = Ended { room, turn, failed: false, delivered: false, quiet_until: None };
        ended.turn = self.deliver(above, &mut ended).await;
        ended
    }

    async fn deliver(&self, mut above: u64, ended: &mut Ended) -> Result<Turn, Stop> {
        for _ in 0..ROWS_PER_TURN {
            let _place = self.parts.places.acquire().await.map_err(|_| Stop::Lost)?;
            // Each right before it goes out: words that were unsent meanwhile are not told.
            let (store, room) = (&self.parts.store, &ended.room);
            let row = store.outbox_of_room(&self.app, room, above, 1).await?.pop();
            let Some(row) = row else { return Ok(Turn::Empty) };
            let now = self.parts.engine.now();
            let waits = row.delivery.next_at.filter(|until| now < *until && !self.woken);
            if let Some(until) = waits {
                // Another node failed.
                return Ok(Turn::Wait { until, above });
            }
            let rev = row.rev;
            if let Some(until) = self.deliver_row(row, ended).await? {
                return Ok(Turn::Wait { until, above });
            }
            above = rev;
        }
        Ok(Turn::Next(above))
    }

    /// One attempt; when to try again, if it is to be.
    async fn deliver_row(&self, row: OutboxRow, ended: &mut Ended) -> Result<Option<Time>, Stop> {
        let Parts { engine, store, outbound, metrics, .. } = self.parts.as_ref();
        let (position, at, tries) = (row.position, row.at, row.delivery.attempts + 1);
        // As it is set now: from the answer on, a deletion ends deliveries, and another URL gets
        // them.
        let target = engine.webhook_target(&self.app).await?.ok_or(Stop::NoTarget)?;
        let tried = attempt(outbound.as_ref(), &self.app, &target, row, engine.now()).await?;
        let now = engine.now();
        let mut again = None;
        let became = match tried {
            Tried::Delivered { status } => {
                (ended.delivered, ended.failed) = (true, false);
                metrics.webhooks_delivered.inc();
                Attempted::Delivered { status }
            }
            Tried::Gone { error } => {
                let disabled = engine.disable_webhook(&self.app, target.rev, &error).await?;
                let status = Some(410);
                let failed = Attempted::Failed { status, error, next_at: now };
                if !store.settle_outbox(&self.lease, position, &failed, now).await? {
                    return Err(Stop::Lost);
                }
                // Set anew meanwhile: what is set now is asked.
                return if disabled { Err(Stop::NoTarget) } else { Ok(Some(now)) };
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
