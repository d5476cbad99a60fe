//! Whom the connections of this node watch, and what nodes have said of them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;
use snug_core::event::PresenceEvent;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::Time;
use snug_core::ports::{Bus, Topic};
use snug_proto::presence::Presence;

use super::attached::Connection;
use super::codec;
use super::fanout::Told;

pub(super) type Key = (AppId, UserId);

/// What a node said of a user last.
#[derive(Debug, Clone, Copy)]
struct Word {
    number: u64,
    online: bool,
    at: Instant,
}

#[derive(Debug)]
struct Watcher {
    connection: Weak<Connection>,
    /// The rooms in which both are.
    rooms: Vec<RoomId>,
}

#[derive(Debug)]
struct Watched {
    watchers: HashMap<u64, Watcher>,
    /// Looks at this moment that are not over.
    looks: usize,
    nodes: HashMap<u64, Word>,
    last_seen: Option<Time>,
    since: Instant,
    /// When nodes are asked about the user next.
    due: Instant,
}

impl Watched {
    fn online(&self) -> bool {
        self.nodes.values().any(|word| word.online)
    }

    fn is_over(&self) -> bool {
        self.watchers.is_empty() && self.looks == 0
    }

    /// Says how it stands now to those who watch: under the lock, so that whoever changes it next
    /// is heard after this.
    fn tell(&self, user: &UserId, told: &mut Told) {
        let presence = Presence::of(user, self.online(), self.last_seen);
        let frame = codec::frame(&snug_proto::frame::event("presence", &presence));
        for connection in self.watchers.values().filter_map(|one| one.connection.upgrade()) {
            told.tell(&connection, frame.clone());
        }
    }

    /// Changes what is known of nodes, and tells of it where that makes a difference.
    fn change(&mut self, user: &UserId, told: &mut Told, change: impl FnOnce(&mut Self)) {
        let before = self.online();
        change(self);
        let now = self.online();
        if now {
            self.last_seen = None;
        }
        if before != now {
            self.tell(user, told);
        }
    }
}

#[derive(Debug, Default)]
struct All {
    users: HashMap<Key, Watched>,
    /// Whom each connection watches, by room.
    by: HashMap<u64, HashMap<RoomId, Vec<UserId>>>,
    /// Who is to be asked about again, and when; what is due first comes first.
    again: VecDeque<(Instant, Key)>,
    /// About whom nodes were asked, and when; they have not had their time to answer.
    asked: VecDeque<(Instant, Key)>,
}

/// Whom the connections of this node watch.
#[derive(Debug)]
pub(super) struct Watches {
    /// This node among others.
    node: u64,
    numbers: AtomicU64,
    bus: OnceLock<Weak<dyn Bus>>,
    all: Mutex<All>,
}

impl Watches {
    pub(super) fn new(node: u64) -> Arc<Self> {
        let (numbers, bus, all) = (AtomicU64::new(1), OnceLock::new(), Mutex::default());
        Arc::new(Self { node, numbers, bus, all })
    }

    pub(super) fn connect(&self, bus: &Arc<dyn Bus>) {
        // Connected once, with the hub.
        let _ = self.bus.set(Arc::downgrade(bus));
    }

    pub(super) fn node(&self) -> u64 {
        self.node
    }

    /// The next word of this node.
    pub(super) fn word(&self, key: &Key, online: bool, last_seen: Option<Time>) -> PresenceEvent {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (app, user) = key.clone();
        PresenceEvent { app, user, node: self.node, number, online, last_seen }
    }

    /// Lets a connection watch users of a room, instead of those of that room so far. Says who
    /// was not watched here before: they are listened for, and nothing is known of them yet.
    ///
    /// # Errors
    /// More than one connection may watch.
    pub(super) fn watch(
        &self,
        connection: &Arc<Connection>,
        room: &RoomId,
        users: &[UserId],
    ) -> Result<Vec<Key>, ()> {
        let mut all = self.all.lock();
        let own = all.by.get(&connection.id);
        let others = own.into_iter().flatten().filter(|(watched, _)| *watched != room);
        let count: usize = others.map(|(_, users)| users.len()).sum();
        if count + users.len() > limits::PRESENCE_WATCHED_MAX {
            return Err(());
        }
        self.end_room(&mut all, connection, room, users);
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut fresh = Vec::new();
        for user in users {
            let key = (connection.app.clone(), user.clone());
            let watched = self.entry(&mut all, &key, &mut fresh);
            let new = || Watcher { connection: Arc::downgrade(connection), rooms: Vec::new() };
            let watcher = watched.watchers.entry(connection.id).or_insert_with(new);
            if !watcher.rooms.contains(room) {
                watcher.rooms.push(room.clone());
            }
        }
        all.by.entry(connection.id).or_default().insert(room.clone(), users.to_vec());
        Ok(fresh)
    }

