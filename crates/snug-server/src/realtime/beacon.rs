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
            loop {
                tick.tick().await;
                for event in beacon.due(Instant::now()) {
                    beacon.inner.publish(Arc::new(Event::Room(event)));
                }
            }
        });
        bus
    }

    fn note(&self, event: &RoomEvent, now: Instant) {
        let key = (event.app.clone(), event.room.clone());
        let mut state = self.state.lock();
        if matches!(event.body, RoomEventBody::RoomDeleted) {
            if let Some(old) = state.rooms.remove(&key) {
                state.order.remove(&(old.at, old.number));
            }
            return;
        }
        let head = match state.rooms.get(&key) {
            // Racing commits may be published out of order; the higher position stands.
            Some(old) if old.head.rev > event.head.rev => old.head.clone(),
            _ => event.head.clone(),
        };
        state.put(key, head, 0, now);
        while state.rooms.len() > limits::BEACON_ROOMS_MAX {
            let Some((_, key)) = state.order.pop_first() else { break };
            state.rooms.remove(&key);
        }
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
            let (app, room) = key.clone();
            let head = due.head.clone();
            events.push(RoomEvent { app, room, head, body: RoomEventBody::Beacon });
            if due.stage + 1 < limits::BEACON_MS.len() {
                let wait = limits::BEACON_MS[due.stage + 1] - limits::BEACON_MS[due.stage];
                let from = due.at + Duration::from_millis(wait);
                state.insert(key, due.head, due.stage + 1, from);
            }
        }
        events
    }
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
        if let Event::Room(event) = event.as_ref()
            && event.body.is_durable()
        {
            self.note(event, Instant::now());
        }
        self.inner.publish(event);
    }

    fn subscribe(&self, topic: &Topic) {
        self.inner.subscribe(topic);
    }

    fn unsubscribe(&self, topic: &Topic) {
        self.inner.unsubscribe(topic);
    }
}
