//! A member's own settings of rooms, the list's filters, and changes of a room itself, through
//! every native door and on both stores.

use serde_json::{Value, json};

use crate::harness::{Backend, Page, Socket, TestApp, TestServer, segment, text};

/// A page and a socket of one user, on devices of their own.
async fn devices(app: &TestApp, user: &str) -> (Page, Socket) {
    let (_, socket) = app.enter(user).await;
    let opened = app.open_session_on(user, "tablet").await;
    (Page { app: app.clone(), opened }, socket)
}

async fn said(app: &TestApp, room: &str, sender: &str, words: &str) {
    let message = json!({"sender": sender, "text": words});
    app.backend("POST", &format!("rooms/{room}/messages"), message).await.is(201);
}

async fn make(app: &TestApp, more: Value) -> String {
    let mut body = json!({"kind": "group", "members": ["ann", "bob"]});
    body.as_object_mut().expect("a body").extend(more.as_object().expect("fields").clone());
    let room = text(&app.backend("POST", "rooms", body).await.is(201)["id"]);
    said(app, &room, "bob", "hi").await;
    room
}

fn ids(answer: &Value) -> Vec<&str> {
    let rooms = answer["rooms"].as_array().expect("rooms");
    rooms.iter().map(|room| room["id"].as_str().expect("an id")).collect()
}

async fn settings_reach_the_users_devices_and_nobody_else(server: &TestServer) {
    let app = server.app().await;
    let room = make(&app, json!({})).await;
    let ((page, mut phone), (_, mut bob)) =
        (devices(&app, "ann").await, devices(&app, "bob").await);
    let cursor = text(&page.get("rooms").await.is(200)["cursor"]);
    let before = page.get(&format!("rooms/{room}")).await.is(200);
    assert!(before["mine"].get("settings").is_none(), "{before}");
    bob.request("room.open", json!({"room": room})).await;
    bob.drain().await;

    let path = format!("rooms/{room}/me");
    let until = "2099-01-01T00:00:00.000Z";
    let wanted = json!({"pinned": true, "muted_until": until, "folder": "工作"});
    let mine = page.call("PATCH", &path, wanted).await.is(200);
    let settings = json!({"rev": 1, "pinned": true, "muted_until": until, "folder": "工作"});
    assert_eq!(mine["settings"], settings);
    let told = phone.event_where("room.mine", |data| data["room"] == room).await;
    assert_eq!(told["mine"], mine, "the other device hears at once");
    let after = page.get(&format!("rooms/{room}")).await.is(200);
    assert_eq!((&after["rev"], &after["mine"]), (&before["rev"], &mine), "no rev of the room");
    let synced = page.get(&format!("sync?cursor={}", segment(&cursor))).await.is(200);
    let ours = synced["rooms"].as_array().expect("rooms").iter().find(|one| one["id"] == room);
    assert_eq!(ours.expect("it changed")["mine"], mine, "and by the user's sync");

    // The same again is no news; `null` clears; for ever is a word.
    let same = page.call("PATCH", &path, json!({"pinned": true})).await.is(200);
    assert_eq!(same, mine);
    let change = json!({"room": room, "muted_until": "forever", "folder": null, "hidden": true});
    let next = phone.request("mine.update", change).await;
    let settings = json!({
        "rev": 2, "pinned": true, "muted_until": "forever", "hidden": true, "hidden_count": 1,
    });
    assert_eq!(next["settings"], settings);
    assert_eq!(phone.event("room.mine").await["mine"], next, "once");
    assert!(phone.drain().await.iter().all(|(name, _)| name != "room.mine"));
    said(&app, &room, "bob", "back").await;
    let back = page.get(&format!("rooms/{room}")).await.is(200);
    assert!(back["mine"]["settings"].get("hidden").is_none(), "{back}");
    assert_eq!(back["mine"]["unread"], 2, "muted and hidden rooms count on");
    let heard = bob.drain().await;
    assert!(!heard.is_empty(), "bob hears of his message");
    for (name, data) in heard {
        assert!(!data.to_string().contains("settings"), "{name} {data}");
    }

    settings_are_checked(&app, &page, &mut phone, &room).await;
}

