//! Ids as customers have them, in each dialect, of users and of rooms: one list for all.

use serde_json::{Value, json};

use crate::ecb::Ecb;
use crate::harness::{TestApp, TestServer, segment, text};
use crate::i2a::{Vendor, said};
use crate::imkit::socket::Line;
use crate::imkit::{Imkit, result};
use crate::rocketchat::ddp::Ddp;
use crate::rocketchat::{Login, Rocket, refused, success};

/// Every kind of id that is taken.
fn ids() -> Vec<String> {
    let longest = "語".repeat(42) + "ab";
    assert_eq!(longest.len(), 128);
    let some = ["a/b", "a:b", "a?b=c&d#e%2F", "two  words", "使用者", "👩‍👩‍👧 é", "..", "\"q\" 'q' \\"];
    some.map(str::to_owned).into_iter().chain([longest]).collect()
}

/// And those that are not: a byte too many, a control character.
fn bad_ids() -> [String; 3] {
    ["語".repeat(43), "x".repeat(129), "a\nb".to_owned()]
}

/// A group of this id, made by the customer's backend.
async fn group(app: &TestApp, id: &str, members: &[&str]) {
    let body = json!({"kind": "group", "id": id, "creator": members[0], "members": members});
    assert_eq!(app.backend_ok("POST", "rooms", body).await["id"], json!(id));
}

#[tokio::test]
async fn i2a_takes_every_id() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::beside(&server, server.app().await).await;
    let post =
        async |path: String, body: Value| vendor.request("POST", &path).json(body).send().await;
    for (index, id) in ids().iter().enumerate() {
        // As a user, a device and a room, in bodies, in a path and in frames.
        let open = json!({"application_user_identifier": id, "device_identifier": id});
        let token = text(&post("session/open-session/".into(), open).await.is(201)["token"]);
        let room = format!("{id} {index}").chars().take(40).collect::<String>();
        let room = if id.len() == 128 { id.clone() } else { room };
        let make = json!({"application_users_identifiers": [id], "chat_room_identifier": room});
        let named = text(&post("chat-room/".into(), make).await.is(201)["identifier"]);
        assert_eq!(named, format!("{room}:{}", vendor.app.id));
        let mut wire = vendor.upgrade("/socket/", Some(&token)).await;
        for shown in [&named, &room] {
            wire.say(said(shown, "words")).await;
            let heard = wire.next("ROUTABLE").await;
            assert_eq!(heard["app_user_identifier"], json!(id));
            assert_eq!(heard["chat_room_identifier"], json!(named));
        }
        let path = format!("chat-room/{}", segment(&named));
        let page = vendor.request("GET", &format!("{path}/messages/")).send().await.is(200);
        assert_eq!(page[1]["app_user_identifier"], json!(id));
        let body = json!({"application_users_identifiers": [format!("{index}")]});
        post(format!("{path}/add-users/"), body.clone()).await.is(200);
        post(format!("{path}/remove-users/"), body).await.is(200);
        vendor.request("DELETE", &format!("{path}/")).send().await.is(204);
    }
    let mut anna = vendor.enter("anna").await;
    for id in bad_ids() {
        let open = |user: &str, device: &str| json!({"application_user_identifier": user, "device_identifier": device});
        post("session/open-session/".into(), open(&id, "d")).await.is(400);
        post("session/open-session/".into(), open("u", &id)).await.is(400);
        let make = json!({"application_users_identifiers": [id]});
        post("chat-room/".into(), make).await.is(400);
        let make = json!({"application_users_identifiers": ["u"], "chat_room_identifier": id});
        post("chat-room/".into(), make).await.is(400);
        let path = format!("chat-room/{}/", segment(&id));
        vendor.request("DELETE", &path).send().await.is(404);
        anna.refused(said(&id, "x"), 10_009).await;
    }
    assert!(server.stop().await);
}

