//! The same hook behind every door, and how each tells a refusal.

use serde_json::json;

use super::endpoint::{Endpoint, Reply};
use super::{moderates, texts};
use crate::harness::TestServer;
use crate::i2a::{Vendor, said};
use crate::imkit::{Imkit, result};
use crate::rocketchat::ddp::Ddp;
use crate::rocketchat::{Rocket, refused, success};

#[tokio::test]
async fn the_socket() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(moderates).await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let room = app.group(&["ann", "ben"]).await;
    let ((_, mut ann), (_, mut ben)) = (app.enter("ann").await, app.enter("ben").await);
    ben.request("room.open", json!({"room": room})).await;
    let sent = ann.request("message.send", json!({"room": room, "text": "damn"})).await;
    assert_eq!(sent["message"]["text"], "d***");
    assert_eq!(ben.event("message.new").await["message"], sent["message"]);
    // With the request's id, and the connection goes on.
    let asked = json!({"room": room, "text": "refuse"});
    let id = ann.begin("message.send", asked).await;
    let answer = ann.answer(&id).await;
    assert_eq!((&answer["id"], &answer["ok"]), (&json!(id), &json!(false)));
    let problem = &answer["error"];
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("message_refused"), &json!("Be kind."))
    );
    assert_eq!((&problem["status"], &problem["retryable"]), (&json!(403), &json!(false)));
    let sent = ann.request("message.send", json!({"room": room, "text": "fine"})).await;
    assert_eq!(sent["message"]["seq"], 2);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let rocket = Rocket::beside(&server, app.clone()).await;
    let endpoint = Endpoint::start(moderates).await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let rita = rocket.user("rita").await;
    let room = app.group(&["rita"]).await;
    let send = |id: &str, words: &str| json!({"message": {"_id": id, "rid": room, "msg": words}});
    let sent = success(rocket.post(&rita, "chat.sendMessage", send("one", "damn")).await);
    assert_eq!(sent["message"]["msg"], "d***");
    // A retry is the same message.
    let again = success(rocket.post(&rita, "chat.sendMessage", send("one", "damn")).await);
    assert_eq!(again["message"], sent["message"]);
    assert_eq!(endpoint.asked().len(), 1);
    let answer = rocket.post(&rita, "chat.sendMessage", send("two", "refuse")).await;
    assert_eq!(answer.body["error"], "Be kind. [error-app-prevented]");
    refused(answer, 400, "error-app-prevented");
    let edit = json!({"roomId": room, "msgId": "one", "text": "refuse"});
    refused(rocket.post(&rita, "chat.update", edit).await, 400, "error-app-prevented");
    let mut ddp = Ddp::enter(&server, &rita).await;
    let message = json!([{"_id": "three", "rid": room, "msg": "refuse"}]);
    let error = ddp.refused("sendMessage", message).await;
    assert_eq!(
        (&error["error"], &error["reason"]),
        (&json!("error-app-prevented"), &json!("Be kind."))
    );
    let message = json!([{"_id": "four", "rid": room, "msg": "damn"}]);
    assert_eq!(ddp.call("sendMessage", message).await["msg"], "d***");
    assert_eq!(texts(&app.page("rita").await, &room).await, ["d***", "d***"]);
    // A hook that does not answer.
    let down = Endpoint::start(|_| Reply::of(500, "")).await;
    down.set(&app, json!({"on_failure": "refuse"})).await;
    let answer = rocket.post(&rita, "chat.sendMessage", send("five", "hello")).await;
    assert!(answer.header("retry-after").is_some());
    refused(answer, 503, "error-unavailable");
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let imkit = Imkit::beside(&server, app.clone()).await;
    let endpoint = Endpoint::start(moderates).await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let token = imkit.token("imo").await;
    let room = app.group(&["imo"]).await;
    let path = format!("/rooms/{room}/message");
    let sent = result(imkit.user(&token, "POST", &path, json!({"message": "damn"})).await);
    assert_eq!(sent["message"], "d***");
    // Whatever kind the client says it is.
    let body = json!({"messageType": "poll", "message": "damn", "choices": [1]});
    let poll = result(imkit.user(&token, "POST", &path, body).await);
    assert_eq!((&poll["message"], &poll["choices"]), (&json!("d***"), &json!([1])));
    let edit = json!({"_id": poll["_id"], "choices": [2]});
    let edited = result(imkit.user(&token, "POST", &path, edit).await);
    assert_eq!((&edited["message"], &edited["choices"]), (&json!("d***"), &json!([2])));
    let refused = imkit.user(&token, "POST", &path, json!({"message": "refuse"})).await.is(403);
    let error = json!({"code": "PERMISSION_DENIED", "message": "Be kind."});
    assert_eq!((&refused["RC"], &refused["error"]), (&json!(403), &error));
    // An edit of an allowed one.
    let edit = json!({"_id": sent["_id"], "message": "refuse"});
    imkit.user(&token, "POST", &path, edit).await.is(403);
    // The backend's own goes through.
    let own = json!({"room": room, "sender": "imo", "message": "refuse nothing"});
    result(imkit.admin("POST", "/messages", own).await);
    assert_eq!(texts(&app.page("imo").await, &room).await, ["d***", "d***", "refuse nothing"]);
    assert!(server.stop().await);
}

#[tokio::test]
async fn i2a() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let vendor = Vendor::beside(&server, app.clone()).await;
    let endpoint = Endpoint::start(moderates).await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let room = app.group(&["ida"]).await;
    let mut ida = vendor.enter("ida").await;
    let named = format!("{room}:{}", app.id);
    let error = ida.refused(said(&named, "refuse"), 10_008).await;
    assert!(error.to_string().contains("Be kind."), "{error}");
    ida.say(said(&named, "damn")).await;
    let told = ida.next("ROUTABLE").await;
    assert!(told.to_string().contains("d***"), "{told}");
    assert_eq!(texts(&app.page("ida").await, &room).await, ["d***"]);
    assert!(server.stop().await);
}
