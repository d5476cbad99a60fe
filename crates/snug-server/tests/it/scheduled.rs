//! Scheduled messages through the real doors: at their time, once, and their owner's until then.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use snug_core::ports::Clock;
use snug_proto::value::format_time;
use snug_server::secrets::SystemClock;

use crate::before_send::endpoint::Endpoint;
use crate::before_send::moderates;
use crate::bridge::site::{Fault, Site};
use crate::harness::{
    Backend, Page, Socket, TestApp, TestClock, TestServer, on_both, segment, within,
};

/// So many milliseconds from now, by the machine's clock.
pub(crate) fn ahead(millis: i64) -> String {
    format_time(SystemClock.now().plus_millis(millis))
}

fn minutes(count: i64) -> String {
    ahead(count * 60_000)
}

async fn schedule(page: &Page, room: &str, id: &str, at: &str) -> Value {
    let body = json!({"id": id, "text": id, "at": at});
    page.post(&format!("rooms/{room}/scheduled"), body).await.is(201)
}

async fn list(page: &Page) -> Vec<Value> {
    let page = page.get("me/scheduled").await.is(200);
    page["scheduled"].as_array().expect("scheduled").clone()
}

fn ids(found: &[Value]) -> Vec<&str> {
    found.iter().map(|one| one["id"].as_str().expect("an id")).collect()
}

/// Ids of what is said in a room.
async fn said(app: &TestApp, room: &str) -> Vec<String> {
    let page = app.backend_ok("GET", &format!("rooms/{room}/messages"), Value::Null).await;
    let all = page["messages"].as_array().expect("messages").clone();
    ids(&all).into_iter().map(str::to_owned).collect()
}

/// A page and a socket of one session.
async fn both(app: &TestApp, user: &str) -> (Page, Socket) {
    let (opened, socket) = app.enter(user).await;
    (Page { app: app.clone(), opened }, socket)
}

/// The next word of a scheduled message that could not be sent.
async fn failed(socket: &mut Socket, id: &str) -> Value {
    let fits =
        |data: &Value| data["scheduled"]["id"] == id && data["scheduled"].get("failed").is_some();
    socket.event_where("scheduled", fits).await["scheduled"].take()
}

async fn on_both_at(test: impl AsyncFn(&TestServer, &TestClock)) {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let clock = Arc::new(TestClock::default());
        let server = TestServer::start_at(backend, clock.clone()).await;
        test(&server, clock.as_ref()).await;
        assert!(server.stop().await);
    }
}

/// Each route at its best, for the test that asks for all of them.
pub(crate) async fn by_rest(app: &TestApp) {
    let room = app.group(&["l-ann", "l-bob"]).await;
    let (ann, at) = (app.page("l-ann").await, minutes(60));
    let made = schedule(&ann, &room, "l-1", &at).await;
    assert_eq!(
        (&made["room"], &made["at"], &made["text"]),
        (&json!(room), &json!(at), &json!("l-1"))
    );
    assert_eq!(list(&ann).await, [made]);
    let change = json!({"text": "other"});
    let changed = ann.call("PATCH", "me/scheduled/l-1", change.clone()).await.is(200);
    assert_eq!((&changed["text"], &changed["rev"]), (&json!("other"), &json!(2)));
    ann.call("DELETE", "me/scheduled/l-1", Value::Null).await.is(204);
    let body = json!({"id": "l-2", "sender": "l-bob", "text": "hi", "at": at});
    app.backend("POST", &format!("rooms/{room}/scheduled"), body).await.is(201);
    let page = app.backend("GET", "scheduled?limit=1", Value::Null).await.is(200);
    assert_eq!(page["scheduled"][0]["sender"], "l-bob");
    app.backend("PATCH", "scheduled/l-2", change).await.is(200);
    app.backend("DELETE", "scheduled/l-2", Value::Null).await.is(204);
}

