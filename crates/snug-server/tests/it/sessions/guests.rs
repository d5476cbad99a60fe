//! People whom nobody knows, where an app takes them.

use serde_json::{Value, json};
use snug_core::model::SettingsPatch;

use super::verified::set;
use crate::harness::{Answer, TestApp, TestServer, text};

const SHOP: &str = "https://shop.example";

async fn shop(server: &TestServer) -> TestApp {
    let request = snug_core::engine::NewAppRequest {
        name: "Shop".to_owned(),
        policy: snug_core::model::AppPolicy::Open,
        development: false,
        origins: vec![SHOP.to_owned()],
    };
    server.app_as(request).await
}

async fn take_guests(server: &TestServer, app: &TestApp) {
    set(server, app, SettingsPatch { guests: Some(true), ..SettingsPatch::default() }).await;
}

async fn come(app: &TestApp, origin: Option<&str>, more: Value) -> Answer {
    let mut body = json!({"app": app.id, "guest": true, "device": "web"});
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let request = app.request("POST", "/v1/sessions").json(body);
    match origin {
        Some(origin) => request.header("Origin", origin).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn each_guest_is_a_user_of_his_own() {
    let server = TestServer::sqlite().await;
    let app = shop(&server).await;
    come(&app, Some(SHOP), json!({})).await.refused(409, "not_set_up");
    take_guests(&server, &app).await;
    let first = come(&app, Some(SHOP), json!({"name": "Visitor"})).await.is(201);
    let second = come(&app, Some(SHOP), json!({})).await.is(201);
    let user = text(&first["user"]);
    assert!(user.starts_with("guest_") && user.len() == 32, "{user}");
    assert_ne!(first["user"], second["user"]);
    let me = app.api("GET", "/v1/me", Value::Null, &text(&first["token"])).await.is(200);
    assert_eq!((&me["user"]["name"], &me["policy"]), (&json!("Visitor"), &json!("open")));
    // He is a user as any other: he writes to somebody, and the backend can send him away.
    app.backend_ok("PUT", "users/seller", json!({})).await;
    let room = json!({"kind": "direct", "user": "seller", "message": {"text": "Hello?"}});
    app.api("POST", "/v1/rooms", room, &text(&first["token"])).await.is(201);
    let gone = app.backend_ok("POST", "sessions/revoke", json!({"user": user})).await;
    assert_eq!(gone["closed"], 1);
    let ended = app.api("GET", "/v1/me", Value::Null, &text(&first["token"])).await;
    ended.refused(401, "session_closed");
}

#[tokio::test]
async fn only_pages_of_an_app_that_takes_guests() {
    let server = TestServer::sqlite().await;
    let (app, other) = (shop(&server).await, shop(&server).await);
    take_guests(&server, &app).await;
    come(&app, Some("https://evil.example"), json!({})).await.refused(403, "origin_refused");
    // A page of the server's own, or one whose name was made to lead here.
    let own = format!("http://{}", app.address);
    come(&app, Some(&own), json!({})).await.refused(403, "origin_refused");
    come(&app, None, json!({})).await.refused_at(422, "missing_field", "Origin");
    come(&other, Some(SHOP), json!({})).await.refused(409, "not_set_up");
    come(&app, Some(SHOP), json!({"token": "x"})).await.refused_at(422, "invalid_field", "guest");
    come(&app, Some(SHOP), json!({"guest": false})).await.refused_at(422, "missing_field", "token");
    let long = "x".repeat(5_000);
    come(&app, Some(SHOP), json!({"name": long})).await.refused(413, "too_large");
}

#[tokio::test]
async fn one_address_brings_no_crowd() {
    let server = TestServer::sqlite().await;
    let (app, other) = (shop(&server).await, shop(&server).await);
    take_guests(&server, &app).await;
    take_guests(&server, &other).await;
    // Who is refused anyway takes nothing from the bound.
    for _ in 0..snug_core::limits::GUESTS_BURST * 2 {
        come(&app, Some("https://evil.example"), json!({})).await.refused(403, "origin_refused");
    }
    let mut refused = 0;
    for _ in 0..snug_core::limits::GUESTS_BURST + 20 {
        let answer = come(&app, Some(SHOP), json!({})).await;
        if answer.status == 429 {
            refused += 1;
        } else {
            answer.is(201);
        }
    }
    assert!(refused > 0, "more than the burst was let in");
    come(&other, Some(SHOP), json!({})).await.is(201);
}

#[tokio::test]
async fn other_systems_wires_take_no_guests() {
    let server = TestServer::sqlite().await;
    let app = shop(&server).await;
    take_guests(&server, &app).await;
    let guest = come(&app, Some(SHOP), json!({})).await.is(201);
    let token = text(&guest["token"]);
    let engine = &server.server().app().engine;
    let id = snug_core::ids::AppId::new(&app.id).expect("an id");
    snug_dialects::rocketchat::enable(engine, &id, Some(false)).await.expect("it is on");
    let keys = snug_dialects::imkit::enable(engine, &id).await.expect("it is on");
    let users = app.request("GET", "/api/v1/users.list").header("X-Auth-Token", &token);
    assert_eq!(users.header("X-User-Id", &text(&guest["user"])).send().await.status, 401);
    let me = app.request("GET", "/me").header("IM-CLIENT-KEY", &keys.client_key);
    assert_eq!(me.header("IM-Authorization", &token).send().await.status, 401);
    // Somebody who is known comes in by both.
    let ann = app.open_session("ann").await.token;
    let users = app.request("GET", "/api/v1/users.list").header("X-Auth-Token", &ann);
    assert_eq!(users.header("X-User-Id", "ann").send().await.status, 200);
    let me = app.request("GET", "/me").header("IM-CLIENT-KEY", &keys.client_key);
    assert_eq!(me.header("IM-Authorization", &ann).send().await.status, 200);
}
