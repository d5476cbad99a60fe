//! Contract line 16: events outside, by webhook and by pulling, over a real receiver.

mod kill;
mod node;
mod pull;
mod receiver;
pub(crate) mod routes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::harness::{Backend, TestApp, TestClock, TestServer, on_both, text, within};
use receiver::{Came, Receiver, Reply};

/// Sets the endpoint; its secret.
async fn hook(app: &TestApp, receiver: &Receiver) -> String {
    let set = app.backend_ok("PUT", "webhook", json!({"url": receiver.url()})).await;
    text(&set["secret"])
}

async fn say(app: &TestApp, room: &str, id: impl Into<String>) {
    let id: String = id.into();
    let body = json!({"sender": "anna", "id": id, "text": id});
    app.backend_ok("POST", &format!("rooms/{room}/messages"), body).await;
}

/// Revs by room, in the order of their coming.
fn revs(came: &[Came]) -> BTreeMap<String, Vec<u64>> {
    let mut revs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for came in came {
        revs.entry(came.room()).or_default().push(came.rev());
    }
    revs
}

/// Waits until a delivery is in a state; it.
async fn delivery(app: &TestApp, position: u64, state: &str) -> Value {
    let look = async {
        loop {
            let path = format!("webhook/deliveries?before={}&limit=1", position + 1);
            let found = app.backend_ok("GET", &path, Value::Null).await;
            let found = found["deliveries"][0].clone();
            if found["position"] == position && found["state"] == state {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    within(&format!("delivery {position} to be {state}"), look).await
}

#[tokio::test]
async fn line_16_events_are_signed_and_in_order_per_room() {
    on_both(async |server| {
        let app = server.app().await;
        let receiver = Receiver::willing().await;
        let secret = hook(&app, &receiver).await;
        let (one, two) = (app.group(&["anna", "ben"]).await, app.group(&["anna"]).await);
        for n in 0..20 {
            tokio::join!(say(&app, &one, format!("a-{n}")), say(&app, &two, format!("b-{n}")));
        }
        let came = receiver.taken(42).await;
        let all: Vec<u64> = (1..=21).collect();
        assert_eq!(revs(&came), BTreeMap::from([(one, all.clone()), (two.clone(), all)]));
        for came in &came {
            assert!(came.is_signed_by(&secret), "{came:?}");
            assert_eq!((came.attempt, &came.id), (1, &text(&came.body["id"])));
        }
        let last = came.iter().rfind(|came| came.room() == two).expect("one");
        assert_eq!(last.body["type"], "message.new");
        let message = &last.body["data"]["message"];
        assert_eq!((&message["text"], &message["sender"]), (&json!("b-19"), &json!("anna")));
        let path = format!("rooms/{two}/messages?limit=1");
        let stored = app.backend_ok("GET", &path, Value::Null).await;
        assert_eq!(stored["messages"][0], *message, "one shape at every door");
    })
    .await;
}

#[tokio::test]
async fn a_room_that_fails_holds_nobody_up() {
    on_both(async |server| {
        let app = server.app().await;
        let well = Arc::new(AtomicBool::new(false));
        let is_well = well.clone();
        let receiver = Receiver::start(move |came| {
            let sick = came.body["data"]["message"]["text"] == "sick";
            Reply::status(if sick && !is_well.load(Ordering::SeqCst) { 500 } else { 200 })
        })
        .await;
        hook(&app, &receiver).await;
        let (bad, good) = (app.group(&["anna"]).await, app.group(&["anna"]).await);
        say(&app, &bad, "sick").await;
        say(&app, &bad, "behind").await;
        receiver.until("a failure", |all| all.iter().any(|came| came.status == 500)).await;
        for n in 0..5 {
            say(&app, &good, format!("fine-{n}")).await;
        }
        let taken = receiver.taken(2 + 5).await;
        assert_eq!(revs(&taken)[&good], [1, 2, 3, 4, 5, 6]);
        assert_eq!(revs(&taken)[&bad], [1], "what is behind waits");
        let failed = delivery_with(&app, 3, |found| found["attempts"] != 0).await;
        assert_eq!((&failed["status"], &failed["error"]), (&json!(500), &json!("it answered 500")));
        assert!(failed["next_at"].is_string());
        well.store(true, Ordering::SeqCst);
        let taken = receiver.taken(2 + 5 + 2).await;
        assert_eq!(revs(&taken)[&bad], [1, 2, 3]);
        let again = taken.iter().find(|came| came.body["data"]["message"]["text"] == "sick");
        let again = again.expect("it came");
        assert!(again.attempt > 1, "the attempt is told");
        let tries = receiver.came().into_iter().filter(|came| came.id == again.id);
        let attempts: Vec<u32> = tries.map(|came| came.attempt).collect();
        assert!(attempts.iter().copied().eq(1..=again.attempt), "{attempts:?}");
    })
    .await;
}

#[tokio::test]
async fn a_slow_room_holds_nobody_up() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let receiver = Receiver::start(|came| {
        let reply = Reply::status(200);
        if came.body["data"]["message"]["text"] == "slow" { reply.held() } else { reply }
    })
    .await;
    hook(&app, &receiver).await;
    let (slow, quick) = (app.group(&["anna"]).await, app.group(&["anna"]).await);
    say(&app, &slow, "slow").await;
    say(&app, &slow, "behind").await;
    receiver.stands(&slow).await;
    say(&app, &quick, "quick").await;
    let taken = receiver.taken(3).await;
    assert_eq!(revs(&taken)[&quick], [1, 2]);
    assert_eq!(revs(&taken)[&slow], [1]);
    receiver.open();
    assert_eq!(revs(&receiver.taken(5).await)[&slow], [1, 2, 3]);
    assert!(server.stop().await);
}

#[tokio::test]
async fn a_busy_endpoint_is_left_alone_as_long_as_it_asks() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let app = server.app().await;
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let receiver = Receiver::start(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(429).with("retry-after", "1800"),
        _ => Reply::status(200),
    })
    .await;
    hook(&app, &receiver).await;
    let (one, two) = (app.group(&["anna"]).await, app.group(&["anna"]).await);
    let first = receiver.until("the first", |all| !all.is_empty()).await;
    assert_eq!(first[0].status, 429);
    let busy = if first[0].room() == one { 1 } else { 2 };
    let waits = delivery_with(&app, busy, |found| found["attempts"] == 1).await;
    let wait = seconds_between(&waits["timestamp"], &waits["next_at"]);
    assert!((1_800..1_830).contains(&wait), "{wait}");
    // Another room may have been on its way; what comes now waits.
    say(&app, &two, "later").await;
    clock.pass(1_700);
    say(&app, &two, "still-later").await;
    let early = |came: &Came| came.body["data"]["message"]["text"] == "still-later";
    assert!(!receiver.came().iter().any(early), "it asked for quiet");
    clock.pass(200);
    say(&app, &two, "now").await;
    let taken = receiver.taken(5).await;
    assert_eq!(revs(&taken), BTreeMap::from([(one, vec![1]), (two, vec![1, 2, 3, 4])]));
    assert!(server.stop().await);
}

