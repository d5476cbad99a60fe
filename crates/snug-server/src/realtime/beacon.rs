//! The committing node repeats a room's position 1 s and 10 s after its last event, so that a
//! client whose event was lost in a quiet room learns of it (contract line 8).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use snug_core::event::{Event, RoomEvent, RoomEventBody};
use snug_core::ids::{AppId, RoomId};
use snug_core::limits;
use snug_core::model::Head;
use snug_core::ports::{Bus, Topic};
use tokio::time::Instant;

use crate::tasks::Tasks;

type Key = (AppId, RoomId);

#[derive(Debug)]
struct Due {
    at: Instant,
    /// Keeps entries of one instant apart.
    number: u64,
    stage: usize,
    head: Head,
}

#[derive(Debug, Default)]
struct State {
    rooms: HashMap<Key, Due>,
    order: BTreeMap<(Instant, u64), Key>,
    numbers: u64,
}

/// A bus that repeats positions of what is published through it.
pub struct BeaconBus {
    inner: Arc<dyn Bus>,
    state: Mutex<State>,
}

impl std::fmt::Debug for BeaconBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BeaconBus").finish_non_exhaustive()
    }
}

impl BeaconBus {
    /// Wraps a bus and starts the task that repeats.
    pub fn start(inner: Arc<dyn Bus>, tasks: &Tasks) -> Arc<Self> {
        let bus = Arc::new(Self { inner, state: Mutex::default() });
        let beacon = bus.clone();
        tasks.spawn_until_stop(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(250));
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                for event in beacon.due(Instant::now()) {
                    beacon.inner.publish(Arc::new(Event::Room(event)));
                }
            }
        });
        bus
    }

    /// Puts the room's position in line; returns what has to go early since the line is full.
    fn note(&self, event: &RoomEvent, now: Instant) -> Vec<RoomEvent> {
        let key = (event.app.clone(), event.room.clone());
        let mut state = self.state.lock();
        if matches!(event.body, RoomEventBody::RoomDeleted) {
            if let Some(old) = state.rooms.remove(&key) {
                state.order.remove(&(old.at, old.number));
            }
            return Vec::new();
        }
        let head = match state.rooms.get(&key) {
            // Racing commits may be published out of order; the higher position stands.
            Some(old) if old.head.rev > event.head.rev => old.head.clone(),
            _ => event.head.clone(),
        };
        state.put(key, head, 0, now);
        let mut early = Vec::new();
        while state.rooms.len() > limits::BEACON_ROOMS_MAX {
            let Some((_, key)) = state.order.pop_first() else { break };
            early.extend(state.rooms.remove(&key).map(|due| beacon(key, due.head)));
        }
        early
    }

    /// What is to be repeated by now.
    fn due(&self, now: Instant) -> Vec<RoomEvent> {
        let mut state = self.state.lock();
        let mut events = Vec::new();
        while let Some(entry) = state.order.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            let Some(due) = state.rooms.remove(&key) else { continue };
            events.push(beacon(key.clone(), due.head.clone()));
            if due.stage + 1 < limits::BEACON_MS.len() {
                let wait = limits::BEACON_MS[due.stage + 1] - limits::BEACON_MS[due.stage];
                let from = due.at + Duration::from_millis(wait);
                state.insert(key, due.head, due.stage + 1, from);
            }
        }
        events
    }
}

fn beacon((app, room): Key, head: Head) -> RoomEvent {
    RoomEvent { app, room, head, body: RoomEventBody::Beacon }
}

impl State {
    fn put(&mut self, key: Key, head: Head, stage: usize, now: Instant) {
        if let Some(old) = self.rooms.remove(&key) {
            self.order.remove(&(old.at, old.number));
        }
        let at = now + Duration::from_millis(limits::BEACON_MS[stage]);
        self.insert(key, head, stage, at);
    }

    fn insert(&mut self, key: Key, head: Head, stage: usize, at: Instant) {
        self.numbers += 1;
        let number = self.numbers;
        self.order.insert((at, number), key.clone());
        self.rooms.insert(key, Due { at, number, stage, head });
    }
}

impl Bus for BeaconBus {
    fn publish(&self, event: Arc<Event>) {
        let early = match event.as_ref() {
            Event::Room(event) if event.body.is_durable() => self.note(event, Instant::now()),
            _ => Vec::new(),
        };
        self.inner.publish(event);
        for event in early {
            self.inner.publish(Arc::new(Event::Room(event)));
        }
    }

    fn subscribe(&self, topic: &Topic) {
        self.inner.subscribe(topic);
    }

