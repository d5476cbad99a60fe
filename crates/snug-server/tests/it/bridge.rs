//! Bridged apps by the native doors: the same as any app, and a backend that may fail or lie.

pub(crate) mod backend;
pub(crate) mod sample;
pub(crate) mod site;

use serde_json::{Value, json};

use crate::harness::{Backend, Page, TestApp, TestServer, segment, text};
use site::{Fault, Site, locked};

pub(crate) fn now() -> u64 {
    use snug_core::ports::Clock as _;
    u64::try_from(snug_server::secrets::SystemClock.now().seconds()).expect("after 1970")
}

fn messages(room: &str) -> String {
    format!("rooms/{}/messages", segment(room))
}

async fn say(page: &Page, room: &str, id: &str, words: &str) -> crate::harness::Answer {
    page.post(&messages(room), json!({"id": id, "text": words})).await
}

async fn words(page: &Page, room: &str) -> Vec<String> {
    let history = page.get(&messages(room)).await.is(200);
    let all = history["messages"].as_array().expect("messages").clone();
    all.iter().map(|one| one["text"].as_str().unwrap_or("-").to_owned()).collect()
}

/// What a page does, word for word the same on either kind of app.
async fn a_conversation(app: &TestApp) {
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    let mut ear = app.socket(&bob.opened.token).await;
    let body = json!({"kind": "direct", "user": "bob", "message": {"id": "m1", "text": "嗨 Bob"}});
    let made = ann.post("rooms", body).await.is(201);
    let room = text(&made["id"]);
    assert_eq!((&made["seq"], &made["preview"]["text"]), (&json!(1), &json!("嗨 Bob")), "{made}");
    assert_eq!(ear.event("room.joined").await["room"], room.as_str());
    let list = bob.get("rooms").await.is(200);
    assert_eq!(list["rooms"][0]["id"], room.as_str());
    assert_eq!(list["rooms"][0]["preview"]["text"], "嗨 Bob");
    assert_eq!(list["rooms"][0]["mine"]["unread"], 1);
    let opened = ear.request("room.open", json!({"room": room})).await;
    assert_eq!(opened["history"]["messages"][0]["text"], "嗨 Bob");

    // Live, acknowledged, once.
    let sent = say(&ann, &room, "m2", "second").await.is(201);
    let heard = ear.event("message.new").await;
    assert_eq!(heard["message"]["text"], "second");
    assert_eq!(heard["message"]["seq"], 2);
    assert_eq!(say(&ann, &room, "m2", "second").await.is(200), sent);
    say(&ann, &room, "m2", "other words").await.refused(409, "message_id_conflict");
    let custom = json!({"id": "m3", "custom": {"price": [1, "元"]}});
    ann.post(&messages(&room), custom).await.is(201);
    let heard = ear.event_where("message.new", |data| data["message"]["seq"] == 3).await;
    assert_eq!(heard["message"]["custom"], json!({"price": [1, "元"]}));

    // From the socket, back.
    let back = json!({"room": room, "id": "m4", "text": "回覆", "read_up_to": 3});
    let answered = ear.request("message.send", back).await;
    assert_eq!(answered["message"]["seq"], 4);
    assert_eq!(words(&ann, &room).await, ["嗨 Bob", "second", "-", "回覆"]);
    let synced = ann.get(&format!("rooms/{}/sync?rev=2&epoch=x", segment(&room))).await.is(200);
    assert_eq!(synced["reason"], "epoch", "{synced}");
    let epoch = text(&opened["room"]["epoch"]);
    let path = format!("rooms/{}/sync?rev=2&epoch={epoch}", segment(&room));
    let synced = ann.get(&path).await.is(200);
    assert_eq!(synced["messages"][0]["text"], "second", "{synced}");
    ann.post(&format!("rooms/{}/read", segment(&room)), json!({"seq": 4})).await.is(200);
    ear.event_where("read", |data| data["user"] == "ann").await;
    // The same pair is the same room.
    let again = ann.post("rooms", json!({"kind": "direct", "user": "bob"})).await.is(200);
    assert_eq!(again["id"], room.as_str());
    own_marks(&ann, &bob, &room).await;
    let outsider = app.page("eve").await;
    let path = messages(&room);
    let refused = outsider.get(&path).await;
    assert!([403, 404].contains(&refused.status), "{refused:?}");
}

