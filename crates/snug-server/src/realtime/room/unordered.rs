//! What came out of a room's order: events that wait for a missing one, and revs that were passed
//! over. Takes a pointer's space while all is in order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use snug_core::event::RoomEvent;
use snug_core::limits;

#[derive(Debug, Default)]
struct Parts {
    held: BTreeMap<u64, Arc<RoomEvent>>,
    /// A look at what is held is to come; the rev behind which something was missing.
    look_from: Option<u64>,
    /// The newest that were passed over and have not come yet.
    passed: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Unordered(Option<Box<Parts>>);

impl Unordered {
    pub(super) fn is_full(&self) -> bool {
        self.0.as_ref().is_some_and(|parts| parts.held.len() >= limits::REORDER_EVENTS_MAX)
    }

    pub(super) fn hold(&mut self, event: &Arc<RoomEvent>) {
        self.parts().held.insert(event.head.rev, event.clone());
    }

    /// The lowest rev that is held.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.as_ref()?.held.first_key_value().map(|(rev, _)| *rev)
    }

    pub(super) fn pop(&mut self) -> Option<Arc<RoomEvent>> {
        let event = self.0.as_mut()?.held.pop_first().map(|(_, event)| event);
        self.tidy();
        event
    }

    /// Whether a look is to be arranged: one at a time.
    pub(super) fn begin_look(&mut self, rev: u64) -> bool {
        let parts = self.parts();
        let begins = parts.look_from.is_none();
        parts.look_from.get_or_insert(rev);
        begins
    }

    /// The time of the look has come: what it was for.
    pub(super) fn end_look(&mut self) -> Option<u64> {
        let from = self.0.as_mut()?.look_from.take();
        self.tidy();
        from
    }

    /// Goes on without these.
    pub(super) fn pass_over(&mut self, revs: Range<u64>) {
        if revs.is_empty() {
            return;
        }
        let most = limits::REORDER_EVENTS_MAX;
        let passed = &mut self.parts().passed;
        passed.extend(revs.rev().take(most));
        while passed.len() > most {
            passed.pop_first();
        }
    }

    /// Whether this one was passed over, and has not come since.
    pub(super) fn makes_good(&mut self, rev: u64) -> bool {
        let made_good = self.0.as_mut().is_some_and(|parts| parts.passed.remove(&rev));
        self.tidy();
        made_good
    }

    fn parts(&mut self) -> &mut Parts {
        self.0.get_or_insert_default()
    }

    fn tidy(&mut self) {
        let idle = |parts: &Parts| {
            parts.held.is_empty() && parts.passed.is_empty() && parts.look_from.is_none()
        };
        if self.0.as_deref().is_some_and(idle) {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_over_is_bounded_and_nothing_is_kept_when_it_came() {
        let mut unordered = Unordered::default();
        let most = u64::try_from(limits::REORDER_EVENTS_MAX).unwrap();
        unordered.pass_over(5..6);
        unordered.pass_over(10..10 + 3 * most);
        assert!(!unordered.makes_good(5), "the oldest go first");
        let came = (0..20 + 3 * most).filter(|rev| unordered.makes_good(*rev)).count();
        assert_eq!(came, limits::REORDER_EVENTS_MAX);
        assert!(unordered.0.is_none());
    }
}