    fn unsubscribe(&self, topic: &Topic) {
        self.inner.unsubscribe(topic);
    }
}

#[cfg(test)]
mod tests {
    use snug_core::model::Time;

    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<Arc<Event>>>);

    impl Bus for Recorder {
        fn publish(&self, event: Arc<Event>) {
            self.0.lock().push(event);
        }

        fn subscribe(&self, _: &Topic) {}

        fn unsubscribe(&self, _: &Topic) {}
    }

    fn bus() -> BeaconBus {
        BeaconBus { inner: Arc::new(Recorder::default()), state: Mutex::default() }
    }

    fn event(room: u64, rev: u64, body: RoomEventBody) -> RoomEvent {
        let app = AppId::from_stored("app_00000000000000000000");
        let room = RoomId::new(&format!("room{room}")).unwrap();
        let head = Head { seq: rev, rev, count: rev, ..Head::default() };
        RoomEvent { app, room, head, body }
    }

    /// Something durable; its kind does not matter here.
    fn change(room: u64, rev: u64) -> RoomEvent {
        let members = Vec::new();
        let body = RoomEventBody::MembersChanged { members, room: Arc::new(bare(rev)) };
        event(room, rev, body)
    }

    fn bare(rev: u64) -> snug_core::model::Room {
        snug_core::model::Room {
            id: RoomId::new("room").unwrap(),
            kind: snug_core::model::RoomKind::Group,
            direct: None,
            name: None,
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            creator: None,
            frozen: false,
            archived: false,
            policy: snug_core::model::RoomPolicy::default(),
            created_at: Time(0),
            changed_at: Time(0),
            deleted_at: None,
            epoch: "e".to_owned(),
            min_seq: 0,
            min_rev: 0,
            policy_rev: 1,
            member_count: 0,
            head: event(0, rev, RoomEventBody::Beacon).head,
        }
    }

    fn revs(events: &[RoomEvent]) -> Vec<u64> {
        assert!(events.iter().all(|event| event.body == RoomEventBody::Beacon));
        events.iter().map(|event| event.head.rev).collect()
    }

    #[test]
    fn a_position_is_repeated_after_one_second_and_after_ten() {
        let (bus, start) = (bus(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        bus.note(&change(1, 5), start);
        assert!(revs(&bus.due(at(999))).is_empty());
        assert_eq!(revs(&bus.due(at(1_000))), [5]);
        assert!(revs(&bus.due(at(9_999))).is_empty());
        assert_eq!(revs(&bus.due(at(10_000))), [5]);
        assert!(revs(&bus.due(at(1_000_000))).is_empty());
        let state = bus.state.lock();
        assert!(state.rooms.is_empty() && state.order.is_empty());
    }

    #[test]
    fn a_newer_event_begins_anew_and_the_highest_rev_stands() {
        let (bus, start) = (bus(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        bus.note(&change(1, 6), start);
        bus.note(&change(1, 5), at(900));
        assert!(revs(&bus.due(at(1_000))).is_empty());
        assert_eq!(revs(&bus.due(at(1_900))), [6]);
        bus.note(&change(1, 7), at(2_000));
        assert_eq!(revs(&bus.due(at(3_000))), [7]);
    }

    #[test]
    fn a_deleted_room_is_not_repeated() {
        let (bus, start) = (bus(), Instant::now());
        bus.note(&change(1, 5), start);
        bus.note(&event(1, 6, RoomEventBody::RoomDeleted), start);
        assert!(revs(&bus.due(start + Duration::from_secs(60))).is_empty());
    }

    #[test]
    fn hints_without_a_rev_start_no_beacon() {
        let bus = bus();
        let user = snug_core::ids::UserId::new("anna").unwrap();
        for body in [RoomEventBody::Read { user, seq: 1 }, RoomEventBody::Beacon] {
            bus.publish(Arc::new(Event::Room(event(1, 5, body))));
        }
        assert!(bus.state.lock().rooms.is_empty());
    }

    #[test]
    fn beyond_the_bound_the_oldest_goes_early_and_is_not_lost() {
        let (bus, now) = (bus(), Instant::now());
        let most = u64::try_from(limits::BEACON_ROOMS_MAX).unwrap();
        for room in 0..most {
            assert!(bus.note(&change(room, room + 1), now).is_empty());
        }
        assert_eq!(revs(&bus.note(&change(most, 7), now)), [1]);
        assert_eq!(bus.state.lock().rooms.len(), limits::BEACON_ROOMS_MAX);
    }
}
