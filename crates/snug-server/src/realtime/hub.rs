//! Local fan-out: which connection of this node hears which room. Sharded by room; one encoding
//! per event; nothing here waits for a socket: what is queued under a room's lock is written by
//! others (`fanout.rs`).

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, MutexGuard};
use snug_core::engine::Engine;
use snug_core::event::{Event, RoomEvent, UserEvent, UserEventBody};
use snug_core::ids::{AppId, RoomId, SessionId, UserId};
use snug_core::limits;
use snug_core::model::{CloseReason, Time};
use snug_core::ports::{Bus, BusSink, JoinedRoom, Topic};
use snug_dialects::Presence;
use snug_proto::CloseCode;
use snug_proto::{event, scheduled};
use tokio::sync::broadcast::Sender;

use super::attached::Listening;
pub(super) use super::attached::{Connection, Way, Who};
use super::codec;
use super::fanout::{Fanout, Told};
use super::here::{Removed, Users};
use super::receipts::Gathered;
use super::room::{LocalRoom, Next, ReadAt};
use super::watches::Watches;
use crate::metrics::Metrics;
use crate::tasks::Tasks;

const SHARDS: usize = 64;
/// Comings and goings that one who listens slowly may be behind.
const PRESENCE_KEPT: usize = 1_024;

/// What the hub stands on.
#[derive(Debug)]
pub struct HubParts {
    pub tasks: Tasks,
    pub metrics: Arc<Metrics>,
    /// This node among others; random.
    pub node: u64,
}

type Rooms = HashMap<(AppId, RoomId), LocalRoom>;

/// The node's connections and rooms.
#[derive(Debug)]
pub struct Hub {
    rooms: Vec<Mutex<Rooms>>,
    pub(super) users: Mutex<Users>,
    pub(super) watches: Arc<Watches>,
    /// When users went, as far as it is not kept yet.
    pub(super) went: Mutex<Vec<(AppId, UserId, Time)>>,
    pub(super) gathered: Mutex<Gathered>,
    hasher: RandomState,
    numbers: AtomicU64,
    /// Other nodes may be on the bus.
    several: AtomicBool,
    bus: OnceLock<Weak<dyn Bus>>,
    pub(super) engine: OnceLock<Weak<Engine>>,
    pub(super) me: Weak<Self>,
    pub(super) tasks: Tasks,
    metrics: Arc<Metrics>,
    presence: Sender<Presence>,
    fanout: Fanout,
}

impl Hub {
    #[must_use]
    pub fn new(parts: HubParts) -> Arc<Self> {
        let HubParts { tasks, metrics, node } = parts;
        Arc::new_cyclic(|me| Self {
            rooms: (0..SHARDS).map(|_| Mutex::default()).collect(),
            users: Mutex::default(),
            watches: Watches::new(node),
            went: Mutex::default(),
            gathered: Mutex::default(),
            hasher: RandomState::new(),
            numbers: AtomicU64::new(1),
            several: AtomicBool::new(false),
            bus: OnceLock::new(),
            engine: OnceLock::new(),
            me: me.clone(),
            tasks,
            metrics,
            presence: Sender::new(PRESENCE_KEPT),
            fanout: Fanout::new(),
        })
    }

    /// Closes the circle: the engine publishes to the bus, the bus delivers here, and the hub
    /// asks the engine for member lists. `several`: other nodes may be on the bus.
    pub fn connect(&self, bus: &Arc<dyn Bus>, engine: &Arc<Engine>, several: bool) {
        self.several.store(several, Ordering::Relaxed);
        self.bus.set(Arc::downgrade(bus)).expect("the hub is connected once");
        self.engine.set(Arc::downgrade(engine)).expect("the hub is connected once");
        self.fanout.start(&self.tasks);
        self.watches.connect(bus);
        self.follow_presence();
        self.follow_delivered();
    }

    /// This node among others.
    #[must_use]
    pub fn node(&self) -> u64 {
        self.watches.node()
    }

    /// Whether other nodes may be on the bus.
    pub(super) fn is_one_of_several(&self) -> bool {
        self.several.load(Ordering::Relaxed)
    }

    /// Has written what was queued.
    pub(super) fn write(&self, told: Told) {
        self.metrics.frames_out.inc_by(told.frames());
        self.fanout.write(told);
    }

