//! The before-send hook over a real endpoint: what it allows, changes and refuses, what a retry
//! comes to, and what happens when it does not answer.

mod doors;
mod edits;
pub(crate) mod endpoint;
mod failures;
mod node;
pub(crate) mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Answer, Page, TestServer, on_both, text, within};
use endpoint::{Asked, Endpoint, Reply};

async fn say(page: &Page, room: &str, words: &str) -> Answer {
    page.post(&format!("rooms/{room}/messages"), json!({ "text": words })).await
}

/// As `say`, with an id of the client's.
async fn say_as(page: &Page, room: &str, id: &str, words: &str) -> Answer {
    page.post(&format!("rooms/{room}/messages"), json!({"id": id, "text": words})).await
}

async fn history(page: &Page, room: &str) -> Vec<Value> {
    let history = page.get(&format!("rooms/{room}/messages")).await.ok();
    history["messages"].as_array().expect("messages").clone()
}

async fn texts(page: &Page, room: &str) -> Vec<String> {
    let all = history(page, room).await;
    all.iter().map(|message| message["text"].as_str().unwrap_or("").to_owned()).collect()
}

/// Refuses what has "refuse" in it, and changes what has "damn".
pub(crate) fn moderates(asked: &Asked) -> Reply {
    let words = asked.words();
    if words.contains("refuse") {
        Reply::refuse("Be kind.")
    } else if words.contains("damn") {
        Reply::change(&json!({"text": words.replace("damn", "d***")}))
    } else {
        Reply::of(200, r#"{"action":"allow"}"#)
    }
}

#[tokio::test]
async fn allowed_changed_and_refused() {
    on_both(async |server| {
        let app = server.app().await;
        let endpoint = Endpoint::start(moderates).await;
        let secret = endpoint.set(&app, json!({"on_failure": "refuse"})).await.expect("a secret");
        let (ann, (_, mut ben)) = (app.page("ann").await, app.enter("ben").await);
        let body = json!({
            "kind": "group", "id": "r-1", "creator": "ann", "members": ["ann", "ben"],
            "name": "Bicycles", "custom": {"listing": 7},
        });
        app.backend_ok("POST", "rooms", body).await;
        ben.request("room.open", json!({"room": "r-1"})).await;

        let kept = say(&ann, "r-1", "good day").await.is(201);
        assert_eq!(kept["text"], "good day");
        let changed = say_as(&ann, "r-1", "m-1", "damn good").await.is(201);
        assert_eq!((&changed["text"], &changed["seq"]), (&json!("d*** good"), &json!(2)));
        let refused = say(&ann, "r-1", "refuse this").await.refused(403, "message_refused");
        assert_eq!(refused["detail"], "Be kind.");
        // The refused one took no place.
        let last = say(&ann, "r-1", "bye").await.is(201);
        assert_eq!((&last["seq"], &last["rev"]), (&json!(3), &json!(4)));

        // Everybody sees the same, live and later.
        for expected in ["good day", "d*** good", "bye"] {
            let event = ben.event("message.new").await;
            assert_eq!(event["message"]["text"], expected);
        }
        assert_eq!(texts(&ann, "r-1").await, ["good day", "d*** good", "bye"]);
        assert_eq!(history(&ann, "r-1").await[1], changed);

        // What it was asked.
        let asked = endpoint.asked();
        let said: Vec<&str> = asked.iter().map(Asked::words).collect();
        assert_eq!(said, ["good day", "damn good", "refuse this", "bye"]);
        assert!(asked.iter().all(|asked| asked.is_signed_by(&secret)));
        let question = &asked[1].body;
        assert_eq!(
            (&question["type"], &question["id"]),
            (&json!("message.sending"), &json!(asked[1].id))
        );
        let room =
            json!({"id": "r-1", "kind": "group", "name": "Bicycles", "custom": {"listing": 7}});
        let message = json!({"id": "m-1", "kind": "text", "text": "damn good"});
        let data = json!({"app": app.id, "room": room, "sender": "ann", "message": message});
        assert_eq!(question["data"], data);

        // The backend itself is not asked about.
        let own = json!({"sender": "ann", "text": "refuse nothing"});
        app.backend_ok("POST", "rooms/r-1/messages", own).await;
        assert_eq!(endpoint.asked().len(), 4);
    })
    .await;
}

/// Contract line 2 with a hook: what the client sent is what a repeat is held against, and a
/// message that is stored is not asked about again.
#[tokio::test]
async fn a_repeat_is_answered_from_the_store() {
    on_both(async |server| {
        let app = server.app().await;
        let strict = Arc::new(AtomicBool::new(false));
        let is_strict = strict.clone();
        let endpoint = Endpoint::start(move |asked| {
            if is_strict.load(Ordering::SeqCst) {
                Reply::refuse("No more.")
            } else {
                moderates(asked)
            }
        })
        .await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let ann = app.page("ann").await;
        let mut socket = app.socket(&ann.opened.token).await;
        let room = app.group(&["ann", "ben"]).await;
        let first = say_as(&ann, &room, "m-1", "damn it").await.is(201);
        assert_eq!(first["text"], "d*** it");

        // By each door, also when the hook would refuse it by now: the answer of the first time.
        strict.store(true, Ordering::SeqCst);
        assert_eq!(say_as(&ann, &room, "m-1", "damn it").await.is(200), first);
        let again = json!({"room": room, "id": "m-1", "text": "damn it"});
        let again = socket.request("message.send", again).await;
        assert_eq!((&again["message"], &again["duplicate"]), (&first, &json!(true)));
        assert_eq!(endpoint.asked().len(), 1);

        // What the hook made of it was not sent: that is another message. Nothing is stored.
        strict.store(false, Ordering::SeqCst);
        say_as(&ann, &room, "m-1", "d*** it").await.refused(409, "message_id_conflict");
        assert_eq!(texts(&ann, &room).await, ["d*** it"]);

        // Also after an edit, and after the sender was removed.
        let path = format!("rooms/{room}/messages/m-1");
        ann.call("PATCH", &path, json!({"text": "peace"})).await.is(200);
        let asked = endpoint.asked().len();
        app.backend_ok("POST", &format!("rooms/{room}/members/remove"), json!({"users": ["ann"]}))
            .await;
        let again = say_as(&ann, &room, "m-1", "damn it").await.is(200);
        assert_eq!((&again["text"], &again["rev"]), (&json!("peace"), &first["rev"]));
        assert_eq!(endpoint.asked().len(), asked, "nobody was asked");
    })
    .await;
}

/// A repeat that overtakes the first one: whatever the hook says of the late one, both are the
/// message that was stored.
#[tokio::test]
async fn two_at_once_are_one_message() {
    on_both(async |server| {
        let app = server.app().await;
        let first = AtomicBool::new(true);
        let endpoint = Endpoint::start(move |_| match first.swap(false, Ordering::SeqCst) {
            true => Reply::refuse("late").held(),
            false => Reply::allow(),
        })
        .await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
        let late = say_as(&ann, &room, "m-1", "hello");
        let quick = async {
            endpoint.until(1).await;
            let sent = say_as(&ann, &room, "m-1", "hello").await;
            endpoint.open();
            sent
        };
        let (late, quick) = tokio::join!(late, quick);
        let (late, quick) = (late.is(200), quick.is(201));
        assert_eq!(late, quick);
        let asked = endpoint.asked();
        assert_eq!(asked[0].id, asked[1].id, "it can tell that they are one");
        assert_eq!(texts(&ann, &room).await, ["hello"]);
    })
    .await;
}

/// The question is asked of who may send, and what policy saw still holds at the commit.
#[tokio::test]
async fn policy_stands_before_and_behind_it() {
    on_both(async |server| {
        let app = server.app().await;
        let endpoint = Endpoint::start(|_| Reply::allow().held()).await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let (ann, zoe) = (app.page("ann").await, app.page("zoe").await);
        let room = app.group(&["ann", "ben"]).await;
        say(&zoe, &room, "let me in").await.refused(403, "not_a_member");
        say(&ann, &room, &"x".repeat(16_385)).await.refused(413, "too_large");
        assert!(endpoint.asked().is_empty());
        let sent = say(&ann, &room, "wait for me");
        let removed = async {
            endpoint.until(1).await;
            let body = json!({"users": ["ann"]});
            app.backend_ok("POST", &format!("rooms/{room}/members/remove"), body).await;
            endpoint.open();
        };
        let (sent, ()) = tokio::join!(sent, removed);
        sent.refused(403, "not_a_member");
        assert_eq!(endpoint.asked().len(), 1, "asked once, whatever moves");
        let ben = app.page("ben").await;
        assert!(!texts(&ben, &room).await.contains(&"wait for me".to_owned()));
        // A change of the room's name moves nothing that policy looks at; freezing it does.
        app.backend_ok("PATCH", &format!("rooms/{room}"), json!({"frozen": true})).await;
        say(&ben, &room, "frozen").await.refused(403, "room_frozen");
        assert_eq!(endpoint.asked().len(), 1);
    })
    .await;
}

/// The first message comes with its room: it is asked about, and a refusal makes no room.
#[tokio::test]
async fn a_first_message_is_asked_about_once() {
    on_both(async |server| {
        let app = server.app().await;
        let endpoint = Endpoint::start(moderates).await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let (ann, ben) = (app.page("ann").await, app.page("ben").await);
        let with = |words: &str| {
            json!({"kind": "direct", "user": "ben", "context": "listing-7", "message": {"text": words}})
        };
        ann.post("rooms", with("refuse me")).await.refused(403, "message_refused");
        let rooms = ben.get("rooms").await.ok();
        assert_eq!(rooms["rooms"], json!([]), "no room was made");
        let made = ann.post("rooms", with("damn nice bicycle")).await.is(201);
        let room = made["id"].as_str().expect("an id").to_owned();
        assert_eq!(texts(&ben, &room).await, ["d*** nice bicycle"]);
        // The room is there: it is a send like any other.
        ann.post("rooms", with("still there?")).await.is(200);
        ann.post("rooms", with("refuse me")).await.refused(403, "message_refused");
        assert_eq!(texts(&ben, &room).await, ["d*** nice bicycle", "still there?"]);
        let asked = endpoint.asked();
        assert_eq!(asked.len(), 4);
        let told = &asked[0].body["data"]["room"];
        assert_eq!(*told, json!({"id": room, "kind": "direct", "context": "listing-7"}));
        assert_eq!(*told, asked[3].body["data"]["room"]);
        // Without a message there is nothing to ask.
        ann.post("rooms", json!({"kind": "group", "members": ["ben"]})).await.is(201);
        assert_eq!(endpoint.asked().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn it_is_asked_where_and_about_what_it_wants() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|_| Reply::refuse("no")).await;
    let settings = json!({"on_failure": "allow", "rooms": ["direct"], "kinds": ["text", "card"]});
    endpoint.set(&app, settings).await;
    let ann = app.page("ann").await;
    let (group, direct) = (app.group(&["ann"]).await, app.direct("ann", "ben").await);
    say(&ann, &group, "in a group").await.is(201);
    say(&ann, &direct, "in private").await.refused(403, "message_refused");
    let path = format!("rooms/{direct}/messages");
    ann.post(&path, json!({"custom": {"a": 1}})).await.is(201);
    ann.post(&path, json!({"card": {"title": "t"}})).await.refused(403, "message_refused");
    assert_eq!(endpoint.asked().len(), 2);
    assert!(server.stop().await);
}

/// Everything that an edit takes may be changed; what the client sent stays where it is not.
#[tokio::test]
async fn a_change_may_touch_more_than_the_words() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|asked| match asked.message()["kind"].as_str() {
        Some("card") => Reply::change(&json!({"card": {"title": "Clean"}})),
        // The message as it came, with other words.
        _ => {
            let mut whole = asked.message().clone();
            whole["text"] = json!("clean");
            whole["mentions"] = Value::Null;
            whole["custom"]["seen"] = json!(true);
            Reply::change(&whole)
        }
    })
    .await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let (ann, room) = (app.page("ann").await, app.group(&["ann", "ben"]).await);
    let path = format!("rooms/{room}/messages");
    let first =
        json!({"id": "m-1", "text": "one", "custom": {"a": 1}, "mentions": {"users": ["ben"]}});
    let stored = ann.post(&path, first).await.is(201);
    let expected = (&json!("clean"), &json!({"a": 1, "seen": true}), None);
    assert_eq!((&stored["text"], &stored["custom"], stored.get("mentions")), expected);
    let answer = json!({"id": "m-2", "text": "two", "custom": {}, "reply_to": "m-1"});
    let stored = ann.post(&path, answer).await.is(201);
    assert_eq!(stored["reply_to"], json!({"id": "m-1", "seq": 1}), "it stays");
    let asked = endpoint.asked();
    assert_eq!(asked[1].message()["reply_to"], json!({"id": "m-1", "seq": 1}));
    // A card's words follow the card.
    let card = json!({"card": {"title": "Dirty", "actions": [{"id": "buy", "label": "Buy"}]}});
    let stored = ann.post(&path, card).await.is(201);
    assert_eq!((&stored["card"], &stored["text"]), (&json!({"title": "Clean"}), &json!("Clean")));
    assert!(server.stop().await);
}

/// The sends of one connection keep their order, and others do not wait for it.
#[tokio::test]
async fn one_connection_keeps_its_order() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|asked| {
        if asked.words() == "slow" { Reply::allow().held() } else { Reply::allow() }
    })
    .await;
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    let room = app.group(&["ann", "ben"]).await;
    let ((_, mut ann), ben) = (app.enter("ann").await, app.page("ben").await);
    let mut begun = Vec::new();
    for words in ["slow", "one", "two"] {
        begun.push(ann.begin("message.send", json!({"room": room, "text": words})).await);
    }
    endpoint.until(1).await;
    say(&ben, &room, "meanwhile").await.is(201);
    endpoint.open();
    for id in begun {
        let answer = within("an answer", ann.answer(&id)).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
    assert_eq!(texts(&ben, &room).await, ["meanwhile", "slow", "one", "two"]);
    assert!(server.stop().await);
}

