//! Server requests that are signed in place of carrying the key.

use std::path::PathBuf;

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use snug_proto::signed::{CanonicalRequest, hex};

use crate::harness::{Answer, Backend, TestApp, TestServer};
use crate::sessions::minted::now;

/// A signed request in the making; every part can be made wrong after it was signed.
#[derive(Debug, Clone)]
struct Signed {
    method: String,
    path: String,
    query: String,
    body: String,
    key: String,
    timestamp: String,
    nonce: String,
    signature: String,
}

impl Signed {
    fn new(app: &TestApp, method: &str, target: &str, body: &Value) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let signed = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body,
            key: public_part(&app.key),
            timestamp: now().to_string(),
            nonce: fresh(),
            signature: String::new(),
        };
        signed.sign(&app.key)
    }

    fn sign(mut self, secret: &str) -> Self {
        let text = CanonicalRequest {
            key: &self.key,
            timestamp: &self.timestamp,
            nonce: &self.nonce,
            method: &self.method,
            path: &self.path,
            query: &self.query,
            body: self.body.as_bytes(),
        };
        self.signature = sign(secret, &text.text());
        self
    }

    async fn send(&self, app: &TestApp) -> Answer {
        let target = match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        };
        app.request(&self.method, &target)
            .header("Snug-Key", &self.key)
            .header("Snug-Timestamp", &self.timestamp)
            .header("Snug-Nonce", &self.nonce)
            .header("Snug-Signature", &self.signature)
            .raw(self.body.clone())
            .send()
            .await
    }
}

fn sign(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("v1={}", hex(hmac::sign(&key, text.as_bytes()).as_ref()))
}

fn fresh() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("random bytes");
    hex(&bytes)
}

/// `<app>.<key id>` of `snug_sk_<app>_<key id>_<secret>`.
fn public_part(key: &str) -> String {
    let parts: Vec<&str> = key.splitn(6, '_').collect();
    format!("{}_{}.{}", parts[2], parts[3], parts[4])
}

const GROUP: &str = "/v1/server/rooms";

fn group() -> Value {
    json!({"kind": "group", "creator": "ann", "members": ["ann", "bob"]})
}

async fn on(server: &TestServer) {
    let app = server.app().await;
    let made = Signed::new(&app, "POST", GROUP, &group());
    let room = made.send(&app).await.is(201);
    made.send(&app).await.refused(401, "signature_replayed");
    let path = format!("{GROUP}/{}/messages", room["id"].as_str().expect("an id"));
    let mut get = Signed::new(&app, "GET", &format!("{path}?limit=5&before=9&x=%2F"), &Value::Null);
    // The order of the query is not what is signed.
    "x=%2F&limit=5&before=9".clone_into(&mut get.query);
    get.send(&app).await.is(200);
    Signed::new(&app, "PUT", "/v1/server/users/%E6%A2%85", &json!({"name": "梅"}))
        .send(&app)
        .await
        .is(200);
}

#[tokio::test]
async fn signed_requests_on_sqlite() {
    on(&TestServer::sqlite().await).await;
}

#[tokio::test]
async fn signed_requests_on_postgres_and_on_two_nodes() {
    let server = TestServer::start(Backend::Postgres).await;
    on(&server).await;
    let (one, two) = server.beside().await;
    let app = server.app().await;
    let next_door = TestApp { address: one.address(), ..app.clone() };
    let made = Signed::new(&app, "POST", GROUP, &group());
    made.send(&app).await.is(201);
    made.send(&next_door).await.refused(401, "signature_replayed");
    // Many at once, at both doors: one is let in.
    let made = Signed::new(&app, "POST", GROUP, &group());
    let all = (0..10).map(|n| {
        let (made, at) = (made.clone(), if n % 2 == 0 { app.clone() } else { next_door.clone() });
        async move { made.send(&at).await.status }
    });
    let mut all = futures_util::future::join_all(all).await;
    all.sort_unstable();
    assert_eq!(all, [201, 401, 401, 401, 401, 401, 401, 401, 401, 401]);
    // Nor does a node that begins later forget it.
    assert!(one.stop().await);
    drop(two);
    let (later, data) = server.beside().await;
    let at = TestApp { address: later.address(), ..app.clone() };
    made.send(&at).await.refused(401, "signature_replayed");
    assert!(later.stop().await);
    drop(data);
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_restart_forgets_no_nonce() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let made = Signed::new(&app, "POST", GROUP, &group());
    made.send(&app).await.is(201);
    let server = server.restart().await;
    let app = TestApp { address: server.address(), ..app };
    made.send(&app).await.refused(401, "signature_replayed");
    Signed::new(&app, "POST", GROUP, &group()).send(&app).await.is(201);
}