#[tokio::test]
async fn a_message_is_sent_at_its_time() {
    on_both_at(async |server, clock| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, (_, mut ben)) = (app.page("ann").await, app.enter("ben").await);
        let phone = app.open_session_on("ann", "phone").await;
        let mut phone = app.socket(&phone.token).await;
        ben.request("room.open", json!({"room": room})).await;
        let root = json!({"id": "root", "text": "root"});
        ann.post(&format!("rooms/{room}/messages"), root).await.is(201);
        ben.event("message.new").await;

        let body = json!({
            "id": "m-1", "text": "**now**", "format": "markdown", "custom": {"b": 1, "a": [2]},
            "mentions": {"users": ["ben"]}, "reply_to": "root", "at": minutes(10),
        });
        let path = format!("rooms/{room}/scheduled");
        let made = ann.post(&path, body.clone()).await.is(201);
        for (field, value) in body.as_object().expect("an object") {
            assert_eq!(made[field], *value, "{field}: {made}");
        }
        assert_eq!(phone.event("scheduled").await, json!({"scheduled": made}));
        assert_eq!(list(&ann).await, std::slice::from_ref(&made));
        // The same once more is the same; anything else is another.
        assert_eq!(ann.post(&path, body.clone()).await.is(200), made);
        for (field, other) in [("text", json!("x")), ("at", json!(minutes(11)))] {
            let mut otherwise = body.clone();
            otherwise[field] = other;
            ann.post(&path, otherwise).await.refused(409, "message_id_conflict");
        }
        clock.pass(9 * 60);
        assert_eq!(said(&app, &room).await, ["root"]);

        clock.pass(2 * 60);
        let news = ben.event("message.new").await["message"].take();
        for field in ["id", "text", "format", "custom", "mentions"] {
            assert_eq!(news[field], body[field], "{field}: {news}");
        }
        assert_eq!((&news["sender"], &news["reply_to"]["id"]), (&json!("ann"), &json!("root")));
        let gone = json!({"id": "m-1", "gone": true, "sent": true});
        assert_eq!(phone.event("scheduled").await, gone);
        assert!(list(&ann).await.is_empty());
        assert_eq!(said(&app, &room).await, ["root", "m-1"]);
        // What is sent is nothing to change any more, and its id is used.
        for (method, body) in [("PATCH", json!({"text": "x"})), ("DELETE", Value::Null)] {
            let late = ann.call(method, "me/scheduled/m-1", body).await;
            late.refused(404, "message_not_found");
        }
        // A repeat whose time is over meanwhile is told so, not that its time is wrong.
        ann.post(&path, body.clone()).await.refused(409, "message_id_conflict");
        let mut later = body;
        later["at"] = json!(minutes(60));
        ann.post(&path, later).await.refused(409, "message_id_conflict");
        let heard = ben.drain().await;
        assert!(heard.iter().all(|(name, _)| name != "scheduled"), "{heard:?}");
    })
    .await;
}

