//! Threads through the real doors: what a reply is to the room, what is refused, cursors, pages,
//! and what whoever was away finds.

use serde_json::{Value, json};

use crate::harness::{Page, TestApp, on_both};

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("a number, not {value}"))
}

fn seqs(page: &Value) -> Vec<u64> {
    let all = page["messages"].as_array().expect("messages");
    all.iter().map(|message| number(&message["seq"])).collect()
}

async fn say(page: &Page, room: &str, id: &str) -> Value {
    page.post(&format!("rooms/{room}/messages"), json!({"id": id, "text": id})).await.is(201)
}

async fn reply(page: &Page, room: &str, thread: &str, id: &str) -> Value {
    let body = json!({"id": id, "text": id, "thread": thread});
    page.post(&format!("rooms/{room}/messages"), body).await.is(201)
}

/// What a list shows of the room: unread, place by activity, and the last message.
async fn standing(page: &Page, room: &str) -> [Value; 4] {
    let row = page.get(&format!("rooms/{room}")).await.is(200);
    let mut mine = row["mine"].clone();
    [
        mine["unread"].take(),
        row["count"].clone(),
        row["activity_at"].clone(),
        row["preview"].clone(),
    ]
}

#[tokio::test]
async fn a_reply_is_the_threads_and_not_the_rooms() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben", "cem"]).await;
        let (ann, ben, cem) = (app.page("ann").await, app.page("ben").await, app.page("cem").await);
        let mut open = app.socket(&ben.opened.token).await;
        let mut closed = app.socket(&cem.opened.token).await;
        let root = say(&ann, &room, "root").await;
        open.request("room.open", json!({"room": room})).await;
        let before = standing(&cem, &room).await;
        assert_eq!(before[0], 1, "{before:?}");

        // The next place of the room, heard like any message, and no unread, preview or activity.
        let one = reply(&ann, &room, "root", "one").await;
        assert_eq!(number(&one["seq"]), number(&root["seq"]) + 1);
        assert_eq!(number(&one["rev"]), number(&root["rev"]) + 1);
        assert_eq!(
            (&one["count"], &one["thread"]),
            (&root["count"], &json!({"id": "root", "seq": root["seq"]}))
        );
        let summary = json!({"replies": 1, "last_seq": one["seq"], "last_at": one["created_at"],
            "participants": ["ann"], "rev": one["rev"]});
        assert_eq!(one["thread_summary"], summary);
        let heard = open.event_where("message.new", |new| new["rev"] == one["rev"]).await;
        assert_eq!(heard["message"], one);
        let head = closed.event_where("room.head", |head| head["rev"] == one["rev"]).await;
        assert_eq!((&head["count"], &head["preview"]["seq"]), (&root["count"], &root["seq"]));
        assert_eq!(standing(&cem, &room).await, before);
        // The root tells of it without a rev of its own.
        let path = format!("rooms/{room}/messages/root");
        let told = cem.get(&path).await.is(200);
        assert_eq!((&told["rev"], &told["thread_summary"]), (&root["rev"], &summary));

        // A repeat is the same answer; the same id in another thread or none is another message.
        let messages = format!("rooms/{room}/messages");
        let again = json!({"id": "one", "text": "one", "thread": "root"});
        assert_eq!(ann.post(&messages, again).await.is(200), one);
        for other in [
            json!({"id": "one", "text": "one"}),
            json!({"id": "one", "text": "one", "thread": "x"}),
        ] {
            let refused = ann.post(&messages, other).await;
            assert!([404, 409].contains(&refused.status), "{refused:?}");
        }

        // Unsent: one less, for everybody, at the unsending's rev; the root may go, too.
        let two = reply(&ben, &room, "root", "two").await;
        assert_eq!(two["thread_summary"]["participants"], json!(["ann", "ben"]));
        let gone = ben.call("DELETE", &format!("{messages}/two"), Value::Null).await.is(200);
        let now = &gone["thread_summary"];
        assert_eq!(
            (&now["replies"], &now["last_seq"], &now["rev"]),
            (&json!(1), &one["seq"], &gone["rev"])
        );
        assert_eq!(gone["thread"]["id"], "root", "a tombstone keeps its place");
        let heard = open.event_where("message.changed", |new| new["rev"] == gone["rev"]).await;
        assert_eq!(heard["message"], gone);
        assert_eq!(standing(&cem, &room).await, before);
        ann.call("DELETE", &path, Value::Null).await.is(200);
        let page = cem.get(&format!("{path}/thread")).await.is(200);
        assert_eq!((&page["root"]["deleted"], seqs(&page)), (&json!(true), vec![2, 3]));
        let next = say(&ann, &room, "next").await;
        assert_eq!(number(&next["count"]), number(&root["count"]) + 1);
        assert_eq!(standing(&cem, &room).await[0], 1, "the next one; the root is gone");
    })
    .await;
}

