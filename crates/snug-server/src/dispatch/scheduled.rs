//! Scheduled messages at their time. Every node looks for what is due now and then; one at a time
//! has an app's in hand (a lease), and sends rooms side by side, each in its order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use hashbrown::HashSet;
use parking_lot::Mutex;
use snug_core::engine::{DueOutcome, Judged};
use snug_core::error::Error;
use snug_core::ids::{AppId, RoomId};
use snug_core::limits;
use snug_core::model::Scheduled;
use snug_core::ports::{JobPlace, Lease, Released, StoreError};
use snug_proto::Problem;

use super::Parts;

/// Apps in this node's hands.
type Running = Arc<Mutex<HashSet<AppId>>>;

/// Takes the app out of hand, also when its task dies.
struct InHand {
    app: AppId,
    running: Running,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.running.lock().remove(&self.app);
    }
}

/// Looks for due messages, and gives each app that has some a task.
pub(super) async fn look_out(parts: Arc<Parts>) {
    let running = Running::default();
    let mut tick = tokio::time::interval(Duration::from_millis(limits::SCHEDULED_LOOK_MS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // A store that is away is said once, not at each look.
    let mut away = false;
    loop {
        tick.tick().await;
        let found = parts.store.scheduled_apps(parts.engine.now(), limits::APPS_MAX).await;
        match found {
            Ok(apps) => {
                away = false;
                begin(&parts, &running, apps);
            }
            Err(error) if !away => {
                away = true;
                tracing::warn!(%error, "cannot look for scheduled messages");
            }
            Err(_) => {}
        }
    }
}

fn begin(parts: &Arc<Parts>, running: &Running, apps: Vec<AppId>) {
    for app in apps {
        {
            let mut running = running.lock();
            let full = running.len() >= limits::SCHEDULED_SIDE_BY_SIDE;
            if full || !running.insert(app.clone()) {
                continue;
            }
        }
        let hand = InHand { app, running: running.clone() };
        let parts = parts.clone();
        // Not dropped when the server stops: a commit and the news of it belong together.
        parts.tasks.clone().spawn(async move {
            if let Err(error) = work(&parts, &hand.app).await {
                tracing::warn!(app = %hand.app, %error, "scheduled messages wait for a while");
            }
        });
    }
}

/// Sends what is due of the app, if no other node does.
async fn work(parts: &Parts, app: &AppId) -> Result<(), StoreError> {
    let place = JobPlace::scheduled(app);
    let (now, ttl) = (parts.engine.now(), limits::OUTBOX_LEASE_MS);
    let Some(lease) = parts.store.lease_job(&place, &parts.node, ttl, now).await? else {
        // Another node has it, and looks again before it gives it back. Not asked at each look.
        tokio::time::sleep(Duration::from_millis(limits::SCHEDULED_LOOK_MS)).await;
        return Ok(());
    };
    let done = until_none(parts, app, &lease).await;
    match done {
        Ok(()) => Ok(()),
        Err(error) => {
            // What it has not done is found again by the next look, of any node.
            while let Ok(Released::AskedFor) = parts.store.release_job(&lease).await {}
            Err(error)
        }
    }
}

async fn until_none(parts: &Parts, app: &AppId, lease: &Lease) -> Result<(), StoreError> {
    let stopping = parts.tasks.stopping();
    loop {
        let now = parts.engine.now();
        let most = limits::SCHEDULED_AT_ONCE;
        let due = parts.store.scheduled_due(app, now, most).await?;
        // Where nothing moved, the lease may be another's by now: giving it back tells.
        let Some(moved) = send_all(parts, lease, due).await else { return Ok(()) };
        if moved && !stopping.is_cancelled() {
            continue;
        }
        match parts.store.release_job(lease).await? {
            Released::AskedFor => {}
            Released::Free | Released::Lost => return Ok(()),
        }
    }
}

/// Sends a page, and keeps the lease meanwhile. Says whether anything moved; `None` when the lease
/// was lost, or what became of a message could not be kept: then the lease ends by itself, which is
/// pause enough for a store that is away.
async fn send_all(parts: &Parts, lease: &Lease, due: Vec<Scheduled>) -> Option<bool> {
    let (moved, ends) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let mut rooms = BTreeMap::<RoomId, Vec<Scheduled>>::new();
    for one in due {
        rooms.entry(one.room.clone()).or_default().push(one);
    }
    let sends = futures_util::stream::iter(rooms.into_values()).for_each_concurrent(
        limits::SCHEDULED_SIDE_BY_SIDE,
        |room| async move {
            for one in room {
                if ends.load(Ordering::Relaxed) || parts.tasks.stopping().is_cancelled() {
                    return;
                }
                match send(parts, lease, one).await {
                    Some(DueOutcome::Passed) => {}
                    Some(_) => moved.store(true, Ordering::Relaxed),
                    None => ends.store(true, Ordering::Relaxed),
                }
            }
        },
    );
    tokio::pin!(sends);
    let mut renew = tokio::time::interval(Duration::from_millis(limits::OUTBOX_RENEW_MS));
    renew.tick().await;
    loop {
        tokio::select! {
            () = &mut sends => break,
            _ = renew.tick() => {
                let (now, ttl) = (parts.engine.now(), limits::OUTBOX_LEASE_MS);
                // When it cannot be renewed, what is under way shows a lease that holds no more.
                if let Ok(false) = parts.store.renew_job(lease, ttl, now).await {
                    ends.store(true, Ordering::Relaxed);
                }
            }
        }
    }
    (!ends.load(Ordering::Relaxed)).then(|| moved.load(Ordering::Relaxed))
}

/// Sends one; `None` when what became of it could not be kept.
async fn send(parts: &Parts, lease: &Lease, due: Scheduled) -> Option<DueOutcome> {
    let (app, id) = (lease.place.app.clone(), due.id.clone());
    match parts.engine.send_scheduled(lease, due, judge).await {
        Ok(outcome) => {
            match outcome {
                DueOutcome::Sent => {
                    parts.metrics.messages.inc();
                }
                DueOutcome::Failed => {
                    tracing::info!(%app, %id, "a scheduled message was refused at its time");
                }
                DueOutcome::Postponed | DueOutcome::Passed => {}
            }
            Some(outcome)
        }
        Err(error) => {
            let cause = error.cause().unwrap_or("");
            tracing::warn!(%app, %error, cause, "a scheduled message cannot be settled");
            None
        }
    }
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
}
