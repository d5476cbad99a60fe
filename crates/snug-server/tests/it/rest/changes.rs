//! Edit, unsend, react and hide; channels to find, join and leave.

use serde_json::{Value, json};

use crate::harness::{Page, TestApp, segment, text};

fn rev(message: &Value) -> u64 {
    message["rev"].as_u64().expect("a rev")
}

/// A group of three with a message of the first one's; its path.
async fn said(app: &TestApp, members: &[&str]) -> (String, String) {
    let room = app.group(members).await;
    let first = json!({"id": "m1", "sender": members[0], "text": "helo", "custom": {"a": 1}});
    app.backend("POST", &format!("rooms/{room}/messages"), first).await.is(201);
    (room.clone(), format!("rooms/{room}/messages/m1"))
}

async fn stored(page: &Page, room: &str) -> Value {
    let history = page.get(&format!("rooms/{room}/messages")).await.is(200);
    let all = history["messages"].as_array().expect("messages");
    all.iter().find(|message| message["id"] == "m1").expect("the message").clone()
}

/// Who may is tested beside the other changes; this is each route at its best.
pub(super) async fn pins(app: &TestApp) {
    let (room, path) = said(app, &["p-ann", "p-bob"]).await;
    let ann = app.page("p-ann").await;
    ann.call("PATCH", &path, json!({"text": "hello"})).await.is(200);
    let (pin, versions, list) =
        (format!("{path}/pin"), format!("{path}/versions"), format!("rooms/{room}/pins"));
    let pinned = ann.call("PUT", &pin, Value::Null).await.is(200);
    assert_eq!(ann.get(&list).await.is(200)["messages"], json!([pinned]));
    assert_eq!(app.backend("GET", &list, Value::Null).await.is(200)["messages"], json!([pinned]));
    ann.call("DELETE", &pin, Value::Null).await.is(200);
    assert_eq!(ann.get(&list).await.is(200)["messages"], json!([]));
    app.backend("PUT", &pin, Value::Null).await.is(200);
    app.backend("DELETE", &pin, Value::Null).await.is(200);
    let before = ann.get(&versions).await.is(200);
    assert_eq!(before["versions"][0]["text"], "helo");
    assert_eq!(app.backend("GET", &versions, Value::Null).await.is(200), before);
}

/// As with pins: each route at its best.
pub(super) async fn threads(app: &TestApp) {
    let (room, path) = said(app, &["t-ann", "t-bob"]).await;
    let (ann, bob) = (app.page("t-ann").await, app.page("t-bob").await);
    let reply = json!({"id": "m2", "text": "reply", "thread": "m1"});
    let sent = bob.post(&format!("rooms/{room}/messages"), reply).await.is(201);
    let (thread, list) = (format!("{path}/thread"), format!("rooms/{room}/threads"));
    let page = ann.get(&thread).await.is(200);
    assert_eq!((&page["messages"], &page["mine"]["unread"]), (&json!([sent]), &json!(1)));
    assert_eq!(ann.get(&list).await.is(200)["threads"][0]["root"], page["root"]);
    let read = ann.post(&format!("{thread}/read"), json!({"seq": 2})).await.is(200);
    assert_eq!(read["unread"], 0);
    for path in [&thread, &list] {
        app.backend("GET", path, Value::Null).await.is(200);
    }
}

/// As with pins: each route at its best.
pub(super) async fn marks(app: &TestApp) {
    let (_, path) = said(app, &["k-ann", "k-bob"]).await;
    let bob = app.page("k-bob").await;
    let star = json!({"starred": true});
    let marked = bob.call("PATCH", &format!("{path}/own"), star).await.is(200);
    let list = bob.get("me/starred?limit=1").await.is(200);
    assert_eq!(list["messages"][0]["own"], marked["own"]);
    assert_eq!(list["users"][0]["id"], "k-ann");
}

