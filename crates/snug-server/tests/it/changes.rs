//! Changes of messages on the socket: who hears of them, once, and that event, sync and history
//! end in the same state.

use serde_json::{Value, json};

use crate::harness::{Backend, Socket, TestServer, on_both, text};

async fn changed(socket: &mut Socket, rev: u64) -> Value {
    let event = socket.event_where("message.changed", |data| data["rev"] == rev).await;
    assert_eq!(event["message"]["rev"], rev);
    event["message"].clone()
}

/// What the next history and the next sync from below say of the message.
async fn read_again(socket: &mut Socket, room: &str, below: u64) -> [Value; 2] {
    let find = |answer: &Value| -> Value {
        let all = answer["messages"].as_array().expect("messages");
        all.iter().find(|message| message["id"] == "m1").expect("the message").clone()
    };
    let history = socket.request("history", json!({"room": room})).await;
    let opened = socket.request("room.open", json!({"room": room})).await;
    let epoch = &opened["room"]["epoch"];
    let asked = json!({"room": room, "rev": below, "epoch": epoch});
    let synced = socket.request("room.sync", asked).await;
    [find(&history), find(&synced)]
}

async fn a_message_and_what_becomes_of_it(server: &TestServer) {
    let app = server.app().await;
    let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
    let (_, mut cat) = app.enter("cat").await;
    let room = app.group(&["ann", "bob", "cat"]).await;
    let place = json!({"room": room, "id": "m1"});
    bob.request("room.open", json!({"room": room})).await;
    let sent = ann.request("message.send", json!({"room": room, "id": "m1", "text": "helo"})).await;
    let mut rev = sent["message"]["rev"].as_u64().expect("a rev");

    for (op, more) in [
        ("message.edit", json!({"text": "hello"})),
        ("message.react", json!({"key": "👍", "on": true})),
        ("message.react", json!({"key": "👍", "on": false})),
        ("message.edit", json!({"custom": {"note": [1]}})),
        ("message.react", json!({"key": "❤️", "on": true})),
        ("message.pin", json!({"on": true})),
        ("message.pin", json!({"on": false})),
        ("message.unsend", json!({})),
    ] {
        let mut data = place.clone();
        data.as_object_mut().expect("data").extend(more.as_object().expect("data").clone());
        let answer = ann.request(op, data.clone()).await["message"].take();
        rev += 1;
        assert_eq!(answer["rev"], rev, "{op}: {answer}");
        // Who has it open hears the message, the others that the room moved.
        assert_eq!(changed(&mut bob, rev).await, answer, "{op}");
        cat.event_where("room.head", |data| data["room"] == room && data["rev"] == rev).await;
        assert_eq!(read_again(&mut cat, &room, rev - 1).await, [answer.clone(), answer.clone()]);
        cat.request("room.close", json!({"room": room})).await;
        // A repeat is answered alike, and is no news.
        assert_eq!(ann.request(op, data).await["message"], answer, "{op} again");
    }
    let heard = bob.drain().await;
    assert!(heard.iter().all(|(name, _)| name != "message.changed"), "{heard:?}");

    let refused = ann.refused("message.edit", json!({"room": room, "text": "x"}), "missing_field");
    assert_eq!(refused.await["field"], "data.id");
    let asked = json!({"room": room, "id": "m1", "key": "", "on": true});
    ann.refused("message.react", asked, "missing_field").await;
    let asked = json!({"room": room, "id": "none"});
    ann.refused("message.unsend", asked, "message_not_found").await;
}

