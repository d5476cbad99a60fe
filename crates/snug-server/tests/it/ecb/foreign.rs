//! The published Socket.IO client, unmodified, with the real server and the sample backend.

use std::process::Command;

use super::named;
use crate::bridge::sample::Home;
use crate::foreign;
use crate::harness::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn ecb_by_the_published_socket_client() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let sample = Home::new().await;
    let running = sample.bridge(&server, &app).await;
    let (server, app) = named(server, app).await;
    let backend = running.url.trim_end_matches("/bridge").to_owned();
    let run = move || {
        let mut node = Command::new("node");
        node.arg("run.mjs").current_dir(foreign::node("ecb"));
        node.env("SERVER", format!("http://{}/ecb", app.address)).env("BACKEND", backend);
        foreign::said(&mut node, "node runs a page of ECB's")
    };
    let said = tokio::task::spawn_blocking(run).await.expect("the client ran");
    assert!(said.trim_end().ends_with("all done"), "{said}");
    assert!(server.stop().await);
}
