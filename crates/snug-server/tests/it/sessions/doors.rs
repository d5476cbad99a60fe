//! What each kind of token is answered with, at every door alike.

use serde_json::json;

use super::minted::{Mint, now};
use super::show;
use crate::harness::TestServer;

fn refused(code: &str) -> Result<String, String> {
    Err(code.to_owned())
}

fn as_user(user: &str) -> Result<String, String> {
    Ok(user.to_owned())
}

#[tokio::test]
async fn session_tokens() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let opened = app.open_session("王 小明/1").await;
    let token = &opened.token;
    assert_eq!(show(&app, token).await, as_user("王 小明/1"));

    let secret = token.split_once('.').map(|(secret, _)| secret).expect("form");
    let elsewhere = format!("{secret}.{}", other.id);
    let no_app = format!("{secret}.app_{}", "0".repeat(20));
    let other_secret = format!("snug_st_{}.{}", "A".repeat(43), app.id);
    for wrong in [&elsewhere, &no_app, &other_secret, &token[..token.len() - 1], secret] {
        assert_eq!(show(&app, wrong).await, refused("token_invalid"), "{wrong}");
    }
    for garbage in ["garbage", "snug_st_", "a.b.c", "..", "%00", &"x".repeat(5_000)] {
        assert_eq!(show(&app, garbage).await, refused("token_invalid"), "{garbage}");
    }
    assert_eq!(show(&app, &app.key).await, refused("server_key_in_browser"));
}

#[tokio::test]
async fn minted_tokens_in_time() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let mint = |claims: serde_json::Value| Mint::of(&app, "ann").with(claims).sign();
    let now = now();
    let tokens = [
        ("plain", mint(json!({})), as_user("ann")),
        ("exp within the skew", mint(json!({"exp": now - 15})), as_user("ann")),
        ("exp before the skew", mint(json!({"exp": now - 31})), refused("token_expired")),
        ("exp with a fraction", mint(json!({"exp": now as f64 + 9.5})), as_user("ann")),
        ("nbf within the skew", mint(json!({"nbf": now + 29})), as_user("ann")),
        ("nbf after the skew", mint(json!({"nbf": now + 90})), refused("token_invalid")),
        ("iat within the skew", mint(json!({"iat": now + 29})), as_user("ann")),
        ("iat after the skew", mint(json!({"iat": now + 90})), refused("token_invalid")),
    ];
    for (what, token, expected) in tokens {
        assert_eq!(show(&app, &token).await, expected, "{what}");
    }
}

#[tokio::test]
async fn minted_tokens_that_are_not_right() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let mint = || Mint::of(&app, "ann");
    let key_id = app.key.split('_').nth(4).expect("snug_sk_app_<id>_<key id>_");
    assert_eq!(show(&app, &mint().header(json!({"kid": key_id})).sign()).await, as_user("ann"));
    let wrong = [
        ("HS512", mint().header(json!({"alg": "HS512"})).sign_512()),
        ("HS512 in name", mint().header(json!({"alg": "HS512"})).sign()),
        ("HS256 in name", mint().sign_512()),
        ("none", mint().header(json!({"alg": "none"})).unsigned()),
        ("None", mint().header(json!({"alg": "None"})).unsigned()),
        ("HS256 unsigned", mint().unsigned()),
        ("RS256", mint().header(json!({"alg": "RS256"})).sign()),
        ("ES256", mint().header(json!({"alg": "ES256"})).sign()),
        ("another key id", mint().header(json!({"kid": "k9"})).sign()),
        ("another app's key", mint().key(&other.key).sign()),
        ("half the key", mint().key(&app.key[..60]).sign()),
        ("another app", mint().with(json!({"app": other.id})).sign()),
        ("no app", mint().with(json!({"app": "app_none"})).sign()),
        ("app of a number", mint().with(json!({"app": 7})).sign()),
        ("no subject", mint().with(json!({"sub": null})).sign()),
        ("an empty subject", mint().with(json!({"sub": ""})).sign()),
        ("too long a subject", mint().with(json!({"sub": "x".repeat(129)})).sign()),
        ("no exp", mint().with(json!({"exp": null})).sign()),
        ("exp of text", mint().with(json!({"exp": "soon"})).sign()),
        ("exp below zero", mint().with(json!({"exp": -1})).sign()),
        ("changed after signing", mint().tampered()),
    ];
    for (what, token) in wrong {
        assert_eq!(show(&app, &token).await, refused("token_invalid"), "{what}");
    }
}
