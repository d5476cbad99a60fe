//! The vendor's codes, one by one.

use serde_json::{Value, json};
use snug_core::limits;

use super::{Imkit, refused, result};
use crate::harness::{Answer, TestServer, segment};

#[tokio::test]
async fn imkit_names_each_error_by_its_code() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let ann = imkit.token("ann").await;
    let long = "x".repeat(129);
    let long_path = format!("/admin/clients/{long}/token");
    let bind = json!({"token": "12345678"});
    for (method, path, body, status, code) in [
        ("POST", "/admin/clients", json!({}), 400, "MISSING_PARAMETER"),
        ("POST", "/admin/clients", json!({"_id": ""}), 400, "MISSING_PARAMETER"),
        ("POST", "/admin/clients", json!({"_id": long}), 400, "INVALID_USER_ID"),
        ("POST", "/admin/clients", json!({"_id": "a", "nickname": 7}), 400, "INVALID_BODY"),
        (
            "POST",
            "/admin/clients",
            json!({"_id": "a", "issueAccessToken": true, "expirationDate": "yesterday"}),
            400,
            "INVALID_BODY",
        ),
        ("POST", "/admin/clients/list", json!({}), 400, "MISSING_PARAMETER"),
        ("PUT", "/admin/clients/nobody/token", bind.clone(), 404, "CLIENT_NOT_FOUND"),
        ("DELETE", "/admin/clients/nobody/token", json!({}), 404, "CLIENT_NOT_FOUND"),
        ("PUT", "/admin/clients/ann/token", json!({}), 400, "MISSING_PARAMETER"),
        ("PUT", &long_path, bind, 400, "INVALID_USER_ID"),
        ("POST", "/rooms", json!({"_id": long}), 400, "INVALID_BODY"),
        ("POST", "/rooms", json!({"members": [long]}), 400, "INVALID_USER_ID"),
        ("POST", "/rooms", json!({"roomTags": "a"}), 400, "INVALID_ROOM_TAGS"),
        ("POST", "/rooms", json!({"roomTags": [1]}), 400, "INVALID_ROOM_TAGS"),
        ("POST", "/rooms", json!({"roomType": "loud"}), 400, "INVALID_BODY"),
        ("POST", "/messages", json!({"room": "r"}), 400, "MISSING_PARAMETER"),
        ("GET", "/admin/clients?q=%5B", Value::Null, 400, "INVALID_QUERY"),
        ("GET", "/admin/clients?limit=many", Value::Null, 400, "INVALID_QUERY"),
        ("GET", "/rooms/%FF", Value::Null, 400, "INVALID_QUERY"),
        ("DELETE", "/rooms/no-such", json!({}), 404, "ROOM_NOT_FOUND"),
    ] {
        refused(imkit.admin(method, path, body).await, status, code);
    }
    let room = json!({"_id": "r", "name": "n", "invitee": ["bob"]});
    result(imkit.user(&ann, "POST", "/rooms/createAndJoin", room).await);
    let huge = json!({"message": "x".repeat(limits::BODY_BYTES_MAX)});
    let wordy = json!({"message": "x".repeat(limits::TEXT_BYTES_MAX + 1)});
    for (method, path, body, status, code) in [
        ("PUT", "/rooms/r", json!({"roomTags": {}}), 400, "INVALID_ROOM_TAGS"),
        ("PUT", "/rooms/r", json!([]), 400, "INVALID_BODY"),
        ("PUT", "/rooms/r", json!({"status": 0}), 403, "PERMISSION_DENIED"),
        ("POST", "/me/subscribe", json!({"type": "fcm"}), 400, "MISSING_PARAMETER"),
        ("POST", "/me/unsubscribe", json!({}), 400, "MISSING_PARAMETER"),
        ("POST", "/rooms/r/members", json!({}), 400, "MISSING_PARAMETER"),
        ("POST", "/rooms/r/message", wordy, 413, "RESULT_TOO_LARGE"),
        ("POST", "/rooms/r/message", huge, 413, "RESULT_TOO_LARGE"),
        ("GET", "/rooms?updatedAfter=soon", Value::Null, 400, "INVALID_QUERY"),
        ("POST", "/messages/m0/reaction", json!({"reaction": "x"}), 404, "MESSAGE_NOT_FOUND"),
        ("GET", "/rooms/other", Value::Null, 404, "ROOM_NOT_FOUND"),
    ] {
        refused(imkit.user(&ann, method, path, body).await, status, code);
    }
    let bob = imkit.token("bob").await;
    let answer = imkit.user(&bob, "PUT", "/rooms/r", json!({"name": "mine"})).await;
    refused(answer, 403, "INSUFFICIENT_PERMISSIONS");
    let cat = imkit.token("cat").await;
    refused(imkit.user(&cat, "GET", "/rooms/r", Value::Null).await, 403, "NOT_ROOM_MEMBER");
    // A user who is deactivated gets no token.
    imkit.app.backend("POST", "users/cat/deactivate", json!({})).await.ok();
    let again = json!({"_id": "cat", "issueAccessToken": true});
    refused(imkit.admin("POST", "/admin/clients", again).await, 401, "INVALID_AUTH");
    assert!(server.stop().await);
}