/// Waits until a delivery is as wanted; it.
async fn delivery_with(app: &TestApp, position: u64, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async {
        loop {
            let found = delivery(app, position, "waiting").await;
            if wanted(&found) {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    within("a delivery", look).await
}

fn seconds_between(from: &Value, to: &Value) -> i64 {
    let read = |value: &Value| {
        let time: snug_proto::value::WireTime =
            serde_json::from_value(value.clone()).expect("a time");
        time.0.seconds()
    };
    read(to) - read(from)
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let inside = Receiver::willing().await;
    let to = inside.url();
    let receiver = Receiver::start(move |_| Reply::status(307).with("location", &to)).await;
    hook(&app, &receiver).await;
    app.group(&["anna"]).await;
    let failed = delivery_with(&app, 1, |found| found["attempts"] == 2).await;
    assert_eq!(failed["error"], "it answered 307: redirects are not followed");
    assert!(inside.came().is_empty());
    assert!(server.stop().await);
}

#[tokio::test]
async fn what_is_too_old_is_parked_and_its_room_goes_on() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let clock = Arc::new(TestClock::default());
        let server = TestServer::start_at(backend, clock.clone()).await;
        let app = server.app().await;
        let receiver = Receiver::start(|came| {
            let never = came.body["data"]["message"]["text"] == "never";
            Reply::status(if never { 400 } else { 200 })
        })
        .await;
        hook(&app, &receiver).await;
        let room = app.group(&["anna"]).await;
        say(&app, &room, "never").await;
        delivery_with(&app, 2, |found| found["attempts"] == 1).await;
        clock.pass(3 * 24 * 3_600 - 3_600);
        delivery_with(&app, 2, |found| found["attempts"] == 2).await;
        clock.pass(2 * 3_600);
        say(&app, &room, "after").await;
        let parked = delivery(&app, 2, "parked").await;
        assert_eq!((&parked["attempts"], &parked["status"]), (&json!(3), &json!(400)));
        assert_eq!(revs(&receiver.taken(2).await)[&room], [1, 3]);
        let listed = app.backend_ok("GET", "webhook/deliveries?state=parked", Value::Null).await;
        assert_eq!(listed["deliveries"], json!([parked]), "it stays visible");
        assert!(server.stop().await);
    }
}

#[tokio::test]
async fn gone_ends_deliveries_until_the_endpoint_is_set_again() {
    on_both(async |server| {
        let app = server.app().await;
        let gone = Receiver::start(|_| Reply::status(410)).await;
        let secret = hook(&app, &gone).await;
        let room = app.group(&["anna"]).await;
        let look = async {
            loop {
                let known = app.backend_ok("GET", "webhook", Value::Null).await;
                if known["disabled_at"].is_string() {
                    return known;
                }
                tokio::task::yield_now().await;
            }
        };
        let known = within("the endpoint to be disabled", look).await;
        assert_eq!(known["disabled_because"], "it answered 410: no more deliveries");
        say(&app, &room, "meanwhile").await;
        let receiver = Receiver::willing().await;
        let set = app.backend_ok("PUT", "webhook", json!({"url": receiver.url()})).await;
        assert_eq!(set["secret"], Value::Null, "the secret stays, and is not shown again");
        assert_eq!(set["disabled_at"], Value::Null);
        let came = receiver.taken(2).await;
        assert_eq!(revs(&came)[&room], [1, 2], "what came meanwhile waited");
        assert!(came.iter().all(|came| came.is_signed_by(&secret)));
        assert_eq!(gone.came().len(), 1);
    })
    .await;
}

/// An endpoint that is gone, and what waits for the next one: the room, and two messages.
async fn three_wait(app: &TestApp) -> String {
    let gone = Receiver::start(|_| Reply::status(410)).await;
    hook(app, &gone).await;
    let room = app.group(&["anna"]).await;
    let look = async {
        while !app.backend_ok("GET", "webhook", Value::Null).await["disabled_at"].is_string() {
            tokio::task::yield_now().await;
        }
    };
    within("the endpoint to be disabled", look).await;
    for id in ["m-1", "m-2"] {
        say(app, &room, id).await;
    }
    room
}

/// Holds the first at the door until it is opened, and takes all else.
async fn doorkeeper(first: u16) -> Receiver {
    let begun = std::sync::atomic::AtomicBool::new(false);
    Receiver::start(move |_| match begun.swap(true, std::sync::atomic::Ordering::SeqCst) {
        false => Reply::status(first).held(),
        true => Reply::status(204),
    })
    .await
}

#[tokio::test]
async fn a_deletion_ends_deliveries_with_the_one_under_way() {
    on_both(async |server| {
        let app = server.app().await;
        let room = three_wait(&app).await;
        let old = doorkeeper(204).await;
        app.backend_ok("PUT", "webhook", json!({"url": old.url()})).await;
        old.stands(&room).await;
        app.backend("DELETE", "webhook", Value::Null).await.is(204);
        old.open();
        old.taken(1).await;
        let new = Receiver::willing().await;
        hook(&app, &new).await;
        assert_eq!(revs(&new.taken(2).await)[&room], [2, 3]);
        assert_eq!(old.came().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn words_that_are_unsent_while_they_wait_are_not_told() {
    on_both(async |server| {
        let app = server.app().await;
        let room = three_wait(&app).await;
        let receiver = doorkeeper(204).await;
        app.backend_ok("PUT", "webhook", json!({"url": receiver.url()})).await;
        receiver.stands(&room).await;
        app.backend("DELETE", &format!("rooms/{room}/messages/m-2"), Value::Null).await.ok();
        receiver.open();
        let came = receiver.taken(3).await;
        let told = |n: usize| came[n].body["data"]["message"]["text"].clone();
        assert!(told(1).is_string(), "{:?}", came[1].body);
        assert_eq!(told(2), Value::Null, "{:?}", came[2].body);
    })
    .await;
}

#[tokio::test]
async fn a_late_410_of_before_a_repair_ends_nothing() {
    on_both(async |server| {
        let app = server.app().await;
        let room = three_wait(&app).await;
        let repaired = doorkeeper(410).await;
        app.backend_ok("PUT", "webhook", json!({"url": repaired.url()})).await;
        repaired.stands(&room).await;
        let set = app.backend_ok("PUT", "webhook", json!({"url": repaired.url()})).await;
        assert_eq!(set["disabled_at"], Value::Null);
        repaired.open();
        assert_eq!(revs(&repaired.taken(3).await)[&room], [1, 2, 3]);
        let known = app.backend_ok("GET", "webhook", Value::Null).await;
        assert_eq!(known["disabled_at"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_rotation_signs_with_both_secrets_for_a_while() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let app = server.app().await;
    let receiver = Receiver::willing().await;
    let old = hook(&app, &receiver).await;
    let rotate = json!({"overlap_seconds": 600});
    let new = app.backend_ok("POST", "webhook/rotate", rotate).await;
    assert!(new["rotating_until"].is_string());
    let new = text(&new["secret"]);
    assert_ne!(new, old);
    let room = app.group(&["anna"]).await;
    let both = receiver.taken(1).await.remove(0);
    assert!(both.is_signed_by(&new) && both.is_signed_by(&old));
    assert_eq!(both.signature.split(' ').count(), 2);
    // Another rotation takes back no promise.
    let rotate = json!({"overlap_seconds": 60});
    let newest = app.backend_ok("POST", "webhook/rotate", rotate).await;
    let newest = text(&newest["secret"]);
    say(&app, &room, "meanwhile").await;
    let all = receiver.taken(2).await.remove(1);
    assert!([&newest, &new, &old].iter().all(|secret| all.is_signed_by(secret)));
    clock.pass(61);
    say(&app, &room, "after-a-minute").await;
    let two = receiver.taken(3).await.remove(2);
    assert!(two.is_signed_by(&newest) && !two.is_signed_by(&new) && two.is_signed_by(&old));
    let new = newest;
    clock.pass(541);
    say(&app, &room, "later").await;
    let one = receiver.taken(4).await.remove(3);
    assert!(one.is_signed_by(&new) && !one.is_signed_by(&old));
    assert!(server.stop().await);
}

#[tokio::test]
async fn replay_delivers_again_under_the_same_ids() {
    on_both(async |server| {
        let app = server.app().await;
        let receiver = Receiver::willing().await;
        hook(&app, &receiver).await;
        let room = app.group(&["anna"]).await;
        for n in 0..4 {
            say(&app, &room, format!("m-{n}")).await;
        }
        let first = receiver.taken(5).await;
        delivery(&app, 5, "delivered").await;
        let again = json!({"from": 2, "to": 4});
        let said = app.backend_ok("POST", "webhook/replay", again).await;
        assert_eq!(said, json!({"replayed": 3, "last": 4}));
        let came = receiver.taken(8).await;
        let ids = |came: &[Came]| came.iter().map(|came| came.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&came[5..]), ids(&first[1..4]));
        let wrong = app.backend("POST", "webhook/replay", json!({"from": 4, "to": 2})).await;
        wrong.refused_at(422, "invalid_field", "to");
    })
    .await;
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let server = TestServer::calling(snug_server::outbound::OutboundConfig::default()).await;
    let app = server.app().await;
    let receiver = Receiver::willing().await;
    for url in [receiver.url(), format!("http://localhost:{}/x", receiver.address.port())] {
        app.backend_ok("PUT", "webhook", json!({"url": url})).await;
        let room = app.group(&["anna"]).await;
        assert!(!room.is_empty());
    }
    let failed = delivery_with(&app, 1, |found| found["attempts"] != 0).await;
    let why = text(&failed["error"]);
    assert!(why.contains("private address"), "{why}");
    assert!(receiver.came().is_empty(), "nobody was called");
    for wrong in ["ftp://a.example/", "no url", "http://user:secret@a.example/"] {
        let refused = app.backend("PUT", "webhook", json!({"url": wrong})).await;
        refused.refused_at(422, "invalid_field", "url");
    }
    assert!(server.stop().await);
}

/// Two servers on one database: one of them delivers, and the other goes on when it ends.
#[tokio::test]
async fn another_node_takes_over() {
    let server = TestServer::start(Backend::Postgres).await;
    let (other, _data) = server.beside().await;
    let app = server.app().await;
    let receiver = Receiver::willing().await;
    hook(&app, &receiver).await;
    let room = app.group(&["anna"]).await;
    let beside = TestApp { address: other.address(), ..app.clone() };
    for n in 0..10 {
        tokio::join!(say(&app, &room, format!("a-{n}")), say(&beside, &room, format!("b-{n}")));
    }
    let came = receiver.taken(21).await;
    assert_eq!(revs(&came)[&room], (1..=21).collect::<Vec<u64>>());
    assert!(server.stop_one().await);
    say(&beside, &room, "alone").await;
    assert_eq!(receiver.taken(22).await.len(), 22);
    assert!(within("the second server's stop", other.stop()).await);
}
