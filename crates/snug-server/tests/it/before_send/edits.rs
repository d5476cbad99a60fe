//! A filter that an edit could walk around is none: edits by pages are asked about, too.

use serde_json::{Value, json};

use super::endpoint::{Asked, Endpoint, Reply};
use super::{history, moderates, say_as};
use crate::harness::{TestServer, on_both};

#[tokio::test]
async fn edits_by_pages_are_asked_about() {
    on_both(async |server| {
        let app = server.app().await;
        let endpoint = Endpoint::start(moderates).await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let ann = app.page("ann").await;
        let mut socket = app.socket(&ann.opened.token).await;
        let room = app.group(&["ann", "ben"]).await;
        say_as(&ann, &room, "m-1", "hello").await.is(201);
        let path = format!("rooms/{room}/messages/m-1");
        let edited = ann.call("PATCH", &path, json!({"text": "damn"})).await.is(200);
        assert_eq!((&edited["text"], &edited["rev"]), (&json!("d***"), &json!(3)));
        let refused = ann.call("PATCH", &path, json!({"text": "refuse"})).await;
        assert_eq!(refused.refused(403, "message_refused")["detail"], "Be kind.");
        let edit = json!({"room": room, "id": "m-1", "text": "refuse"});
        socket.refused("message.edit", edit, "message_refused").await;
        assert_eq!(history(&ann, &room).await, std::slice::from_ref(&edited), "nothing moved");
        let asked = endpoint.asked();
        let question = &asked[1].body;
        assert_eq!(question["type"], "message.editing");
        let message = json!({"id": "m-1", "seq": 1, "kind": "text", "text": "damn"});
        assert_eq!(question["data"]["message"], message);
        assert_eq!(asked[2].id, asked[3].id, "one question, asked twice");
        assert_ne!(asked[1].id, asked[2].id);

        // The same edit once more comes to the same; what is so already is not asked about.
        assert_eq!(ann.call("PATCH", &path, json!({"text": "damn"})).await.is(200), edited);
        assert_eq!(endpoint.asked().len(), 5);
        assert_eq!(ann.call("PATCH", &path, json!({"text": "d***"})).await.is(200), edited);
        // Nor is what is no edit, not the author's to do, or the backend's.
        let ben = app.page("ben").await;
        ben.call("PATCH", &path, json!({"text": "mine"})).await.refused(403, "role_too_low");
        ben.call("PUT", &format!("{path}/reactions/ok"), Value::Null).await.ok();
        let server_path = format!("rooms/{room}/messages/m-1");
        app.backend_ok("PATCH", &server_path, json!({"text": "refuse nothing"})).await;
        ann.call("DELETE", &path, Value::Null).await.is(200);
        ann.call("PATCH", &path, json!({"text": "damn"})).await.refused(404, "message_not_found");
        assert_eq!(endpoint.asked().len(), 5);
    })
    .await;
}

/// The whole message is asked about, as the edit would leave it, and what neither the edit nor
/// the hook touches stays.
#[tokio::test]
async fn an_edit_of_a_part_is_asked_about_whole() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|asked: &Asked| {
        if asked.message()["custom"]["score"] == 2 {
            return Reply::change(&json!({"custom": {"score": 0}}));
        }
        Reply::allow()
    })
    .await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let (ann, room) = (app.page("ann").await, app.group(&["ann", "ben"]).await);
    let path = format!("rooms/{room}/messages");
    let sent = json!({
        "id": "m-1", "text": "words", "custom": {"score": 1}, "mentions": {"users": ["ben"]},
    });
    ann.post(&path, sent).await.is(201);
    let path = format!("{path}/m-1");
    let edited = ann.call("PATCH", &path, json!({"custom": {"score": 2}})).await.is(200);
    assert_eq!((&edited["text"], &edited["custom"]), (&json!("words"), &json!({"score": 0})));
    assert_eq!(edited["mentions"], json!({"users": ["ben"]}));
    let asked = endpoint.asked()[1].message().clone();
    assert_eq!((&asked["text"], &asked["custom"]), (&json!("words"), &json!({"score": 2})));
    assert_eq!(asked["mentions"], json!({"users": ["ben"]}));
    let edited = ann.call("PATCH", &path, json!({"mentions": null})).await.is(200);
    assert!(edited.get("mentions").is_none(), "{edited}");
    assert!(server.stop().await);
}
