//! What this node published lately: what waits to be sent, and what was sent and may not have
//! arrived. What others miss is handed out once more; events may be doubled, so that is safe, but for
//! what is worth nothing later: that is handed out once, and goes first where there is no room.

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

/// All behind the payload `after` is handed out once more: the payload `first` begins with it, and
/// it is over when the window has come to the place `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) after: u64,
    pub(super) first: u64,
    pub(super) until: u64,
}

/// A queue that remembers what it has handed out.
#[derive(Debug)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    /// How many from the front were handed out.
    sent: usize,
    /// How many are gone from the front.
    gone: u64,
    bytes: usize,
    /// Of the payload that was handed out last.
    number: u64,
    /// The newest payload of which something is gone, and when it was handed out.
    forgot: u64,
    forgot_at: Option<Instant>,
    again: Option<Again>,
    /// Something went before it was handed out, and has taken a number: nobody hears a payload of
    /// that number, and who asks for it learns that it is gone.
    hole: bool,
    /// Events that had to go before they were ever handed out.
    lost: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            sent: 0,
            gone: 0,
            bytes: 0,
            number: 0,
            forgot: 0,
            forgot_at: None,
            again: None,
            hole: false,
            lost: 0,
        }
    }

    /// Puts an event in line; the oldest go where there is no room.
    pub(super) fn push(&mut self, event: Packed, now: Instant) {
        self.bytes += event.bytes();
        self.kept.push_back(Kept { at: now, sent_at: None, number: 0, event });
        if self.bytes > limits::BUS_QUEUE_BYTES_MAX {
            let fleeting = self.kept.iter_mut().skip(self.sent);
            for kept in fleeting.filter(|kept| kept.event.fleeting) {
                self.bytes -= kept.event.empty();
            }
        }
        while self.kept.len() > limits::BUS_QUEUE_MAX || self.bytes > limits::BUS_QUEUE_BYTES_MAX {
            self.pop(now);
        }
    }

    /// The next to be sent, as many as one payload takes: `number` is then that payload's.
    pub(super) fn next(&mut self, now: Instant) -> Vec<Packed> {
        let stale = Duration::from_millis(limits::TYPING_EVERY_MS);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(kept) = self.kept.get_mut(self.sent) {
            let event = &kept.event;
            let late = || now.saturating_duration_since(kept.at) > stale;
            let worthless = event.fleeting && (event.is_empty() || late());
            if !worthless {
                if !batch.is_empty() && bytes + event.bytes() > limits::BUS_PAYLOAD_BYTES {
                    break;
                }
                bytes += event.bytes();
                batch.push(event.clone());
            }
            if event.fleeting {
                self.bytes -= kept.event.empty();
            }
            kept.sent_at = Some(now);
            // What is left out of a payload that nobody sees takes no number of its own.
            kept.number = self.number + u64::from(!batch.is_empty());
            self.sent += 1;
        }
        if !batch.is_empty() {
            self.number += 1;
            self.hole = false;
        }
        batch
    }

    /// Since when the oldest of those waits that were not handed out, or not for the last time.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.kept.get(self.sent).map(|kept| kept.at)
    }

    /// How many were published before the one that is handed out next.
    pub(super) fn place(&self) -> u64 {
        self.gone + self.sent as u64
    }

    /// The payload that was handed out last; they are counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What was handed out before this has arrived, and others have had time to ask for it again.
    pub(super) fn forget(&mut self, before: Instant) {
        while self.sent > 0 && self.kept.front().is_some_and(|kept| kept.sent_at < Some(before)) {
            self.pop(before);
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
    /// heard payloads up to `heard`; `None` when some of it is gone. Many ask for the same when the
    /// way to all of them was bad, and ask again while it lasts: it is told once.
    pub(super) fn again(&mut self, after: u64, heard: u64) -> Option<Again> {
        if self.forgot > after {
            return None;
        }
        if let Some(again) = self.again
            && again.after <= after
            && (heard < again.first || self.place() < again.until)
        {
            return Some(again);
        }
        let until = self.place();
        let sent = self.kept.iter().take(self.sent);
        self.sent = sent.take_while(|kept| kept.number <= after).count();
        let again = Again { after, first: self.number + 1, until };
        self.again = Some(again);
        Some(again)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn pop(&mut self, now: Instant) {
        let Some(gone) = self.kept.pop_front() else { return };
        self.bytes -= gone.event.bytes();
        self.gone += 1;
        self.forgot = self.forgot.max(gone.number);
        self.forgot_at = self.forgot_at.max(gone.sent_at);
        if let Some(sent) = self.sent.checked_sub(1) {
            self.sent = sent;
            return;
        }
        self.lost += 1;
        if !std::mem::replace(&mut self.hole, true) {
            self.number += 1;
        }
        self.forgot = self.forgot.max(self.number);
        self.forgot_at = self.forgot_at.max(Some(now));
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
        let first = |again: Option<Again>| again.map(|again| again.first);
        assert_eq!(window.again(3, 5), Some(Again { after: 3, first: 6, until: 5 }));
        assert_eq!((window.place(), window.again(3, 6).unwrap().first), (3, 6), "it is under way");
        assert_eq!(window.next(after(start, 6_000)).len(), 2);
        // Another who misses the same has heard nothing of the second telling yet.
        assert_eq!(first(window.again(4, 5)), Some(6));
        assert!(window.next(start).is_empty());
        assert_eq!(first(window.again(4, 6)), Some(7), "who lost it in the second telling has");
        assert_eq!(window.next(after(start, 7_000)).len(), 2);
        window.forget(after(start, 2_500));
        assert_eq!(first(window.again(2, 7)), Some(8), "what is gone was heard");
        assert_eq!(window.next(after(start, 8_000)).len(), 3);
        assert_eq!(window.again(1, 8), None, "some of it is gone");
        let before = |millis| window.last_before(after(start, millis));
        assert_eq!((before(8_500), before(8_000), before(2_001), before(2_000)), (8, 2, 2, 0));
    }

    fn typing() -> Packed {
        let user = UserId::new("anna").unwrap();
        event(0, RoomEventBody::Typing { user, on: true, text: Some("x".repeat(1_000)) })
    }

    /// Who heard it would hear it twice, and nobody needs it later.
    #[test]
    fn what_is_fleeting_is_handed_out_once() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        window.push(typing(), start);
        window.push(beacon(2), start);
        assert_eq!(window.next(start).len(), 3);
        assert!(window.again(0, 0).is_some());
        let again = window.next(start);
        assert_eq!(again.len(), 2);
        assert!(again.iter().all(|event| !event.fleeting));
    }

    #[test]
    fn what_is_fleeting_goes_first_where_there_is_no_room() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        let many = limits::BUS_QUEUE_BYTES_MAX / typing().bytes() + 1;
        assert!(many < limits::BUS_QUEUE_MAX);
        for _ in 0..many {
            window.push(typing(), start);
        }
        assert_eq!(window.lost(), 0);
        let sent = window.next(start);
        assert!(!sent[0].fleeting, "what is durable is there");
    }

    /// What waited through a cut counts from when it went out, or who was cut off just then could
    /// not get it any more.
    #[test]
    fn what_was_sent_late_is_kept_from_then_on() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        assert_eq!(window.next(after(start, 13_000)).len(), 1);
        window.forget(after(start, 10_000));
        assert!(window.again(0, 0).is_some());
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
        assert!(window.again(1, 1).is_some(), "what went was sent before what is asked for");
        assert_eq!(window.again(0, 0), None);
        for _ in 0..3 {
            window.push(beacon(7), after(start, 2_000));
        }
        assert_eq!((window.lost(), window.number()), (3, 2), "never sent, and one number for all");
        assert_eq!(window.again(1, 1), None, "who misses that number learns that it is gone");
        assert!(window.next(start).len() > 1 && window.number() == 3);
        assert!(window.again(2, 2).is_some());
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