#[tokio::test]
async fn where_no_thread_hangs_is_said() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, zoe) = (app.page("ann").await, app.page("zoe").await);
        for id in ["root", "gone", "hidden"] {
            say(&ann, &room, id).await;
        }
        reply(&ann, &room, "root", "reply").await;
        let messages = format!("rooms/{room}/messages");
        ann.call("DELETE", &format!("{messages}/gone"), Value::Null).await.is(200);
        app.backend_ok("PUT", &format!("{messages}/hidden/hidden"), json!({"on": true})).await;
        let body = |thread: &str| json!({"text": "x", "thread": thread});
        ann.post(&messages, body("reply")).await.refused_at(422, "invalid_field", "thread");
        ann.post(&messages, body("gone")).await.refused_at(422, "invalid_field", "thread");
        for none in ["none", "hidden"] {
            ann.post(&messages, body(none)).await.refused(404, "message_not_found");
        }
        ann.post(&messages, body("")).await.refused_at(422, "invalid_field", "thread");
        zoe.post(&messages, body("root")).await.refused(403, "not_a_member");
        let first = json!({"text": "x", "thread": "root"});
        let create = json!({"kind": "group", "members": ["ben"], "message": first});
        ann.post("rooms", create).await.refused_at(422, "invalid_field", "message.thread");

        // The pages and the cursor.
        let at = |id: &str, rest: &str| format!("{messages}/{id}/thread{rest}");
        for path in [at("root", ""), format!("rooms/{room}/threads")] {
            zoe.get(&path).await.refused(403, "not_a_member");
        }
        ann.get(&at("none", "")).await.refused(404, "message_not_found");
        // What is said below a hidden root stays to be read; nothing more is said there.
        let hidden = ann.get(&at("hidden", "")).await.is(200);
        assert!(hidden["root"]["text"].is_null(), "{hidden}");
        let last = ann.get(&at("root", "?after=18446744073709551615")).await.is(200);
        assert!(seqs(&last).is_empty(), "{last}");
        ann.get(&at("reply", "")).await.refused_at(422, "invalid_field", "thread");
        ann.get(&at("root", "?before=5&after=2")).await.refused_at(422, "invalid_field", "after");
        ann.get(&at("root", "?limit=101")).await.refused_at(422, "invalid_field", "limit");
        ann.get(&format!("rooms/{room}/threads?limit=51")).await.refused_at(
            422,
            "invalid_field",
            "limit",
        );
        let seq = json!({"seq": 4});
        zoe.post(&at("root", "/read"), seq.clone()).await.refused(403, "not_a_member");
        ann.post(&at("none", "/read"), seq.clone()).await.refused(404, "message_not_found");
        ann.post(&at("reply", "/read"), seq).await.refused_at(422, "invalid_field", "thread");
        ann.post(&at("root", "/read"), json!({})).await.refused_at(422, "missing_field", "seq");

        // A room that is frozen takes no replies, either.
        app.backend_ok("PATCH", &format!("rooms/{room}"), json!({"frozen": true})).await;
        ann.post(&messages, body("root")).await.refused(403, "room_frozen");
        // Who sees nothing of before does not see that a thread was there.
        hidden_history(&app).await;
    })
    .await;
}

/// A room that is made anew under its id: what was before is not there for anybody.
async fn hidden_history(app: &TestApp) {
    let make = json!({"kind": "group", "id": "anew", "members": ["ann", "ben"]});
    app.backend_ok("POST", "rooms", make.clone()).await;
    let ann = app.page("ann").await;
    say(&ann, "anew", "root").await;
    reply(&ann, "anew", "root", "one").await;
    app.backend("DELETE", "rooms/anew", Value::Null).await.is(204);
    app.backend_ok("POST", "rooms", make).await;
    let body = json!({"text": "x", "thread": "root"});
    ann.post("rooms/anew/messages", body).await.refused(404, "message_not_found");
    ann.get("rooms/anew/messages/root/thread").await.refused(404, "message_not_found");
    assert_eq!(ann.get("rooms/anew/threads").await.is(200)["threads"], json!([]));
}

