//! The native socket: what is asked and answered, and who hears what.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use snug_core::limits;
use tokio_websockets::Message;

use crate::harness::{Door, Socket, TestApp, TestServer, text, within};

/// Events of a room that carry a rev, as (name, rev).
fn of_room(events: &[(String, Value)], room: &str) -> Vec<(String, u64)> {
    let ours = events.iter().filter(|(_, data)| data["room"] == room);
    ours.filter_map(|(name, data)| Some((name.clone(), data["rev"].as_u64()?))).collect()
}

async fn say(socket: &mut Socket, room: &str, words: &str) -> Value {
    socket.request("message.send", json!({"room": room, "text": words})).await["message"].take()
}

/// Everything that a socket heard before a message in a room of its own with the speaker: one
/// node's events keep their order, so nothing that came before the fence is still on its way.
async fn heard_before_fence(app: &TestApp, listener: &mut Socket) -> Vec<(String, Value)> {
    let fence = app.group(&["fence"]).await;
    let me = listener.request("me.update", json!({})).await;
    let add = json!({"users": [me["user"]["id"]]});
    app.backend_ok("POST", &format!("rooms/{fence}/members"), add).await;
    listener.event_where("room.joined", |data| data["room"] == fence).await;
    listener.drain().await
}

#[tokio::test]
async fn hello_comes_first_and_says_who_and_how() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let opened = app.open_session_on("alice", "phone").await;
    let mut socket = Socket::connect(app.address, Door::FirstFrame, &opened.token).await;
    assert_eq!(socket.answer("auth").await["data"], json!({}));
    let (name, hello) = socket.events.pop_front().expect("hello came before the answer");
    assert_eq!(name, "hello");
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["session"]["id"], opened.session);
    assert_eq!(hello["session"]["device"], "phone");
    assert!(hello["session"]["expires_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert_eq!((&hello["user"]["id"], &hello["policy"]), (&json!("alice"), &json!("open")));
    assert_eq!(hello["limits"]["frame_bytes"], limits::FRAME_BYTES_MAX);
    assert_eq!(hello["limits"]["liveness_ms"], limits::LIVENESS_MS);
    assert!(hello["epoch"].is_string() && hello["reconnect"]["max_ms"].is_u64());
    socket.refused("auth", json!({"token": opened.token}), "invalid_field").await;
    assert!(server.stop().await);
    assert_eq!(socket.closed().await, 4000);
}

#[tokio::test]
async fn a_room_sends_heads_until_it_is_opened_and_after_it_is_closed() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let room = app.group(&["alice", "bob"]).await;
    bob.event("room.joined").await;
    let first = say(&mut alice, &room, &"long ".repeat(100)).await;
    let head = bob.event("room.head").await;
    for field in ["room", "seq", "rev", "count"] {
        assert_eq!(head[field], first[field], "{field}");
    }
    let preview = text(&head["preview"]["text"]);
    assert_eq!(preview.chars().count(), limits::PREVIEW_CHARS_MAX);
    assert_eq!(head["members_rev"], 0);

    let opened = bob.request("room.open", json!({"room": room, "limit": 10})).await;
    assert_eq!(opened["room"]["rev"], first["rev"]);
    assert_eq!(opened["room"]["mine"]["unread"], 1);
    assert_eq!(opened["history"]["messages"], json!([first]));
    bob.drain().await;
    let second = say(&mut alice, &room, "to the open").await;
    let event = bob.event("message.new").await;
    assert_eq!(event["message"], second);
    assert_eq!((&event["rev"], &event["members_rev"]), (&second["rev"], &json!(0)));
    let rest = of_room(&heard_before_fence(&app, &mut bob).await, &room);
    assert!(
        !rest.iter().any(|(_, rev)| *rev == first["rev"]),
        "the closed room's beacon: {rest:?}"
    );

    bob.request("room.close", json!({"room": room})).await;
    let third = say(&mut alice, &room, "to the closed").await;
    bob.event_where("room.head", |head| head["rev"] == third["rev"]).await;
    let rest = heard_before_fence(&app, &mut bob).await;
    assert!(!rest.iter().any(|(name, _)| name == "message.new"), "{rest:?}");
    drop((alice, bob));
    assert!(server.stop().await);
}

