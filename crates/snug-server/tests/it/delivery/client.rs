//! A client that keeps a state as the SDK does: events in the order of their rev are taken, a
//! gap or a higher head asks for a sync.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Socket, TestApp, text};

pub(super) type Messages = BTreeMap<u64, Value>;

/// Seeded choices: the same seed throws the same.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).expect("small")]
    }
}

/// A room as a client knows it.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) rev: u64,
    epoch: String,
    pub(super) messages: Messages,
    /// Roles of the active members.
    pub(super) members: BTreeMap<String, String>,
    /// The highest cursor of its own that the server has answered.
    read_seq: u64,
    /// The newest seq that this connection was told.
    told_seq: u64,
}

impl Known {
    fn take_member(&mut self, member: &Value) {
        let user = text(&member["user"]);
        if member["state"] == "active" {
            self.members.insert(user, text(&member["role"]));
        } else {
            self.members.remove(&user);
        }
    }
}

pub(super) struct Client {
    app: TestApp,
    pub(super) name: String,
    token: String,
    socket: Socket,
    rooms: BTreeMap<String, Known>,
    /// Acknowledged messages with their rooms.
    pub(super) acked: Vec<(String, Value)>,
    /// How many messages were told, and how many of them after a later one.
    pub(super) heard: usize,
    pub(super) late: usize,
}

impl Client {
    pub(super) async fn enter(app: &TestApp, name: &str, rooms: &[String]) -> Self {
        // A fresh client is another device of the user's.
        let device = if rooms.is_empty() { "fresh" } else { "first" };
        let token = app.open_session_on(name, device).await.token;
        let socket = app.socket(&token).await;
        let (app, name) = (app.clone(), name.to_owned());
        let (rooms_known, acked) = (BTreeMap::new(), Vec::new());
        let (heard, late) = (0, 0);
        let mut client = Self { app, name, token, socket, rooms: rooms_known, acked, heard, late };
        for room in rooms {
            client.know(room).await;
        }
        client
    }

    /// Opens a room and loads all of it: its members as they are, and every change since the
    /// room was made.
    pub(super) async fn know(&mut self, room: &str) {
        let opened = self.socket.request("room.open", json!({"room": room, "limit": 1})).await;
        let epoch = text(&opened["room"]["epoch"]);
        let mut known = Known { epoch, rev: 1, ..Known::default() };
        for member in opened["room"]["members"].as_array().expect("members") {
            known.take_member(member);
        }
        self.rooms.insert(room.to_owned(), known);
        self.sync(room).await;
    }

    pub(super) fn known(&self, room: &str) -> &Known {
        &self.rooms[room]
    }

    #[track_caller]
    pub(super) fn cursor_not_below(&self, room: &str, read_seq: u64) {
        let before = self.rooms[room].read_seq;
        assert!(before <= read_seq, "{}'s cursor went from {before} to {read_seq}", self.name);
    }

    pub(super) async fn send(&mut self, room: &str, id: &str) {
        let send = json!({"room": room, "id": id, "text": id});
        let answer = self.socket.ask("message.send", send).await;
        self.acknowledged(room, answer);
        self.take_events().await;
    }

    /// Goes without waiting for the answer, comes back and sends the same again.
    pub(super) async fn break_off_in_a_send(&mut self, room: &str, id: &str) {
        let send = json!({"room": room, "id": id, "text": id});
        self.socket.begin("message.send", send).await;
        self.come_back().await;
        self.send(room, id).await;
    }

    fn acknowledged(&mut self, room: &str, mut answer: Value) {
        if answer["ok"] == true {
            self.acked.push((room.to_owned(), answer["data"]["message"].take()));
        } else {
            assert_eq!(answer["error"]["code"], "not_a_member", "{answer}");
        }
    }

    pub(super) async fn read(&mut self, room: &str, dice: &mut Dice) {
        let Some(newest) = self.rooms[room].messages.keys().last().copied() else { return };
        let seq = 1 + dice.below(newest);
        let answer = self.socket.ask("read", json!({"room": room, "seq": seq})).await;
        if answer["ok"] == true {
            let read_seq = answer["data"]["read_seq"].as_u64().expect("a cursor");
            self.cursor_not_below(room, read_seq);
            assert!(read_seq >= seq, "{answer}");
            self.rooms.get_mut(room).expect("known").read_seq = read_seq;
        } else {
            assert_eq!(answer["error"]["code"], "not_a_member", "{answer}");
        }
        self.take_events().await;
    }