/// What a user keeps for oneself hangs at a message's place, which Snug gives on either kind of app.
async fn own_marks(ann: &Page, bob: &Page, room: &str) {
    for (id, body) in [("m2", json!({"starred": true})), ("m4", json!({"deleted": true}))] {
        let path = format!("{}/{id}/own", messages(room));
        bob.call("PATCH", &path, body).await.is(200);
    }
    let page = bob.get(&messages(room)).await.is(200);
    let (starred, gone) = (&page["messages"][1], &page["messages"][3]);
    assert_eq!((&starred["text"], &starred["own"]["rev"]), (&json!("second"), &json!(1)));
    assert_eq!((gone.get("text"), &gone["own"]["deleted"]), (None, &json!(true)), "{gone}");
    let list = bob.get("rooms").await.is(200);
    let preview = &list["rooms"][0]["preview"];
    assert_eq!((&preview["seq"], preview.get("text")), (&json!(4), None), "{preview}");
    assert_eq!(words(ann, room).await.last().map(String::as_str), Some("回覆"));
}

#[tokio::test]
async fn line_17_bridge_mode_keeps_the_same_lines() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let server = TestServer::start(backend).await;
        a_conversation(&server.app().await).await;
        let site = Site::start().await;
        a_conversation(&site.app(&server).await).await;
        assert_eq!(site.texts(), ["嗨 Bob", "second", "", "回覆"]);
    }
}

/// Every file that the server wrote, searched byte for byte.
#[tokio::test]
async fn words_are_in_no_file_of_snugs_and_survive_its_restart() {
    let site = Site::start().await;
    let server = TestServer::sqlite().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    site.says(&thread, "bob", "earlier-secret-words");
    let ann = app.page("ann").await;
    let list = ann.get("rooms").await.is(200);
    assert_eq!(list["rooms"][0]["mine"]["unread"], 0, "from before Snug knew the thread");
    assert_eq!(list["rooms"][0]["preview"]["text"], "earlier-secret-words");
    say(&ann, &thread, "m1", "sent-secret-words").await.is(201);
    let data = server.stop_and_keep().await;
    let mut searched = 0;
    for entry in std::fs::read_dir(data.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let found = bytes.windows(12).any(|window| window == b"secret-words");
        assert!(!found, "{} holds words", path.display());
        searched += 1;
    }
    assert!(searched >= 1);
    let server = TestServer::start_on(data).await;
    let app = TestApp { address: server.address(), ..app };
    let ann = app.page("ann").await;
    assert_eq!(words(&ann, &thread).await, ["earlier-secret-words", "sent-secret-words"]);
    assert_eq!(say(&ann, &thread, "m1", "sent-secret-words").await.is(200)["seq"], 2);
    assert_eq!(site.texts().len(), 2);
}

/// What happens between a lost answer and the repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    /// Somebody reads the thread first.
    Reading,
    /// Snug starts again: the note was durable.
    Restart,
    Both,
}

/// A lost answer: no ack, no event; the repeat gives both, once, whoever read in between.
#[tokio::test]
async fn a_pending_message_is_finished_by_its_repeat() {
    for hides_keys in [false, true] {
        for between in [Between::Nothing, Between::Reading, Between::Restart, Between::Both] {
            pending_until_repeated(hides_keys, between).await;
        }
    }
}