async fn rocketchat_user(server: &TestServer, rocket: &Rocket, id: &str) {
    let user = rocket.user(id).await;
    // A header takes it percent-encoded.
    let login = Login { user: segment(id), ..user.clone() };
    assert_eq!(success(rocket.get(&login, "me").await)["_id"], json!(id));
    let path = format!("users.info?username={}", segment(id));
    assert_eq!(success(rocket.get(&login, &path).await)["user"]["_id"], json!(id));
    let made = success(rocket.post(&rocket.admin, "im.create", json!({"username": id})).await);
    let rid = text(&made["room"]["rid"]);
    // A room whose id is the same text, which another door made.
    group(&rocket.app, id, &[id, "boss"]).await;
    let mut ddp = Ddp::enter(server, &user).await;
    for room in [rid.as_str(), id] {
        let key = format!("{room}/typing");
        ddp.subscribe("stream-room-messages", json!([room, false])).await;
        ddp.subscribe("stream-notify-room", json!([key, false])).await;
        let body = json!({"message": {"rid": room, "msg": "hi"}});
        success(rocket.post(&login, "chat.sendMessage", body).await);
        let heard = ddp.event("stream-room-messages", room).await;
        assert_eq!((&heard[0]["rid"], &heard[0]["u"]["_id"]), (&json!(room), &json!(id)));
        let loaded = ddp.call("loadHistory", json!([room])).await;
        assert_eq!(loaded["messages"][0]["msg"], "hi");
        ddp.call("stream-notify-room", json!([key, id, true])).await;
        let path = format!("rooms.info?roomId={}", segment(room));
        assert_eq!(success(rocket.get(&login, &path).await)["room"]["_id"], json!(room));
    }
    let path = format!("groups.members?roomId={}", segment(id));
    let members = success(rocket.get(&login, &path).await)["members"].clone();
    assert!(members.to_string().contains(&json!(id).to_string()), "{members}");
}

