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
    let refused = put(json!([{"id": "a", "members": ["b"]}])).await.refused(422, "invalid_field");
    assert_eq!(refused["field"], "contacts[0].members");
    put(Value::Null).await.is(204);
    assert_eq!(page.get("contacts").await.is(200), json!({"contacts": []}));
}

/// The page says whom or what about; who joins, and whether it may, is the backend's.
pub(super) async fn a_room_with_a_contact(app: &TestApp) {
    let page = app.page("cara").await;
    let refund = ["agent-1", "agent-2"];
    let contacts = json!({"contacts": [
        {"id": "ann"},
        {"id": "refund", "kind": "topic", "name": "退款", "members": refund},
    ]});
    app.backend("PUT", "users/cara/contacts", contacts).await.is(204);
    let seen = page.get("contacts").await.is(200).to_string();
    assert!(!seen.contains("agent"), "who joins is not the page's to know: {seen}");

    let ask = |contact: &str| json!({"kind": "contact", "contact": contact, "message": {"text": "My parcel is late"}});
    let room = page.post("rooms", ask("refund")).await.is(201);
    assert_eq!((&room["kind"], &room["name"]), (&json!("group"), &json!("退款")));
    assert_eq!((&room["mine"]["role"], &room["seq"]), (&json!("member"), &json!(1)));
    for agent in refund {
        let listed = app.page(agent).await.get("rooms").await.is(200);
        assert_eq!(listed["rooms"][0]["id"], room["id"]);
        assert_eq!(listed["rooms"][0]["preview"]["text"], "My parcel is late");
    }
    // Another matter is another room; under an id of the page's own, the same.
    let again = page.post("rooms", ask("refund")).await.is(201);
    assert_ne!(again["id"], room["id"]);
    let named = json!({"kind": "contact", "contact": "refund", "id": "t1", "if_exists": "return"});
    page.post("rooms", named.clone()).await.is(201);
    assert_eq!(page.post("rooms", named).await.is(200)["id"], "t1");

    let direct = page.post("rooms", ask("ann")).await.is(201);
    assert_eq!(direct["kind"], "direct");
    let same = json!({"kind": "direct", "users": ["ann", "cara"]});
    assert_eq!(app.backend("POST", "rooms", same).await.is(200)["id"], direct["id"]);

    for unknown in ["dan", "REFUND"] {
        page.post("rooms", ask(unknown)).await.refused_at(422, "invalid_field", "contact");
    }
    page.post("rooms", ask("")).await.refused_at(422, "invalid_field", "contact");
    let none = page.post("rooms", json!({"kind": "contact"})).await;
    none.refused_at(422, "missing_field", "contact");
    // A backend names people by their ids.
    let body = json!({"kind": "contact", "contact": "ann"});
    app.backend("POST", "rooms", body).await.refused_at(422, "invalid_field", "kind");
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
            let topic = |n: usize| {
                json!({"id": format!("{user}-{n}"), "kind": "topic", "members": ["agent"]})
            };
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
    // Who joins is what the desk says when the conversation begins.
    let begin = |id: &str| json!({"kind": "contact", "contact": id, "message": {"text": "Hi"}});
    let made = customer.post("rooms", begin("customer-7")).await.is(201);
    assert_eq!(made["member_count"], 2);
    let refused = customer.post("rooms", begin("agent-7")).await;
    assert_eq!(refused.refused(422, "invalid_field")["field"], "contact");
    // What the backend has set goes before.
    let own = json!({"contacts": [{"id": "boss", "kind": "user"}]});
    app.backend("PUT", "users/agent/contacts", own.clone()).await.is(204);
    assert_eq!(agent.get("contacts").await.is(200), own);
    for broken in ["/broken", "/html"] {
        set(&server, &app, at(broken)).await;
        customer.get("contacts").await.refused(503, "verify_unreachable");
        customer.post("rooms", begin("customer-7")).await.refused(503, "verify_unreachable");
    }
}