#[tokio::test]
async fn all_rooms_hears_every_event_of_every_membership() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    bob.request("rooms.all", json!({"on": true})).await;
    let rooms = [app.direct("alice", "bob").await, app.group(&["alice", "bob"]).await];
    for room in &rooms {
        bob.event_where("room.joined", |data| data["room"] == *room).await;
        let said = say(&mut alice, room, "hi").await;
        assert_eq!(bob.event("message.new").await["message"], said);
        alice.request("typing", json!({"room": room, "on": true})).await;
        assert_eq!(bob.event("typing").await["room"], *room);
    }
    bob.request("rooms.all", json!({"on": false})).await;
    let said = say(&mut alice, &rooms[0], "hi").await;
    bob.event_where("room.head", |head| head["rev"] == said["rev"]).await;
    assert!(!bob.drain().await.iter().any(|(name, _)| name == "message.new"));
    drop((alice, bob));
    assert!(server.stop().await);
}

#[tokio::test]
async fn typing_and_reads_go_to_the_open_and_mine_to_the_own_devices() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let (_, mut carol) = app.enter("carol").await;
    let tablet = app.open_session_on("bob", "tablet").await;
    let mut tablet = app.socket(&tablet.token).await;
    let room = app.group(&["alice", "bob", "carol"]).await;
    alice.request("room.open", json!({"room": room})).await;
    let said = say(&mut alice, &room, "read me").await;
    bob.request("typing", json!({"room": room, "on": true})).await;
    let typing = alice.event("typing").await;
    assert_eq!((&typing["user"], &typing["on"]), (&json!("bob"), &json!(true)));
    bob.request("typing", json!({"room": room, "on": false})).await;
    assert_eq!(alice.event("typing").await["on"], false);

    let mine = bob.request("read", json!({"room": room, "seq": 1})).await;
    assert_eq!((&mine["read_seq"], &mine["unread"]), (&json!(1), &json!(0)));
    let read = alice.event("read").await;
    assert_eq!(read, json!({"room": room, "user": "bob", "seq": 1, "rev": said["rev"]}));
    for device in [&mut bob, &mut tablet] {
        let told = device.event("room.mine").await;
        assert_eq!((&told["room"], &told["mine"]), (&json!(room), &mine));
    }
    // A cursor never goes back, and what did not move is not told again.
    let again = bob.request("read", json!({"room": room, "seq": 1})).await;
    assert_eq!(again, mine);
    let rest = heard_before_fence(&app, &mut tablet).await;
    assert!(!rest.iter().any(|(name, _)| name == "room.mine"), "{rest:?}");
    let rest = heard_before_fence(&app, &mut carol).await;
    let names: Vec<&str> = rest.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.iter().any(|name| ["typing", "read", "room.mine"].contains(name)), "{names:?}");
    drop((alice, bob, carol, tablet));
    assert!(server.stop().await);
}

#[tokio::test]
async fn the_added_join_and_the_removed_hear_nothing_more() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let room = app.group(&["alice"]).await;
    alice.request("room.open", json!({"room": room})).await;
    alice.request("members.add", json!({"room": room, "users": ["bob"]})).await;
    let joined = bob.event("room.joined").await;
    assert_eq!(joined["room_object"]["mine"]["state"], "active");
    let told = alice.event("members.changed").await;
    assert_eq!((&told["member_count"], &told["rev"]), (&json!(2), &joined["rev"]));
    assert_eq!(bob.event("members.changed").await["members"][0]["user"], "bob");
    bob.request("room.open", json!({"room": room})).await;
    say(&mut alice, &room, "welcome").await;
    bob.event("message.new").await;

    alice.request("members.remove", json!({"room": room, "users": ["bob"]})).await;
    let left = bob.event("room.left").await;
    let removed_at = left["rev"].as_u64().expect("a rev");
    assert_eq!(left["reason"], "removed");
    let told = alice.event_where("members.changed", |data| data["rev"] == removed_at).await;
    assert_eq!(told["members_rev"], removed_at);
    say(&mut alice, &room, "among us").await;
    alice.request("typing", json!({"room": room, "on": true})).await;
    alice.request("room.update", json!({"room": room, "name": "Ours"})).await;
    assert_eq!(alice.event("room.changed").await["room_object"]["name"], "Ours");
    let after = of_room(&heard_before_fence(&app, &mut bob).await, &room);
    assert!(after.iter().all(|(_, rev)| *rev <= removed_at), "above {removed_at}: {after:?}");
    for (op, data) in [
        ("message.send", json!({"room": room, "text": "still here?"})),
        ("room.open", json!({"room": room})),
        ("typing", json!({"room": room, "on": true})),
        ("history", json!({"room": room})),
        ("read", json!({"room": room, "seq": 1})),
        ("room.sync", json!({"room": room, "rev": 1, "epoch": "x"})),
    ] {
        bob.refused(op, data, "not_a_member").await;
    }
    alice.request("members.add", json!({"room": room, "users": ["bob"]})).await;
    bob.event("room.joined").await;
    say(&mut alice, &room, "back again").await;
    bob.event_where("room.head", |head| head["preview"]["text"] == "back again").await;
    drop((alice, bob));
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_deleted_room_is_left_by_all() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let room = app.group(&["alice", "bob"]).await;
    alice.request("room.open", json!({"room": room})).await;
    app.backend_ok("DELETE", &format!("rooms/{room}"), Value::Null).await;
    for socket in [&mut alice, &mut bob] {
        assert_eq!(socket.event("room.left").await["reason"], "deleted");
        socket.refused("room.open", json!({"room": room}), "room_not_found").await;
    }
    drop((alice, bob));
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_position_is_repeated_after_a_second() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let room = app.direct("alice", "bob").await;
    bob.request("room.open", json!({"room": room})).await;
    let said = say(&mut alice, &room, "once").await;
    let new = bob.event("message.new").await;
    assert_eq!(new["rev"], said["rev"]);
    let began = tokio::time::Instant::now();
    let head = bob.event("room.head").await;
    assert_eq!((&head["rev"], &head["seq"]), (&said["rev"], &said["seq"]));
    let waited = began.elapsed().as_millis();
    assert!(waited >= 900, "a beacon after {waited} ms only");
    drop((alice, bob));
    assert!(server.stop().await);
}