pub(super) async fn by_pages(app: &TestApp) {
    let (room, path) = said(app, &["e-ann", "e-bob", "e-cat"]).await;
    let (ann, bob) = (app.page("e-ann").await, app.page("e-bob").await);
    let before = stored(&bob, &room).await;

    // The words change, the place does not; the same again is answered alike and takes no rev.
    let edit = json!({"text": "hello"});
    let edited = ann.call("PATCH", &path, edit.clone()).await.is(200);
    assert_eq!((&edited["text"], &edited["custom"]), (&json!("hello"), &json!({"a": 1})));
    assert_eq!((&edited["seq"], rev(&edited)), (&before["seq"], rev(&before) + 1));
    assert!(edited["edited_at"].is_string(), "{edited}");
    assert_eq!(edited["created_at"], before["created_at"]);
    assert_eq!(ann.call("PATCH", &path, edit).await.is(200), edited);
    assert_eq!(stored(&bob, &room).await, edited);

    // Not another's; nothing; not what is no message.
    let other = json!({"text": "mine"});
    bob.call("PATCH", &path, other.clone()).await.refused(403, "role_too_low");
    for (body, status, code, field) in [
        (json!({}), 422, "missing_field", "text"),
        (json!({"text": ""}), 422, "invalid_field", "text"),
        (json!({"text": "a\u{0}b"}), 422, "invalid_field", "text"),
        (json!({"text": 7}), 422, "invalid_field", "text"),
        (json!({"text": "x".repeat(16_385)}), 413, "too_large", "text"),
    ] {
        ann.call("PATCH", &path, body).await.refused_at(status, code, field);
    }
    let none = format!("rooms/{room}/messages/none");
    for (method, body) in [("PATCH", other), ("DELETE", Value::Null)] {
        ann.call(method, &none, body).await.refused(404, "message_not_found");
    }
    let bad = ann.call("DELETE", &format!("rooms/{room}/messages/a%20b"), Value::Null).await;
    bad.refused_at(422, "invalid_field", "message");
    reactions(&ann, &bob, &path).await;

    // A tombstone: no words, no reactions, the same place. Again is alike; an edit finds nothing.
    bob.call("DELETE", &path, Value::Null).await.refused(403, "role_too_low");
    let gone = ann.call("DELETE", &path, Value::Null).await.is(200);
    assert_eq!((&gone["deleted"], &gone["seq"]), (&json!(true), &before["seq"]));
    for field in ["text", "custom", "reactions"] {
        assert!(gone.get(field).is_none(), "{gone}");
    }
    assert_eq!(ann.call("DELETE", &path, Value::Null).await.is(200), gone);
    assert_eq!(stored(&bob, &room).await, gone);
    let late = ann.call("PATCH", &path, json!({"text": "back"})).await;
    late.refused(404, "message_not_found");
    let key = format!("{path}/reactions/ok");
    bob.call("PUT", &key, Value::Null).await.refused(404, "message_not_found");
    // Nor is it news to a send of the same id: that was answered, and is again.
    let list = bob.get(&format!("rooms/{room}")).await.is(200);
    assert!(list["preview"].get("text").is_none(), "{list}");
    assert_eq!(list["mine"]["unread"], 0, "{list}");
}

async fn reactions(ann: &Page, bob: &Page, path: &str) {
    let thumb = format!("{path}/reactions/{}", segment("👍"));
    let one = bob.call("PUT", &thumb, Value::Null).await.is(200);
    assert_eq!(one["reactions"], json!([{"key": "👍", "count": 1, "users": ["e-bob"]}]));
    assert!(one["edited_at"].is_string(), "edited before, and not by this");
    assert_eq!(bob.call("PUT", &thumb, Value::Null).await.is(200), one);
    let two = ann.call("PUT", &thumb, Value::Null).await.is(200);
    assert_eq!(two["reactions"][0]["count"], 2);
    assert_eq!(rev(&two), rev(&one) + 1);
    // A key is any short text, also one that means something in a path.
    let odd = "<b>/..?#% 你";
    let key = format!("{path}/reactions/{}", segment(odd));
    let three = ann.call("PUT", &key, Value::Null).await.is(200);
    assert_eq!(three["reactions"][1]["key"], odd);
    ann.call("DELETE", &key, Value::Null).await.is(200);
    let back = bob.call("DELETE", &thumb, Value::Null).await.is(200);
    assert_eq!(back["reactions"], json!([{"key": "👍", "count": 1, "users": ["e-ann"]}]));
    assert_eq!(bob.call("DELETE", &thumb, Value::Null).await.is(200), back);
    let long = format!("{path}/reactions/{}", "x".repeat(65));
    bob.call("PUT", &long, Value::Null).await.refused_at(413, "too_large", "key");
    let control = format!("{path}/reactions/%01");
    bob.call("PUT", &control, Value::Null).await.refused_at(422, "invalid_field", "key");
    for n in 1..32 {
        bob.call("PUT", &format!("{path}/reactions/k{n}"), Value::Null).await.is(200);
    }
    let most = bob.call("PUT", &format!("{path}/reactions/k32"), Value::Null).await;
    most.refused_at(413, "too_large", "key");
}

