//! Who is online: watched on the socket, looked at by REST, hidden by who does not want to be seen.

use serde_json::{Value, json};
use snug_core::limits;
use tokio::time::{Duration, Instant};

use crate::harness::{Backend, Socket, TestApp, TestServer, on_both};
use crate::socket_bad_input::raw::Raw;

async fn watch(socket: &mut Socket, room: &str) -> Value {
    let known = socket.request("presence.watch", json!({"rooms": [room]})).await;
    // What the answer says may be told as an event, too.
    socket.drain().await;
    known["users"].clone()
}

async fn becomes(socket: &mut Socket, user: &str, online: bool) -> Value {
    let fits = |data: &Value| data["user"] == user && data["online"] == online;
    socket.event_where("presence", fits).await
}

#[tokio::test]
async fn who_watches_hears_who_comes_and_goes() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "bob", "cat"]).await;
        let (_, mut ann) = app.enter("ann").await;
        let (_, mut cat) = app.enter("cat").await;
        let known = watch(&mut ann, &room).await;
        let expected = json!([{"user": "bob", "online": false}, {"user": "cat", "online": true}]);
        assert_eq!(known, expected, "the others, never seen before or here");
        let (_, bob) = app.enter("bob").await;
        assert_eq!(becomes(&mut ann, "bob", true).await, json!({"user": "bob", "online": true}));
        drop(bob);
        let gone = becomes(&mut ann, "bob", false).await;
        let seen = gone["last_seen"].as_str().expect("when he went").to_owned();
        // It is kept a moment later, and asked for by who did not hear it.
        let again = loop {
            let known = watch(&mut ann, &room).await;
            if known[0]["last_seen"].is_string() {
                break known;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(again[0]["last_seen"], json!(seen));
        assert!(cat.drain().await.iter().all(|(name, _)| name != "presence"), "cat does not watch");
        // Ended: nothing more of it.
        ann.request("presence.unwatch", json!({"rooms": [room]})).await;
        watch(&mut cat, &room).await;
        let (_, _bob) = app.enter("bob").await;
        becomes(&mut cat, "bob", true).await;
        assert!(ann.drain().await.iter().all(|(name, _)| name != "presence"));
    })
    .await;
}

#[tokio::test]
async fn a_navigation_shows_no_flap() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann", "bob", "cat"]).await;
    let ((_, mut ann), (opened, bob)) = (app.enter("ann").await, app.enter("bob").await);
    watch(&mut ann, &room).await;
    // From page to page, for longer than going takes.
    let began = Instant::now();
    let mut bob = bob;
    while began.elapsed() < Duration::from_millis(limits::PRESENCE_GRACE_MS + 1_000) {
        drop(bob);
        bob = app.socket(&opened.token).await;
        bob.settle().await;
    }
    let (_, _cat) = app.enter("cat").await;
    becomes(&mut ann, "cat", true).await;
    let told = ann.drain().await;
    assert!(told.iter().all(|(name, _)| name != "presence"), "{told:?}");
    drop(bob);
    let left = Instant::now();
    becomes(&mut ann, "bob", false).await;
    assert!(left.elapsed() < Duration::from_millis(limits::PRESENCE_GRACE_MS + 5_000));
    assert!(server.stop().await);
}

/// A connection that went without a word: the liveness bound, and 5 s; here 5 s more, since the
/// machine may be busy.
#[tokio::test]
async fn who_is_silent_is_seen_to_be_gone() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let room = app.group(&["ann", "bob"]).await;
    let (_, mut ann) = app.enter("ann").await;
    let opened = app.open_session("bob").await;
    // Answers no ping.
    let mut bob = Raw::connect(app.address, &format!("/v1/socket/{}", opened.token)).await;
    bob.event("hello").await;
    let silent = Instant::now();
    assert_eq!(watch(&mut ann, &room).await, json!([{"user": "bob", "online": true}]));
    becomes(&mut ann, "bob", false).await;
    let least = Duration::from_millis(limits::LIVENESS_MS - limits::PRESENCE_GRACE_MS);
    let took = silent.elapsed();
    assert!(took > least && took < Duration::from_millis(limits::LIVENESS_MS + 10_000), "{took:?}");
    assert!(server.stop().await);
}

