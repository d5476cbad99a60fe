//! Words of bridged apps in memory: bounded, the oldest go, the backend has them all.

use std::collections::{HashMap, HashSet, VecDeque};

use parking_lot::Mutex;

use super::wire::Body;
use crate::ids::{AppId, RoomId, UserId};
use crate::limits;
use crate::model::Preview;

type Key = (AppId, RoomId, String);

/// What a node remembers of bridged rooms.
#[derive(Default)]
pub(crate) struct Bodies {
    words: Mutex<Words>,
    rooms: Mutex<HashMap<(AppId, RoomId), Known>>,
}

#[derive(Default)]
struct Words {
    by_id: HashMap<Key, Body>,
    order: VecDeque<Key>,
    bytes: usize,
}

#[derive(Default)]
struct Known {
    /// Seq and text of the newest message.
    newest: Option<(u64, Option<String>)>,
    /// The members as last mirrored.
    members: Option<Mirrored>,
    /// The thread's `lastMessageTime` when it was last read as a whole.
    read: Option<String>,
}

/// Members with their names, and where the room stood when its rows were made to agree: who
/// joined or left since by another way, on any node, moves one of the two numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirrored {
    pub(super) members: HashSet<(UserId, Option<String>)>,
    pub(super) members_rev: u64,
    pub(super) member_count: u32,
}

/// What an entry costs besides its words.
const ENTRY_BYTES: usize = 256;

impl Bodies {
    pub(super) fn keep(&self, app: &AppId, room: &RoomId, external: &str, body: &Body) {
        let key = (app.clone(), room.clone(), external.to_owned());
        let mut words = self.words.lock();
        words.bytes += body.bytes() + ENTRY_BYTES;
        match words.by_id.insert(key.clone(), body.clone()) {
            Some(before) => words.bytes -= before.bytes() + ENTRY_BYTES,
            None => words.order.push_back(key),
        }
        while words.bytes > limits::BRIDGE_BODIES_BYTES_MAX {
            let Some(oldest) = words.order.pop_front() else { return };
            if let Some(gone) = words.by_id.remove(&oldest) {
                words.bytes -= gone.bytes() + ENTRY_BYTES;
            }
        }
    }

    pub(super) fn get(&self, app: &AppId, room: &RoomId, external: &str) -> Option<Body> {
        let key = (app.clone(), room.clone(), external.to_owned());
        self.words.lock().by_id.get(&key).cloned()
    }

    pub(super) fn newest(&self, app: &AppId, room: &RoomId, seq: u64, text: Option<&str>) {
        self.with(app, room, |known| {
            if known.newest.as_ref().is_none_or(|(before, _)| *before <= seq) {
                known.newest = Some((seq, text.map(Preview::cut)));
            }
        });
    }

    pub(super) fn preview(&self, app: &AppId, room: &RoomId, seq: u64) -> Option<String> {
        let rooms = self.rooms.lock();
        let (at, text) = rooms.get(&(app.clone(), room.clone()))?.newest.as_ref()?;
        text.clone().filter(|_| *at == seq)
    }

    /// The thread's `lastMessageTime` as of the last reading on this node.
    pub(super) fn read_at(&self, app: &AppId, room: &RoomId) -> Option<String> {
        self.rooms.lock().get(&(app.clone(), room.clone()))?.read.clone()
    }

    pub(super) fn set_read(&self, app: &AppId, room: &RoomId, time: String) {
        self.with(app, room, |known| known.read = Some(time));
    }

    /// Whether these are the members as last mirrored.
    pub(super) fn has_members(&self, app: &AppId, room: &RoomId, wanted: &Mirrored) -> bool {
        let rooms = self.rooms.lock();
        let known = rooms.get(&(app.clone(), room.clone()));
        known.and_then(|known| known.members.as_ref()) == Some(wanted)
    }

    pub(super) fn set_members(&self, app: &AppId, room: &RoomId, members: Option<Mirrored>) {
        self.with(app, room, |known| known.members = members);
    }

    fn with(&self, app: &AppId, room: &RoomId, change: impl FnOnce(&mut Known)) {
        let mut rooms = self.rooms.lock();
        let key = (app.clone(), room.clone());
        if rooms.len() >= limits::BRIDGE_ROOMS_KEPT_MAX && !rooms.contains_key(&key) {
            rooms.clear();
        }
        change(rooms.entry(key).or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_words_go() {
        let bodies = Bodies::default();
        let (app, room) = (AppId::from_stored("app"), RoomId::from_stored("room"));
        let body = Body { text: Some("x".repeat(1 << 20)), ..Body::default() };
        for n in 0..70 {
            bodies.keep(&app, &room, &n.to_string(), &body);
            bodies.keep(&app, &room, &n.to_string(), &body);
        }
        assert!(bodies.words.lock().bytes <= limits::BRIDGE_BODIES_BYTES_MAX);
        assert_eq!(bodies.get(&app, &room, "0"), None);
        assert_eq!(bodies.get(&app, &room, "69"), Some(body));
    }

    #[test]
    fn a_preview_is_of_its_seq() {
        let bodies = Bodies::default();
        let (app, room) = (AppId::from_stored("app"), RoomId::from_stored("room"));
        bodies.newest(&app, &room, 2, Some("two"));
        bodies.newest(&app, &room, 1, Some("one"));
        assert_eq!(bodies.preview(&app, &room, 2).as_deref(), Some("two"));
        assert_eq!(bodies.preview(&app, &room, 1), None);
    }
}
