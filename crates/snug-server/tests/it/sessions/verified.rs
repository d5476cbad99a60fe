//! The site's own token, sent by the page and checked at the app's verify URL.

use serde_json::{Value, json};
use snug_core::engine::NewAppRequest;
use snug_core::ids::AppId;
use snug_core::model::AppPolicy;
use snug_core::model::{Patch, SettingsPatch};
use snug_server::outbound::OutboundConfig;

use crate::harness::{Answer, Customer, TestApp, TestServer, text};

/// A customer that knows `good-<user>` tokens, and breaks on others as they say.
pub(crate) async fn site() -> Customer {
    Customer::start(|_, body| match body["token"].as_str().unwrap_or("") {
        "unwell" => (500, "oops".to_owned()),
        "moved" => (302, String::new()),
        "html" => (200, "<html>".to_owned()),
        "nameless" => (200, "{}".to_owned()),
        "number" => (200, json!({"id": 42}).to_string()),
        "huge" => (200, json!({"id": "x", "more": "y".repeat(100_000)}).to_string()),
        token => match token.strip_prefix("good-") {
            Some(user) => {
                let avatar = format!("https://site.example/{user}.png");
                (200, json!({"id": user, "nickname": "Mei", "avatarUrl": avatar}).to_string())
            }
            None => (401, "{}".to_owned()),
        },
    })
    .await
}

pub(crate) async fn set(server: &TestServer, app: &TestApp, patch: SettingsPatch) {
    let id = AppId::new(&app.id).expect("an id");
    let set = server.server().app().engine.update_settings(&id, patch).await;
    set.expect("the settings are taken");
}

pub(crate) async fn verify_at(server: &TestServer, app: &TestApp, url: &str) {
    let patch = SettingsPatch { verify_url: Patch::Set(url.to_owned()), ..Default::default() };
    set(server, app, patch).await;
}

async fn open(app: &TestApp, token: &str) -> Answer {
    let body = json!({"app": app.id, "token": token, "device": "phone"});
    app.api("POST", "/v1/sessions", body, "none").await
}

/// Two steps of the page: its own token in, a session out.
pub(crate) async fn a_page_comes_in(server: &TestServer, app: &TestApp) {
    let site = site().await;
    verify_at(server, app, &site.url("/verify")).await;
    let opened = open(app, "good-mei").await.is(201);
    assert_eq!((&opened["user"], &opened["device"]), (&json!("mei"), &json!("phone")));
    let me = app.api("GET", "/v1/me", Value::Null, &text(&opened["token"])).await.is(200);
    assert_eq!(me["user"]["name"], "Mei");
    assert_eq!(me["user"]["avatar"], "https://site.example/mei.png");
    assert_eq!(site.asked(), [json!({"token": "good-mei"})]);
    // Nothing is remembered: the next is asked about again, and replaces the device's session.
    let again = open(app, "good-mei").await.is(201);
    assert_eq!(site.asked().len(), 2);
    let ended = app.api("GET", "/v1/me", Value::Null, &text(&opened["token"])).await;
    ended.refused(401, "session_closed");
    app.api("GET", "/v1/me", Value::Null, &text(&again["token"])).await.is(200);
    assert_eq!(open(app, "number").await.is(201)["user"], "42");
    // The site's token itself opens no door.
    app.api("GET", "/v1/me", Value::Null, "good-mei").await.refused(401, "token_invalid");
}

#[tokio::test]
async fn what_the_site_refuses_or_garbles() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    open(&app, "good-mei").await.refused(409, "not_set_up");
    let site = site().await;
    verify_at(&server, &app, &site.url("/verify")).await;
    open(&app, "bad").await.refused(401, "verify_failed");
    for broken in ["unwell", "moved", "html", "nameless", "huge"] {
        let answer = open(&app, broken).await;
        assert_eq!(answer.header("retry-after"), Some("2"), "{broken}");
        answer.refused(503, "verify_unreachable");
    }
    let asked = site.asked().len();
    open(&app, "").await.refused(422, "missing_field");
    open(&app, &app.key).await.refused(403, "server_key_in_browser");
    open(&app, &"x".repeat(5_000)).await.refused(413, "too_large");
    let nowhere = json!({"app": "app_zzzzzzzzzzzzzzzzzzzz", "token": "good-mei"});
    app.api("POST", "/v1/sessions", nowhere, "none").await.refused(404, "app_not_found");
    let no_app = json!({"token": "good-mei"});
    app.api("POST", "/v1/sessions", no_app, "none").await.refused(422, "missing_field");
    assert_eq!(site.asked().len(), asked, "none of these is the site's business");
    app.backend("PUT", "users/mei", json!({})).await.ok();
    app.backend("POST", "users/mei/deactivate", Value::Null).await.is(200);
    open(&app, "good-mei").await.refused(403, "user_deactivated");
    drop(site);
    open(&app, "good-ann").await.refused(503, "verify_unreachable");
}

#[tokio::test]
async fn only_pages_of_the_app_may_ask() {
    let server = TestServer::sqlite().await;
    let request = NewAppRequest {
        name: "Shop".to_owned(),
        policy: AppPolicy::Open,
        development: false,
        origins: vec!["https://shop.example".to_owned()],
    };
    let app = server.app_as(request).await;
    let site = site().await;
    verify_at(&server, &app, &site.url("/verify")).await;
    let from = |origin: &str| {
        let body = json!({"app": app.id, "token": "good-mei"});
        app.request("POST", "/v1/sessions").header("Origin", origin).json(body).send()
    };
    let answer = from("https://shop.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.is(201)["device"], "default");
    from("https://other.example").await.refused(403, "origin_refused");
    assert_eq!(site.asked().len(), 1);
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_it_is_allowed() {
    let server = TestServer::calling(OutboundConfig::default()).await;
    let app = server.app().await;
    let site = site().await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/verify", site.address.port());
        verify_at(&server, &app, &url).await;
        open(&app, "good-mei").await.refused(503, "verify_unreachable");
    }
    assert_eq!(site.asked(), [Value::Null; 0]);
    let id = AppId::new(&app.id).expect("an id");
    for url in ["ftp://a.example/", "http://2130706433/", "https://u:p@a.example/", "verify"] {
        let patch = SettingsPatch { verify_url: Patch::Set(url.into()), ..Default::default() };
        let set = server.server().app().engine.update_settings(&id, patch).await;
        let refused = set.expect_err("this is no URL to call").to_string();
        assert!(refused.starts_with("verify_url"), "{refused}");
    }
}

#[tokio::test]
async fn one_address_does_not_ask_without_end() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let mut refused = 0;
    for _ in 0..=snug_core::limits::VERIFY_BURST + 50 {
        if open(&app, "any").await.status == 429 {
            refused += 1;
        }
    }
    assert!(refused > 0, "more than the burst was let through");
    open(&other, "any").await.refused(409, "not_set_up");
}
