//! The delivery contract line by line, each at the real doors of both stores. What only shows
//! under load and faults is in `delivery`, in the stores' conformance and in the simulation;
//! `docs/delivery-contract.md` says which test holds which line.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snug_testkit::{free_port, temp_dir};

use crate::harness::{Backend, Socket, TestApp, TestServer, segment, text};
use crate::kill::{app_in, ended, serve};

const STORES: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

async fn send(socket: &mut Socket, room: &str, id: &str) -> Value {
    let data = json!({"room": room, "id": id, "text": id});
    socket.request("message.send", data).await["message"].take()
}

async fn unread(app: &TestApp, token: &str, room: &str) -> u64 {
    let list = app.api("GET", "/v1/rooms", Value::Null, token).await.is(200);
    let rooms = list["rooms"].as_array().expect("rooms");
    let found = rooms.iter().find(|one| one["id"] == room).expect("the room");
    found["mine"]["unread"].as_u64().expect("a number")
}

/// Killed with the answer still on the wire; the process has no time to do anything more.
#[tokio::test]
async fn line_01_an_ack_means_durable() {
    let data = temp_dir();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let app = app_in(data.path(), address).await;
    let mut server = serve(data.path(), address).await;
    let room = app.group(&["ann", "bob"]).await;
    for round in 1..=3_u64 {
        let (_, mut ann) = app.enter("ann").await;
        let acked = send(&mut ann, &room, &format!("m{round}")).await;
        server.child.start_kill().expect("the process is there");
        assert!(!ended(&mut server.child).await.success());
        server = serve(data.path(), address).await;
        let page = app.backend_ok("GET", &format!("rooms/{room}/messages"), Value::Null).await;
        assert_eq!(page["messages"].as_array().expect("messages").last(), Some(&acked));
        assert_eq!(acked["seq"], round);
    }
    server.child.kill().await.expect("the process is there");
}

#[tokio::test]
async fn line_02_the_message_id_is_the_idempotency_key() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        let first = send(&mut ann, &room, "m1").await;
        assert_eq!(send(&mut ann, &room, "m1").await, first);
        let other = json!({"room": room, "id": "m1", "text": "other words"});
        ann.refused("message.send", other, "message_id_conflict").await;
        let by_bob = json!({"room": room, "id": "m1", "text": "m1"});
        bob.refused("message.send", by_bob, "message_id_conflict").await;
        // Also after the sender was removed: the repeat is no new send.
        let body = json!({"users": ["ann"]});
        app.backend_ok("POST", &format!("rooms/{room}/members/remove"), body).await;
        assert_eq!(send(&mut ann, &room, "m1").await, first);
        let new = json!({"room": room, "id": "m2", "text": "m2"});
        ann.refused("message.send", new, "not_a_member").await;
        drop((ann, bob));
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_03_seq_is_contiguous_and_the_only_order() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let mut senders = Vec::new();
        for user in ["ann", "bob", "ann", "bob"] {
            let device = format!("device{}", senders.len());
            let token = app.open_session_on(user, &device).await.token;
            senders.push(app.socket(&token).await);
        }
        let begun = senders.iter_mut().enumerate().map(|(n, socket)| {
            let room = room.clone();
            async move {
                for k in 0..10 {
                    // Refused ones and repeats leave no hole.
                    send(socket, &room, &format!("{n}-{k}")).await;
                    send(socket, &room, &format!("{n}-{k}")).await;
                    let empty = json!({"room": room, "text": ""});
                    assert_eq!(socket.ask("message.send", empty).await["ok"], false);
                }
            }
        });
        futures_util::future::join_all(begun).await;
        let path = format!("rooms/{room}/messages?limit=100");
        let page = app.backend_ok("GET", &path, Value::Null).await;
        let all = page["messages"].as_array().expect("messages");
        let seqs: Vec<u64> = all.iter().filter_map(|one| one["seq"].as_u64()).collect();
        assert_eq!(seqs, (1..=40).collect::<Vec<u64>>());
        let times: Vec<String> = all.iter().map(|one| text(&one["created_at"])).collect();
        assert!(times.is_sorted(), "{times:?}");
        drop(senders);
        assert!(server.stop().await);
    }
}

