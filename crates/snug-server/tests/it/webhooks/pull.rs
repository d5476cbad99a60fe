//! Events that a backend pulls.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{on_both, say};
use crate::harness::{TestApp, within};

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
