//! The example of the documentation, run by Node: it takes what Snug sends and refuses the rest.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{delivery, say};
use crate::harness::{TestServer, text, within};

/// The code block of `docs/webhooks.md` that is marked as this file.
fn example(name: &str) -> String {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/webhooks.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let begin = format!("```js\n// {name}\n");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no example {name}"));
    rest.split_once("```").expect("an end").0.to_owned()
}

#[tokio::test]
async fn the_documented_receiver_takes_what_is_signed() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let file = server.data.join("receiver.mjs");
    std::fs::write(&file, example("receiver.mjs")).expect("written");
    let port = snug_testkit::free_port();
    let url = format!("http://127.0.0.1:{port}/snug");
    let set = app.backend_ok("PUT", "webhook", json!({"url": url})).await;
    let mut node = Command::new("node");
    node.arg(&file).env("SNUG_WEBHOOK_SECRET", text(&set["secret"]));
    node.env("PORT", port.to_string()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = node.spawn().expect("node runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = within("the receiver", lines.next_line()).await.expect("a line");
    assert!(first.expect("a line").contains("listens"));
    let room = app.group(&["anna"]).await;
    say(&app, &room, "hello").await;
    let mut told = Vec::new();
    while told.len() < 2 {
        let line = within("an event", lines.next_line()).await.expect("a line").expect("a line");
        told.push(line);
    }
    assert_eq!(told, [format!("room.created {room} 1"), format!("message.new {room} 2")]);
    delivery(&app, 2, "delivered").await;

    // Somebody else's secret.
    app.backend_ok("POST", "webhook/rotate", json!({"overlap_seconds": 0})).await;
    say(&app, &room, "forged").await;
    let refused = async {
        loop {
            let found = delivery(&app, 3, "waiting").await;
            if found["attempts"] != 0 {
                return found;
            }
        }
    };
    let refused = within("the refusal", refused).await;
    assert_eq!(refused["status"], 401);
    child.kill().await.expect("it runs");
    assert!(server.stop().await);
}
