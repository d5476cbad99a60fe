//! The bus of nodes that share a NATS server (core publish and subscribe, never JetStream).
//!
//! Every node hears every event and steps over those of topics that nobody here listens to
//! (`docs/adr/0012`). Own events go the short way, through the process. A node numbers
//! its payloads and says every few seconds which was the last: who misses one asks for it again;
//! where that is not possible, everybody who is connected there syncs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use snug_core::event::Event;
use snug_core::limits;
use snug_core::ports::{Bus, BusSink, Topic};
use tokio::sync::{Notify, watch};

use self::connect::connect;
use super::ears::{Ask, Ears};
use super::in_process::InProcessNode;
use super::window::{Again, Window};
use super::wire::{self, Packed};
use crate::metrics::Metrics;
use crate::tasks::Tasks;

/// What a node stands on.
pub struct NatsParts {
    /// Tells installs apart that share a NATS server.
    pub cluster: String,
    /// Carries this node's events to itself.
    pub local: Arc<InProcessNode>,
    pub sink: Arc<dyn BusSink>,
    pub metrics: Arc<Metrics>,
    /// Random; tells this node from others.
    pub node: u64,
    pub times: Times,
}

/// How soon a cut is noticed, and for how long what it swallowed can be told again.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From one look at the link to the next.
    pub pulse: Duration,
    /// For the server to answer.
    pub proof: Duration,
    /// How long events are kept. All nodes of a bus have the same.
    pub kept: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            pulse: Duration::from_millis(limits::BUS_PULSE_MS),
            proof: Duration::from_millis(limits::BUS_PROOF_MS),
            kept: Duration::from_millis(limits::BUS_KEPT_MS),
        }
    }
}

/// One node's place on the bus.
pub struct NatsNode {
    local: Arc<InProcessNode>,
    link: Arc<Link>,
}

struct Link {
    client: Client,
    node: u64,
    events: String,
    control: String,
    /// Where this node hears itself.
    probe: String,
    probes: AtomicU64,
    /// The newest probe that came back.
    heard: watch::Sender<u64>,
    window: Mutex<Window>,
    filled: Notify,
    /// Which payload was the last is to be said.
    pulse: AtomicBool,
    /// Who asked for what, and the payload with which they are told again.
    asked: Mutex<Vec<Asked>>,
    ears: Mutex<Ears>,
    /// All that was published until then has reached the server.
    told: Mutex<Option<Instant>>,
    /// How often each topic is subscribed here, by the topic's hash.
    topics: RwLock<HashMap<u64, usize>>,
    /// Whether the link was shown to work.
    stands: watch::Sender<bool>,
    /// Events were dropped here, since they came faster than they were delivered.
    slow: Arc<AtomicBool>,
    /// Payloads that were heard, and up to which of them a gap is what was dropped so.
    reads: AtomicU64,
    slow_until: AtomicU64,
    /// Connections here are to come anew, and why.
    misses: Mutex<Option<&'static str>>,
    changed: Arc<Notify>,
    sink: Arc<dyn BusSink>,
    metrics: Arc<Metrics>,
    times: Times,
}

/// What was admitted to be lost.
#[derive(Debug, Default)]
struct Told {
    /// Events that are in the metrics.
    counted: u64,
    slow_at: Option<Instant>,
}

/// `node` misses what follows the payload `after`, and is told again.
#[derive(Debug, Clone, Copy)]
struct Asked {
    node: u64,
    after: u64,
    again: Again,
}

/// What the sender does next.
enum Next {
    Nothing,
    Report { over: Vec<Asked>, last: u64 },
    Payload { events: Vec<Packed>, number: u64 },
}