#[tokio::test]
async fn it_is_changed_and_taken_back() {
    on_both_at(async |server, clock| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, mut ben) = (app.page("ann").await, app.enter("ben").await.1);
        let mut hers = app.socket(&ann.opened.token).await;
        ben.request("room.open", json!({"room": room})).await;
        for (id, at) in [("gone", 10), ("first", 30), ("last", 40)] {
            schedule(&ann, &room, id, &minutes(at)).await;
        }
        let change = json!({"text": "earlier", "at": minutes(20)});
        let changed = ann.call("PATCH", "me/scheduled/last", change.clone()).await.is(200);
        assert_eq!((&changed["text"], &changed["rev"]), (&json!("earlier"), &json!(2)));
        let told = hers.event_where("scheduled", |data| data["scheduled"]["rev"] == 2).await;
        assert_eq!(told["scheduled"], changed);
        let again = ann.call("PATCH", "me/scheduled/last", change).await.is(200);
        assert_eq!(again, changed, "what is so already");
        assert_eq!(ids(&list(&ann).await), ["gone", "last", "first"]);
        ann.call("DELETE", "me/scheduled/gone", Value::Null).await.is(204);
        let told = hers.event_where("scheduled", |data| data["id"] == "gone").await;
        assert_eq!(told, json!({"id": "gone", "gone": true}));
        let again = ann.call("DELETE", "me/scheduled/gone", Value::Null).await;
        again.refused(404, "message_not_found");
        clock.pass(60 * 60);
        for _ in 0..2 {
            ben.event("message.new").await;
        }
        let page = app.backend_ok("GET", &format!("rooms/{room}/messages"), Value::Null).await;
        let texts = ["earlier", "first"].map(|text| json!(text));
        let all = page["messages"].as_array().expect("messages");
        assert_eq!(all.iter().map(|one| one["text"].clone()).collect::<Vec<_>>(), texts);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_then_is_shown() {
    on_both_at(async |server, clock| {
        let app = server.app().await;
        let [left, frozen, gone, kept] = [
            app.group(&["ben", "ann"]).await,
            app.group(&["ann", "ben"]).await,
            app.group(&["ann", "ben"]).await,
            app.group(&["ann", "ben"]).await,
        ];
        let endpoint = Endpoint::start(moderates).await;
        endpoint.set(&app, json!({"on_failure": "refuse"})).await;
        let (ann, mut hers) = both(&app, "ann").await;
        let at = minutes(10);
        for (room, id) in [(&left, "left"), (&frozen, "frozen"), (&gone, "gone")] {
            schedule(&ann, room, id, &at).await;
        }
        schedule(&ann, &kept, "refuse", &at).await;
        app.backend_ok("DELETE", &format!("rooms/{left}/members/ann"), Value::Null).await;
        app.backend_ok("PATCH", &format!("rooms/{frozen}"), json!({"frozen": true})).await;
        app.backend("DELETE", &format!("rooms/{gone}"), Value::Null).await.is(204);
        clock.pass(11 * 60);
        for (id, code) in [
            ("left", "not_a_member"),
            ("frozen", "room_frozen"),
            ("gone", "room_not_found"),
            ("refuse", "message_refused"),
        ] {
            let told = failed(&mut hers, id).await;
            assert_eq!(
                (&told["failed"]["code"], &told["rev"]),
                (&json!(code), &json!(2)),
                "{told}"
            );
            let shown = list(&ann).await;
            assert!(shown.contains(&told), "{told} in {shown:?}");
        }
        assert_eq!(said(&app, &kept).await, [""; 0]);

        // It waits again when it is given another time, and goes when that has come.
        let patch = async |body: Value| ann.call("PATCH", "me/scheduled/refuse", body).await;
        patch(json!({"text": "kind"})).await.refused_at(422, "missing_field", "at");
        let at = format_time(clock.now().plus_millis(600_000));
        let waits = patch(json!({"text": "kind", "at": at})).await.is(200);
        assert_eq!((waits.get("failed"), &waits["rev"]), (None, &json!(3)));
        hers.request("room.open", json!({"room": kept})).await;
        clock.pass(11 * 60);
        assert_eq!(hers.event("message.new").await["message"]["text"], "kind");
        ann.call("DELETE", "me/scheduled/left", Value::Null).await.is(204);
        assert_eq!(ids(&list(&ann).await), ["frozen", "gone"]);
    })
    .await;
}

#[tokio::test]
async fn a_deactivated_user_sends_nothing() {
    on_both_at(async |server, clock| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        schedule(&app.page("ann").await, &room, "m-1", &minutes(10)).await;
        app.backend("POST", "users/ann/deactivate", Value::Null).await.is(200);
        clock.pass(11 * 60);
        // What is due for others of the app goes out all the same.
        let (his, mut ben) = both(&app, "ben").await;
        ben.request("room.open", json!({"room": room})).await;
        let at = format_time(clock.now().plus_millis(60_000));
        schedule(&his, &room, "m-2", &at).await;
        clock.pass(2 * 60);
        assert_eq!(ben.event("message.new").await["message"]["id"], "m-2");
        app.backend("POST", "users/ann/reactivate", Value::Null).await.is(200);
        let ann = app.page("ann").await;
        let shown = async {
            loop {
                let found = list(&ann).await;
                if found[0].get("failed").is_some() {
                    return found;
                }
            }
        };
        let shown = within("the failure", shown).await;
        assert_eq!(shown[0]["failed"]["code"], "user_deactivated");
        assert_eq!(said(&app, &room).await, ["m-2"]);
    })
    .await;
}

