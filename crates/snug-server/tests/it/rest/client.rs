//! Client routes: what a user's page does.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{TestApp, segment, text};

pub(super) async fn me(app: &TestApp) {
    let page = app.page("me-1").await;
    let me = page.get("me").await.is(200);
    assert_eq!((&me["user"]["id"], &me["policy"]), (&json!("me-1"), &json!("open")));
    assert_eq!(me["session"]["id"], page.opened.session);
    assert_eq!(me["session"]["device"], "device");
    let patch = json!({"name": "Mei", "avatar": "/mei.png", "locale": "zh-TW", "custom": {"x": 1}});
    let me = page.call("PATCH", "me", patch).await.is(200);
    assert_eq!((&me["user"]["name"], &me["user"]["custom"]), (&json!("Mei"), &json!({"x": 1})));
    let me = page.call("PATCH", "me", json!({"name": null})).await.is(200);
    assert!(me["user"].get("name").is_none(), "{me}");
    assert_eq!(me["user"]["avatar"], "/mei.png");
    for script in ["javascript:alert(1)", "data:text/html,x"] {
        let refused = page.call("PATCH", "me", json!({"avatar": script})).await;
        refused.refused_at(422, "invalid_field", "avatar");
    }

    app.open_session("me-2").await;
    let users = page.get("users?ids=me-2&ids=nobody&ids=me-1").await.is(200);
    let ids = |users: &Value| -> BTreeSet<String> {
        users["users"].as_array().expect("users").iter().map(|user| text(&user["id"])).collect()
    };
    assert_eq!(ids(&users), BTreeSet::from(["me-1".to_owned(), "me-2".to_owned()]));
    let many: Vec<String> = (0..101).map(|n| format!("ids=u{n}")).collect();
    page.get(&format!("users?{}", many.join("&"))).await.refused_at(413, "too_large", "ids");
    assert_eq!(ids(&page.get("users").await.is(200)), BTreeSet::new());
}

pub(super) async fn rooms(app: &TestApp) {
    let ann = app.page("c-ann").await;
    let create = json!({"kind": "direct", "user": "c-unknown", "context": "listing 1",
        "custom": {"n": 1}, "message": {"id": "first", "text": "Hello"}});
    let room = ann.post("rooms", create.clone()).await.is(201);
    assert_eq!((&room["seq"], &room["context"]), (&json!(1), &json!("listing 1")));
    assert_eq!(room["mine"]["state"], "active");
    assert_eq!(room["mine"]["unread"], 0, "{room}");
    let id = text(&room["id"]);
    // The same message id again: the room that is there, and nothing stored twice.
    let found = ann.post("rooms", create).await.is(200);
    assert_eq!((&found["id"], &found["seq"]), (&json!(id), &json!(1)));
    let other = app.page("c-unknown").await;
    let history = other.get(&format!("rooms/{id}/messages")).await.is(200);
    assert_eq!(history["messages"][0]["text"], "Hello");
    assert_eq!(other.get(&format!("rooms/{id}")).await.is(200)["mine"]["unread"], 1);
    let leave = other.post(&format!("rooms/{id}/leave"), Value::Null).await;
    leave.refused_at(422, "invalid_field", "room");
    let own = json!({"kind": "direct", "user": "c-ann"});
    ann.post("rooms", own).await.refused_at(422, "invalid_field", "user");

    let create = json!({"kind": "group", "id": "ann's", "name": "Ann's", "members": ["c-bob"],
        "message": {"text": "Welcome"}});
    let room = ann.post("rooms", create.clone()).await.is(201);
    assert_eq!((&room["mine"]["role"], &room["member_count"]), (&json!("owner"), &json!(2)));
    assert_eq!(room["preview"]["text"], "Welcome");
    ann.post("rooms", create).await.refused(409, "room_exists");
    let path = format!("rooms/{}", segment("ann's"));
    let patch = json!({"name": null, "description": "About us", "custom": {"k": true}});
    let changed = ann.call("PATCH", &path, patch).await.is(200);
    assert!(changed.get("name").is_none(), "{changed}");
    assert_eq!(changed["description"], "About us");
    let refused = ann.call("PATCH", &path, json!({"frozen": true})).await;
    refused.refused_at(422, "invalid_field", "frozen");
    let own = ann.post("rooms", json!({"kind": "group"})).await.is(201);
    assert!(text(&own["id"]).starts_with("g_"), "{own}");
    assert_eq!(own["member_count"], 1, "the creator is a member");
    let stranger = app.page("c-eve").await;
    stranger.get(&path).await.refused(403, "not_a_member");
    stranger.get("rooms/none").await.refused(404, "room_not_found");
}

