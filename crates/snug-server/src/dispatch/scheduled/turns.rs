//! Whose turn it is: few apps at one time, those first that waited longest for theirs, and none
//! that rests after a failure or is another node's.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use snug_core::ids::AppId;
use snug_core::limits;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How an app's turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing was due any more, or others are to have their turn.
    Done,
    /// Another node has the lease.
    Elsewhere,
    Failed,
}

/// Turns of this node.
#[derive(Debug, Default)]
pub(super) struct Turns {
    apps: Mutex<Apps>,
    /// A place is free.
    pub(super) ended: Notify,
}

#[derive(Debug, Default)]
struct Apps {
    running: HashSet<AppId>,
    /// Of those that are due: the number of the last turn.
    last: HashMap<AppId, u64>,
    given: u64,
    resting: HashMap<AppId, Rest>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Instant,
    /// In a row.
    failures: u32,
}

/// An app's turn; over when it is dropped, also when its task dies.
pub(super) struct InHand {
    pub(super) app: AppId,
    turns: Arc<Turns>,
}

impl InHand {
    /// Keeps how it ended; says how often in a row it has failed.
    pub(super) fn ends(&self, ended: Ended, now: Instant) -> u32 {
        let mut apps = self.turns.apps.lock();
        let resting = &mut apps.resting;
        let before = resting.get(&self.app).map_or(0, |rest| rest.failures);
        let (failures, rests) = match ended {
            Ended::Done => {
                resting.remove(&self.app);
                return 0;
            }
            Ended::Elsewhere => (before, pause(1)),
            Ended::Failed => (before.saturating_add(1), pause(before.saturating_add(1))),
        };
        resting.insert(self.app.clone(), Rest { until: now + rests, failures });
        failures
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.turns.apps.lock().running.remove(&self.app);
        self.turns.ended.notify_one();
    }
}

impl Turns {
    /// Takes as many of the due apps in hand as have a place; says when the first of those that
    /// rest has rested.
    pub(super) fn take(
        self: &Arc<Self>,
        mut due: Vec<AppId>,
        now: Instant,
    ) -> (Vec<InHand>, Option<Instant>) {
        let mut apps = self.apps.lock();
        let apps = &mut *apps;
        {
            let there: HashSet<&AppId> = due.iter().collect();
            apps.last.retain(|app, _| there.contains(app));
            apps.resting.retain(|app, _| there.contains(app));
        }
        // Stable: those that had no turn yet go by how long they have waited.
        due.sort_by_key(|app| apps.last.get(app).copied().unwrap_or(0));
        let (mut begun, mut rested) = (Vec::new(), None);
        for app in due {
            if let Some(rest) = apps.resting.get(&app).filter(|rest| rest.until > now) {
                rested = Some(rested.map_or(rest.until, |first: Instant| first.min(rest.until)));
                continue;
            }
            let full = apps.running.len() >= limits::SCHEDULED_SIDE_BY_SIDE;
            if full || !apps.running.insert(app.clone()) {
                continue;
            }
            apps.given += 1;
            apps.last.insert(app.clone(), apps.given);
            begun.push(InHand { app, turns: self.clone() });
        }
        (begun, rested)
    }
}

/// The wait after so many failures in a row: twice as long after each, to a bound.
pub(super) fn pause(failures: u32) -> Duration {
    let doubled = limits::SCHEDULED_PAUSE_MS_MIN << failures.saturating_sub(1).min(20);
    Duration::from_millis(doubled.min(limits::SCHEDULED_PAUSE_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apps(names: std::ops::Range<usize>) -> Vec<AppId> {
        names.map(|n| AppId::from_stored(&format!("app-{n:02}"))).collect()
    }

    fn names(begun: &[InHand]) -> Vec<AppId> {
        begun.iter().map(|hand| hand.app.clone()).collect()
    }

    #[test]
    fn who_had_no_turn_is_next() {
        let (turns, now) = (Arc::new(Turns::default()), Instant::now());
        let places = limits::SCHEDULED_SIDE_BY_SIDE;
        let (first, _) = turns.take(apps(0..places + 3), now);
        assert_eq!(names(&first), apps(0..places));
        let (none, _) = turns.take(apps(0..places + 3), now);
        assert!(none.is_empty());
        drop(first);
        let (second, _) = turns.take(apps(0..places + 3), now);
        let mut expected = apps(places..places + 3);
        expected.extend(apps(0..places - 3));
        assert_eq!(names(&second), expected);
    }

    #[test]
    fn who_rests_takes_no_place() {
        let (turns, now) = (Arc::new(Turns::default()), Instant::now());
        let (begun, _) = turns.take(apps(0..1), now);
        assert_eq!(begun[0].ends(Ended::Failed, now), 1);
        drop(begun);
        let (none, rested) = turns.take(apps(0..1), now);
        assert!(none.is_empty());
        assert_eq!(rested, Some(now + pause(1)));
        let (begun, _) = turns.take(apps(0..1), now + pause(1));
        assert_eq!(begun[0].ends(Ended::Failed, now), 2);
        drop(begun);
        assert_eq!(turns.take(apps(0..1), now).1, Some(now + pause(2)));
        let (begun, _) = turns.take(apps(0..1), now + pause(2));
        assert_eq!(begun[0].ends(Ended::Done, now), 0);
        drop(begun);
        assert_eq!(turns.take(apps(0..1), now).0.len(), 1);
    }

    #[test]
    fn pauses_grow_to_their_bound() {
        let most = Duration::from_millis(limits::SCHEDULED_PAUSE_MS_MAX);
        assert_eq!(pause(0), pause(1));
        assert_eq!(pause(2), 2 * pause(1));
        assert_eq!(pause(u32::MAX), most);
    }
}