async fn make_channel(app: &TestApp) {
    let channel = json!({"kind": "channel", "id": "news", "members": ["bob"]});
    app.backend_ok("POST", "rooms", channel).await;
}

/// Changes of `m0`, and a mark on it.
fn changes_of(room: &str) -> [Value; 3] {
    [
        json!({"room": room, "id": "m0", "text": "second"}),
        json!({"room": room, "id": "m0", "key": "👍", "on": true}),
        json!({"room": room, "id": "m0", "starred": true}),
    ]
}

/// A reply to `m0`, its thread, and the cursor there.
fn thread_of(room: &str) -> [Value; 3] {
    [
        json!({"room": room, "id": "t1", "text": "third", "thread": "m0"}),
        json!({"room": room, "thread": "m0"}),
        json!({"room": room, "thread": "m0", "seq": 2}),
    ]
}

/// A message that is scheduled, changed and taken back.
fn later_of(room: &str) -> [Value; 3] {
    let at = crate::scheduled::ahead(3_600_000);
    [
        json!({"room": room, "id": "s1", "text": "later", "at": at}),
        json!({"id": "s1", "text": "much later"}),
        json!({"id": "s1"}),
    ]
}

/// Two groups that `alice` is invited to.
async fn invitations(app: &TestApp) {
    for id in ["asked", "asked-too"] {
        let asks = json!({
            "kind": "group", "id": id, "members": ["alice"], "invitation_required": true,
        });
        app.backend_ok("POST", "rooms", asks).await;
    }
}

fn every_op_is_among(mut asked: Vec<String>) {
    let mut all: Vec<&str> = snug_proto::frame::OPS.to_vec();
    all.sort_unstable();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, all);
}

async fn make_room(socket: &mut Socket) -> (String, String) {
    let first = json!({"id": "m0", "text": "first"});
    let data = json!({"kind": "group", "members": ["bob"], "name": "Ops", "message": first});
    let made = socket.request("room.create", data).await;
    assert_eq!((&made["created"], &made["message"]["id"]), (&json!(true), &json!("m0")));
    (text(&made["room"]["id"]), text(&made["room"]["epoch"]))
}

/// What is asked, with what, and what stands where in the answer.
type Asked = (&'static str, Value, &'static str, Value);

/// The ops after which there is less to ask about.
fn the_last_of(room: &str) -> [Asked; 8] {
    [
        ("room.accept", json!({"room": "asked"}), "/room/mine/state", json!("active")),
        ("room.decline", json!({"room": "asked-too"}), "", json!({})),
        ("room.close", json!({"room": room}), "", json!({})),
        ("me.update", json!({"name": "Alice"}), "/user/name", json!("Alice")),
        ("room.leave", json!({"room": room}), "", json!({})),
        ("ping", json!({}), "", json!({})),
        ("session.refresh", json!({}), "/session", Value::Null),
        ("session.close", json!({}), "", json!({})),
    ]
}

