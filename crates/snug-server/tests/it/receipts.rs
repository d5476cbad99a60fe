//! Receipts through the real doors: what is told, what is not, and who answers for a message.

use serde_json::{Value, json};

use crate::harness::{Page, TestApp, TestServer, on_both, text};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number, not {value}"))
}

async fn say(page: &Page, room: &str, id: &str) -> u64 {
    let path = format!("rooms/{room}/messages");
    number(&page.post(&path, json!({"id": id, "text": id})).await.is(201)["seq"])
}

async fn receipts(page: &Page, room: &str, id: &str) -> Value {
    page.get(&format!("rooms/{room}/messages/{id}/receipts")).await.is(200)
}

async fn got(page: &Page, room: &str, seq: u64) {
    page.post("me/delivered", json!({"rooms": {room: seq}})).await.is(204);
}

/// Reached by the rest tests, which hold that every route was answered.
pub(crate) async fn by_rest(app: &TestApp) {
    let room = app.group(&["r-ann", "r-ben"]).await;
    let (ann, ben) = (app.page("r-ann").await, app.page("r-ben").await);
    say(&ann, &room, "r1").await;
    let path = format!("rooms/{room}/messages/r1/receipts");
    let seen = ann.get(&path).await.is(200);
    assert_eq!(app.backend("GET", &path, Value::Null).await.is(200), seen);
    got(&ben, &room, 1).await;
    for rooms in [json!({}), json!({"": 1}), json!({"a\nb": 1})] {
        let refused = ben.post("me/delivered", json!({ "rooms": rooms })).await;
        refused.refused_at(422, "invalid_field", "rooms");
    }
    let many: serde_json::Map<String, Value> =
        (0..101).map(|n| (format!("r{n}"), json!(1))).collect();
    let refused = ben.post("me/delivered", json!({ "rooms": many })).await;
    refused.refused_at(422, "invalid_field", "rooms");
    app.page("stranger").await.get(&path).await.refused(403, "not_a_member");
    ann.get(&format!("rooms/{room}/messages/none/receipts"))
        .await
        .refused(404, "message_not_found");
    ann.get(&format!("{path}?limit=501")).await.refused_at(422, "invalid_field", "limit");
}

/// Sent, delivered, read: each is told to who has the room open, and answered to who asks.
#[tokio::test]
async fn a_small_room_is_told_and_asked() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben", "cem"]).await;
        let page = app.page("ann").await;
        let mut ann = app.socket(&page.opened.token).await;
        ann.request("room.open", json!({"room": room})).await;
        let ((_, mut ben), (_, mut closed)) = (app.enter("ben").await, app.enter("cem").await);
        let seq = say(&page, &room, "one").await;
        let cursors = |page: &Value| -> Vec<(String, u64, u64)> {
            let members = page["members"].as_array().expect("members").iter();
            members
                .map(|one| {
                    let user = one["user"].as_str().expect("a user").to_owned();
                    (user, number(&one["delivered_seq"]), number(&one["read_seq"]))
                })
                .collect()
        };
        let before = receipts(&page, &room, "one").await;
        assert_eq!(before["counts"], json!({"members": 2, "delivered": 0, "read": 0}));
        assert_eq!(before["seq"], seq);

        // More than there is is what there is; several in one frame; strangers' rooms do no harm.
        ben.request("delivered", json!({"rooms": {&room: seq + 100, "nowhere": 3}})).await;
        let heard = ann.event("delivered").await;
        let expected = json!({"room": room, "cursors": [{"user": "ben", "seq": seq}]});
        assert_eq!(heard, expected);
        let now = receipts(&page, &room, "one").await;
        assert_eq!(now["counts"], json!({"members": 2, "delivered": 1, "read": 0}));
        let names: Vec<_> = now["users"].as_array().expect("users").iter().collect();
        assert_eq!(names.len(), 2, "{now}");
        let all = cursors(&now);
        assert_eq!((all[0].0.as_str(), all[0].1, all[1].0.as_str()), ("ben", seq, "cem"));
        assert!(all[0].2 < seq && all[1].1 < seq, "{all:?}");

        // What was read was delivered, without a word of it.
        closed.request("read", json!({"room": room, "seq": seq})).await;
        ann.event_where("read", |read| read["user"] == "cem").await;
        let now = receipts(&page, &room, "one").await;
        assert_eq!(now["counts"], json!({"members": 2, "delivered": 2, "read": 1}));
        assert_eq!(cursors(&now)[1], ("cem".to_owned(), seq, seq));

        // Never back, and what is behind already is told to nobody; the next word is the next cursor's.
        ben.request("delivered", json!({"rooms": {&room: 1}})).await;
        closed.request("delivered", json!({"rooms": {&room: seq}})).await;
        let next = say(&page, &room, "two").await;
        ben.request("delivered", json!({"rooms": {&room: next}})).await;
        let heard = ann.event("delivered").await;
        assert_eq!(heard["cursors"], json!([{"user": "ben", "seq": next}]), "{heard}");
        // A closed room hears nothing of it.
        assert!(closed.drain().await.iter().all(|(name, _)| name != "delivered"));
    })
    .await;
}