pub(super) async fn members(app: &TestApp) {
    let owner = app.page("g-owner").await;
    let room = text(&owner.post("rooms", json!({"kind": "group"})).await.is(201)["id"]);
    let path = format!("rooms/{room}/members");
    let add = json!({"users": ["g-1", "g-2", "g-3", 44], "announce": false});
    let changed = owner.post(&path, add).await.is(200);
    assert_eq!((&changed["member_count"], &changed["seq"]), (&json!(5), &json!(0)));
    let page = owner.get(&format!("{path}?limit=2")).await.is(200);
    let names: Vec<_> = page["members"].as_array().expect("members").iter().collect();
    assert_eq!((&names[0]["user"], &names[1]["user"]), (&json!("44"), &json!("g-1")));
    let next = segment(page["next"].as_str().expect("more"));
    let page = owner.get(&format!("{path}?limit=500&cursor={next}")).await.is(200);
    assert_eq!(page["members"].as_array().map(Vec::len), Some(3));
    assert!(page.get("next").is_none(), "{page}");
    let changed = owner.post(&format!("{path}/remove"), json!({"users": ["g-1"]})).await.is(200);
    assert_eq!(changed["member_count"], 4);
    let changed = owner.call("DELETE", &format!("{path}/g-2"), Value::Null).await.is(200);
    assert_eq!(changed["member_count"], 3);
    let own = owner.call("DELETE", &format!("{path}/g-owner"), Value::Null).await;
    own.refused_at(422, "invalid_field", "users");
    let third = app.page("g-3").await;
    third.post(&format!("rooms/{room}/leave"), Value::Null).await.is(204);
    third.get(&format!("rooms/{room}")).await.refused(403, "not_a_member");
    third.post(&format!("rooms/{room}/leave"), Value::Null).await.refused(403, "not_a_member");
    let seen = owner.get(&format!("rooms/{room}/messages")).await.is(200);
    let last = seen["messages"].as_array().and_then(|all| all.last()).expect("announced").clone();
    assert_eq!(last["custom"]["type"], "member_left");
}

pub(super) async fn messages(app: &TestApp) {
    let (ann, bob) = (app.page("h-ann").await, app.page("h-bob").await);
    let room = app.group(&["h-ann", "h-bob"]).await;
    let path = format!("rooms/{room}/messages");
    let mut first = Value::Null;
    for n in 1..=7 {
        let sent = ann.post(&path, json!({"id": format!("h{n}"), "text": format!("n{n}")})).await;
        let sent = sent.is(201);
        assert_eq!((&sent["seq"], &sent["sender"]), (&json!(n), &json!("h-ann")));
        if n == 1 {
            first = sent;
        }
    }
    let seqs = |page: &Value| -> Vec<u64> {
        let all = page["messages"].as_array().expect("messages");
        all.iter().map(|message| message["seq"].as_u64().expect("seq")).collect()
    };
    let ends = |page: &Value| (page["has_before"] == true, page["has_after"] == true);
    for (query, wanted, before_after) in [
        ("?limit=3", vec![5, 6, 7], (true, false)),
        ("?limit=3&before=5", vec![2, 3, 4], (true, true)),
        ("?limit=3&before=2", vec![1], (false, true)),
        ("?limit=3&before=1", vec![], (false, true)),
        ("?limit=3&after=0", vec![1, 2, 3], (false, true)),
        ("?limit=3&after=4", vec![5, 6, 7], (true, false)),
        ("?limit=3&after=7", vec![], (true, false)),
        ("", vec![1, 2, 3, 4, 5, 6, 7], (false, false)),
    ] {
        let page = bob.get(&format!("{path}{query}")).await.is(200);
        assert_eq!((seqs(&page), ends(&page)), (wanted, before_after), "{query}");
        assert_eq!(page["head"]["seq"], 7, "{query}");
    }
    let both = bob.get(&format!("{path}?before=1&after=2")).await;
    both.refused_at(422, "invalid_field", "after");

    assert_eq!(bob.get(&format!("rooms/{room}")).await.is(200)["mine"]["unread"], 7);
    let mine = bob.post(&format!("rooms/{room}/read"), json!({"seq": 5})).await.is(200);
    assert_eq!((&mine["read_seq"], &mine["unread"]), (&json!(5), &json!(2)));
    let mine = bob.post(&format!("rooms/{room}/read"), json!({"seq": 2})).await.is(200);
    assert_eq!(mine["read_seq"], 5, "a cursor never goes back");
    bob.post(&path, json!({"text": "answer", "read_up_to": 7})).await.is(201);
    let mine = bob.get(&format!("rooms/{room}")).await.is(200)["mine"].take();
    assert_eq!((&mine["read_seq"], &mine["unread"]), (&json!(8), &json!(0)));
    let own = bob.call("PATCH", &format!("rooms/{room}/me"), json!({"pinned": true})).await.is(200);
    assert_eq!(own["settings"], json!({"rev": 1, "pinned": true}));
    assert_eq!(own["read_seq"], mine["read_seq"], "the whole of the caller's view");
    bob.post(&format!("rooms/{room}/typing"), json!({"on": true})).await.is(204);

    // A repeat is answered alike, also after its sender was removed; nothing else is taken.
    let remove = json!({"users": ["h-ann"]});
    app.backend("POST", &format!("rooms/{room}/members/remove"), remove).await.is(200);
    let again = ann.post(&path, json!({"id": "h1", "text": "n1"})).await.is(200);
    assert_eq!(again, first);
    for other in [json!({"id": "h1", "text": "other"}), json!({"id": "h99", "text": "late"})] {
        ann.post(&path, other).await.refused(403, "not_a_member");
    }
    let stolen = bob.post(&path, json!({"id": "h1", "text": "n1"})).await;
    stolen.refused(409, "message_id_conflict");
    let page = bob.get(&path).await.is(200);
    assert!(page["messages"].as_array().expect("messages").iter().all(|m| m["id"] != "h99"));
}

