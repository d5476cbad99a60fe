//! The bus between nodes: what the engine publishes waits here until the simulation takes it
//! out, and then reaches each node late, doubled, out of order, or never.

use std::sync::Arc;

use parking_lot::Mutex;
use snug_core::event::{Event, UserEventBody};
use snug_core::ports::{Bus, Topic};

use crate::dice::Dice;

/// What was published and not taken yet, in the order of the commits.
#[derive(Default)]
pub(crate) struct SimBus(Mutex<Vec<Arc<Event>>>);

impl SimBus {
    pub(crate) fn take(&self) -> Vec<Arc<Event>> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Bus for SimBus {
    fn publish(&self, event: Arc<Event>) {
        self.0.lock().push(event);
    }

    /// Every node hears every topic; the hubs sort out what is theirs.
    fn subscribe(&self, _topic: &Topic) {}

    fn unsubscribe(&self, _topic: &Topic) {}
}

/// Events on their way to one node each.
#[derive(Default)]
pub(crate) struct Wires(Vec<(usize, Arc<Event>)>);

impl Wires {
    /// Sends an event on its way to a node: lost, once, or twice. That a session ended may be
    /// late but is not lost: nothing else would ever close its connections.
    pub(crate) fn send(&mut self, dice: &mut Dice, node: usize, event: &Arc<Event>) {
        let must = matches!(event.as_ref(), Event::User(user)
            if matches!(user.body, UserEventBody::SessionsClosed { .. }));
        let times = match dice.roll(100) {
            0..12 if !must => 0,
            12..24 => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.0.push((node, event.clone()));
        }
    }

    /// The next to arrive: mostly the oldest.
    pub(crate) fn next(&mut self, dice: &mut Dice) -> Option<(usize, Arc<Event>)> {
        if self.0.is_empty() {
            return None;
        }
        let at = if dice.percent(25) { dice.index(self.0.len()) } else { 0 };
        Some(self.0.remove(at))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
