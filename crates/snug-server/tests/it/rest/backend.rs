//! Server routes: what a customer's backend does.

use serde_json::{Value, json};

use crate::harness::{TestApp, text};

pub(super) async fn users(app: &TestApp) {
    let profile = json!({"name": "Alice", "avatar": "https://shop.example/a.png",
        "locale": "zh-TW", "custom": {"vip": [1, 2]}});
    let user = app.backend("PUT", "users/alice", profile.clone()).await.is(200);
    let mut expected = profile;
    expected["id"] = json!("alice");
    assert_eq!(user, expected);
    assert_eq!(app.backend("GET", "users/alice", Value::Null).await.is(200), expected);

    // Absent keeps, null clears.
    let change = json!({"name": null, "locale": "en", "unknown": 1});
    let user = app.backend("PUT", "users/alice", change).await.is(200);
    assert!(user.get("name").is_none(), "{user}");
    assert_eq!((&user["locale"], &user["custom"]), (&json!("en"), &json!({"vip": [1, 2]})));
    let user = app.backend("PUT", "users/alice", json!({"custom": null})).await.is(200);
    assert!(user.get("custom").is_none(), "{user}");

    let user = app.backend("POST", "users/alice/deactivate", Value::Null).await.is(200);
    assert_eq!(user["deactivated"], true);
    let open = json!({"user": "alice", "device": "d"});
    app.backend("POST", "sessions", open.clone()).await.refused(403, "user_deactivated");
    let user = app.backend("POST", "users/alice/reactivate", Value::Null).await.is(200);
    assert!(user.get("deactivated").is_none(), "{user}");
    app.backend("POST", "sessions", open).await.is(201);

    for (method, path) in
        [("GET", "users/no"), ("POST", "users/no/deactivate"), ("POST", "users/no/reactivate")]
    {
        app.backend(method, path, Value::Null).await.refused(404, "user_not_found");
    }
}

pub(super) async fn rooms(app: &TestApp) {
    // Users that nobody has named before work at once.
    let create = json!({"kind": "group", "id": "sunday ride/1", "name": "Sunday",
        "description": "At nine", "avatar": "/g.png", "custom": {"colour": "blue"},
        "creator": "new-ann", "members": ["new-ann", "new-bob", "new-ann"],
        "message": {"id": "m1", "sender": "new-ann", "text": "Welcome"}});
    let room = app.backend("POST", "rooms", create.clone()).await.is(201);
    assert_eq!((&room["id"], &room["kind"]), (&json!("sunday ride/1"), &json!("group")));
    assert_eq!((&room["creator"], &room["member_count"]), (&json!("new-ann"), &json!(2)));
    assert_eq!((&room["frozen"], &room["seq"]), (&json!(false), &json!(1)));
    assert_eq!(room["preview"]["text"], "Welcome");
    assert_eq!(room["members"][0]["role"], "owner");
    assert_eq!(room["members"][1]["role"], "member");
    assert!(room.get("mine").is_none(), "{room}");

    let path = "rooms/sunday%20ride%2F1";
    let read = app.backend("GET", path, Value::Null).await.is(200);
    assert_eq!(read, room);
    let page = app.backend("GET", &format!("{path}/messages"), Value::Null).await.is(200);
    assert_eq!(page["messages"][0]["text"], "Welcome", "the first message is in the same commit");

    app.backend("POST", "rooms", create.clone()).await.refused(409, "room_exists");
    let mut again = create;
    again["if_exists"] = json!("return");
    let found = app.backend("POST", "rooms", again).await.is(200);
    assert_eq!((&found["id"], &found["seq"]), (&room["id"], &json!(1)));

    let patch = json!({"name": null, "description": "At ten", "frozen": true});
    let changed = app.backend("PATCH", path, patch).await.is(200);
    assert!(changed.get("name").is_none(), "{changed}");
    assert_eq!((&changed["description"], &changed["frozen"]), (&json!("At ten"), &json!(true)));
    assert_eq!(changed["custom"], json!({"colour": "blue"}), "absent keeps");
    assert_eq!(changed["rev"].as_u64(), room["rev"].as_u64().map(|rev| rev + 1));
    let ann = app.page("new-ann").await;
    let refused = ann.post(&format!("{path}/messages"), json!({"text": "hi"})).await;
    refused.refused(403, "room_frozen");
    app.backend("PATCH", path, json!({"frozen": false})).await.is(200);
    ann.post(&format!("{path}/messages"), json!({"text": "hi"})).await.is(201);

    app.backend("DELETE", path, Value::Null).await.is(204);
    app.backend("GET", path, Value::Null).await.refused(404, "room_not_found");
    app.backend("DELETE", path, Value::Null).await.refused(404, "room_not_found");
    ann.get(path).await.refused(404, "room_not_found");

    let direct = json!({"kind": "direct", "users": ["new-ann", "new-bob"], "context": "order 7",
        "message": {"sender": "new-bob", "text": "Still there?"}});
    let room = app.backend("POST", "rooms", direct.clone()).await.is(201);
    assert_eq!((&room["kind"], &room["context"]), (&json!("direct"), &json!("order 7")));
    assert!(text(&room["id"]).starts_with("d_"), "{room}");
    assert_eq!(room["members"].as_array().map(Vec::len), Some(2));
    // The other way round is the same pair; the message is sent to the room that is there.
    let turned = json!({"kind": "direct", "users": ["new-bob", "new-ann"], "context": "order 7",
        "message": {"sender": "new-ann", "text": "Yes"}});
    let found = app.backend("POST", "rooms", turned).await.is(200);
    assert_eq!((&found["id"], &found["seq"]), (&room["id"], &json!(2)));
    let other = json!({"kind": "direct", "users": ["new-ann", "new-bob"], "context": "order 8"});
    let other = app.backend("POST", "rooms", other).await.is(201);
    assert_ne!(other["id"], room["id"]);
}