pub(super) async fn sync(app: &TestApp) {
    let (ann, bob) = (app.page("s-ann").await, app.page("s-bob").await);
    let room = app.group(&["s-ann", "s-bob"]).await;
    let cursor = text(&ann.get("rooms").await.is(200)["cursor"]);
    let was = ann.get(&format!("rooms/{room}")).await.is(200);
    let (rev, epoch) = (was["rev"].as_u64().expect("rev"), text(&was["epoch"]));
    for n in 0..3 {
        bob.post(&format!("rooms/{room}/messages"), json!({"text": format!("{n}")})).await.is(201);
    }
    bob.post(&format!("rooms/{room}/read"), json!({"seq": 2})).await.is(200);
    let path = format!("rooms/{room}/sync?epoch={epoch}");
    let all = ann.get(&format!("{path}&rev={rev}")).await.is(200);
    assert_eq!((&all["reset"], &all["more"]), (&json!(false), &json!(false)));
    assert_eq!(all["rev"], rev + 3);
    assert_eq!(all["messages"].as_array().map(Vec::len), Some(3));
    assert_eq!(all["room_object"]["id"], json!(room));
    assert_eq!(all["users"][0]["id"], "s-bob");
    let read = all["reads"].as_array().expect("reads").iter().find(|read| read["user"] == "s-bob");
    assert_eq!(read.expect("bob's cursor")["seq"], 3, "own messages are read");

    // In steps: each says where the next begins, and nothing is left out or told twice.
    let (mut at, mut seen) = (rev, Vec::new());
    loop {
        let step = ann.get(&format!("{path}&rev={at}&limit=1")).await.is(200);
        let messages = step["messages"].as_array().expect("messages");
        seen.extend(messages.iter().map(|message| message["seq"].as_u64()));
        at = step["rev"].as_u64().expect("rev");
        if step["more"] == false {
            break;
        }
    }
    assert_eq!((seen, at), (vec![Some(1), Some(2), Some(3)], rev + 3));
    for (query, reason) in [
        (format!("rev={rev}&epoch=other"), "epoch"),
        (format!("rev=999&epoch={epoch}"), "rev_ahead"),
    ] {
        let reset = ann.get(&format!("rooms/{room}/sync?{query}")).await.is(200);
        assert_eq!((&reset["reset"], &reset["reason"]), (&json!(true), &json!(reason)));
        assert_eq!(reset["messages"], json!([]));
    }

    // One call catches up the user: a changed room, a left one, a deleted one.
    let (left, deleted) = (app.group(&["s-ann"]).await, app.group(&["s-ann"]).await);
    ann.post(&format!("rooms/{left}/leave"), Value::Null).await.is(204);
    app.backend("DELETE", &format!("rooms/{deleted}"), Value::Null).await.is(204);
    let sync = ann.get(&format!("sync?cursor={cursor}")).await.is(200);
    assert_eq!((&sync["reset"], &sync["more"]), (&json!(false), &json!(false)));
    let find = |id: &str| {
        let rooms = sync["rooms"].as_array().expect("rooms");
        rooms.iter().find(|room| room["id"] == id).unwrap_or_else(|| panic!("{id}: {sync}")).clone()
    };
    assert_eq!(find(&room)["mine"]["unread"], 3);
    assert_eq!(find(&left)["mine"]["state"], "left");
    assert_eq!(find(&deleted)["deleted"], true);
    assert_ne!(sync["cursor"], json!(cursor));
    for bad in ["sync?cursor=nonsense", "sync?cursor="] {
        ann.get(bad).await.refused_at(422, "invalid_field", "cursor");
    }
    ann.get("sync").await.refused(422, "missing_field");
}

