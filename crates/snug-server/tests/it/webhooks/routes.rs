//! Each route once, for the test that none is forgotten.

use serde_json::{Value, json};

use crate::harness::TestApp;

pub(crate) async fn outside(app: &TestApp) {
    app.backend("GET", "webhook", Value::Null).await.refused(409, "not_set_up");
    app.backend("POST", "webhook/rotate", json!({})).await.refused(409, "not_set_up");
    let replay = json!({"from": 1, "to": 2});
    app.backend("POST", "webhook/replay", replay.clone()).await.refused(409, "not_set_up");
    let off = app.backend_ok("GET", "events/settings", Value::Null).await;
    assert_eq!(off, json!({"enabled": false}));
    app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;

    // Nothing listens there; deliveries fail and wait.
    let url = "http://127.0.0.1:1/hook";
    let set = app.backend_ok("PUT", "webhook", json!({"url": url})).await;
    let secret = set["secret"].as_str().expect("a secret");
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "{secret}");
    assert_eq!(app.backend_ok("GET", "webhook", Value::Null).await, json!({"url": url}));
    let rotated = app.backend_ok("POST", "webhook/rotate", json!({"overlap_seconds": 0})).await;
    assert_ne!(rotated["secret"], set["secret"]);
    app.backend_ok("POST", "webhook/replay", replay).await;
    let room = app.group(&["anna"]).await;
    let page = app.backend_ok("GET", "events?after=0", Value::Null).await;
    let last = page["events"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!((&last["type"], &last["data"]["room"]), (&json!("room.created"), &json!(room)));
    let listed = app.backend_ok("GET", "webhook/deliveries?limit=1", Value::Null).await;
    assert_eq!(listed["deliveries"][0]["id"], last["id"]);
    let wrong = app.backend("GET", "webhook/deliveries?state=lost", Value::Null).await;
    wrong.refused_at(422, "invalid_field", "state");
    app.backend_ok("PUT", "events/settings", json!({"enabled": false})).await;
    assert_eq!(app.backend("DELETE", "webhook", Value::Null).await.status, 204);
    app.backend("GET", "webhook", Value::Null).await.refused(409, "not_set_up");
}