    /// Ends what a connection watches in a room.
    pub(super) fn unwatch(&self, connection: &Connection, room: &RoomId) {
        let mut all = self.all.lock();
        if all.by.contains_key(&connection.id) {
            self.end_room(&mut all, connection, room, &[]);
        }
    }

    /// A connection is gone.
    pub(super) fn end(&self, connection: &Connection) {
        let mut all = self.all.lock();
        let rooms: Vec<RoomId> = all
            .by
            .get(&connection.id)
            .into_iter()
            .flatten()
            .map(|(room, _)| room.clone())
            .collect();
        for room in rooms {
            self.end_room(&mut all, connection, &room, &[]);
        }
    }

    /// A user is out of a room: who watches there has no right to it any more.
    pub(super) fn left(&self, app: &AppId, room: &RoomId, user: &UserId) {
        let key = (app.clone(), user.clone());
        let mut all = self.all.lock();
        let Some(watched) = all.users.get_mut(&key) else { return };
        let here: Vec<u64> = watched
            .watchers
            .iter()
            .filter(|(_, watcher)| watcher.rooms.contains(room))
            .map(|(id, _)| *id)
            .collect();
        for id in here {
            let users = all.by.get_mut(&id).and_then(|rooms| rooms.get_mut(room));
            if let Some(users) = users {
                users.retain(|one| one != user);
            }
            self.end_one(&mut all, id, room, &key);
        }
    }

    /// Whom these connections watch in a room, some more than once.
    pub(super) fn watched_in(&self, room: &RoomId, connections: &[u64]) -> Vec<UserId> {
        let all = self.all.lock();
        let rooms = connections.iter().filter_map(|id| all.by.get(id));
        rooms.filter_map(|rooms| rooms.get(room)).flatten().cloned().collect()
    }

    /// Looks at users for a moment, without watching: says who was not watched here before, and
    /// whether nodes may not have answered yet about one of them. Ended by `looked`.
    pub(super) fn look(&self, app: &AppId, users: &[UserId]) -> (Vec<Key>, bool) {
        let (mut all, mut fresh) = (self.all.lock(), Vec::new());
        let (patience, mut young) = (Duration::from_millis(limits::PRESENCE_LOOK_MS), false);
        for user in users {
            let watched = self.entry(&mut all, &(app.clone(), user.clone()), &mut fresh);
            watched.looks += 1;
            young |= watched.since.elapsed() < patience;
        }
        (fresh, young)
    }

    pub(super) fn looked(&self, app: &AppId, users: &[UserId]) {
        let mut all = self.all.lock();
        for user in users {
            let key = (app.clone(), user.clone());
            if let Some(watched) = all.users.get_mut(&key) {
                watched.looks = watched.looks.saturating_sub(1);
            }
            self.tidy(&mut all, &key);
        }
    }

    /// Takes this node's own standing for a user that was not watched before, unless a word of it
    /// has come meanwhile.
    pub(super) fn begin(&self, key: &Key, online: bool) -> Told {
        let (mut told, mut all) = (Told::default(), self.all.lock());
        if let Some(watched) = all.users.get_mut(key) {
            let word = Word { number: 0, online, at: Instant::now() };
            let node = self.node;
            watched.change(&key.1, &mut told, |watched| {
                watched.nodes.entry(node).or_insert(word);
            });
        }
        told
    }

    /// Who of these is known to be online.
    pub(super) fn online(&self, app: &AppId, users: &[UserId]) -> Vec<bool> {
        let all = self.all.lock();
        let is_online = |user: &UserId| {
            all.users.get(&(app.clone(), user.clone())).is_some_and(Watched::online)
        };
        users.iter().map(is_online).collect()
    }

    /// A node says how a user stands there; those who watch are told what that changes.
    pub(super) fn said(&self, event: &PresenceEvent) -> Told {
        let key = (event.app.clone(), event.user.clone());
        let (mut told, mut all) = (Told::default(), self.all.lock());
        let Some(watched) = all.users.get_mut(&key) else { return told };
        let word = Word { number: event.number, online: event.online, at: Instant::now() };
        watched.change(&event.user, &mut told, |watched| {
            let known = watched.nodes.entry(event.node).or_insert(word);
            if known.number > event.number {
                return;
            }
            *known = word;
            if !event.online {
                watched.last_seen = event.last_seen;
            }
        });
        told
    }

