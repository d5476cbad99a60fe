//! What this node published lately: what waits to be sent, and what was sent and may not have
//! arrived. What others miss is handed out once more; events may be doubled, so that is safe.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use snug_core::limits;

use super::wire::Packed;

#[derive(Debug)]
struct Kept {
    at: Instant,
    /// When it was last handed out. Rises from the front on, as far as `sent` goes.
    sent_at: Option<Instant>,
    /// The payload in which that was; 0 before.
    number: u64,
    event: Packed,
}

/// Somebody asked for all behind the payload `after`, and the payload `first` begins with it.
#[derive(Debug)]
struct Again {
    after: u64,
    first: u64,
}

/// A queue that remembers what it has handed out.
#[derive(Debug)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    /// How many from the front were handed out.
    sent: usize,
    bytes: usize,
    /// Of the payload that was handed out last.
    number: u64,
    /// The newest payload of which something is gone, and when it was handed out.
    forgot: u64,
    forgot_at: Option<Instant>,
    again: Option<Again>,
    /// Events that had to go before they were ever handed out.
    lost: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            sent: 0,
            bytes: 0,
            number: 0,
            forgot: 0,
            forgot_at: None,
            again: None,
            lost: 0,
        }
    }

    /// Puts an event in line; the oldest go where there is no room.
    pub(super) fn push(&mut self, event: Packed, now: Instant) {
        self.bytes += event.bytes();
        self.kept.push_back(Kept { at: now, sent_at: None, number: 0, event });
        while self.kept.len() > limits::BUS_QUEUE_MAX || self.bytes > limits::BUS_QUEUE_BYTES_MAX {
            self.pop();
        }
    }

    /// The next to be sent, as many as one payload takes: `number` is then that payload's.
    pub(super) fn next(&mut self, now: Instant) -> Vec<Packed> {
        let stale = Duration::from_millis(limits::TYPING_EVERY_MS);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(kept) = self.kept.get_mut(self.sent) {
            let event = &kept.event;
            let worthless = event.fleeting && now.saturating_duration_since(kept.at) > stale;
            if !worthless {
                if !batch.is_empty() && bytes + event.bytes() > limits::BUS_PAYLOAD_BYTES {
                    break;
                }
                bytes += event.bytes();
                batch.push(event.clone());
            }
            (kept.sent_at, kept.number) = (Some(now), self.number + 1);
            self.sent += 1;
        }
        self.number += u64::from(!batch.is_empty());
        batch
    }

    /// The payload that was handed out last; they are counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What was handed out before this has arrived, and others have had time to ask for it again.
    pub(super) fn forget(&mut self, before: Instant) {
        while self.sent > 0 && self.kept.front().is_some_and(|kept| kept.sent_at < Some(before)) {
            self.pop();
        }
    }

    /// The newest payload that was handed out before `since`.
    pub(super) fn last_before(&self, since: Instant) -> u64 {
        let sent = self.kept.iter().take(self.sent);
        let older = sent.take_while(|kept| kept.sent_at < Some(since)).last();
        let forgot = if self.forgot_at < Some(since) { self.forgot } else { 0 };
        older.map_or(forgot, |kept| kept.number)
    }

    /// Hands out once more what was handed out behind the payload `after`, for somebody who has
    /// heard payloads up to `heard`. Says with which payload that begins; `None` when some of it
    /// is gone. Many ask for the same when the way to all of them was bad: it is told once.
    pub(super) fn again(&mut self, after: u64, heard: u64) -> Option<u64> {
        if let Some(again) = &self.again
            && again.after <= after
            && heard < again.first
        {
            return Some(again.first);
        }
        if self.forgot > after {
            return None;
        }
        self.rewind(after);
        let first = self.number + 1;
        self.again = Some(Again { after, first });
        Some(first)
    }

    /// Hands out once more what was handed out behind the payload `after`, as far as it is kept.
    pub(super) fn rewind(&mut self, after: u64) {
        let sent = self.kept.iter().take(self.sent);
        self.sent = sent.take_while(|kept| kept.number <= after).count();
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn pop(&mut self) {
        let Some(gone) = self.kept.pop_front() else { return };
        self.bytes -= gone.event.bytes();
        match self.sent.checked_sub(1) {
            Some(sent) => self.sent = sent,
            None => self.lost += 1,
        }
        self.forgot = self.forgot.max(gone.number);
        self.forgot_at = self.forgot_at.max(gone.sent_at);
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
    fn each_is_handed_out_once_and_again_when_it_is_asked_for() {
        let (mut window, start) = (Window::new(), Instant::now());
        for n in 1..=5 {
            window.push(beacon(n), start);
            assert_eq!(window.next(after(start, n * 1_000)).len(), 1);
            assert_eq!(window.number(), n);
        }
        assert!(window.next(start).is_empty());
        assert_eq!(window.number(), 5, "nothing is no payload");
        assert_eq!(window.again(3, 5), Some(6));
        assert_eq!(window.next(after(start, 6_000)).len(), 2);
        // Another who misses the same has heard nothing of the second telling yet.
        assert_eq!(window.again(4, 5), Some(6));
        assert!(window.next(start).is_empty());
        assert_eq!(window.again(4, 6), Some(7), "who lost it in the second telling has");
        assert_eq!(window.next(after(start, 7_000)).len(), 2);
        window.forget(after(start, 2_500));
        assert_eq!(window.again(2, 7), Some(8), "what is gone was heard");
        assert_eq!(window.next(after(start, 8_000)).len(), 3);
        assert_eq!(window.again(1, 8), None, "some of it is gone");
        let before = |millis| window.last_before(after(start, millis));
        assert_eq!((before(8_500), before(8_000), before(2_001), before(2_000)), (8, 2, 2, 0));
    }

    /// What waited through a cut counts from when it went out, or who was cut off just then could
    /// not get it any more.
    #[test]
    fn what_was_sent_late_is_kept_from_then_on() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        assert_eq!(window.next(after(start, 13_000)).len(), 1);
        window.forget(after(start, 10_000));
        assert_eq!(window.again(0, 0), Some(2));
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
        assert_eq!(window.again(1, 1), Some(2), "what went was sent before what is asked for");
        assert_eq!(window.again(0, 0), None);
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
