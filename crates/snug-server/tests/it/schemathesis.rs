//! Requests made up from the OpenAPI document by schemathesis, a published tool that knows nothing
//! of Snug: none may be answered by a 5xx, or by what the document does not say.

use std::process::Command;

use serde_json::json;

use crate::foreign;
use crate::harness::TestServer;

/// Pinned: another release asks other things, and a run is to be repeated. What it stands on has
/// moved on without it.
const PACKAGES: [&str; 2] = ["schemathesis==4.24.3", "hypothesis<6.150"];
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance";

/// Runs the tool over the operations whose path matches, under this token. Its phase "coverage"
/// goes through each field's bounds and beyond them, the same way each time; what it makes up at
/// random needs packages that do not fit each other at these versions.
async fn holds(server: &TestServer, token: &str, only: &str, but: &str) {
    let url = format!("http://{}", server.address());
    let (token, only, but) = (token.to_owned(), only.to_owned(), but.to_owned());
    let run = move || {
        let python = foreign::python("schemathesis", &PACKAGES);
        let mut tool = Command::new(python.with_file_name("schemathesis"));
        tool.args(["run", &format!("{url}/docs/openapi.json"), "--url", &url])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--include-path-regex", &only, "--exclude-path-regex", &but])
            .args(["--checks", CHECKS, "--phases", "coverage", "--seed", "1"])
            .args(["--generation-database", "none", "--no-color", "--continue-on-failure"]);
        foreign::said(&mut tool, "the OpenAPI document and the server differ")
    };
    let said = tokio::task::spawn_blocking(run).await.expect("it runs");
    assert!(said.contains(" passed"), "nothing was asked: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_holds() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let page = app.page("ann").await;
    let room = app.group(&["ann", "ben"]).await;
    page.post(&format!("rooms/{room}/messages"), json!({"id": "m1", "text": "hello"}))
        .await
        .is(201);
    // Logging out would end the run.
    holds(&server, &page.opened.token, "^/v1/", "^/v1/(server|session)").await;
    holds(&server, &app.key, "^/v1/server/", "^/v1/server/sessions/revoke").await;
    assert!(server.stop().await);
}
