//! A user's own marks through the real doors: stars, and what was deleted for oneself. Nobody else
//! hears of them, and nobody else may ask.

use serde_json::{Value, json};

use crate::harness::{Answer, Page, on_both};

async fn say(page: &Page, room: &str, id: &str) -> Value {
    page.post(&format!("rooms/{room}/messages"), json!({"id": id, "text": id})).await.is(201)
}

async fn mark(page: &Page, room: &str, id: &str, body: Value) -> Answer {
    page.call("PATCH", &format!("rooms/{room}/messages/{id}/own"), body).await
}

async fn star(page: &Page, room: &str, id: &str) -> Value {
    mark(page, room, id, json!({"starred": true})).await.is(200)
}

async fn delete(page: &Page, room: &str, id: &str) -> Value {
    mark(page, room, id, json!({"deleted": true})).await.is(200)
}

fn ids(page: &Value) -> Vec<&str> {
    let all = page["messages"].as_array().expect("messages");
    all.iter().map(|message| message["id"].as_str().expect("an id")).collect()
}

/// What of a message is left to who deleted it for oneself.
fn stub(message: &Value, own: &Value) -> Value {
    let mut stub = message.clone();
    let fields = stub.as_object_mut().expect("a message");
    for words in ["text", "edited_at", "reactions", "pinned_at", "mentions"] {
        fields.remove(words);
    }
    fields.insert("own".to_owned(), own.clone());
    stub
}

#[tokio::test]
async fn every_page_says_how_its_reader_keeps_it() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        for id in ["a", "b", "c"] {
            say(&ann, &room, id).await;
        }
        let messages = format!("rooms/{room}/messages");
        ann.call("PUT", &format!("{messages}/b/pin"), Value::Null).await.is(200);
        let reply = json!({"id": "r", "text": "r", "thread": "a"});
        ann.post(&messages, reply).await.is(201);
        let starred = star(&ben, &room, "a").await["own"].clone();
        let at = starred["starred_at"].clone();
        assert_eq!(starred, json!({"rev": 1, "starred_at": at}));
        let gone = delete(&ben, &room, "b").await["own"].clone();
        assert_eq!(gone, json!({"rev": 2, "deleted": true}));
        let replied = delete(&ben, &room, "r").await["own"].clone();

        let hers = ann.get(&messages).await.is(200);
        let his = ben.get(&messages).await.is(200);
        let all = hers["messages"].as_array().expect("messages");
        assert!(all.iter().all(|message| message.get("own").is_none()), "{hers}");
        assert_eq!(his["messages"][0]["own"], starred);
        assert_eq!(his["messages"][0]["text"], "a");
        assert_eq!(his["messages"][1], stub(&all[1], &gone), "its place without its words");
        assert_eq!(his["messages"][2], all[2]);
        assert_eq!(ben.get(&format!("{messages}/b")).await.is(200), stub(&all[1], &gone));
        let thread = ben.get(&format!("{messages}/a/thread")).await.is(200);
        assert_eq!(thread["root"]["own"], starred);
        assert_eq!(thread["messages"][0], stub(&all[3], &replied));
        let threads = ben.get(&format!("rooms/{room}/threads")).await.is(200);
        assert_eq!(threads["threads"][0]["root"]["own"], starred);
        let pins = format!("rooms/{room}/pins");
        assert_eq!(ids(&ben.get(&pins).await.is(200)), [""; 0], "what is deleted is no pin");
        assert_eq!(ids(&ann.get(&pins).await.is(200)), ["b"]);
        let epoch = his_epoch(&ben, &room).await;
        let sync = format!("rooms/{room}/sync?rev=1&epoch={epoch}");
        let synced = ben.get(&sync).await.is(200);
        assert!(synced.get("marks").is_none(), "who asks for none");
        let of_b = synced["messages"].as_array().expect("messages");
        assert!(of_b.contains(&stub(&all[1], &gone)), "{synced}");
        // The backend sees all of it, and nobody's marks.
        let backend = app.backend_ok("GET", &messages, Value::Null).await;
        assert_eq!(backend["messages"], hers["messages"]);
    })
    .await;
}

async fn his_epoch(page: &Page, room: &str) -> String {
    let room = page.get(&format!("rooms/{room}")).await.is(200);
    room["epoch"].as_str().expect("an epoch").to_owned()
}

