//! The imkit dialect through its real doors.

mod bad_input;
mod codes;
mod collection;
mod flow;
mod foreign;
mod routes;
pub(crate) mod socket;

use serde_json::Value;
use snug_core::engine::NewAppRequest;
use snug_core::ids::AppId;
use snug_core::model::AppPolicy;
use snug_dialects::imkit::{self, Keys};

use crate::harness::{Answer, TestApp, TestServer, text};

/// An app with its keys.
#[derive(Debug, Clone)]
pub(crate) struct Imkit {
    app: TestApp,
    pub(crate) keys: Keys,
}

impl Imkit {
    async fn on(server: &TestServer, development: bool) -> Self {
        let name = "IMKit".to_owned();
        let origins = vec!["https://shop.example".to_owned()];
        let request = NewAppRequest { name, policy: AppPolicy::Open, development, origins };
        Self::beside(server, server.app_as(request).await).await
    }

    /// Switched on for an app that is there.
    pub(crate) async fn beside(server: &TestServer, app: TestApp) -> Self {
        let id = AppId::new(&app.id).expect("an app id");
        let keys = imkit::enable(&server.server().app().engine, &id).await.expect("keys");
        Self { app, keys }
    }

    /// A call with the API key.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.app.request(method, path).header("IM-API-KEY", &self.keys.api_key);
        request.json(body).send().await
    }

    /// A call of a user's.
    pub(crate) async fn user(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = self.app.request(method, path);
        let request = request.header("IM-CLIENT-KEY", &self.keys.client_key);
        request.header("IM-Authorization", token).json(body).send().await
    }

    /// A user with a token.
    pub(crate) async fn token(&self, user: &str) -> String {
        let body = serde_json::json!({"_id": user, "nickname": user, "issueAccessToken": true});
        text(&result(self.admin("POST", "/admin/clients", body).await)["token"])
    }
}

/// What stands in the envelope of a success.
#[track_caller]
pub(crate) fn result(answer: Answer) -> Value {
    let body = answer.ok();
    assert_eq!((&body["RC"], &body["RM"]), (&Value::from(0), &Value::from("OK")), "{body}");
    body["result"].clone()
}

/// A refusal in form A.
#[track_caller]
fn refused(answer: Answer, status: u16, code: &str) {
    let body = answer.is(status);
    assert_eq!((&body["RC"], &body["error"]["code"]), (&status.into(), &code.into()), "{body}");
}