#[tokio::test]
async fn rocketchat_takes_every_id() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    for id in ids() {
        rocketchat_user(&server, &rocket, &id).await;
    }
    let admin = &rocket.admin;
    let made = success(rocket.post(admin, "groups.create", json!({"name": "g"})).await);
    let rid = text(&made["group"]["_id"]);
    for id in bad_ids() {
        let body = json!({
            "username": id, "name": "x", "email": "x@shop.example", "password": "password-1",
        });
        let answer = rocket.post(admin, "users.create", body).await;
        refused(answer, 400, "error-invalid-username");
        let body = json!({"message": {"rid": id, "msg": "x"}});
        refused(rocket.post(admin, "chat.sendMessage", body).await, 400, "error-room-not-found");
        let path = format!("groups.info?roomId={}", segment(&id));
        refused(rocket.get(admin, &path).await, 400, "error-room-not-found");
        let body = json!({"roomId": rid, "username": id});
        refused(rocket.post(admin, "groups.invite", body).await, 400, "error-invalid-user");
    }
    // A message's `_id` has printable ASCII, up to 61 of it.
    for (id, taken) in [
        ("a/b:c?d".to_owned(), true),
        ("x".repeat(61), true),
        ("x".repeat(62), false),
        ("two words".to_owned(), false),
        ("語".to_owned(), false),
    ] {
        let body = json!({"message": {"_id": id, "rid": rid, "msg": "x"}});
        let answer = rocket.post(admin, "chat.sendMessage", body).await;
        if taken {
            assert_eq!(success(answer)["message"]["_id"], json!(id));
            let path = format!("chat.getMessage?msgId={}", segment(&id));
            assert_eq!(success(rocket.get(admin, &path).await)["message"]["msg"], "x");
        } else {
            refused(answer, 400, "error-invalid-id");
        }
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_takes_every_id() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::beside(&server, server.app().await).await;
    for id in ids() {
        let token = imkit.token(&id).await;
        let body = json!({"_id": id, "name": "n"});
        let made = result(imkit.user(&token, "POST", "/rooms/createAndJoin", body).await);
        assert_eq!(made["_id"], json!(id));
        let path = format!("/rooms/{}", segment(&id));
        let mut line = Line::enter(&imkit, &token).await;
        let event = json!(["chat message", {"room": id, "message": "by socket"}]);
        assert_eq!(line.call(&event).await["result"]["room"], json!(id));
        let heard = line.event("chat message").await;
        assert_eq!((&heard["room"], &heard["sender"]["_id"]), (&json!(id), &json!(id)));
        let message = format!("{path}/message");
        let sent = imkit.user(&token, "POST", &message, json!({"message": "by REST"})).await;
        assert_eq!(result(sent)["sender"]["_id"], json!(id));
        let page = imkit.user(&token, "GET", &format!("{path}/messages/v3"), Value::Null).await;
        assert_eq!(result(page)["data"].as_array().map(Vec::len), Some(2));
        let member = format!("{path}/members/{}", segment(&id));
        result(imkit.user(&token, "DELETE", &member, json!({})).await);
    }
    let token = imkit.token("ann").await;
    let mut line = Line::enter(&imkit, &token).await;
    for id in bad_ids() {
        let answer = imkit.admin("POST", "/admin/clients", json!({"_id": id})).await.is(400);
        assert_eq!(answer["error"]["code"], "INVALID_USER_ID");
        let body = json!({"_id": id, "name": "n"});
        let answer = imkit.user(&token, "POST", "/rooms/createAndJoin", body).await.is(400);
        assert_eq!(answer["error"]["code"], "INVALID_BODY");
        let path = format!("/rooms/{}", segment(&id));
        let answer = imkit.user(&token, "GET", &path, Value::Null).await.is(404);
        assert_eq!(answer["error"]["code"], "ROOM_NOT_FOUND");
        let event = json!(["chat message", {"room": id, "message": "x"}]);
        assert_eq!(line.call(&event).await["error"]["code"], "ROOM_NOT_FOUND");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn ecb_takes_every_id() {
    let ecb = Ecb::start().await;
    for id in ids() {
        ecb.site.thread_called(&id, &[&id, "bob"]);
        let user = ecb.site.user_token(&id);
        let threads = ecb.call_with(&user, "getThreads", json!({})).await.is(200);
        assert_eq!(threads["items"][0]["threadId"], json!(id));
        let token = threads["items"][0]["threadToken"].clone();
        let mut line = crate::ecb::socket::Line::enter(ecb.server.address(), &user).await;
        let got = line.ask("getThread", &json!({"threadToken": token})).await;
        assert_eq!(got["thread"]["threadId"], json!(id));
        let message = json!({"type": "text", "data": {"messageText": "words"}});
        let body = json!({"threadToken": token, "threadMessage": message});
        let sent = ecb.call_with(&user, "sendMessage", body).await.is(200);
        assert_eq!(sent["threadMessage"]["fromUserId"], json!(id));
        let told = line.event("threadMessage").await;
        assert_eq!(told["threadId"], json!(id));
        let body = json!({"contactIds": [id], "threadMessage": message});
        let made = ecb.call("ann", "createThread", body).await.is(200);
        assert!(made["thread"]["members"].to_string().contains(&json!(id).to_string()), "{made}");
    }
    for id in bad_ids() {
        let user = ecb.site.user_token(&id);
        let answer = ecb.call_with(&user, "getThreads", json!({})).await.is(401);
        assert_eq!(answer["error"]["code"], "user_token_invalid");
        let token = ecb.site.thread_token(&id, &["ann"]);
        let answer = ecb.call("ann", "getThread", json!({"threadToken": token})).await.is(403);
        assert_eq!(answer["error"]["code"], "thread_token_invalid");
        let message = json!({"type": "text", "data": {"messageText": "x"}});
        let body = json!({"contactIds": [id], "threadMessage": message});
        let answer = ecb.call("ann", "createThread", body).await.is(400);
        assert_eq!(answer["error"]["code"], "invalid_body");
    }
}
