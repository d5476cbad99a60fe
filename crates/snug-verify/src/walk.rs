//! The crowd: users who write, read, break off and come back, and a backend that lets them in
//! and out, until the time is over; then everything is held against everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::json;
use snug_core::ids::{RoomId, UserId};
use tokio::time::Instant;

use crate::backend::{Counts, Shared, member_rev, one_more};
use crate::checker::Violation;
use crate::client::Client;
use crate::dice::Dice;
use crate::door::{Answer, Door, Request, segment};
use crate::known::{all, seen, text};
use crate::rest;

/// What the crowd does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// A server key of the app to be looked at; the crowd's users and rooms have names of their
    /// own in it.
    pub server_key: String,
    /// In the names of users and rooms, so that runs do not meet.
    pub run: String,
    pub users: usize,
    pub rooms: usize,
    /// For how long at least.
    pub walk: Duration,
    /// The walk goes on until this much was done, be the machine as slow as it may, but no longer
    /// than `patience` beyond its time.
    pub enough: fn(&Report) -> bool,
    /// How long an outage may last before it is a fault.
    pub patience: Duration,
    pub seed: u64,
}

/// What was done and what was broken.
#[derive(Debug, Default)]
pub struct Report {
    pub violations: Vec<Violation>,
    /// Sends that were acknowledged, and how many of those answers were repeats.
    pub acked: u64,
    pub repeats: u64,
    /// Refused because the sender was out, as it must be.
    pub refused: u64,
    pub events: u64,
    pub syncs: u64,
    pub connects: u64,
    pub moves: u64,
    pub revokes: u64,
    /// Edits, reactions and messages taken back.
    pub changes: u64,
    /// Tries that had no answer for good.
    pub retries: u64,
    /// Messages that the rooms hold at the end.
    pub stored: u64,
}

/// Lets the crowd walk and says what came of it.
///
/// # Errors
/// A sentence: the walk could not even begin, or not end.
pub async fn verify<D: Door>(door: D, plan: Plan) -> Result<Report, String> {
    let shared = Shared::new(door, plan.server_key.clone(), plan.patience);
    let users: Vec<UserId> = (0..plan.users)
        .map(|n| UserId::from_stored(&format!("verify-{}-user{n}", plan.run)))
        .collect();
    let mut rooms = Vec::new();
    for n in 0..plan.rooms {
        rooms.push(make_room(&shared, &plan.run, n, &users).await?);
    }
    let mut clients = Vec::new();
    for user in &users {
        clients.push(Client::enter(&shared, user, "verify").await?);
    }
    let least = Instant::now() + plan.walk;
    let end = End { least, last: least + plan.patience, enough: plan.enough };
    let walks = clients.into_iter().zip(1_u64..).map(|(client, n)| {
        let walker = Walker {
            client,
            dice: Dice::of(plan.seed, n),
            users: users.clone(),
            end,
            number: 0,
            said: Vec::new(),
        };
        walker.walk()
    });
    let moves = move_members(&shared, &rooms, &users, (Dice::of(plan.seed, 0), end));
    let (walks, ()) = join(join_all(walks), moves).await;
    let mut clients = walks.into_iter().collect::<Result<Vec<_>, _>>()?;
    at_rest(&shared, &mut clients, rooms).await
}

async fn make_room<D: Door>(
    shared: &Arc<Shared<D>>,
    run: &str,
    n: usize,
    users: &[UserId],
) -> Result<RoomId, String> {
    let room = RoomId::from_stored(&format!("verify-{run}-room{n}"));
    let body = json!({
        "kind": "group", "id": room, "name": format!("Verify {n}"), "members": users,
        "if_exists": "return",
    });
    let made = shared.backend("POST", "rooms", Some(body)).await;
    let made = made.map_err(|refused| format!("a room could not be made: {}", refused.code))?;
    {
        let mut checker = shared.checker();
        checker.accounted(&room, 1);
        for user in users {
            let rev = member_rev(&made, user)
                .ok_or_else(|| format!("the room {room} was made without {user}"))?;
            checker.member(&room, user, rev, true);
        }
    }
    // A room without a message is in nobody's list.
    let first = json!({"id": "first", "sender": users[0], "text": "first"});
    let path = format!("rooms/{}/messages", segment(room.as_str()));
    let sent = shared.backend("POST", &path, Some(first)).await;
    sent.map_err(|refused| format!("the first message was refused: {}", refused.code))?;
    Ok(room)
}

/// The backend lets one user after the other out and in again.
async fn move_members<D: Door>(
    shared: &Shared<D>,
    rooms: &[RoomId],
    users: &[UserId],
    (mut dice, end): (Dice, End),
) {
    let mut out: Vec<(RoomId, UserId)> = Vec::new();
    while !end.has_come(&shared.counts) {
        let again = out.len() * 2 > users.len() || (!out.is_empty() && dice.below(2) == 0);
        if again {
            let at = usize::try_from(dice.below(out.len() as u64)).unwrap_or(0);
            let (room, user) = out.swap_remove(at);
            shared.move_member(&room, &user, true).await;
        } else if let (Some(room), Some(user)) = (dice.pick(rooms), dice.pick(users))
            && !out.iter().any(|(r, u)| (r, u) == (room, user))
        {
            shared.move_member(room, user, false).await;
            out.push((room.clone(), user.clone()));
        }
        tokio::time::sleep(Duration::from_millis(50 + dice.below(200))).await;
    }
}

