//! Routes and events that the vendor's flow does not touch.

use serde_json::{Value, json};
use snug_dialects::imkit::OPERATIONS;

use super::socket::Line;
use super::{Imkit, refused, result};
use crate::harness::{TestServer, segment, text};

async fn room(imkit: &Imkit, token: &str, body: Value) -> String {
    let made = imkit.user(token, "POST", "/rooms/createAndJoin", body).await;
    text(&result(made)["_id"])
}

#[tokio::test]
async fn imkit_users_change_themselves_and_name_their_phones() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let ann = imkit.token("ann").await;
    let mine = json!({
        "nickname": "安", "avatarUrl": "https://x/a.png", "description": "here",
        "email": "ann@shop.example",
    });
    let said = result(imkit.user(&ann, "POST", "/me", mine.clone()).await);
    assert_eq!(said["email"], mine["email"], "said back, not kept");
    let me = result(imkit.user(&ann, "GET", "/me", Value::Null).await);
    for field in ["nickname", "avatarUrl", "description"] {
        assert_eq!((&said[field], &me[field]), (&mine[field], &mine[field]), "{field}");
    }
    assert_eq!(me.get("email"), None);
    // What is not named stays.
    result(imkit.user(&ann, "POST", "/me", json!({"description": "gone"})).await);
    let me = result(imkit.user(&ann, "GET", "/me", Value::Null).await);
    assert_eq!((&me["nickname"], &me["description"]), (&json!("安"), &json!("gone")));
    let phone = json!({"type": "fcm", "token": "push-1", "deviceId": "phone"});
    result(imkit.user(&ann, "POST", "/me/subscribe", phone.clone()).await);
    result(imkit.user(&ann, "POST", "/me/unsubscribe", phone).await);
    let long = json!({"type": "fcm", "token": "x".repeat(5_000)});
    refused(imkit.user(&ann, "POST", "/me/subscribe", long).await, 400, "INVALID_BODY");
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_lists_rooms_by_id_time_tag_and_unread() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let (ann, bob) = (imkit.token("ann").await, imkit.token("bob").await);
    let mut rooms = Vec::new();
    for (name, tags) in [("one", json!(["a", "b"])), ("two", json!(["a"])), ("three", json!([]))] {
        let body = json!({"name": name, "invitee": ["bob"], "roomTags": tags});
        let id = room(&imkit, &ann, body).await;
        let path = format!("/rooms/{id}/message");
        result(imkit.user(&ann, "POST", &path, json!({"message": name})).await);
        rooms.push(id);
    }
    let get = |token: String, path: &'static str| {
        let imkit = imkit.clone();
        async move { result(imkit.user(&token, "GET", path, Value::Null).await) }
    };
    let ids = |list: Value| {
        let data = list["data"].as_array().expect("a list").clone();
        data.iter().map(|one| text(&one["_id"])).collect::<Vec<_>>()
    };
    let mut all = get(bob.clone(), "/rooms/ids").await;
    let all = all.as_array_mut().expect("ids");
    assert_eq!(all.len(), 3);
    assert!(rooms.iter().all(|id| all.contains(&json!(id))), "{all:?}");
    assert_eq!(get(bob.clone(), "/rooms/ids?skip=1&limit=1").await, json!([all[1]]));
    // Badges: every tag that is named must be there.
    for (path, badge) in [
        ("/me/badge", 3),
        ("/me/badge?roomTags=a", 2),
        ("/me/badge?roomTags=a&roomTags=b", 1),
        ("/me/badge?roomTags=c", 0),
    ] {
        assert_eq!(get(bob.clone(), path).await, json!({"badge": badge}), "{path}");
    }
    // Read ones come after unread ones.
    let path = format!("/rooms/{}/lastRead", rooms[2]);
    result(imkit.user(&bob, "PUT", &path, json!({})).await);
    assert_eq!(ids(get(bob.clone(), "/rooms").await)[0], rooms[2]);
    let unread_first = ids(get(bob.clone(), "/rooms?sortUnreadFirst=true").await);
    assert_eq!(unread_first, [&rooms[1], &rooms[0], &rooms[2]].map(Clone::clone));
    let list = get(bob.clone(), "/rooms?updatedAfter=2020-01-01T00:00:00.000Z").await;
    assert_eq!(list["totalCount"], 3);
    let list = get(bob, "/rooms?updatedAfter=2120-01-01T00:00:00.000Z").await;
    assert_eq!((&list["totalCount"], &list["data"]), (&json!(0), &json!([])));
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_members_come_and_go_one_by_one() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let (ann, bob) = (imkit.token("ann").await, imkit.token("bob").await);
    let id = room(&imkit, &ann, json!({"name": "n"})).await;
    let member = |who: &str| format!("/rooms/{id}/members/{}", segment(who));
    for who in ["bob", "a/b c?語"] {
        let added = result(imkit.user(&ann, "POST", &member(who), json!({})).await);
        assert!(added["members"].to_string().contains(who), "{added}");
    }
    let path = format!("/rooms/{id}/members");
    let list = result(imkit.user(&bob, "GET", &path, Value::Null).await);
    assert_eq!(list["totalCount"], 3, "{list}");
    // By an owner, not by a member; oneself may always leave.
    let answer = imkit.user(&bob, "DELETE", &member("a/b c?語"), json!({})).await;
    refused(answer, 403, "INSUFFICIENT_PERMISSIONS");
    let left = result(imkit.user(&ann, "DELETE", &member("a/b c?語"), json!({})).await);
    assert_eq!(left["memberCount"], 2);
    let left = result(imkit.user(&bob, "DELETE", &member("bob"), json!({})).await);
    assert_eq!(left["memberCount"], 1);
    let answer = imkit.user(&bob, "GET", &format!("/rooms/{id}"), Value::Null).await;
    refused(answer, 403, "NOT_ROOM_MEMBER");
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_socket_hears_typing_and_refuses_what_it_does_not_know() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let (ann, bob) = (imkit.token("ann").await, imkit.token("bob").await);
    let id = room(&imkit, &ann, json!({"name": "n", "invitee": ["bob"]})).await;
    let mut line = Line::enter(&imkit, &bob).await;
    let path = format!("/rooms/{id}/typing");
    result(imkit.user(&ann, "POST", &path, json!({"message": "hel"})).await);
    let typing = line.event("typing").await;
    assert_eq!((&typing["room"], &typing["sender"]), (&json!(id), &json!("ann")));
    assert_eq!(typing["senderInfo"]["nickname"], "ann");
    assert_eq!(typing["message"], "hel", "what is being written");
    // The socket's word for it; a value that is no text says nothing, a long one is cut.
    let mut other = Line::enter(&imkit, &ann).await;
    for (said, shown) in [(json!("hello"), "hello"), (json!({"a": 1}), "")] {
        other.call(&json!(["typing", id, said])).await;
        assert_eq!(line.event("typing").await["message"], shown);
    }
    let long = format!("x{}", "語".repeat(400));
    result(imkit.user(&ann, "POST", &path, json!({ "message": long })).await);
    assert_eq!(line.event("typing").await["message"], long[..1_024]);
    // The old word for the same, with the key where the connection began.
    let key = [("im-client-key", imkit.keys.client_key.clone())];
    let mut old = Line::open(&imkit, &key).await;
    let early = old.call(&json!(["typing", id])).await;
    assert_eq!((&early["RC"], &early["error"]["code"]), (&json!(401), &json!("INVALID_TOKEN")));
    let entered = old.call(&json!(["auth", bob])).await;
    assert_eq!((&entered["RC"], &entered["result"]["client"]["_id"]), (&json!(0), &json!("bob")));
    let (mut wrong, answer) = Line::shown(&imkit, "nobody's").await;
    assert_eq!((&answer["RC"], &answer["error"]["code"]), (&json!(401), &json!("INVALID_TOKEN")));
    wrong.ended().await;
    // Of what the server sends, nothing is a client's to send, and the rest is unknown.
    let sent = OPERATIONS.iter().filter(|row| !row.carried.is_carried());
    let sent = sent.filter_map(|row| row.name.strip_prefix("socket "));
    let mut asked = 0;
    for event in sent.chain(["pin", "dance"]) {
        let answer = line.call(&json!([event, {"room": id}])).await;
        let whole = json!({
            "RC": 501, "RM": "Not Implemented",
            "error": {"code": "NOT_IMPLEMENTED", "message": format!("{event} is not carried")},
        });
        assert_eq!(answer, whole);
        asked += 1;
    }
    assert!(asked > 5, "{asked}");
    let sent = line.call(&json!(["chat message", {"room": id, "message": "on it goes"}])).await;
    assert_eq!(sent["RC"], 0, "{sent}");
    assert!(server.stop().await);
}