/// Every change that all see takes the next rev, and every event carries it.
#[tokio::test]
async fn line_04_rev_is_contiguous_and_on_every_event() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let (_, mut ann) = app.enter("ann").await;
        let opened = ann.request("room.open", json!({"room": room})).await;
        let mut rev = opened["room"]["rev"].as_u64().expect("a rev");
        let base = format!("rooms/{room}");
        for n in 0..3 {
            let said = json!({"sender": "bob", "id": format!("m{n}"), "text": "x"});
            app.backend_ok("POST", &format!("{base}/messages"), said).await;
            app.backend_ok("POST", &format!("{base}/members"), json!({"users": ["cat"]})).await;
            app.backend_ok("PATCH", &base, json!({"name": format!("Name {n}")})).await;
            let out = json!({"users": ["cat"]});
            app.backend_ok("POST", &format!("{base}/members/remove"), out).await;
        }
        for (name, data) in ann.drain().await {
            let told = data["rev"].as_u64().filter(|_| data["room"] == room.as_str());
            if let Some(told) = told.filter(|_| name != "room.head") {
                rev += 1;
                assert_eq!(told, rev, "{name}: {data}");
            }
        }
        let view = app.backend_ok("GET", &base, Value::Null).await;
        assert_eq!(view["rev"], rev);
        drop(ann);
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_05_sync_is_by_state() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        let opened = ann.request("room.open", json!({"room": room})).await;
        let (epoch, rev) = (text(&opened["room"]["epoch"]), opened["room"]["rev"].clone());
        send(&mut bob, &room, "m1").await;
        bob.request("read", json!({"room": room, "seq": 1})).await;
        let named = json!({"name": "Twice"});
        app.backend_ok("PATCH", &format!("rooms/{room}"), json!({"name": "Once"})).await;
        let last = app.backend_ok("PATCH", &format!("rooms/{room}"), named).await;
        let ask = json!({"room": room, "rev": rev, "epoch": epoch});
        let synced = ann.request("room.sync", ask).await;
        assert_eq!((&synced["rev"], &synced["more"]), (&last["rev"], &json!(false)));
        assert_eq!(synced["messages"][0]["id"], "m1");
        assert_eq!(synced["room_object"]["name"], "Twice", "the state, not the steps");
        assert!(synced.to_string().contains(r#"{"seq":1,"user":"bob"}"#), "{synced}");
        // What cannot be answered whole is never answered in part.
        for (rev, epoch, reason) in
            [(json!(1_000), epoch.as_str(), "rev_ahead"), (rev, "x", "epoch")]
        {
            let ask = json!({"room": room, "rev": rev, "epoch": epoch});
            let reset = ann.request("room.sync", ask).await;
            assert_eq!((&reset["reset"], &reset["messages"]), (&json!(true), &json!([])));
            assert_eq!(reset["reason"], reason);
        }
        drop((ann, bob));
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_06_one_call_catches_up_a_user() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let stays = app.group(&["ann", "bob"]).await;
        let left = app.group(&["ann", "bob"]).await;
        let pinned = app.group(&["ann", "bob"]).await;
        let ((opened, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        for room in [&stays, &left, &pinned] {
            send(&mut bob, room, "m1").await;
        }
        let cursor = text(&ann.request("rooms.list", json!({})).await["cursor"]);
        drop(ann);
        let new = app.group(&["ann", "bob"]).await;
        send(&mut bob, &new, "m1").await;
        send(&mut bob, &stays, "m2").await;
        let out = json!({"users": ["ann"]});
        app.backend_ok("POST", &format!("rooms/{left}/members/remove"), out).await;
        let tablet = app.open_session_on("ann", "tablet").await.token;
        let pin = json!({"pinned": true});
        app.api("PATCH", &format!("/v1/rooms/{pinned}/me"), pin, &tablet).await.is(200);
        let path = format!("/v1/sync?cursor={}", segment(&cursor));
        let synced = app.api("GET", &path, Value::Null, &opened.token).await.is(200);
        let found = |room: &str| {
            let rooms = synced["rooms"].as_array().expect("rooms");
            rooms.iter().find(|one| one["id"] == room).cloned().expect("the room")
        };
        assert_eq!(found(&stays)["seq"], 2);
        assert_eq!(found(&new)["mine"]["unread"], 1);
        assert_eq!(found(&left)["mine"]["state"], "left");
        assert_eq!(found(&pinned)["mine"]["settings"]["pinned"], true, "what another device did");
        // Repeats are harmless.
        let again = app.api("GET", &path, Value::Null, &opened.token).await.is(200);
        assert_eq!(again["rooms"], synced["rooms"]);
        drop(bob);
        assert!(server.stop().await);
    }
}

/// While somebody writes without pause: history and what is pushed after it leave no hole.
#[tokio::test]
async fn line_07_a_snapshot_joins_the_stream_without_a_hole() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        let writes = async {
            for n in 0..60 {
                send(&mut bob, &room, &format!("m{n}")).await;
            }
        };
        let opens = async {
            let mut seen = BTreeSet::new();
            for _ in 0..5 {
                ann.request("room.close", json!({"room": room})).await;
                ann.events.clear();
                let opened = ann.request("room.open", json!({"room": room, "limit": 100})).await;
                seen = seqs(&opened["history"]["messages"]);
            }
            while seen.len() < 60 {
                let pushed = ann.event("message.new").await;
                seen.insert(pushed["message"]["seq"].as_u64().expect("a seq"));
            }
            seen
        };
        let ((), seen) = tokio::join!(writes, opens);
        assert_eq!(seen, (1..=60).collect());
        drop((ann, bob));
        assert!(server.stop().await);
    }
}