#[tokio::test]
async fn the_backend_has_its_own() {
    on_both_at(async |server, clock| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, mut ben) = (app.page("ann").await, app.enter("ben").await.1);
        ben.request("room.open", json!({"room": room})).await;
        let mine = schedule(&ann, &room, "m-1", &minutes(30)).await;
        let path = format!("rooms/{room}/scheduled");
        for (body, at) in [
            (json!({"id": "as-ann", "sender": "ann", "text": "as ann"}), 10),
            (json!({"id": "said", "custom": {"type": "closing"}}), 20),
            (json!({"id": "m-1", "sender": "ben", "text": "taken back"}), 15),
        ] {
            let mut body = body;
            body["at"] = json!(minutes(at));
            app.backend("POST", &path, body).await.is(201);
        }
        let page = app.backend_ok("GET", "scheduled", Value::Null).await;
        let all = page["scheduled"].as_array().expect("scheduled");
        assert_eq!(ids(all), ["as-ann", "m-1", "said"], "users' own are theirs");
        assert_eq!(list(&ann).await, [mine], "and the backend's is the backend's");
        app.backend("DELETE", "scheduled/m-1", Value::Null).await.is(204);
        let none = app.backend("DELETE", "scheduled/nothing", Value::Null).await;
        none.refused(404, "message_not_found");
        clock.pass(25 * 60);
        let (first, second) = (ben.event("message.new").await, ben.event("message.new").await);
        // Rooms are sent in their order.
        assert_eq!(
            (&first["message"]["id"], &first["message"]["sender"]),
            (&json!("as-ann"), &json!("ann"))
        );
        assert_eq!(
            (&second["message"]["id"], &second["message"]["kind"]),
            (&json!("said"), &json!("system"))
        );
        assert_eq!(ids(&list(&ann).await), ["m-1"]);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "ben"]).await;
        let (ann, ben, zoe) = (app.page("ann").await, app.page("ben").await, app.page("zoe").await);
        let path = format!("rooms/{room}/scheduled");
        let at = minutes(60);
        for wrong in [ahead(-1_000), ahead(367 * 24 * 3_600_000), "tomorrow".to_owned()] {
            let body = json!({"text": "hi", "at": wrong});
            ann.post(&path, body).await.refused_at(422, "invalid_field", "at");
        }
        let none = ann.post(&path, json!({"text": "hi"})).await;
        none.refused_at(422, "missing_field", "at");
        let none = ann.post(&path, json!({"at": at})).await;
        assert_eq!(none.refused(422, "missing_field")["field"], "custom");
        let long = json!({"text": "x".repeat(16_385), "at": at});
        ann.post(&path, long).await.refused_at(413, "too_large", "text");
        let as_ben = json!({"text": "hi", "sender": "ben", "at": at});
        ann.post(&path, as_ben).await.refused_at(422, "invalid_field", "sender");
        let hi = json!({"text": "hi", "at": at});
        zoe.post(&path, hi.clone()).await.refused(403, "not_a_member");
        ann.post("rooms/nowhere/scheduled", hi.clone()).await.refused(404, "room_not_found");

        let made = schedule(&ann, &room, "m-1", &at).await;
        let other = server.app().await;
        for page in [&ben, &zoe, &other.page("ann").await] {
            assert!(list(page).await.is_empty());
            for (method, body) in [("PATCH", json!({"text": "mine"})), ("DELETE", Value::Null)] {
                let refused = page.call(method, "me/scheduled/m-1", body).await;
                refused.refused(404, "message_not_found");
            }
        }
        assert_eq!(list(&ann).await, [made]);
        for wrong in ["limit=0", "limit=101"] {
            let path = format!("me/scheduled?{wrong}");
            ann.get(&path).await.refused_at(422, "invalid_field", "limit");
        }
        let wrong = ann.get("me/scheduled?cursor=x").await;
        wrong.refused_at(422, "invalid_field", "cursor");
        let patch = async |body: Value| ann.call("PATCH", "me/scheduled/m-1", body).await;
        patch(json!({"at": ahead(-1_000)})).await.refused_at(422, "invalid_field", "at");
        patch(json!({"text": ""})).await.refused_at(422, "invalid_field", "text");
        patch(json!({"format": "markdown"})).await.refused_at(422, "missing_field", "text");
    })
    .await;
}

