//! The vendor's published clients, unmodified, against the real server.

use std::process::Command;

use serde_json::json;

use super::{Rocket, success};
use crate::foreign;
use crate::harness::{TestServer, text};

#[tokio::test(flavor = "multi_thread")]
async fn rocketchat_by_the_published_node_clients() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let body = json!({"name": "general", "members": ["ann"]});
    let made = success(rocket.post(&bob, "channels.create", body).await);
    let (room, address) = (text(&made["channel"]["_id"]), server.address());
    let run = move || {
        let mut node = Command::new("node");
        node.arg("run.mjs").current_dir(foreign::node("rocketchat"));
        node.env("SERVER", format!("http://{address}")).env("ROOM", room);
        node.env("ANN", format!("{} {}", ann.user, ann.token));
        node.env("BOB", format!("{} {}", bob.user, bob.token));
        foreign::said(&mut node, "node runs Rocket.Chat's clients")
    };
    let said = tokio::task::spawn_blocking(run).await.expect("the clients ran");
    assert!(said.trim_end().ends_with("all done"), "{said}");
    assert!(server.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rocketchat_by_the_published_python_client() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (address, password) = (server.address(), rocket.password.clone());
    let run = move || {
        let python = foreign::python("rocketchat", &["rocketchat_API==3.7.1"]);
        let mut python = Command::new(python);
        python.arg(foreign::script("rocketchat/run.py"));
        python.env("SERVER", format!("http://{address}")).env("ADMIN_PASSWORD", password);
        foreign::said(&mut python, "python runs Rocket.Chat's client")
    };
    let said = tokio::task::spawn_blocking(run).await.expect("the client ran");
    assert!(said.trim_end().ends_with("all done"), "{said}");
    assert!(server.stop().await);
}
