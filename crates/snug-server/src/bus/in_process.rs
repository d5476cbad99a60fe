//! The bus of nodes that live in one process. Each node has a bounded queue and a task that
//! delivers, so that a publisher never waits for a fan-out; a full queue loses the event, counts
//! it, and rev makes it good.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use snug_core::event::{Event, UserEvent, UserEventBody};
use snug_core::limits;
use snug_core::ports::{Bus, BusSink, Topic};
use tokio::sync::mpsc;

use crate::tasks::Tasks;

/// Joins nodes of one process.
#[derive(Debug, Default)]
pub struct InProcessBus {
    nodes: RwLock<Vec<Weak<InProcessNode>>>,
}

/// One node's place on the bus.
pub struct InProcessNode {
    bus: Arc<InProcessBus>,
    topics: Arc<Mutex<HashMap<Topic, usize>>>,
    queue: mpsc::Sender<Arc<Event>>,
    sink: Arc<dyn BusSink>,
    lost: AtomicU64,
}

impl std::fmt::Debug for InProcessNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcessNode").field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl InProcessBus {
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Joins a node; its events go to `sink`, one after the other.
    pub fn join(self: &Arc<Self>, sink: Arc<dyn BusSink>, tasks: &Tasks) -> Arc<InProcessNode> {
        let (queue, mut events) = mpsc::channel::<Arc<Event>>(limits::BUS_QUEUE_MAX);
        let topics = Arc::<Mutex<HashMap<Topic, usize>>>::default();
        let node = Arc::new(InProcessNode {
            bus: self.clone(),
            topics: topics.clone(),
            queue,
            sink: sink.clone(),
            lost: AtomicU64::new(0),
        });
        let mut nodes = self.nodes.write();
        nodes.retain(|node| node.strong_count() > 0);
        nodes.push(Arc::downgrade(&node));
        drop(nodes);
        tasks.spawn_until_stop(async move {
            while let Some(event) = events.recv().await {
                // Asked here and not when it is published: what came before in the queue may be
                // why somebody listens, such as the news of a room before its first message.
                let heard = topics.lock().contains_key(&Topic::of(&event));
                if heard {
                    sink.deliver(event);
                }
            }
        });
        node
    }
}

impl InProcessNode {
    /// Events that were lost because this node's queue was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn offer(&self, event: &Arc<Event>) {
        use UserEventBody::{Invisible, SessionsClosed, SessionsDoubted};
        if let Event::User(UserEvent { body, .. }) = event.as_ref()
            && matches!(body, SessionsClosed { .. } | SessionsDoubted { .. } | Invisible { .. })
        {
            // A revoke holds from its answer on, and so does going out of sight: not behind what
            // waits in the queue.
            let heard = self.topics.lock().contains_key(&Topic::of(event));
            if heard {
                self.sink.deliver(event.clone());
            }
            return;
        }
        if self.queue.try_send(event.clone()).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Bus for InProcessNode {
    fn publish(&self, event: Arc<Event>) {
        // What is delivered at once may publish something itself.
        for node in self.bus.nodes.read_recursive().iter() {
            if let Some(node) = node.upgrade() {
                node.offer(&event);
            }
        }
    }

    fn subscribe(&self, topic: &Topic) {
        *self.topics.lock().entry(topic.clone()).or_insert(0) += 1;
    }

    fn unsubscribe(&self, topic: &Topic) {
        let mut topics = self.topics.lock();
        if let Some(count) = topics.get_mut(topic) {
            *count -= 1;
            if *count == 0 {
                topics.remove(topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use snug_core::conformance::bus::run_all;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_a_bus() {
        let (bus, tasks) = (InProcessBus::new(), Tasks::default());
        run_all(&move |sink| bus.join(sink, &tasks)).await;
    }

    #[tokio::test]
    async fn nodes_that_are_gone_are_forgotten() {
        struct Nothing;
        impl BusSink for Nothing {
            fn deliver(&self, _: Arc<Event>) {}
            fn missed(&self) {}
        }
        let (bus, tasks) = (InProcessBus::new(), Tasks::default());
        for _ in 0..10 {
            drop(bus.join(Arc::new(Nothing), &tasks));
        }
        assert_eq!(bus.nodes.read().len(), 1);
    }
}
