//! What a bus is: events reach every node that asked for their topic, and no other. It may
//! lose, repeat and reorder, so cases publish until something arrives and never count.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::fixtures::{random_app, room_id, user};
use crate::event::{Event, RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use crate::ids::AppId;
use crate::model::{CloseReason, Head};
use crate::ports::{Bus, BusSink, Topic};

/// Makes a node of one bus: its events arrive at the sink.
pub type MakeNode = dyn Fn(Arc<dyn BusSink>) -> Arc<dyn Bus> + Send + Sync;

/// Runs every case.
///
/// # Panics
/// At the first broken promise.
pub async fn run_all(make: &MakeNode) {
    delivers_to_every_node_that_subscribed(make).await;
    delivers_nothing_after_unsubscribe(make).await;
    counts_subscriptions(make).await;
    keeps_apps_and_topics_apart(make).await;
    carries_events_whole(make).await;
    delivers_own_events_from_the_subscription_on(make).await;
    publishing_never_waits(make).await;
}

/// How long something may take to arrive; our own tests of the suite do not wait as long.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// A sink that keeps what it is given.
#[derive(Default)]
struct Recorder {
    got: Mutex<Vec<Arc<Event>>>,
    arrived: Notify,
}

impl BusSink for Recorder {
    fn deliver(&self, event: Arc<Event>) {
        self.got.lock().push(event);
        self.arrived.notify_one();
    }

    fn missed(&self) {}
}

impl Recorder {
    fn has(&self, event: &Event) -> bool {
        self.got.lock().iter().any(|got| got.as_ref() == event)
    }

    /// Until this event arrived.
    async fn wait_for(&self, event: &Event, why: &str) {
        let seen = async {
            while !self.has(event) {
                self.arrived.notified().await;
            }
        };
        assert!(timeout(PATIENCE, seen).await.is_ok(), "{why}");
    }
}

struct Node {
    bus: Arc<dyn Bus>,
    sink: Arc<Recorder>,
}

fn node(make: &MakeNode) -> Node {
    let sink = Arc::new(Recorder::default());
    Node { bus: make(sink.clone()), sink }
}

/// A room's event, told apart by its rev.
fn beacon(app: &AppId, room: &str, rev: u64) -> Event {
    Event::Room(RoomEvent {
        app: app.clone(),
        room: room_id(room),
        head: Head { rev, ..Head::default() },
        body: RoomEventBody::Beacon,
    })
}

fn closed(app: &AppId, name: &str) -> Event {
    Event::User(UserEvent {
        app: app.clone(),
        user: user(name),
        body: UserEventBody::SessionsClosed { sessions: Vec::new(), reason: CloseReason::Revoked },
    })
}

/// Publishes an event, again and again since a bus may lose it, until every sink has it.
async fn reaches(from: &Node, event: &Event, sinks: &[&Node]) -> bool {
    let reached = async {
        loop {
            from.bus.publish(Arc::new(event.clone()));
            let waits = sinks.iter().find(|node| !node.sink.has(event));
            let Some(node) = waits else { return };
            // Not awaited for its result: the loop asks again.
            let _ = timeout(Duration::from_millis(20), node.sink.arrived.notified()).await;
        }
    };
    timeout(PATIENCE, reached).await.is_ok()
}

/// An event reaches the publisher and the others that subscribed, and nobody else.
pub async fn delivers_to_every_node_that_subscribed(make: &MakeNode) {
    let app = random_app();
    let nodes: Vec<Node> = (0..4).map(|_| node(make)).collect();
    for event in [beacon(&app, "room", 1), closed(&app, "anna")] {
        let topic = Topic::of(&event);
        for node in &nodes[..3] {
            node.bus.subscribe(&topic);
        }
        let interested = [&nodes[0], &nodes[1], &nodes[2]];
        assert!(reaches(&nodes[0], &event, &interested).await, "from a subscriber");
        assert!(reaches(&nodes[3], &event, &interested).await, "from another node");
        assert!(!nodes[3].sink.has(&event), "a node without interest got it");
    }
}

/// After the last unsubscribe nothing more arrives, though other topics' events do.
pub async fn delivers_nothing_after_unsubscribe(make: &MakeNode) {
    let app = random_app();
    let (one, two) = (node(make), node(make));
    let fence = beacon(&app, "fence", 1);
    for node in [&one, &two] {
        node.bus.subscribe(&Topic::of(&beacon(&app, "room", 1)));
        node.bus.subscribe(&Topic::of(&fence));
    }
    assert!(reaches(&one, &beacon(&app, "room", 1), &[&one, &two]).await);
    for node in [&one, &two] {
        node.bus.unsubscribe(&Topic::of(&beacon(&app, "room", 1)));
    }
    let late = beacon(&app, "room", 2);
    for from in [&one, &two] {
        from.bus.publish(Arc::new(late.clone()));
    }
    assert!(reaches(&one, &fence, &[&one, &two]).await);
    assert!(reaches(&two, &beacon(&app, "fence", 2), &[&one, &two]).await);
    assert!(!one.sink.has(&late) && !two.sink.has(&late));
}

/// As many unsubscribes as subscribes end the interest, and not one fewer.
pub async fn counts_subscriptions(make: &MakeNode) {
    let app = random_app();
    let (one, two) = (node(make), node(make));
    let topic = Topic::of(&beacon(&app, "room", 1));
    for _ in 0..3 {
        one.bus.subscribe(&topic);
    }
    for rev in 1..=2 {
        one.bus.unsubscribe(&topic);
        let event = beacon(&app, "room", rev);
        assert!(reaches(&two, &event, &[&one]).await, "after {rev} of 3");
    }
    one.bus.unsubscribe(&topic);
    let fence = beacon(&app, "fence", 1);
    one.bus.subscribe(&Topic::of(&fence));
    let late = beacon(&app, "room", 3);
    two.bus.publish(Arc::new(late.clone()));
    one.bus.publish(Arc::new(late.clone()));
    assert!(reaches(&two, &fence, &[&one]).await);
    assert!(!one.sink.has(&late), "after 3 of 3");
    one.bus.subscribe(&topic);
    let again = beacon(&app, "room", 4);
    assert!(reaches(&two, &again, &[&one]).await, "subscribed anew");
}

/// The same room in another app, another room, and a user of the room's name are other topics.
pub async fn keeps_apps_and_topics_apart(make: &MakeNode) {
    let (app, other) = (random_app(), random_app());
    let (one, two) = (node(make), node(make));
    let wanted = beacon(&app, "same", 1);
    one.bus.subscribe(&Topic::of(&wanted));
    let unwanted = [
        beacon(&other, "same", 1),
        beacon(&app, "Same", 1),
        beacon(&app, "sam", 1),
        closed(&app, "same"),
    ];
    for event in &unwanted {
        two.bus.publish(Arc::new(event.clone()));
        one.bus.publish(Arc::new(event.clone()));
    }
    assert!(reaches(&two, &wanted, &[&one]).await);
    for event in &unwanted {
        assert!(!one.sink.has(event), "{event:?}");
    }
}

/// An event arrives as it was published, with odd bytes in its ids.
pub async fn carries_events_whole(make: &MakeNode) {
    let app = random_app();
    let (one, two) = (node(make), node(make));
    for room in ["a.b.>", "*", "a b", "字/👩‍👩‍👧", "#"] {
        let mut event = beacon(&app, room, u64::MAX >> 1);
        if let Event::Room(event) = &mut event {
            event.body = RoomEventBody::Typing { user: user("ünï.*.>"), on: true, text: None };
        }
        two.bus.subscribe(&Topic::of(&event));
        assert!(reaches(&one, &event, &[&two]).await, "{room}");
    }
}

/// From the return of subscribe on, the own node's events are delivered: `open` relies on it.
pub async fn delivers_own_events_from_the_subscription_on(make: &MakeNode) {
    let app = random_app();
    let one = node(make);
    for round in 1..=50 {
        let event = beacon(&app, &format!("room{round}"), round);
        one.bus.subscribe(&Topic::of(&event));
        one.bus.publish(Arc::new(event.clone()));
        let why = "an own event right after subscribe is delivered";
        one.sink.wait_for(&event, why).await;
    }
}

/// A publish returns though nobody takes the events.
pub async fn publishing_never_waits(make: &MakeNode) {
    let app = random_app();
    let (one, two) = (node(make), node(make));
    two.bus.subscribe(&Topic::of(&beacon(&app, "room", 1)));
    let bus = one.bus.clone();
    let burst = app.clone();
    let mut task = JoinSet::new();
    task.spawn_blocking(move || {
        for rev in 1..=20_000 {
            bus.publish(Arc::new(beacon(&burst, "room", rev)));
        }
    });
    let done = timeout(PATIENCE, task.join_next()).await;
    assert!(matches!(done, Ok(Some(Ok(())))), "a publish blocked");
    let after = beacon(&app, "room", 30_000);
    assert!(reaches(&one, &after, &[&two]).await, "the bus goes on after a burst");
}

#[cfg(test)]
mod tests {
    //! The suite itself: a plain bus passes, and buses with one fault do not.

    use std::collections::HashMap;

    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Fault {
        None,
        KeepsAfterUnsubscribe,
        DeliversToAll,
        ForgetsOwn,
    }

    #[derive(Default)]
    struct Hub(Mutex<Vec<Arc<Plain>>>);

    struct Plain {
        hub: Arc<Hub>,
        fault: Fault,
        sink: Arc<dyn BusSink>,
        counts: Mutex<HashMap<Topic, u32>>,
    }

    impl Plain {
        fn wants(&self, topic: &Topic, own: bool) -> bool {
            match self.fault {
                Fault::DeliversToAll => true,
                Fault::ForgetsOwn if own => false,
                Fault::KeepsAfterUnsubscribe => self.counts.lock().contains_key(topic),
                _ => self.counts.lock().get(topic).is_some_and(|count| *count > 0),
            }
        }
    }

    struct Handle(Arc<Plain>);

    impl Bus for Handle {
        fn publish(&self, event: Arc<Event>) {
            let topic = Topic::of(&event);
            for node in self.0.hub.0.lock().iter() {
                if node.wants(&topic, Arc::ptr_eq(node, &self.0)) {
                    node.sink.deliver(event.clone());
                }
            }
        }

        fn subscribe(&self, topic: &Topic) {
            *self.0.counts.lock().entry(topic.clone()).or_default() += 1;
        }

        fn unsubscribe(&self, topic: &Topic) {
            if let Some(count) = self.0.counts.lock().get_mut(topic) {
                *count = count.saturating_sub(1);
            }
        }
    }

    fn buses(fault: Fault) -> Box<MakeNode> {
        let hub = Arc::new(Hub::default());
        Box::new(move |sink| {
            let (hub, counts) = (hub.clone(), Mutex::default());
            let plain = Arc::new(Plain { hub: hub.clone(), fault, sink, counts });
            hub.0.lock().push(plain.clone());
            Arc::new(Handle(plain))
        })
    }

    #[tokio::test]
    async fn a_plain_bus_passes() {
        run_all(&*buses(Fault::None)).await;
    }

    #[tokio::test]
    #[should_panic(expected = "one.sink.has(&late)")]
    async fn keeping_on_after_unsubscribe_is_found() {
        delivers_nothing_after_unsubscribe(&*buses(Fault::KeepsAfterUnsubscribe)).await;
    }

    #[tokio::test]
    #[should_panic(expected = "after 3 of 3")]
    async fn a_count_that_never_ends_is_found() {
        counts_subscriptions(&*buses(Fault::KeepsAfterUnsubscribe)).await;
    }

    #[tokio::test]
    #[should_panic(expected = "a node without interest got it")]
    async fn delivering_to_all_is_found() {
        delivers_to_every_node_that_subscribed(&*buses(Fault::DeliversToAll)).await;
    }

    #[tokio::test]
    #[should_panic(expected = "an own event right after subscribe")]
    async fn forgetting_the_own_node_is_found() {
        delivers_own_events_from_the_subscription_on(&*buses(Fault::ForgetsOwn)).await;
    }
}
