//! Scheduled messages at their time. Every node looks for what is due; one at a time has an app's
//! in hand (a lease), and sends rooms side by side, each in its order.

mod turns;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use parking_lot::Mutex;
use snug_core::engine::{DueOutcome, Judged};
use snug_core::error::Error;
use snug_core::ids::{AppId, RoomId};
use snug_core::limits;
use snug_core::model::{Scheduled, Time};
use snug_core::ports::{JobPlace, Lease, Released, StoreError};
use snug_proto::Problem;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::Parts;
use super::heard::Heard;
use turns::{Ended, InHand, Turns, pause};

/// Word of messages that are due before the next look.
#[derive(Debug)]
pub(super) struct Soon {
    /// When the next look is planned, in nanoseconds.
    look_at: AtomicI64,
    word: Notify,
}

impl Default for Soon {
    fn default() -> Self {
        Self { look_at: AtomicI64::new(i64::MAX), word: Notify::new() }
    }
}

impl Soon {
    /// A message is to be sent then.
    pub(super) fn hear(&self, at: Time) {
        if at.0 < self.look_at.load(Ordering::Acquire) {
            self.word.notify_one();
        }
    }
}

/// Why an app's turn ends before its work does.
enum Stop {
    /// The lease is another's, or may be soon.
    Lost,
    Failed(Error),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Looks for due messages, gives each app that has some its turn, and clears away what failed long
/// ago. Sleeps until the next is due, but not for long: another node's word is not heard, and
/// clocks are set.
pub(super) async fn look_out(parts: Arc<Parts>, heard: Arc<Heard>) {
    let turns = Arc::new(Turns::default());
    let mut failures = 0;
    let mut clear_at = Instant::now();
    loop {
        // Whatever is scheduled from here on is not missed.
        heard.soon.look_at.store(i64::MAX, Ordering::Release);
        let now = parts.engine.now();
        let wait = match parts.store.scheduled_apps(now, limits::APPS_MAX).await {
            Ok(found) => {
                failures = 0;
                let rested = begin(&parts, &turns, found.apps);
                if Instant::now() >= clear_at {
                    clear_at = Instant::now() + Duration::from_millis(limits::OUTBOX_CLEAR_MS);
                    clear(&parts).await;
                }
                wait(now, found.next, rested)
            }
            Err(error) => {
                // A store that is away is said once, not at each look.
                if failures == 0 {
                    tracing::warn!(%error, "cannot look for scheduled messages");
                }
                failures += 1;
                pause(failures)
            }
        };
        let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        heard.soon.look_at.store(parts.engine.now().plus_millis(millis).0, Ordering::Release);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = heard.soon.word.notified() => {}
            () = turns.ended.notified() => {}
        }
        // Much word at one time is one look.
        tokio::time::sleep(Duration::from_millis(limits::SCHEDULED_LOOK_MS_MIN)).await;
    }
}

/// Until the next message is due or the next app has rested, within the bound.
fn wait(now: Time, next: Option<Time>, rested: Option<Instant>) -> Duration {
    let most = Duration::from_millis(limits::SCHEDULED_LOOK_MS_MAX);
    let next = next.map_or(most, |next| {
        Duration::from_nanos(u64::try_from(next.0.saturating_sub(now.0)).unwrap_or(0))
    });
    let rested = rested.map_or(most, |at| at.saturating_duration_since(Instant::now()));
    most.min(next).min(rested)
}

/// Says when the first of those that rest has rested.
fn begin(parts: &Arc<Parts>, turns: &Arc<Turns>, due: Vec<AppId>) -> Option<Instant> {
    let (begun, rested) = turns.take(due, Instant::now());
    for hand in begun {
        let parts = parts.clone();
        // Not dropped when the server stops: a commit and the news of it belong together.
        parts.tasks.clone().spawn(async move { turn(&parts, &hand).await });
    }
    rested
}

