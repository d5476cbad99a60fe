//! Invitations through every native door: what the invited see, what they do not, and how it ends.

use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestServer, segment, text};

/// What none of the invited may come to see.
const SECRET: &str = "the-secret";

/// A group of `ann` (its owner) and `bob` with secrets in every field that an invitation leaves
/// out.
async fn lively(app: &TestApp) -> String {
    let body = json!({
        "kind": "group", "name": "Team", "avatar": "/team.png", "creator": "ann",
        "description": SECRET, "custom": {"a": SECRET}, "tags": [SECRET],
        "members": ["ann", "bob"],
    });
    let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
    said(app, &room, SECRET).await;
    room
}

async fn said(app: &TestApp, room: &str, words: &str) {
    let message = json!({"sender": "bob", "text": words, "mentions": {"everyone": true}});
    app.backend("POST", &format!("rooms/{room}/messages"), message).await.is(201);
}

async fn asks(app: &TestApp, room: &str, users: &[&str]) -> Value {
    let body = json!({"users": users, "invitation_required": true});
    app.backend("POST", &format!("rooms/{room}/members"), body).await.is(200)
}

fn shows_little(room: &Value, by: Option<&str>) {
    assert_eq!((&room["name"], &room["avatar"]), (&json!("Team"), &json!("/team.png")));
    assert_eq!((&room["member_count"], &room["kind"]), (&json!(2), &json!("group")));
    assert_eq!(
        (&room["seq"], &room["count"], &room["members"]),
        (&json!(0), &json!(0), &json!([]))
    );
    let mine = &room["mine"];
    assert_eq!((&mine["state"], &mine["unread"]), (&json!("invited"), &json!(0)));
    assert_eq!(mine["invitation"]["by"].as_str(), by, "{mine}");
    assert_eq!(mine["invitation"]["at"], room["activity_at"]);
    let whole = room.to_string();
    for hidden in [SECRET, "preview", "creator", "bob"] {
        assert!(!whole.contains(hidden), "{hidden} in {whole}");
    }
}

/// Every route that the invited may take, on whichever store.
pub(crate) async fn by_rest(app: &TestApp) {
    let room = lively(app).await;
    let (ann, zoe) = (app.page("ann").await, app.page("zoe-asked").await);
    let path = format!("rooms/{room}");
    let cursor = text(&zoe.get("rooms").await.is(200)["cursor"]);
    let before = ann.get(&path).await.is(200);
    let body = json!({"users": ["zoe-asked", "bob"], "invitation_required": true});
    let after = ann.post(&format!("{path}/members"), body.clone()).await.is(200);
    assert_eq!(after["rev"].as_u64(), before["rev"].as_u64().map(|rev| rev + 1));
    assert_eq!(
        (&after["member_count"], &after["seq"]),
        (&json!(2), &before["seq"]),
        "no word of it"
    );
    let again = ann.post(&format!("{path}/members"), body).await.is(200);
    assert_eq!(again["rev"], after["rev"], "asked already");

    // Those in it see who is asked, when they ask for it.
    let page = ann.get(&format!("{path}/members")).await.is(200);
    assert_eq!(page["members"].as_array().map(Vec::len), Some(2));
    let page = ann.get(&format!("{path}/members?include=invited")).await.is(200);
    assert_eq!(page["members"][2]["state"], "invited");
    assert_eq!(page["members"][2]["user"], "zoe-asked");

    // In the list and in the sync, with as little as there is to see; and nowhere else.
    shows_little(&zoe.get("rooms").await.is(200)["rooms"][0], Some("ann"));
    let found = zoe.get(&format!("sync?cursor={}", segment(&cursor))).await.is(200);
    shows_little(&found["rooms"][0], Some("ann"));
    let tag = zoe.get(&format!("rooms?tag={SECRET}")).await.is(200);
    assert_eq!(tag["rooms"], json!([]));
    for hidden in ["", "/members", "/messages", "/pins", "/threads", "/sync?rev=0&epoch=x"] {
        zoe.get(&format!("{path}{hidden}")).await.refused(403, "not_a_member");
    }
    for (rest, body) in [
        ("/messages", json!({"text": "hi"})),
        ("/read", json!({"seq": 1})),
        ("/typing", json!({"on": true})),
        ("/members", json!({"users": ["eve"]})),
        ("/leave", Value::Null),
    ] {
        zoe.post(&format!("{path}{rest}"), body).await.refused(403, "not_a_member");
    }
    zoe.call("PATCH", &format!("{path}/me"), json!({"pinned": true}))
        .await
        .refused(403, "not_a_member");

    let accepted = zoe.post(&format!("{path}/accept"), Value::Null).await.is(200);
    assert_eq!((&accepted["member_count"], &accepted["description"]), (&json!(3), &json!(SECRET)));
    let mine = &accepted["mine"];
    assert_eq!(
        (&mine["state"], &mine["unread"], &mine["role"]),
        (&json!("active"), &json!(0), &json!("member"))
    );
    assert!(mine.get("invitation").is_none(), "{mine}");
    let again = zoe.post(&format!("{path}/accept"), Value::Null).await.is(200);
    assert_eq!(again["rev"], accepted["rev"], "a repeat is harmless");
    zoe.post(&format!("{path}/decline"), Value::Null).await.refused(403, "not_invited");
    let history = zoe.get(&format!("{path}/messages")).await.is(200);
    let last = history["messages"].as_array().and_then(|all| all.last()).expect("a message");
    assert_eq!(last["custom"]["type"], "member_joined");
    declined_and_added(app, &room).await;
}

