//! The vendor's flow, step by step, and what a native page sees of it.

use serde_json::{Value, json};

use super::socket::Line;
use super::{Imkit, refused, result};
use crate::harness::{Backend, TestServer, loopback_allowed, text};
use crate::sessions::verified;

/// Steps 1 to 7 of the vendor's concept.
async fn concept(server: &TestServer) {
    let imkit = Imkit::on(server, true).await;
    // Steps 1 to 3: the page signs its user in.
    let client = ("CLIENT_KEY", imkit.keys.client_key.as_str());
    let body = json!({"id": "ann", "nickname": "Ann", "email": "ann@shop.example"});
    let request = imkit.app.request("POST", "/auths/sign/v2").header(client.0, client.1);
    let ann = result(request.json(body).send().await);
    assert_eq!((&ann["_id"], &ann["email"]), (&json!("ann"), &json!("ann@shop.example")));
    let ann = text(&ann["token"]);
    let bob = imkit.token("bob").await;
    // Steps 4 and 5: the room, made twice, is one, and the native direct room.
    let body = json!({"roomType": "direct", "invitee": "bob"});
    let room = result(imkit.user(&ann, "POST", "/rooms/createAndJoin", body.clone()).await);
    let again = result(imkit.user(&ann, "POST", "/rooms/createAndJoin", body).await);
    assert_eq!(room["_id"], again["_id"]);
    assert_eq!(imkit.app.direct("ann", "bob").await, text(&room["_id"]));
    let id = text(&room["_id"]);
    // A message each way, one of them native.
    let path = format!("/rooms/{id}/message");
    let body = json!({"message": "哈囉", "mentions": ["bob"]});
    let first = result(imkit.user(&ann, "POST", &path, body).await);
    assert_eq!((&first["message"], &first["messageType"]), (&json!("哈囉"), &json!("text")));
    let native = imkit.app.page("bob").await;
    let body = json!({"text": "hi Ann"});
    native.post(&format!("rooms/{id}/messages"), body).await.ok();
    let history = native.get(&format!("rooms/{id}/messages")).await.ok();
    assert_eq!(history["messages"][0]["text"], "哈囉");
    assert_eq!(history["messages"][0]["mentions"], json!({"users": ["bob"]}));
    assert_eq!(first["mentions"], json!(["bob"]));
    // Steps 6 and 7: the list.
    let list = result(imkit.user(&ann, "GET", "/rooms?skip=0&limit=30", Value::Null).await);
    assert_eq!((&list["totalCount"], &list["data"][0]["unread"]), (&json!(1), &json!(1)));
    assert_eq!(list["data"][0]["lastMessage"]["message"], "hi Ann");
    assert_eq!(list["data"][0]["lastMessage"]["sender"]["nickname"], "bob");
    pages(&imkit, &ann, &id).await;
    answers(&imkit, &ann).await;
    read(&imkit, &ann, &bob, &id).await;
}