#[tokio::test]
async fn the_own_devices_hear_of_it_and_nobody_else() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        let mut hers = app.socket(&ann.opened.token).await;
        let mut his = app.socket(&ben.opened.token).await;
        let phone = app.open_session_on("ben", "phone").await;
        let mut phone = app.socket(&phone.token).await;
        say(&ann, &room, "a").await;
        let said = say(&ann, &room, "b").await;
        let data = json!({"room": room, "id": "b", "deleted": true});
        let answer = his.request("message.own", data.clone()).await;
        for socket in [&mut his, &mut phone] {
            assert_eq!(socket.event("message.own").await, answer);
        }
        assert_eq!(answer["mine"]["marks"], json!({"rev": 1, "deleted_seq": 2}));
        assert_eq!((&answer["mine"]["unread"], &answer["mine"]["gone"]), (&json!(1), &json!(1)));
        assert_eq!((&answer["seq"], &answer["id"]), (&said["seq"], &json!("b")));
        assert_eq!(answer["mine"]["read_seq"], 0, "no cursor moves");
        // What is so already is answered the same, and told to nobody.
        assert_eq!(his.request("message.own", data).await, answer);
        star(&ben, &room, "a").await;
        let next = phone.event("message.own").await;
        assert_eq!((&next["id"], &next["own"]["rev"]), (&json!("a"), &json!(2)));

        // Ann's next event is what is said next, at the next rev.
        let more = say(&ben, &room, "c").await;
        let head = hers.event_where("room.head", |head| head["rev"] == more["rev"]).await;
        assert_eq!(head["preview"]["text"], "c");
        assert_eq!(more["rev"], json!(said["rev"].as_u64().expect("a rev") + 1));
        let heard = hers.drain().await;
        assert!(heard.iter().all(|(name, _)| name != "message.own"), "{heard:?}");
    })
    .await;
}

#[tokio::test]
async fn a_device_that_was_away_asks_for_what_it_missed() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        for id in ["a", "b", "c"] {
            say(&ann, &room, id).await;
        }
        star(&ben, &room, "a").await;
        star(&ben, &room, "b").await;
        let list = ben.get("rooms").await.is(200);
        let cursor = list["cursor"].as_str().expect("a cursor").to_owned();
        mark(&ben, &room, "a", json!({"starred": false})).await.is(200);
        delete(&ben, &room, "c").await;
        let synced = ben.get(&format!("sync?cursor={cursor}")).await.is(200);
        let row = &synced["rooms"][0];
        assert_eq!(row["mine"]["marks"], json!({"rev": 4, "deleted_seq": 3}), "{synced}");
        assert_eq!((&row["preview"]["seq"], row["preview"].get("text")), (&json!(3), None));
        let view = ben.get(&format!("rooms/{room}")).await.is(200);
        assert_eq!(view["preview"], row["preview"], "no row has its words");
        let hers = ann.get(&format!("rooms/{room}")).await.is(200);
        assert_eq!(hers["preview"]["text"], "c");

        let rev = &view["rev"];
        let epoch = his_epoch(&ben, &room).await;
        let after = async |marks: u64| {
            let path = format!("rooms/{room}/sync?rev={rev}&epoch={epoch}&marks={marks}");
            ben.get(&path).await.is(200)["marks"].clone()
        };
        let all = after(0).await;
        let brief = |marks: &Value| {
            let changed = marks["changed"].as_array().expect("changed").clone();
            changed.iter().map(|one| json!([one["id"], one["own"]["rev"]])).collect::<Vec<_>>()
        };
        assert_eq!(brief(&all), [json!(["b", 2]), json!(["a", 3]), json!(["c", 4])]);
        assert_eq!((&all["rev"], &all["more"]), (&json!(4), &json!(false)));
        assert_eq!(all["changed"][1], json!({"id": "a", "seq": 1, "own": {"rev": 3}}));
        assert_eq!(brief(&after(3).await), [json!(["c", 4])]);
        assert_eq!(after(4).await, json!({"changed": [], "rev": 4, "more": false}));
        let path = format!("rooms/{room}/sync?rev={rev}&epoch={epoch}&marks=0");
        let none = ann.get(&path).await.is(200)["marks"].clone();
        assert_eq!(none, json!({"changed": [], "rev": 0, "more": false}));
    })
    .await;
}

