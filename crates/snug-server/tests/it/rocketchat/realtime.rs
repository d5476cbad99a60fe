//! DDP: its bounds, and what a connection hears after its session or its user changed.

use std::sync::Arc;

use serde_json::json;
use snug_core::limits;

use super::ddp::Ddp;
use super::{Rocket, success};
use crate::harness::{Backend, TestClock, TestServer, text};

#[tokio::test]
async fn rocketchat_ddp_bounds_what_a_connection_asks() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let mut ddp = Ddp::enter(&server, &ann).await;
    let long = "x".repeat(limits::ROCKETCHAT_KEY_BYTES_MAX + 1);
    for (id, key) in [(long.as_str(), "x"), ("s", long.as_str())] {
        let sub = json!({"msg": "sub", "id": id, "name": "stream-notify-all", "params": [key]});
        ddp.say(sub).await;
        let answer = ddp.frame("nosub", |one| one["id"] == *id).await;
        assert_eq!(
            (&answer["msg"], &answer["error"]["error"]),
            (&json!("nosub"), &json!("error-invalid-params"))
        );
    }
    // Frames of every kind count against the session's rate.
    let all = limits::REST_REQUESTS_BURST * 2;
    for at in 0..all {
        ddp.say(json!({"msg": "ping", "id": at.to_string()})).await;
    }
    let mut refused = 0;
    for _ in 0..all {
        let answer = ddp.frame("an answer", |one| one["msg"] == "pong" || one["msg"] == "error");
        refused += u32::from(answer.await["msg"] == "error");
    }
    assert!(refused > 0, "all of {all} pings were answered");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_tells_typing_once_a_second() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let (mut ann, mut bob) = (Ddp::enter(&server, &ann).await, Ddp::enter(&server, &bob).await);
    let made = ann.call("createDirectMessage", json!(["bob"])).await;
    let rid = text(&made["rid"]);
    let key = format!("{rid}/typing");
    bob.subscribe("stream-notify-room", json!([key, false])).await;
    bob.subscribe("stream-room-messages", json!([rid, false])).await;
    for _ in 0..5 {
        ann.call("stream-notify-room", json!([key, "ann", true])).await;
    }
    ann.call("stream-notify-room", json!([key, "ann", false])).await;
    ann.call("stream-notify-room", json!([key, "ann", false])).await;
    ann.call("sendMessage", json!([{"rid": rid, "msg": "done"}])).await;
    let mut told = Vec::new();
    loop {
        let frame = bob.frame("an event", |one| one["msg"] == "changed").await;
        match frame["collection"].as_str() {
            Some("stream-room-messages") => break,
            _ => told.push(frame["fields"]["args"].clone()),
        }
    }
    assert_eq!(told, [json!(["ann", true]), json!(["ann", false])]);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_notifies_of_new_messages_only() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let (mut ann, mut bob) = (Ddp::enter(&server, &ann).await, Ddp::enter(&server, &bob).await);
    let rid = text(&ann.call("createDirectMessage", json!(["bob"])).await["rid"]);
    let notes = "bob/notification";
    bob.subscribe("stream-notify-user", json!([notes, false])).await;
    bob.subscribe("stream-notify-user", json!(["bob/rooms-changed", false])).await;
    ann.call("sendMessage", json!([{"_id": "m", "rid": rid, "msg": "first"}])).await;
    let note = bob.event("stream-notify-user", notes).await;
    assert_eq!(note[0]["text"], "first");
    // A reaction and its end leave the message as it was, and are no news to be rung for.
    for on in [true, false] {
        ann.call("setReaction", json!([":wave:", "m", on])).await;
    }
    // Who shows the last message must hear that it changed.
    ann.call("updateMessage", json!([{"_id": "m", "rid": rid, "msg": "edited"}])).await;
    loop {
        let changed = bob.event("stream-notify-user", "bob/rooms-changed").await;
        if changed[1]["lastMessage"]["msg"] == "edited" {
            break;
        }
    }
    ann.call("sendMessage", json!([{"rid": rid, "msg": "second"}])).await;
    let note = bob.event("stream-notify-user", notes).await;
    assert_eq!(note[0]["text"], "second", "nothing between");
    assert!(server.stop().await);
}