pub(super) async fn members(app: &TestApp) {
    let members: Vec<String> = (0..7).map(|n| format!("pm{n}")).collect();
    let create = json!({"kind": "group", "id": "paged", "members": members});
    app.backend("POST", "rooms", create).await.is(201);
    let mut seen = Vec::new();
    let mut path = "rooms/paged/members?limit=3".to_owned();
    loop {
        let page = app.backend("GET", &path, Value::Null).await.is(200);
        let users = page["members"].as_array().expect("members");
        assert!(users.len() <= 3, "{page}");
        seen.extend(users.iter().map(|member| text(&member["user"])));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("rooms/paged/members?limit=3&cursor={}", crate::harness::segment(next));
    }
    assert_eq!(seen, members);

    let add = json!({"users": ["pm1", "added"], "role": "admin"});
    let room = app.backend("POST", "rooms/paged/members", add).await.is(200);
    assert_eq!(room["member_count"], 8);
    let find = |room: &Value, user: &str| {
        let all = room["members"].as_array().expect("members").clone();
        all.into_iter().find(|member| member["user"] == user)
    };
    assert_eq!(find(&room, "added").expect("added")["role"], "admin");
    assert_eq!(find(&room, "pm1").expect("stays")["role"], "member", "who is in stays as they are");
    let gone = json!({"users": ["pm1", "pm2"]});
    let room = app.backend("POST", "rooms/paged/members/remove", gone).await.is(200);
    assert_eq!(room["member_count"], 6);
    let room = app.backend("DELETE", "rooms/paged/members/pm3", Value::Null).await.is(200);
    assert_eq!((&room["member_count"], find(&room, "pm3")), (&json!(5), None));

    let page = app.backend("GET", "rooms/paged/messages", Value::Null).await.is(200);
    let said: Vec<_> = page["messages"].as_array().expect("messages").iter().collect();
    let types: Vec<_> = said.iter().map(|m| text(&m["custom"]["type"])).collect();
    assert_eq!(types, ["members_added", "members_removed", "members_removed"]);
    assert!(said.iter().all(|m| m["kind"] == "system" && m["count"] == 0), "{page}");
}