#[tokio::test]
async fn stars_of_all_rooms_are_paged() {
    on_both(async |server| {
        let app = server.app().await;
        let (one, two) = (app.group(&["ann", "ben"]).await, app.group(&["ann", "ben"]).await);
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        for (room, id) in [(&one, "a"), (&two, "b"), (&one, "c")] {
            say(&ann, room, id).await;
            star(&ben, room, id).await;
        }
        let first = ben.get("me/starred?limit=2").await.is(200);
        assert_eq!(ids(&first), ["c", "b"]);
        assert_eq!(first["users"][0]["id"], "ann");
        let next = first["next"].as_str().expect("there is more");
        let last = ben.get(&format!("me/starred?limit=2&before={next}")).await.is(200);
        assert_eq!((ids(&last), last.get("next")), (vec!["a"], None));
        assert_eq!(ids(&ann.get("me/starred").await.is(200)), [""; 0]);
        let path = format!("rooms/{one}/messages/c");
        ann.call("DELETE", &path, Value::Null).await.is(200);
        assert_eq!(ids(&ben.get("me/starred").await.is(200)), ["b", "a"], "unsent");
        delete(&ben, &one, "a").await;
        assert_eq!(ids(&ben.get("me/starred").await.is(200)), ["b"], "deleted for oneself");
        ben.post(&format!("rooms/{two}/leave"), json!({})).await;
        assert_eq!(ids(&ben.get("me/starred").await.is(200)), [""; 0], "left");
        ben.get("me/starred?limit=101").await.refused_at(422, "invalid_field", "limit");
    })
    .await;
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, zoe) = (app.page("ann").await, app.page("zoe").await);
        for id in ["a", "gone", "hidden"] {
            say(&ann, &room, id).await;
        }
        let messages = format!("rooms/{room}/messages");
        ann.call("DELETE", &format!("{messages}/gone"), Value::Null).await.is(200);
        app.backend_ok("PUT", &format!("{messages}/hidden/hidden"), json!({"on": true})).await;
        let yes = || json!({"starred": true});
        for (id, body, field) in [
            ("a", json!({"deleted": false}), "deleted"),
            ("a", json!({"deleted": true, "starred": true}), "starred"),
            ("gone", yes(), "starred"),
            ("hidden", yes(), "starred"),
        ] {
            mark(&ann, &room, id, body).await.refused_at(422, "invalid_field", field);
        }
        mark(&ann, &room, "none", yes()).await.refused(404, "message_not_found");
        mark(&ann, "nowhere", "a", yes()).await.refused(404, "room_not_found");
        mark(&zoe, &room, "a", yes()).await.refused(403, "not_a_member");
        let direct = app.direct("ann", "ben").await;
        mark(&zoe, &direct, "a", yes()).await.refused(404, "room_not_found");
        // What is out of sight may still be put out of the own sight.
        delete(&ann, &room, "gone").await;
        delete(&ann, &room, "hidden").await;
        assert_eq!(mark(&ann, &room, "a", json!({})).await.is(200)["own"], json!({"rev": 0}));

        // Another application has rooms and users of the same names, and nothing to do with this.
        let other = server.app().await;
        let same = json!({"kind": "group", "id": room, "members": ["ann"]});
        let stranger = other.page("ann").await;
        mark(&stranger, &room, "a", yes()).await.refused(404, "room_not_found");
        other.backend_ok("POST", "rooms", same).await;
        mark(&stranger, &room, "a", yes()).await.refused(404, "message_not_found");
        assert_eq!(ids(&stranger.get("me/starred").await.is(200)), [""; 0]);

        // A frozen or archived room is still its members' to keep; one that was left is not.
        for state in ["frozen", "archived"] {
            app.backend_ok("PATCH", &format!("rooms/{room}"), json!({state: true})).await;
            star(&ann, &room, "a").await;
            mark(&ann, &room, "a", json!({"starred": false})).await.is(200);
        }
        app.backend_ok("POST", &format!("rooms/{room}/members/remove"), json!({"users": ["ann"]}))
            .await;
        mark(&ann, &room, "a", yes()).await.refused(403, "not_a_member");
    })
    .await;
}