fn seqs(messages: &Value) -> BTreeSet<u64> {
    let all = messages.as_array().expect("messages").iter();
    all.map(|one| one["seq"].as_u64().expect("a seq")).collect()
}

/// The position is repeated, so that who lost the event learns of it without another one.
#[tokio::test]
async fn line_08_a_push_is_a_hint_that_is_repeated() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        ann.request("room.open", json!({"room": room})).await;
        let said = send(&mut bob, &room, "m1").await;
        assert_eq!(ann.event("message.new").await["rev"], said["rev"]);
        let head = ann.event("room.head").await;
        assert_eq!((&head["rev"], &head["seq"]), (&said["rev"], &said["seq"]));
        drop((ann, bob));
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_09_read_cursors_are_monotone() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let (phone, (_, mut bob)) =
            (app.open_session_on("ann", "phone").await, app.enter("bob").await);
        let mut phone = app.socket(&phone.token).await;
        let laptop = app.open_session_on("ann", "laptop").await;
        let mut laptop = app.socket(&laptop.token).await;
        for n in 1..=5 {
            send(&mut bob, &room, &format!("m{n}")).await;
        }
        let read = |seq: u64| json!({"room": room, "seq": seq});
        assert_eq!(phone.request("read", read(4)).await["read_seq"], 4);
        assert_eq!(laptop.request("read", read(2)).await["read_seq"], 4, "merged by the higher");
        // A send moves it to what it carries, and past its own message only over nothing unread.
        let said = json!({"room": room, "id": "a1", "text": "x", "read_up_to": 4});
        laptop.request("message.send", said).await;
        assert_eq!(laptop.request("read", read(1)).await["read_seq"], 4);
        let said = json!({"room": room, "id": "a2", "text": "x", "read_up_to": 5});
        laptop.request("message.send", said).await;
        assert_eq!(laptop.request("read", read(1)).await["read_seq"], 7);
        drop((phone, laptop, bob));
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_10_unread_is_a_pure_function() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((opened, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        send(&mut bob, &room, "b1").await;
        send(&mut ann, &room, "a1").await;
        send(&mut bob, &room, "b2").await;
        let silent = json!({"room": room, "id": "s1", "text": "x", "silent": true});
        bob.request("message.send", silent).await;
        let said = json!({"id": "sys", "kind": "system", "text": "x"});
        app.backend_ok("POST", &format!("rooms/{room}/messages"), said).await;
        // Of five: one's own, the silent and the system message do not count.
        let token = opened.token.as_str();
        assert_eq!(unread(&app, token, &room).await, 2);
        ann.request("read", json!({"room": room, "seq": 1})).await;
        assert_eq!(unread(&app, token, &room).await, 1);
        ann.request("read", json!({"room": room, "seq": 5})).await;
        assert_eq!(unread(&app, token, &room).await, 0);
        drop((ann, bob));
        assert!(server.stop().await);
    }
}