/// Mentions, answers and places are the same at this door and at the native one.
async fn answers(imkit: &Imkit, ann: &str) {
    let native = imkit.app.page("cat").await;
    let room = imkit.app.group(&["ann", "cat"]).await;
    let to = format!("/rooms/{room}/message");
    let asked = json!({"id": "n1", "text": "@ann where?", "mentions": {"users": ["ann"]}});
    native.post(&format!("rooms/{room}/messages"), asked).await.ok();
    let newest = || async {
        let page = format!("/rooms/{room}/messages/v3?limit=1");
        result(imkit.user(ann, "GET", &page, Value::Null).await)["data"][0].clone()
    };
    let mentioned = || async {
        let shown = result(imkit.user(ann, "GET", &format!("/rooms/{room}"), Value::Null).await);
        shown["isMentioned"].clone()
    };
    assert_eq!(mentioned().await, true);
    let asked = newest().await;
    assert_eq!(asked["mentions"], json!(["ann"]));
    let here = json!({
        "messageType": "location", "latitude": 25.0339639, "longitude": 121.5644722,
        "message": "Taipei 101", "reply": asked["_id"],
    });
    let sent = result(imkit.user(ann, "POST", &to, here).await);
    assert_eq!((&sent["messageType"], &sent["latitude"]), (&json!("location"), &json!(25.0339639)));
    assert_eq!(sent["reply"]["message"], "@ann where?");
    let history = native.get(&format!("rooms/{room}/messages")).await.ok();
    let seen = &history["messages"][1];
    assert_eq!((&seen["kind"], &seen["text"]), (&json!("location"), &json!("Taipei 101")));
    let place = json!({"lat": 25.0339639, "lng": 121.5644722, "address": "Taipei 101"});
    assert_eq!(seen["location"], place);
    assert_eq!(seen["reply_to"], json!({"id": "n1", "seq": 1}));
    let (id, place) = (seen["id"].clone(), json!({"lat": 1.5, "lng": 2, "name": "Here"}));
    let answer = json!({"reply_to": id, "location": place});
    native.post(&format!("rooms/{room}/messages"), answer).await.ok();
    let shown = newest().await;
    assert_eq!((&shown["messageType"], &shown["message"]), (&json!("location"), &json!("Here")));
    assert_eq!((&shown["latitude"], &shown["reply"]["_id"]), (&json!(1.5), &sent["_id"]));
    // An edit keeps whom the message mentions, unless it says otherwise.
    let made = json!({"message": "@cat ok", "mentions": ["cat"]});
    let made = result(imkit.user(ann, "POST", &to, made).await);
    let edit = json!({"_id": made["_id"], "message": "@cat okay"});
    let edited = result(imkit.user(ann, "POST", &to, edit).await);
    assert_eq!((&edited["message"], &edited["mentions"]), (&json!("@cat okay"), &json!(["cat"])));
    let seen = || async {
        let page = native.get(&format!("rooms/{room}/messages?limit=1")).await.ok();
        page["messages"][0].clone()
    };
    let id = text(&seen().await["id"]);
    let wide = json!({"mentions": {"users": ["cat"], "roles": ["owner"], "everyone": true}});
    imkit.app.backend("PATCH", &format!("rooms/{room}/messages/{id}"), wide.clone()).await.ok();
    for (edit, users) in
        [(json!({"message": "@cat!"}), json!(["cat"])), (json!({"mentions": []}), json!(null))]
    {
        let mut edit = edit;
        edit["_id"] = made["_id"].clone();
        result(imkit.user(ann, "POST", &to, edit).await);
        let mentions = seen().await["mentions"].clone();
        assert_eq!((&mentions["roles"], &mentions["everyone"]), (&json!(["owner"]), &json!(true)));
        assert_eq!(mentions["users"], users, "whom this wire does not know of stays");
    }
    // A place that moves has moved at every door.
    let moved = json!({"_id": sent["_id"], "latitude": 24.5, "message": "Hsinchu"});
    assert_eq!(result(imkit.user(ann, "POST", &to, moved).await)["latitude"], 24.5);
    let moved = native.get(&format!("rooms/{room}/messages?before=3&limit=1")).await.ok();
    let place = json!({"lat": 24.5, "lng": 121.5644722, "address": "Hsinchu"});
    assert_eq!(moved["messages"][0]["location"], place);
}

/// Pages hold the message that they are named by in v3, not in v1.
async fn pages(imkit: &Imkit, ann: &str, room: &str) {
    let mut ids = Vec::new();
    for index in 0..3 {
        let body = json!({"messageType": "image", "originalUrl": "https://x/y.png", "n": index});
        let sent = imkit.user(ann, "POST", &format!("/rooms/{room}/message"), body).await;
        ids.push(text(&result(sent)["_id"]));
    }
    let at = |path: String| async move {
        let page = result(imkit.user(ann, "GET", &path, Value::Null).await);
        let page = page["data"].as_array().expect("a page").clone();
        page.iter().map(|one| text(&one["_id"])).collect::<Vec<_>>()
    };
    let all = at(format!("/rooms/{room}/messages/v3?sortOrder=asc")).await;
    assert_eq!(all.len(), 5);
    assert_eq!(all[2..], ids);
    assert!(all.is_sorted(), "ids sort by time: {all:?}");
    let before = at(format!("/rooms/{room}/messages/v3?limit=2&beforeMessage={}", ids[2])).await;
    assert_eq!(before, [ids[2].clone(), ids[1].clone()]);
    let after = at(format!("/rooms/{room}/messages/v3?limit=2&afterMessage={}", ids[1])).await;
    assert_eq!(after, ids[1..]);
    let older = at(format!("/rooms/{room}/messages?limit=1&beforeMessage={}", ids[2])).await;
    assert_eq!(older, ids[1..2]);
}