    /// Whether a session has a connection on this node.
    #[must_use]
    pub fn is_online(&self, app: &AppId, user: &UserId, session: &SessionId) -> bool {
        let users = self.users.lock();
        let connections = users.of(&(app.clone(), user.clone()));
        connections.iter().any(|one| *one.session.lock() == *session)
    }

    /// Whether a user has any connection on this node and may be seen.
    #[must_use]
    pub fn is_seen(&self, app: &AppId, user: &UserId) -> bool {
        self.users.lock().is_seen(&(app.clone(), user.clone()))
    }

    /// Who comes and goes on this node.
    #[must_use]
    pub fn presence(&self) -> &Sender<Presence> {
        &self.presence
    }

    /// Told under the lock of the users, so that coming and going keep their order.
    pub(super) fn tell_presence(&self, app: &AppId, user: &UserId, online: bool) {
        if self.presence.receiver_count() > 0 {
            let told = Presence { app: app.clone(), user: user.clone(), online };
            // The last of them may be gone meanwhile.
            let _ = self.presence.send(told);
        }
    }

    /// Ends every connection; the server drains.
    pub fn drain(&self) {
        for connection in self.users.lock().connections() {
            connection.outbox.end(CloseCode::GoingAway, None);
        }
    }

    /// A connection is being let in: what happens to its user and its session is heard from here
    /// on, and so before it is read how they stand. Nobody hears of it before it is in.
    pub(super) fn expect(&self, who: &Who<'_>, way: Way) -> Arc<Connection> {
        let id = self.numbers.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::new(id, who, way, self.watches.clone());
        let key = (who.app.clone(), who.user.clone());
        let mut users = self.users.lock();
        if users.expect(&key, connection.clone()) {
            // Under the lock: who finds the user expected is sure that the events are heard.
            self.with_bus(|bus| bus.subscribe(&Topic::User(key.0, key.1)));
        }
        drop(users);
        connection
    }

    /// A connection that was expected is in. `invisible`: whether its user does not want to be
    /// seen, as the profile said when it changed last.
    pub(super) fn attach(&self, connection: &Arc<Connection>, invisible: (bool, Time)) {
        let key = (connection.app.clone(), connection.user.clone());
        let session = connection.session.lock().clone();
        let mut users = self.users.lock();
        let (seen, all) = (users.is_seen(&key), users.of(&key));
        let same: Vec<_> = all.iter().filter(|one| *one.session.lock() == session).collect();
        if same.len() >= limits::CONNECTIONS_PER_SESSION_MAX {
            same[0].outbox.end(CloseCode::SessionReplaced, None);
        }
        let shown = users.add(&key, connection, invisible);
        let word = self.word(&key, shown, None);
        if !seen && users.is_seen(&key) {
            self.tell_presence(&key.0, &key.1, true);
        }
        drop(users);
        word.into_iter().for_each(|word| self.say(word));
        self.metrics.connections.inc();
    }

    /// Forgets a connection everywhere.
    pub(super) fn detach(&self, connection: &Arc<Connection>) {
        let gone = Listening { gone: true, ..Listening::default() };
        let rooms = std::mem::replace(&mut *connection.rooms.lock(), gone);
        for room in rooms.joined {
            self.leave(connection, &room);
        }
        self.watches.end(connection);
        let key = (connection.app.clone(), connection.user.clone());
        let mut users = self.users.lock();
        let seen = users.is_seen(&key);
        let removed = users.remove(&key, connection.id, (Instant::now(), self.now()));
        if seen && !users.is_seen(&key) {
            self.tell_presence(&key.0, &key.1, false);
        }
        if removed == Removed::Forgotten {
            self.with_bus(|bus| bus.unsubscribe(&Topic::User(key.0, key.1)));
        }
        drop(users);
        if removed == Removed::In {
            self.metrics.connections.dec();
        }
    }

    /// Lets a connection hear all of its user's rooms.
    pub(super) fn join_all(&self, connection: &Arc<Connection>, rooms: &[JoinedRoom]) {
        connection.rooms.lock().joined.reserve_exact(rooms.len());
        for joined in rooms {
            self.join(connection, &joined.room, joined);
        }
    }

    /// Lets a connection hear a room; `at` is where its membership was read.
    pub(super) fn join(&self, connection: &Arc<Connection>, room: &RoomId, at: impl Into<ReadAt>) {
        self.join_as(false, connection, room, at);
    }

