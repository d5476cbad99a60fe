//! Delivery on one and on two servers: what one node did, the other tells; a history check with
//! seeded clients who send, read, add, remove, break off and come back.

mod client;
mod nodes;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestServer, text};
use client::{Client, Dice, Messages};

const USERS: usize = 8;
const ROOMS: usize = 4;
const STEPS: usize = 40;

#[tokio::test]
async fn history_holds_on_the_embedded_store() {
    history_holds(Backend::Sqlite, 0x5eed_0001).await;
}

#[tokio::test]
async fn history_holds_on_postgres() {
    history_holds(Backend::Postgres, 0x5eed_0002).await;
}

/// What a client did and saw.
struct Lived {
    client: Client,
    /// What the client is a member of at the end, with its own standing.
    rooms: BTreeMap<String, Value>,
}

#[expect(clippy::print_stdout, reason = "the run says how much it has seen")]
async fn history_holds(backend: Backend, seed: u64) {
    let server = TestServer::start(backend).await;
    let app = server.app().await;
    let names: Vec<String> = (0..USERS).map(|n| format!("user{n}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(app.group(&all).await);
    }
    let mut clients = Vec::new();
    for name in &names {
        clients.push(Client::enter(&app, name, &rooms).await);
    }
    let lives = clients.into_iter().zip(1_u64..).map(|(client, n)| {
        let dice = Dice(seed.wrapping_mul(n));
        live(client, &rooms, &names, dice)
    });
    let mut lived = join_all(lives).await;
    let mut stored = BTreeMap::new();
    for room in &rooms {
        stored.insert(room.clone(), stored_once(&app, room).await);
    }
    let mut told = (0, 0, 0);
    for one in &mut lived {
        let client = &one.client;
        told = (told.0 + client.heard, told.1 + client.late, told.2 + client.acked.len());
        for (room, message) in &client.acked {
            let seq = message["seq"].as_u64().expect("a seq");
            assert_eq!(stored[room].get(&seq), Some(message), "acknowledged and lost");
        }
        one.rooms = one.client.memberships().await;
    }
    for one in &mut lived {
        agree(&app, one, &stored).await;
    }
    let (heard, late, acked) = told;
    println!("{backend:?}: {acked} acknowledged, {heard} heard, {late} of them out of order");
    assert!(late * 100 <= heard, "one node tells in order, but for rare stalls");
    drop(lived);
    assert!(server.stop().await);
}

async fn live(mut client: Client, rooms: &[String], names: &[String], mut dice: Dice) -> Lived {
    for step in 0..STEPS {
        let room = dice.pick(rooms).clone();
        match dice.below(100) {
            0..60 => client.send(&room, &format!("{}-{step}", client.name)).await,
            60..78 => client.read(&room, &mut dice).await,
            78..84 => client.break_off_in_a_send(&room, &format!("{}-{step}", client.name)).await,
            84..90 => client.come_back().await,
            90..95 => client.add(&room, dice.pick::<String>(names)).await,
            // The first user made the rooms, so that only this one may remove; and never itself.
            _ if client.name == names[0] => {
                client.remove(&room, dice.pick::<String>(&names[1..])).await;
            }
            _ => client.read(&room, &mut dice).await,
        }
    }
    Lived { client, rooms: BTreeMap::new() }
}

/// Every message of a room by seq, as the backend reads them: seq 1, 2, 3 …, no id twice.
async fn stored_once(app: &TestApp, room: &str) -> Messages {
    let (mut all, mut ids) = (Messages::new(), BTreeSet::new());
    loop {
        let path = format!("rooms/{room}/messages?after={}&limit=100", all.len());
        let page = app.backend_ok("GET", &path, Value::Null).await;
        for message in page["messages"].as_array().expect("messages") {
            let seq = message["seq"].as_u64().expect("a seq");
            assert_eq!(seq, all.len() as u64 + 1, "seq without holes");
            assert!(ids.insert(text(&message["id"])), "stored twice: {message}");
            all.insert(seq, message.clone());
        }
        if page["has_after"] == false {
            return all;
        }
    }
}

/// After a sync the client has what the store has and what a fresh client is given; unread is
/// what counting by hand gives.
async fn agree(app: &TestApp, lived: &mut Lived, stored: &BTreeMap<String, Messages>) {
    let name = lived.client.name.clone();
    lived.client.catch_up().await;
    let mut fresh = Client::enter(app, &name, &[]).await;
    assert_eq!(fresh.memberships().await, lived.rooms, "{name}");
    for room in lived.rooms.keys() {
        fresh.know(room).await;
    }
    fresh.catch_up().await;
    for (room, mine) in &lived.rooms {
        let (known, anew) = (lived.client.known(room), fresh.known(room));
        assert_eq!(known.messages, stored[room], "{name} in {room}");
        assert_eq!(anew.messages, stored[room], "{name} anew in {room}");
        assert_eq!((known.rev, &known.members), (anew.rev, &anew.members), "{name} in {room}");
        let read_seq = mine["read_seq"].as_u64().expect("a cursor");
        let counts = |message: &&Value| {
            let silent = message["silent"] == true || message["kind"] == "system";
            !silent && message["sender"] != json!(name)
        };
        let unread = stored[room].range(read_seq + 1..).map(|(_, m)| m).filter(counts).count();
        assert_eq!(mine["unread"], unread, "{name} in {room}, read up to {read_seq}: {mine}");
        lived.client.cursor_not_below(room, read_seq);
    }
}
