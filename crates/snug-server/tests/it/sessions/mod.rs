//! Tokens at every door, and what ends a session.

mod doors;
mod ends;
mod expiry;
mod guests;
pub(crate) mod minted;
mod public_keys;
pub(crate) mod verified;

use serde_json::{Value, json};

use crate::harness::{Backend, Door, Socket, TestApp, TestServer};

/// A door's answer to a token: let in as this user, or refused with this code.
type Met = Result<String, String>;

/// Shows a token at the REST door and at each of the socket's, all of which must agree; a socket
/// must also be closed with the code of that refusal.
async fn show(app: &TestApp, token: &str) -> Met {
    let answer = app.api("GET", "/v1/me", Value::Null, token).await;
    let met = match answer.status {
        200 => Ok(crate::harness::text(&answer.body["user"]["id"])),
        status => {
            let code = crate::harness::text(&answer.body["code"]);
            answer.refused(status, &code);
            Err(code)
        }
    };
    for door in Door::ALL {
        let (seen, closed) = show_at(app, door, token).await;
        assert_eq!(seen, met, "{door:?} and REST differ");
        assert_eq!(closed, met.as_ref().err().map(|code| close_code(code)), "{door:?}");
    }
    met
}

async fn show_at(app: &TestApp, door: Door, token: &str) -> (Met, Option<u16>) {
    let mut socket = Socket::connect(app.address, door, token).await;
    let selected = (door == Door::Subprotocol).then_some("snug.v1");
    assert_eq!(socket.subprotocol.as_deref(), selected);
    match socket.entered().await {
        Ok(hello) => (Ok(crate::harness::text(&hello["user"]["id"])), None),
        Err(problem) => {
            let code = crate::harness::text(&problem["code"]);
            if door == Door::FirstFrame {
                let answer = socket.answer("auth").await;
                assert_eq!((&answer["ok"], &answer["error"]), (&json!(false), &problem));
            }
            (Err(code), Some(socket.closed().await))
        }
    }
}

fn close_code(code: &str) -> u16 {
    match code {
        "token_expired" => 4100,
        "session_closed" => 4200,
        "user_deactivated" => 4203,
        "token_invalid" | "server_key_in_browser" => 4204,
        other => panic!("no refusal of a token: {other}"),
    }
}

/// Everything of this folder that leans on the store, on one server.
async fn on(server: &TestServer) {
    ends::a_new_session_of_the_device_replaces(&server.app().await).await;
    ends::refresh(&server.app().await).await;
    ends::log_out(&server.app().await).await;
    ends::revoke(&server.app().await).await;
    ends::deactivate(&server.app().await).await;
    minted::first_use_opens_and_the_next_is_the_same(&server.app().await).await;
    minted::minted_before_a_revoke(&server.app().await).await;
    minted::refreshed_by_a_newer_one(&server.app().await).await;
}

#[tokio::test]
async fn sessions_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    on(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn sessions_on_sqlite() {
    let server = TestServer::sqlite().await;
    on(&server).await;
    assert!(server.stop().await);
}
