//! The end of a token in each dialect: what was live ends, and no door takes it again.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestClock, TestServer, segment};
use crate::i2a::Vendor;
use crate::imkit::Imkit;
use crate::imkit::socket::Line;
use crate::rocketchat::ddp::Ddp;
use crate::rocketchat::{Login, Rocket};

/// Longer than any dialect's token lives: IMKit's have a year and are cut to 366 days at most.
const FOR_GOOD: i64 = 367 * 24 * 3_600;

const DAY: i64 = 24 * 3_600;

/// One person at the doors of three dialects of one app.
struct Doors<'s> {
    app: TestApp,
    vendor: Vendor<'s>,
    rocket: Rocket,
    imkit: Imkit,
}

struct Tokens {
    i2a: String,
    rocket: Login,
    imkit: String,
}

impl<'s> Doors<'s> {
    async fn of(server: &'s TestServer) -> Self {
        let app = server.app().await;
        let rocket = Rocket::beside(server, app.clone()).await;
        let imkit = Imkit::beside(server, app.clone()).await;
        let vendor = Vendor::beside(server, app.clone()).await;
        Self { app, vendor, rocket, imkit }
    }

    async fn tokens(&self) -> Tokens {
        let rocket = self.rocket.user("ann").await;
        Tokens {
            i2a: self.vendor.token("ann", "phone").await,
            rocket,
            imkit: self.imkit.token("ann").await,
        }
    }

    /// Everything is open, and then it ends.
    async fn live_ones_end(&self, server: &TestServer, tokens: &Tokens, end: impl AsyncFnOnce()) {
        let path = format!("/socket?token={}", segment(&tokens.i2a));
        let wire = self.vendor.upgrade(&path, None).await;
        let mut ddp = Ddp::enter(server, &tokens.rocket).await;
        let mut line = Line::enter(&self.imkit, &tokens.imkit).await;
        self.imkit.user(&tokens.imkit, "GET", "/me", Value::Null).await.is(200);
        self.rocket.get(&tokens.rocket, "me").await.is(200);
        end().await;
        wire.closed().await;
        ddp.closed_because().await;
        line.ended().await;
    }

    async fn refused(&self, server: &TestServer, tokens: &Tokens) {
        let coded = segment(&tokens.i2a);
        let said = "X-TOKEN is invalid or expired. Get a new token.";
        for path in [format!("/socket/?token={coded}"), format!("/socket/{coded}")] {
            assert_eq!(server.request("GET", &path).send().await.said(403), said);
        }
        let request = server.request("GET", "/socket/").header("X-TOKEN", &tokens.i2a);
        assert_eq!(request.send().await.said(403), said);
        let body = json!({"token": tokens.i2a});
        self.vendor.request("POST", "session/close-session/").json(body).send().await.is(404);

        let body = self.rocket.get(&tokens.rocket, "me").await.is(401);
        let whole = json!({"status": "error", "message": "You must be logged in to do this."});
        assert_eq!(body, whole);
        let mut ddp = Ddp::connect(server).await;
        let error = ddp.refused("login", json!([{"resume": tokens.rocket.token}])).await;
        assert_eq!((&error["error"], &error["isClientSafe"]), (&json!(403), &json!(true)));
        let login = server.request("POST", "/api/v1/login");
        login.json(json!({"resume": tokens.rocket.token})).send().await.is(401);

        let body = self.imkit.user(&tokens.imkit, "GET", "/me", Value::Null).await.is(401);
        let code = &body["error"]["code"];
        assert_eq!((&body["RC"], code), (&json!(401), &json!("INVALID_TOKEN")));
        let (mut line, answer) = Line::shown(&self.imkit, &tokens.imkit).await;
        let code = &answer["error"]["code"];
        assert_eq!((&answer["RC"], code), (&json!(401), &json!("INVALID_TOKEN")));
        line.ended().await;
    }
}

#[tokio::test]
async fn a_revoked_token_ends_at_each_dialect() {
    let server = TestServer::sqlite().await;
    let doors = Doors::of(&server).await;
    let tokens = doors.tokens().await;
    let app = doors.app.clone();
    let revoke = async move || {
        app.backend("POST", "sessions/revoke", json!({"user": "ann"})).await.ok();
    };
    doors.live_ones_end(&server, &tokens, revoke).await;
    doors.refused(&server, &tokens).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn an_expired_token_ends_at_each_dialect() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let doors = Doors::of(&server).await;
    let tokens = doors.tokens().await;
    clock.pass(FOR_GOOD);
    doors.refused(&server, &tokens).await;
    assert!(server.stop().await);
}

/// Soon enough to be waited for, late enough to come in on a slow machine.
const LEFT: i64 = 8;

/// Nobody asks for anything: the server itself ends what is open when its time is over.
#[tokio::test]
async fn what_is_open_ends_with_its_token_at_i2a_and_rocketchat() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let doors = Doors::of(&server).await;
    let tokens = doors.tokens().await;
    clock.pass(90 * DAY - LEFT);
    let path = format!("/socket?token={}", segment(&tokens.i2a));
    let wire = doors.vendor.upgrade(&path, None).await;
    let mut ddp = Ddp::enter(&server, &tokens.rocket).await;
    wire.closed().await;
    ddp.closed_because().await;
    doors.rocket.get(&tokens.rocket, "me").await.is(401);
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_is_open_ends_with_its_token_at_imkit() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let imkit = Imkit::beside(&server, server.app().await).await;
    let token = imkit.token("ann").await;
    clock.pass(365 * DAY - LEFT);
    let mut line = Line::enter(&imkit, &token).await;
    line.ended().await;
    imkit.user(&token, "GET", "/me", Value::Null).await.is(401);
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_is_open_ends_with_its_user_token_at_ecb() {
    let ecb = crate::ecb::Ecb::start().await;
    let mut claims = crate::bridge::site::person("ann");
    claims["exp"] = json!(crate::bridge::now() + 12);
    let token = ecb.site.signer.sign(&claims);
    let mut line = crate::ecb::socket::Line::enter(ecb.server.address(), &token).await;
    line.ended().await;
}

/// A customer's own token of ECB's, at its REST and at its socket.
#[tokio::test]
async fn a_revoked_user_token_ends_at_ecb() {
    let ecb = crate::ecb::Ecb::start().await;
    let token = ecb.site.user_token("ann");
    ecb.call_with(&token, "getThreads", json!({})).await.is(200);
    let mut line = crate::ecb::socket::Line::enter(ecb.server.address(), &token).await;
    ecb.app.backend("POST", "sessions/revoke", json!({"user": "ann"})).await.ok();
    line.ended().await;
    let body = ecb.call_with(&token, "getThreads", json!({})).await.is(401);
    assert_eq!(body["error"]["code"], "user_token_invalid");
    let mut again = crate::ecb::socket::Line::open(ecb.server.address(), &token).await;
    assert_eq!(again.event("refused").await["error"]["code"], "user_token_invalid");
    again.ended().await;
}
