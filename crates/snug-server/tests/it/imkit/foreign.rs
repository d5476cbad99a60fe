//! The published Socket.IO client, unmodified, speaks IMKit's events with the real server.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::json;

use super::{Imkit, result};
use crate::harness::{TestServer, text};

fn checked(what: &str, output: std::io::Result<Output>) -> String {
    let output = output.unwrap_or_else(|error| {
        panic!("{what} could not be started ({error}): install node and npm to run this test")
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what} failed:\n{said}\n{errors}");
    said
}

/// The folder with the client installed as it is pinned.
#[expect(clippy::disallowed_methods, reason = "where CI keeps what it has installed")]
fn installed() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = std::env::var("SNUG_TEST_CACHE").map(PathBuf::from);
    let folder = cache.unwrap_or_else(|_| root.join("target/foreign")).join("imkit");
    std::fs::create_dir_all(&folder).expect("a folder for the clients");
    for file in ["package.json", "package-lock.json", "run.mjs"] {
        let from = root.join("tests/foreign/imkit").join(file);
        std::fs::copy(from, folder.join(file)).expect("a file of the runner is there");
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--prefer-offline"]).current_dir(&folder);
    checked("npm ci", npm.output());
    folder
}

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
        node.arg("run.mjs").current_dir(installed());
        node.env("SERVER", format!("http://{address}")).env("CLIENT_KEY", key);
        node.env("ROOM", room).env("ANN", ann).env("BOB", bob);
        checked("node run.mjs", node.output())
    };
    let said = tokio::task::spawn_blocking(run).await.expect("the client ran");
    assert!(said.trim_end().ends_with("all done"), "{said}");
    assert!(server.stop().await);
}
