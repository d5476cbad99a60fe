//! The ECB dialect through its real doors.

mod bad_input;
mod flow;
mod foreign;
pub(crate) mod socket;

use serde_json::{Value, json};
use snug_server::config::DialectApps;

use crate::bridge::site::Site;
use crate::harness::{Answer, TestApp, TestServer};

/// A server on which a bridged app is the one that ECB means.
pub(crate) struct Ecb {
    pub(crate) server: TestServer,
    pub(crate) app: TestApp,
    pub(crate) site: Site,
}

impl Ecb {
    pub(crate) async fn start() -> Self {
        Self::with(true).await
    }

    pub(crate) async fn with(members_only: bool) -> Self {
        let site = Site::start().await;
        let server = TestServer::sqlite().await;
        let app = site.app_with(&server, members_only).await;
        let (server, app) = named(server, app).await;
        Self { server, app, site }
    }

    /// `POST /ecb/<operation>` of a user's.
    pub(crate) async fn call(&self, user: &str, operation: &str, body: Value) -> Answer {
        let token = self.site.user_token(user);
        self.call_with(&token, operation, body).await
    }

    pub(crate) async fn call_with(&self, token: &str, operation: &str, body: Value) -> Answer {
        let request = self.app.request("POST", &format!("/ecb/{operation}"));
        request.bearer(token).json(body).send().await
    }
}

/// The app becomes the one that ECB means; that is configuration, so the server starts again.
pub(crate) async fn named(server: TestServer, app: TestApp) -> (TestServer, TestApp) {
    let id = snug_core::ids::AppId::new(&app.id).expect("an id");
    let data = server.stop_and_keep().await;
    let apps = DialectApps::default().or_default("ecb", id);
    let server = TestServer::start_on_with(data, apps).await;
    let app = TestApp { address: server.address(), ..app };
    (server, app)
}

/// A text as a client says it.
fn said(words: &str) -> Value {
    json!({"type": "text", "data": {"messageText": words}})
}

/// A refusal in the dialect's form.
#[track_caller]
fn refused(answer: Answer, status: u16, code: &str) -> Value {
    let body = answer.is(status);
    is_refused(&body, status, code);
    body["error"].clone()
}

#[track_caller]
fn is_refused(body: &Value, status: u16, code: &str) {
    let error = &body["error"];
    assert_eq!((&error["code"], &error["status"]), (&json!(code), &json!(status)), "{body}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
}