#[tokio::test]
async fn changes_are_heard_once_and_read_alike_on_sqlite() {
    let server = TestServer::sqlite().await;
    a_message_and_what_becomes_of_it(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn changes_are_heard_once_and_read_alike_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    a_message_and_what_becomes_of_it(&server).await;
    assert!(server.stop().await);
}

/// Found, joined and left by the socket alone; who joined hears it, who left does not.
/// Who may pin and read what edits replaced, at both doors, and what the lists tell.
#[tokio::test]
async fn pins_and_versions_are_for_whom_they_are() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["owner", "ben"]).await;
        let (owner, ben, zoe) =
            (app.page("owner").await, app.page("ben").await, app.page("zoe").await);
        let (messages, pins) = (format!("rooms/{room}/messages"), format!("rooms/{room}/pins"));
        for id in ["m1", "m2", "m3"] {
            ben.post(&messages, json!({"id": id, "text": id})).await.is(201);
        }
        let path = |id: &str, rest: &str| format!("{messages}/{id}/{rest}");
        ben.call("PUT", &path("m1", "pin"), Value::Null).await.refused(403, "role_too_low");
        zoe.call("PUT", &path("m1", "pin"), Value::Null).await.refused(403, "not_a_member");
        zoe.get(&pins).await.refused(403, "not_a_member");
        let pinned = owner.call("PUT", &path("m1", "pin"), Value::Null).await.is(200);
        assert!(pinned["pinned_at"].is_string(), "{pinned}");
        let again = owner.call("PUT", &path("m1", "pin"), Value::Null).await.is(200);
        assert_eq!(again, pinned);
        app.backend_ok("PUT", &path("m3", "pin"), Value::Null).await;
        let three = ben.get(&format!("{messages}/m3")).await.is(200);
        let listed = ben.get(&pins).await.is(200);
        assert_eq!(listed["messages"], json!([three, pinned]));
        assert_eq!(listed["users"][0]["id"], "ben");
        // Hidden for everybody but the backend, pinned or not.
        let hide = json!({"on": true});
        app.backend_ok("PUT", &path("m3", "hidden"), hide).await;
        assert_eq!(ben.get(&pins).await.is(200)["messages"], json!([pinned]));
        let all = app.backend_ok("GET", &pins, Value::Null).await;
        assert_eq!(all["messages"].as_array().map(Vec::len), Some(2));
        owner.call("DELETE", &path("m1", "pin"), Value::Null).await.is(200);
        assert_eq!(ben.get(&pins).await.is(200)["messages"], json!([]));
        // In a direct room both pin; a frozen room keeps its pins as they are.
        let direct = app.direct("ben", "zoe").await;
        ben.post(&format!("rooms/{direct}/messages"), json!({"id": "d", "text": "d"}))
            .await
            .is(201);
        let place = format!("rooms/{direct}/messages/d");
        zoe.call("PUT", &format!("{place}/pin"), Value::Null).await.is(200);
        app.backend_ok("PATCH", &format!("rooms/{direct}"), json!({"frozen": true})).await;
        let refused = ben.call("DELETE", &format!("{place}/pin"), Value::Null).await;
        refused.refused(403, "room_frozen");
        ben.get(&format!("{place}/versions")).await.refused(403, "role_too_low");

        // What edits replaced.
        ben.call("PATCH", &format!("{messages}/m2"), json!({"text": "second"})).await.is(200);
        let by_backend = json!({"text": "third"});
        app.backend_ok("PATCH", &format!("{messages}/m2"), by_backend).await;
        ben.get(&path("m2", "versions")).await.refused(403, "role_too_low");
        let told = owner.get(&path("m2", "versions")).await.is(200);
        let first: Vec<_> = told["versions"].as_array().expect("versions").iter().collect();
        let words: Vec<_> = first.iter().map(|one| (&one["text"], &one["replaced_by"])).collect();
        let (ben_id, nobody) = (json!("ben"), Value::Null);
        assert_eq!(words, [(&json!("second"), &nobody), (&json!("m2"), &ben_id)]);
        assert_eq!(app.backend_ok("GET", &path("m2", "versions"), Value::Null).await, told);
        owner.get(&path("none", "versions")).await.refused(404, "message_not_found");
        // Hidden words are not to be had by what they were before.
        app.backend_ok("PUT", &path("m2", "hidden"), json!({"on": true})).await;
        owner.get(&path("m2", "versions")).await.refused(404, "message_not_found");
        app.backend_ok("PUT", &path("m2", "hidden"), json!({"on": false})).await;
        owner.call("DELETE", &format!("{messages}/m2"), Value::Null).await.is(200);
        assert_eq!(owner.get(&path("m2", "versions")).await.is(200)["versions"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_channel_is_found_joined_and_left() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
    let made = ann.request("room.create", json!({"kind": "channel", "name": "News"})).await;
    let room = text(&made["room"]["id"]);
    let found = bob.request("channels.list", json!({"limit": 10})).await;
    assert_eq!(found["rooms"][0]["id"], room.as_str());
    assert!(found.get("next").is_none() && found["rooms"][0].get("mine").is_none(), "{found}");
    let joined = bob.request("room.join", json!({"room": room})).await;
    assert_eq!(joined["room"]["mine"]["state"], "active");
    assert_eq!(bob.event("room.joined").await["room"], room.as_str());
    bob.request("room.open", json!({"room": room})).await;
    ann.request("message.send", json!({"room": room, "id": "m1", "text": "first"})).await;
    bob.event_where("message.new", |data| data["message"]["id"] == "m1").await;
    bob.request("room.leave", json!({"room": room})).await;
    bob.event("room.left").await;
    bob.refused(
        "message.react",
        json!({"room": room, "id": "m1", "key": "ok", "on": true}),
        "not_a_member",
    )
    .await;
    ann.request("message.edit", json!({"room": room, "id": "m1", "text": "second"})).await;
    let heard = bob.drain().await;
    assert!(heard.iter().all(|(name, _)| name != "message.changed"), "{heard:?}");
}
