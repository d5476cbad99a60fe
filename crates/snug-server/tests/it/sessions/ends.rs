//! Replacing, refreshing, logging out, revoking, deactivating: from the answer on, at every door.

use serde_json::{Value, json};

use super::show;
use crate::harness::{TestApp, text};

fn closed() -> Result<String, String> {
    Err("session_closed".to_owned())
}

pub(super) async fn a_new_session_of_the_device_replaces(app: &TestApp) {
    let first = app.open_session_on("ann", "phone").await;
    let other = app.open_session_on("ann", "laptop").await;
    let (mut tab, mut second_tab) =
        (app.socket(&first.token).await, app.socket(&first.token).await);
    let mut laptop = app.socket(&other.token).await;
    let next = app.open_session_on("ann", "phone").await;
    assert_ne!(next.session, first.session);
    assert_eq!(tab.closed_because().await, (4202, "session_replaced".to_owned()));
    assert_eq!(second_tab.closed().await, 4202);
    assert_eq!(show(app, &first.token).await, closed());
    assert_eq!(show(app, &next.token).await, Ok("ann".to_owned()));
    laptop.settle().await;
    // The same device name of another user is another device.
    app.open_session_on("bob", "laptop").await;
    laptop.settle().await;
}

pub(super) async fn refresh(app: &TestApp) {
    let opened = app.open_session("ann").await;
    let mut socket = app.socket(&opened.token).await;
    let answer = app.api("POST", "/v1/session/refresh", Value::Null, &opened.token).await.is(200);
    let by_rest = text(&answer["token"]);
    assert_eq!(answer["session"], opened.session);
    assert_eq!(show(app, &opened.token).await, Err("token_invalid".to_owned()));
    assert_eq!(show(app, &by_rest).await, Ok("ann".to_owned()));
    socket.settle().await;

    let mut socket = app.socket(&by_rest).await;
    let answer = socket.request("session.refresh", json!({})).await;
    let live = text(&answer["token"]);
    assert_eq!(answer["session"], opened.session);
    assert!(answer["expires_at"].is_string(), "{answer}");
    assert_eq!(show(app, &by_rest).await, Err("token_invalid".to_owned()));
    assert_eq!(show(app, &live).await, Ok("ann".to_owned()));
    // And again, on the same connection, with the token that it got.
    let again = text(&socket.request("session.refresh", json!({})).await["token"]);
    assert_eq!(show(app, &live).await, Err("token_invalid".to_owned()));
    assert_eq!(show(app, &again).await, Ok("ann".to_owned()));
    // Of two that exchange the same token at once, one gets the next.
    let exchange = || app.api("POST", "/v1/session/refresh", Value::Null, &again);
    let all = futures_util::future::join_all((0..8).map(|_| exchange())).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(all.iter().all(|answer| matches!(answer.status, 200 | 401)), "{all:?}");
}

pub(super) async fn log_out(app: &TestApp) {
    for by_socket in [false, true] {
        let opened = app.open_session("ann").await;
        let elsewhere = app.open_session_on("ann", "elsewhere").await;
        let mut tabs = [app.socket(&opened.token).await, app.socket(&opened.token).await];
        let mut other = app.socket(&elsewhere.token).await;
        if by_socket {
            assert_eq!(tabs[0].request("session.close", json!({})).await, json!({}));
        } else {
            app.api("DELETE", "/v1/session", Value::Null, &opened.token).await.is(204);
        }
        assert_eq!(show(app, &opened.token).await, closed());
        for tab in &mut tabs {
            assert_eq!(tab.closed_because().await, (4200, "session_closed".to_owned()));
        }
        other.settle().await;
        let listed = app.backend("GET", "users/ann/sessions", Value::Null).await.is(200);
        let listed = listed["sessions"].as_array().expect("sessions");
        assert!(listed.iter().all(|item| item["id"] != opened.session), "{listed:?}");
    }
}

pub(super) async fn revoke(app: &TestApp) {
    let room = app.group(&["ann", "bob"]).await;
    for by in ["session", "device", "user"] {
        let (phone, laptop) =
            (app.open_session_on("ann", "phone").await, app.open_session_on("ann", "laptop").await);
        let mut bob = app.enter("bob").await.1;
        let mut first = app.socket(&phone.token).await;
        let mut second = app.socket(&laptop.token).await;
        let (body, count) = match by {
            "session" => (json!({"session": phone.session}), 1),
            "device" => (json!({"user": "ann", "device": "phone"}), 1),
            _ => (json!({"user": "ann"}), 2),
        };
        let answer = app.backend("POST", "sessions/revoke", body).await.is(200);
        assert_eq!(answer, json!({"closed": count}), "{by}");
        // On the live connection too: what is sent after the answer is not stored.
        let late = json!({"room": room, "id": format!("late-{by}"), "text": "late"});
        first.begin("message.send", late).await;
        assert_eq!(first.closed_because().await, (4201, "session_revoked".to_owned()), "{by}");
        assert_eq!(show(app, &phone.token).await, closed(), "{by}");
        if by == "user" {
            assert_eq!(second.closed().await, 4201);
            assert_eq!(show(app, &laptop.token).await, closed());
        } else {
            second.settle().await;
            assert_eq!(show(app, &laptop.token).await, Ok("ann".to_owned()), "{by}");
        }
        bob.settle().await;
        // A new session is not bound by what was revoked before it.
        let next = app.open_session_on("ann", "phone").await;
        assert_eq!(show(app, &next.token).await, Ok("ann".to_owned()), "{by}");
    }
    let page = app.backend("GET", &format!("rooms/{room}/messages"), Value::Null).await.is(200);
    assert_eq!(page["messages"], json!([]), "nothing was stored after a revoke");
}

pub(super) async fn deactivate(app: &TestApp) {
    let (phone, laptop) =
        (app.open_session_on("ann", "phone").await, app.open_session_on("ann", "laptop").await);
    let minted = super::minted::Mint::of(app, "ann").with(json!({"device": "tv"})).sign();
    let mut sockets = [
        app.socket(&phone.token).await,
        app.socket(&laptop.token).await,
        app.socket(&minted).await,
    ];
    app.backend("POST", "users/ann/deactivate", Value::Null).await.is(200);
    let fresh = super::minted::Mint::of(app, "ann").with(json!({"device": "new"})).sign();
    for token in [&phone.token, &laptop.token, &minted, &fresh] {
        assert_eq!(show(app, token).await, Err("user_deactivated".to_owned()));
    }
    for socket in &mut sockets {
        assert_eq!(socket.closed_because().await, (4203, "user_deactivated".to_owned()));
    }
    app.backend("POST", "users/ann/reactivate", Value::Null).await.is(200);
    // Let in again, but not by what was closed.
    assert_eq!(show(app, &phone.token).await, closed());
    let next = app.open_session_on("ann", "phone").await;
    assert_eq!(show(app, &next.token).await, Ok("ann".to_owned()));
}