async fn read(imkit: &Imkit, ann: &str, bob: &str, room: &str) {
    let badge = result(imkit.user(bob, "GET", "/me/badge", Value::Null).await);
    // All four of Ann's: what Bob sent later has not read the first one for him.
    assert_eq!(badge, json!({"badge": 4}));
    // What is muted on another device is not in it; the room's own number stays.
    let native = imkit.app.page("bob").await;
    for (until, badge) in [(json!("forever"), 0), (Value::Null, 4)] {
        let muted = json!({"muted_until": until});
        let mine = native.call("PATCH", &format!("rooms/{room}/me"), muted).await.is(200);
        assert_eq!(mine["unread"], 4);
        let told = result(imkit.user(bob, "GET", "/me/badge", Value::Null).await);
        assert_eq!(told, json!({"badge": badge}), "muted until {until}");
    }
    let path = format!("/rooms/{room}/messages/v3?limit=1");
    let last = result(imkit.user(bob, "GET", &path, Value::Null).await)["data"][0].clone();
    assert_eq!(last["n"], 2);
    let path = format!("/rooms/{room}/lastRead");
    let body = json!({"message": last["_id"]});
    let read = result(imkit.user(bob, "PUT", &path, body).await);
    assert_eq!(read, json!({"client": "bob", "badge": 0, "lastRead": last["_id"]}));
    let badge = result(imkit.user(bob, "GET", "/me/badge", Value::Null).await);
    assert_eq!(badge, json!({"badge": 0}));
    // Reactions, an edit by its sender only, a recall.
    let id = text(&last["_id"]);
    let path = format!("/messages/{id}/reaction");
    let reacted = result(imkit.user(bob, "POST", &path, json!({"reaction": "👍"})).await);
    assert_eq!(reacted["reactions"], json!([{"client": "bob", "reaction": "👍"}]));
    let taken = result(imkit.user(bob, "DELETE", &path, json!({})).await);
    assert_eq!(taken["reactionCount"], 0);
    let path = format!("/rooms/{room}/message");
    let edit = json!({"_id": id, "message": "better"});
    refused(imkit.user(bob, "POST", &path, edit.clone()).await, 403, "INSUFFICIENT_PERMISSIONS");
    let edited = result(imkit.user(ann, "POST", &path, edit).await);
    assert_eq!((&edited["message"], &edited["n"]), (&json!("better"), &json!(2)));
    assert!(edited["editedAt"].is_string());
    let body = json!({"_id": id, "messageType": "recall"});
    let recalled = result(imkit.user(ann, "POST", &path, body).await);
    assert_eq!((&recalled["message"], &recalled["messageType"]), (&json!(""), &json!("recall")));
}