/// What nodes say to each other beside events. What is unknown is passed over.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Word {
    /// `node` misses what `from` published behind its payload `after`, or in so many milliseconds
    /// before now if that is less; it has heard `heard`.
    Again { from: u64, node: u64, after: u64, millis: Option<u64>, heard: u64 },
    /// All of that was told again, in the payloads from `first` to `last`.
    Told { by: u64, node: u64, after: u64, first: u64, last: u64 },
    /// What `by` published can not be told again.
    Missed { by: u64, node: u64 },
    /// `by` ends; its last payload was `number`.
    Bye { by: u64, number: u64 },
}

impl std::fmt::Debug for NatsParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsParts").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NatsNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsNode").field("node", &self.link.node).finish_non_exhaustive()
    }
}

impl NatsNode {
    /// Joins the bus at `nats://user:password@host:4222`, or several parted by commas. A server
    /// that cannot be reached yet is tried again for as long as it takes: a node without its bus
    /// still serves, and what it has published is sent later.
    ///
    /// # Errors
    /// A sentence: the URL is none.
    pub async fn join(url: &str, parts: NatsParts, tasks: &Tasks) -> Result<Arc<Self>, String> {
        let NatsParts { cluster, local, sink, metrics, node, times } = parts;
        let changed = Arc::new(Notify::new());
        let slow = Arc::new(AtomicBool::new(false));
        let client = connect(url, times, changed.clone(), slow.clone()).await?;
        let link = Arc::new(Link {
            client,
            node,
            events: format!("snug.{cluster}.events"),
            control: format!("snug.{cluster}.control"),
            probe: format!("snug.{cluster}.probe.{node:x}"),
            probes: AtomicU64::new(0),
            heard: watch::Sender::new(0),
            window: Mutex::new(Window::new()),
            filled: Notify::new(),
            pulse: AtomicBool::new(false),
            asked: Mutex::default(),
            ears: Mutex::new(Ears::new(Instant::now())),
            told: Mutex::new(None),
            topics: RwLock::default(),
            stands: watch::Sender::new(false),
            slow,
            reads: AtomicU64::new(0),
            slow_until: AtomicU64::new(0),
            misses: Mutex::new(None),
            changed,
            sink,
            metrics,
            times,
        });
        let subscribe = async |subject: &String| {
            let done = link.client.subscribe(subject.clone()).await;
            done.map_err(|error| format!("bus: {error}"))
        };
        let (events, control) = (subscribe(&link.events).await?, subscribe(&link.control).await?);
        tasks.spawn_until_stop(link.clone().hear(events));
        tasks.spawn_until_stop(link.clone().obey(control));
        tasks.spawn_until_stop(link.clone().echo(subscribe(&link.probe).await?));
        tasks.spawn_until_stop(link.clone().watch());
        tasks.spawn_until_stop(link.clone().send());
        Ok(Arc::new(Self { local, link }))
    }

    /// Sends what waits, as far as the link stands, and says goodbye; says whether all of it has
    /// reached the server. The node is about to end.
    pub async fn close(&self) -> bool {
        let rest = async {
            while self.link.window.lock().waits_since().is_some() {
                self.link.filled.notify_one();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let number = self.link.window.lock().number();
            self.link.say(&Word::Bye { by: self.link.node, number }).await;
            // Comes back behind all of it.
            self.link.works().await
        };
        let stands = *self.link.stands.borrow();
        stands && tokio::time::timeout(self.link.times.proof, rest).await.unwrap_or(false)
    }

    /// How long ago it was that all which had been published until then had reached the server,
    /// as far as is known.
    pub fn told_ago(&self) -> Option<Duration> {
        self.link.told.lock().map(|told| told.elapsed())
    }

    /// As other nodes know it.
    pub fn name(&self) -> String {
        format!("{:016x}", self.link.node)
    }

    /// Resolves when the link stands.
    pub async fn standing(&self) {
        // The sender lives as long as this node.
        let _ = self.link.stands.subscribe().wait_for(|stands| *stands).await;
    }
}

impl Link {
    /// Hands what was published to the server, many events at once where many wait.
    async fn send(self: Arc<Self>) {
        let mut stands = self.stands.subscribe();
        loop {
            if stands.wait_for(|stands| *stands).await.is_err() {
                return;
            }
            self.send_all().await;
            self.filled.notified().await;
        }
    }

