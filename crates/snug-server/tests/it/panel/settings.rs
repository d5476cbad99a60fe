//! An application's settings, in the panel and on the command line.

use std::process::{Command, Output};

use serde_json::{Value, json};
use snug_testkit::temp_dir;

use super::Panel;
use crate::harness::{TestServer, text};

const JWK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[tokio::test]
async fn an_application_says_where_its_tokens_come_from() {
    let server = TestServer::sqlite().await;
    let panel = Panel::signed_up(&server).await;
    let app = text(&panel.new_app("Shop").await["id"]);
    let path = format!("apps/{app}/settings");
    assert_eq!(panel.get(&path).await.is(200), json!({"public_keys": [], "guests": false}));
    let change = |body: Value| panel.request("PATCH", &path).json(body).send();
    let verify = "https://shop.example/verify";
    let set = change(json!({"verify_url": verify, "public_keys": [JWK]})).await.is(200);
    assert_eq!(set["verify_url"], verify);
    assert_eq!(
        (&set["public_keys"][0]["id"], &set["public_keys"][0]["algorithm"]),
        (&json!("k"), &json!("EdDSA"))
    );
    let jwks = "https://shop.example/jwks";
    let set = change(json!({"verify_url": null, "jwks_url": jwks})).await.is(200);
    assert_eq!((set.get("verify_url"), &set["jwks_url"]), (None, &json!(jwks)));
    assert_eq!(set["public_keys"].as_array().map(Vec::len), Some(1), "absent stays: {set}");
    assert_eq!(change(json!({"guests": true})).await.is(200)["guests"], true);
    let set = panel.get(&path).await.is(200);
    assert_eq!((&set["guests"], &set["jwks_url"]), (&json!(true), &json!(jwks)));
    for (body, field) in [
        (json!({"verify_url": "http://0x7f000001/"}), "verify_url"),
        (json!({"jwks_url": "ftp://shop.example/"}), "jwks_url"),
        (json!({"public_keys": [JWK, "-----BEGIN PRIVATE KEY-----"]}), "public_keys[1]"),
        (
            json!({"public_keys": [json!({"kty": "oct", "k": "c2VjcmV0"}).to_string()]}),
            "public_keys[0]",
        ),
    ] {
        let refused = change(body).await.refused(422, "invalid_field");
        assert_eq!(refused["field"], field);
    }
    let many = vec![JWK; snug_core::limits::PUBLIC_KEYS_PER_APP_MAX + 1];
    change(json!({"public_keys": many})).await.refused(413, "too_large");
    assert_eq!(panel.get(&path).await.is(200), set, "nothing refused was kept");
    let bare = panel.bare("PATCH", &path).json(json!({"verify_url": verify})).send().await;
    bare.refused(403, "csrf_refused");
    let nobody = server.request("GET", &format!("/panel/api/{path}")).send().await;
    assert_eq!(nobody.status, 401, "{nobody:?}");
    panel.get("apps/app_zzzzzzzzzzzzzzzzzzzz/settings").await.refused(404, "app_not_found");
}

fn snug(data: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snug"));
    let output = command.arg("--data").arg(data).args(["--log", "error", "app"]).args(arguments);
    output.output().expect("the binary runs")
}

#[test]
fn the_command_line_sets_them() {
    let data = temp_dir();
    let made = snug(data.path(), &["create", "--name", "Shop", "--print-key"]);
    let made: Value = serde_json::from_slice(&made.stdout).expect("a line of JSON");
    let app = text(&made["app"]);
    let key = data.join("key.json");
    std::fs::write(&key, JWK).expect("the key is written");
    let key = key.to_str().expect("a path");
    let url = "https://shop.example/verify";
    let set = snug(data.path(), &["set", "--app", &app, "--verify-url", url, "--public-key", key]);
    let said = String::from_utf8_lossy(&set.stdout).into_owned();
    assert!(set.status.success() && said.contains(url) && said.contains("EdDSA k"), "{set:?}");
    assert!(said.contains("guests       no"), "{said}");
    let kept = snug(data.path(), &["set", "--app", &app, "--verify-url", "", "--guests", "true"]);
    let said = String::from_utf8_lossy(&kept.stdout).into_owned();
    assert!(!said.contains(url) && said.contains("EdDSA k"), "{kept:?}");
    assert!(said.contains("guests       yes"), "{said}");
    for wrong in [
        vec!["set", "--app", &app, "--verify-url", "nowhere"],
        vec!["set", "--app", &app, "--public-key", "/nowhere.pem"],
        vec!["set", "--app", "app_zzzzzzzzzzzzzzzzzzzz", "--verify-url", url],
    ] {
        let refused = snug(data.path(), &wrong);
        assert!(!refused.status.success() && !refused.stderr.is_empty(), "{refused:?}");
    }
}
