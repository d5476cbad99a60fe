//! Contacts: set by the backend, or asked for at the app's contacts URL.

use serde_json::{Value, json};
use snug_core::model::{Patch, SettingsPatch};

use crate::harness::{Customer, TestApp, TestServer};
use crate::sessions::verified::set;

pub(super) async fn set_by_the_backend(app: &TestApp) {
    let page = app.page("cara").await;
    assert_eq!(page.get("contacts").await.is(200), json!({"contacts": []}));
    let contacts = json!([
        {"id": "ann", "kind": "user", "name": "Ann", "avatar": "/ann.png", "data": {"team": 1}},
        {"id": "refund", "kind": "topic", "name": "退款"},
        {"id": "梅/1", "kind": "user"},
    ]);
    let put = |contacts: Value| {
        app.backend("PUT", "users/cara/contacts", json!({ "contacts": contacts }))
    };
    put(contacts.clone()).await.is(204);
    assert_eq!(page.get("contacts").await.is(200), json!({"contacts": contacts}));
    let first = page.get("contacts?limit=2").await.is(200);
    assert_eq!((&first["contacts"][1]["id"], &first["next"]), (&json!("refund"), &json!("2")));
    let rest = page.get("contacts?limit=2&cursor=2").await.is(200);
    assert_eq!(rest, json!({"contacts": [contacts[2]]}));
    assert_eq!(page.get("contacts?cursor=99").await.is(200), json!({"contacts": []}));
    assert_eq!(app.page("dan").await.get("contacts").await.is(200), json!({"contacts": []}));
    for (wrong, field) in [
        (json!([{"id": ""}]), "contacts[0].id"),
        (json!([{"id": "a", "kind": "robot"}]), "contacts[0].kind"),
        (json!([{"id": "a"}, {"id": "b", "avatar": "javascript:x"}]), "contacts[1].avatar"),
    ] {
        assert_eq!(put(wrong).await.refused(422, "invalid_field")["field"], field);
    }
    for query in ["contacts?limit=0", "contacts?limit=501", "contacts?cursor=x"] {
        page.get(query).await.refused(422, "invalid_field");
    }
    put(Value::Null).await.is(204);
    assert_eq!(page.get("contacts").await.is(200), json!({"contacts": []}));
}

#[tokio::test]
async fn asked_for_at_the_contacts_url() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let desk = Customer::start(|path, body| match (path, body["user"].as_str()) {
        ("/broken", _) => (500, String::new()),
        ("/html", _) => (200, "<html>".to_owned()),
        (_, Some("agent")) => (200, json!([]).to_string()),
        (_, Some(user)) => {
            let topic = |n: usize| json!({"id": format!("{user}-{n}"), "kind": "topic"});
            (200, json!({"contacts": (0..150).map(topic).collect::<Vec<_>>()}).to_string())
        }
        _ => (400, String::new()),
    })
    .await;
    let at = |path: &str| SettingsPatch {
        contacts_url: Patch::Set(desk.url(path)),
        ..SettingsPatch::default()
    };
    set(&server, &app, at("/contacts")).await;
    // A support desk: customers get kinds of tickets, agents get nobody.
    let customer = app.page("customer").await;
    let first = customer.get("contacts").await.is(200);
    assert_eq!(first["contacts"].as_array().map(Vec::len), Some(100));
    let rest = customer.get("contacts?cursor=100").await.is(200);
    assert_eq!(rest["contacts"].as_array().map(Vec::len), Some(50));
    assert_eq!((&rest["contacts"][49]["id"], rest.get("next")), (&json!("customer-149"), None));
    let agent = app.page("agent").await;
    assert_eq!(agent.get("contacts").await.is(200), json!({"contacts": []}));
    // What the backend has set goes before.
    let own = json!({"contacts": [{"id": "boss", "kind": "user"}]});
    app.backend("PUT", "users/agent/contacts", own.clone()).await.is(204);
    assert_eq!(agent.get("contacts").await.is(200), own);
    for broken in ["/broken", "/html"] {
        set(&server, &app, at(broken)).await;
        customer.get("contacts").await.refused(503, "verify_unreachable");
    }
}