/// What Bob deleted for himself natively comes back by no change of anybody's.
#[tokio::test]
async fn rocketchat_ddp_keeps_what_was_deleted_for_oneself_deleted() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let login = rocket.user("bob").await;
    let rid = rocket.app.group(&["ann", "bob"]).await;
    let mut line = Ddp::enter(&server, &login).await;
    let gone = format!("{rid}/deleteMessage");
    line.subscribe("stream-room-messages", json!([rid, false])).await;
    line.subscribe("stream-notify-room", json!([gone, false])).await;
    line.subscribe("stream-notify-user", json!(["bob/rooms-changed", false])).await;
    let (ann, bob) = (rocket.app.page("ann").await, rocket.app.page("bob").await);
    let messages = format!("rooms/{rid}/messages");
    let mut ids = Vec::new();
    for id in ["old", "kept", "newest"] {
        ann.post(&messages, json!({"id": id, "text": id})).await.is(201);
        let told = line.event("stream-room-messages", &rid).await;
        assert_eq!(told[0]["msg"], id);
        ids.push(told[0]["_id"].clone());
    }
    for id in ["old", "newest"] {
        let own = format!("{messages}/{id}/own");
        bob.call("PATCH", &own, json!({"deleted": true})).await.is(200);
    }
    for (at, id) in ["old", "kept", "newest"].into_iter().enumerate() {
        ann.call("PATCH", &format!("{messages}/{id}"), json!({"text": "again"})).await.is(200);
        if id == "kept" {
            // Nothing of the one before.
            let told = line.event("stream-room-messages", &rid).await;
            assert_eq!((&told[0]["_id"], &told[0]["msg"]), (&ids[at], &json!("again")));
        } else {
            assert_eq!(line.event("stream-notify-room", &gone).await[0]["_id"], ids[at]);
        }
    }
    rocket.app.backend_ok("PATCH", &format!("rooms/{rid}"), json!({"name": "New"})).await;
    loop {
        let changed = line.event("stream-notify-user", "bob/rooms-changed").await;
        if changed[1]["fname"] == "New" {
            assert_eq!(changed[1]["lastMessage"]["msg"], "");
            break;
        }
    }
    line.silent("stream-room-messages").await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_asks_anew_for_its_streams_after_another_log_in() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let body = json!({"name": "secret"});
    let group = text(&success(rocket.post(&ann, "groups.create", body).await)["group"]["_id"]);
    let body = json!({"name": "open"});
    let open =
        text(&success(rocket.post(&rocket.admin, "channels.create", body).await)["channel"]["_id"]);
    let mut ddp = Ddp::enter(&server, &ann).await;
    ddp.subscribe("stream-room-messages", json!([group])).await;
    ddp.subscribe("stream-room-messages", json!([open])).await;
    ddp.subscribe("stream-notify-user", json!(["ann/rooms-changed"])).await;
    ddp.call("login", json!([{"resume": bob.token}])).await;
    for id in [
        format!("stream-room-messages [\"{group}\"]"),
        "stream-notify-user [\"ann/rooms-changed\"]".to_owned(),
    ] {
        let ended = ddp.frame("nosub", |one| one["msg"] == "nosub" && one["id"] == *id).await;
        assert_eq!(ended["error"]["error"], "error-not-allowed");
    }
    // The channel goes on for its new reader, who is no member of it.
    for rid in [&group, &open] {
        let body = json!({"message": {"rid": rid, "msg": "x"}});
        let sender = if *rid == group { &ann } else { &rocket.admin };
        success(rocket.post(sender, "chat.sendMessage", body).await);
    }
    let frame = ddp.frame("a message", |one| one["collection"] == "stream-room-messages").await;
    assert_eq!(frame["fields"]["args"][0]["rid"], json!(open));
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_ends_with_its_session_s_life() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let life = 90 * 24 * 3_600;
    clock.pass(life - 5);
    let mut ddp = Ddp::enter(&server, &ann).await;
    // Nobody says anything: the time itself ends it.
    assert_eq!(ddp.closed_because().await, "Expired");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_strangers_have_places() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let app = server.server().app();
    // All but one are taken.
    let mut taken: Vec<_> = (1..limits::UNAUTHENTICATED_MAX).filter_map(|_| app.admit()).collect();
    let mut stranger = Ddp::connect(&server).await;
    assert!(app.admit().is_none(), "the stranger has the last place");
    Ddp::refused_at_the_door(&server).await;
    stranger.call("login", json!([{"resume": ann.token}])).await;
    // Known, it gives the place back, and takes one again when nobody is in.
    let place = app.admit().expect("the stranger's place");
    drop(place);
    stranger.call("logout", json!([])).await;
    let answer = stranger.refused("rooms/get", json!([])).await;
    assert_eq!(answer["error"], 403);
    assert!(app.admit().is_none(), "nobody is in, which takes a place");
    taken.clear();
    assert!(server.stop().await);
}