    /// Whom to ask about now, each once in `PRESENCE_ASK_MS`. Those who watch are told what changes
    /// by nodes that did not answer.
    pub(super) fn turn(&self, now: Instant) -> (Vec<Key>, Told) {
        let mut all = self.all.lock();
        let all = &mut *all;
        let every = Duration::from_millis(limits::PRESENCE_ASK_MS);
        let mut due = Vec::new();
        while let Some((at, key)) = all.again.pop_front_if(|(at, _)| *at <= now) {
            // Who was forgotten and is watched again has a place of its own in line.
            if let Some(watched) = all.users.get_mut(&key).filter(|watched| watched.due == at) {
                watched.due = now + every;
                all.again.push_back((watched.due, key.clone()));
                all.asked.push_back((now, key.clone()));
                due.push(key);
            }
        }
        let patience = Duration::from_millis(limits::PRESENCE_ANSWER_MS);
        let mut told = Told::default();
        while let Some((at, key)) = all.asked.pop_front_if(|(at, _)| now - *at >= patience) {
            if let Some(watched) = all.users.get_mut(&key) {
                let own = self.node;
                let online = watched.online();
                watched.change(&key.1, &mut told, |watched| {
                    watched.nodes.retain(|node, word| *node == own || word.at >= at);
                });
                if online && !watched.online() {
                    // Perhaps its answer was only late: asked at once, and not in half a minute.
                    watched.due = now;
                    all.again.push_front((now, key));
                }
            }
        }
        (due, told)
    }

    /// Nodes were asked about the user just now.
    pub(super) fn asked(&self, key: Key) {
        self.all.lock().asked.push_back((Instant::now(), key));
    }

