//! Unread mentions, through every door that tells of unread: lists, rooms, syncs, answers and
//! events say the same number.

use serde_json::{Value, json};

use crate::harness::{Backend, Page, Socket, TestApp, TestServer};

/// What each door says of a room; all must say this.
async fn told(page: &Page, socket: &mut Socket, room: &str, number: u64) {
    let find = |answer: &Value| {
        let rooms = answer["rooms"].as_array().expect("rooms");
        let ours = rooms.iter().find(|one| one["id"] == room).expect("the room");
        ours["mine"]["mentions"].clone()
    };
    let list = page.get("rooms").await.is(200);
    let began = socket.request("rooms.list", json!({})).await;
    let one = page.get(&format!("rooms/{room}")).await.is(200);
    let opened = socket.request("room.open", json!({"room": room})).await;
    socket.request("room.close", json!({"room": room})).await;
    for (door, said) in [
        ("the list", find(&list)),
        ("rooms.list", find(&began)),
        ("the room", one["mine"]["mentions"].clone()),
        ("room.open", opened["room"]["mine"]["mentions"].clone()),
    ] {
        assert_eq!(said, number, "{door}");
    }
}

/// One session's page and socket.
async fn both(app: &TestApp, user: &str) -> (Page, Socket) {
    let (opened, socket) = app.enter(user).await;
    (Page { app: app.clone(), opened }, socket)
}

async fn say(socket: &mut Socket, room: &str, id: &str, mentions: Value) -> Value {
    let said = json!({"room": room, "id": id, "text": "hi", "mentions": mentions});
    socket.request("message.send", said).await["message"].take()
}

async fn who_is_called_is_told(server: &TestServer) {
    let app: TestApp = server.app().await;
    let (_, mut ann) = app.enter("ann").await;
    let room = app.group(&["ann", "bob"]).await;
    let (page, mut bob) = both(&app, "bob").await;
    let began = page.get("rooms?limit=1").await.is(200)["cursor"].clone();

    // A closed room hears whom the newest message calls; who reads the list counts alike.
    say(&mut ann, &room, "m1", Value::Null).await;
    let head = bob.event_where("room.head", |head| head["seq"] == 1).await;
    assert!(head.get("mentions").is_none(), "{head}");
    told(&page, &mut bob, &room, 0).await;
    let users = json!({"users": ["bob"]});
    let sent = say(&mut ann, &room, "m2", users.clone()).await;
    let head = bob.event_where("room.head", |head| head["seq"] == 2).await;
    assert_eq!((&head["mentions"], &head["rev"]), (&users, &sent["rev"]));
    let wide = json!({"roles": ["member"], "everyone": true});
    say(&mut ann, &room, "m3", wide.clone()).await;
    let head = bob.event_where("room.head", |head| head["seq"] == 3).await;
    assert_eq!(head["mentions"], wide);
    told(&page, &mut bob, &room, 2).await;
    say(&mut ann, &room, "m3", wide).await;
    told(&page, &mut bob, &room, 2).await;
    let silent = json!({"room": room, "id": "m4", "text": "x", "mentions": users, "silent": true});
    ann.request("message.send", silent).await;
    let head = bob.event_where("room.head", |head| head["seq"] == 4).await;
    assert!(head.get("mentions").is_none(), "what is never unread calls nobody: {head}");

    // An edit calls without news of it in the head, an unsend takes the call away.
    let edit = json!({"room": room, "id": "m1", "mentions": users});
    ann.request("message.edit", edit).await;
    let head = bob.event_where("room.head", |head| head["rev"] == 6).await;
    assert!(head.get("mentions").is_none(), "{head}");
    told(&page, &mut bob, &room, 3).await;
    ann.request("message.unsend", json!({"room": room, "id": "m2"})).await;
    told(&page, &mut bob, &room, 2).await;
    let cursor = began.as_str().expect("a cursor");
    let sync = page.get(&format!("sync?cursor={cursor}")).await.is(200);
    let synced = sync["rooms"].as_array().expect("rooms").iter().find(|one| one["id"] == room);
    assert_eq!(synced.expect("it changed")["mine"]["mentions"], 2);

    // Reading takes them away, and every device is told what is left.
    bob.drain().await;
    let mine = bob.request("read", json!({"room": room, "seq": 1})).await;
    assert_eq!(mine["mentions"], 1);
    assert_eq!(bob.event("room.mine").await["mine"], mine);
    let mine = page.call("POST", &format!("rooms/{room}/read"), json!({"seq": 4})).await.is(200);
    assert_eq!((&mine["mentions"], &mine["unread"]), (&json!(0), &json!(0)));
    assert_eq!(bob.event("room.mine").await["mine"], mine);
    told(&page, &mut bob, &room, 0).await;
}

/// Who becomes a member hears of the room as it was made and then of its first message, as of any
/// other: also a connection that hears every event, as other systems' wires do.
async fn a_first_message_calls(server: &TestServer) {
    let app = server.app().await;
    let ((_, mut ann), (page, mut bob)) = (app.enter("ann").await, both(&app, "bob").await);
    let mut all = app.socket(&page.opened.token).await;
    all.request("rooms.all", json!({"on": true})).await;
    let message = json!({"text": "@bob", "mentions": {"users": ["bob"]}});
    let made = json!({"kind": "group", "members": ["bob"], "message": message});
    let room = ann.request("room.create", made).await["room"]["id"].clone();
    let joined = bob.event_where("room.joined", |data| data["room"] == room).await;
    let as_made = &joined["room_object"];
    assert_eq!((&as_made["seq"], &as_made["mine"]["mentions"]), (&json!(0), &json!(0)));
    let head = bob.event_where("room.head", |data| data["room"] == room).await;
    assert_eq!((&head["seq"], &head["mentions"]), (&json!(1), &json!({"users": ["bob"]})));
    let heard = all.event_where("message.new", |data| data["room"] == room).await;
    assert_eq!(heard["message"]["text"], message["text"]);
    told(&page, &mut bob, room.as_str().expect("an id"), 1).await;
}

#[tokio::test]
async fn every_door_tells_who_is_called_on_sqlite() {
    let server = TestServer::sqlite().await;
    who_is_called_is_told(&server).await;
    a_first_message_calls(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn every_door_tells_who_is_called_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    who_is_called_is_told(&server).await;
    a_first_message_calls(&server).await;
    assert!(server.stop().await);
}
