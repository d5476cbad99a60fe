//! Messages that are passed on.

use serde_json::{Value, json};

use crate::harness::TestApp;

pub(super) async fn by_pages(app: &TestApp) {
    let from = app.group(&["f-ann", "f-bob"]).await;
    let to = app.group(&["f-bob", "f-cem"]).await;
    let (ann, bob, cem) =
        (app.page("f-ann").await, app.page("f-bob").await, app.page("f-cem").await);
    let (there, here) = (format!("rooms/{from}/messages"), format!("rooms/{to}/messages"));
    let said = json!({"id": "w1", "text": "@bob nine", "mentions": {"users": ["f-bob"]}});
    let said = ann.call("POST", &there, said).await.is(201);
    ann.call("POST", &there, json!({"id": "w2", "text": "other words"})).await.is(201);

    // The words come along, and whose they are; whom they called and where they stood do not.
    let forward = |room: &str, id: &str| json!({"room": room, "id": id});
    let send = json!({"id": "f1", "forward": forward(&from, "w1")});
    let sent = bob.call("POST", &here, send.clone()).await.is(201);
    assert_eq!((&sent["text"], &sent["sender"]), (&json!("@bob nine"), &json!("f-bob")));
    let first = json!({"sender": "f-ann", "created_at": said["created_at"]});
    assert_eq!(sent["forwarded"], first);
    assert!(sent.get("mentions").is_none(), "{sent}");
    assert_eq!(cem.get(&format!("{here}/f1")).await.is(200), sent);
    let row = cem.get(&format!("rooms/{to}")).await.is(200);
    assert_eq!(row["preview"]["text"], "@bob nine");

    // A repeat is answered as the first one was, also when there is nothing left to pass on.
    ann.call("DELETE", &format!("{there}/w1"), Value::Null).await.is(200);
    assert_eq!(bob.call("POST", &here, send).await.is(200), sent);
    let other = json!({"id": "f1", "forward": forward(&from, "w2")});
    bob.call("POST", &here, other).await.refused(409, "message_id_conflict");

    // Passed on once more, it is still the first one's.
    let third = app.group(&["f-cem"]).await;
    let again = json!({"forward": forward(&to, "f1")});
    let again = cem.call("POST", &format!("rooms/{third}/messages"), again).await.is(201);
    assert_eq!((&again["forwarded"], &again["text"]), (&first, &sent["text"]));

    // Nobody changes what another has said; taking it back is the forwarder's to do.
    let edit = json!({"text": "@bob ten"});
    let one = format!("{here}/f1");
    bob.call("PATCH", &one, edit).await.refused_at(422, "invalid_field", "id");
    let gone = bob.call("DELETE", &one, Value::Null).await.is(200);
    assert!(gone.get("forwarded").is_none(), "{gone}");

    // A card is one wherever it goes.
    let card = json!({"id": "k1", "card": {"title": "Bicycle"}});
    bob.call("POST", &there, card).await.is(201);
    let card = json!({"forward": forward(&from, "k1")});
    let card = bob.call("POST", &here, card).await.is(201);
    assert_eq!((&card["kind"], &card["card"]["title"]), (&json!("card"), &json!("Bicycle")));

    // What the sender does not see, what is gone, and what nobody has said.
    for of in [forward(&from, "w1"), forward(&from, "none"), forward("nowhere", "w1")] {
        let body = json!({"forward": of});
        bob.call("POST", &here, body).await.refused_at(422, "invalid_field", "forward");
    }
    let body = json!({"forward": forward(&from, "k1")});
    cem.call("POST", &here, body).await.refused_at(422, "invalid_field", "forward");
    let body = json!({"text": "look", "forward": forward(&from, "k1")});
    bob.call("POST", &here, body).await.refused_at(422, "invalid_field", "forward");
    by_backend(app, &here, &from).await;
}

/// The backend sees every room; it says in whose name it passes on.
async fn by_backend(app: &TestApp, here: &str, from: &str) {
    let forward = json!({"room": from, "id": "k1"});
    let body = json!({"sender": "f-cem", "forward": forward});
    let sent = app.backend("POST", here, body).await.is(201);
    assert_eq!((&sent["sender"], &sent["forwarded"]["sender"]), (&json!("f-cem"), &json!("f-bob")));
    let nobody = app.backend("POST", here, json!({"forward": forward})).await;
    nobody.refused_at(422, "missing_field", "sender");
}
