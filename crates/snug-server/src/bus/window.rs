//! What this node published lately: what waits to be sent, and what was sent and may not have
//! arrived. After a cut it is gone through once more; events may be doubled, so that is safe.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use snug_core::limits;

use super::wire::Packed;

#[derive(Debug)]
struct Kept {
    at: Instant,
    event: Packed,
}

/// A queue that remembers what it has handed out.
#[derive(Debug)]
pub(super) struct Window {
    kept: VecDeque<Kept>,
    /// How many from the front were handed out.
    sent: usize,
    bytes: usize,
    /// The newest event that had to go for room before its time.
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
        self.kept.push_back(Kept { at: now, event });
        while self.kept.len() > limits::BUS_QUEUE_MAX || self.bytes > limits::BUS_QUEUE_BYTES_MAX {
            let Some(oldest) = self.pop() else { break };
            self.forgot = Some(oldest);
        }
    }

    /// The next to be sent, as many as one payload takes.
    pub(super) fn next(&mut self, now: Instant) -> Vec<Packed> {
        let stale = Duration::from_millis(limits::TYPING_EVERY_MS);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(Kept { at, event }) = self.kept.get(self.sent) {
            let worthless = event.fleeting && now.saturating_duration_since(*at) > stale;
            if !worthless {
                if !batch.is_empty() && bytes + event.bytes() > limits::BUS_PAYLOAD_BYTES {
                    break;
                }
                bytes += event.bytes();
                batch.push(event.clone());
            }
            self.sent += 1;
        }
        batch
    }

    /// What was handed out and is older than this has arrived, and others have had time to ask
    /// for it again.
    pub(super) fn forget(&mut self, before: Instant) {
        while self.sent > 0 && self.kept.front().is_some_and(|kept| kept.at < before) {
            self.pop();
        }
    }

    /// Hands out once more what was published since then. Says whether that is all of it.
    pub(super) fn rewind(&mut self, since: Instant) -> bool {
        let at = self.kept.partition_point(|kept| kept.at < since);
        self.sent = self.sent.min(at);
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

    fn pop(&mut self) -> Option<Instant> {
        let gone = self.kept.pop_front()?;
        self.bytes -= gone.event.bytes();
        match self.sent.checked_sub(1) {
            Some(sent) => self.sent = sent,
            None => self.lost += 1,
        }
        Some(gone.at)
    }
}

#[cfg(test)]
mod tests {
    use snug_core::event::{Event, RoomEvent, RoomEventBody};
    use snug_core::ids::{AppId, RoomId, UserId};
    use snug_core::model::{Head, Time};

    use super::super::wire::pack;
    use super::*;

    fn event(rev: u64, body: RoomEventBody) -> Packed {
        pack(&Event::Room(RoomEvent {
            app: AppId::from_stored("app_00000000000000000000"),
            room: RoomId::new("room").unwrap(),
            head: Head {
                seq: 0,
                rev,
                members_rev: 0,
                count: 0,
                activity_at: Time(0),
                preview: None,
            },
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
            window.push(beacon(n), after(start, n * 1_000));
        }
        assert_eq!(window.next(start).len(), 5);
        assert!(window.next(start).is_empty());
        assert!(window.rewind(after(start, 3_000)), "all of it is there");
        assert_eq!(window.next(start).len(), 2);
        window.forget(after(start, 2_000));
        assert!(window.rewind_all(after(start, 3_000)));
        assert_eq!(window.next(start).len(), 3);
    }

    #[test]
    fn what_was_not_sent_is_not_forgotten() {
        let (mut window, start) = (Window::new(), Instant::now());
        window.push(beacon(1), start);
        window.forget(after(start, 60_000));
        assert_eq!(window.next(after(start, 60_000)).len(), 1);
        window.forget(after(start, 60_000));
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
        assert!(window.rewind(after(start, 500)), "what went is older than what is asked for");
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