pub(super) async fn by_backend(app: &TestApp) {
    let (room, path) = said(app, &["f-ann", "f-bob"]).await;
    let (ann, bob) = (app.page("f-ann").await, app.page("f-bob").await);
    let edited = app.backend("PATCH", &path, json!({"custom": {"a": 2}})).await.is(200);
    assert_eq!((&edited["text"], &edited["custom"]), (&json!("helo"), &json!({"a": 2})));
    // Hidden: everybody sees a place without words, the backend the words; and shown again.
    let hide = format!("{path}/hidden");
    let hidden = app.backend("PUT", &hide, json!({"on": true})).await.is(200);
    assert_eq!((&hidden["hidden"], &hidden["text"]), (&json!(true), &json!("helo")));
    assert_eq!(app.backend("PUT", &hide, json!({"on": true})).await.is(200), hidden);
    let seen = stored(&bob, &room).await;
    assert_eq!((&seen["hidden"], seen.get("text")), (&json!(true), None));
    let edit = json!({"text": "again"});
    ann.call("PATCH", &path, edit).await.refused(404, "message_not_found");
    app.backend("PUT", &hide, json!({"on": false})).await.is(200);
    assert_eq!(stored(&bob, &room).await["text"], "helo");
    app.backend("PUT", &hide, json!({})).await.refused_at(422, "missing_field", "on");

    // A frozen room: nothing new is said in it, and what was said can be taken back.
    app.backend("PATCH", &format!("rooms/{room}"), json!({"frozen": true})).await.is(200);
    let edit = json!({"text": "again"});
    ann.call("PATCH", &path, edit).await.refused(403, "room_frozen");
    let key = format!("{path}/reactions/ok");
    bob.call("PUT", &key, Value::Null).await.refused(403, "room_frozen");
    let gone = app.backend("DELETE", &path, Value::Null).await.is(200);
    assert_eq!(gone["deleted"], true);
    assert_eq!(app.backend("DELETE", &path, Value::Null).await.is(200), gone);
    let nowhere = app.backend("DELETE", "rooms/none/messages/m1", Value::Null).await;
    nowhere.refused(404, "room_not_found");

    // Owners and admins take back what others said; nobody puts words into another's mouth.
    let (_, path) = said(app, &["f-bob", "f-ann", "f-owner"]).await;
    let (_, other) = said(app, &["f-ann", "f-bob"]).await;
    bob.call("DELETE", &other, Value::Null).await.refused(403, "role_too_low");
    ann.call("DELETE", &path, Value::Null).await.refused(403, "role_too_low");
    let room = app.group(&["f-owner", "f-ann"]).await;
    let by_ann = json!({"id": "m1", "text": "rude"});
    ann.post(&format!("rooms/{room}/messages"), by_ann).await.is(201);
    let (owner, path) = (app.page("f-owner").await, format!("rooms/{room}/messages/m1"));
    owner.call("PATCH", &path, json!({"text": "kind"})).await.refused(403, "role_too_low");
    owner.call("DELETE", &path, Value::Null).await.is(200);
}

pub(super) async fn channels(app: &TestApp) {
    let (ann, bob) = (app.page("j-ann").await, app.page("j-bob").await);
    for n in 0..5 {
        let body = json!({"kind": "channel", "id": format!("ch {n}"), "name": format!("C{n}"),
            "members": ["j-ann"]});
        app.backend("POST", "rooms", body).await.is(201);
    }
    let (mut seen, mut path) = (Vec::new(), "channels?limit=2".to_owned());
    loop {
        let page = bob.get(&path).await.is(200);
        let rooms = page["rooms"].as_array().expect("rooms");
        assert!(rooms.len() <= 2 && rooms.iter().all(|room| room["kind"] == "channel"), "{page}");
        assert!(rooms.iter().all(|room| room.get("mine").is_none()), "{page}");
        seen.extend(rooms.iter().map(|room| text(&room["id"])));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("channels?limit=2&cursor={}", segment(next));
    }
    seen.retain(|id| id.starts_with("ch "));
    assert_eq!(seen, ["ch 0", "ch 1", "ch 2", "ch 3", "ch 4"]);
    let all = app.backend("GET", "channels?limit=200", Value::Null).await.is(200);
    assert!(all["rooms"].as_array().map(Vec::len) >= Some(5), "{all}");
    for bad in ["channels?limit=0", "channels?limit=201", "channels?limit=x"] {
        bob.get(bad).await.refused_at(422, "invalid_field", "limit");
    }
    bob.get("channels?cursor=").await.refused_at(422, "invalid_field", "cursor");

    let room = segment("ch 1");
    bob.post(&format!("rooms/{room}/messages"), json!({"text": "x"}))
        .await
        .refused(403, "not_a_member");
    let joined = bob.post(&format!("rooms/{room}/join"), Value::Null).await.is(200);
    assert_eq!((&joined["mine"]["state"], &joined["member_count"]), (&json!("active"), &json!(2)));
    let again = bob.post(&format!("rooms/{room}/join"), Value::Null).await.is(200);
    assert_eq!(again, joined, "no second announcement");
    bob.post(&format!("rooms/{room}/messages"), json!({"text": "hi"})).await.is(201);
    let seen = ann.get(&format!("rooms/{room}/messages")).await.is(200);
    assert_eq!(seen["messages"][0]["custom"]["type"], "member_joined");
    bob.post(&format!("rooms/{room}/leave"), Value::Null).await.is(204);
    bob.post(&format!("rooms/{room}/messages"), json!({"text": "x"}))
        .await
        .refused(403, "not_a_member");
    bob.post(&format!("rooms/{room}/join"), Value::Null).await.is(200);
    // Groups and direct rooms are not joined by who knows their ids.
    let group = app.group(&["j-ann"]).await;
    bob.post(&format!("rooms/{group}/join"), Value::Null).await.refused(403, "not_a_member");
    let direct = app.direct("j-ann", "j-cat").await;
    bob.post(&format!("rooms/{direct}/join"), Value::Null).await.refused(404, "room_not_found");
}