async fn turn(parts: &Parts, hand: &InHand) {
    let app = &hand.app;
    let ended = match AssertUnwindSafe(work(parts, app)).catch_unwind().await {
        Ok(Ok(ended)) => {
            hand.ends(ended, Instant::now());
            return;
        }
        Ok(Err(Stop::Lost)) => {
            hand.ends(Ended::Elsewhere, Instant::now());
            return;
        }
        Ok(Err(Stop::Failed(error))) => Some(error),
        Err(_) => None,
    };
    // Said once, however often it fails again.
    if hand.ends(Ended::Failed, Instant::now()) > 1 {
        return;
    }
    match ended {
        Some(error) => {
            let cause = error.cause().unwrap_or("");
            tracing::warn!(%app, %error, cause, "scheduled messages wait for a while");
        }
        None => tracing::error!(%app, "scheduled messages failed badly; they begin anew"),
    }
}

async fn clear(parts: &Parts) {
    let before = parts.engine.now().plus_millis(-limits::SCHEDULED_FAILED_KEPT_MS);
    let most = limits::OUTBOX_CLEAR_MAX;
    if let Err(error) = parts.store.clear_scheduled(before, most).await {
        tracing::warn!(%error, "old scheduled messages cannot be cleared away");
    }
}

/// Sends what is due of the app, if no other node does.
async fn work(parts: &Parts, app: &AppId) -> Result<Ended, Stop> {
    let place = JobPlace::scheduled(app);
    let (now, ttl, asked) = (parts.engine.now(), limits::OUTBOX_LEASE_MS, Instant::now());
    let Some(lease) = parts.store.lease_job(&place, &parts.node, ttl, now).await? else {
        // Another node has it, and looks again before it gives it back.
        return Ok(Ended::Elsewhere);
    };
    // Both are polled: a send holds the lease's row while it is settled, and a renewal waits for
    // that. What is under way ends with the lease, so that another node may begin.
    let done = tokio::select! {
        done = until_none(parts, app, &lease) => done,
        stop = renewing(parts, &lease, asked) => Err(stop),
    };
    match done {
        Ok(()) => Ok(Ended::Done),
        Err(Stop::Lost) => Err(Stop::Lost),
        Err(error) => {
            // What it has not done is found again by the next look, of any node.
            while let Ok(Released::AskedFor) = parts.store.release_job(&lease).await {}
            Err(error)
        }
    }
}

/// Keeps the lease that was asked for at that time; ends when it is lost, or may be soon.
async fn renewing(parts: &Parts, lease: &Lease, asked: Instant) -> Stop {
    let held = Duration::from_millis(limits::OUTBOX_LEASE_MS - limits::OUTBOX_RENEW_MS);
    let mut until = asked + held;
    let mut renew = tokio::time::interval(Duration::from_millis(limits::OUTBOX_RENEW_MS));
    renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
    renew.tick().await;
    loop {
        renew.tick().await;
        let (now, ttl, asked) = (parts.engine.now(), limits::OUTBOX_LEASE_MS, Instant::now());
        let renewed = parts.store.renew_job(lease, ttl, now);
        match tokio::time::timeout_at(until, renewed).await {
            Ok(Ok(true)) => until = asked + held,
            Ok(Err(_)) if Instant::now() < until => {}
            Ok(Ok(false) | Err(_)) | Err(_) => return Stop::Lost,
        }
    }
}

/// Page after page until nothing is due, or the turn is over.
async fn until_none(parts: &Parts, app: &AppId, lease: &Lease) -> Result<(), Stop> {
    let stopping = parts.tasks.stopping();
    let mut pages = 0;
    loop {
        let now = parts.engine.now();
        let due = parts.store.scheduled_due(app, now, limits::SCHEDULED_AT_ONCE).await?;
        let moved = send_all(parts, lease, due).await?;
        pages += 1;
        let over = pages >= limits::SCHEDULED_PAGES_PER_TURN || stopping.is_cancelled();
        if moved && !over {
            continue;
        }
        match parts.store.release_job(lease).await? {
            Released::Free => return Ok(()),
            Released::Lost => return Err(Stop::Lost),
            Released::AskedFor if !over => {}
            Released::AskedFor => {
                while let Released::AskedFor = parts.store.release_job(lease).await? {}
                return Ok(());
            }
        }
    }
}