async fn pending_until_repeated(hides_keys: bool, between: Between) {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    locked(&site.kept).hides_keys = hides_keys;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    for page in [&ann, &bob] {
        page.get("rooms").await.is(200);
    }
    say(&bob, &thread, "m0", "hello").await.is(201);
    site.fault(Fault::AnswerLost);
    let refused = say(&ann, &thread, "m1", "is it there?").await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    refused.refused(503, "bridge_unreachable");
    // Another payload under the pending id is another message.
    say(&ann, &thread, "m1", "else").await.refused(409, "message_id_conflict");
    site.fault(Fault::None);
    let restarts = matches!(between, Between::Restart | Between::Both);
    let server = if restarts { server.restart().await } else { server };
    let app = TestApp { address: server.address(), ..app };
    let (ann, bob) = (Page { app: app.clone(), ..ann }, Page { app, ..bob });
    if matches!(between, Between::Reading | Between::Both) {
        assert_eq!(words(&bob, &thread).await, ["hello", "is it there?"]);
    }
    let done = say(&ann, &thread, "m1", "is it there?").await.ok();
    let place = (&done["id"], &done["seq"]);
    assert_eq!(place, (&json!("m1"), &json!(2)), "{hides_keys} {between:?}");
    assert_eq!(words(&ann, &thread).await, ["hello", "is it there?"]);
    assert_eq!(site.texts(), ["hello", "is it there?"]);
}

#[tokio::test]
async fn a_backend_that_fails_or_lies() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    ann.get("rooms").await.is(200);
    let mut ear = app.socket(&bob.opened.token).await;
    say(&ann, &thread, "m1", "kept").await.is(201);
    ear.event("room.head").await;
    for (n, (fault, status, code)) in [
        (Fault::Down, 503, "bridge_unreachable"),
        (Fault::Html, 502, "bridge_broken"),
        (Fault::Refuses, 403, "bridge_refused"),
        (Fault::OtherSender, 502, "bridge_broken"),
        (Fault::OtherThread, 502, "bridge_broken"),
        (Fault::BadToken, 502, "bridge_broken"),
    ]
    .into_iter()
    .enumerate()
    {
        site.fault(fault);
        let answer = say(&ann, &thread, &format!("f{n}"), "lost?").await;
        let problem = answer.refused(status, code);
        if fault == Fault::Refuses {
            assert!(text(&problem["detail"]).contains("not today"), "{problem}");
        }
    }
    // What is known is still read while the backend is away.
    site.fault(Fault::Down);
    assert_eq!(words(&ann, &thread).await, ["kept"]);
    assert_eq!(ann.get("rooms").await.is(200)["rooms"][0]["preview"]["text"], "kept");
    site.fault(Fault::SameId);
    say(&ann, &thread, "s1", "one").await.is(201);
    say(&ann, &thread, "s2", "two").await.refused(502, "bridge_broken");
    site.fault(Fault::None);
    assert!(ear.drain().await.iter().all(|(name, _)| name != "message.new"));
    // Nothing that was not acknowledged took a place; what the backend stored all the same shows.
    say(&ann, &thread, "f0", "lost?").await.is(201);
    let shown = words(&bob, &thread).await;
    assert_eq!(shown[..2], ["kept", "one"]);
    assert_eq!(shown.iter().filter(|&text| text == "lost?").count(), 4, "{shown:?}");
}

#[tokio::test]
async fn a_slow_backend_is_given_up_and_what_it_stored_is_found() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let slow = super::bridge::backend::slow(&site).await;
    let app = server.app().await;
    slow.bridge(&server, &app, &site).await;
    let thread = site.thread(&["ann", "bob"]);
    let ann = app.page("ann").await;
    ann.get("rooms").await.is(200);
    say(&ann, &thread, "m0", "early").await.is(201);
    slow.hold();
    let refused = say(&ann, &thread, "m1", "late").await;
    refused.refused(503, "bridge_unreachable");
    slow.release();
    assert_eq!(say(&ann, &thread, "m1", "late").await.is(201)["seq"], 2);
    assert_eq!(site.texts(), ["early", "late"]);
}