#[tokio::test]
async fn each_thread_has_a_cursor_of_its_own() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben", "cem"]).await;
        let (ann, ben, cem) = (app.page("ann").await, app.page("ben").await, app.page("cem").await);
        say(&ann, &room, "a").await;
        say(&ann, &room, "b").await;
        for n in 0..3 {
            reply(&ben, &room, "a", &format!("a{n}")).await;
        }
        let named =
            json!({"id": "b0", "text": "@cem", "thread": "b", "mentions": {"users": ["cem"]}});
        ben.post(&format!("rooms/{room}/messages"), named).await.is(201);
        let threads = format!("rooms/{room}/threads");
        let told = async |page: &Page| {
            let found = page.get(&threads).await.is(200);
            let all = found["threads"].as_array().expect("threads").clone();
            let mine = |one: &Value| {
                let mine = &one["mine"];
                let root = one["root"]["id"].as_str().expect("an id").to_owned();
                (
                    root,
                    mine["following"] == true,
                    number(&mine["read_seq"]),
                    number(&mine["unread"]),
                )
            };
            all.iter().map(mine).collect::<Vec<_>>()
        };
        let of = |root: &str, following, read, unread| (root.to_owned(), following, read, unread);
        assert_eq!(told(&ann).await, [of("b", true, 0, 1), of("a", true, 0, 3)]);
        assert_eq!(told(&ben).await, [of("b", true, 0, 0), of("a", true, 0, 0)]);
        assert_eq!(told(&cem).await, [of("b", true, 0, 1), of("a", false, 0, 3)]);
        let mentions = cem.get(&format!("rooms/{room}")).await.is(200)["mine"]["mentions"].take();
        assert_eq!(mentions, 0, "nobody is called in the room");

        let read = async |page: &Page, seq: u64| {
            let path = format!("rooms/{room}/messages/a/thread/read");
            page.post(&path, json!({"seq": seq})).await.is(200)
        };
        assert_eq!(read(&ann, 4).await, json!({"following": true, "read_seq": 4, "unread": 1}));
        assert_eq!(read(&ann, 3).await, json!({"following": true, "read_seq": 4, "unread": 1}));
        assert_eq!(read(&ann, 1_000).await["read_seq"], 6, "not ahead of the room");
        assert_eq!(told(&ann).await, [of("b", true, 0, 1), of("a", true, 6, 0)]);
        let row = ann.get(&format!("rooms/{room}")).await.is(200);
        assert_eq!(row["mine"]["read_seq"], 2, "the room's cursor is another");
        let all = app.backend_ok("GET", &threads, Value::Null).await;
        assert!(all["threads"][0].get("mine").is_none(), "{all}");

        // Who is out hears and reads nothing more, and begins anew.
        let mut heard = app.socket(&cem.opened.token).await;
        heard.request("room.open", json!({"room": room})).await;
        read(&cem, 5).await;
        let out = json!({"users": ["cem"]});
        app.backend_ok("POST", &format!("rooms/{room}/members/remove"), out.clone()).await;
        reply(&ben, &room, "a", "a3").await;
        cem.get(&threads).await.refused(403, "not_a_member");
        let path = format!("rooms/{room}/messages/a/thread/read");
        cem.post(&path, json!({"seq": 6})).await.refused(403, "not_a_member");
        heard.settle().await;
        let news = heard.drain().await;
        assert!(news.iter().all(|(_, data)| data["message"]["id"] != "a3"), "{news:?}");
        app.backend_ok("POST", &format!("rooms/{room}/members"), out).await;
        assert_eq!(told(&cem).await[0], of("a", false, 0, 0), "nothing of before is unread");
        reply(&ben, &room, "a", "a4").await;
        assert_eq!(told(&cem).await[0], of("a", false, 0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_page_says_what_it_covers() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        say(&ann, &room, "root").await;
        // Replies at 3, 5, 7, 9, 11; the room's own between them.
        for n in 0..5 {
            say(&ann, &room, &format!("m{n}")).await;
            reply(&ben, &room, "root", &format!("r{n}")).await;
        }
        let page = async |query: &str| {
            let path = format!("rooms/{room}/messages/root/thread{query}");
            let found = ann.get(&path).await.is(200);
            let covers = (number(&found["covers"]["from"]), number(&found["covers"]["to"]));
            (seqs(&found), covers, found["has_before"] == true, found["has_after"] == true)
        };
        let all = vec![3, 5, 7, 9, 11];
        assert_eq!(page("").await, (all, (2, 11), false, false));
        assert_eq!(page("?limit=2").await, (vec![9, 11], (9, 11), true, false));
        assert_eq!(page("?before=9&limit=2").await, (vec![5, 7], (5, 8), true, true));
        assert_eq!(page("?before=5&limit=2").await, (vec![3], (2, 4), false, true));
        assert_eq!(page("?after=3&limit=2").await, (vec![5, 7], (4, 7), true, true));
        assert_eq!(page("?after=7").await, (vec![9, 11], (8, 11), true, false));
        say(&ann, &room, "last").await;
        assert_eq!(page("?limit=1").await, (vec![11], (11, 12), true, false));
        assert_eq!(page("?after=11").await, (vec![], (12, 12), true, false));
        let found = ann.get(&format!("rooms/{room}/messages/last/thread")).await.is(200);
        assert_eq!((seqs(&found), &found["covers"]), (vec![], &json!({"from": 13, "to": 12})));
        let path = format!("rooms/{room}/messages/root/thread?limit=1");
        let told = app.backend_ok("GET", &path, Value::Null).await;
        assert_eq!((seqs(&told), told.get("mine")), (vec![11], None));
    })
    .await;
}