    /// As `join`, also a `guest`, who reads a channel without being in it.
    pub(super) fn join_as(
        &self,
        guest: bool,
        connection: &Arc<Connection>,
        room: &RoomId,
        at: impl Into<ReadAt>,
    ) {
        let key = (connection.app.clone(), room.clone());
        let mut rooms = self.shard(&key).lock();
        let mut listening = connection.rooms.lock();
        if listening.gone {
            return;
        }
        let again = {
            let mut local = match rooms.entry(key) {
                Entry::Occupied(local) => local,
                Entry::Vacant(local) => {
                    let (app, room) = local.key().clone();
                    self.with_bus(|bus| bus.subscribe(&Topic::Room(app, room)));
                    local.insert_entry(LocalRoom::default())
                }
            };
            if !local.get().has(connection.id) {
                // The room's own copy of its id: one for all who listen.
                listening.joined.push(local.key().1.clone());
            }
            let ReadAt { rev, members_rev } = at.into();
            let again = local.get_mut().add(guest, connection, rev, members_rev);
            again.then(|| local.key().clone())
        };
        drop(listening);
        drop(rooms);
        if let Some(key) = again {
            self.reload(key);
        }
    }

    /// Opens a room that the connection hears; `Ok(false)` when it does not hear it.
    ///
    /// # Errors
    /// The bound of open rooms.
    pub(super) fn open(&self, connection: &Arc<Connection>, room: &RoomId) -> Result<bool, ()> {
        let key = (connection.app.clone(), room.clone());
        let mut rooms = self.shard(&key).lock();
        let Some(local) = rooms.get_mut(&key).filter(|local| local.has(connection.id)) else {
            return Ok(false);
        };
        let mut listening = connection.rooms.lock();
        let full = listening.open.len() >= limits::OPEN_ROOMS_MAX;
        if full && !listening.open.contains(room) {
            return Err(());
        }
        listening.open.insert(room.clone());
        Ok(local.set_open(connection.id, true))
    }

    /// Closes a room: light heads from here on.
    pub(super) fn close(&self, connection: &Arc<Connection>, room: &RoomId) {
        let key = (connection.app.clone(), room.clone());
        if let Some(local) = self.shard(&key).lock().get_mut(&key) {
            local.set_open(connection.id, false);
        }
        connection.rooms.lock().open.remove(room);
    }

    fn leave(&self, connection: &Arc<Connection>, room: &RoomId) {
        let key = (connection.app.clone(), room.clone());
        let mut rooms = self.shard(&key).lock();
        if let Some(local) = rooms.get_mut(&key) {
            local.remove(connection.id);
            self.drop_if_empty(&mut rooms, &key);
        }
    }

    fn drop_if_empty(&self, rooms: &mut Rooms, key: &(AppId, RoomId)) {
        if rooms.get(key).is_some_and(LocalRoom::is_empty) {
            rooms.remove(key);
            self.with_bus(|bus| bus.unsubscribe(&Topic::Room(key.0.clone(), key.1.clone())));
        }
    }