#[tokio::test]
async fn what_the_backend_cannot_keep_is_refused_or_goes_unsaid() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let ann = app.page("ann").await;
    ann.get("rooms").await.is(200);
    // A card would come out as nothing.
    let card = json!({"card": {"title": "x"}});
    ann.post(&messages(&thread), card).await.refused(409, "bridge_unsupported");
    let place = json!({"location": {"lat": 1, "lng": 2}});
    ann.post(&messages(&thread), place).await.refused(409, "bridge_unsupported");
    ann.get("me/starred").await.refused(409, "bridge_unsupported");
    say(&ann, &thread, "m1", "first").await.is(201);
    // Whom a text mentions and what it answers: the words go through, and a repeat is one.
    let answer = json!({
        "id": "m2", "text": "@bob yes", "reply_to": "m1", "mentions": {"users": ["bob"]},
    });
    let sent = ann.post(&messages(&thread), answer.clone()).await.is(201);
    assert!(sent.get("reply_to").is_none() && sent.get("mentions").is_none(), "{sent}");
    assert_eq!(ann.post(&messages(&thread), answer).await.is(200), sent);
    assert_eq!(site.texts(), ["first", "@bob yes"]);
}

#[tokio::test]
async fn what_the_backend_tells_and_what_pages_cannot_do() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob", "cat"]);
    let (ann, cat) = (app.page("ann").await, app.page("cat").await);
    ann.get("rooms").await.is(200);
    let mut ear = app.socket(&cat.opened.token).await;
    let (room, seg) = (thread.clone(), segment(&thread));
    for (method, path, body) in [
        ("PATCH", format!("rooms/{seg}"), json!({"name": "Mine"})),
        ("POST", format!("rooms/{seg}/members"), json!({"users": ["eve"]})),
        ("POST", format!("rooms/{seg}/leave"), Value::Null),
        ("POST", format!("rooms/{seg}/join"), Value::Null),
        ("PATCH", format!("rooms/{seg}/messages/m1"), json!({"text": "other"})),
        ("DELETE", format!("rooms/{seg}/messages/m1"), Value::Null),
        ("POST", "rooms".to_owned(), json!({"kind": "group", "id": "x", "members": ["bob"]})),
    ] {
        ann.call(method, &path, body).await.refused(409, "bridge_unsupported");
    }
    // Nor does the backend put words into Snug's store.
    let first = json!({"id": "m", "sender": "bob", "text": "words"});
    let body = json!({"kind": "group", "id": "told", "members": ["bob"], "message": first});
    app.backend("POST", "rooms", body).await.refused(422, "invalid_field");
    let body = json!({"kind": "direct", "users": ["ann", "bob"]});
    app.backend("POST", "rooms", body).await.refused(409, "bridge_unsupported");
    let body = json!({"kind": "group", "members": ["bob"]});
    app.backend("POST", "rooms", body).await.refused(422, "missing_field");
    // The backend's own message: told, not asked for.
    let asked = site.asked("addThreadMessage");
    site.says(&room, "bob", "by the backend");
    let told = json!({"id": "told-1", "sender": "bob", "text": "told"});
    let sent = app.backend("POST", &format!("rooms/{seg}/messages"), told).await.is(201);
    // What was said before it stands before it; Snug knew the thread by then, so both are news.
    assert_eq!(sent["seq"], 2);
    assert_eq!(ear.event_where("room.head", |head| head["seq"] == 2).await["room"], room.as_str());
    let list = cat.get("rooms").await.is(200);
    assert_eq!(list["rooms"][0]["mine"]["unread"], 2, "{list}");
    assert_eq!(site.asked("addThreadMessage"), asked);
    // Read from the thread before it is told: the telling is a repeat.
    let id = site.says(&room, "bob", "read first");
    assert_eq!(words(&ann, &room).await.last().map(String::as_str), Some("read first"));
    let told = json!({"id": id, "sender": "bob", "text": "read first"});
    app.backend("POST", &format!("rooms/{seg}/messages"), told).await.is(200);
    tells_what_a_page_had_sent(&site, &ann, &room).await;
    let path = format!("rooms/{seg}/messages");
    let nameless = json!({"sender": "bob", "text": "x"});
    app.backend("POST", &path, nameless).await.refused(422, "missing_field");
    // Removed means removed from when Snug is told, though the backend still lists the member.
    let body = json!({"users": ["cat"]});
    app.backend("POST", &format!("rooms/{seg}/members/remove"), body).await.is(200);
    say(&cat, &room, "c1", "still here").await.refused(403, "not_a_member");
    // The backend's next word counts again.
    site.set_members(&room, &["ann", "bob", "dee"]);
    say(&ann, &room, "a1", "who is here?").await.is(201);
    let view = ann.get(&format!("rooms/{seg}")).await.is(200);
    let ids: Vec<&Value> =
        view["members"].as_array().expect("members").iter().map(|m| &m["user"]).collect();
    assert_eq!(ids, ["ann", "bob", "dee"], "{view}");
    assert_eq!(view["members"][2]["name"], "The dee");
    let contacts = ann.get("contacts").await.is(200);
    assert_eq!(contacts["contacts"][1]["name"], "The bob");
    news_shows_in_lists(&site, &ann).await;
    // The bridge's access token lets a page in where there is no verify URL.
    let body = json!({"app": app.id, "token": "in-ann", "device": "phone"});
    let opened = app.api("POST", "/v1/sessions", body, "none").await.is(201);
    assert_eq!(opened["user"], "ann");
    let body = json!({"app": app.id, "token": "stranger"});
    app.api("POST", "/v1/sessions", body, "none").await.refused(401, "verify_failed");
}