/// Line 5: who was away has, after a sync, what a fresh page has, also of roots from before.
#[tokio::test]
async fn who_comes_back_knows_every_thread() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        say(&ann, &room, "a").await;
        say(&ann, &room, "b").await;
        reply(&ben, &room, "a", "a0").await;
        let mut away = app.socket(&ben.opened.token).await;
        let opened = away.request("room.open", json!({"room": room})).await;
        let mut known: Vec<Value> =
            opened["history"]["messages"].as_array().expect("messages").clone();
        let (mut rev, epoch) = (opened["room"]["rev"].clone(), opened["room"]["epoch"].clone());
        drop(away);
        for n in 1..4 {
            reply(&ann, &room, "a", &format!("a{n}")).await;
            reply(&ben, &room, "b", &format!("b{n}")).await;
        }
        ann.call("DELETE", &format!("rooms/{room}/messages/a3"), Value::Null).await.is(200);
        ben.call("DELETE", &format!("rooms/{room}/messages/a0"), Value::Null).await.is(200);
        let mut back = app.socket(&ben.opened.token).await;
        loop {
            let ask = json!({"room": room, "rev": rev, "epoch": epoch, "limit": 2});
            let page = back.request("room.sync", ask).await;
            for news in page["messages"].as_array().expect("messages") {
                known.retain(|message| message["id"] != news["id"]);
                known.push(news.clone());
                // As `docs/messages.md` says: every reply tells how its thread stands.
                let root = known.iter_mut().find(|one| one["seq"] == news["thread"]["seq"]);
                root.expect("the root")["thread_summary"] = news["thread_summary"].clone();
            }
            rev = page["rev"].clone();
            if page["more"] == false {
                break;
            }
        }
        known.sort_by_key(|message| number(&message["seq"]));
        let fresh = back.request("history", json!({"room": room})).await;
        let roots = |all: &[Value]| {
            let roots = all.iter().filter(|one| one.get("thread").is_none());
            roots.cloned().collect::<Vec<_>>()
        };
        let all = fresh["messages"].as_array().expect("messages");
        assert_eq!(roots(&known), roots(all));
        assert_eq!(all[0]["thread_summary"]["replies"], 2);
    })
    .await;
}

/// Each reply is an event, which names its place, also when it is unsent; how the thread stands is
/// not told: it would be that of a later moment.
#[tokio::test]
async fn a_backend_is_told_where_a_reply_hangs() {
    on_both(async |server| {
        let app = server.app().await;
        app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;
        let room = app.group(&["ann"]).await;
        let ann = app.page("ann").await;
        let root = say(&ann, &room, "root").await;
        reply(&ann, &room, "root", "one").await;
        ann.call("DELETE", &format!("rooms/{room}/messages/one"), Value::Null).await.is(200);
        let page = app.backend_ok("GET", "events?after=0&limit=10", Value::Null).await;
        let told = page["events"].as_array().expect("events").clone();
        let of = |event: &Value| {
            let message = &event["data"]["message"];
            assert!(message.get("thread_summary").is_none(), "{event}");
            (event["type"].clone(), message["thread"].clone())
        };
        let place = json!({"id": "root", "seq": root["seq"]});
        let expected = [
            (json!("room.created"), Value::Null),
            (json!("message.new"), Value::Null),
            (json!("message.new"), place.clone()),
            (json!("message.deleted"), place),
        ];
        assert_eq!(told.iter().map(of).collect::<Vec<_>>(), expected);
    })
    .await;
}
