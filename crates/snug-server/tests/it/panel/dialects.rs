//! Other systems' wires, switched on in the panel: what it shows lets that system's clients in.

use serde_json::{Value, json};

use super::Panel;
use crate::harness::{TestServer, text};

fn value(answer: &Value, name: &str) -> String {
    let values = answer["values"].as_array().expect("values");
    let found = values.iter().find(|each| each["name"] == name);
    text(&found.unwrap_or_else(|| panic!("{name} in {answer}"))["value"])
}

#[tokio::test]
async fn what_the_panel_shows_lets_their_clients_in() {
    let server = TestServer::sqlite().await;
    let panel = Panel::signed_up(&server).await;
    let app = text(&panel.new_app("Shop").await["id"]);
    let open = |dialect: &str, body: Value| {
        panel.request("POST", &format!("apps/{app}/dialects/{dialect}")).json(body).send()
    };
    let password = super::PASSWORD;

    let shown = open("i2a", json!({"password": password})).await.is(200);
    let secret = value(&shown, "X-Application-Secret");
    let asked = |secret: &str| {
        let request = server.request("POST", "/server-to-server/v1/session/open-session/");
        request.header("x-application-secret", secret).json(json!({})).send()
    };
    assert_eq!(asked(&secret).await.status, 400, "let in, and told what is missing");
    let again = open("i2a", json!({"password": password})).await.is(200);
    assert_eq!(value(&again, "X-Application-Secret"), secret);
    let new = open("i2a", json!({"password": password, "rotate": true})).await.is(200);
    assert_ne!(value(&new, "X-Application-Secret"), secret);
    assert_eq!(asked(&secret).await.status, 401);

    let shown = open("imkit", json!({"password": password})).await.is(200);
    let clients = server
        .request("GET", "/admin/clients")
        .header("IM-CLIENT-KEY", &value(&shown, "Client Key"))
        .header("IM-API-KEY", &value(&shown, "API Key"));
    assert_eq!(clients.send().await.status, 200);

    let asked = json!({"password": password, "username": "boss"});
    let shown = open("rocketchat", asked).await.is(200);
    let me = server
        .request("GET", "/api/v1/me")
        .header("X-User-Id", &value(&shown, "X-User-Id"))
        .header("X-Auth-Token", &value(&shown, "X-Auth-Token"));
    let roles = me.send().await.is(200)["roles"].to_string();
    assert!(roles.contains("admin"), "{roles}");
}

#[tokio::test]
async fn keys_are_shown_to_who_knows_the_password_now() {
    let server = TestServer::sqlite().await;
    let panel = Panel::signed_up(&server).await;
    let app = text(&panel.new_app("Shop").await["id"]);
    let path = |dialect: &str| format!("apps/{app}/dialects/{dialect}");
    let open = |dialect: &str, body: Value| panel.request("POST", &path(dialect)).json(body).send();
    open("i2a", json!({"password": "wrong password"})).await.refused(403, "password_wrong");
    open("i2a", json!({})).await.refused_at(422, "missing_field", "password");
    let password = super::PASSWORD;
    let unknown = open("icq", json!({"password": password})).await;
    unknown.refused_at(422, "invalid_field", "dialect");
    let nameless = open("rocketchat", json!({"password": password})).await;
    nameless.refused_at(422, "missing_field", "username");
    let bare = panel.bare("POST", &path("i2a")).json(json!({"password": password})).send().await;
    bare.refused(403, "csrf_refused");
    let elsewhere = "apps/app_zzzzzzzzzzzzzzzzzzzz/dialects/imkit";
    let nobody = panel.request("POST", elsewhere).json(json!({"password": password})).send().await;
    nobody.refused(404, "app_not_found");
}
