//! One device of one user: a state kept by rev as a page keeps it, sends that keep their ids
//! until they are answered, and a connection that may end at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use snug_core::ids::{RoomId, UserId};
use snug_core::model::MessageKind;
use tokio::time::{Instant, timeout};

use crate::backend::{Refused, Shared, one_more, pause};
use crate::checker::{Ack, payload};
use crate::door::{Came, Door, Line};
use crate::known::{Known, all, number, seen, text};

/// What is no fault of anybody's: the client is out of the room.
const OUT: [&str; 2] = ["not_a_member", "room_not_found"];
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Client<D: Door> {
    pub(crate) shared: Arc<Shared<D>>,
    pub(crate) user: UserId,
    device: String,
    pub(crate) token: String,
    line: Option<D::Line>,
    next_id: u64,
    pub(crate) rooms: BTreeMap<RoomId, Known>,
    /// Where the next sync of the user begins.
    cursor: String,
    events: Vec<Value>,
    /// Requests that were written, however often each.
    tries: u64,
}

impl<D: Door> Client<D> {
    /// Opens a session, connects, and loads every room of the user's.
    pub(crate) async fn enter(
        shared: &Arc<Shared<D>>,
        user: &UserId,
        device: &str,
    ) -> Result<Self, String> {
        let token = shared.open_session(user, device).await?;
        let mut client = Self {
            shared: shared.clone(),
            user: user.clone(),
            device: device.to_owned(),
            token,
            line: None,
            next_id: 0,
            rooms: BTreeMap::new(),
            cursor: String::new(),
            events: Vec::new(),
            tries: 0,
        };
        for room in client.list().await? {
            client.load(&room.0).await;
        }
        Ok(client)
    }

    /// All rooms of the user's with the caller's own view; also sets where sync begins.
    pub(crate) async fn list(&mut self) -> Result<Vec<(RoomId, Value)>, String> {
        let mut rooms = Vec::new();
        // Hidden ones too: who resumed knows them.
        let all_rooms = json!({"limit": 100, "archived": "any", "hidden": "any"});
        let mut ask = all_rooms.clone();
        loop {
            let page = self.ask("rooms.list", ask).await;
            let page = page.map_err(|refused| format!("rooms.list: {}", refused.code))?;
            if rooms.is_empty() {
                self.cursor = text(&page["cursor"]);
            }
            let found = all(&page["rooms"]).iter();
            rooms.extend(found.map(|room| (RoomId::from_stored(&text(&room["id"])), room.clone())));
            match page["next"].as_str() {
                Some(next) => {
                    ask = all_rooms.clone();
                    ask["cursor"] = json!(next);
                }
                None => return Ok(rooms),
            }
        }
    }

    async fn connected(&mut self) -> Option<&mut D::Line> {
        if self.line.is_none() {
            let node = self.shared.some_node();
            one_more(&self.shared.counts.connects);
            let mut line = self.shared.door.connect(node, &self.token).await.ok()?;
            let hello = timeout(self.shared.patience, line.next()).await.ok()?;
            match hello {
                Came::Frame(frame) if frame["event"] == "hello" => self.line = Some(line),
                Came::Frame(frame) => {
                    let code = text(&frame["data"]["code"]);
                    let known = ["overloaded", "store_unavailable"].contains(&code.as_str());
                    if !known {
                        let odd = format!("{} was not let in: {code}", self.user);
                        self.shared.checker().odd(odd);
                    }
                    return None;
                }
                Came::Closed(_) => return None,
            }
            // What is open is a thing of the connection's.
            for room in self.rooms.keys().cloned().collect::<Vec<_>>() {
                self.events.push(json!({"event": "reopen", "data": {"room": room}}));
            }
        }
        self.line.as_mut()
    }

    /// Breaks off without a word.
    pub(crate) fn hang_up(&mut self) {
        self.line = None;
    }

    /// Writes a request and does not wait for anything.
    pub(crate) async fn begin(&mut self, op: &str, data: &Value) {
        let id = self.id();
        let frame = json!({"id": id, "op": op, "data": data}).to_string();
        if let Some(line) = self.connected().await {
            line.send(frame).await;
        }
    }

    fn id(&mut self) -> String {
        self.next_id += 1;
        self.next_id.to_string()
    }

