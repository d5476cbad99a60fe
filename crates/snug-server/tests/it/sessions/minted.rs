//! JWTs that a customer's backend mints with its server key.

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::show;
use crate::harness::{TestApp, TestServer, text};

/// Seconds, as the server's machine counts them.
#[expect(clippy::disallowed_methods, reason = "a customer's backend mints with its own clock")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.as_ref().map_or(0, Duration::as_secs)).expect("before the year 292 billion")
}

/// A JWT in the making; signed by hand, so that it can also be wrong.
#[derive(Debug, Clone)]
pub(crate) struct Mint {
    header: Value,
    claims: Value,
    key: String,
}

impl Mint {
    /// For a user, in order.
    pub(crate) fn of(app: &TestApp, user: &str) -> Self {
        let claims = json!({"app": app.id, "sub": user, "exp": now() + 600});
        Self { header: json!({"alg": "HS256", "typ": "JWT"}), claims, key: app.key.clone() }
    }

    /// Claims over those that are there; `null` takes one out.
    pub(super) fn with(mut self, claims: Value) -> Self {
        merge(&mut self.claims, claims);
        self
    }

    pub(super) fn header(mut self, fields: Value) -> Self {
        merge(&mut self.header, fields);
        self
    }

    pub(super) fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    pub(crate) fn sign(&self) -> String {
        self.signed(hmac::HMAC_SHA256)
    }

    pub(crate) fn sign_512(&self) -> String {
        self.signed(hmac::HMAC_SHA512)
    }

    pub(super) fn unsigned(&self) -> String {
        format!("{}.", self.signing_input())
    }

    /// Signed for one user and then made another's.
    pub(super) fn tampered(&self) -> String {
        let signed = self.sign();
        let signature = signed.rsplit('.').next().expect("three parts");
        let other = self.clone().with(json!({"sub": "somebody"}));
        format!("{}.{signature}", other.signing_input())
    }

    fn signing_input(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    fn signed(&self, algorithm: hmac::Algorithm) -> String {
        let input = self.signing_input();
        let key = hmac::Key::new(algorithm, self.key.as_bytes());
        let signature = hmac::sign(&key, input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn merge(into: &mut Value, fields: Value) {
    let into = into.as_object_mut().expect("an object");
    let Value::Object(fields) = fields else { panic!("an object") };
    for (name, value) in fields {
        if value.is_null() {
            into.remove(&name);
        } else {
            into.insert(name, value);
        }
    }
}

async fn me(app: &TestApp, token: &str) -> Value {
    app.api("GET", "/v1/me", Value::Null, token).await.is(200)
}

pub(super) async fn first_use_opens_and_the_next_is_the_same(app: &TestApp) {
    let profile = json!({"name": "Mei", "avatar": "/mei.png", "custom": {"tier": 1}, "iat": now()});
    let token = Mint::of(app, "mei").with(profile).sign();
    let first = me(app, &token).await;
    assert_eq!(
        (&first["user"]["name"], &first["user"]["avatar"]),
        (&json!("Mei"), &json!("/mei.png"))
    );
    assert_eq!(first["user"]["session_custom"], json!({"tier": 1}));
    assert_eq!(first["session"]["device"], "default");
    assert_eq!(me(app, &token).await["session"], first["session"]);
    // Sixteen first uses at once are one session.
    let token = Mint::of(app, "mei").with(json!({"device": "phone"})).sign();
    let uses = futures_util::future::join_all((0..16).map(|_| me(app, &token))).await;
    assert!(uses.iter().all(|seen| seen["session"] == uses[0]["session"]), "{uses:?}");
    assert_eq!(uses[0]["session"]["device"], "phone");
    let listed = app.backend("GET", "users/mei/sessions", Value::Null).await.is(200);
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(2), "{listed}");
    // A newer one of the device replaces it, and the old one does not come back.
    let newer = Mint::of(app, "mei").with(json!({"device": "phone", "iat": now()})).sign();
    let mut socket = app.socket(&token).await;
    assert_ne!(me(app, &newer).await["session"]["id"], uses[0]["session"]["id"]);
    assert_eq!(socket.closed().await, 4202);
    assert_eq!(show(app, &token).await, Err("session_closed".to_owned()));
    assert_eq!(show(app, &newer).await, Ok("mei".to_owned()));
}

pub(super) async fn minted_before_a_revoke(app: &TestApp) {
    for (user, revoke) in
        [("ivy", json!({"user": "ivy"})), ("eve", json!({"user": "eve", "device": "default"}))]
    {
        let minted = |iat: i64| Mint::of(app, user).with(json!({"iat": iat})).sign();
        let (seen, unseen, timeless) = (minted(now() - 5), minted(now() - 4), Mint::of(app, user));
        let other = Mint::of(app, user).with(json!({"device": "other", "iat": now() - 5})).sign();
        for token in [&seen, &other] {
            me(app, token).await;
        }
        app.backend("POST", "sessions/revoke", revoke.clone()).await.is(200);
        for token in [&seen, &unseen, &timeless.sign()] {
            assert_eq!(show(app, token).await, Err("session_closed".to_owned()), "{user}");
        }
        // Of another device, only the revoke of the whole user asks.
        let whole = revoke.get("device").is_none();
        let expected = if whole { Err("session_closed".to_owned()) } else { Ok(user.to_owned()) };
        assert_eq!(show(app, &other).await, expected);
        assert_eq!(show(app, &minted(now() + 2)).await, Ok(user.to_owned()));
    }
}

pub(super) async fn refreshed_by_a_newer_one(app: &TestApp) {
    let old = Mint::of(app, "rex").sign();
    let mut socket = app.socket(&old).await;
    let newer = Mint::of(app, "rex").with(json!({"exp": now() + 3_600, "iat": now()})).sign();
    let answer = socket.request("session.refresh", json!({"token": newer})).await;
    assert!(answer.get("token").is_none(), "the page has it already: {answer}");
    assert_eq!(me(app, &newer).await["session"]["id"], answer["session"]);
    assert_eq!(show(app, &old).await, Err("session_closed".to_owned()));
    socket.settle().await;
    // Another user's is refused, and the connection goes on.
    let other = Mint::of(app, "max").sign();
    let refused = json!({"token": other});
    socket.refused("session.refresh", refused, "invalid_field").await;
    socket.refused("session.refresh", json!({"token": "garbage"}), "token_invalid").await;
    socket.settle().await;
    // What is written meanwhile reaches it still.
    app.direct("rex", "max").await;
    socket.event("room.joined").await;
    let revoke = json!({"session": text(&answer["session"])});
    app.backend("POST", "sessions/revoke", revoke).await.is(200);
    assert_eq!(socket.closed().await, 4201);
}

#[tokio::test]
async fn a_live_connection_is_told_before_its_session_ends_and_then_closed() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let token = Mint::of(&app, "ann").with(json!({"exp": now() - 26})).sign();
    let mut socket = app.socket(&token).await;
    let told = socket.event("session.expiring").await;
    assert!(told["expires_at"].is_string(), "{told}");
    let problem = socket.event("error").await;
    assert_eq!(problem["code"], "token_expired");
    assert_eq!(socket.closed().await, 4100);
    assert_eq!(show(&app, &token).await, Err("token_expired".to_owned()));
}