#[tokio::test]
async fn imkit_concept_on_the_embedded_store() {
    let server = TestServer::sqlite().await;
    concept(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_concept_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    concept(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_rooms_are_joined_and_left() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let (ann, bob) = (imkit.token("ann").await, imkit.token("bob").await);
    // Whoever makes a room is not in it.
    let body = json!({"_id": "listing:7/語", "name": "Listing", "roomTags": ["a"]});
    let room = result(imkit.user(&ann, "POST", "/rooms/", body).await);
    assert_eq!((&room["_id"], &room["members"]), (&json!("listing:7/語"), &json!([])));
    let path = format!("/rooms/{}", crate::harness::segment("listing:7/語"));
    refused(imkit.user(&bob, "GET", &path, Value::Null).await, 403, "NOT_ROOM_MEMBER");
    for token in [&ann, &bob] {
        let join = format!("{path}/join");
        let joined = imkit.user(token, "POST", &join, json!({"systemMessage": true})).await;
        assert_eq!(result(joined)["roomTags"], json!(["a"]));
    }
    let add = json!({"invitees": ["cat", "dan"], "systemMessage": true});
    let added = result(imkit.user(&bob, "POST", &format!("{path}/members"), add).await);
    assert_eq!(added["memberCount"], 4);
    assert_eq!(added["lastMessage"]["messageType"], "addMembers");
    let leave = json!({"members": ["bob"]});
    let left = result(imkit.user(&bob, "POST", &format!("{path}/delete/members"), leave).await);
    assert_eq!(left["memberCount"], 3);
    // A native group is entered by invitation only, a direct room never.
    let group = imkit.app.group(&["cat"]).await;
    let path = format!("/rooms/{group}/join");
    refused(imkit.user(&bob, "POST", &path, Value::Null).await, 403, "NOT_ROOM_MEMBER");
    let direct = imkit.app.direct("cat", "dan").await;
    let path = format!("/rooms/{direct}/join");
    refused(imkit.user(&bob, "POST", &path, Value::Null).await, 404, "ROOM_NOT_FOUND");
    // A direct room of the client's own id is one room for both, and for nobody else.
    let body = json!({"_id": "deal-1", "roomType": "direct", "invitee": ["bob"]});
    let deal = result(imkit.user(&ann, "POST", "/rooms/createAndJoin", body.clone()).await);
    assert_eq!(deal["roomType"], "direct");
    let same = json!({"_id": "deal-1", "roomType": "direct", "invitee": "ann"});
    let same = result(imkit.user(&bob, "POST", "/rooms/createAndJoin", same).await);
    assert_eq!(same["_id"], "deal-1");
    let cat = imkit.token("cat").await;
    let answer = imkit.user(&cat, "POST", "/rooms/createAndJoin", body).await;
    refused(answer, 403, "NOT_ROOM_MEMBER");
    refused(
        imkit.user(&cat, "POST", "/rooms/deal-1/join", json!({})).await,
        403,
        "NOT_ROOM_MEMBER",
    );
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_tokens_are_bound_and_taken_back() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let (first, bob) = (imkit.token("ann").await, imkit.token("bob").await);
    // A new one ends the old one.
    let second = imkit.token("ann").await;
    refused(imkit.user(&first, "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    let me = result(imkit.user(&second, "GET", "/me", Value::Null).await);
    assert_eq!((&me["_id"], &me["nickname"]), (&json!("ann"), &json!("ann")));
    // The customer's own, with an end.
    let own =
        json!({"token": "fVy7YhqBZqEzNO9LhMmcyA==", "expirationDate": "2099-01-01T00:00:00Z"});
    let path = "/admin/clients/ann/token";
    let bound = result(imkit.admin("PUT", path, own.clone()).await);
    assert_eq!(bound["token"], own["token"]);
    let token = text(&own["token"]);
    result(imkit.user(&token, "GET", "/me", Value::Null).await);
    let conflict = imkit.admin("PUT", "/admin/clients/bob/token/", own.clone()).await.is(409);
    assert_eq!(conflict["error"], "TOKEN_CONFLICT");
    let other = imkit.admin("DELETE", "/admin/clients/bob/token", own.clone()).await.is(404);
    assert_eq!(other["error"], "TOKEN_NOT_FOUND");
    result(imkit.admin("DELETE", path, own).await);
    refused(imkit.user(&token, "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    result(imkit.admin("DELETE", path, Value::Null).await);
    refused(imkit.user(&second, "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    result(imkit.user(&bob, "GET", "/me", Value::Null).await);
    // A page signs in by itself only where that is switched on.
    let client = ("IM-Client-Key", imkit.keys.client_key.as_str());
    let request = imkit.app.request("POST", "/auths/sign/v2").header(client.0, client.1);
    refused(request.json(json!({"id": "ann"})).send().await, 403, "PERMISSION_DENIED");
    assert!(server.stop().await);
}

/// A token of the site's own, which Snug has never seen.
#[tokio::test]
async fn imkit_asks_the_site_about_its_own_token() {
    let server = TestServer::calling(loopback_allowed()).await;
    let imkit = Imkit::on(&server, false).await;
    refused(imkit.user("good-mei", "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    let site = verified::site().await;
    verified::verify_at(&server, &imkit.app, &site.url("/verify")).await;
    for _ in 0..2 {
        let me = result(imkit.user("good-mei", "GET", "/me", Value::Null).await);
        assert_eq!((&me["_id"], &me["nickname"]), (&json!("mei"), &json!("Mei")));
    }
    assert_eq!(site.asked(), [json!({"token": "good-mei"})]);
    refused(imkit.user("bad-mei1", "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    imkit.user("unwell", "GET", "/me", Value::Null).await.is(503);
    assert!(server.stop().await);
}

/// What Ben deleted for himself natively comes back by no change of anybody's.
#[tokio::test]
async fn imkit_keeps_what_was_deleted_for_oneself_deleted() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, true).await;
    let token = imkit.token("ben").await;
    let room = imkit.app.group(&["ann", "ben"]).await;
    let mut line = Line::enter(&imkit, &token).await;
    let (ann, ben) = (imkit.app.page("ann").await, imkit.app.page("ben").await);
    let messages = format!("rooms/{room}/messages");
    for (id, thread) in [("old", None), ("kept", None), ("newest", None), ("reply", Some("kept"))] {
        let mut body = json!({"id": id, "text": id});
        if let Some(root) = thread {
            body["thread"] = json!(root);
        }
        ann.post(&messages, body).await.is(201);
        assert_eq!(line.event("chat message").await["message"], json!(id));
    }
    for id in ["old", "newest", "reply"] {
        let own = format!("{messages}/{id}/own");
        ben.call("PATCH", &own, json!({"deleted": true})).await.is(200);
    }
    let again = async |id: &str| {
        ann.call("PATCH", &format!("{messages}/{id}"), json!({"text": "again"})).await.is(200);
    };
    for id in ["old", "reply"] {
        again(id).await;
        let told = line.event("chat message").await;
        assert_eq!((&told["message"], &told["isDeleted"]), (&json!(""), &json!(true)), "{id}");
    }
    again("kept").await;
    assert_eq!(line.event("chat message").await["message"], "again", "of others it is told");
    imkit.app.backend_ok("PATCH", &format!("rooms/{room}"), json!({"name": "New"})).await;
    let told = loop {
        let told = line.event("room").await;
        if told["name"] == "New" {
            break told;
        }
    };
    assert_ne!(told["lastMessage"]["message"], "newest", "{told}");
    // Who comes anew knows it, too.
    let mut later = Line::enter(&imkit, &token).await;
    ann.call("PATCH", &format!("{messages}/old"), json!({"text": "once more"})).await.is(200);
    assert_eq!(later.event("chat message").await["isDeleted"], true);
    assert!(server.stop().await);
}
