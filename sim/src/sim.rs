//! The world of one run: one engine, two nodes, a few users with their devices, and what moves
//! events from commits to clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use snug_core::engine::{Backend, Client, Engine, EngineParts, NewAppRequest};
use snug_core::error::Error;
use snug_core::event::{Event, RoomEvent, RoomEventBody, UserEvent, UserEventBody};
use snug_core::ids::{AppId, DeviceId, MessageId, RoomId, SessionId, UserId};
use snug_core::model::{AppPolicy, Head, Member, Time};
use snug_core::ports::{Clock, NoBeforeSend, NoKeySets, NoOutbound};
use snug_sqlite::{SqliteConfig, SqliteStore};

use crate::bus::{SimBus, Wires};
use crate::client::{Need, SimClient};
use crate::dice::Dice;
use crate::hub::{Node, Offer};
use crate::store::{Break, SeamStore};
use crate::world::{NoMinted, OpenVault, SimClock, SimEntropy};
use snug_verify::checker::{Checker, Seen};

const NODES: usize = 2;
/// Users and their devices.
const PEOPLE: [(&str, &[&str]); 5] = [
    ("ann", &["phone", "web"]),
    ("bob", &["phone", "web"]),
    ("cyd", &["web"]),
    ("dee", &["web"]),
    ("eve", &["web"]),
];

/// A token that was given out.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) session: SessionId,
    pub(crate) expires_at: Time,
    pub(crate) ended: bool,
}

pub(crate) struct Sim {
    pub(crate) dice: Dice,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) store: Arc<SeamStore>,
    bus: Arc<SimBus>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) backend: Backend,
    pub(crate) app: AppId,
    pub(crate) clients: Vec<SimClient>,
    nodes: Vec<Node>,
    wires: Wires,
    pub(crate) tokens: Vec<Token>,
    /// Every room that was ever answered.
    pub(crate) rooms: Vec<RoomId>,
    pub(crate) checker: Checker,
    pub(crate) trace: Vec<String>,
    /// How often each operation was answered well.
    pub(crate) done: BTreeMap<&'static str, u64>,
    pub(crate) messages: u64,
    /// What was ever scheduled and not taken back: by whom (no user: the backend), and its id.
    pub(crate) planned: Vec<(Option<UserId>, MessageId)>,
    pub(crate) epoch: String,
}