    /// Asks until there is an answer, on as many connections as it takes. Whatever is asked here
    /// is harmless when it is asked twice.
    pub(crate) async fn ask(&mut self, op: &str, data: Value) -> Result<Value, Refused> {
        let deadline = Instant::now() + self.shared.patience;
        loop {
            let id = self.id();
            let frame = json!({"id": id, "op": op, "data": data}).to_string();
            let wait = match self.connected().await {
                None => CONNECT_PAUSE,
                Some(line) => {
                    line.send(frame).await;
                    self.tries += 1;
                    match self.answer(&id).await {
                        Some(answer) if answer["ok"] == true => return Ok(answer["data"].clone()),
                        Some(answer) if answer["error"]["retryable"] != true => {
                            return Err(Refused { code: text(&answer["error"]["code"]) });
                        }
                        Some(answer) => {
                            if answer["error"]["code"] == "internal" {
                                self.shared.checker().odd(format!("{op}: internal"));
                            }
                            pause(&answer["error"])
                        }
                        None => CONNECT_PAUSE,
                    }
                }
            };
            if Instant::now() > deadline {
                let within = self.shared.patience.as_secs();
                let odd = format!("{}: {op} has no answer within {within} s", self.user);
                self.shared.checker().odd(odd);
                return Err(Refused { code: "no_answer".to_owned() });
            }
            one_more(&self.shared.counts.retries);
            tokio::time::sleep(wait).await;
        }
    }