/// Who joined after a message cannot have it, who is invited is nobody yet, and who left counts no
/// more; to a member who came later the message is not there.
#[tokio::test]
async fn only_those_count_who_can_have_it() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben", "cem"]).await;
        let ann = app.page("ann").await;
        let seq = say(&ann, &room, "one").await;
        let members = format!("rooms/{room}/members");
        app.backend("POST", &members, json!({"users": ["late"]})).await.is(200);
        let asked = json!({"users": ["asked"], "invitation_required": true});
        app.backend("POST", &members, asked).await.is(200);
        app.backend("DELETE", &format!("{members}/cem"), Value::Null).await.is(200);
        let late = app.page("late").await;
        got(&late, &room, seq).await;
        let now = receipts(&ann, &room, "one").await;
        assert_eq!(now["counts"], json!({"members": 1, "delivered": 0, "read": 0}), "{now}");
        assert_eq!(now["members"][0]["user"], "ben");
        let next = say(&ann, &room, "two").await;
        assert!(next > seq);
        let now = receipts(&ann, &room, "two").await;
        assert_eq!(now["counts"]["members"], 2, "{now}");
    })
    .await;
}

/// Above the bound nobody is told, and who asks is answered page by page.
#[tokio::test]
async fn a_large_room_is_asked() {
    on_both(async |server| {
        let app = server.app().await;
        let names: Vec<String> = (0..101).map(|n| format!("u{n:03}")).collect();
        let mut all: Vec<&str> = vec!["ann"];
        all.extend(names.iter().map(String::as_str));
        let room = app.group(&all).await;
        let small = app.group(&["ann", "u000"]).await;
        let page = app.page("ann").await;
        let mut ann = app.socket(&page.opened.token).await;
        for room in [&room, &small] {
            ann.request("room.open", json!({"room": room})).await;
        }
        let large_seq = say(&page, &room, "large").await;
        let small_seq = say(&page, &small, "small").await;
        let first = app.page("u000").await;
        // Both are written in one turn: when the small room is told, the large one is written.
        let rooms = json!({&room: large_seq, &small: small_seq});
        first.post("me/delivered", json!({ "rooms": rooms })).await.is(204);
        let heard = ann.event("delivered").await;
        assert_eq!(heard["room"], small.as_str(), "{heard}");
        let path = format!("rooms/{room}/messages/large/receipts?limit=60");
        let one = page.get(&path).await.is(200);
        assert_eq!(one["counts"], json!({"members": 101, "delivered": 1, "read": 0}));
        let next = one["next"].as_str().expect("more").to_owned();
        let two = page.get(&format!("{path}&cursor={next}")).await.is(200);
        assert_eq!((&two["counts"], &two["next"]), (&Value::Null, &Value::Null));
        let count = |page: &Value| page["members"].as_array().expect("members").len();
        assert_eq!((count(&one), count(&two)), (60, 41));
        assert!(ann.drain().await.iter().all(|(name, _)| name != "delivered"));
    })
    .await;
}