/// Every op is asked once and its answer looked at; a new op without a line here fails.
#[tokio::test]
async fn every_op_is_answered_as_written() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (_, mut socket) = app.enter("alice").await;
    let mut asked = vec!["auth".to_owned(), "room.create".to_owned()];
    let (room, epoch) = make_room(&mut socket).await;
    let cursor = socket.request("rooms.list", json!({})).await["cursor"].clone();
    make_channel(&app).await;
    let [edit, react, star] = changes_of(&room);
    let [later, reworded, whose] = later_of(&room);
    let [reply, thread, read_thread] = thread_of(&room);
    let ops = [
        ("rooms.list", json!({"limit": 1, "include": ["left"]}), "/rooms/0/id", json!(room)),
        ("rooms.all", json!({"on": false}), "", json!({})),
        ("room.open", json!({"room": room}), "/history/messages/0/id", json!("m0")),
        ("history", json!({"room": room, "limit": 1}), "/head/room", json!(room)),
        ("message.send", json!({"room": room, "custom": {"a": 1}}), "/duplicate", json!(false)),
        ("message.ephemeral", json!({"room": room, "text": "now"}), "/id", Value::Null),
        ("message.edit", edit, "/message/text", json!("second")),
        ("message.react", react, "/message/reactions/0/key", json!("👍")),
        ("message.pin", json!({"room": room, "id": "m0", "on": true}), "/message/id", json!("m0")),
        ("pins.list", json!({"room": room}), "/messages/0/id", json!("m0")),
        ("message.send", reply, "/message/thread_summary/replies", json!(1)),
        ("thread.history", thread, "/messages/0/id", json!("t1")),
        ("threads.list", json!({"room": room}), "/threads/0/root/id", json!("m0")),
        ("thread.read", read_thread, "/read_seq", json!(2)),
        ("message.own", star, "/mine/marks/rev", json!(1)),
        ("starred.list", json!({"limit": 1}), "/messages/0/own/rev", json!(1)),
        ("message.schedule", later, "/scheduled/id", json!("s1")),
        ("scheduled.list", json!({"room": room}), "/scheduled/0/text", json!("later")),
        ("scheduled.update", reworded, "/scheduled/rev", json!(2)),
        ("scheduled.cancel", whose, "", json!({})),
        ("message.versions", json!({"room": room, "id": "m0"}), "/versions/0/text", json!("first")),
        ("message.unsend", json!({"room": room, "id": "m0"}), "/message/deleted", json!(true)),
        ("read", json!({"room": room, "seq": 3}), "/read_seq", json!(3)),
        ("mine.update", json!({"room": room, "pinned": true}), "/settings/rev", json!(1)),
        ("delivered", json!({"rooms": {&room: 1}}), "", json!({})),
        ("receipts.list", json!({"room": room, "id": "m0"}), "/members/0/user", json!("bob")),
        ("typing", json!({"room": room, "on": true}), "", json!({})),
        ("sync", json!({"cursor": cursor}), "/rooms/0/id", json!(room)),
        ("room.sync", json!({"room": room, "rev": 1, "epoch": epoch}), "/reset", json!(false)),
        ("users.get", json!({"ids": ["bob"]}), "/users/0/id", json!("bob")),
        ("members.list", json!({"room": room, "limit": 1}), "/next", json!("alice")),
        ("members.add", json!({"room": room, "users": [7]}), "/room/member_count", json!(3)),
        ("members.remove", json!({"room": room, "users": ["7"]}), "/room/member_count", json!(2)),
        ("room.update", json!({"room": room, "name": "New"}), "/room/name", json!("New")),
        ("channels.list", json!({"limit": 1}), "/rooms/0/id", json!("news")),
        ("room.join", json!({"room": "news"}), "/room/mine/state", json!("active")),
        ("presence.watch", json!({"rooms": [room]}), "/users/0/user", json!("bob")),
        ("presence.unwatch", json!({"rooms": [room]}), "", json!({})),
    ];
    for (op, data, at, expected) in ops.into_iter().chain(the_last_of(&room)) {
        if op == "room.accept" {
            invitations(&app).await;
        }
        let answer = socket.request(op, data).await;
        let found = answer.pointer(at).unwrap_or_else(|| panic!("{op}: no {at} in {answer}"));
        if !expected.is_null() {
            assert_eq!(*found, expected, "{op}: {answer}");
        }
        asked.push(op.into());
    }
    assert_eq!(socket.closed().await, 4200);
    every_op_is_among(asked);
    assert!(server.stop().await);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_under_their_ids() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["alice"]).await;
    let opened = app.open_session("alice").await;
    let mut stream = app.socket(&opened.token).await.into_stream();
    let ids: Vec<Value> = (0..100_i64)
        .map(|n| if n % 2 == 0 { json!(n - 50) } else { json!(format!("字 {n}")) })
        .collect();
    for (n, id) in ids.iter().enumerate() {
        let (op, data) = match n % 3 {
            0 => ("message.send", json!({"room": room, "text": n.to_string()})),
            1 => ("nothing", json!(null)),
            _ => ("ping", json!(null)),
        };
        let frame = json!({"id": id, "op": op, "data": data}).to_string();
        stream.feed(Message::text(frame)).await.expect("room to write");
    }
    stream.flush().await.expect("room to write");
    let mut answered = Vec::new();
    while answered.len() < ids.len() {
        let message = within("an answer", stream.next()).await.expect("open").expect("a frame");
        let frame: Value = serde_json::from_slice(message.as_payload()).expect("JSON");
        if frame.get("event").is_none() {
            answered.push(frame["id"].clone());
        }
    }
    // What is refused at sight is answered at once; what runs, in order.
    let of_kind = |answers: &[Value], refused: bool| -> Vec<Value> {
        let ours = |id: &&Value| {
            (ids.iter().position(|known| known == *id).expect("our id") % 3 == 1) == refused
        };
        answers.iter().filter(ours).cloned().collect()
    };
    for refused in [true, false] {
        assert_eq!(of_kind(&answered, refused), of_kind(&ids, refused));
    }
    let history = app.backend_ok("GET", &format!("rooms/{room}/messages"), Value::Null).await;
    let texts: Vec<String> = history["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .filter(|message| message["kind"] == "text")
        .map(|message| text(&message["text"]))
        .collect();
    let sent: Vec<String> = (0..100).filter(|n| n % 3 == 0).map(|n| n.to_string()).collect();
    assert_eq!(texts, sent);
    drop(stream);
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_repeated_send_is_stored_once_and_answered_alike() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let room = app.group(&["alice", "bob"]).await;
    bob.request("room.open", json!({"room": room})).await;
    let send = json!({"room": room, "id": "once", "text": "only"});
    let first = alice.request("message.send", send.clone()).await;
    assert_eq!(first["duplicate"], false);
    for _ in 0..3 {
        let again = alice.request("message.send", send.clone()).await;
        assert_eq!((&again["duplicate"], &again["message"]), (&json!(true), &first["message"]));
    }
    let other = json!({"room": room, "id": "once", "text": "other"});
    alice.refused("message.send", other, "message_id_conflict").await;
    bob.refused("message.send", send.clone(), "message_id_conflict").await;
    let news = heard_before_fence(&app, &mut bob).await;
    let news = news.iter().filter(|(name, _)| name == "message.new").count();
    assert_eq!(news, 1, "one message, one event");
    app.backend_ok("DELETE", &format!("rooms/{room}/members/alice"), Value::Null).await;
    let again = alice.request("message.send", send).await;
    assert_eq!(again["message"], first["message"], "also after the removal");
    drop((alice, bob));
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_message_whose_sender_went_at_once_is_still_told() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (_, mut bob) = app.enter("bob").await;
    let room = app.group(&["alice", "bob"]).await;
    bob.request("room.open", json!({"room": room})).await;
    for round in 0..10 {
        let (_, alice) = app.enter("alice").await;
        let mut stream = alice.into_stream();
        let send = json!({"room": room, "text": format!("bye {round}")});
        let frame = json!({"id": 1, "op": "message.send", "data": send}).to_string();
        stream.feed(Message::text(frame)).await.expect("room to write");
        stream.feed(Message::close(None, "")).await.expect("room to write");
        stream.flush().await.expect("room to write");
        let told = within("the message", bob.event("message.new")).await;
        assert_eq!(told["message"]["text"], format!("bye {round}"));
    }
    drop(bob);
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (_, socket) = app.enter("alice").await;
    let mut stream = socket.into_stream();
    let code = tokio_websockets::CloseCode::NORMAL_CLOSURE;
    stream.send(Message::close(Some(code), "")).await.expect("room to write");
    let answer = within("the goodbye", stream.next()).await.expect("an answer").expect("a frame");
    assert_eq!(answer.as_close().map(|(code, _)| u16::from(code)), Some(1000));
    drop(stream);
    assert!(server.stop().await);
}

#[tokio::test]
async fn connections_that_end_while_they_enter_leave_nothing_behind() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let opened = app.open_session("alice").await;
    for _ in 0..20 {
        app.group(&["alice"]).await;
    }
    for _ in 0..40 {
        drop(Socket::connect(app.address, Door::Query, &opened.token).await);
    }
    let all_gone = async {
        loop {
            let metrics = app.request("GET", "/metrics").send().await.text;
            let live = metrics.lines().find_map(|line| line.strip_prefix("snug_connections "));
            if live.expect("the gauge") == "0" {
                return;
            }
        }
    };
    within("every connection's end", all_gone).await;
    assert!(server.stop().await);
}