/// Sends that race with a removal: none of them has a place after it.
#[tokio::test]
async fn line_11_a_decision_holds_at_the_commit() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let (_, mut bob) = app.enter("bob").await;
        for round in 0..5 {
            let room = app.group(&["ann", "bob"]).await;
            let mut begun = Vec::new();
            for n in 0..20 {
                let data = json!({"room": room, "id": format!("{round}-{n}"), "text": "x"});
                begun.push(bob.begin("message.send", data).await);
            }
            let path = format!("rooms/{room}/members/remove");
            let view = app.backend_ok("POST", &path, json!({"users": ["bob"]})).await;
            let removed = view["members_rev"].as_u64().expect("a rev");
            for id in begun {
                let answer = bob.answer(&id).await;
                let rev = answer["data"]["message"]["rev"].as_u64();
                assert!(rev.is_none_or(|rev| rev < removed), "{answer} after {removed}");
                let code = &answer["error"]["code"];
                assert!(rev.is_some() || code == "not_a_member", "{answer}");
            }
        }
        drop(bob);
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_12_removed_means_removed() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((_, mut ann), (opened, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        bob.request("room.open", json!({"room": room})).await;
        let path = format!("rooms/{room}/members/remove");
        let view = app.backend_ok("POST", &path, json!({"users": ["bob"]})).await;
        let removed = view["members_rev"].as_u64().expect("a rev");
        for n in 0..5 {
            send(&mut ann, &room, &format!("m{n}")).await;
            ann.request("typing", json!({"room": room, "on": true})).await;
        }
        assert_eq!(bob.event("room.left").await["rev"], removed);
        for (name, data) in bob.drain().await {
            let rev = data["rev"].as_u64().filter(|_| data["room"] == room.as_str());
            assert!(rev.is_none_or(|rev| rev <= removed), "{name}: {data}");
            assert_ne!(name, "typing");
        }
        // And a revoke is the end of the token and of its connection.
        app.backend_ok("POST", "sessions/revoke", json!({"user": "bob"})).await;
        app.api("GET", "/v1/me", Value::Null, &opened.token).await.refused(401, "session_closed");
        assert_eq!(bob.closed().await, 4201);
        drop(ann);
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn line_14_direct_rooms_are_unique() {
    for store in STORES {
        let server = TestServer::start(store).await;
        let app = server.app().await;
        let (ann, bob) = (app.page("ann").await, app.page("bob").await);
        let tries = (0..64).map(|n| {
            let (page, other) = if n % 2 == 0 { (&ann, "bob") } else { (&bob, "ann") };
            let body = json!({"kind": "direct", "user": other, "context": "listing 7"});
            async move { text(&page.post("rooms", body).await.ok()["id"]) }
        });
        let ids: BTreeSet<String> =
            futures_util::future::join_all(tries).await.into_iter().collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        let other = json!({"kind": "direct", "user": "bob", "context": "listing 8"});
        assert!(!ids.contains(&text(&ann.post("rooms", other).await.is(201)["id"])));
        assert!(server.stop().await);
    }
}