/// When the crowd goes home.
#[derive(Clone, Copy)]
struct End {
    least: Instant,
    last: Instant,
    enough: fn(&Report) -> bool,
}

impl End {
    fn has_come(&self, counts: &Counts) -> bool {
        let now = Instant::now();
        now >= self.last || (now >= self.least && (self.enough)(&counts.report()))
    }
}

struct Walker<D: Door> {
    client: Client<D>,
    dice: Dice,
    users: Vec<UserId>,
    end: End,
    number: u64,
    /// What it has said and not taken back.
    said: Vec<(RoomId, String)>,
}

impl<D: Door> Walker<D> {
    async fn walk(mut self) -> Result<Client<D>, String> {
        while !self.end.has_come(&self.client.shared.counts) {
            let rooms: Vec<RoomId> = self.client.rooms.keys().cloned().collect();
            let room = self.dice.pick(&rooms).cloned();
            match (self.dice.below(100), room) {
                (0..55, Some(room)) => self.send(&room, false).await,
                (55..62, Some(room)) => self.send(&room, true).await,
                (62..66, Some(room)) => self.send_by_rest(&room).await,
                (66..68, Some(room)) => self.set_own(&room).await,
                (68..80, Some(room)) => self.read(&room).await,
                (80..85, Some(room)) => self.history(&room).await,
                (85..88, _) => self.client.hang_up(),
                (88..91, _) => self.direct().await,
                (91..92, _) => self.revoke().await?,
                (92..96, _) => self.change_own().await,
                (96..98, Some(room)) => self.react(&room).await,
                (98..100, Some(room)) => self.mark(&room).await,
                _ => {}
            }
            let moment = Duration::from_millis(5 + self.dice.below(60));
            self.client.listen(moment).await;
        }
        self.client.listen(Duration::from_millis(200)).await;
        Ok(self.client)
    }

    fn next_message(&mut self) -> String {
        self.number += 1;
        let user = self.client.user.as_str();
        let user = user.rsplit('-').next().unwrap_or("user");
        format!("{user}-{}", self.number)
    }

    async fn send(&mut self, room: &RoomId, break_off: bool) {
        let id = self.next_message();
        self.client.send(room, &id, break_off).await;
        self.said.push((room.clone(), id.clone()));
        // Once more, as after a lost answer: the same answer.
        if self.dice.below(10) == 0 {
            self.client.send(room, &id, false).await;
        }
    }

    /// Other words, none, or the same send once more: the answer to that is the first one's.
    async fn change_own(&mut self) {
        if self.said.is_empty() {
            return;
        }
        let at = usize::try_from(self.dice.below(self.said.len() as u64)).unwrap_or(0);
        let (room, id) = self.said[at].clone();
        match self.dice.below(4) {
            0 => {
                self.said.swap_remove(at);
                self.client.change("message.unsend", &room, json!({"id": id})).await;
            }
            1 => self.client.send(&room, &id, false).await,
            _ => {
                self.number += 1;
                let text = format!("{id}, now {}", self.number);
                self.client.change("message.edit", &room, json!({"id": id, "text": text})).await;
            }
        }
    }

    /// The id of a message that the client knows.
    fn some_message(&mut self, room: &RoomId) -> Option<String> {
        let known = self.client.rooms.get(room)?;
        let seqs: Vec<u64> = known.messages.keys().copied().collect();
        let message = self.dice.pick(&seqs).and_then(|seq| known.messages.get(seq))?;
        Some(text(&message["id"]))
    }

    async fn react(&mut self, room: &RoomId) {
        let Some(id) = self.some_message(room) else { return };
        let data = json!({"id": id, "key": "+1", "on": true});
        self.client.change("message.react", room, data).await;
    }

    /// A star is given or taken back, or a message is deleted for oneself.
    async fn mark(&mut self, room: &RoomId) {
        let Some(id) = self.some_message(room) else { return };
        let data = match self.dice.below(5) {
            0 => json!({"id": id, "deleted": true}),
            1 => json!({"id": id, "starred": false}),
            _ => json!({"id": id, "starred": true}),
        };
        self.client.mark(room, data).await;
    }

    /// Pins, mutes, hides the room or puts it in a folder.
    async fn set_own(&mut self, room: &RoomId) {
        let on = self.dice.below(2) == 0;
        let data = match self.dice.below(4) {
            0 => json!({"pinned": on}),
            1 => json!({"hidden": on}),
            2 if on => json!({"muted_until": "forever"}),
            2 => json!({"muted_until": null}),
            _ => json!({"folder": format!("folder {}", self.dice.below(3))}),
        };
        self.client.set_own(room, data).await;
    }

