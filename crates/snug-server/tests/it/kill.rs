//! The real binary, killed in mid-burst: what was acknowledged is there, once. And told to end:
//! it says so to every socket and ends in order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use snug_testkit::{free_port, temp_dir};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_websockets::Message;

use crate::harness::{TestApp, text, within};

const SNUG: &str = env!("CARGO_BIN_EXE_snug");
const ROUNDS: u64 = 5;
const SENDS: u64 = 120;

fn snug(data: &Path) -> Command {
    let mut command = Command::new(SNUG);
    command.arg("--data").arg(data).args(["--log", "error"]).kill_on_drop(true);
    command.args(["--outbound-allow-private", "127.0.0.0/8"]);
    command
}

/// An app in a data directory that no server has open.
pub(crate) async fn app_in(data: &Path, address: SocketAddr) -> TestApp {
    let mut create = snug(data);
    create.args(["app", "create", "--name", "Kill", "--print-key"]);
    let output = within("snug app create", create.output()).await.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    TestApp { address, id: text(&made["app"]), key: text(&made["server_key"]) }
}

pub(crate) struct Running {
    pub(crate) child: Child,
    _lines: Lines<BufReader<ChildStdout>>,
}

/// A running server that says it listens.
pub(crate) async fn serve(data: &Path, address: SocketAddr) -> Running {
    let mut serve = snug(data);
    serve.args(["--listen", &address.to_string(), "serve"]).stdout(Stdio::piped());
    let mut child = serve.spawn().expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let said = within("the server's first line", lines.next_line()).await.expect("a line");
    assert!(said.is_some_and(|line| line.contains("listens")), "the server did not start");
    // The rest of its few lines must not find a closed pipe.
    Running { child, _lines: lines }
}

pub(crate) async fn ended(child: &mut Child) -> ExitStatus {
    within("the process' end", child.wait()).await.expect("a status")
}

/// Every message of a room, ascending.
async fn history(app: &TestApp, room: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let path = format!("rooms/{room}/messages?after={}&limit=100", all.len());
        let page = app.backend_ok("GET", &path, Value::Null).await;
        all.extend(page["messages"].as_array().expect("messages").iter().cloned());
        if page["has_after"] == false {
            return all;
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let data = temp_dir();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let app = app_in(data.path(), address).await;
    let mut server = serve(data.path(), address).await;
    let room = app.group(&["alice", "bob"]).await;
    let opened = app.open_session("alice").await;
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut alice = app.socket(&opened.token).await.into_stream();
        let ids: Vec<String> = (0..SENDS).map(|n| format!("r{round}-{n}")).collect();
        for id in &ids {
            let data = json!({"room": room, "id": id, "text": id});
            let frame = json!({"id": id, "op": "message.send", "data": data});
            alice.feed(Message::text(frame.to_string())).await.expect("room to write");
        }
        alice.flush().await.expect("room to write");
        // Somewhere in the burst, another place in every round.
        let killed_after = (round * 37 + 5) % SENDS;
        let mut killed = false;
        while let Some(Ok(frame)) = within("an answer or the end", alice.next()).await {
            let answer: Value = serde_json::from_slice(frame.as_payload()).unwrap_or_default();
            if !answer["id"].is_string() {
                continue;
            }
            assert_eq!(answer["ok"], true, "{answer}");
            let message = &answer["data"]["message"];
            acknowledged.insert(text(&message["id"]), message.clone());
            if !killed && answer["id"] == ids[usize::try_from(killed_after).expect("small")] {
                server.child.start_kill().expect("the process is there");
                killed = true;
            }
        }
        assert!(killed, "the burst ended before the kill");
        assert!(!ended(&mut server.child).await.success());
        server = serve(data.path(), address).await;
        check(&app, &room, &acknowledged, (round + 1) * SENDS).await;
        // The client does what the SDK does: the same ids again.
        let mut alice = app.socket(&opened.token).await;
        for id in &ids {
            let send = json!({"room": room, "id": id, "text": id});
            let message = alice.request("message.send", send).await["message"].take();
            let before = acknowledged.insert(id.clone(), message.clone());
            assert!(before.is_none_or(|before| before == message), "another answer for {id}");
        }
        let stored = check(&app, &room, &acknowledged, (round + 1) * SENDS).await;
        assert_eq!(stored, (round + 1) * SENDS);
    }
    server.child.kill().await.expect("the process is there");
}

/// Every acknowledged message is stored once, as it was answered; nothing but what was sent is
/// there; no seq is missing. Says how many are stored.
async fn check(
    app: &TestApp,
    room: &str,
    acknowledged: &BTreeMap<String, Value>,
    sent: u64,
) -> u64 {
    let stored = history(app, room).await;
    let mut by_id = BTreeMap::new();
    for (at, message) in stored.iter().enumerate() {
        assert_eq!(message["seq"], at + 1, "seq without holes");
        let twice = by_id.insert(text(&message["id"]), message);
        assert!(twice.is_none(), "stored twice: {message}");
    }
    for (id, message) in acknowledged {
        assert_eq!(by_id.get(id), Some(&message), "acknowledged and lost: {id}");
    }
    let count = u64::try_from(stored.len()).expect("a number");
    assert!(count <= sent, "{count} stored of {sent} sent");
    count
}

#[tokio::test]
async fn told_to_end_it_says_so_and_ends_in_order() {
    let data = temp_dir();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let app = app_in(data.path(), address).await;
    let mut server = serve(data.path(), address).await;
    let ((_, mut alice), (_, mut bob)) = (app.enter("alice").await, app.enter("bob").await);
    let room = app.direct("alice", "bob").await;
    alice.request("message.send", json!({"room": room, "id": "last", "text": "x"})).await;
    let number = server.child.id().expect("it runs").to_string();
    let told = Command::new("kill").args(["-TERM", &number]).status().await.expect("kill runs");
    assert!(told.success());
    let (alice, bob) = tokio::join!(alice.closed_because(), bob.closed_because());
    assert_eq!(alice, (4000, "going_away".to_owned()));
    assert_eq!(bob, alice);
    assert_eq!(ended(&mut server.child).await.code(), Some(0));
    let mut server = serve(data.path(), address).await;
    assert_eq!(history(&app, &room).await.last().expect("a message")["id"], "last");
    server.child.kill().await.expect("the process is there");
}