pub(super) async fn room_list(app: &TestApp) {
    let (ann, bob) = (app.page("l-ann").await, app.page("l-bob").await);
    let mut rooms = Vec::new();
    for n in 0..5 {
        let room = app.group(&["l-ann", "l-bob", "l-c", "l-d", "l-e", "l-f"]).await;
        bob.post(&format!("rooms/{room}/messages"), json!({"text": format!("t{n}")})).await.is(201);
        rooms.insert(0, room);
    }
    let (mut seen, mut path) = (Vec::new(), "rooms?limit=2".to_owned());
    loop {
        let page = ann.get(&path).await.is(200);
        for room in page["rooms"].as_array().expect("rooms") {
            assert_eq!(room["mine"]["unread"], 1);
            assert_eq!(room["members"].as_array().map(Vec::len), Some(5), "the first five");
            seen.push(text(&room["id"]));
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("rooms?limit=2&cursor={}", segment(next));
    }
    assert_eq!(seen, rooms, "by activity, newest first");
    ann.post(&format!("rooms/{}/leave", rooms[0]), Value::Null).await.is(204);
    let list = |page: Value| -> Vec<String> {
        page["rooms"].as_array().expect("rooms").iter().map(|room| text(&room["id"])).collect()
    };
    assert_eq!(list(ann.get("rooms").await.is(200)), rooms[1..]);
    let with_left = ann.get("rooms?include=left").await.is(200);
    let gone = with_left["rooms"].as_array().expect("rooms").iter().find(|r| r["id"] == rooms[0]);
    assert_eq!(gone.expect("the left room")["mine"]["state"], "left");
    assert_eq!(list(with_left).len(), 5);
    ann.get("rooms?cursor=nonsense").await.refused_at(422, "invalid_field", "cursor");
}

pub(super) async fn session(app: &TestApp) {
    let page = app.page("r-ann").await;
    // More about these two in `embed.rs`.
    assert_eq!(page.get("embedding").await.is(200), json!({"app": app.id, "user": "r-ann"}));
    page.post("session/code", Value::Null).await.is(201);
    let fresh = page.post("session/refresh", json!({})).await.is(200);
    assert_eq!(fresh["session"], page.opened.session);
    let token = text(&fresh["token"]);
    assert_ne!(token, page.opened.token);
    page.get("me").await.refused(401, "token_invalid");
    app.api("GET", "/v1/me", Value::Null, &token).await.is(200);
    app.api("DELETE", "/v1/session", Value::Null, &token).await.is(204);
    app.api("GET", "/v1/me", Value::Null, &token).await.refused(401, "session_closed");
}

pub(super) async fn one_direct_room_of_many_racers(app: &TestApp) {
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    let racers = (0..16).map(|n| {
        let (page, user) = if n % 2 == 0 { (&ann, "bob") } else { (&bob, "ann") };
        let message = json!({"id": format!("m{n}"), "text": "hi"});
        let body = json!({"kind": "direct", "user": user, "context": "race", "message": message});
        page.post("rooms", body)
    });
    let answers = join_all(racers).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "one of them made it");
    let ids: BTreeSet<String> =
        answers.into_iter().map(|answer| text(&answer.ok()["id"])).collect();
    assert_eq!(ids.len(), 1);
    let id = ids.first().expect("one room");
    let page = ann.get(&format!("rooms/{id}/messages")).await.is(200);
    let messages = page["messages"].as_array().expect("messages");
    let seqs: Vec<_> = messages.iter().filter_map(|message| message["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=16).collect::<Vec<u64>>());
    assert_eq!(ann.get("rooms").await.is(200)["rooms"].as_array().map(Vec::len), Some(1));
}
