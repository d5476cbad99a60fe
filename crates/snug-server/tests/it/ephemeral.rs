//! Words for who is there, kept nowhere, through the real doors: who hears them and who does not,
//! what stays behind, and what is refused.

use serde_json::{Value, json};

use crate::before_send::endpoint::{Asked, Endpoint, Reply};
use crate::before_send::moderates;
use crate::bridge::site::Site;
use crate::harness::{Answer, Page, TestApp, TestServer, on_both, segment};

async fn say(page: &Page, room: &str, text: &str) -> Answer {
    page.post(&format!("rooms/{}/ephemeral", segment(room)), json!({"text": text})).await
}

/// Reached by the rest tests, which hold that every route was answered.
pub(crate) async fn by_both_doors(app: &TestApp) {
    let room = app.group(&["ann", "ben"]).await;
    let page = app.page("ann").await;
    let card = json!({"card": {"title": "Bicycle"}, "custom": {"a": 1}});
    let said = page.post(&format!("rooms/{room}/ephemeral"), card).await.is(200);
    assert_eq!(said["id"].as_str().map(str::len), Some(26), "{said}");
    let body = json!({"text": "Only you.", "to": ["ann", "nobody", "ann"]});
    app.backend("POST", &format!("rooms/{room}/ephemeral"), body).await.is(200);
}

#[tokio::test]
async fn who_has_the_room_open_hears_it_and_nothing_is_kept() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben", "cem"]).await;
        let page = app.page("ann").await;
        let mut ann = app.socket(&page.opened.token).await;
        let ((_, mut ben), (_, mut cem)) = (app.enter("ben").await, app.enter("cem").await);
        for socket in [&mut ann, &mut ben] {
            socket.request("room.open", json!({"room": room})).await;
        }
        let before = page.get(&format!("rooms/{room}")).await.is(200);
        let body = json!({"text": "**now**", "format": "markdown", "custom": {"b": 1, "a": [2]}});
        let data = json!({"room": room, "text": "**now**", "format": "markdown",
            "custom": {"b": 1, "a": [2]}});
        let mut ids = Vec::new();
        ids.push(ann.request("message.ephemeral", data).await["id"].take());
        let by_rest = page.post(&format!("rooms/{room}/ephemeral"), body).await.is(200);
        ids.push(by_rest["id"].clone());
        assert_ne!(ids[0], ids[1], "the same again is said again");
        for id in ids {
            for socket in [&mut ann, &mut ben] {
                let mut heard = socket.event("message.ephemeral").await;
                let at = heard["created_at"].take();
                assert!(at.as_str().is_some_and(|at| at.ends_with('Z')), "{at}");
                let expected = json!({"room": room, "id": id, "sender": "ann", "kind": "text",
                    "text": "**now**", "format": "markdown", "custom": {"b": 1, "a": [2]},
                    "created_at": null});
                assert_eq!(heard, expected);
            }
        }
        // Neither a place nor a rev, no preview, no unread, no word in the history.
        assert_eq!(page.get(&format!("rooms/{room}")).await.is(200), before);
        let history = page.get(&format!("rooms/{room}/messages")).await.is(200);
        let all = history["messages"].as_array().expect("messages");
        assert!(all.iter().all(|message| message["kind"] == "system"), "{history}");
        assert!(cem.drain().await.iter().all(|(name, _)| name != "message.ephemeral"));
    })
    .await;
}

#[tokio::test]
async fn only_those_it_is_for_hear_what_is_addressed() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann", "ben"]).await;
    let channel = json!({"kind": "channel", "id": "news", "members": ["ann"]});
    app.backend_ok("POST", "rooms", channel).await;
    let ((opened, mut ann), (_, mut ben)) = (app.enter("ann").await, app.enter("ben").await);
    for place in [room.as_str(), "news"] {
        ann.request("room.open", json!({"room": place})).await;
        ben.request("room.open", json!({"room": place})).await;
    }
    let path = format!("rooms/{room}/ephemeral");
    let body = json!({"text": "Only you.", "to": ["ben", "stranger"]});
    app.backend("POST", &path, body).await.is(200);
    let heard = ben.event("message.ephemeral").await;
    assert_eq!((&heard["only_you"], &heard["kind"]), (&json!(true), &json!("system")), "{heard}");
    assert_eq!((&heard["sender"], &heard["to"]), (&Value::Null, &Value::Null));
    // Who reads a channel without being in it is no member, even when named.
    let body = json!({"text": "Members.", "sender": "ann", "to": ["ben"]});
    app.backend("POST", "rooms/news/ephemeral", body).await.is(200);
    app.backend("POST", &path, json!({"text": "All."})).await.is(200);
    let all = ben.event("message.ephemeral").await;
    assert_eq!((&all["text"], &all["only_you"]), (&json!("All."), &Value::Null));
    assert_eq!(ann.event("message.ephemeral").await, all);

    // A page addresses nobody, also over the socket, where it might be passed over.
    let addressed = json!({"text": "psst", "to": ["ben"]});
    let answer = app.api("POST", &format!("/v1/{path}"), addressed, &opened.token).await;
    assert_eq!(answer.refused(422, "invalid_field")["field"], "to");
    let data = json!({"room": room, "text": "psst", "to": ["ben"]});
    let refused = ann.refused("message.ephemeral", data, "invalid_field").await;
    assert_eq!(refused["field"], "to");
    for to in [json!([]), Value::from((0..51).collect::<Vec<u32>>())] {
        let answer = app.backend("POST", &path, json!({"text": "x", "to": to})).await;
        assert_eq!(answer.refused(422, "invalid_field")["field"], "to");
    }
}

