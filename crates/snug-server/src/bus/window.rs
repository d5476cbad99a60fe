//! What this node published lately: what waits to be sent, and what was sent and may not have
//! arrived. After a cut it is gone through once more; events may be doubled, so that is safe.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use snug_core::limits;

use super::wire::Packed;

#[derive(Debug)]
struct Kept {
    at: Instant,
    /// When it was last handed out. Rises from the front on, as far as `sent` goes.
    sent_at: Option<Instant>,
    event: Packed,
}

/// A queue that remembers what it has handed out.
#[derive(Debug)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    /// How many from the front were handed out.
    sent: usize,
    bytes: usize,
    /// When the newest of those that are gone was handed out, or should have been.
    forgot: Option<Instant>,
    /// Events that had to go before they were ever handed out.
    lost: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { kept: VecDeque::new(), sent: 0, bytes: 0, forgot: None, lost: 0 }
    }

    /// Puts an event in line; the oldest go where there is no room.
    pub(super) fn push(&mut self, event: Packed, now: Instant) {
        self.bytes += event.bytes();
        self.kept.push_back(Kept { at: now, sent_at: None, event });
        while self.kept.len() > limits::BUS_QUEUE_MAX || self.bytes > limits::BUS_QUEUE_BYTES_MAX {
            self.pop(now);
        }
    }

    /// The next to be sent, as many as one payload takes.
    pub(super) fn next(&mut self, now: Instant) -> Vec<Packed> {
        let stale = Duration::from_millis(limits::TYPING_EVERY_MS);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(Kept { at, sent_at, event }) = self.kept.get_mut(self.sent) {
            *sent_at = Some(now);
            let worthless = event.fleeting && now.saturating_duration_since(*at) > stale;
            if !worthless {
                if !batch.is_empty() && bytes + event.bytes() > limits::BUS_PAYLOAD_BYTES {
                    *sent_at = None;
                    break;
                }
                bytes += event.bytes();
                batch.push(event.clone());
            }
            self.sent += 1;
        }
        batch
    }

    /// What was handed out before this has arrived, and others have had time to ask for it again.
    pub(super) fn forget(&mut self, before: Instant) {
        while self.sent > 0 && self.kept.front().is_some_and(|kept| kept.sent_at < Some(before)) {
            self.pop(before);
        }
    }

    /// Hands out once more what was handed out since then. Says whether that is all of it.
    pub(super) fn rewind(&mut self, since: Instant) -> bool {
        let sent = self.kept.iter().take(self.sent);
        self.sent = sent.take_while(|kept| kept.sent_at < Some(since)).count();
        self.forgot.is_none_or(|forgot| forgot < since)
    }

    /// Hands out once more all that is kept, after a link that was last known to work at `proven`.
    /// Older events too: another node may have been cut off before this one was, and could ask
    /// nobody. Says whether nothing since then is missing.
    pub(super) fn rewind_all(&mut self, proven: Instant) -> bool {
        self.sent = 0;
        self.forgot.is_none_or(|forgot| forgot < proven)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn pop(&mut self, now: Instant) {
        let Some(gone) = self.kept.pop_front() else { return };
        self.bytes -= gone.event.bytes();
        match self.sent.checked_sub(1) {
            Some(sent) => self.sent = sent,
            None => self.lost += 1,
        }
        self.forgot = self.forgot.max(gone.sent_at.or(Some(now)));
    }
}

#[cfg(test)]
mod tests {
    use snug_core::event::{Event, RoomEvent, RoomEventBody};
    use snug_core::ids::{AppId, RoomId, UserId};
    use snug_core::model::Head;

    use super::super::wire::pack;
    use super::*;

    fn event(rev: u64, body: RoomEventBody) -> Packed {
        pack(&Event::Room(RoomEvent {
            app: AppId::from_stored("app_00000000000000000000"),
            room: RoomId::new("room").unwrap(),
            head: Head { rev, ..Head::default() },
            body,
        }))
    }

    fn beacon(rev: u64) -> Packed {
        event(rev, RoomEventBody::Beacon)
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn each_is_handed_out_once_and_again_after_a_cut() {
        let (mut window, start) = (Window::new(), Instant::now());
        for n in 0..5 {
            window.push(beacon(n), start);
            assert_eq!(window.next(after(start, n * 1_000)).len(), 1);
        }
        assert!(window.next(start).is_empty());
        assert!(window.rewind(after(start, 3_000)), "all of it is there");
        assert_eq!(window.next(start).len(), 2);
        window.forget(after(start, 2_000));
        assert!(window.rewind_all(after(start, 3_000)));
        assert_eq!(window.next(start).len(), 3);
        assert!(!window.rewind(after(start, 500)), "some of it is forgotten");
    }

    /// What waited through a cut counts from when it went out, or who was cut off just then could
    /// not get it any more.
    #[test]
    fn what_was_sent_late_is_kept_from_then_on() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        assert_eq!(window.next(after(start, 13_000)).len(), 1);
        window.forget(after(start, 10_000));
        assert!(window.rewind(after(start, 12_000)));
        assert_eq!(window.next(after(start, 16_000)).len(), 1);
    }

    #[test]
    fn what_was_not_sent_is_not_forgotten() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        window.forget(after(start, 60_000));
        assert_eq!(window.next(after(start, 60_000)).len(), 1);
        window.forget(after(start, 60_001));
        assert!(window.kept.is_empty() && window.bytes == 0);
    }

    #[test]
    fn beyond_the_bound_the_oldest_go_and_it_says_so() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(0), start);
        assert_eq!(window.next(start).len(), 1);
        for n in 0..limits::BUS_QUEUE_MAX as u64 {
            window.push(beacon(n), after(start, 1_000));
        }
        assert_eq!((window.kept.len(), window.lost()), (limits::BUS_QUEUE_MAX, 0));
        assert!(window.rewind(after(start, 500)), "what went was sent before what is asked for");
        assert!(!window.rewind(start));
        assert!(!window.rewind_all(start));
        window.push(beacon(7), after(start, 2_000));
        assert_eq!(window.lost(), 1, "never sent");
    }

    #[test]
    fn a_payload_is_bounded_and_stale_typing_stays_behind() {
        let (mut window, start) = (Window::new(), Instant::now());
        let user = UserId::new("anna").unwrap();
        let typing = RoomEventBody::Typing { user, on: true, text: None };
        window.push(event(0, typing), start);
        let one = beacon(1).bytes();
        let many = limits::BUS_PAYLOAD_BYTES / one * 2;
        for _ in 0..many {
            window.push(beacon(1), start);
        }
        let late = after(start, 2 * limits::TYPING_EVERY_MS);
        let first = window.next(late);
        assert!(first.iter().all(|event| !event.fleeting));
        assert!(first.len() * one <= limits::BUS_PAYLOAD_BYTES);
        assert_eq!(first.len() + window.next(late).len() + window.next(late).len(), many);
    }
}
