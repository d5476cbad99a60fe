//! A door that lies in one place: the crowd must say which line was broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use snug_server::verify::{HttpDoor, Socket};
use snug_verify::{Answer, Came, Door, Line, Request};

use super::{door, kept, plan, walk};
use crate::harness::TestServer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Every 40th send is acknowledged and goes nowhere.
    AckOfNothing,
    /// Every 40th send is stored under another id than the one it is acknowledged by.
    OtherId,
    /// Pages of history lack a message.
    Hole,
    /// Whatever token is shown is good.
    AnyToken,
    /// Syncs tell of no messages.
    EmptySync,
    /// Unread is one too many.
    Unread,
    /// Every 20th event is lost: no line is broken, for a socket is a hint.
    LostEvents,
}

struct Liar {
    inner: HttpDoor,
    lie: Lie,
    count: Arc<AtomicU64>,
}

struct LyingLine {
    inner: Socket,
    lie: Lie,
    count: Arc<AtomicU64>,
    made_up: Option<Value>,
}

/// Whether this one is the one in `n`.
fn turn(count: &AtomicU64, n: u64) -> bool {
    count.fetch_add(1, Ordering::Relaxed) % n == n - 1
}

impl Door for Liar {
    type Line = LyingLine;

    fn nodes(&self) -> usize {
        self.inner.nodes()
    }

    async fn call(&self, node: usize, request: Request) -> Result<Answer, String> {
        let (path, lie) = (request.path.clone(), self.lie);
        let mut answer = self.inner.call(node, request).await?;
        if lie == Lie::AnyToken && path == "/v1/me" {
            answer.status = 200;
        }
        if lie == Lie::Hole && path.contains("/messages?after=") {
            let messages = answer.body["messages"].as_array_mut();
            messages.map(|messages| messages.remove(messages.len() / 2));
        }
        Ok(answer)
    }

    async fn connect(&self, node: usize, token: &str) -> Result<LyingLine, String> {
        let inner = self.inner.connect(node, token).await?;
        Ok(LyingLine { inner, lie: self.lie, count: self.count.clone(), made_up: None })
    }
}

impl Line for LyingLine {
    async fn send(&mut self, frame: String) {
        let mut request: Value = serde_json::from_str(&frame).expect("a frame");
        if request["op"] == "message.send" {
            let id = request["data"]["id"].clone();
            if self.lie == Lie::AckOfNothing && turn(&self.count, 40) {
                let message = json!({
                    "id": id, "seq": 1_000_000, "rev": 1_000_000, "kind": "text", "text": id,
                    "sender": "nobody", "created_at": "2026-11-20T10:42:07.123Z",
                });
                let data = json!({"message": message, "duplicate": false});
                self.made_up = Some(json!({"id": request["id"], "ok": true, "data": data}));
                return;
            }
            if self.lie == Lie::OtherId && turn(&self.count, 40) {
                request["data"]["id"] = json!(format!("{}-other", id.as_str().expect("an id")));
            }
        }
        self.inner.send(request.to_string()).await;
    }

    async fn next(&mut self) -> Came {
        if let Some(made_up) = self.made_up.take() {
            return Came::Frame(made_up);
        }
        loop {
            let Came::Frame(mut frame) = self.inner.next().await else {
                return Came::Closed(1006);
            };
            let event = frame["event"].is_string() && frame["event"] != "hello";
            if self.lie == Lie::LostEvents && event && turn(&self.count, 20) {
                continue;
            }
            if self.lie == Lie::EmptySync && frame["data"]["min_seq"].is_u64() {
                frame["data"]["messages"] = json!([]);
            }
            if self.lie == Lie::Unread && frame["ok"] == true {
                for room in frame["data"]["rooms"].as_array_mut().into_iter().flatten() {
                    let unread = room["mine"]["unread"].as_u64().unwrap_or(0);
                    room["mine"]["unread"] = json!(unread + 1);
                }
            }
            return Came::Frame(frame);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_lies_is_found_out() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    for (seed, (lie, line)) in (0x11e5..).zip([
        (Lie::AckOfNothing, 1),
        (Lie::OtherId, 2),
        (Lie::Hole, 3),
        (Lie::AnyToken, 12),
        (Lie::EmptySync, 5),
        (Lie::Unread, 10),
    ]) {
        let liar = Liar { inner: door(&[&app]), lie, count: Arc::default() };
        let report = walk(liar, plan(&app, seed, 3)).await;
        let found = report.violations.iter().any(|violation| violation.line == line);
        assert!(found, "{lie:?} was not seen as a breach of line {line}: {report:?}");
    }
    let liar = Liar { inner: door(&[&app]), lie: Lie::LostEvents, count: Arc::default() };
    kept(&walk(liar, plan(&app, 0x11f0, 4)).await);
    assert!(server.stop().await);
}
