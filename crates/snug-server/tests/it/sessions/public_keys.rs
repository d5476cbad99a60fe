//! JWTs that are signed with the customer's private key, by a registered public key or by a
//! published key set.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use snug_core::model::{Patch, SettingsPatch};

use super::minted::now;
use super::verified::set;
use crate::harness::{Answer, Customer, TestApp, TestServer};

/// A customer's key pair.
enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Pair {
    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
    }

    fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().expect("a key"))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    fn pem(&self) -> String {
        let der = match self {
            Self::Rsa(pair) => pair.public_key().as_der().expect("DER").as_ref().to_vec(),
            Self::P256(pair) => pair.public_key().as_der().expect("DER").as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_der().expect("DER").as_ref().to_vec(),
        };
        let lines: Vec<String> = STANDARD
            .encode(der)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let key = pair.public_key();
                let n = b64(key.modulus().big_endian_without_leading_zero());
                let e = b64(key.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": n, "e": e})
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y})
            }
            Self::Ed(pair) => {
                let x = b64(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x})
            }
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
                    .expect("it signs");
                signature
            }
            Self::P256(pair) => {
                pair.sign(&random, input.as_bytes()).expect("it signs").as_ref().to_vec()
            }
            Self::Ed(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
        };
        format!("{input}.{}", b64(&signature))
    }

    fn token(&self, app: &TestApp, id: Option<&str>, user: &str) -> String {
        let mut header = json!({"alg": self.algorithm(), "typ": "JWT"});
        if let Some(id) = id {
            header["kid"] = json!(id);
        }
        self.sign(&header, &claims(app, user))
    }
}

fn claims(app: &TestApp, user: &str) -> Value {
    json!({"app": app.id, "sub": user, "exp": now() + 600, "name": "Kim"})
}

async fn me(app: &TestApp, token: &str) -> Answer {
    app.api("GET", "/v1/me", Value::Null, token).await
}

async fn register(server: &TestServer, app: &TestApp, keys: Vec<String>) {
    set(server, app, SettingsPatch { public_keys: Some(keys), ..Default::default() }).await;
}

#[tokio::test]
async fn every_algorithm_by_pem_by_jwk_and_by_key_set() {
    let server = TestServer::sqlite().await;
    let pairs = [Pair::rsa(), Pair::p256(), Pair::ed()];
    let app = server.app().await;
    me(&app, &pairs[0].token(&app, None, "kim")).await.refused(401, "token_invalid");
    register(&server, &app, pairs.iter().map(Pair::pem).collect()).await;
    for pair in &pairs {
        let user = format!("pem-{}", pair.algorithm());
        let token = pair.token(&app, None, &user);
        assert_eq!(super::show(&app, &token).await, Ok(user));
        // A PEM has no id, so it is tried for every one.
        me(&app, &pair.token(&app, Some("any"), "kim")).await.is(200);
        let other = Pair::p256().token(&app, None, "eve");
        me(&app, &other).await.refused(401, "token_invalid");
    }
    let app = server.app().await;
    let jwks: Vec<_> = pairs.iter().map(|pair| pair.jwk(pair.algorithm())).collect();
    register(&server, &app, jwks.iter().map(Value::to_string).collect()).await;
    for pair in &pairs {
        me(&app, &pair.token(&app, Some(pair.algorithm()), "kim")).await.is(200);
        me(&app, &pair.token(&app, Some("other"), "kim")).await.refused(401, "token_invalid");
    }
    let app = server.app().await;
    let set_text = json!({ "keys": jwks }).to_string();
    let publisher = Customer::start(move |_, _| (200, set_text.clone())).await;
    let jwks_url = Patch::Set(publisher.url("/jwks.json"));
    set(&server, &app, SettingsPatch { jwks_url, ..Default::default() }).await;
    for pair in &pairs {
        let known = me(&app, &pair.token(&app, Some(pair.algorithm()), "kim")).await.is(200);
        assert_eq!(known["user"]["name"], "Kim");
    }
    assert_eq!(publisher.asked().len(), 1, "the set is cached");
    for _ in 0..5 {
        let unknown = pairs[0].token(&app, Some("unknown"), "kim");
        me(&app, &unknown).await.refused(401, "token_invalid");
    }
    assert_eq!(publisher.asked().len(), 1, "an unknown key is looked for once a minute");
    // What was read serves on while the URL is down.
    drop(publisher);
    me(&app, &pairs[1].token(&app, Some("ES256"), "lee")).await.is(200);
}

