//! Whose turn it is among an app's rooms: each room one delivery after the other, in the order of
//! rev; a room that waits holds nobody else up. Plain state: no clock, no store, no network.

use std::collections::{BTreeMap, HashMap, VecDeque};

use snug_core::ids::RoomId;
use snug_core::model::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Ready,
    Running,
    /// Until then; the number keeps rooms of one time apart.
    Waiting(Time, u64),
}

#[derive(Debug)]
struct Room {
    stage: Stage,
    /// What comes next has a higher rev.
    above: u64,
    /// A row was seen while the room was running.
    more: bool,
    /// It waited, and was woken before its time.
    woken: bool,
}

/// What came of a room's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing was left.
    Empty,
    /// There is more above this rev; others come first.
    Next(u64),
    /// Not before then, and not past this rev.
    Wait { until: Time, above: u64 },
}

/// Rooms with work.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: HashMap<RoomId, Room>,
    ready: VecDeque<RoomId>,
    waiting: BTreeMap<(Time, u64), RoomId>,
    made: u64,
}

impl Rooms {
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// A row that waits.
    pub(super) fn see(&mut self, room: &RoomId, rev: u64) {
        let below = rev.saturating_sub(1);
        if let Some(known) = self.rooms.get_mut(room) {
            // A row below what was done: it is replayed.
            known.above = known.above.min(below);
            known.more = true;
            return;
        }
        let new = Room { stage: Stage::Ready, above: below, more: false, woken: false };
        self.rooms.insert(room.clone(), new);
        self.ready.push_back(room.clone());
    }

    /// The next room and the rev above which it goes on.
    pub(super) fn take(&mut self, now: Time) -> Option<(RoomId, u64)> {
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let id = entry.remove();
            if let Some(room) = self.rooms.get_mut(&id) {
                room.stage = Stage::Ready;
                self.ready.push_back(id);
            }
        }
        let id = self.ready.pop_front()?;
        let room = self.rooms.get_mut(&id)?;
        room.stage = Stage::Running;
        room.more = false;
        let above = room.above;
        // Until the turn ends, only a replay lowers it.
        room.above = u64::MAX;
        Some((id, above))
    }

    /// Ends a room's turn.
    pub(super) fn done(&mut self, id: &RoomId, turn: Turn) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        let (above, until) = match turn {
            Turn::Empty if !room.more => {
                self.rooms.remove(id);
                return;
            }
            Turn::Empty => (0, None),
            Turn::Next(above) => (above, None),
            Turn::Wait { until, above } => (above, Some(until)),
        };
        room.above = if turn == Turn::Empty { room.above } else { room.above.min(above) };
        match until {
            None => {
                room.stage = Stage::Ready;
                self.ready.push_back(id.clone());
            }
            Some(until) => {
                self.made += 1;
                room.stage = Stage::Waiting(until, self.made);
                self.waiting.insert((until, self.made), id.clone());
            }
        }
    }

    /// Nobody waits any longer: the endpoint is back.
    pub(super) fn wake_all(&mut self) {
        for (_, id) in std::mem::take(&mut self.waiting) {
            if let Some(room) = self.rooms.get_mut(&id) {
                (room.stage, room.woken) = (Stage::Ready, true);
                self.ready.push_back(id);
            }
        }
    }

    /// Whether the turn that was just taken comes before its time; once.
    pub(super) fn was_woken(&mut self, id: &RoomId) -> bool {
        self.rooms.get_mut(id).is_some_and(|room| std::mem::take(&mut room.woken))
    }

    /// When the next waiting room is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomId {
        RoomId::new(name).unwrap()
    }

    #[test]
    fn a_room_is_in_one_hand_at_a_time() {
        let mut rooms = Rooms::default();
        rooms.see(&room("a"), 3);
        rooms.see(&room("a"), 4);
        rooms.see(&room("b"), 1);
        assert_eq!(rooms.take(Time(0)), Some((room("a"), 2)));
        rooms.see(&room("a"), 5);
        assert_eq!(rooms.take(Time(0)), Some((room("b"), 0)));
        assert_eq!(rooms.take(Time(0)), None);
        rooms.done(&room("b"), Turn::Empty);
        assert_eq!(rooms.len(), 1);
        rooms.done(&room("a"), Turn::Empty);
        assert_eq!(rooms.take(Time(0)), Some((room("a"), 4)), "what came meanwhile is next");
    }

    #[test]
    fn who_waits_holds_nobody_up() {
        let mut rooms = Rooms::default();
        rooms.see(&room("a"), 1);
        rooms.see(&room("b"), 1);
        let (first, _) = rooms.take(Time(0)).unwrap();
        rooms.done(&first, Turn::Wait { until: Time(50), above: 0 });
        rooms.see(&first, 2);
        assert_eq!(rooms.next_due(), Some(Time(50)));
        assert_eq!(rooms.take(Time(49)), Some((room("b"), 0)));
        assert_eq!(rooms.take(Time(49)), None);
        assert_eq!(rooms.take(Time(50)), Some((first.clone(), 0)), "with the row that failed");
        rooms.done(&first, Turn::Wait { until: Time(90), above: 0 });
        rooms.wake_all();
        assert_eq!(rooms.take(Time(50)), Some((first.clone(), 0)));
        assert!(rooms.was_woken(&first) && !rooms.was_woken(&first));
    }

    #[test]
    fn turns_go_round() {
        let mut rooms = Rooms::default();
        rooms.see(&room("a"), 1);
        rooms.see(&room("b"), 1);
        let (first, _) = rooms.take(Time(0)).unwrap();
        rooms.done(&first, Turn::Next(16));
        assert_eq!(rooms.take(Time(0)), Some((room("b"), 0)));
        assert_eq!(rooms.take(Time(0)), Some((first, 16)));
    }

    #[test]
    fn a_replay_goes_back() {
        let mut rooms = Rooms::default();
        rooms.see(&room("a"), 9);
        rooms.take(Time(0)).unwrap();
        rooms.see(&room("a"), 2);
        rooms.done(&room("a"), Turn::Next(9));
        assert_eq!(rooms.take(Time(0)), Some((room("a"), 1)));
    }
}