    /// The answer to a request; `None` when the connection ended first, or nothing came.
    async fn answer(&mut self, id: &str) -> Option<Value> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let line = self.line.as_mut()?;
            let came = tokio::time::timeout_at(deadline, line.next()).await;
            match came {
                Ok(Came::Frame(frame)) if frame["id"] == id => return Some(frame),
                Ok(Came::Frame(frame)) => self.keep(frame),
                // A half-open connection says nothing: another is made.
                Ok(Came::Closed(_)) | Err(_) => self.line = None,
            }
        }
    }

    fn keep(&mut self, frame: Value) {
        if frame["event"].is_string() {
            one_more(&self.shared.counts.events);
            self.events.push(frame);
        }
    }

    /// Takes what comes for a moment, then what it asks for.
    pub(crate) async fn listen(&mut self, moment: Duration) {
        let deadline = Instant::now() + moment;
        if self.connected().await.is_some() {
            while let Some(line) = self.line.as_mut() {
                match tokio::time::timeout_at(deadline, line.next()).await {
                    Ok(Came::Frame(frame)) => self.keep(frame),
                    Ok(Came::Closed(_)) => self.line = None,
                    Err(_) => break,
                }
            }
        }
        self.take_events().await;
    }

    /// Until the server closes this connection, or `moment` is over: the code.
    pub(crate) async fn closed_within(&mut self, moment: Duration) -> Option<u16> {
        let deadline = Instant::now() + moment;
        while let Some(line) = self.line.as_mut() {
            match tokio::time::timeout_at(deadline, line.next()).await {
                Ok(Came::Frame(_)) => {}
                Ok(Came::Closed(code)) => {
                    self.line = None;
                    return Some(code);
                }
                Err(_) => return None,
            }
        }
        Some(1006)
    }

    /// Events in the order in which they came; rooms that are behind are asked for.
    pub(crate) async fn take_events(&mut self) {
        // Asking brings further events: what is left then waits for the next time.
        let mut behind = BTreeSet::new();
        let mut reopen = BTreeSet::new();
        for frame in std::mem::take(&mut self.events) {
            let data = &frame["data"];
            let Some(room) = data["room"].as_str().map(RoomId::from_stored) else { continue };
            let event = frame["event"].as_str().unwrap_or_default();
            self.checked(event, &room, data);
            match event {
                "reopen" | "room.joined" => {
                    reopen.insert(room);
                }
                "room.left" => {
                    // Nothing is forgotten on a hint that a later joining has outdated.
                    reopen.insert(room);
                }
                _ => {
                    if let Some(known) = self.rooms.get_mut(&room)
                        && known_after(known, event, data)
                    {
                        behind.insert(room);
                    }
                }
            }
        }
        for room in reopen {
            behind.remove(&room);
            self.open_again(&room).await;
        }
        for room in behind {
            self.sync(&room).await;
        }
    }

    /// What an event tells the checker.
    fn checked(&self, event: &str, room: &RoomId, data: &Value) {
        let mut checker = self.shared.checker();
        // A joining is its own news, and so is the goodbye: a node that learns of a removal by
        // reading the members again says where the room stood then, not which removal it was.
        if let Some(rev) = data["rev"].as_u64()
            && !["room.joined", "room.left"].contains(&event)
        {
            checker.heard(&self.user, room, rev, event);
        }
        if ["message.new", "message.changed"].contains(&event)
            && let Some(seen) = seen(&data["message"])
        {
            checker.saw(self.user.as_str(), room, &seen);
            checker.accounted(room, number(&data["message"]["rev"]));
        }
    }

    /// Opens a room that may have been left, joined, or closed with the last connection.
    async fn open_again(&mut self, room: &RoomId) {
        if !self.rooms.contains_key(room) {
            return self.load(room).await;
        }
        match self.ask("room.open", json!({"room": room, "limit": 1})).await {
            Ok(_) => self.sync(room).await,
            Err(refused) => self.out(room, "room.open", &refused),
        }
    }

    /// Opens a room and asks for all that ever happened in it.
    pub(crate) async fn load(&mut self, room: &RoomId) {
        match self.ask("room.open", json!({"room": room, "limit": 1})).await {
            Ok(opened) => {
                self.rooms.insert(room.clone(), Known::opened(&opened["room"]));
                self.sync(room).await;
            }
            Err(refused) => self.out(room, "room.open", &refused),
        }
    }

    /// Everything of a room above what is known, page by page.
    pub(crate) async fn sync(&mut self, room: &RoomId) {
        one_more(&self.shared.counts.syncs);
        loop {
            let Some(known) = self.rooms.get(room) else { return };
            let (rev, epoch, marks) = (known.synced, known.epoch.clone(), known.marks_rev);
            let ask = json!({
                "room": room, "rev": rev, "epoch": epoch, "marks": marks, "limit": 100,
            });
            let page = match self.ask("room.sync", ask).await {
                Ok(page) => page,
                Err(refused) => return self.out(room, "room.sync", &refused),
            };
            if page["reset"] == true {
                let reason = text(&page["reason"]);
                let odd = format!("{room}: reset by {reason}, though nobody took anything out");
                self.shared.checker().odd(odd);
                self.rooms.remove(room);
                return;
            }
            let messages: Vec<_> = all(&page["messages"]).iter().filter_map(seen).collect();
            {
                let mut checker = self.shared.checker();
                let who = format!("{}'s sync", self.user);
                for seen in &messages {
                    checker.saw(&who, room, seen);
                }
                for message in all(&page["messages"]) {
                    checker.accounted(room, number(&message["rev"]));
                }
                for member in all(&page["members"]) {
                    checker.accounted(room, number(&member["rev"]));
                }
            }
            if let Some(known) = self.rooms.get_mut(room) {
                known.take_page(&page);
            }
            if page["more"] != true && page["marks"]["more"] != true {
                return;
            }
        }
    }

    fn out(&mut self, room: &RoomId, op: &str, refused: &Refused) {
        self.rooms.remove(room);
        if !OUT.contains(&refused.code.as_str()) && refused.code != "no_answer" {
            let odd = format!("{op} of {room} by {}: {}", self.user, refused.code);
            self.shared.checker().odd(odd);
        }
    }

    /// A send under this id, until it is answered; `break_off` loses the first answer.
    pub(crate) async fn send(&mut self, room: &RoomId, id: &str, break_off: bool) {
        let data = json!({"room": room, "id": id, "text": id});
        let began = self.shared.checker().begin();
        if break_off {
            self.begin("message.send", &data).await;
            self.hang_up();
        }
        match self.ask("message.send", data).await {
            Ok(answer) => {
                let duplicate = answer["duplicate"] == true;
                self.acked(room, (id, began), &answer["message"], duplicate);
            }
            Err(refused) => self.refused("message.send", room, &refused),
        }
    }

    /// A change of a message, until it is answered. That it is gone is an answer, too.
    pub(crate) async fn change(&mut self, op: &str, room: &RoomId, mut data: Value) {
        data["room"] = json!(room);
        let before = self.tries;
        let answer = self.ask(op, data).await;
        let mut checker = self.shared.checker();
        if self.tries > before + 1 {
            checker.unsure(room);
        }
        match answer {
            Ok(answer) => {
                let message = &answer["message"];
                checker.accounted(room, number(&message["rev"]));
                match seen(message) {
                    Some(seen) => checker.saw(self.user.as_str(), room, &seen),
                    None => checker.odd(format!("the answer to {op} is no message: {message}")),
                }
                one_more(&self.shared.counts.changes);
            }
            Err(refused) if refused.code == "message_not_found" => {}
            Err(refused) => {
                drop(checker);
                self.refused(op, room, &refused);
            }
        }
    }

    pub(crate) fn acked(
        &self,
        room: &RoomId,
        (id, began): (&str, u64),
        message: &Value,
        duplicate: bool,
    ) {
        let user = self.user.as_str();
        let asked = payload(Some(user), MessageKind::Text, Some(id), None, false);
        let mut checker = self.shared.checker();
        let Some(answer) = seen(message) else {
            return checker.odd(format!("the answer to {id} is no message: {message}"));
        };
        checker.answered_for(room, id, &answer.id);
        let page_of = Some(&self.user);
        checker.acked(&Ack { room, page_of, began, asked: &asked, duplicate, answer });
        one_more(&self.shared.counts.acked);
        if duplicate {
            one_more(&self.shared.counts.repeats);
        }
    }

    pub(crate) fn refused(&self, op: &str, room: &RoomId, refused: &Refused) {
        one_more(&self.shared.counts.refused);
        if !OUT.contains(&refused.code.as_str()) && refused.code != "no_answer" {
            let odd = format!("{op} in {room} by {}: {}", self.user, refused.code);
            self.shared.checker().odd(odd);
        }
    }

    /// Moves its own cursor and holds the answer against what it knew.
    pub(crate) async fn read(&mut self, room: &RoomId, seq: u64) {
        match self.ask("read", json!({"room": room, "seq": seq})).await {
            Ok(mine) => {
                let read_seq = number(&mine["read_seq"]);
                let mut checker = self.shared.checker();
                if mine["state"] != "left" {
                    if read_seq < seq {
                        let odd = format!("{room}: {} read {seq}, told {read_seq}", self.user);
                        checker.odd(odd);
                    }
                    checker.cursor(room, &self.user, read_seq);
                }
            }
            Err(refused) => self.refused("read", room, &refused),
        }
    }

    /// Changes its own settings of the room.
    pub(crate) async fn set_own(&mut self, room: &RoomId, mut data: Value) {
        data["room"] = json!(room);
        match self.ask("mine.update", data).await {
            Ok(mine) => {
                if let Some(known) = self.rooms.get_mut(room) {
                    known.take_own(&mine);
                }
            }
            Err(refused) => self.refused("mine.update", room, &refused),
        }
    }

    /// Stars a message, takes the star back, or deletes the message for its user alone. What is
    /// unsent takes no star.
    pub(crate) async fn mark(&mut self, room: &RoomId, mut data: Value) {
        data["room"] = json!(room);
        match self.ask("message.own", data).await {
            Ok(answer) => {
                if let Some(known) = self.rooms.get_mut(room) {
                    known.take_mark(number(&answer["seq"]), &answer["own"]);
                }
                one_more(&self.shared.counts.changes);
            }
            Err(refused) if refused.code == "message_not_found" => {}
            Err(refused) if refused.code == "invalid_field" => {}
            Err(refused) => self.refused("message.own", room, &refused),
        }
    }

    /// What changed for the user since the list was read: rooms that are new or left.
    pub(crate) async fn sync_user(&mut self) {
        loop {
            let cursor = self.cursor.clone();
            let page = match self.ask("sync", json!({"cursor": cursor})).await {
                Ok(page) => page,
                Err(refused) => {
                    let odd = format!("sync of {}: {}", self.user, refused.code);
                    return self.shared.checker().odd(odd);
                }
            };
            if page["reset"] == true {
                let odd = format!("the sync of {} asks to begin anew", self.user);
                return self.shared.checker().odd(odd);
            }
            for room in all(&page["rooms"]) {
                let id = RoomId::from_stored(&text(&room["id"]));
                let gone = room["deleted"] == true || room["mine"]["state"] == "left";
                if gone {
                    self.rooms.remove(&id);
                } else if let Some(known) = self.rooms.get_mut(&id) {
                    known.take_own(&room["mine"]);
                } else {
                    self.load(&id).await;
                }
            }
            self.cursor = text(&page["cursor"]);
            if page["more"] != true {
                return;
            }
        }
    }

    /// A new session on the same device.
    pub(crate) async fn log_in_again(&mut self) -> Result<(), String> {
        self.line = None;
        self.token = self.shared.open_session(&self.user, &self.device).await?;
        Ok(())
    }

    pub(crate) fn device(&self) -> &str {
        &self.device
    }
}

/// Takes an event; says whether the room is behind now.
fn known_after(known: &mut Known, event: &str, data: &Value) -> bool {
    if event == "room.mine" {
        known.take_own(&data["mine"]);
        return false;
    }
    if event == "message.own" {
        known.take_mark(number(&data["seq"]), &data["own"]);
        return false;
    }
    if event == "read" {
        known.take_read(&text(&data["user"]), number(&data["seq"]));
        return false;
    }
    let Some(rev) = data["rev"].as_u64() else { return false };
    if rev <= known.rev {
        return false;
    }
    if rev > known.rev + 1 {
        return true;
    }
    match event {
        "message.new" | "message.changed" => known.take_message(&data["message"]),
        "members.changed" => all(&data["members"]).iter().for_each(|one| known.take_member(one)),
        "room.changed" => known.take_room(&data["room_object"]),
        _ => return true,
    }
    known.rev = rev;
    false
}