    fn shard(&self, key: &(AppId, RoomId)) -> &Mutex<Rooms> {
        let hash = self.hasher.hash_one(key);
        &self.rooms[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    pub(super) fn with_bus(&self, act: impl FnOnce(&dyn Bus)) {
        if let Some(bus) = self.bus.get().and_then(Weak::upgrade) {
            act(bus.as_ref());
        }
    }

    fn on_room(&self, event: RoomEvent) {
        let key = (event.app.clone(), event.room.clone());
        let event = Arc::new(event);
        let mut rooms = self.shard(&key).lock();
        let Some(local) = rooms.get_mut(&key) else { return };
        self.metrics.events.inc();
        // An older removal that is told again ends no watch of who is in since.
        let removes = event.head.members_rev > local.members_rev();
        let next = local.offer(&event);
        if removes {
            self.end_watches(&event);
        }
        self.settle(rooms, key, &next);
    }

    /// What a room's turn leaves to be done when nobody waits for the room any more.
    fn settle(&self, mut rooms: MutexGuard<'_, Rooms>, key: (AppId, RoomId), next: &Next) {
        let told = rooms.get_mut(&key).map(LocalRoom::told).unwrap_or_default();
        self.drop_if_empty(&mut rooms, &key);
        drop(rooms);
        self.write(told);
        self.follow(key, next);
    }

    fn follow(&self, key: (AppId, RoomId), next: &Next) {
        if next.reload {
            self.reload(key.clone());
        }
        if next.look_later {
            let me = self.me.clone();
            self.tasks.spawn_until_stop(async move {
                tokio::time::sleep(Duration::from_millis(limits::REORDER_MS)).await;
                if let Some(hub) = me.upgrade() {
                    hub.overdue(key);
                }
            });
        }
    }

    fn overdue(&self, key: (AppId, RoomId)) {
        let mut rooms = self.shard(&key).lock();
        let Some(local) = rooms.get_mut(&key) else { return };
        let next = local.overdue();
        self.settle(rooms, key, &next);
    }

    /// Reads again who of the local users is a member, and goes on with what was held.
    fn reload(&self, key: (AppId, RoomId)) {
        let me = self.me.clone();
        self.tasks.spawn_until_stop(async move {
            loop {
                let Some(hub) = me.upgrade() else { return };
                let Some(engine) = hub.engine.get().and_then(Weak::upgrade) else { return };
                let (mut users, connections) = match hub.shard(&key).lock().get(&key) {
                    Some(local) => (local.users(), local.connections()),
                    None => return,
                };
                // Who is watched there may be the one removed, too.
                users.extend(hub.watches.watched_in(&key.1, &connections));
                users.sort_unstable();
                users.dedup();
                match engine.listeners(&key.0, &key.1, &users).await {
                    Ok((members, members_rev)) => {
                        hub.on_reloaded(key, &users, &members, members_rev);
                        return;
                    }
                    // The store is away: nobody hears the room until it can be asked.
                    Err(error) => tracing::warn!(%error, "members could not be reloaded"),
                }
                drop(hub);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }

    fn on_reloaded(
        &self,
        key: (AppId, RoomId),
        asked: &[UserId],
        members: &[(UserId, u64)],
        members_rev: u64,
    ) {
        let mut rooms = self.shard(&key).lock();
        let Some(local) = rooms.get_mut(&key) else { return };
        let reloaded = local.reloaded(asked, members, members_rev);
        let members: HashSet<&UserId> = members.iter().map(|(user, _)| user).collect();
        let gone = asked.iter().filter(|user| !members.contains(user));
        gone.for_each(|user| self.watches.left(&key.0, &key.1, user));
        let reason = if reloaded.deleted { "deleted" } else { "removed" };
        let left = event::RoomLeft {
            room: key.1.to_string(),
            rev: members_rev.max(local.rev()),
            reason: reason.to_owned(),
        };
        let left = || codec::frame(&snug_proto::frame::event("room.left", &left));
        let (mut frame, mut out) = (None, Told::default());
        for connection in reloaded.out {
            connection.forget(&key.1);
            if connection.mail(|mailbox| mailbox.left(&key.1)) {
                continue;
            }
            out.tell(&connection, frame.get_or_insert_with(left).clone());
        }
        let mut next = local.go_on();
        let watched = self.watches.watched_in(&key.1, &local.connections());
        let unasked = watched.iter().any(|user| !asked.contains(user));
        next.reload |= reloaded.again || unasked;
        self.write(out);
        self.settle(rooms, key, &next);
    }

    fn connections_of(&self, app: &AppId, user: &UserId) -> Vec<Arc<Connection>> {
        self.users.lock().hearing(&(app.clone(), user.clone()))
    }

    fn on_user(&self, happened: UserEvent) {
        let connections = self.connections_of(&happened.app, &happened.user);
        let happened = Arc::new(happened);
        let mut told = Told::default();
        let mut tell = |frame: Vec<u8>| {
            let frame = codec::frame(&frame);
            for connection in &connections {
                if !connection.mail(|mailbox| mailbox.user(&happened)) {
                    told.tell(connection, frame.clone());
                }
            }
        };
        match &happened.body {
            UserEventBody::Mine { room, count, mine, mark } => tell(match mark {
                Some(mark) => event::own(room.as_str(), *count, mine, mark),
                None => event::mine(room.as_str(), *count, mine),
            }),
            UserEventBody::Joined { room, mine, members } => {
                let frame = codec::frame(&event::joined(room, mine, members));
                for connection in &connections {
                    self.join(connection, &room.id, &room.head);
                    if !connection.mail(|mailbox| mailbox.user(&happened)) {
                        told.tell(connection, frame.clone());
                    }
                }
            }
            UserEventBody::Invited { room, mine } => tell(event::invited(room, mine)),
            UserEventBody::Uninvited { room, rev } => tell(event::uninvited(room.as_str(), *rev)),
            UserEventBody::SessionsClosed { sessions, reason } => {
                for connection in &connections {
                    let closed = sessions.contains(&connection.session.lock());
                    let moves = *reason == CloseReason::Replaced && connection.rebinds();
                    if closed && !moves {
                        connection.outbox.end(code_of(*reason), None);
                    }
                }
            }
            UserEventBody::SessionsDoubted { reason } => {
                self.check_sessions(&happened, connections, *reason);
            }
            UserEventBody::PresenceAsked => self.answer_presence(&happened),
            UserEventBody::Invisible { on, at } => self.set_invisible(&happened, (*on, *at)),
            UserEventBody::Scheduled { scheduled: one } => tell(scheduled::told(one)),
            UserEventBody::Unscheduled { id, sent, .. } => tell(scheduled::gone(id, *sent)),
        }
        self.write(told);
    }
}

impl Hub {
    /// Ends those of the user's connections whose sessions do not live any more. One that moves to
    /// a newer session meanwhile looks for itself.
    fn check_sessions(
        &self,
        happened: &UserEvent,
        connections: Vec<Arc<Connection>>,
        reason: CloseReason,
    ) {
        let stays = |connection: &Connection| !connection.rebinds();
        let held: Vec<_> = connections
            .into_iter()
            .filter(|connection| stays(connection))
            .map(|connection| {
                let session = connection.session.lock().clone();
                // Who is gone meanwhile is not kept.
                (session, Arc::downgrade(&connection))
            })
            .collect();
        if held.is_empty() {
            return;
        }
        let (me, app, user) = (self.me.clone(), happened.app.clone(), happened.user.clone());
        self.tasks.spawn_until_stop(async move {
            loop {
                let Some(hub) = me.upgrade() else { return };
                let Some(engine) = hub.engine.get().and_then(Weak::upgrade) else { return };
                drop(hub);
                match engine.living_sessions(&app, &user).await {
                    Ok(living) => {
                        let held = held.iter().filter_map(|(session, connection)| {
                            connection.upgrade().map(|connection| (session, connection))
                        });
                        for (session, connection) in held {
                            let same = *connection.session.lock() == *session;
                            if same && stays(&connection) && !living.contains(session) {
                                connection.outbox.end(code_of(reason), None);
                            }
                        }
                        return;
                    }
                    Err(error) => tracing::warn!(%error, "sessions could not be looked at"),
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
}

impl BusSink for Hub {
    fn deliver(&self, event: Arc<Event>) {
        match Arc::unwrap_or_clone(event) {
            Event::Room(event) => self.on_room(event),
            Event::User(event) => self.on_user(event),
            Event::Presence(event) => self.on_presence(&event),
        }
    }

    /// Everybody comes anew and syncs, a few at a time: who connects gets all that was missed,
    /// ended sessions and new rooms too, by the one way there is for it.
    fn missed(&self) {
        let mut held: Vec<Weak<Connection>> =
            self.users.lock().connections().map(Arc::downgrade).collect();
        let every = Duration::from_millis(100);
        let turns = limits::BUS_MISSED_SPREAD_MS / 100;
        let at_once = held.len() / usize::try_from(turns).unwrap_or(usize::MAX) + 1;
        self.tasks.spawn_until_stop(async move {
            while !held.is_empty() {
                for connection in held.drain(held.len().saturating_sub(at_once)..) {
                    if let Some(connection) = connection.upgrade() {
                        connection.outbox.end(CloseCode::GoingAway, None);
                    }
                }
                tokio::time::sleep(every).await;
            }
        });
    }
}

fn code_of(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::Closed => CloseCode::SessionClosed,
        CloseReason::Revoked => CloseCode::SessionRevoked,
        CloseReason::Replaced => CloseCode::SessionReplaced,
        CloseReason::Deactivated => CloseCode::UserDeactivated,
    }
}

#[cfg(test)]
mod tests;