#[tokio::test]
async fn who_is_invisible_is_not_seen() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "bob"]).await;
        let ((_, mut ann), (_, mut bob)) = (app.enter("ann").await, app.enter("bob").await);
        assert_eq!(watch(&mut ann, &room).await, json!([{"user": "bob", "online": true}]));
        let me = bob.request("me.update", json!({"invisible": true})).await;
        assert_eq!(me["user"]["invisible"], true);
        let gone = becomes(&mut ann, "bob", false).await;
        assert_eq!(gone, json!({"user": "bob", "online": false}), "and not when last");
        // Another device of his is not seen either.
        let other = app.open_session_on("bob", "other").await;
        let hidden = app.socket(&other.token).await;
        assert_eq!(watch(&mut ann, &room).await, json!([{"user": "bob", "online": false}]));
        let profile = app.page_on("ann", "page").await.get("users?ids=bob").await.ok();
        assert!(profile["users"][0].get("invisible").is_none(), "{profile}");
        let backend = app.backend_ok("GET", "users/bob", Value::Null).await;
        assert_eq!(backend["invisible"], true);
        drop(hidden);
        bob.request("me.update", json!({"invisible": false})).await;
        becomes(&mut ann, "bob", true).await;
        let told = ann.drain().await;
        assert!(told.iter().all(|(name, _)| name != "presence"), "{told:?}");
    })
    .await;
}

/// Each turn is told to all who watch: so often, whatever the door. Nothing else is held up by it.
#[tokio::test]
async fn turning_visible_and_back_is_bounded() {
    on_both(async |server| {
        let app = server.app().await;
        let (_, mut bob) = app.enter("bob").await;
        let page = app.page_on("bob", "page").await;
        let most = limits::SIGHT_CHANGES_PER_MINUTE;
        // The bound fills up again while a slow machine asks.
        let mut refused = Value::Null;
        for turn in 0..3 * most {
            let turned = json!({"invisible": turn % 2 == 0});
            if turn % 3 == 0 {
                let answer = page.call("PATCH", "me", turned).await;
                if answer.status != 200 {
                    assert!(turn >= most, "after {turn} turns");
                    refused = answer.refused(429, "rate_limited");
                    break;
                }
            } else {
                let answer = bob.ask("me.update", turned).await;
                if answer["ok"] != true {
                    assert!(turn >= most, "after {turn} turns");
                    refused = answer["error"].clone();
                    break;
                }
            }
        }
        assert_eq!(refused["code"], "rate_limited");
        let wait = refused["retry_after_ms"].as_u64().expect("when to try again");
        assert!(wait <= 60_000 / u64::from(most) + 1, "{refused}");
        bob.request("me.update", json!({"name": "Bob"})).await;
        app.backend_ok("PUT", "users/bob", json!({"invisible": false})).await;
        let (_, mut ann) = app.enter("ann").await;
        ann.request("me.update", json!({"invisible": true})).await;
    })
    .await;
}

/// Where other nodes are asked about whom one begins to watch, who watches pays for it.
#[tokio::test]
async fn watching_anew_and_anew_is_paid_for() {
    let server = TestServer::one_of_several(Backend::Sqlite).await;
    let app = server.app().await;
    let room = large(&app).await;
    let (_, mut ann) = app.enter("ann").await;
    let names: Vec<String> = (0..limits::PRESENCE_MEMBERS_MAX).map(|n| format!("m{n}")).collect();
    let turn = names.len() * limits::PRESENCE_ASK_BYTES;
    let free = limits::ANSWER_BYTES_BURST;
    let began = Instant::now();
    let turns = 12;
    for _ in 0..turns {
        ann.request("presence.watch", json!({"rooms": [room], "users": names})).await;
        ann.request("presence.unwatch", json!({"rooms": [room]})).await;
    }
    let paid = u64::try_from(turn * (turns - 1)).expect("bytes") - free;
    let least = Duration::from_millis(paid * 1_000 / limits::ANSWER_BYTES_PER_SECOND);
    assert!(began.elapsed() >= least, "{:?}, not {least:?}", began.elapsed());
    assert!(server.stop().await);
}

#[tokio::test]
async fn only_members_watch_each_other() {
    on_both(async |server| {
        let app = server.app().await;
        let room = app.group(&["ann", "bob", "cat"]).await;
        let other = app.group(&["bob", "dan"]).await;
        let ((_, mut ann), (_, _bob)) = (app.enter("ann").await, app.enter("bob").await);
        let ask = |rooms: Value| json!({"rooms": rooms});
        ann.refused("presence.watch", ask(json!([other])), "not_a_member").await;
        ann.refused("presence.watch", ask(json!(["nowhere"])), "room_not_found").await;
        ann.refused("presence.watch", ask(json!([])), "invalid_field").await;
        let many: Vec<_> = (0..=limits::PRESENCE_ROOMS_MAX).map(|n| n.to_string()).collect();
        ann.refused("presence.watch", ask(json!(many)), "invalid_field").await;
        let two = json!({"rooms": [room, other], "users": ["bob"]});
        ann.refused("presence.watch", two, "invalid_field").await;
        // Named: who is no member is left out.
        let named = json!({"rooms": [room], "users": ["bob", "dan", "nobody", "ann"]});
        let known = ann.request("presence.watch", named).await;
        assert_eq!(known, json!({"users": [{"user": "bob", "online": true}]}));
        // Out of the room, nothing of it is heard, whoever went.
        watch(&mut ann, &room).await;
        let remove = |who: &str| json!({"users": [who]});
        let path = format!("rooms/{room}/members/remove");
        app.backend_ok("POST", &path, remove("cat")).await;
        ann.event_where("room.head", |head| head["room"] == room.as_str()).await;
        let (_, _cat) = app.enter("cat").await;
        let (_, mut eve) = app.enter("eve").await;
        app.backend_ok("POST", &format!("rooms/{room}/members"), json!({"users": ["eve", "fay"]}))
            .await;
        eve.event("room.joined").await;
        watch(&mut ann, &room).await;
        watch(&mut eve, &room).await;
        app.backend_ok("POST", &path, remove("ann")).await;
        ann.event("room.left").await;
        let (_, _fay) = app.enter("fay").await;
        becomes(&mut eve, "fay", true).await;
        let page = app.page_on("ann", "page").await;
        page.get(&format!("rooms/{room}/presence")).await.refused(403, "not_a_member");
        let told = ann.drain().await;
        assert!(told.iter().all(|(name, _)| name != "presence"), "{told:?}");
    })
    .await;
}

