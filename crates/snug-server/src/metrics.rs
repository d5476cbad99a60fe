//! Counters of one server, in OpenMetrics text. No label holds an id: series stay few, and no
//! token or name of a customer's ends up in them.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A REST answer by its status.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    pub status: u16,
}

/// The server's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub connections: Gauge,
    pub frames_in: Counter,
    pub frames_out: Counter,
    pub messages: Counter,
    pub events: Counter,
    pub refused_origins: Counter,
    pub bus_connected: Gauge,
    pub bus_sent: Counter,
    pub bus_heard: Counter,
    pub bus_lost: Counter,
    pub bus_missed: Counter,
    pub bus_gaps: Counter,
    pub nodes_lost: Counter,
    pub webhooks_delivered: Counter,
    pub webhooks_failed: Counter,
    pub webhooks_parked: Counter,
    pub hooks_asked: Counter,
    pub hooks_refused: Counter,
    pub hooks_changed: Counter,
    pub hooks_failed: Counter,
    pub hook_seconds: Histogram,
    pub answers: Family<Answered, Counter<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("snug");
        let connections = Gauge::default();
        registry.register("connections", "Live authenticated sockets", connections.clone());
        let counter = |registry: &mut Registry, name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let bus_connected = Gauge::default();
        let help = "Whether the bus between nodes stands";
        registry.register("bus_connected", help, bus_connected.clone());
        let bus_sent = counter(&mut registry, "bus_sent", "Events sent to other nodes");
        let bus_heard = counter(&mut registry, "bus_heard", "Events heard from other nodes");
        let bus_lost = counter(&mut registry, "bus_lost", "Events that the bus had to drop");
        let help = "How often other nodes were asked to tell again what did not arrive";
        let bus_gaps = counter(&mut registry, "bus_gaps", help);
        let help = "Nodes that died and whose news this one announced";
        let nodes_lost = counter(&mut registry, "nodes_lost", help);
        let help =
            "How often it was said that all connections must come anew after a cut of the bus";
        let bus_missed = counter(&mut registry, "bus_missed", help);
        let frames_in = counter(&mut registry, "frames_in", "Frames from clients");
        let frames_out = counter(&mut registry, "frames_out", "Frames pushed to clients");
        let messages = counter(&mut registry, "messages", "Messages acknowledged");
        let events = counter(&mut registry, "room_events", "Room events heard by this node");
        let refused = counter(&mut registry, "refused_origins", "Requests of origins not listed");
        let delivered = counter(&mut registry, "webhooks_delivered", "Webhooks delivered");
        let failed = counter(&mut registry, "webhooks_failed", "Attempts that failed");
        let parked = counter(&mut registry, "webhooks_parked", "Webhooks given up");
        let asked = counter(&mut registry, "hooks_asked", "Questions to before-send hooks");
        let stopped = counter(&mut registry, "hooks_refused", "Messages that a hook refused");
        let changed = counter(&mut registry, "hooks_changed", "Messages that a hook changed");
        let unanswered = counter(&mut registry, "hooks_failed", "Questions without an answer");
        // 5 ms to 5 s: the longest that an app may wait.
        let seconds = Histogram::new(exponential_buckets(0.005, 2.0, 11));
        let help = "Time that messages waited for a hook";
        registry.register("hook_seconds", help, seconds.clone());
        let answers = Family::default();
        registry.register("http_answers", "REST answers by status", answers.clone());
        Self {
            registry,
            connections,
            bus_connected,
            bus_sent,
            bus_heard,
            bus_lost,
            bus_missed,
            bus_gaps,
            nodes_lost,
            frames_in,
            frames_out,
            messages,
            events,
            refused_origins: refused,
            webhooks_delivered: delivered,
            webhooks_failed: failed,
            webhooks_parked: parked,
            hooks_asked: asked,
            hooks_refused: stopped,
            hooks_changed: changed,
            hooks_failed: unanswered,
            hook_seconds: seconds,
            answers,
        }
    }
}

impl Metrics {
    /// All of them as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