impl Sim {
    pub(crate) async fn new(seed: u64, fault: Break) -> Result<Self, String> {
        let mut dice = Dice::new(seed);
        let mut epoch_seed = [0; 16];
        epoch_seed[..8].copy_from_slice(&dice.next().to_le_bytes());
        let inner = SqliteStore::open(SqliteConfig::memory(epoch_seed));
        let store = Arc::new(SeamStore::new(inner.map_err(|e| e.to_string())?, fault));
        let (clock, bus) = (Arc::new(SimClock::new()), Arc::new(SimBus::default()));
        let engine = Arc::new(Engine::new(EngineParts {
            store: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SimEntropy(Mutex::new(dice.fork()))),
            vault: Arc::new(OpenVault),
            minted: Arc::new(NoMinted),
            key_sets: Arc::new(NoKeySets),
            outbound: Arc::new(NoOutbound),
            hooks: Arc::new(NoBeforeSend),
        }));
        let request = NewAppRequest {
            name: "Sim".to_owned(),
            policy: AppPolicy::Open,
            development: false,
            origins: Vec::new(),
        };
        let told = |e: Error| e.to_string();
        let created = engine.create_app(request).await.map_err(told)?;
        let backend = engine.authenticate_backend(&created.server_key).await.map_err(told)?;
        let epoch = engine.epoch().await.map_err(told)?;
        let nodes = (0..NODES).map(|_| Node::new(fault == Break::TellRemoved));
        Ok(Self {
            clients: clients(&mut dice),
            nodes: nodes.collect(),
            app: created.app.id,
            wires: Wires::default(),
            tokens: Vec::new(),
            rooms: Vec::new(),
            checker: Checker::default(),
            trace: Vec::new(),
            done: BTreeMap::new(),
            messages: 0,
            planned: Vec::new(),
            dice,
            clock,
            store,
            bus,
            engine,
            backend,
            epoch,
        })
    }

    pub(crate) fn tally(&mut self, what: &'static str) {
        *self.done.entry(what).or_insert(0) += 1;
    }

    pub(crate) fn say(&mut self, line: String) {
        self.trace.push(line);
    }

    /// An answer: good ones are counted, and refusals that nothing foresees are told.
    pub(crate) fn note<T>(&mut self, what: &'static str, answer: &Result<T, Error>) {
        match answer {
            Ok(_) => {
                self.tally(what);
                self.say(format!("  {what}: ok"));
            }
            Err(error) => {
                self.say(format!("  {what}: {error}"));
                if matches!(error, Error::Internal | Error::Overloaded { .. }) {
                    self.checker.odd(format!("{what} was answered with: {error}"));
                }
            }
        }
    }

    /// Shows a token at the door.
    pub(crate) async fn authenticate(&mut self, token: usize) -> Option<Client> {
        let text = self.tokens[token].text.clone();
        match self.engine.authenticate(&text).await {
            Ok(client) => {
                let expired = self.clock.now() >= self.tokens[token].expires_at;
                self.checker.token_taken(&text, expired);
                Some(client)
            }
            Err(error) => {
                self.say(format!("  token {token} refused: {error}"));
                None
            }
        }
    }

    /// Who a client's next request comes from: its connection, which was checked when it was
    /// made, else its token, which is checked now.
    pub(crate) async fn caller(&mut self, c: usize) -> Option<Client> {
        if let Some(connected) = &self.clients[c].connection {
            return Some(connected.clone());
        }
        let token = self.clients[c].token?;
        let caller = self.authenticate(token).await;
        if caller.is_none() {
            self.clients[c].token = None;
        }
        caller
    }

    pub(crate) async fn connect(&mut self, c: usize) -> Result<bool, Error> {
        self.disconnect(c);
        let Some(token) = self.clients[c].token else { return Ok(false) };
        let Some(connected) = self.authenticate(token).await else {
            self.clients[c].token = None;
            return Ok(false);
        };
        self.clients[c].node = self.dice.index(NODES);
        self.clients[c].connection = Some(connected.clone());
        // As the server does: once the node knows of the connection.
        for joined in self.engine.arrive(&connected).await?.rooms {
            let (rev, members_rev) = (joined.rev, joined.members_rev);
            let head = Head { rev, members_rev, ..Head::default() };
            self.join(c, &joined.room, &head).await?;
        }
        self.catch_up(c, false).await?;
        Ok(true)
    }

    pub(crate) fn disconnect(&mut self, c: usize) {
        self.clients[c].connection = None;
        for node in &mut self.nodes {
            node.leave_all(c);
        }
    }

    async fn join(&mut self, c: usize, room: &RoomId, head: &Head) -> Result<(), Error> {
        let (node, user) = (self.clients[c].node, self.clients[c].user.clone());
        if let Some(users) = self.nodes[node].join(c, &user, room, head) {
            self.reload(node, room, &users).await?;
        }
        Ok(())
    }

    async fn reload(&mut self, node: usize, room: &RoomId, users: &[UserId]) -> Result<(), Error> {
        self.tally("members reloaded");
        let (members, rev) = self.engine.listeners(&self.app, room, users).await?;
        self.nodes[node].reloaded(room, &members, rev);
        Ok(())
    }

    /// Takes what was committed to the checker, and sends it on its way to the nodes.
    pub(crate) fn collect(&mut self) {
        for event in self.bus.take() {
            self.tap(&event);
            for node in 0..NODES {
                self.wires.send(&mut self.dice, node, &event);
            }
        }
    }

    /// What the committing node said at the moment of the commit.
    fn tap(&mut self, event: &Event) {
        match event {
            Event::Room(event) => self.tap_room(event),
            Event::User(event) => self.tap_user(event),
            Event::Presence(_) => {}
        }
    }

    fn tap_user(&mut self, event: &UserEvent) {
        match &event.body {
            UserEventBody::Joined { room, mine, .. } => {
                let (id, rev) = (&room.id, mine.rev);
                self.checker.accounted(id, rev);
                self.checker.stands(id, &mine.user, rev, (mine.state, mine.role));
                self.checker.frozen(id, rev, room.frozen);
                self.checker.archived(id, rev, room.archived);
                self.checker.ruled(id, rev, &room.policy);
            }
            UserEventBody::Invited { room, mine } => {
                self.checker.stands(&room.id, &mine.user, mine.rev, (mine.state, mine.role));
                self.checker.invited_to(room, mine);
            }
            UserEventBody::Mine { .. }
            | UserEventBody::Uninvited { .. }
            | UserEventBody::SessionsClosed { .. }
            | UserEventBody::SessionsDoubted { .. }
            | UserEventBody::PresenceAsked
            | UserEventBody::Invisible { .. }
            | UserEventBody::Scheduled { .. }
            | UserEventBody::Unscheduled { .. } => {}
        }
    }

    fn tap_room(&mut self, event: &RoomEvent) {
        let (room, rev) = (&event.room, event.head.rev);
        match &event.body {
            RoomEventBody::MessageAppended { message } => {
                self.checker.committed(room, rev);
                self.checker.saw("the bus", room, &Seen::of(message));
            }
            RoomEventBody::MessageChanged { message } => {
                self.checker.committed(room, rev);
                self.checker.saw("the bus", room, &Seen::of(message));
            }
            RoomEventBody::RoomUpdated { room: after } => {
                self.checker.committed(room, rev);
                self.checker.frozen(room, rev, after.frozen);
                self.checker.archived(room, rev, after.archived);
                self.checker.ruled(room, rev, &after.policy);
            }
            RoomEventBody::MembersChanged { members, .. } => {
                // An adding was told to who was added first, with the same rev.
                self.checker.accounted(room, rev);
                for Member { user, state, role, .. } in members {
                    self.checker.stands(room, &user.id, rev, (*state, *role));
                }
            }
            RoomEventBody::RoomDeleted => {
                self.checker.committed(room, rev);
                self.checker.deleted(room, rev);
            }
            RoomEventBody::Read { .. }
            | RoomEventBody::Delivered { .. }
            | RoomEventBody::Typing { .. }
            | RoomEventBody::Ephemeral { .. }
            | RoomEventBody::Beacon => {}
        }
    }

    /// Lets up to so many events arrive.
    pub(crate) async fn pump(&mut self, most: usize) -> Result<(), Error> {
        for _ in 0..most {
            self.collect();
            let Some((node, event)) = self.wires.next(&mut self.dice) else { break };
            match event.as_ref() {
                Event::Room(room) => self.arrive_room(node, room, &event).await?,
                Event::User(user) => {
                    let concerned: Vec<usize> = (0..self.clients.len())
                        .filter(|c| self.clients[*c].connection.is_some())
                        .filter(|c| self.clients[*c].node == node)
                        .filter(|c| self.clients[*c].user == user.user)
                        .collect();
                    for c in concerned {
                        if let UserEventBody::Joined { room, .. } = &user.body {
                            self.join(c, &room.id, &room.head).await?;
                        }
                        self.hear(c, &event).await?;
                    }
                }
                Event::Presence(_) => {}
            }
        }
        self.collect();
        Ok(())
    }

    async fn arrive_room(
        &mut self,
        node: usize,
        event: &RoomEvent,
        whole: &Event,
    ) -> Result<(), Error> {
        let told = loop {
            match self.nodes[node].offer(event) {
                Offer::Tell(told) => break told,
                Offer::Reload(users) => self.reload(node, &event.room, &users).await?,
            }
        };
        for c in told {
            let user = self.clients[c].user.clone();
            if let RoomEventBody::Ephemeral { said } = &event.body
                && !said.is_for(&user)
            {
                continue;
            }
            self.checker.delivered(&user, &event.room, event.head.rev);
            self.hear(c, whole).await?;
        }
        Ok(())
    }

    async fn hear(&mut self, c: usize, event: &Event) -> Result<(), Error> {
        let asked = match self.clients[c].hear(event) {
            Need::Nothing => Ok(()),
            Need::Sync(room) => {
                self.tally("gap synced");
                self.sync_room(c, &room, false).await
            }
            Need::Load(room) => self.load_room(c, &room).await,
            Need::Stop => {
                self.end_connection(c);
                Ok(())
            }
        };
        match asked {
            // Shut out, and not told yet.
            Err(Error::UserDeactivated) => {
                self.end_connection(c);
                Ok(())
            }
            other => other,
        }
    }

    fn end_connection(&mut self, c: usize) {
        let who = self.clients[c].name();
        self.say(format!("  {who} is told that its session ended"));
        self.disconnect(c);
    }

    pub(crate) fn under_way(&self) -> usize {
        self.wires.len()
    }
}

fn clients(dice: &mut Dice) -> Vec<SimClient> {
    let mut clients = Vec::new();
    for (user, devices) in PEOPLE {
        for device in devices {
            clients.push(SimClient {
                user: UserId::from_stored(user),
                device: DeviceId::from_stored(device),
                node: 0,
                whole: dice.percent(70),
                token: None,
                connection: None,
                cursor: None,
                rooms: BTreeMap::new(),
                invitations: BTreeMap::new(),
                outbox: Vec::new(),
                acked: Vec::new(),
            });
        }
    }
    clients
}
