//! The settings: each route, what they refuse, and the secret.

use serde_json::{Value, json};

use super::endpoint::{Endpoint, Reply};
use super::{say, texts};
use crate::bridge::site::Site;
use crate::harness::{TestApp, TestServer, text};

/// Each route once, for the test that none is forgotten.
pub(crate) async fn set_and_forgotten(app: &TestApp) {
    app.backend("GET", "before-send", Value::Null).await.refused(409, "not_set_up");
    app.backend("POST", "before-send/rotate", json!({})).await.refused(409, "not_set_up");
    assert_eq!(app.backend("DELETE", "before-send", Value::Null).await.status, 204);
    let url = "http://127.0.0.1:1/hook";
    for (wrong, status, code, field) in [
        (json!({"on_failure": "allow"}), 422, "missing_field", "url"),
        (json!({"url": url}), 422, "missing_field", "on_failure"),
        (json!({"url": url, "on_failure": "ignore"}), 422, "invalid_field", "on_failure"),
        (json!({"url": "/hook", "on_failure": "allow"}), 422, "invalid_field", "url"),
        (json!({"url": "ftp://x.example/", "on_failure": "allow"}), 422, "invalid_field", "url"),
        (
            json!({"url": url, "on_failure": "allow", "timeout_ms": 99}),
            422,
            "invalid_field",
            "timeout_ms",
        ),
        (
            json!({"url": url, "on_failure": "allow", "timeout_ms": 5_001}),
            422,
            "invalid_field",
            "timeout_ms",
        ),
        (
            json!({"url": url, "on_failure": "allow", "rooms": ["dm"]}),
            422,
            "invalid_field",
            "rooms[0]",
        ),
        (
            json!({"url": url, "on_failure": "allow", "kinds": ["text", "system"]}),
            422,
            "invalid_field",
            "kinds[1]",
        ),
    ] {
        app.backend("PUT", "before-send", wrong).await.refused_at(status, code, field);
    }
    let set = json!({"url": url, "on_failure": "refuse"});
    let first = app.backend_ok("PUT", "before-send", set).await;
    let secret = first["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    let shown = json!({"url": url, "on_failure": "refuse", "timeout_ms": 1_500});
    assert_eq!(app.backend_ok("GET", "before-send", Value::Null).await, shown);
    let set = json!({
        "url": url, "on_failure": "allow", "timeout_ms": 5_000,
        "rooms": ["group", "direct", "group"], "kinds": ["card"],
    });
    let mut shown = set.clone();
    shown["rooms"] = json!(["group", "direct"]);
    assert_eq!(app.backend_ok("PUT", "before-send", set).await, shown, "no second secret");
    let rotate = json!({"overlap_seconds": 604_801});
    let wrong = app.backend("POST", "before-send/rotate", rotate).await;
    wrong.refused_at(422, "invalid_field", "overlap_seconds");
    let rotated = app.backend_ok("POST", "before-send/rotate", json!({})).await;
    assert_ne!(rotated["secret"], first["secret"]);
    let known = app.backend_ok("GET", "before-send", Value::Null).await;
    assert!(known["rotating_until"].is_string() && known.get("secret").is_none(), "{known}");
    assert_eq!(app.backend("DELETE", "before-send", Value::Null).await.status, 204);
    app.backend("GET", "before-send", Value::Null).await.refused(409, "not_set_up");
}

#[tokio::test]
async fn a_rotation_signs_with_both_for_a_while() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|_| Reply::allow()).await;
    let first = endpoint.set(&app, json!({"on_failure": "refuse"})).await.expect("a secret");
    let ann = app.page("ann").await;
    let room = app.group(&["ann"]).await;
    say(&ann, &room, "one").await.is(201);
    let rotated = app.backend_ok("POST", "before-send/rotate", json!({})).await;
    let second = text(&rotated["secret"]);
    say(&ann, &room, "two").await.is(201);
    let end = json!({"overlap_seconds": 0});
    let third = text(&app.backend_ok("POST", "before-send/rotate", end).await["secret"]);
    say(&ann, &room, "three").await.is(201);
    // Another URL keeps the secret.
    assert_eq!(endpoint.set(&app, json!({"on_failure": "allow"})).await, None);
    say(&ann, &room, "four").await.is(201);
    let signed: Vec<[bool; 3]> = endpoint
        .asked()
        .iter()
        .map(|asked| [&first, &second, &third].map(|secret| asked.is_signed_by(secret)))
        .collect();
    let (one, two) = ([true, false, false], [true, true, false]);
    assert_eq!(signed, [one, two, [false, false, true], [false, false, true]]);
    // Switched off, nobody is asked.
    app.backend("DELETE", "before-send", Value::Null).await;
    say(&ann, &room, "five").await.is(201);
    assert_eq!(endpoint.asked().len(), 4);
    assert_eq!(texts(&ann, &room).await, ["one", "two", "three", "four", "five"]);
    // A new one has a new secret.
    let fourth = endpoint.set(&app, json!({"on_failure": "allow"})).await.expect("a secret");
    assert!(![first, second, third].contains(&fourth));
    assert!(server.stop().await);
}

/// The hook outlives a restart, with its secret.
#[tokio::test]
async fn a_hook_is_kept() {
    let server = TestServer::sqlite().await;
    let mut app = server.app().await;
    let endpoint = Endpoint::start(|_| Reply::refuse("no")).await;
    let secret = endpoint.set(&app, json!({"on_failure": "allow"})).await.expect("a secret");
    let room = app.group(&["ann"]).await;
    let server = server.restart().await;
    app.address = server.address();
    let ann = app.page("ann").await;
    say(&ann, &room, "words").await.refused(403, "message_refused");
    assert!(endpoint.asked()[0].is_signed_by(&secret));
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_bridged_app_has_none() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let set = json!({"url": "http://127.0.0.1:1/", "on_failure": "allow"});
    app.backend("PUT", "before-send", set.clone()).await.refused(409, "bridge_unsupported");
    // Nor does an app with one become bridged.
    let app = server.app().await;
    app.backend_ok("PUT", "before-send", set).await;
    let refused = site.enable(&server, &app, true).await.expect_err("it has a hook");
    assert!(refused.to_string().contains("before-send"), "{refused}");
    assert!(server.stop().await);
}