#[tokio::test]
async fn so_many_and_no_more() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (room, other) = (app.group(&["ann", "ben"]).await, app.group(&["ann"]).await);
    let (ann, mut hers) = both(&app, "ann").await;
    for n in 0..100 {
        let room = if n % 10 == 0 { &other } else { &room };
        let data = json!({"room": room, "id": format!("m-{n}"), "text": "x", "at": minutes(n + 1)});
        hers.request("message.schedule", data).await;
    }
    let more = json!({"room": room, "text": "x", "at": minutes(1)});
    let refused = hers.refused("message.schedule", more.clone(), "too_large").await;
    assert_eq!(refused["field"], "scheduled");
    let first = ann.get("me/scheduled?limit=60").await.is(200);
    let next = first["next"].as_str().expect("there is more").to_owned();
    let last = ann.get(&format!("me/scheduled?limit=60&cursor={next}")).await.is(200);
    assert_eq!(last.get("next"), None);
    let all = [&first, &last].map(|page| page["scheduled"].as_array().expect("a list").clone());
    let expected: Vec<String> = (0..100).map(|n| format!("m-{n}")).collect();
    assert_eq!(ids(&all.concat()), expected);
    let some = ann.get(&format!("me/scheduled?room={other}")).await.is(200);
    assert_eq!(some["scheduled"].as_array().map(Vec::len), Some(10));
    hers.request("scheduled.cancel", json!({"id": "m-7"})).await;
    hers.request("message.schedule", more).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_fell_due_while_the_server_was_down_is_sent_at_its_start() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann", "ben"]).await;
    let ann = app.page("ann").await;
    let due = SystemClock.now().plus_millis(1_500);
    schedule(&ann, &room, "m-1", &format_time(due)).await;
    let data = server.stop_and_keep().await;
    let left = due.millis() - SystemClock.now().millis();
    // Time itself is what is waited for.
    tokio::time::sleep(Duration::from_millis(u64::try_from(left + 10).unwrap_or(0))).await;
    let server = TestServer::start_on(data).await;
    let app = TestApp { address: server.address(), ..app };
    let mut ben = app.enter("ben").await.1;
    let opened = ben.request("room.open", json!({"room": room})).await;
    if opened["history"]["messages"].as_array().is_some_and(Vec::is_empty) {
        assert_eq!(ben.event("message.new").await["message"]["id"], "m-1");
    }
    assert_eq!(said(&app, &room).await, ["m-1"]);
    assert!(server.stop().await);
}

/// A backend that kept it and whose answer was lost: until that is known nothing is changed or
/// taken back, and it is kept once.
#[tokio::test]
async fn what_a_backend_may_have_stays_locked() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let site = Site::start().await;
    let app = site.app(&server).await;
    let thread = segment(&site.thread(&["ann", "bob"]));
    let (ann, mut hers) = both(&app, "ann").await;
    ann.get("rooms").await.is(200);
    let card = json!({"id": "c", "card": {"title": "x"}, "at": minutes(10)});
    let refused = ann.post(&format!("rooms/{thread}/scheduled"), card).await;
    refused.refused(409, "bridge_unsupported");
    schedule(&ann, &thread, "m-1", &minutes(10)).await;
    site.fault(Fault::AnswerLost);
    clock.pass(11 * 60);
    let asked = async {
        while site.asked("addThreadMessage") == 0 {
            tokio::task::yield_now().await;
        }
    };
    within("the first try", asked).await;
    let tried = async { while list(&ann).await[0]["rev"] == 1 {} };
    within("its end", tried).await;
    assert_eq!(site.texts(), ["m-1"]);
    for (method, body) in [("PATCH", json!({"text": "other"})), ("DELETE", Value::Null)] {
        let late = ann.call(method, "me/scheduled/m-1", body).await;
        late.refused(404, "message_not_found");
    }
    site.fault(Fault::None);
    hers.event_where("scheduled", |data| data["sent"] == true).await;
    assert!(list(&ann).await.is_empty());
    assert_eq!(site.texts(), ["m-1"]);
    assert!(server.stop().await);
}
