//! The rocketchat dialect through its real doors.

mod bad_input;
pub(crate) mod ddp;
mod every_row;
mod flow;
mod foreign;
mod lists;
mod names;
mod powers;
mod presence;
mod realtime;

use serde_json::{Value, json};
use snug_core::engine::NewAppRequest;
use snug_core::ids::AppId;
use snug_core::model::AppPolicy;
use snug_dialects::rocketchat::{self, NewAdmin};
use snug_server::dialects::host;

use crate::harness::{Answer, Request, TestApp, TestServer, text};

/// Somebody's id and token.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) token: String,
}

/// An app with its administrator.
#[derive(Debug, Clone)]
pub(crate) struct Rocket {
    pub(crate) app: TestApp,
    pub(crate) admin: Login,
    pub(crate) password: String,
}

impl Rocket {
    pub(crate) async fn on(server: &TestServer) -> Self {
        Self::under(server, AppPolicy::Open).await
    }

    pub(crate) async fn under(server: &TestServer, policy: AppPolicy) -> Self {
        let name = "Rocket".to_owned();
        let origins = vec!["https://shop.example".to_owned()];
        let request = NewAppRequest { name, policy, development: false, origins };
        let app = server.app_as(request).await;
        Self::beside(server, app).await
    }

    /// Switched on for an app that is there.
    pub(crate) async fn beside(server: &TestServer, app: TestApp) -> Self {
        let id = AppId::new(&app.id).expect("an app's id");
        let host = host(server.server().app());
        let made = rocketchat::create_admin(host.as_ref(), &id, "boss").await;
        let NewAdmin { user_id, auth_token, password } = made.expect("an administrator is made");
        Self { app, admin: Login { user: user_id, token: auth_token }, password }
    }

    pub(crate) fn request(&self, login: &Login, method: &str, endpoint: &str) -> Request {
        let request = self.app.request(method, &format!("/api/v1/{endpoint}"));
        request.header("X-Auth-Token", &login.token).header("X-User-Id", &login.user)
    }

    pub(crate) async fn get(&self, login: &Login, endpoint: &str) -> Answer {
        self.request(login, "GET", endpoint).send().await
    }

    pub(crate) async fn post(&self, login: &Login, endpoint: &str, body: Value) -> Answer {
        self.request(login, "POST", endpoint).json(body).send().await
    }

    /// A user as the embedding flow makes one: by the administrator, with a token.
    pub(crate) async fn user(&self, name: &str) -> Login {
        let body = json!({
            "name": name.to_uppercase(), "email": format!("{name}@shop.example"),
            "username": name, "password": format!("{name}-password"),
        });
        success(self.post(&self.admin, "users.create", body).await);
        let body = json!({ "username": name });
        let made = success(self.post(&self.admin, "users.createToken", body).await);
        Login { user: text(&made["data"]["userId"]), token: text(&made["data"]["authToken"]) }
    }
}

/// The body of a success.
#[track_caller]
pub(crate) fn success(answer: Answer) -> Value {
    let body = answer.ok();
    assert_eq!(body["success"], true, "{body}");
    body
}

/// The vendor's refusal with this code.
#[track_caller]
pub(crate) fn refused(answer: Answer, status: u16, code: &str) {
    let body = answer.is(status);
    assert_eq!((&body["success"], &body["errorType"]), (&json!(false), &json!(code)), "{body}");
    assert!(text(&body["error"]).ends_with(&format!("[{code}]")), "{body}");
}