#[tokio::test]
async fn it_is_refused_where_a_message_is() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann", "ben"]).await;
    let (ann, stranger) = (app.page("ann").await, app.page("stranger").await);
    let path = format!("rooms/{room}/ephemeral");
    say(&stranger, &room, "hi").await.refused(403, "not_a_member");
    say(&ann, "nowhere", "hi").await.refused(404, "room_not_found");
    for (body, status, code) in [
        (json!({}), 422, "missing_field"),
        (json!({"text": ""}), 422, "invalid_field"),
        (json!({"text": "x".repeat(16_385)}), 413, "too_large"),
        (json!({"kind": "system", "text": "x"}), 422, "invalid_field"),
        (json!({"card": {}}), 422, "missing_field"),
        (json!({"card": {"title": "x"}, "format": "markdown"}), 422, "missing_field"),
        (json!({"text": "x", "format": "html"}), 422, "invalid_field"),
        // Each within its bound, and together more than one event takes.
        (json!({"text": "\u{1}".repeat(10_000)}), 413, "too_large"),
    ] {
        ann.post(&path, body).await.refused(status, code);
    }
    for (state, code) in [("frozen", "room_frozen"), ("archived", "room_archived")] {
        app.backend("PATCH", &format!("rooms/{room}"), json!({ state: true })).await.is(200);
        say(&ann, &room, "hi").await.refused(403, code);
        let answer = app.backend("POST", &path, json!({"text": "hi"})).await;
        if state == "archived" {
            answer.refused(403, code);
        } else {
            answer.is(200);
        }
        app.backend("PATCH", &format!("rooms/{room}"), json!({ state: false })).await.is(200);
    }
}

/// The words are the hook's to change and refuse, as those that are kept; the backend's own are not.
#[tokio::test]
async fn the_hook_is_asked() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(moderates).await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let room = app.group(&["ann", "ben"]).await;
    let (ann, (_, mut ben)) = (app.page("ann").await, app.enter("ben").await);
    ben.request("room.open", json!({"room": room})).await;
    say(&ann, &room, "damn good").await.is(200);
    assert_eq!(ben.event("message.ephemeral").await["text"], "d*** good");
    say(&ann, &room, "refuse this").await.refused(403, "message_refused");
    let body = json!({"text": "refuse this"});
    app.backend("POST", &format!("rooms/{room}/ephemeral"), body).await.is(200);
    assert_eq!(ben.event("message.ephemeral").await["text"], "refuse this");
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 2);
    let message = asked[0].message();
    assert_eq!((&message["ephemeral"], &message["seq"]), (&json!(true), &Value::Null), "{message}");
}

/// Who is removed while the hook is asked says nothing any more.
#[tokio::test]
async fn a_removal_while_the_hook_is_asked_holds() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint =
        Endpoint::start(|_: &Asked| Reply::of(200, r#"{"action":"allow"}"#).held()).await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let room = app.group(&["ann", "ben"]).await;
    let ann = app.page("ann").await;
    let path = format!("rooms/{room}/members/ann");
    let removal = async {
        endpoint.until(1).await;
        app.backend("DELETE", &path, Value::Null).await.is(200);
        endpoint.open();
    };
    let (answer, ()) = tokio::join!(say(&ann, &room, "bye"), removal);
    answer.refused(403, "not_a_member");
}

#[tokio::test]
async fn a_bridged_app_has_none() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let ann = app.page("ann").await;
    let made = json!({"kind": "direct", "user": "bob", "message": {"id": "m1", "text": "hi"}});
    let room = ann.post("rooms", made).await.is(201)["id"].take();
    let room = room.as_str().expect("an id");
    say(&ann, room, "hi").await.refused(409, "bridge_unsupported");
}

/// Contract line 12: what is said after the removal's answer reaches the removed one no more, nor
/// what an earlier opening of the room would let through.
#[tokio::test]
async fn who_was_removed_hears_nothing_more() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, (_, mut ben)) = (app.page("ann").await, app.enter("ben").await);
        ben.request("room.open", json!({"room": room})).await;
        say(&ann, &room, "one").await.is(200);
        assert_eq!(ben.event("message.ephemeral").await["text"], "one");
        app.backend("DELETE", &format!("rooms/{room}/members/ben"), Value::Null).await.is(200);
        say(&ann, &room, "two").await.is(200);
        let body = json!({"text": "three", "to": ["ben"]});
        app.backend("POST", &format!("rooms/{room}/ephemeral"), body).await.is(200);
        ben.event("room.left").await;
        assert!(ben.drain().await.iter().all(|(name, _)| name != "message.ephemeral"));
    })
    .await;
}