    /// Called by one task: what leaves is counted.
    async fn send_all(&self) {
        loop {
            match self.next() {
                Next::Nothing => return,
                Next::Report { over, last } => self.report(&over, last).await,
                Next::Payload { events, number } => {
                    self.metrics.bus_sent.inc_by(events.len() as u64);
                    // One that stays behind is missed by its number.
                    self.publish(wire::payload(self.node, number, &events)).await;
                }
            }
        }
    }

    /// What is due to be said goes before what waits, which may never have an end.
    fn next(&self) -> Next {
        let mut window = self.window.lock();
        let (place, last) = (window.place(), window.number());
        let is_over = |asked: &mut Asked| asked.again.until <= place;
        let over: Vec<Asked> = self.asked.lock().extract_if(.., is_over).collect();
        if !over.is_empty() || self.pulse.load(Ordering::SeqCst) {
            return Next::Report { over, last };
        }
        let events = window.next(Instant::now());
        match events.is_empty() {
            true => Next::Nothing,
            false => Next::Payload { events, number: window.number() },
        }
    }

    /// Says to whom all was told again, and which payload was the last.
    async fn report(&self, over: &[Asked], last: u64) {
        for Asked { node, after, again } in over.iter().copied() {
            let (by, first) = (self.node, again.first);
            self.say(&Word::Told { by, node, after, first, last }).await;
        }
        if self.pulse.swap(false, Ordering::SeqCst) {
            self.publish(wire::payload(self.node, last, &[])).await;
        }
    }

    async fn publish(&self, payload: Bytes) {
        if let Err(error) = self.client.publish(self.events.clone(), payload).await {
            tracing::warn!(%error, "events could not be sent");
        }
    }

    /// Delivers others' events to who listens here.
    async fn hear(self: Arc<Self>, mut events: Subscriber) {
        while let Some(message) = events.next().await {
            if let Some(ask) = self.take(&message.payload) {
                self.ask(ask).await;
            }
        }
    }

    /// Says what is missing before it.
    fn take(&self, payload: &Bytes) -> Option<Ask> {
        let wanted = |topic: u64| self.topics.read().contains_key(&topic);
        let unreadable = |error: wire::Unreadable| {
            tracing::warn!(%error, "the bus");
            self.metrics.bus_lost.inc();
        };
        let opened = match wire::open(payload, wanted) {
            Ok(opened) if opened.node == self.node => return None,
            Ok(opened) => opened,
            Err(error) => {
                unreadable(error);
                return None;
            }
        };
        for event in opened.events {
            match event {
                Ok(event) => {
                    self.metrics.bus_heard.inc();
                    self.sink.deliver(Arc::new(event));
                }
                Err(error) => unreadable(error),
            }
        }
        let reads = self.reads.fetch_add(1, Ordering::SeqCst);
        let mut ears = self.ears.lock();
        let missing = ears.heard(opened.node, opened.number, opened.pulse, Instant::now());
        let slow =
            self.slow.load(Ordering::SeqCst) || reads < self.slow_until.load(Ordering::SeqCst);
        if missing.is_some() && slow {
            // More of the same is what there was too much of: everybody syncs, see `admit`.
            ears.forgive(opened.node);
            return None;
        }
        missing
    }