/// Declined, and once more; whoever asks again begins anew.
async fn declined_and_added(app: &TestApp, room: &str) {
    let path = format!("rooms/{room}");
    let yan = app.page("yan-asked").await;
    yan.post(&format!("{path}/accept"), Value::Null).await.refused(403, "not_invited");
    asks(app, room, &["yan-asked"]).await;
    let of_the_backend = yan.get("rooms").await.is(200)["rooms"][0]["mine"]["invitation"].clone();
    assert!(of_the_backend.get("by").is_none() && of_the_backend["at"].is_string());
    for _ in 0..2 {
        yan.post(&format!("{path}/decline"), Value::Null).await.is(204);
    }
    yan.post(&format!("{path}/accept"), Value::Null).await.refused(403, "not_invited");
    assert_eq!(yan.get("rooms?include=left").await.is(200)["rooms"], json!([]));
    asks(app, room, &["yan-asked"]).await;
    let plainly = json!({"users": ["yan-asked"]});
    let joined = app.backend("POST", &format!("{path}/members"), plainly).await.is(200);
    assert_eq!(joined["member_count"], 4);
    assert_eq!(yan.get(&path).await.is(200)["mine"]["state"], "active");
}

async fn devices_hear_of_it_and_of_nothing_else(server: &TestServer) {
    let app = server.app().await;
    let room = lively(&app).await;
    let (_, mut ann) = app.enter("ann").await;
    ann.request("room.open", json!({"room": room})).await;
    let (_, mut zoe) = app.enter("zoe").await;
    let tablet = app.open_session_on("zoe", "tablet").await;
    let mut tablet = app.socket(&tablet.token).await;
    tablet.request("rooms.all", json!({"on": true})).await;

    let asked = json!({"room": room, "users": ["zoe"], "invitation_required": true});
    let answer = ann.request("members.add", asked.clone()).await;
    let told = ann.event_where("members.changed", |data| data["room"] == room).await;
    assert_eq!(
        (&told["members"][0]["state"], &told["member_count"]),
        (&json!("invited"), &json!(2))
    );
    assert_eq!(told["rev"], answer["room"]["rev"]);
    for socket in [&mut zoe, &mut tablet] {
        let told = socket.event_where("room.invited", |data| data["room"] == room).await;
        shows_little(&told["room_object"], Some("ann"));
        assert_eq!(told["rev"], answer["room"]["rev"]);
    }
    // Nothing that happens in it reaches them.
    said(&app, &room, SECRET).await;
    ann.request("typing", json!({"room": room, "on": true})).await;
    ann.request("room.update", json!({"room": room, "description": "another secret"})).await;
    for socket in [&mut zoe, &mut tablet] {
        socket.refused("room.open", json!({"room": room}), "not_a_member").await;
        // What was on its way before the news of another room is here by then.
        let fence = app.group(&["zoe"]).await;
        socket.event_where("room.joined", |data| data["room"] == fence).await;
        for (name, data) in socket.drain().await {
            assert_ne!(data["room"], room, "{name}: {data}");
        }
    }

    // Taken back: every device hears, and those in the room do.
    ann.request("members.remove", json!({"room": room, "users": ["zoe"]})).await;
    for socket in [&mut zoe, &mut tablet] {
        socket.event_where("room.left", |data| data["room"] == room).await;
    }
    let told =
        ann.event_where("members.changed", |data| data["members"][0]["state"] == "left").await;
    assert_eq!(told["member_count"], 2);
    assert!(told["members_rev"].as_u64() < told["rev"].as_u64(), "nobody was removed: {told}");

    // Asked again and accepted on one of them: the room is there on both, live from there on.
    ann.request("members.add", asked).await;
    zoe.event_where("room.invited", |data| data["room"] == room).await;
    let joined = zoe.request("room.accept", json!({"room": room})).await;
    assert_eq!(joined["room"]["mine"]["state"], "active");
    for socket in [&mut zoe, &mut tablet] {
        socket.event_where("room.joined", |data| data["room"] == room).await;
    }
    said(&app, &room, "welcome").await;
    let heard =
        tablet.event_where("message.new", |data| data["message"]["text"] == "welcome").await;
    assert_eq!(heard["room"], room.as_str());
}

