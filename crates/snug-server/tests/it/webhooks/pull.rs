//! Events that a backend pulls.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use snug_core::limits;

use super::say;
use crate::harness::{Backend, TestApp, TestClock, TestServer, on_both, within};

async fn pull(app: &TestApp, query: &str) -> Value {
    app.backend_ok("GET", &format!("events?{query}"), Value::Null).await
}

fn revs(events: &[Value]) -> BTreeMap<String, Vec<u64>> {
    let mut revs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in events {
        let room = event["data"]["room"].as_str().expect("a room").to_owned();
        revs.entry(room).or_default().push(event["data"]["rev"].as_u64().expect("a rev"));
    }
    revs
}

#[tokio::test]
async fn line_16_reading_on_misses_nothing() {
    on_both(async |server| {
        let app = server.app().await;
        let off = app.backend("GET", "events", Value::Null).await;
        off.refused(409, "not_set_up");
        app.group(&["anna"]).await;
        app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;
        let (one, two) = (app.group(&["anna"]).await, app.group(&["anna"]).await);
        let writer = async {
            for n in 0..30 {
                tokio::join!(say(&app, &one, format!("a-{n}")), say(&app, &two, format!("b-{n}")));
            }
        };
        let reader = async {
            let (mut read, mut after) = (Vec::new(), 0);
            while read.len() < 62 {
                let page = pull(&app, &format!("after={after}&limit=7&wait=5")).await;
                let events = page["events"].as_array().expect("events");
                assert!(!events.is_empty() && events.len() <= 7);
                read.extend(events.iter().cloned());
                after = page["position"].as_u64().expect("a position");
                assert_eq!(read.last().expect("one")["data"]["position"], after);
            }
            read
        };
        let (read, ()) = within("all events", async { tokio::join!(reader, writer) }).await;
        let all: Vec<u64> = (1..=31).collect();
        assert_eq!(revs(&read), BTreeMap::from([(one, all.clone()), (two, all)]));
        let places: Vec<_> = read.iter().map(|event| event["data"]["position"].clone()).collect();
        assert_eq!(places, (1..=62).map(Value::from).collect::<Vec<_>>(), "without holes");
    })
    .await;
}

#[tokio::test]
async fn who_waits_is_told_at_once_and_not_for_ever() {
    on_both(async |server| {
        let app = server.app().await;
        app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;
        let room = app.group(&["anna"]).await;
        let begun = tokio::time::Instant::now();
        let nothing = pull(&app, "after=1&wait=1").await;
        assert_eq!(nothing, json!({"events": [], "position": 1, "more": false}));
        assert!(begun.elapsed().as_millis() >= 1_000);
        let (page, ()) = tokio::join!(pull(&app, "after=1&wait=20"), say(&app, &room, "news"));
        assert_eq!(page["events"][0]["data"]["message"]["text"], "news");
        assert_eq!((&page["position"], &page["more"]), (&json!(2), &json!(false)));
        let page = pull(&app, "limit=1").await;
        assert_eq!((&page["position"], &page["more"]), (&json!(1), &json!(true)));
        let long = app.backend("GET", "events?wait=26", Value::Null).await;
        long.refused_at(422, "invalid_field", "wait");
        let page = app.backend("GET", "events?limit=501", Value::Null).await;
        page.refused_at(422, "invalid_field", "limit");
        app.backend_ok("PUT", "events/settings", json!({"enabled": false})).await;
        app.backend("GET", "events?after=0", Value::Null).await.refused(409, "not_set_up");
    })
    .await;
}

#[tokio::test]
async fn a_position_that_was_never_given_is_told() {
    on_both(async |server| {
        let app = server.app().await;
        app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;
        let room = app.group(&["anna"]).await;
        say(&app, &room, "one").await;
        // As after a restore from a backup.
        let ahead = app.backend("GET", "events?after=3", Value::Null).await;
        let problem = ahead.refused_at(410, "events_gone", "after");
        assert_eq!(problem["expected"], "0, or 0 to 2");
        assert_eq!(pull(&app, "after=2").await["events"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn who_was_away_too_long_is_told() {
    let clock = Arc::new(TestClock::default());
    let week = limits::OUTBOX_KEPT_SECONDS + 3_600;
    clock.pass(-week);
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let app = server.app().await;
    app.backend_ok("PUT", "events/settings", json!({"enabled": true})).await;
    let room = app.group(&["anna"]).await;
    say(&app, &room, "old-1").await;
    say(&app, &room, "old-2").await;
    clock.pass(week);
    say(&app, &room, "new-1").await;
    say(&app, &room, "new-2").await;
    // What is old is cleared away at the start.
    let server = TestServer::start_on(server.stop_and_keep().await).await;
    let app = TestApp { address: server.address(), ..app };
    let cleared = async {
        while pull(&app, "after=0").await["events"][0]["data"]["position"] != 4 {
            tokio::task::yield_now().await;
        }
    };
    within("old events to be cleared away", cleared).await;
    for gone in [1, 2] {
        let gone = app.backend("GET", &format!("events?after={gone}"), Value::Null).await;
        let problem = gone.refused_at(410, "events_gone", "after");
        assert_eq!(problem["expected"], "0, or 3 to 5");
    }
    assert_eq!(pull(&app, "after=3").await["events"][0]["data"]["position"], 4);
    assert!(server.stop().await);
}