    fn entry<'a>(&self, all: &'a mut All, key: &Key, fresh: &mut Vec<Key>) -> &'a mut Watched {
        let again = &mut all.again;
        all.users.entry(key.clone()).or_insert_with(|| {
            // Listened for before anybody is asked.
            self.with_bus(|bus| bus.subscribe(&Topic::Presence(key.0.clone(), key.1.clone())));
            fresh.push(key.clone());
            let since = Instant::now();
            let due = since + Duration::from_millis(limits::PRESENCE_ASK_MS);
            again.push_back((due, key.clone()));
            let (watchers, nodes) = (HashMap::new(), HashMap::new());
            Watched { watchers, looks: 0, nodes, last_seen: None, since, due }
        })
    }

    /// All of a connection's users in a room but those who are kept.
    fn end_room(&self, all: &mut All, connection: &Connection, room: &RoomId, keep: &[UserId]) {
        let Some(rooms) = all.by.get_mut(&connection.id) else { return };
        let users = rooms.remove(room).unwrap_or_default();
        if rooms.is_empty() {
            all.by.remove(&connection.id);
        }
        for user in users.into_iter().filter(|user| !keep.contains(user)) {
            self.end_one(all, connection.id, room, &(connection.app.clone(), user));
        }
    }

    fn end_one(&self, all: &mut All, connection: u64, room: &RoomId, key: &Key) {
        if let Some(watched) = all.users.get_mut(key)
            && let Some(watcher) = watched.watchers.get_mut(&connection)
        {
            watcher.rooms.retain(|one| one != room);
            if watcher.rooms.is_empty() {
                watched.watchers.remove(&connection);
            }
        }
        self.tidy(all, key);
    }

    fn tidy(&self, all: &mut All, key: &Key) {
        if all.users.get(key).is_some_and(Watched::is_over) {
            all.users.remove(key);
            self.with_bus(|bus| bus.unsubscribe(&Topic::Presence(key.0.clone(), key.1.clone())));
        }
    }

    fn with_bus(&self, act: impl FnOnce(&dyn Bus)) {
        if let Some(bus) = self.bus.get().and_then(Weak::upgrade) {
            act(bus.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use snug_core::ids::SessionId;

    use super::super::attached::{Way, Who};
    use super::super::outbox::Outbox;
    use super::super::wire::Nowhere;
    use super::*;

    fn app() -> AppId {
        AppId::from_stored("app_00000000000000000000")
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn room(name: &str) -> RoomId {
        RoomId::new(name).unwrap()
    }

    fn connection(watches: &Arc<Watches>, id: u64) -> Arc<Connection> {
        let (app, user, session) = (app(), user("ann"), SessionId::from_stored("ses_1"));
        let who = Who { app: &app, user: &user, session: &session };
        Connection::new(id, &who, Way::Frames(Arc::new(Outbox::new(Nowhere))), watches.clone())
    }

    fn word(node: u64, number: u64, online: bool) -> PresenceEvent {
        let last_seen = (!online).then_some(Time(7));
        PresenceEvent { app: app(), user: user("bob"), node, number, online, last_seen }
    }

    fn is_online(watches: &Watches) -> bool {
        watches.online(&app(), &[user("bob")])[0]
    }

    #[test]
    fn online_is_who_is_at_any_node_and_old_words_change_nothing() {
        let watches = Watches::new(1);
        let ann = connection(&watches, 1);
        assert_eq!(watches.watch(&ann, &room("a"), &[user("bob")]).unwrap().len(), 1);
        assert!(watches.said(&word(2, 5, true)).frames() == 1);
        assert!(watches.said(&word(3, 1, true)).frames() == 0, "as before");
        assert!(watches.said(&word(2, 4, false)).frames() == 0, "older than what is known");
        assert!(watches.said(&word(2, 6, false)).frames() == 0, "still at the other node");
        assert_eq!(watches.said(&word(3, 2, false)).frames(), 1, "gone");
        assert!(!is_online(&watches));
    }

    #[test]
    fn a_node_that_does_not_answer_holds_nobody() {
        let watches = Watches::new(1);
        let ann = connection(&watches, 1);
        watches.watch(&ann, &room("a"), &[user("bob")]).unwrap();
        watches.said(&word(2, 1, true));
        let now = Instant::now() + Duration::from_millis(limits::PRESENCE_ASK_MS);
        let (asked, told) = watches.turn(now);
        assert_eq!((asked.len(), told.frames()), (1, 0));
        let patience = Duration::from_millis(limits::PRESENCE_ANSWER_MS);
        let (_, told) = watches.turn(now + patience - Duration::from_millis(1));
        assert!(told.frames() == 0 && is_online(&watches), "it has its time");
        let (_, told) = watches.turn(now + patience);
        assert_eq!(told.frames(), 1);
        assert!(!is_online(&watches));
    }

    #[test]
    fn a_watch_ends_with_its_room_its_connection_or_the_users_leaving() {
        let watches = Watches::new(1);
        let ann = connection(&watches, 1);
        let both = [user("bob"), user("cat")];
        watches.watch(&ann, &room("a"), &both).unwrap();
        assert!(watches.watch(&ann, &room("b"), &both[..1]).unwrap().is_empty(), "known already");
        watches.left(&app(), &room("a"), &user("bob"));
        assert!(watches.said(&word(2, 1, true)).frames() == 1, "both are in the other room");
        watches.unwatch(&ann, &room("b"));
        assert!(watches.said(&word(2, 2, false)).frames() == 0);
        assert_eq!(watches.all.lock().users.len(), 1, "cat");
        assert_eq!(watches.watched_in(&room("a"), &[1, 2]), [user("cat")]);
        assert!(watches.watched_in(&room("b"), &[1]).is_empty());
        watches.end(&ann);
        let all = watches.all.lock();
        assert!(all.users.is_empty() && all.by.is_empty());
    }

    #[test]
    fn who_is_watched_no_more_is_forgotten() {
        let watches = Watches::new(1);
        let ann = connection(&watches, 1);
        for number in 0..1_000 {
            watches.watch(&ann, &room("a"), &[user(&format!("u{number}"))]).unwrap();
        }
        watches.end(&ann);
        let now = Instant::now() + Duration::from_millis(limits::PRESENCE_ASK_MS);
        assert!(watches.turn(now).0.is_empty(), "nobody is asked about");
        let all = watches.all.lock();
        assert!(all.again.is_empty() && all.asked.is_empty() && all.users.is_empty());
    }

    #[test]
    fn one_connection_watches_so_many() {
        let watches = Watches::new(1);
        let ann = connection(&watches, 1);
        let users: Vec<UserId> =
            (0..=limits::PRESENCE_WATCHED_MAX).map(|n| user(&format!("u{n}"))).collect();
        assert!(watches.watch(&ann, &room("a"), &users).is_err());
        assert!(watches.all.lock().users.is_empty(), "nothing of what was refused");
        watches.watch(&ann, &room("a"), &users[1..]).unwrap();
        assert!(watches.watch(&ann, &room("b"), &users[..1]).is_err());
        watches.watch(&ann, &room("a"), &users[..1]).unwrap();
        assert_eq!(watches.all.lock().users.len(), 1, "the room's, anew");
    }
}