pub(super) async fn messages(app: &TestApp) {
    let room = app.group(&["mia", "max"]).await;
    let path = format!("rooms/{room}/messages");
    let send =
        json!({"id": "x-1", "sender": "mia", "text": "one", "custom": {"a": [1, {"b": null}]}});
    let sent = app.backend("POST", &path, send.clone()).await.is(201);
    assert_eq!((&sent["id"], &sent["room"]), (&json!("x-1"), &json!(room)));
    assert_eq!((&sent["sender"], &sent["kind"]), (&json!("mia"), &json!("text")));
    assert_eq!((&sent["seq"], &sent["count"]), (&json!(1), &json!(1)));
    assert_eq!(sent["custom"], json!({"a": [1, {"b": null}]}));
    assert_eq!(app.backend("POST", &path, send.clone()).await.is(200), sent);
    for other in [
        json!({"id": "x-1", "sender": "mia", "text": "two"}),
        json!({"id": "x-1", "sender": "max", "text": "one", "custom": {"a": [1, {"b": null}]}}),
        json!({"id": "x-1", "sender": "mia", "text": "one", "custom": {"a": [1, {"b": null}]},
            "silent": true}),
    ] {
        app.backend("POST", &path, other).await.refused(409, "message_id_conflict");
    }
    // Without an id the server mints one, and a retry is a new message.
    let bare = json!({"sender": "max", "custom": {"type": "wave"}, "silent": true});
    let first = app.backend("POST", &path, bare.clone()).await.is(201);
    let second = app.backend("POST", &path, bare).await.is(201);
    assert_eq!((&first["kind"], &first["silent"]), (&json!("custom"), &json!(true)));
    assert_ne!(first["id"], second["id"]);
    assert_eq!(second["count"], 1, "a silent message does not count");
    // The room itself speaks.
    let system = app.backend("POST", &path, json!({"text": "Shipped"})).await.is(201);
    assert_eq!((&system["kind"], &system["seq"]), (&json!("system"), &json!(4)));
    assert!(system.get("sender").is_none(), "{system}");

    let page = app.backend("GET", &format!("{path}?limit=2"), Value::Null).await.is(200);
    assert_eq!((&page["has_before"], &page["has_after"]), (&json!(true), &json!(false)));
    assert_eq!(page["messages"][1]["seq"], 4);
    assert_eq!(page["head"]["seq"], 4);
    assert_eq!(page["users"][0]["id"], "max");
    app.backend("POST", "rooms/none/messages", json!({"sender": "mia", "text": "x"}))
        .await
        .refused(404, "room_not_found");
}

pub(super) async fn sessions(app: &TestApp) {
    let open = json!({"user": "sue", "device": "phone", "profile": {"name": "Sue", "locale": "en"},
        "custom": {"tier": "gold"}, "push_token": "apns:abc", "ttl_seconds": 3600});
    let opened = app.backend("POST", "sessions", open).await.is(201);
    assert_eq!((&opened["user"], &opened["device"]), (&json!("sue"), &json!("phone")));
    assert!(text(&opened["session"]).starts_with("ses_"), "{opened}");
    let token = text(&opened["token"]);
    let (secret, of) =
        token.strip_prefix("snug_st_").and_then(|t| t.split_once('.')).expect("form");
    assert_eq!((secret.len(), of), (43, app.id.as_str()));
    let user = app.backend("GET", "users/sue", Value::Null).await.is(200);
    assert_eq!((&user["name"], &user["session_custom"]), (&json!("Sue"), &json!({"tier": "gold"})));

    let laptop = app.open_session_on("sue", "laptop").await;
    let tablet = app.open_session_on("sue", "tablet").await;
    let watch = app.open_session_on("sue", "watch").await;
    let mut socket = app.socket(&laptop.token).await;
    let listed = app.backend("GET", "users/sue/sessions", Value::Null).await.is(200);
    let listed = listed["sessions"].as_array().expect("sessions").clone();
    assert_eq!(listed.len(), 4);
    for item in &listed {
        assert_eq!(item["online"], json!(item["id"] == laptop.session), "{item}");
        assert_eq!(item["user"], "sue");
        assert!(item["created_at"].as_str() < item["expires_at"].as_str(), "{item}");
    }

    app.backend("DELETE", &format!("sessions/{}", laptop.session), Value::Null).await.is(204);
    assert_eq!(socket.closed().await, 4200);
    let again = app.backend("DELETE", &format!("sessions/{}", laptop.session), Value::Null).await;
    again.refused(404, "session_not_found");
    let revoke = |body: Value| async move { app.backend("POST", "sessions/revoke", body).await };
    assert_eq!(revoke(json!({"session": tablet.session})).await.is(200), json!({"closed": 1}));
    assert_eq!(revoke(json!({"session": tablet.session})).await.is(200), json!({"closed": 0}));
    let device = json!({"user": "sue", "device": "watch"});
    assert_eq!(revoke(device).await.is(200), json!({"closed": 1}));
    app.api("GET", "/v1/me", Value::Null, &watch.token).await.refused(401, "session_closed");
    assert_eq!(revoke(json!({"user": "sue"})).await.is(200), json!({"closed": 1}));
    for bad in [json!({}), json!({"device": "d"}), json!({"session": "ses_x", "user": "sue"})] {
        revoke(bad).await.refused(422, "invalid_field");
    }
}