    pub(super) async fn add(&mut self, room: &str, user: &str) {
        let data = json!({"room": room, "users": [user], "announce": true});
        self.change("members.add", data).await;
    }

    pub(super) async fn remove(&mut self, room: &str, user: &str) {
        let data = json!({"room": room, "users": [user], "announce": true});
        self.change("members.remove", data).await;
    }

    async fn change(&mut self, op: &str, data: Value) {
        let answer = self.socket.ask(op, data).await;
        let code = &answer["error"]["code"];
        assert!(answer["ok"] == true || code == "not_a_member", "{op}: {answer}");
        self.take_events().await;
    }

    /// Breaks off and comes back: opens its rooms again and asks for what it missed.
    pub(super) async fn come_back(&mut self) {
        self.socket = self.app.socket(&self.token).await;
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        for room in rooms {
            self.rooms.get_mut(&room).expect("known").told_seq = 0;
            let answer = self.socket.ask("room.open", json!({"room": room, "limit": 1})).await;
            if answer["ok"] == true {
                self.sync(&room).await;
            }
        }
    }

    /// Takes what was pushed; syncs where something is missing.
    async fn take_events(&mut self) {
        let mut behind = Vec::new();
        for (name, data) in std::mem::take(&mut self.socket.events) {
            let Some(known) = data["room"].as_str().and_then(|room| self.rooms.get_mut(room))
            else {
                continue;
            };
            let rev = data["rev"].as_u64().unwrap_or(0);
            if name == "message.new" {
                let seq = data["message"]["seq"].as_u64().expect("a seq");
                self.heard += 1;
                self.late += usize::from(seq <= known.told_seq);
                known.told_seq = known.told_seq.max(seq);
                let held = known.messages.get(&seq);
                assert!(held.is_none_or(|held| *held == data["message"]), "two of one seq");
                if rev == known.rev + 1 {
                    known.messages.insert(seq, data["message"].clone());
                    known.rev = rev;
                }
            }
            if rev > known.rev || name == "room.joined" {
                behind.push(text(&data["room"]));
            }
            if name == "room.joined" {
                self.socket.ask("room.open", json!({"room": data["room"], "limit": 1})).await;
            }
        }
        behind.dedup();
        for room in behind {
            self.sync(&room).await;
        }
    }

    /// Everything of a room above what is known, page by page; nothing where it was removed.
    async fn sync(&mut self, room: &str) {
        loop {
            let known = self.rooms.get_mut(room).expect("known");
            let ask = json!({"room": room, "rev": known.rev, "epoch": known.epoch, "limit": 50});
            let mut answer = self.socket.ask("room.sync", ask).await;
            if answer["ok"] != true {
                assert_eq!(answer["error"]["code"], "not_a_member", "{answer}");
                return;
            }
            let page = answer["data"].take();
            assert_eq!(page["reset"], false, "{page}");
            for message in page["messages"].as_array().expect("messages") {
                let seq = message["seq"].as_u64().expect("a seq");
                let held = known.messages.insert(seq, message.clone());
                assert!(held.is_none_or(|held| held == *message), "two of one seq: {message}");
            }
            for member in page["members"].as_array().expect("members") {
                known.take_member(member);
            }
            known.rev = page["rev"].as_u64().expect("a rev");
            if page["more"] == false {
                return;
            }
        }
    }

    /// Syncs every room that is known.
    pub(super) async fn catch_up(&mut self) {
        self.socket.settle().await;
        self.take_events().await;
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        for room in rooms {
            self.sync(&room).await;
        }
    }

    /// The rooms it is a member of, with its own standing.
    pub(super) async fn memberships(&mut self) -> BTreeMap<String, Value> {
        let list = self.socket.request("rooms.list", json!({"limit": 100})).await;
        let rooms = list["rooms"].as_array().expect("rooms").iter();
        rooms.map(|room| (text(&room["id"]), room["mine"].clone())).collect()
    }
}
