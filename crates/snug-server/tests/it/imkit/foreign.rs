//! The published Socket.IO client, unmodified, speaks IMKit's events with the real server.

use std::process::Command;

use serde_json::json;

use super::{Imkit, result};
use crate::foreign;
use crate::harness::{TestServer, text};

#[tokio::test(flavor = "multi_thread")]
async fn imkit_socket_by_the_published_client() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let (ann, bob) = (imkit.token("ann").await, imkit.token("bob").await);
    let body = json!({"name": "Room", "invitee": ["bob"]});
    let room = text(&result(imkit.user(&ann, "POST", "/rooms/createAndJoin", body).await)["_id"]);
    let (address, key) = (server.address(), imkit.keys.client_key.clone());
    let run = move || {
        let mut node = Command::new("node");
        node.arg("run.mjs").current_dir(foreign::node("imkit"));
        node.env("SERVER", format!("http://{address}")).env("CLIENT_KEY", key);
        node.env("ROOM", room).env("ANN", ann).env("BOB", bob);
        foreign::said(&mut node, "node runs IMKit's client")
    };
    let said = tokio::task::spawn_blocking(run).await.expect("the client ran");
    assert!(said.trim_end().ends_with("all done"), "{said}");
    assert!(server.stop().await);
}
