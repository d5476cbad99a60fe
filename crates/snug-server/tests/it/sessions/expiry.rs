//! The end of a session's life, at every door, by a clock that the test moves.

use std::sync::Arc;

use serde_json::{Value, json};

use super::show;
use crate::harness::{Backend, Opened, TestApp, TestClock, TestServer, text};

/// The sessions' life here, in seconds: longer than `session.expiring` comes before the end.
const LIFE: i64 = 100;

async fn open(app: &TestApp, user: &str, device: &str) -> Opened {
    let body = json!({"user": user, "device": device, "ttl_seconds": LIFE});
    let opened = app.backend("POST", "sessions", body).await.ok();
    Opened { token: text(&opened["token"]), session: text(&opened["session"]) }
}

async fn refresh(app: &TestApp, token: &str) -> crate::harness::Answer {
    app.api("POST", "/v1/session/refresh", Value::Null, token).await
}

fn expired() -> Result<String, String> {
    Err("token_expired".to_owned())
}

/// REST, refresh over REST, and every way of the upgrade.
async fn refused_at_each_door(app: &TestApp, clock: &TestClock) {
    let opened = open(app, "ann", "phone").await;
    let room = app.group(&["ann"]).await;
    clock.pass(LIFE - 10);
    assert_eq!(show(app, &opened.token).await, Ok("ann".to_owned()), "before its end");
    clock.pass(11);
    assert_eq!(show(app, &opened.token).await, expired());
    refresh(app, &opened.token).await.refused(401, "token_expired");
    let send = json!({"text": "late"});
    let path = format!("/v1/rooms/{room}/messages");
    app.api("POST", &path, send, &opened.token).await.refused(401, "token_expired");
    let listed = app.backend("GET", "users/ann/sessions", Value::Null).await.is(200);
    assert_eq!(listed["sessions"], json!([]));
}

async fn a_live_connection_ends(app: &TestApp, clock: &TestClock) {
    let opened = open(app, "bob", "phone").await;
    let room = app.group(&["bob", "eve"]).await;
    let (mut bob, (_, mut eve)) = (app.socket(&opened.token).await, app.enter("eve").await);
    clock.pass(LIFE - 30);
    // Any frame wakes the connection, which looks at the clock then.
    bob.settle().await;
    bob.event("session.expiring").await;
    clock.pass(31);
    let late = json!({"room": room, "id": "late", "text": "late"});
    bob.begin("message.send", late).await;
    assert_eq!(bob.closed_because().await, (4100, "token_expired".to_owned()));
    let page = app.backend("GET", &format!("rooms/{room}/messages"), Value::Null).await.is(200);
    assert_eq!(page["messages"], json!([]), "nothing is stored after the end");
    eve.settle().await;
}

async fn a_refresh_gives_a_whole_life_more(app: &TestApp, clock: &TestClock) {
    let (by_rest, live) = (open(app, "cho", "rest").await, open(app, "cho", "live").await);
    let mut socket = app.socket(&live.token).await;
    clock.pass(LIFE - 10);
    let rest_token = text(&refresh(app, &by_rest.token).await.is(200)["token"]);
    let live_token = text(&socket.request("session.refresh", json!({})).await["token"]);
    clock.pass(LIFE - 10);
    // Long after the end of the first life.
    socket.settle().await;
    for token in [&rest_token, &live_token] {
        assert_eq!(show(app, token).await, Ok("cho".to_owned()));
    }
    clock.pass(11);
    for token in [&rest_token, &live_token] {
        assert_eq!(show(app, token).await, expired());
    }
    socket.begin("session.refresh", json!({})).await;
    assert_eq!(socket.closed_because().await, (4100, "token_expired".to_owned()));
}

async fn on(backend: Backend) {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(backend, clock.clone()).await;
    refused_at_each_door(&server.app().await, &clock).await;
    a_live_connection_ends(&server.app().await, &clock).await;
    a_refresh_gives_a_whole_life_more(&server.app().await, &clock).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn session_tokens_expire_on_sqlite() {
    on(Backend::Sqlite).await;
}

#[tokio::test]
async fn session_tokens_expire_on_postgres() {
    on(Backend::Postgres).await;
}
