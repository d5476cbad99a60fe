//! A text with a format through the real doors: what carries it, what an edit and a forward make of
//! it, and where only its words are shown.

use serde_json::{Value, json};

use crate::bridge::site::{Site, locked};
use crate::harness::{TestServer, on_both, segment};

#[tokio::test]
async fn the_format_goes_with_the_text() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let ann = app.page("ann").await;
        let token = app.page("ben").await.opened.token;
        let (mut open, mut closed) = (app.socket(&token).await, app.socket(&token).await);
        open.request("room.open", json!({"room": room})).await;
        let messages = format!("rooms/{room}/messages");
        let body = json!({"id": "m", "text": "**bold** [a](https://x.example)",
            "format": "markdown"});
        let sent = ann.post(&messages, body.clone()).await.is(201);
        assert_eq!((&sent["text"], &sent["format"]), (&body["text"], &json!("markdown")));
        assert_eq!(open.event("message.new").await["message"], sent);
        let head = closed.event_where("room.head", |head| head["seq"] == sent["seq"]).await;
        assert_eq!(head["preview"]["text"], "bold a");

        // Part of the payload: a repeat is one with it only.
        assert_eq!(ann.post(&messages, body).await.is(200), sent);
        let bare = json!({"id": "m", "text": "**bold** [a](https://x.example)"});
        ann.post(&messages, bare).await.refused(409, "message_id_conflict");

        // Passed on with its words.
        let forward = json!({"forward": {"room": room, "id": "m"}});
        let passed = ann.post(&messages, forward).await.is(201);
        assert_eq!((&passed["text"], &passed["format"]), (&sent["text"], &json!("markdown")));

        // An edit says it anew, and one of other things leaves it.
        let path = format!("{messages}/m");
        let edit = async |body: Value| ann.call("PATCH", &path, body).await.is(200);
        let kept = edit(json!({"custom": {"a": 1}})).await;
        assert_eq!(kept["format"], "markdown");
        let plain = edit(json!({"text": "**stars**"})).await;
        assert_eq!((&plain["text"], &plain["format"]), (&json!("**stars**"), &Value::Null));
        let marked = edit(json!({"text": "**stars**", "format": "markdown"})).await;
        assert_eq!((&marked["text"], &marked["format"]), (&plain["text"], &json!("markdown")));
        let versions = ann.get(&format!("{path}/versions")).await.is(200);
        let formats: Vec<&Value> = versions["versions"]
            .as_array()
            .expect("versions")
            .iter()
            .map(|version| &version["format"])
            .collect();
        assert_eq!(formats, [&Value::Null, &json!("markdown"), &json!("markdown")]);
        let history = ann.get(&messages).await.is(200);
        let found = history["messages"].as_array().expect("messages");
        let found = found.iter().find(|message| message["id"] == "m").expect("it is there");
        assert_eq!(found, &marked);
    })
    .await;
}

/// The backend that keeps the words keeps the format beside them, or it is plain.
#[tokio::test]
async fn a_bridged_apps_backend_has_it() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let ann = app.page("ann").await;
    let first = json!({"id": "m1", "text": "*one*", "format": "markdown"});
    let made = json!({"kind": "direct", "user": "bob", "message": first});
    let room = ann.post("rooms", made).await.is(201)["id"].take();
    let messages = format!("rooms/{}/messages", segment(room.as_str().expect("an id")));
    let body = json!({"id": "m2", "text": "**two**", "format": "markdown"});
    let sent = ann.post(&messages, body.clone()).await.is(201);
    assert_eq!(sent["format"], "markdown");
    assert_eq!(ann.post(&messages, body).await.is(200), sent);
    let calls = locked(&site.kept).calls.clone();
    let call = calls.iter().rfind(|(path, _)| path.ends_with("addThreadMessage"));
    let data = &call.expect("it was called").1["threadMessage"]["data"];
    assert_eq!(*data, json!({"messageText": "**two**", "format": "markdown"}));
    let read = ann.get(&messages).await.is(200);
    let formats = |page: &Value| -> Vec<Value> {
        let all = page["messages"].as_array().expect("messages");
        all.iter().map(|message| message["format"].clone()).collect()
    };
    assert_eq!(formats(&read), [json!("markdown"), json!("markdown")], "{read}");
    let list = ann.get("rooms").await.is(200);
    assert_eq!(list["rooms"][0]["preview"]["text"], "two");
}

#[tokio::test]
async fn a_format_needs_a_text_and_a_known_name() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann"]).await;
    let ann = app.page("ann").await;
    let messages = format!("rooms/{room}/messages");
    ann.post(&messages, json!({"id": "m", "text": "a"})).await.is(201);
    for (body, code, field) in [
        (json!({"text": "a", "format": "html"}), "invalid_field", "format"),
        (json!({"custom": {}, "format": "markdown"}), "missing_field", "text"),
        (
            json!({"forward": {"room": room, "id": "m"}, "format": "markdown"}),
            "invalid_field",
            "forward",
        ),
    ] {
        let refused = ann.post(&messages, body).await.refused(422, code);
        assert_eq!(refused["field"], field);
    }
    let body = json!({"format": "markdown", "custom": {}});
    let refused = ann.call("PATCH", &format!("{messages}/m"), body).await;
    assert_eq!(refused.refused(422, "missing_field")["field"], "text");
}