#[tokio::test]
async fn devices_hear_on_sqlite() {
    let server = TestServer::sqlite().await;
    devices_hear_of_it_and_of_nothing_else(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn devices_hear_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    devices_hear_of_it_and_of_nothing_else(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn who_may_ask_whom() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = lively(&app).await;
    let path = format!("rooms/{room}/members");
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    let asks = |user: &str, role: &str| json!({"users": [user], "role": role, "invitation_required": true});
    bob.post(&path, asks("zoe", "admin")).await.refused(403, "role_too_low");
    bob.post(&path, asks("zoe", "member")).await.is(200);
    ann.post(&path, asks("yan", "admin")).await.is(200);
    // Who may remove takes invitations back.
    let back = |user: &str| format!("{path}/{user}");
    bob.call("DELETE", &back("zoe"), Value::Null).await.refused(403, "role_too_low");
    ann.call("DELETE", &back("zoe"), Value::Null).await.is(200);
    let yan = app.page("yan").await;
    let joined = yan.post(&format!("rooms/{room}/accept"), Value::Null).await.is(200);
    assert_eq!(joined["mine"]["role"], "admin");

    // Taken back together with a member: the room names who was in.
    ann.post(&path, asks("zoe", "member")).await.is(200);
    let both = json!({"users": ["bob", "zoe"]});
    ann.post(&format!("{path}/remove"), both).await.is(200);
    let history = ann.get(&format!("rooms/{room}/messages")).await.is(200);
    let last = history["messages"].as_array().and_then(|all| all.last()).expect("a message");
    let named = (&last["custom"]["type"], &last["custom"]["users"], &last["custom"]["count"]);
    assert_eq!(named, (&json!("members_removed"), &json!(["bob"]), &json!(1)));

    // A room by invitation; a direct room has none.
    let body = json!({"kind": "group", "members": ["bob", "zoe"], "invitation_required": true});
    let made = ann.post("rooms", body).await.is(201);
    assert_eq!((&made["member_count"], &made["mine"]["role"]), (&json!(1), &json!("owner")));
    let zoe = app.page("zoe").await;
    let listed = zoe.get("rooms").await.is(200);
    assert_eq!(listed["rooms"][0]["id"], made["id"]);
    let body = json!({"kind": "direct", "user": "zoe", "invitation_required": true});
    ann.post("rooms", body).await.refused_at(422, "invalid_field", "invitation_required");

    // In an archived room nobody comes in; the invitation stays to be declined.
    let path = format!("rooms/{}", text(&made["id"]));
    ann.call("PATCH", &path, json!({"archived": true})).await.is(200);
    zoe.post(&format!("{path}/accept"), Value::Null).await.refused(403, "room_archived");
    zoe.post(&format!("{path}/decline"), Value::Null).await.is(204);
}

/// A channel is read by the whole app; who is asked into it is not the whole app's matter.
async fn who_is_asked_into_a_channel_is_told_to_those_in_it(server: &TestServer) {
    let app = server.app().await;
    let body = json!({"kind": "channel", "name": "News", "members": ["ann"]});
    let made = app.backend_ok("POST", "rooms", body).await;
    let path = format!("rooms/{}", text(&made["id"]));
    let (rev, epoch) = (&made["rev"], segment(&text(&made["epoch"])));
    asks(&app, &text(&made["id"]), &["yan", "zoe"]).await;
    let (ann, eve) = (app.page("ann").await, app.page("eve").await);
    let (yan, zoe) = (app.page("yan").await, app.page("zoe").await);
    shows_channel(&zoe.get("rooms").await.is(200)["rooms"][0]);
    yan.post(&format!("{path}/decline"), Value::Null).await.is(204);
    let more = json!({"users": ["cleo"]});
    app.backend("POST", &format!("{path}/members"), more).await.is(200);

    let all = [("zoe", "invited"), ("yan", "left"), ("cleo", "active")];
    for (page, expected) in
        [(&ann, &all[..]), (&eve, &all[2..]), (&zoe, &all[2..]), (&yan, &all[2..])]
    {
        let page = page.get(&format!("{path}/sync?rev={rev}&epoch={epoch}")).await.is(200);
        let members = page["members"].as_array().expect("members").iter();
        let told = |one: &Value| (text(&one["user"]), text(&one["state"]));
        let expected =
            expected.iter().map(|(user, state)| ((*user).to_owned(), (*state).to_owned()));
        assert!(members.map(told).eq(expected), "{page}");
    }
    let joined = zoe.post(&format!("{path}/accept"), Value::Null).await.is(200);
    assert_eq!((&joined["mine"]["state"], &joined["member_count"]), (&json!("active"), &json!(3)));
}

#[tokio::test]
async fn channels_on_sqlite() {
    let server = TestServer::sqlite().await;
    who_is_asked_into_a_channel_is_told_to_those_in_it(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn channels_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    who_is_asked_into_a_channel_is_told_to_those_in_it(&server).await;
    assert!(server.stop().await);
}

/// Who reads a channel without being in it hears nobody asked, nobody declining, and goes on reading
/// when an own invitation ends.
#[tokio::test]
async fn who_only_reads_a_channel_hears_of_no_invitation() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let body = json!({"kind": "channel", "name": "News", "members": ["ann"]});
    let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
    let ((_, mut ann), (_, mut eve)) = (app.enter("ann").await, app.enter("eve").await);
    let (_, mut zoe) = app.enter("zoe").await;
    for socket in [&mut ann, &mut eve, &mut zoe] {
        socket.request("room.open", json!({"room": room})).await;
    }
    asks(&app, &room, &["yan", "zoe"]).await;
    zoe.event_where("room.invited", |data| data["room"] == room).await;
    ann.event_where("members.changed", |data| data["members"][0]["state"] == "invited").await;
    let yan = app.page("yan").await;
    yan.post(&format!("rooms/{room}/decline"), Value::Null).await.is(204);
    zoe.request("room.decline", json!({"room": room})).await;
    ann.event_where("members.changed", |data| data["members"][0]["user"] == "zoe").await;
    let sent = json!({"sender": "ann", "text": "for all"});
    app.backend_ok("POST", &format!("rooms/{room}/messages"), sent).await;
    for socket in [&mut eve, &mut zoe] {
        let (mut told, mut read) = (socket.drain().await, false);
        told.retain(|(name, data)| {
            read |= name == "message.new" && data["message"]["text"] == "for all";
            name == "members.changed"
        });
        assert!(read && told.is_empty(), "{told:?}");
    }
}

fn shows_channel(room: &Value) {
    let mine = &room["mine"];
    assert_eq!((&room["name"], &room["kind"]), (&json!("News"), &json!("channel")));
    assert_eq!((&mine["state"], &room["members"]), (&json!("invited"), &json!([])));
}

#[tokio::test]
async fn a_creator_outside_declines_and_keeps_the_room() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let body = json!({"kind": "group", "creator": "zoe", "members": ["ann"]});
    let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
    let (_, mut ann) = app.enter("ann").await;
    ann.request("room.open", json!({"room": room})).await;
    let (_, mut zoe) = app.enter("zoe").await;
    asks(&app, &room, &["zoe"]).await;
    zoe.event_where("room.invited", |data| data["room"] == room).await;
    for _ in 0..2 {
        zoe.request("room.decline", json!({"room": room})).await;
    }
    zoe.event_where("room.left", |data| data["room"] == room).await;
    let ended = |data: &Value| data["members"][0]["state"] != "invited";
    let told = ann.event_where("members.changed", ended).await;
    assert_eq!(told["members"][0]["state"], "left", "to the others");
    let mine = app.page("zoe").await.get("rooms").await.is(200)["rooms"][0]["mine"].take();
    assert_eq!((&mine["state"], mine.get("left_at")), (&json!("creator"), None));
}

#[tokio::test]
async fn the_backend_is_told() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;
    let body = json!({"kind": "group", "members": ["yan"], "invitation_required": true});
    let room = text(&app.backend_ok("POST", "rooms", body).await["id"]);
    asks(&app, &room, &["zoe"]).await;
    for (user, answer, status) in [("zoe", "accept", 200), ("yan", "decline", 204)] {
        let page = app.page(user).await;
        page.post(&format!("rooms/{room}/{answer}"), Value::Null).await.is(status);
    }
    let told = app.backend_ok("GET", "events?after=0", Value::Null).await;
    let told = told["events"].as_array().expect("events").clone();
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().expect("a type")).collect();
    let expected =
        ["room.created", "members.invited", "members.added", "message.new", "members.removed"];
    assert_eq!(kinds, expected);
    assert_eq!(told[0]["data"]["invited"], json!(["yan"]));
    assert_eq!(told[1]["data"]["members"], json!([{"user": "zoe", "role": "member"}]));
    for (event, user) in [(&told[2], "zoe"), (&told[4], "yan")] {
        assert_eq!(
            (&event["data"]["by"], &event["data"]["members"][0]["user"]),
            (&json!(user), &json!(user))
        );
    }
}