/// Form B: the code stands in `error` itself.
#[track_caller]
fn flat(answer: Answer, status: u16, code: &str) -> Value {
    let body = answer.is(status);
    assert_eq!((&body["RC"], &body["error"]), (&json!(status), &json!(code)), "{body}");
    assert!(body["message"].is_string(), "{body}");
    body
}

#[tokio::test]
async fn imkit_keys_of_two_apps_do_not_fit() {
    let server = TestServer::sqlite().await;
    let (imkit, other) = (Imkit::on(&server, false).await, Imkit::on(&server, false).await);
    let both = |client_key: &str| {
        let request = imkit.app.request("GET", "/admin/clients");
        let request = request.header("IM-API-KEY", &imkit.keys.api_key);
        request.header("IM-CLIENT-KEY", client_key).send()
    };
    result(both(&imkit.keys.client_key).await);
    flat(both(&other.keys.client_key).await, 403, "CLIENT_KEY_MISMATCH");
    flat(both("a.b.c").await, 403, "CLIENT_KEY_MISMATCH");
    // The API key of another app finds no room of this one's.
    let ann = imkit.token("ann").await;
    let room = json!({"_id": "r", "name": "n"});
    result(imkit.user(&ann, "POST", "/rooms/createAndJoin", room).await);
    refused(other.admin("GET", "/rooms/r", Value::Null).await, 404, "ROOM_NOT_FOUND");
    refused(other.admin("DELETE", "/rooms/r", json!({})).await, 404, "ROOM_NOT_FOUND");
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_bounds_an_api_key_by_the_minute() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let path = format!("/rooms/{}", segment("no such"));
    let (mut served, mut refused_once) = (0, None);
    // The minute may turn in between, once.
    while refused_once.is_none() && served <= 2 * limits::IMKIT_API_REQUESTS_PER_MINUTE {
        let answer = imkit.admin("GET", &path, Value::Null).await;
        match answer.status {
            404 => served += 1,
            _ => refused_once = Some(answer),
        }
    }
    let answer = refused_once.expect("a limit");
    assert!(served >= limits::IMKIT_API_REQUESTS_PER_MINUTE, "{served}");
    let after = answer.header("retry-after").map(str::to_owned);
    let body = flat(answer, 429, "RATE_LIMIT_EXCEEDED");
    let seconds = body["retryAfter"].as_u64().expect("seconds");
    assert!((1..=60).contains(&seconds), "{body}");
    assert_eq!(after, Some(seconds.to_string()));
    // Pages are bounded apart from it.
    let request = imkit.app.request("GET", "/me").header("IM-CLIENT-KEY", &imkit.keys.client_key);
    refused(request.send().await, 401, "INVALID_TOKEN");
    assert!(server.stop().await);
}