/// As `two_at_once_are_one_message`, with the room that comes with the message: the late one's
/// refusal gives way to what the quick one made.
#[tokio::test]
async fn two_rooms_at_once_are_one_room() {
    on_both(async |server| {
        let app = server.app().await;
        let first = AtomicBool::new(true);
        let endpoint = Endpoint::start(move |_| match first.swap(false, Ordering::SeqCst) {
            true => Reply::refuse("late").held(),
            false => Reply::allow(),
        })
        .await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let ann = app.page("ann").await;
        let message = json!({"id": "m-1", "text": "hello"});
        let room = json!({"kind": "direct", "user": "ben", "message": message});
        let late = ann.post("rooms", room.clone());
        let quick = async {
            endpoint.until(1).await;
            let made = ann.post("rooms", room.clone()).await;
            endpoint.open();
            made
        };
        let (late, quick) = tokio::join!(late, quick);
        let (late, quick) = (late.is(200), quick.is(201));
        assert_eq!((&late["id"], &late["seq"]), (&quick["id"], &quick["seq"]));
        let id = text(&quick["id"]);
        assert_eq!(texts(&ann, &id).await, ["hello"]);
    })
    .await;
}

/// An id that holds another message stays a conflict, whatever the hook says of the new one.
#[tokio::test]
async fn a_conflict_is_one_whatever_the_hook_says() {
    on_both(async |server| {
        let app = server.app().await;
        let endpoint = Endpoint::start(moderates).await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
        say_as(&ann, &room, "m-1", "hello").await.is(201);
        for words in ["refuse me", "damn it", "another"] {
            say_as(&ann, &room, "m-1", words).await.refused(409, "message_id_conflict");
        }
        assert_eq!(texts(&ann, &room).await, ["hello"]);
    })
    .await;
}
