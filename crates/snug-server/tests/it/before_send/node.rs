//! The example of the documentation, run by Node: it changes, refuses and allows, and takes only
//! what is signed.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{say, texts};
use crate::harness::{TestServer, text, within};

/// The code block of `docs/before-send.md` that is marked as this file.
fn example(name: &str) -> String {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/before-send.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let begin = format!("```js\n// {name}\n");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no example {name}"));
    rest.split_once("```").expect("an end").0.to_owned()
}

#[tokio::test]
async fn the_documented_filter_filters() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let file = server.data.join("filter.mjs");
    std::fs::write(&file, example("filter.mjs")).expect("written");
    let port = snug_testkit::free_port();
    let url = format!("http://127.0.0.1:{port}/before-send");
    let body = json!({"url": url, "on_failure": "refuse", "timeout_ms": 5_000});
    let set = app.backend_ok("PUT", "before-send", body).await;
    let mut node = Command::new("node");
    node.arg(&file).env("SNUG_HOOK_SECRET", text(&set["secret"]));
    node.env("PORT", port.to_string()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = node.spawn().expect("node runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = within("the filter", lines.next_line()).await.expect("a line");
    assert!(first.expect("a line").contains("listens"));
    let (ann, room) = (app.page("ann").await, app.group(&["ann"]).await);
    say(&ann, &room, "Is it still there?").await.is(201);
    let hidden = say(&ann, &room, "Call 0912 345 678 now").await.is(201);
    assert_eq!(hidden["text"], "Call ••• now");
    let refused = say(&ann, &room, "Pay at https://pay.example/x").await;
    let refused = refused.refused(403, "message_refused");
    assert_eq!(refused["detail"], "Please keep the payment on this site.");
    assert_eq!(texts(&ann, &room).await, ["Is it still there?", "Call ••• now"]);

    // Somebody else's secret.
    app.backend_ok("POST", "before-send/rotate", json!({"overlap_seconds": 0})).await;
    say(&ann, &room, "forged").await.refused(503, "hook_failed");
    child.kill().await.expect("it runs");
    assert!(server.stop().await);
}
