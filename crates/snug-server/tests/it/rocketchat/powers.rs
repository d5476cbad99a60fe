//! What nobody may forge, take or use up.

use serde_json::{Value, json};
use snug_core::limits;
use snug_core::model::AppPolicy;
use snug_dialects::rocketchat;
use snug_server::dialects::host;

use super::ddp::Ddp;
use super::{Login, Rocket, refused, success};
use crate::harness::{TestServer, text};

/// A private group of these users, the first its owner; its id.
async fn group(rocket: &Rocket, owner: &Login, name: &str, members: &[&str]) -> String {
    let body = json!({"name": name, "members": members});
    text(&success(rocket.post(owner, "groups.create", body).await)["group"]["_id"])
}

#[tokio::test]
async fn rocketchat_shows_no_forged_fields() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let id = group(&rocket, &bob, "g", &["ann"]).await;
    let forged = json!({
        "_id": "x", "rid": "x", "msg": "forged", "ts": "x", "t": "rm",
        "u": {"_id": "boss", "username": "boss"}, "alias": "Boss", "avatar": "x", "emoji": ":x:",
    });
    let native = rocket.app.page("ann").await;
    let body = json!({"text": "mine", "custom": {"rocketchat": forged}});
    native.post(&format!("rooms/{id}/messages"), body).await.ok();
    let page = success(rocket.get(&bob, &format!("groups.messages?roomId={id}")).await);
    let shown = page["messages"][0].clone();
    assert_eq!(shown["u"], json!({"_id": "ann", "username": "ann", "name": "ANN"}));
    assert_eq!((&shown["msg"], &shown["rid"]), (&json!("mine"), &json!(id)));
    for absent in ["t", "alias", "avatar", "emoji"] {
        assert!(shown.get(absent).is_none(), "{absent}: {shown}");
    }
    let path = format!("chat.getMessage?msgId={}", text(&shown["_id"]));
    assert_eq!(success(rocket.get(&ann, &path).await)["message"]["msg"], "mine");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_another_face_is_for_administrators() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let id = group(&rocket, &rocket.admin, "g", &["ann"]).await;
    for (name, value) in [("alias", "Boss"), ("avatar", "https://x.example/a"), ("emoji", ":x:")] {
        let message = json!({"rid": id, "msg": "x", name: value});
        let answer = rocket.post(&ann, "chat.sendMessage", json!({"message": message})).await;
        refused(answer, 400, "error-not-allowed");
        let body = json!({"roomId": id, "text": "x", name: value});
        let answer = rocket.post(&ann, "chat.postMessage", body.clone()).await;
        refused(answer, 400, "error-not-allowed");
        let sent = success(rocket.post(&rocket.admin, "chat.postMessage", body.clone()).await);
        assert_eq!(sent["message"][name], value);
        let path = format!("chat.getMessage?msgId={}", text(&sent["message"]["_id"]));
        assert_eq!(success(rocket.get(&ann, &path).await)["message"][name], value);
        // In a page nobody is an administrator.
        let request = rocket.request(&rocket.admin, "POST", "chat.postMessage");
        let answer = request.header("Origin", "https://shop.example").json(body).send().await;
        refused(answer, 400, "error-not-allowed");
    }
    // Clients send their fields empty; that is no other face.
    let message = json!({"rid": id, "msg": "x", "alias": ""});
    success(rocket.post(&ann, "chat.sendMessage", json!({"message": message})).await);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_message_ids_are_refused_at_the_native_doors() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let id = rocket.app.group(&["ann", "bob"]).await;
    let body = json!({"id": "rc:mine", "text": "x"});
    let page = rocket.app.page("ann").await;
    let path = format!("rooms/{id}/messages");
    page.post(&path, body.clone()).await.refused_at(422, "invalid_field", "id");
    let backend = json!({"id": "rc:mine", "text": "x", "sender": "ann"});
    let answer = rocket.app.backend("POST", &path, backend).await;
    answer.refused_at(422, "invalid_field", "id");
    let made = json!({"kind": "group", "members": ["bob"], "message": body});
    page.post("rooms", made).await.refused_at(422, "invalid_field", "id");
    let mut socket = rocket.app.socket(&page.opened.token).await;
    let send = json!({"room": id, "id": "rc:mine", "text": "x"});
    let asked = socket.begin("message.send", send).await;
    let answer = socket.answer(&asked).await;
    assert_eq!(answer["error"]["field"], "id", "{answer}");
    let history = page.get(&path).await.ok();
    assert_eq!(history["messages"], json!([]));
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_owners_delete_no_rooms_of_the_backend_s() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::under(&server, AppPolicy::BackendOnly).await;
    let ann = rocket.user("ann").await;
    let id = rocket.app.group(&["ann", "bob"]).await;
    let body = json!({"roomId": id});
    refused(rocket.post(&ann, "groups.delete", body.clone()).await, 403, "error-unauthorized");
    let mut ddp = Ddp::enter(&server, &ann).await;
    let error = ddp.refused("eraseRoom", json!([id])).await;
    assert_eq!(error["error"], "error-unauthorized");
    success(rocket.get(&ann, &format!("groups.info?roomId={id}")).await);
    success(rocket.post(&rocket.admin, "groups.delete", body).await);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_retries_hold_and_strangers_take_no_ids() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let id = group(&rocket, &ann, "g", &["bob"]).await;
    let message = |rid: &str, id: &str| json!({"message": {"rid": rid, "_id": id, "msg": "x"}});
    let first = success(rocket.post(&bob, "chat.sendMessage", message(&id, "m-1")).await);
    let body = json!({"roomId": id, "userId": "bob"});
    success(rocket.post(&ann, "groups.kick", body).await);
    // What was stored before the removal is answered again; nothing new is stored.
    let again = success(rocket.post(&bob, "chat.sendMessage", message(&id, "m-1")).await);
    assert_eq!(first["message"]["ts"], again["message"]["ts"]);
    let other = rocket.post(&bob, "chat.sendMessage", message(&id, "m-2")).await;
    refused(other, 400, "error-not-allowed");
    // Who may read a channel only, keeps no id from its members.
    let made = success(rocket.post(&ann, "channels.create", json!({"name": "c"})).await);
    let channel = text(&made["channel"]["_id"]);
    let guest = rocket.post(&bob, "chat.sendMessage", message(&channel, "m-3")).await;
    refused(guest, 400, "error-not-allowed");
    success(rocket.post(&ann, "chat.sendMessage", message(&id, "m-3")).await);
    // An administrator writes where others are, with an id too.
    let sent = rocket.post(&rocket.admin, "chat.sendMessage", message(&id, "m-4")).await;
    assert_eq!(success(sent)["message"]["u"]["_id"], "boss");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_makes_no_users() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let mut ddp = Ddp::enter(&server, &ann).await;
    for method in ["createChannel", "createPrivateGroup"] {
        let error = ddp.refused(method, json!([method, ["nobody"]])).await;
        assert_eq!(error["error"], "error-invalid-user", "{method}");
    }
    let rid = ddp.call("createChannel", json!(["c", []])).await["rid"].clone();
    let given = json!([{"rid": rid, "users": ["nobody"]}]);
    assert_eq!(ddp.refused("addUsersToRoom", given).await["error"], "error-invalid-user");
    rocket.app.backend("GET", "users/nobody", Value::Null).await.is(404);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_log_in_tries_are_bounded_apart_from_the_panel() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    rocket.user("ann").await;
    let log_in = |name: String, password: &'static str| {
        let body = json!({"user": name, "password": password});
        rocket.app.request("POST", "/api/v1/login").json(body).send()
    };
    // Names that nobody can have cost neither a hash nor a try.
    for _ in 0..limits::LOGIN_TRIES_MAX * 4 {
        log_in("x".repeat(255), "wrong").await.is(401);
    }
    log_in("ann".to_owned(), "ann-password").await.ok();
    // Blanks make no other name.
    for at in 1..limits::LOGIN_TRIES_MAX {
        let blanks = " ".repeat(usize::try_from(at).expect("a small number"));
        log_in(format!("ann@shop.example{blanks}"), "wrong").await.is(401);
    }
    log_in(" ann@shop.example".to_owned(), "wrong").await.is(401);
    log_in("ann@shop.example".to_owned(), "ann-password").await.is(429);
    // Whatever is tried here, operators log in.
    let dialect = host(server.server().app());
    let mine = Some(server.address().ip());
    for at in 0..limits::LOGIN_TRIES_MAX * 30 {
        dialect.may_try_password(mine, &format!("name {at}"));
    }
    assert!(!dialect.may_try_password(mine, "one more"));
    let body = json!({"email": "owner@shop.example", "password": "a long password"});
    let signup = server.request("POST", "/panel/api/signup").header("X-Snug-Panel", "1");
    signup.json(body.clone()).send().await.is(201);
    let login = server.request("POST", "/panel/api/login").header("X-Snug-Panel", "1");
    login.json(body).send().await.is(200);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_a_failed_users_create_leaves_nothing() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    rocket.user("ann").await;
    let create = |username: &'static str, email: &'static str, more: Value| {
        let mut body = json!({
            "name": "B", "username": username, "email": email, "password": "password-1",
        });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        rocket.post(&rocket.admin, "users.create", body)
    };
    let taken = create("bob", "ann@shop.example", json!({})).await;
    refused(taken, 400, "error-field-unavailable");
    let long = json!({"name": "x".repeat(limits::NAME_BYTES_MAX + 1)});
    refused(create("bob", "bob@shop.example", long).await, 400, "error-invalid-params");
    let huge = json!({"bio": "x".repeat(limits::CUSTOM_BYTES_MAX)});
    refused(create("bob", "bob@shop.example", huge).await, 400, "error-invalid-params");
    rocket.app.backend("GET", "users/bob", Value::Null).await.is(404);
    // The name and the address are free.
    success(create("bob", "bob@shop.example", json!({})).await);
    refused(create("bob", "b@shop.example", json!({})).await, 400, "error-field-unavailable");
    let off = json!({"active": false});
    let made = success(create("cyd", "cyd@shop.example", off).await);
    assert_eq!(made["user"]["active"], false);
    let body = json!({"user": "cyd", "password": "password-1"});
    rocket.app.request("POST", "/api/v1/login").json(body).send().await.is(401);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_other_clients_are_logged_out() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let made = rocket.post(&rocket.admin, "users.createToken", json!({"userId": "ann"})).await;
    let other = Login { user: ann.user.clone(), token: text(&success(made)["data"]["authToken"]) };
    success(rocket.get(&other, "me").await);
    let done = success(rocket.post(&ann, "users.logoutOtherClients", json!({})).await);
    assert_eq!(done["token"], json!(ann.token));
    assert!(done["tokenExpires"].is_string(), "{done}");
    rocket.get(&other, "me").await.is(401);
    success(rocket.get(&ann, "me").await);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_forgets_passwords_when_they_are_switched_off() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    rocket.user("ann").await;
    let engine = &server.server().app().engine;
    let id = snug_core::ids::AppId::new(&rocket.app.id).expect("an app's id");
    let log_in = |user: &'static str, password: String| {
        let body = json!({"user": user, "password": password});
        rocket.app.request("POST", "/api/v1/login").json(body).send()
    };
    let ann = || log_in("ann", "ann-password".to_owned());
    ann().await.ok();
    // Said again without the flag, it stays as it is, on or off.
    assert!(rocketchat::enable(engine, &id, None).await.expect("enabled").password_login);
    ann().await.ok();
    assert!(!rocketchat::enable(engine, &id, Some(false)).await.expect("enabled").password_login);
    ann().await.is(401);
    log_in("boss", rocket.password.clone()).await.ok();
    assert!(!rocketchat::enable(engine, &id, None).await.expect("enabled").password_login);
    // Nothing is left to come back.
    assert!(rocketchat::enable(engine, &id, Some(true)).await.expect("enabled").password_login);
    ann().await.is(401);
    // An administrator's name is the customer's.
    let body = json!({"name": "The Boss"});
    rocket.app.backend("PUT", "users/boss", body).await.ok();
    let host = host(server.server().app());
    rocketchat::create_admin(host.as_ref(), &id, "boss").await.expect("said again");
    assert_eq!(success(rocket.get(&rocket.admin, "me").await)["name"], "The Boss");
    assert!(server.stop().await);
}