#[tokio::test]
async fn no_algorithm_stands_in_for_another() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let (rsa, p256, ed) = (Pair::rsa(), Pair::p256(), Pair::ed());
    register(&server, &app, vec![rsa.pem(), p256.pem(), ed.pem()]).await;
    let hs256 = |secret: &[u8], alg: &str| {
        let header = json!({"alg": alg, "typ": "JWT"}).to_string();
        let claims = claims(&app, "eve").to_string();
        let input = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        format!("{input}.{}", b64(tag.as_ref()))
    };
    let (header, body) = (json!({"alg": "none"}).to_string(), claims(&app, "eve").to_string());
    let unsigned = format!("{}.{}.", b64(header.as_bytes()), b64(body.as_bytes()));
    let mut wrong = vec![
        // The public key's text as the secret of an HMAC.
        hs256(rsa.pem().as_bytes(), "HS256"),
        hs256(rsa.pem().trim().as_bytes(), "HS256"),
        hs256(rsa.jwk("a").to_string().as_bytes(), "HS256"),
        // The server key, under an asymmetric name.
        hs256(app.key.as_bytes(), "RS256"),
        hs256(app.key.as_bytes(), "EdDSA"),
        unsigned.clone(),
        unsigned.replace(&b64(header.as_bytes()), &b64(br#"{"alg":"None"}"#)),
        // Signed by a known key and named otherwise.
        ed.sign(&json!({"alg": "RS256"}), &claims(&app, "eve")),
        rsa.sign(&json!({"alg": "ES256"}), &claims(&app, "eve")),
        rsa.sign(&json!({"alg": "PS256"}), &claims(&app, "eve")),
        // A right signature for the app next door.
        rsa.token(&other, None, "eve"),
    ];
    let tampered = rsa.token(&app, None, "kim");
    let parts: Vec<&str> = tampered.split('.').collect();
    let changed = b64(claims(&app, "eve").to_string().as_bytes());
    wrong.push(format!("{}.{changed}.{}", parts[0], parts[2]));
    for token in wrong {
        me(&app, &token).await.refused(401, "token_invalid");
    }
    me(&app, &hs256(app.key.as_bytes(), "HS256")).await.is(200);
    // Times hold for these, too.
    let mut late = claims(&app, "kim");
    late["exp"] = json!(now() - 100);
    let late = ed.sign(&json!({"alg": "EdDSA"}), &late);
    me(&app, &late).await.refused(401, "token_expired");
    // An issuer without a claim of ours names the app as the audience.
    let mut audience = claims(&app, "kim");
    audience["app"].take();
    audience["aud"] = json!(["somebody", app.id]);
    me(&app, &ed.sign(&json!({"alg": "EdDSA"}), &audience)).await.is(200);
    // A key that was taken out opens nothing more.
    register(&server, &app, vec![rsa.pem()]).await;
    me(&app, &ed.token(&app, None, "new")).await.refused(401, "token_invalid");
}

#[tokio::test]
async fn keys_rotate_without_a_restart() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (old, new) = (Pair::ed(), Pair::p256());
    let published: Arc<Mutex<(u16, Value)>> = Arc::new(Mutex::new((503, Value::Null)));
    let page = published.clone();
    let publish = move |status: u16, keys: Vec<Value>| {
        *published.lock().expect("it is free") = (status, json!({ "keys": keys }));
    };
    let publisher = Customer::start(move |_, _| {
        let (status, body) = page.lock().expect("it is free").clone();
        (status, body.to_string())
    })
    .await;
    let at = |path: &str| Patch::Set(publisher.url(path));
    set(&server, &app, SettingsPatch { jwks_url: at("/1"), ..Default::default() }).await;
    // Down from the first: the page may try again, the token is not called wrong.
    let answer = me(&app, &old.token(&app, Some("old"), "kim")).await;
    assert!(answer.header("retry-after").is_some());
    answer.refused(503, "verify_unreachable");
    publish(200, vec![old.jwk("old")]);
    // Another URL is read at once, whatever the one before said.
    set(&server, &app, SettingsPatch { jwks_url: at("/2"), ..Default::default() }).await;
    me(&app, &old.token(&app, Some("old"), "kim")).await.is(200);
    publish(200, vec![new.jwk("new")]);
    set(&server, &app, SettingsPatch { jwks_url: at("/3"), ..Default::default() }).await;
    me(&app, &new.token(&app, Some("new"), "lee")).await.is(200);
    me(&app, &old.token(&app, Some("old"), "pat")).await.refused(401, "token_invalid");
    set(&server, &app, SettingsPatch { jwks_url: Patch::Clear, ..Default::default() }).await;
    me(&app, &new.token(&app, Some("new"), "ray")).await.refused(401, "token_invalid");
}