/// Nothing is said twice.
async fn tells_what_a_page_had_sent(site: &Site, ann: &Page, room: &str) {
    let mine = say(ann, room, "a0", "from Snug").await.is(201);
    let id = text(&locked(&site.kept).messages.last().expect("stored").2["messageId"]);
    let told = json!({"id": id, "sender": "ann", "text": "from Snug"});
    let path = messages(room);
    let repeat = ann.app.backend("POST", &path, told).await.is(200);
    assert_eq!((&repeat["id"], &repeat["seq"]), (&json!("a0"), &mine["seq"]));
    let told = json!({"id": id, "sender": "ann", "text": "other words"});
    ann.app.backend("POST", &path, told).await.refused(502, "bridge_broken");
}

/// Read while it was empty: what comes then is news, without anybody's telling.
async fn news_shows_in_lists(site: &Site, ann: &Page) {
    let quiet = site.thread(&["ann", "bob"]);
    ann.get("rooms").await.is(200);
    site.says(&quiet, "bob", "news");
    let list = ann.get("rooms").await.is(200);
    let rooms = list["rooms"].as_array().expect("rooms");
    let found = rooms.iter().find(|one| one["id"] == quiet.as_str()).expect("the room");
    assert_eq!((&found["mine"]["unread"], &found["preview"]["text"]), (&json!(1), &json!("news")));
    let asked = site.asked("getThread");
    ann.get("rooms").await.is(200);
    assert_eq!(site.asked("getThread"), asked, "nothing is new: nothing is read again");
}

/// The backend's own message in the same words is not the one that is pending, and a note that
/// has its row takes no other message's place.
#[tokio::test]
async fn the_same_words_twice_are_two_messages() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    ann.get("rooms").await.is(200);
    say(&ann, &thread, "m0", "hello").await.is(201);
    // Ann's send never came through; she has said the same by the site's own app.
    site.fault(Fault::Down);
    say(&ann, &thread, "m1", "ok").await.refused(503, "bridge_unreachable");
    site.fault(Fault::None);
    site.says(&thread, "ann", "ok");
    assert_eq!(words(&bob, &thread).await, ["hello", "ok"]);
    say(&ann, &thread, "m1", "ok").await.is(201);
    assert_eq!(site.texts(), ["hello", "ok", "ok"]);
    assert_eq!(words(&bob, &thread).await, ["hello", "ok", "ok"]);
    // A send that a reading has finished, and then the same words once more.
    site.fault(Fault::AnswerLost);
    say(&ann, &thread, "m2", "fine").await.refused(503, "bridge_unreachable");
    site.fault(Fault::None);
    assert_eq!(words(&bob, &thread).await.len(), 4);
    site.says(&thread, "ann", "fine");
    assert_eq!(words(&bob, &thread).await, ["hello", "ok", "ok", "fine", "fine"]);
    say(&ann, &thread, "m2", "fine").await.is(200);
    assert_eq!(words(&ann, &thread).await.len(), 5);
}