async fn settings_are_checked(app: &TestApp, page: &Page, phone: &mut Socket, room: &str) {
    let path = format!("rooms/{room}/me");
    for (body, status, code, field) in [
        (json!({"pinned": "yes"}), 422, "invalid_field", "pinned"),
        (json!({"muted_until": "tomorrow"}), 422, "invalid_field", "muted_until"),
        (json!({"muted_until": 5}), 422, "invalid_field", "muted_until"),
        (json!({"folder": ""}), 422, "invalid_field", "folder"),
        (json!({"folder": "a\nb"}), 422, "invalid_field", "folder"),
        (json!({"folder": "x".repeat(65)}), 413, "too_large", "folder"),
    ] {
        page.call("PATCH", &path, body).await.refused_at(status, code, field);
    }
    let stranger = app.page("cat").await;
    let pin = json!({"pinned": true});
    stranger.call("PATCH", &path, pin.clone()).await.refused(403, "not_a_member");
    page.call("PATCH", "rooms/none/me", pin.clone()).await.refused(404, "room_not_found");
    let made = page.call("POST", "rooms", json!({"kind": "direct", "user": "bob"})).await.is(201);
    let direct = format!("rooms/{}/me", text(&made["id"]));
    stranger.call("PATCH", &direct, pin.clone()).await.refused(404, "room_not_found");
    page.call("PATCH", &direct, pin).await.is(200);
    let wrong = phone.ask("mine.update", json!({"room": room, "hidden": 1})).await;
    assert_eq!(wrong["error"]["field"], "data.hidden", "{wrong}");
}

async fn the_list_is_filtered_and_paged(server: &TestServer) {
    let app = server.app().await;
    let bikes = make(&app, json!({"name": "Second-hand Bikes", "tags": ["sale", "bike"]})).await;
    let cars = make(&app, json!({"name": "二手車", "tags": ["sale"]})).await;
    let news = make(&app, json!({"kind": "channel", "name": "BIKE NEWS"})).await;
    let old = make(&app, json!({"name": "Old bikes"})).await;
    app.backend("PUT", "users/bob", json!({"name": "Bob Biker"})).await.is(200);
    let (page, mut socket) = devices(&app, "ann").await;
    let direct = json!({"kind": "direct", "user": "bob", "message": {"text": "hi"}});
    let direct = text(&page.call("POST", "rooms", direct).await.is(201)["id"]);
    app.backend("PATCH", &format!("rooms/{old}"), json!({"archived": true})).await.is(200);
    let own = async |room: &str, patch: Value| {
        page.call("PATCH", &format!("rooms/{room}/me"), patch).await.is(200)
    };
    own(&bikes, json!({"pinned": true, "folder": "a & b"})).await;
    own(&cars, json!({"hidden": true})).await;
    own(&news, json!({"muted_until": "forever"})).await;

    let order = [&bikes, &direct, &news];
    for (query, data, expected) in [
        ("", json!({}), order.map(String::as_str).to_vec()),
        ("kind=group", json!({"kind": "group"}), vec![bikes.as_str()]),
        ("kind=channel", json!({"kind": "channel"}), vec![&news]),
        ("tag=sale", json!({"tag": "sale"}), vec![&bikes]),
        ("tag=sale&hidden=any", json!({"tag": "sale", "hidden": "any"}), vec![&bikes, &cars]),
        ("unread=true", json!({"unread": true}), vec![&bikes, &news]),
        ("archived=true", json!({"archived": true}), vec![&old]),
        (
            "archived=any&name=BIKE",
            json!({"archived": "any", "name": "BIKE"}),
            vec![&bikes, &direct, &old, &news],
        ),
        ("hidden=true", json!({"hidden": "true"}), vec![&cars]),
        ("folder=a%20%26%20b", json!({"folder": "a & b"}), vec![&bikes]),
        ("muted=true", json!({"muted": true}), vec![&news]),
        ("muted=false", json!({"muted": false}), vec![&bikes, &direct]),
        ("hidden=any&name=%E8%BB%8A", json!({"hidden": "any", "name": "車"}), vec![&cars]),
        ("name=none", json!({"name": "none"}), vec![]),
    ] {
        let by_rest = page.get(&format!("rooms?{query}")).await.is(200);
        assert_eq!(ids(&by_rest), expected, "{query}");
        let by_socket = socket.request("rooms.list", data).await;
        assert_eq!(by_socket["rooms"], by_rest["rooms"], "{query}");
    }
    // Page by page across the pinned ones, with a filter that finds all.
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let path = format!("rooms?archived=any&hidden=any&name=i&limit=1{next}");
        let answer = page.get(&path).await.is(200);
        seen.extend(ids(&answer).into_iter().map(str::to_owned));
        let Some(cursor) = answer["next"].as_str() else { break };
        next = format!("&cursor={}", segment(cursor));
    }
    assert_eq!(seen, [&bikes, &direct, &old, &news].map(String::to_owned));
    for (query, code, field) in [
        ("kind=secret", "invalid_field", "kind"),
        ("archived=yes", "invalid_field", "archived"),
        ("unread=1", "invalid_field", "unread"),
        ("name=", "invalid_field", "name"),
        ("tag=a%00b", "invalid_field", "tag"),
        ("folder=%0A", "invalid_field", "folder"),
    ] {
        page.get(&format!("rooms?{query}")).await.refused_at(422, code, field);
    }
    let long = format!("rooms?name={}", "x".repeat(257));
    page.get(&long).await.refused_at(413, "too_large", "name");
}