    /// The same id at two nodes at once, by REST: one message.
    async fn send_by_rest(&mut self, room: &RoomId) {
        let id = self.next_message();
        let request = Request {
            method: "POST",
            path: format!("/v1/rooms/{}/messages", segment(room.as_str())),
            bearer: self.client.token.clone(),
            body: Some(json!({"id": id, "text": id})),
        };
        let shared = &self.client.shared;
        let began = shared.checker().begin();
        let tries = (0..2).map(|_| shared.until_answered(request.clone()));
        for answer in join_all(tries).await {
            match answer {
                Ok(message) => self.client.acked(room, (&id, began), &message, false),
                Err(refused) => self.client.refused("a send by REST", room, &refused),
            }
        }
    }

    async fn read(&mut self, room: &RoomId) {
        let newest = self.client.rooms.get(room).and_then(|known| known.messages.keys().last());
        if let Some(newest) = newest.copied() {
            let seq = 1 + self.dice.below(newest);
            self.client.read(room, seq).await;
        }
    }

    async fn history(&mut self, room: &RoomId) {
        let newest = self.client.rooms.get(room).and_then(|known| known.messages.keys().last());
        let before = 2 + self.dice.below(newest.copied().unwrap_or(1) + 1);
        let ask = json!({"room": room, "before": before, "limit": 20});
        match self.client.ask("history", ask).await {
            Ok(page) => {
                let seen: Vec<_> = all(&page["messages"]).iter().filter_map(seen).collect();
                let who = format!("{}'s page", self.client.user);
                let mut checker = self.client.shared.checker();
                checker.saw_page(&who, room, &seen);
                if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
                    checker.no_holes(&who, room, (first.seq, last.seq), &seen);
                }
            }
            Err(refused) => self.client.refused("history", room, &refused),
        }
    }

    /// A conversation with somebody, perhaps begun by both at once.
    async fn direct(&mut self) {
        let Some(other) = self.dice.pick(&self.users).cloned() else { return };
        if other == self.client.user {
            return;
        }
        let context = format!("context{}", self.dice.below(3));
        let ask = json!({"kind": "direct", "user": other, "context": context});
        match self.client.ask("room.create", ask).await {
            Ok(made) => {
                let room = RoomId::from_stored(&text(&made["room"]["id"]));
                {
                    let mut checker = self.client.shared.checker();
                    checker.direct(&self.client.user, &other, &context, &room);
                    checker.accounted(&room, 1);
                }
                if !self.client.rooms.contains_key(&room) {
                    self.client.load(&room).await;
                }
                let id = self.next_message();
                self.client.send(&room, &id, false).await;
            }
            Err(refused) => {
                let odd = format!("a direct room with {other}: {}", refused.code);
                self.client.shared.checker().odd(odd);
            }
        }
    }

    /// The backend ends this session: every node refuses its token from the answer on, and its
    /// connection is closed.
    async fn revoke(&mut self) -> Result<(), String> {
        let shared = Arc::clone(&self.client.shared);
        let body = json!({"user": self.client.user, "device": self.client.device()});
        let done = shared.backend("POST", "sessions/revoke", Some(body)).await;
        done.map_err(|refused| format!("a session could not be revoked: {}", refused.code))?;
        one_more(&shared.counts.revokes);
        let token = self.client.token.clone();
        shared.checker().token_ended(&token);
        for node in 0..shared.door.nodes() {
            let request = Request {
                method: "GET",
                path: "/v1/me".to_owned(),
                bearer: token.clone(),
                body: None,
            };
            if let Ok(Answer { status: 200, .. }) = shared.door.call(node, request).await {
                shared.checker().token_taken(&token, false);
            }
        }
        let closed = self.client.closed_within(Duration::from_secs(40)).await;
        if closed.is_none() {
            let odd = format!("a connection of {} outlived its session", self.client.user);
            shared.checker().odd(odd);
        }
        self.client.log_in_again().await
    }
}

async fn at_rest<D: Door>(
    shared: &Arc<Shared<D>>,
    clients: &mut [Client<D>],
    rooms: Vec<RoomId>,
) -> Result<Report, String> {
    let mut stored = BTreeMap::new();
    let known = clients.iter().flat_map(|client| client.rooms.keys().cloned());
    let mut every: Vec<RoomId> = rooms.into_iter().chain(known).collect();
    every.sort();
    every.dedup();
    for client in clients.iter_mut() {
        client.listen(Duration::from_millis(50)).await;
    }
    for room in every {
        if let Some(history) = rest::room(shared, &room).await {
            stored.insert(room, history);
        }
    }
    for client in clients.iter_mut() {
        rest::client(client, &stored).await?;
    }
    shared.checker().all_moves_known();
    Ok(Report {
        violations: shared.checker().violations().to_vec(),
        stored: stored.values().map(|history| history.len() as u64).sum(),
        ..shared.counts.report()
    })
}