/// Each route once; for the test of all routes.
pub(crate) async fn by_rest(app: &TestApp) {
    let room = app.group(&["ivy", "jon"]).await;
    let page = app.page("ivy").await;
    let known = page.get(&format!("rooms/{room}/presence")).await.ok();
    assert_eq!(known, json!({"users": [{"user": "jon", "online": false}]}));
    let one = app.backend_ok("GET", "users/jon/presence", Value::Null).await;
    assert_eq!(one, json!({"user": "jon", "online": false}));
}

async fn large(app: &TestApp) -> String {
    let members: Vec<String> = (0..limits::PRESENCE_MEMBERS_MAX).map(|n| format!("m{n}")).collect();
    let mut all: Vec<&str> = members.iter().map(String::as_str).collect();
    all.push("ann");
    app.group(&all).await
}

#[tokio::test]
async fn in_a_large_room_users_are_named() {
    on_both(async |server| {
        let app = server.app().await;
        let room = large(&app).await;
        let ((_, mut ann), (_, _m7)) = (app.enter("ann").await, app.enter("m7").await);
        ann.refused("presence.watch", json!({"rooms": [room]}), "too_large").await;
        let some = json!({"rooms": [room], "users": ["m7", "m8"]});
        let known = ann.request("presence.watch", some).await;
        let expected = json!([{"user": "m7", "online": true}, {"user": "m8", "online": false}]);
        assert_eq!(known["users"], expected);
        let page = app.page_on("ann", "page").await;
        let path = format!("rooms/{room}/presence");
        page.get(&path).await.refused(413, "too_large");
        assert_eq!(page.get(&format!("{path}?users=m7&users=m8")).await.ok()["users"], expected);
        page.get(&format!("{path}?users=")).await.refused_at(422, "invalid_field", "users[0]");
        let one = app.backend_ok("GET", "users/m7/presence", Value::Null).await;
        assert_eq!(one, json!({"user": "m7", "online": true}));
        app.backend("GET", "users/nobody/presence", Value::Null)
            .await
            .refused(404, "user_not_found");
    })
    .await;
}

/// The answer and the events in the order in which they came: what a page shows in the end.
#[tokio::test]
async fn a_watch_right_after_joining_watches() {
    on_both(async |server| {
        let app = server.app().await;
        let channel = json!({"kind": "channel", "id": "news", "members": ["bob"]});
        app.backend_ok("POST", "rooms", channel).await;
        let (_, mut ann) = app.enter("ann").await;
        let join = ann.begin("room.join", json!({"room": "news"})).await;
        let watch = ann.begin("presence.watch", json!({"rooms": ["news"]})).await;
        ann.answer(&join).await;
        let known = ann.answer(&watch).await;
        assert_eq!(known["data"]["users"], json!([{"user": "bob", "online": false}]), "{known}");
        let (_, _bob) = app.enter("bob").await;
        becomes(&mut ann, "bob", true).await;
    })
    .await;
}

#[tokio::test]
async fn many_who_watch_the_same_user_at_once_are_told_the_same() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let names: Vec<String> = (0..20).map(|n| format!("w{n}")).collect();
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("bob");
    let room = app.group(&all).await;
    let (_, _bob) = app.enter("bob").await;
    let mut sockets = Vec::new();
    for name in &names {
        sockets.push(app.enter(name).await.1);
    }
    let named = json!({"rooms": [room], "users": ["bob"]});
    let asks = sockets.iter_mut().map(|socket| socket.request("presence.watch", named.clone()));
    let answers = futures_util::future::join_all(asks).await;
    for (socket, answer) in sockets.iter_mut().zip(answers) {
        if answer["users"][0]["online"] == false {
            becomes(socket, "bob", true).await;
        }
    }
    assert!(server.stop().await);
}