async fn an_archived_room_takes_no_messages(server: &TestServer) {
    let app = server.app().await;
    let room = make(&app, json!({"creator": "ann"})).await;
    let ((page, mut ann), (other, mut bob)) =
        (devices(&app, "ann").await, devices(&app, "bob").await);
    let path = format!("rooms/{room}");
    let first = page.get(&format!("{path}/messages")).await.is(200)["messages"][0]["id"].take();
    let first = format!("{path}/messages/{}", text(&first));
    ann.request("room.open", json!({"room": room})).await;
    other.call("PATCH", &path, json!({"archived": true})).await.refused(403, "role_too_low");
    let view = page.call("PATCH", &path, json!({"archived": true})).await.is(200);
    assert_eq!((&view["archived"], &view["room_rev"]), (&json!(true), &view["rev"]));
    let told = ann.event_where("room.changed", |data| data["room"] == room).await;
    assert_eq!(told["room_object"]["archived"], true);
    let head = bob.event_where("room.head", |data| data["rev"] == view["rev"]).await;
    assert_eq!(head["room_rev"], view["rev"], "who has it closed sees that the room is another");
    assert!(!ids(&other.get("rooms").await.is(200)).contains(&room.as_str()));

    let hi = json!({"text": "hi"});
    page.call("POST", &format!("{path}/messages"), hi.clone()).await.refused(403, "room_archived");
    let by_socket = bob.ask("message.send", json!({"room": room, "text": "hi"})).await;
    assert_eq!(by_socket["error"]["code"], "room_archived");
    let by_backend = json!({"sender": "ann", "text": "hi"});
    for body in [by_backend, json!({"text": "the room says"})] {
        let sent = app.backend("POST", &format!("{path}/messages"), body).await;
        sent.refused(403, "room_archived");
    }
    for (method, rest, body) in [
        ("POST", "/typing", json!({"on": true})),
        ("POST", "/members", json!({"users": ["cat"]})),
        ("PUT", "/messages/x/reactions/ok", Value::Null),
    ] {
        page.call(method, &format!("{path}{rest}"), body).await.refused(403, "room_archived");
    }
    other.call("PATCH", &first, hi.clone()).await.refused(403, "room_archived");
    // It is read, and what was said in it can be taken back; who goes out goes in silence.
    other.call("POST", &format!("{path}/read"), json!({"seq": 1})).await.is(200);
    assert_eq!(other.call("DELETE", &first, Value::Null).await.is(200)["deleted"], true);
    other.call("POST", &format!("{path}/leave"), Value::Null).await.is(204);
    let seq = page.get(&path).await.is(200)["seq"].clone();
    assert_eq!(seq, 1, "the room itself says nothing either");
    page.call("PATCH", &path, json!({"archived": false})).await.is(200);
    page.call("POST", &format!("{path}/messages"), hi).await.is(201);
}