#[tokio::test]
async fn nothing_that_is_signed_can_be_changed() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let right = Signed::new(&app, "POST", GROUP, &group());
    let changes: [fn(&mut Signed); 9] = [
        |signed| signed.body.push(' '),
        |signed| signed.body = signed.body.replace("bob", "eve"),
        |signed| signed.path = "/v1/server/sessions".to_owned(),
        |signed| signed.query = "a=b".to_owned(),
        |signed| signed.method = "PUT".to_owned(),
        |signed| signed.nonce = fresh(),
        |signed| signed.timestamp = (now() + 1).to_string(),
        |signed| signed.timestamp.insert(0, '+'),
        |signed| signed.signature = format!("v1={}", "0".repeat(64)),
    ];
    for change in changes {
        let mut changed = right.clone();
        change(&mut changed);
        changed.send(&app).await.refused(401, "signature_invalid");
    }
    let mut key_of_another = right.clone();
    key_of_another.key = public_part(&other.key);
    key_of_another.send(&app).await.refused(401, "signature_invalid");
    right.clone().sign(&other.key).send(&app).await.refused(401, "signature_invalid");
    // A refused one took no nonce.
    right.send(&app).await.is(201);
}

#[tokio::test]
async fn out_of_time_malformed_or_from_a_page() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let with = |change: fn(&mut Signed)| {
        let mut signed = Signed::new(&app, "POST", GROUP, &group());
        change(&mut signed);
        signed.sign(&app.key)
    };
    for late in [
        |signed: &mut Signed| signed.timestamp = (now() - 310).to_string(),
        |signed: &mut Signed| signed.timestamp = (now() + 310).to_string(),
    ] {
        with(late).send(&app).await.refused(401, "signature_expired");
    }
    with(|signed| signed.timestamp = (now() - 280).to_string()).send(&app).await.is(201);
    for key in [
        |signed: &mut Signed| signed.key = "nobody".to_owned(),
        |signed: &mut Signed| signed.key.push('x'),
    ] {
        with(key).send(&app).await.refused(401, "server_key_invalid");
    }
    for malformed in [
        |signed: &mut Signed| signed.nonce = "short".to_owned(),
        |signed: &mut Signed| signed.timestamp = "yesterday".to_owned(),
    ] {
        with(malformed).send(&app).await.refused(422, "invalid_field");
    }
    let mut unversioned = with(|_| ());
    unversioned.signature = unversioned.signature.replace("v1=", "");
    unversioned.send(&app).await.refused(422, "invalid_field");
    let bare = app.request("GET", "/v1/server/users/ann").header("Snug-Signature", "v1=00");
    bare.send().await.refused(422, "missing_field");
    let page = with(|_| ());
    let from_page = app
        .request("POST", GROUP)
        .header("Origin", "https://shop.example")
        .header("Snug-Key", &page.key)
        .header("Snug-Timestamp", &page.timestamp)
        .header("Snug-Nonce", &page.nonce)
        .header("Snug-Signature", &page.signature)
        .raw(page.body.clone());
    from_page.send().await.refused(403, "server_key_in_browser");
    page.send(&app).await.is(201);
    // A signature is for server routes; no client route takes it for a token.
    let me = Signed::new(&app, "GET", "/v1/me", &Value::Null);
    me.send(&app).await.refused(401, "token_missing");
}

/// The vectors that other languages check their signing with.
#[test]
fn the_vectors_are_right() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../api/examples/signed.vectors.json");
    let text = std::fs::read_to_string(path).expect("the vectors");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let server_key = file["server_key"].as_str().expect("a key");
    let vectors = file["vectors"].as_array().expect("vectors");
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let field =
            |name: &str| vector[name].as_str().unwrap_or_else(|| panic!("{name}: {vector}"));
        let text = CanonicalRequest {
            key: field("key"),
            timestamp: field("timestamp"),
            nonce: field("nonce"),
            method: field("method"),
            path: field("path"),
            query: field("query"),
            body: field("body").as_bytes(),
        };
        assert_eq!(field("key"), public_part(server_key));
        assert_eq!(text.text(), field("canonical"));
        assert_eq!(sign(server_key, &text.text()), field("signature"));
    }
}