/// What a page may send, it may read again.
#[tokio::test]
async fn deep_json_leaves_a_thread_readable() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let ann = app.page("ann").await;
    ann.get("rooms").await.is(200);
    let deep = (0..29).fold(json!(1), |inner, _| json!([inner]));
    let custom = json!({"a": deep});
    let sent = json!({"id": "m1", "custom": custom});
    ann.post(&messages(&thread), sent).await.is(201);
    let history = ann.get(&messages(&thread)).await.is(200);
    assert_eq!(history["messages"][0]["custom"], custom);
}

/// One message that is not as it is documented hides nothing but itself, until it is mended; a
/// thread that cannot be understood at all is read as it is known.
#[tokio::test]
async fn a_bad_message_hides_no_other() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let (ann, bob) = (app.page("ann").await, app.page("bob").await);
    site.says(&thread, "bob", "before");
    let bad = site.says(&thread, "bob", "bad");
    let set = |kind: Value| {
        let mut kept = locked(&site.kept);
        let mut all = kept.messages.iter_mut().map(|(_, _, message)| message);
        let found = all.find(|message| message["messageId"] == bad.as_str());
        found.expect("the message")["type"] = kind;
    };
    set(json!({"not": "a type"}));
    ann.get("rooms").await.is(200);
    assert_eq!(words(&ann, &thread).await, ["before"]);
    say(&ann, &thread, "m1", "after").await.is(201);
    assert_eq!(words(&bob, &thread).await, ["before", "after"]);
    set(json!("text"));
    assert_eq!(words(&bob, &thread).await, ["before", "after", "bad"]);
    site.fault(Fault::OtherThread);
    assert_eq!(words(&bob, &thread).await, ["before", "after", "bad"]);
    site.fault(Fault::None);
    // No page takes the id that a message of the backend's own would have.
    say(&ann, &thread, "b_1", "x").await.refused(422, "invalid_field");
}

/// A thread that the backend had: what was said in it stands before the first new words.
#[tokio::test]
async fn an_old_thread_is_read_before_what_begins_it_anew() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    locked(&site.kept).one_per_members = true;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    site.says(&thread, "ann", "last year");
    site.says(&thread, "bob", "yes");
    let ann = app.page("ann").await;
    let body = json!({"kind": "direct", "user": "bob", "message": {"id": "m1", "text": "again"}});
    let made = ann.post("rooms", body).await.ok();
    assert_eq!((&made["id"], &made["seq"]), (&json!(thread), &json!(3)), "{made}");
    assert_eq!(words(&ann, &thread).await, ["last year", "yes", "again"]);
    let bob = app.page("bob").await;
    assert_eq!(bob.get("rooms").await.is(200)["rooms"][0]["mine"]["unread"], 1);
}

/// After a restart a list shows previews and news of threads, before anybody opens them.
#[tokio::test]
async fn a_restart_hides_no_news() {
    let server = TestServer::sqlite().await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = site.thread(&["ann", "bob"]);
    let bob = app.page("bob").await;
    bob.get("rooms").await.is(200);
    say(&bob, &thread, "m1", "seen").await.is(201);
    let server = server.restart().await;
    site.says(&thread, "ann", "while it was away");
    let bob = Page { app: TestApp { address: server.address(), ..app }, ..bob };
    let list = bob.get("rooms").await.is(200);
    let room = &list["rooms"][0];
    assert_eq!(room["preview"]["text"], "while it was away", "{list}");
    assert_eq!(room["mine"]["unread"], 1);
}