async fn changes_merge_or_say_that_somebody_was_first(server: &TestServer) {
    let app = server.app().await;
    let custom = json!({"custom": {"n": 1, "in": {"x": 1, "y": 2}}, "creator": "ann"});
    let room = make(&app, custom).await;
    let (page, mut socket) = devices(&app, "ann").await;
    let path = format!("rooms/{room}");
    let view = page.get(&path).await.is(200);
    assert_eq!((&view["room_rev"], &view["rev"]), (&json!(1), &json!(2)));
    let patch = json!({"custom_patch": {"n": null, "in": {"x": 3}, "new": []}, "if_rev": 1});
    let after = page.call("PATCH", &path, patch.clone()).await.is(200);
    assert_eq!(after["custom"], json!({"in": {"x": 3, "y": 2}, "new": []}));
    assert_eq!(after["room_rev"], 3);
    said(&app, &room, "bob", "a message is no conflict").await;
    let conflict = page.call("PATCH", &path, patch).await;
    assert_eq!(conflict.body["expected"], "3, the room_rev of now");
    conflict.refused_at(409, "rev_conflict", "if_rev");
    let stale = json!({"room": room, "name": "late", "if_rev": 1});
    let stale = socket.ask("room.update", stale).await;
    assert_eq!(stale["error"]["code"], "rev_conflict");
    let tags = json!({"room": room, "tags": ["b", "a", "b"], "if_rev": 3});
    let tagged = socket.request("room.update", tags).await["room"].take();
    assert_eq!((&tagged["tags"], &tagged["room_rev"]), (&json!(["a", "b"]), &json!(5)));
    let bare =
        app.backend("PATCH", &path, json!({"tags": null, "custom_patch": null})).await.is(200);
    assert!(bare.get("tags").is_none() && bare.get("custom").is_none(), "{bare}");

    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    for (body, status, code, field) in [
        (json!({"tags": many}), 413, "too_large", "tags"),
        (json!({"tags": ["ok", ""]}), 422, "invalid_field", "tags[1]"),
        (json!({"tags": ["x".repeat(65)]}), 413, "too_large", "tags[0]"),
        (json!({"tags": "sale"}), 422, "invalid_field", "tags"),
        (json!({"custom": {}, "custom_patch": {}}), 422, "invalid_field", "custom_patch"),
        (json!({"custom_patch": {"x": "x".repeat(17_000)}}), 413, "too_large", "custom_patch"),
    ] {
        page.call("PATCH", &path, body).await.refused_at(status, code, field);
    }
    let half = json!({"custom_patch": {"a": "x".repeat(10_000)}});
    page.call("PATCH", &path, half).await.is(200);
    let other_half = json!({"custom_patch": {"b": "x".repeat(10_000)}});
    page.call("PATCH", &path, other_half).await.refused_at(413, "too_large", "custom_patch");
    let direct = json!({"kind": "direct", "user": "bob", "tags": ["mine"]});
    page.call("POST", "rooms", direct).await.refused_at(422, "invalid_field", "tags");
}

async fn all_of_it(backend: Backend) {
    let server = TestServer::start(backend).await;
    settings_reach_the_users_devices_and_nobody_else(&server).await;
    the_list_is_filtered_and_paged(&server).await;
    an_archived_room_takes_no_messages(&server).await;
    changes_merge_or_say_that_somebody_was_first(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn rooms_are_kept_and_found_on_sqlite() {
    all_of_it(Backend::Sqlite).await;
}

#[tokio::test]
async fn rooms_are_kept_and_found_on_postgres() {
    all_of_it(Backend::Postgres).await;
}