    async fn ask(&self, Ask { from, after, ago, heard }: Ask) {
        self.metrics.bus_gaps.inc();
        let millis = ago.map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX));
        self.say(&Word::Again { from, node: self.node, after, millis, heard }).await;
    }

    fn again(&self, after: u64, millis: Option<u64>, heard: u64) -> Option<Again> {
        let mut window = self.window.lock();
        let since = millis.and_then(|millis| {
            // A little more than was asked for: the clocks of two nodes tick apart.
            let ago = Duration::from_millis(millis).saturating_add(self.times.proof);
            Instant::now().checked_sub(ago)
        });
        let after = since.map_or(after, |since| after.max(window.last_before(since)));
        window.again(after, heard)
    }

    /// Does what other nodes ask for.
    async fn obey(self: Arc<Self>, mut words: Subscriber) {
        while let Some(message) = words.next().await {
            match serde_json::from_slice(&message.payload) {
                Ok(Word::Again { from, node, after, millis, heard }) if from == self.node => {
                    let Some(again) = self.again(after, millis, heard) else {
                        self.say(&Word::Missed { by: self.node, node }).await;
                        continue;
                    };
                    let mut asked = self.asked.lock();
                    asked.retain(|before| before.node != node);
                    asked.push(Asked { node, after, again });
                    drop(asked);
                    self.filled.notify_one();
                }
                Ok(Word::Told { by, node, after, first, last }) if node == self.node => {
                    self.ears.lock().told(by, after, (first, last));
                }
                Ok(Word::Bye { by, number }) => self.ears.lock().bye(by, number),
                Ok(Word::Missed { by, node }) if node == self.node => {
                    self.ears.lock().forgive(by);
                    self.miss("another node could not tell again what it had published");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a word on the bus"),
            }
        }
    }

    /// Looks at the link every few seconds and whenever it changed, says which payload was the
    /// last, and asks once more for what did not come.
    async fn watch(self: Arc<Self>) {
        let statistics = self.client.statistics();
        let started = Instant::now();
        // When it was last shown to work.
        let mut worked: Option<Instant> = None;
        // How often it was connected by then, and since when it stands.
        let mut link: Option<(u64, Instant)> = None;
        let mut told = Told::default();
        loop {
            let began = Instant::now();
            let waits = self.window.lock().waits_since();
            let connects = statistics.connects.load(Ordering::SeqCst);
            if self.works().await {
                if link.is_some_and(|(same, _)| same == connects) {
                    *self.told.lock() = Some(waits.unwrap_or(began));
                } else {
                    // What went out on the old one may be asked for: told is what is told by the
                    // next look.
                    self.stand_up(worked, started);
                    link = Some((connects, began));
                }
                worked = Some(began);
                self.stands.send_replace(true);
                self.pulse.store(true, Ordering::SeqCst);
                self.filled.notify_one();
                let due = self.ears.lock().due(Instant::now(), self.times.pulse);
                for ask in due {
                    self.ask(ask).await;
                }
                self.admit(&mut told);
            } else {
                link = None;
                self.stands.send_replace(false);
                self.mend().await;
            }
            if let Some(reason) = self.misses.lock().take() {
                tracing::warn!(reason, "connections are told to come anew");
                self.metrics.bus_missed.inc();
                self.sink.missed();
            }
            self.tidy(link.map(|(_, since)| since));
            // Whatever woke us: the next look tells what it was.
            let _ = tokio::time::timeout(self.times.pulse, self.changed.notified()).await;
        }
    }

    /// The link is a new one: whoever has ended since the old one broke has nobody to say what it
    /// said.
    fn stand_up(&self, worked: Option<Instant>, started: Instant) {
        match worked {
            Some(broke) => self.ears.lock().doubt(broke, Instant::now(), self.times.kept),
            None if started.elapsed() > self.times.proof => {
                self.miss("the bus was not there when the node began");
            }
            None => {}
        }
    }

    /// Says what was lost for want of room; seldom, since what it asks for is dear.
    fn admit(&self, told: &mut Told) {
        let lost = self.window.lock().lost();
        self.metrics.bus_lost.inc_by(lost - told.counted);
        told.counted = lost;
        if self.ears.lock().give_up(Instant::now(), self.times.kept) {
            self.miss("a node is gone, or does not answer, that had more to tell");
        }
        let due = told.slow_at.is_none_or(|at| at.elapsed() > self.times.kept);
        if due && self.slow.swap(false, Ordering::SeqCst) {
            told.slow_at = Some(Instant::now());
            // What stands before the gap is read first.
            let reads = self.reads.load(Ordering::SeqCst) + limits::BUS_UNREAD_MAX as u64;
            self.slow_until.store(reads, Ordering::SeqCst);
            self.ears.lock().forgive_all();
            self.miss("events came faster than they could be delivered");
        }
    }

    /// Forgets what nobody can ask for any more. What went out before the link stood may not have
    /// arrived, and those who miss it learn of it from now on.
    fn tidy(&self, stood: Option<Instant>) {
        if let Some(before) = Instant::now().checked_sub(self.times.kept)
            && stood.is_some_and(|since| since < before)
        {
            self.window.lock().forget(before);
        }
        self.metrics.bus_connected.set(i64::from(*self.stands.borrow()));
    }

    /// Whether what this node says to itself comes back from the server: all that was sent before
    /// it has arrived, and all that was to come before it is here. (A question that nobody answers
    /// would do, and needs no echo of the events; but whoever listens to all subjects, as operators
    /// do, would keep it from coming back.)
    async fn works(&self) -> bool {
        if self.client.connection_state() != State::Connected {
            return false;
        }
        let number = self.probes.fetch_add(1, Ordering::SeqCst) + 1;
        let mut heard = self.heard.subscribe();
        let payload = Bytes::copy_from_slice(&number.to_be_bytes());
        let back = async {
            self.client.publish(self.probe.clone(), payload).await.is_ok()
                && heard.wait_for(|heard| *heard >= number).await.is_ok()
        };
        tokio::time::timeout(self.times.proof, back).await.unwrap_or(false)
    }

    async fn echo(self: Arc<Self>, mut probes: Subscriber) {
        while let Some(message) = probes.next().await {
            if let Ok(number) = <[u8; 8]>::try_from(&message.payload[..]) {
                let number = u64::from_be_bytes(number);
                self.heard.send_modify(|heard| *heard = number.max(*heard));
            }
        }
    }

    /// A link that says it is connected and answers nothing is cut here, so that it is made anew.
    async fn mend(&self) {
        if self.client.connection_state() == State::Connected {
            tracing::warn!("the bus does not answer: connecting anew");
            // Where not even this can be said, the client's own pings find out.
            let cutting = self.client.force_reconnect();
            let _ = tokio::time::timeout(self.times.proof, cutting).await;
        }
    }

    /// All connections here are to come anew, once for whatever is found before the next look.
    fn miss(&self, reason: &'static str) {
        *self.misses.lock() = Some(reason);
    }

    async fn say(&self, word: &Word) {
        // Numbers only: it cannot fail.
        let payload = Bytes::from(serde_json::to_vec(word).unwrap_or_default());
        if let Err(error) = self.client.publish(self.control.clone(), payload).await {
            tracing::warn!(%error, "a word could not be sent on the bus");
        }
    }

    fn put(&self, event: Packed) {
        self.window.lock().push(event, Instant::now());
        self.filled.notify_one();
    }
}

impl Bus for NatsNode {
    fn publish(&self, event: Arc<Event>) {
        self.link.put(wire::pack(&event));
        self.local.publish(event);
    }

    fn subscribe(&self, topic: &Topic) {
        *self.link.topics.write().entry(wire::hash_of(topic)).or_insert(0) += 1;
        self.local.subscribe(topic);
    }

    fn unsubscribe(&self, topic: &Topic) {
        self.local.unsubscribe(topic);
        let hash = wire::hash_of(topic);
        let mut topics = self.link.topics.write();
        if let Some(count) = topics.get_mut(&hash) {
            *count -= 1;
            if *count == 0 {
                topics.remove(&hash);
            }
        }
    }
}

mod connect;
#[cfg(test)]
mod tests;
