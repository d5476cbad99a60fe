//! Between nodes. The bus may lose, repeat and reorder, and never decides truth.

use std::sync::Arc;

use crate::event::Event;
use crate::ids::{AppId, RoomId, UserId};

/// What a node may be interested in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Room events of one room.
    Room(AppId, RoomId),
    /// User events of one user.
    User(AppId, UserId),
    /// Where one user is online.
    Presence(AppId, UserId),
}

impl Topic {
    /// The topic an event is published under.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Room(event) => Self::Room(event.app.clone(), event.room.clone()),
            Event::User(event) => Self::User(event.app.clone(), event.user.clone()),
            Event::Presence(event) => Self::Presence(event.app.clone(), event.user.clone()),
        }
    }
}

/// Where a node's events arrive. Called from any thread; must not block.
pub trait BusSink: Send + Sync {
    fn deliver(&self, event: Arc<Event>);

    /// The node was cut off for longer than the bus can make good: nobody knows which events it
    /// did not get, so who listens here has to ask the store anew.
    fn missed(&self);
}

/// One node's handle on the bus.
pub trait Bus: Send + Sync {
    /// Hands an event to every node (this one too) that subscribed its topic. Never blocks;
    /// when the bus is full or away the event is lost, counted, and made good by rev.
    fn publish(&self, event: Arc<Event>);

    /// From the return on, events of this topic published by this node are delivered here;
    /// other nodes' soon after. Counted: as many `unsubscribe` as `subscribe`.
    fn subscribe(&self, topic: &Topic);

    fn unsubscribe(&self, topic: &Topic);
}
