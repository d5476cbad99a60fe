//! Nodes on one database give signs of life, and announce what one that died may not have told
//! (contract line 8): clients hear where the rooms stand that changed since its last word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use snug_core::event::{Event, RoomEvent, RoomEventBody};
use snug_core::limits;
use snug_core::ports::{Bus, ChangedRoom, Clock, LostNode, Store, StoreResult};

use crate::metrics::Metrics;
use crate::tasks::Tasks;

/// What a node stands on.
pub(crate) struct NodeParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    /// How long ago it was that all which had been published until then had reached the others,
    /// as far as is known.
    pub(crate) told_ago: Box<dyn Fn() -> Option<Duration> + Send + Sync>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    /// As the others know it.
    pub(crate) name: String,
}

/// This node among those that share its store.
pub(crate) struct Nodes {
    parts: NodeParts,
    started: Instant,
    /// Since when every sign of life arrived.
    well: Mutex<Option<Instant>>,
    /// The dead node whose rooms could not be read.
    unread: Mutex<Option<String>>,
}

impl Nodes {
    /// Begins to give signs of life and to look out for nodes that give none.
    pub(crate) fn start(parts: NodeParts, tasks: &Tasks) -> Arc<Self> {
        let (started, well, unread) = (Instant::now(), Mutex::default(), Mutex::default());
        let nodes = Arc::new(Self { parts, started, well, unread });
        tasks.spawn_until_stop(nodes.clone().live());
        tasks.spawn_until_stop(nodes.clone().look_out());
        nodes
    }

    /// Its last word, if the others have heard all of it: nobody needs to look for what it had to
    /// tell.
    pub(crate) async fn leave(&self, all_told: bool) {
        if all_told && let Err(error) = self.parts.store.forget_node(&self.parts.name).await {
            tracing::warn!(%error, "this node is announced as lost, since it could not leave");
        }
    }

    async fn live(self: Arc<Self>) {
        let mut beat = tokio::time::interval(Duration::from_millis(limits::NODE_BEAT_MS));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            // Before it began it had nothing to tell.
            let told = (self.parts.told_ago)().unwrap_or_else(|| self.started.elapsed());
            let told = u64::try_from(told.as_millis()).unwrap_or(u64::MAX);
            let beaten =
                self.parts.store.beat_node(&self.parts.name, told, self.parts.clock.now()).await;
            let mut well = self.well.lock();
            match beaten {
                Ok(()) => {
                    well.get_or_insert_with(Instant::now);
                }
                Err(error) => {
                    *well = None;
                    tracing::warn!(%error, "no sign of life could be given to other nodes");
                }
            }
        }
    }

    async fn look_out(self: Arc<Self>) {
        let silent = Duration::from_millis(limits::NODE_SILENT_MS);
        loop {
            tokio::time::sleep(silent / 4).await;
            // When the store was away, the others could give no sign of life either; and who does
            // not reach them itself has nobody to announce to.
            let well = self.well.lock().is_some_and(|since| since.elapsed() >= silent);
            if !(well && self.reaches_others_within(silent / 2)) {
                continue;
            }
            let lost =
                self.parts.store.lost_node(limits::NODE_SILENT_MS, self.parts.clock.now()).await;
            let announced = match lost {
                Ok(Some(lost)) => self.announce(&lost).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = announced {
                // It, or another node, looks again.
                tracing::warn!(%error, "the look-out for lost nodes");
            }
        }
    }

    fn reaches_others_within(&self, ago: Duration) -> bool {
        (self.parts.told_ago)().is_some_and(|told| told < ago)
    }

    async fn announce(&self, lost: &LostNode) -> StoreResult<()> {
        let margin = i64::try_from(limits::NODE_MARGIN_MS).unwrap_or(i64::MAX);
        let since = lost.told_at.plus_millis(-margin);
        let rooms = match self.parts.store.rooms_changed(since, limits::NODE_ROOMS_MAX).await {
            Ok(rooms) => rooms,
            Err(error) => {
                let again = self.unread.lock().replace(lost.node.clone());
                if again.as_ref() == Some(&lost.node) {
                    tracing::warn!(
                        node = lost.node,
                        "what it did not tell shows with each room's next event"
                    );
                    self.parts.store.forget_node(&lost.node).await?;
                }
                return Err(error);
            }
        };
        tracing::warn!(
            node = lost.node,
            rooms = rooms.len(),
            "a node is gone without a word: rooms that changed since it was last heard are announced"
        );
        self.parts.metrics.nodes_lost.inc();
        for some in rooms.chunks(limits::NODE_ROOMS_PER_SECOND / 10) {
            for ChangedRoom { app, room, head, deleted } in some.iter().cloned() {
                let body = if deleted { RoomEventBody::RoomDeleted } else { RoomEventBody::Beacon };
                self.parts.bus.publish(Arc::new(Event::Room(RoomEvent { app, room, head, body })));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // If this does not get through, another goes on where it began.
        let published = Instant::now();
        while published.elapsed() < Duration::from_millis(limits::NODE_SILENT_MS) {
            if self.reaches_others_within(published.elapsed()) {
                return self.parts.store.forget_node(&lost.node).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}