/// Sends a page, and says whether anything moved.
async fn send_all(parts: &Parts, lease: &Lease, due: Vec<Scheduled>) -> Result<bool, Stop> {
    let (moved, stop) = (AtomicBool::new(false), Mutex::new(None));
    let mut rooms = BTreeMap::<RoomId, Vec<Scheduled>>::new();
    for one in due {
        rooms.entry(one.room.clone()).or_default().push(one);
    }
    let most = limits::SCHEDULED_SIDE_BY_SIDE;
    futures_util::stream::iter(rooms.into_values())
        .for_each_concurrent(most, |room| send_room(parts, lease, room, (&moved, &stop)))
        .await;
    match stop.into_inner() {
        Some(stop) => Err(stop),
        None => Ok(moved.into_inner()),
    }
}

/// Sends a room's messages in their order, up to one that is to be tried again.
async fn send_room(
    parts: &Parts,
    lease: &Lease,
    room: Vec<Scheduled>,
    (moved, stop): (&AtomicBool, &Mutex<Option<Stop>>),
) {
    for one in room {
        if stop.lock().is_some() || parts.tasks.stopping().is_cancelled() {
            return;
        }
        match send(parts, lease, one).await {
            Ok(DueOutcome::Passed) => {}
            Ok(outcome) => {
                moved.store(true, Ordering::Relaxed);
                if outcome == DueOutcome::Postponed {
                    return;
                }
            }
            Err(error) => {
                stop.lock().get_or_insert(Stop::Failed(error));
            }
        }
    }
}

/// Sends one.
///
/// # Errors
/// The store's: what became of it could not be kept.
async fn send(parts: &Parts, lease: &Lease, due: Scheduled) -> Result<DueOutcome, Error> {
    let (app, id) = (lease.place.app.clone(), due.id.clone());
    let outcome = parts.engine.send_scheduled(lease, due, judge).await?;
    match outcome {
        DueOutcome::Sent => {
            parts.metrics.messages.inc();
        }
        DueOutcome::Failed => {
            tracing::info!(%app, %id, "a scheduled message was refused at its time");
        }
        DueOutcome::Postponed | DueOutcome::Passed => {}
    }
    Ok(outcome)
}

fn judge(error: Error) -> Judged {
    let Problem { code, detail, retryable, .. } = Problem::from(error);
    let code = code.as_str().to_owned();
    if retryable { Judged::Passing { code, detail } } else { Judged::Final { code, detail } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        for error in [
            Error::HookFailed,
            Error::Overloaded { retry_after_ms: 1 },
            Error::StoreUnavailable { cause: String::new() },
            Error::BridgeUnreachable { cause: String::new() },
        ] {
            assert!(matches!(judge(error.clone()), Judged::Passing { .. }), "{error}");
        }
        for error in [
            Error::NotAMember,
            Error::RoomFrozen,
            Error::UserDeactivated,
            Error::MessageIdConflict,
            Error::MessageRefused { reason: Some("no".to_owned()) },
            Error::RoomNotFound(RoomId::from_stored("r")),
        ] {
            assert!(matches!(judge(error.clone()), Judged::Final { .. }), "{error}");
        }
    }

    #[test]
    fn a_look_comes_when_the_next_is_due() {
        let now = Time::from_millis(1_000_000);
        let most = Duration::from_millis(limits::SCHEDULED_LOOK_MS_MAX);
        assert_eq!(wait(now, None, None), most);
        assert_eq!(wait(now, Some(now.plus_millis(70)), None), Duration::from_millis(70));
        assert_eq!(wait(now, Some(now.plus_millis(60_000)), None), most);
        assert_eq!(wait(now, Some(now.plus_millis(-1)), None), Duration::ZERO);
        assert_eq!(wait(now, None, Some(Instant::now())), Duration::ZERO);
    }

    #[test]
    fn only_what_comes_before_the_look_is_word() {
        let soon = Soon::default();
        soon.look_at.store(10, Ordering::Release);
        soon.hear(Time(10));
        assert!(soon.word.notified().now_or_never().is_none());
        soon.hear(Time(9));
        assert!(soon.word.notified().now_or_never().is_some());
    }
}
