//! A hook that does not answer, or answers something else: the app's setting says what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use snug_core::limits;

use super::endpoint::{Endpoint, Reply};
use super::{say, say_as, texts};
use crate::harness::{TestApp, TestServer, logs, within};

type Broken = (&'static str, fn() -> Reply);

const BROKEN: [Broken; 15] = [
    ("an error", || Reply::of(500, "")),
    ("a refusal of its own", || Reply::of(403, r#"{"action":"allow"}"#)),
    ("another success", || Reply::of(202, r#"{"action":"allow"}"#)),
    ("an empty answer", || Reply::of(200, "")),
    ("a page", || Reply::of(200, "<html>")),
    ("a list", || Reply::of(200, r#"["allow"]"#)),
    ("another word", || Reply::of(200, r#"{"action":"maybe"}"#)),
    ("a redirect", || Reply::elsewhere("http://127.0.0.1:1/")),
    ("no end", || Reply::of(200, format!(r#"{{"action":"allow","x":"{}"}}"#, "x".repeat(300_000)))),
    ("nothing to change", || Reply::of(200, r#"{"action":"change"}"#)),
    ("too long", || Reply::change(&json!({"text": "x".repeat(16_385)}))),
    ("empty", || Reply::change(&json!({"text": ""}))),
    ("a NUL", || Reply::change(&json!({"text": "a\u{0}b"}))),
    ("a card for a text", || Reply::change(&json!({"card": {"title": "t"}}))),
    ("a script", || Reply::change(&json!({"card": {"title": "t", "url": "javascript:alert(1)"}}))),
];

/// Both settings against one way to fail; how often it was asked about is the metrics' to say.
async fn both(app: &TestApp, endpoint: &Endpoint, what: &str, timeout_ms: u64) {
    let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
    endpoint.set(app, json!({"on_failure": "refuse", "timeout_ms": timeout_ms})).await;
    let refused = say_as(&ann, &room, "m-1", what).await.refused(503, "hook_failed");
    assert!(refused["retry_after_ms"].is_u64(), "{refused}");
    assert!(texts(&ann, &room).await.is_empty(), "{what}");
    endpoint.set(app, json!({"on_failure": "allow", "timeout_ms": timeout_ms})).await;
    let sent = say_as(&ann, &room, "m-1", what).await.is(201);
    assert_eq!((&sent["text"], &sent["seq"]), (&json!(what), &json!(1)));
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure() {
    let server = TestServer::sqlite().await;
    for (what, reply) in BROKEN {
        let app = server.app().await;
        let endpoint = Endpoint::start(move |_| reply()).await;
        both(&app, &endpoint, what, 5_000).await;
        assert_eq!(endpoint.asked().len(), 2, "{what}: asked once each time");
    }
    let metrics = server.request("GET", "/metrics").send().await.text;
    let counted = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("snug_{name} ")));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<usize>().ok()).unwrap_or_default()
    };
    let all = 2 * BROKEN.len();
    assert_eq!((counted("hooks_asked_total"), counted("hooks_failed_total")), (all, all));
    assert_eq!((counted("hooks_refused_total"), counted("hooks_changed_total")), (0, 0));
    assert_eq!(counted("hook_seconds_count"), all);
    assert!(server.stop().await);
}

#[tokio::test]
async fn silence_is_a_failure() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|_| Reply::refuse("too late").held()).await;
    both(&app, &endpoint, "silence", 100).await;
    // Nobody listens there; and an address that may not be called.
    let app = server.app().await;
    let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
    for url in ["http://127.0.0.1:1/", "http://169.254.169.254/"] {
        app.backend_ok("PUT", "before-send", json!({"url": url, "on_failure": "refuse"})).await;
        say(&ann, &room, "hello").await.refused(503, "hook_failed");
    }
    assert!(texts(&ann, &room).await.is_empty());
    assert!(server.stop().await);
}

/// An edit that cannot be asked about is not made, or made as it is.
#[tokio::test]
async fn an_edit_fails_alike() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
    say_as(&ann, &room, "m-1", "before").await.is(201);
    let endpoint = Endpoint::start(|_| Reply::of(500, "")).await;
    let path = format!("rooms/{room}/messages/m-1");
    let edit = json!({"text": "after"});
    endpoint.set(&app, json!({"on_failure": "refuse"})).await;
    ann.call("PATCH", &path, edit.clone()).await.refused(503, "hook_failed");
    assert_eq!(texts(&ann, &room).await, ["before"]);
    endpoint.set(&app, json!({"on_failure": "allow"})).await;
    assert_eq!(ann.call("PATCH", &path, edit).await.is(200)["text"], "after");
    assert!(server.stop().await);
}

/// A hook that hangs: few are asked at one time, some wait, the rest is told at once, and another
/// app notices nothing.
#[tokio::test]
async fn a_hook_that_hangs_holds_nobody_else_up() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let endpoint = Endpoint::start(|_| Reply::allow().held()).await;
    // What finds no place is refused whatever the setting says: it was never asked about.
    endpoint.set(&app, json!({"on_failure": "allow"})).await;
    let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
    let places = limits::HOOKS_PER_APP_MAX + limits::HOOKS_WAITING_MAX;
    let (told, stored) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let refused = Arc::new(tokio::sync::Notify::new());
    let tasks = tokio_util::task::TaskTracker::new();
    for n in 0..=places {
        let (ann, room, refused) = (ann.clone(), room.clone(), refused.clone());
        let (told, stored) = (told.clone(), stored.clone());
        tasks.spawn(async move {
            let sent = say(&ann, &room, &format!("m-{n}")).await;
            if sent.status == 201 {
                stored.fetch_add(1, Ordering::SeqCst);
                return;
            }
            sent.refused(503, "hook_failed");
            told.fetch_add(1, Ordering::SeqCst);
            refused.notify_one();
        });
    }
    within("a refusal while the others wait", refused.notified()).await;
    let other = server.app().await;
    let quick = Endpoint::start(|_| Reply::allow()).await;
    quick.set(&other, json!({"on_failure": "refuse"})).await;
    let (ben, elsewhere) = (other.page("ben").await, other.group(&["ben"]).await);
    say(&ben, &elsewhere, "undisturbed").await.is(201);
    assert_eq!(quick.asked().len(), 1);
    // Nor does what the app's own pages read, or its backend sends.
    let own = json!({"sender": "ann", "text": "mine"});
    app.backend_ok("POST", &format!("rooms/{room}/messages"), own).await;
    endpoint.open();
    tasks.close();
    within("the rest", tasks.wait()).await;
    assert!(told.load(Ordering::SeqCst) >= 1);
    let stored = stored.load(Ordering::SeqCst);
    assert_eq!(told.load(Ordering::SeqCst) + stored, places + 1);
    assert!(endpoint.most() <= limits::HOOKS_PER_APP_MAX, "{}", endpoint.most());
    let path = format!("rooms/{room}");
    assert_eq!(ann.get(&path).await.ok()["seq"], json!(stored + 1), "no place was lost");
    assert!(server.stop().await);
}

/// The log says that a hook failed and why, and nothing of what was said or of the secret.
#[tokio::test]
async fn the_log_tells_no_words() {
    let logs = logs();
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let answered = "words-that-the-endpoint-answers";
    let endpoint = Endpoint::start(move |asked| match asked.words().contains("broken") {
        true => Reply::of(200, json!({"action": answered, "message": {"text": 7}}).to_string()),
        false => Reply::refuse(answered),
    })
    .await;
    let secret = endpoint.set(&app, json!({"on_failure": "refuse"})).await.expect("a secret");
    let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
    let said = "broken: nobody-else-reads-this";
    say(&ann, &room, said).await.refused(503, "hook_failed");
    say(&ann, &room, "nobody-else-reads-this").await.refused(403, "message_refused");
    let text = logs.text();
    let line = text.lines().find(|line| line.contains("hook failed") && line.contains(&app.id));
    assert!(line.expect("a line").contains("its answer is not as documented"), "{line:?}");
    for word in ["nobody-else-reads-this", answered, &secret, secret.trim_start_matches("whsec_")] {
        assert!(!text.contains(word), "{word}");
    }
    let shown = app.backend_ok("GET", "before-send", Value::Null).await;
    assert!(!shown.to_string().contains("whsec_"));
    assert!(server.stop().await);
}