/// Who has a message is its room's members' matter: not of who reads a channel without being in
/// it, not of who is invited, and not of who was removed.
#[tokio::test]
async fn only_members_are_told() {
    on_both(async |server| {
        let app = server.app().await;
        let body = json!({"kind": "channel", "name": "News", "members": ["ann", "ben", "cem"]});
        let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
        let members = format!("rooms/{room}/members");
        let asked = json!({"users": ["zoe"], "invitation_required": true});
        app.backend("POST", &members, asked).await.is(200);
        app.backend("DELETE", &format!("{members}/cem"), Value::Null).await.is(200);
        let ((_, mut ann), (_, mut eve)) = (app.enter("ann").await, app.enter("eve").await);
        for socket in [&mut ann, &mut eve] {
            socket.request("room.open", json!({"room": room})).await;
        }
        // Other devices than the sockets', which would be replaced.
        let (page, ben) = (app.page_on("ann", "other").await, app.page("ben").await);
        let seq = say(&page, &room, "one").await;
        let path = format!("rooms/{room}/messages/one/receipts");
        for name in ["eve", "zoe", "cem"] {
            let other = app.page_on(name, "other").await;
            other.get(&format!("rooms/{room}/messages")).await.is(200);
            other.get(&path).await.refused(403, "not_a_member");
            got(&other, &room, seq).await;
        }
        eve.refused("receipts.list", json!({"room": room, "id": "one"}), "not_a_member").await;
        got(&ben, &room, seq).await;
        let heard = ann.event("delivered").await;
        assert_eq!(heard["cursors"], json!([{"user": "ben", "seq": seq}]));
        assert!(eve.drain().await.iter().all(|(name, _)| name != "delivered"));
        let now = receipts(&page, &room, "one").await;
        assert_eq!(now["counts"], json!({"members": 1, "delivered": 1, "read": 0}));
    })
    .await;
}

/// What a user deleted for oneself is no message to that user, and stays one to the others.
#[tokio::test]
async fn what_was_deleted_for_oneself_has_no_receipts() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        say(&ann, &room, "one").await;
        let message = format!("rooms/{room}/messages/one");
        ann.call("PATCH", &format!("{message}/own"), json!({"deleted": true})).await.is(200);
        let path = format!("{message}/receipts");
        ann.get(&path).await.refused(404, "message_not_found");
        ben.get(&path).await.is(200);
        app.backend("GET", &path, Value::Null).await.is(200);
    })
    .await;
}

/// Whether a device of theirs is on would be told by what it gets.
#[tokio::test]
async fn who_is_invisible_delivers_nothing() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben", "cem"]).await;
        let (page, ben) = (app.page("ann").await, app.page("ben").await);
        let mut ann = app.socket(&page.opened.token).await;
        ann.request("room.open", json!({"room": room})).await;
        ben.call("PATCH", "me", json!({"invisible": true})).await.is(200);
        let seq = say(&page, &room, "one").await;
        // Written in one turn, or in this order.
        got(&ben, &room, seq).await;
        got(&app.page("cem").await, &room, seq).await;
        let heard = ann.event("delivered").await;
        assert_eq!(heard["cursors"], json!([{"user": "cem", "seq": seq}]));
        let now = receipts(&page, &room, "one").await;
        assert_eq!(now["counts"], json!({"members": 2, "delivered": 1, "read": 0}));
    })
    .await;
}

/// A server that is stopped writes what it has heard.
#[tokio::test]
async fn a_stop_loses_nothing() {
    let server = TestServer::sqlite().await;
    let mut app = server.app().await;
    let room = app.group(&["ann", "ben"]).await;
    let seq = say(&app.page("ann").await, &room, "one").await;
    got(&app.page("ben").await, &room, seq).await;
    let server = server.restart().await;
    app.address = server.address();
    let now = receipts(&app.page("ann").await, &room, "one").await;
    assert_eq!(now["counts"], json!({"members": 1, "delivered": 1, "read": 0}));
    assert!(server.stop().await);
}

/// A count goes through all members: beyond a bound it is left out, and the pages stay.
#[tokio::test]
async fn a_very_large_room_is_not_counted() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann"]).await;
    let members = format!("rooms/{room}/members");
    let names: Vec<String> = (0..5_000).map(|n| format!("u{n:04}")).collect();
    for some in names.chunks(1_000) {
        app.backend("POST", &members, json!({ "users": some })).await.is(200);
    }
    let ann = app.page("ann").await;
    say(&ann, &room, "one").await;
    let page = receipts(&ann, &room, "one").await;
    assert_eq!(page["counts"], Value::Null);
    assert_eq!(page["members"].as_array().map(Vec::len), Some(100));
    app.backend("DELETE", &format!("{members}/u0000"), Value::Null).await.is(200);
    let page = receipts(&ann, &room, "one").await;
    assert_eq!(page["counts"], json!({"members": 4_999, "delivered": 0, "read": 0}));
    assert!(server.stop().await);
}
