//! Bad input: every refusal in the one shape, with its code and the field that is wrong.

use serde_json::{Value, json};

use crate::harness::{TestServer, text};

#[tokio::test]
async fn bodies_that_are_no_json_or_have_wrong_types() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let post =
        |path: &str, body: String| app.request("POST", path).bearer(&app.key).raw(body).send();
    for bad in ["", "{", "{\"user\":", "nonsense", "{\"user\":\"u\"} x", "\u{1}"] {
        let answer = post("/v1/server/sessions", bad.to_owned()).await;
        answer.refused(400, "malformed_json");
    }
    let invalid = app.request("POST", "/v1/server/sessions").bearer(&app.key);
    invalid.raw(b"{\"user\":\"\xff\xfe\"}".to_vec()).send().await.refused(400, "malformed_json");
    for other in ["[]", "7", "null", "\"text\""] {
        let answer = post("/v1/server/sessions", other.to_owned()).await;
        answer.refused_at(422, "invalid_field", "");
    }
    for depth in [33, 10_000] {
        let deep = format!("{{\"custom\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        post("/v1/server/sessions", deep).await.refused(400, "malformed_json");
    }
    let deepest = format!("{}{}", "[".repeat(31), "]".repeat(31));
    let body = format!(r#"{{"user":"u","device":"d","custom":{deepest}}}"#);
    post("/v1/server/sessions", body).await.is(201);

    for (path, body, code, field) in [
        ("sessions", json!({}), "missing_field", "user"),
        ("sessions", json!({"user": "u"}), "missing_field", "device"),
        ("sessions", json!({"user": "u", "device": null}), "invalid_field", "device"),
        ("sessions", json!({"user": "", "device": "d"}), "invalid_field", "user"),
        (
            "sessions",
            json!({"user": "u", "device": "d", "profile": {"name": 7}}),
            "invalid_field",
            "profile.name",
        ),
        (
            "sessions",
            json!({"user": "u", "device": "d", "ttl_seconds": "1"}),
            "invalid_field",
            "ttl_seconds",
        ),
        ("rooms", json!({}), "missing_field", "kind"),
        ("rooms", json!({"kind": "cloud"}), "invalid_field", "kind"),
        ("rooms", json!({"kind": "direct"}), "missing_field", "users"),
        ("rooms", json!({"kind": "direct", "users": ["a"]}), "invalid_field", "users"),
        ("rooms", json!({"kind": "group", "members": "a"}), "invalid_field", "members"),
        ("rooms", json!({"kind": "group", "members": ["a", true]}), "invalid_field", "members[1]"),
        ("rooms", json!({"kind": "group", "message": {"sender": "a"}}), "missing_field", "custom"),
        (
            "rooms/r/messages",
            json!({"text": "x", "kind": "shout", "sender": "a"}),
            "invalid_field",
            "kind",
        ),
        ("rooms/r/messages", json!({"text": "x", "kind": "text"}), "missing_field", "sender"),
        ("rooms/r/members", json!({"users": ["a"], "role": "king"}), "invalid_field", "role"),
    ] {
        let answer = app.backend("POST", path, body.clone()).await;
        let problem = answer.refused_at(422, code, field);
        assert!(text(&problem["detail"]).contains(field), "{problem}");
    }
}

#[tokio::test]
async fn what_is_unknown_is_ignored_and_null_is_absent() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let body = json!({"user": "u", "device": "d", "profile": null, "custom": null,
        "push_token": null, "ttl_seconds": null, "colour": "blue"});
    app.backend("POST", "sessions", body).await.is(201);
    let body = json!({"kind": "group", "id": null, "name": null, "custom": null, "members": null,
        "creator": null, "message": null, "if_exists": null});
    let room = text(&app.backend("POST", "rooms", body).await.is(201)["id"]);
    let body = json!({"sender": "u", "id": null, "kind": null, "text": "x", "custom": null,
        "silent": null, "read_up_to": null});
    app.backend("POST", &format!("rooms/{room}/messages"), body).await.is(201);
}

#[tokio::test]
async fn paths_and_queries_that_nobody_serves() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let page = app.page("ann").await;
    for path in ["/v1/nothing", "/v1/server/nothing", "/nothing", "/v2/me", "/v1/rooms/"] {
        let answer = app.api("GET", path, Value::Null, &page.opened.token).await;
        answer.refused(404, "unknown_operation");
    }
    for (method, path, allowed) in [
        ("DELETE", "/v1/me", "PATCH"),
        ("PUT", "/v1/rooms", "POST"),
        ("PATCH", "/v1/server/sessions", "POST"),
    ] {
        let answer = app.api(method, path, Value::Null, &page.opened.token).await;
        assert_eq!(answer.status, 405, "{answer:?}");
        assert!(answer.header("allow").is_some_and(|list| list.contains(allowed)), "{answer:?}");
        answer.refused(405, "unknown_operation");
    }
    for (path, field) in [
        ("rooms?limit=x", "limit"),
        ("rooms?limit=-1", "limit"),
        ("rooms?limit=201", "limit"),
        ("rooms/r/members?limit=501", "limit"),
        ("rooms/r/messages?before=x", "before"),
        ("rooms/r/sync?rev=x&epoch=e", "rev"),
    ] {
        page.get(path).await.refused_at(422, "invalid_field", field);
    }
    for (path, field) in [("rooms/r/sync?epoch=e", "rev"), ("rooms/r/sync?rev=1", "epoch")] {
        page.get(path).await.refused_at(422, "missing_field", field);
    }
    page.get("rooms/%FF").await.refused_at(422, "invalid_field", "path");
    let list = page.get("rooms/%00").await;
    list.refused_at(422, "invalid_field", "room");
}

#[tokio::test]
async fn keys_and_tokens_at_the_wrong_door() {
    let server = TestServer::sqlite().await;
    let (app, other) = (server.app().await, server.app().await);
    let page = app.page("ann").await;
    let missing = app.request("GET", "/v1/me").send().await;
    missing.refused(401, "token_missing");
    let missing = app.request("POST", "/v1/server/sessions").raw("{}").send().await;
    missing.refused(401, "token_missing");
    let scheme = app.request("GET", "/v1/me").header("Authorization", "Basic eDp5").send().await;
    scheme.refused(401, "token_missing");
    app.api("GET", "/v1/me", Value::Null, &app.key).await.refused(403, "server_key_in_browser");
    let cut = &app.key[..app.key.len() - 1];
    for wrong in [cut, &format!("{cut}x"), "snug_sk_", "nonsense", &page.opened.token] {
        let answer = app.api("GET", "/v1/server/users/ann", Value::Null, wrong).await;
        answer.refused(401, "server_key_invalid");
    }
    // The id of one app, the secret of another.
    let mixed = app.key.replace(&app.id, &other.id);
    let answer = app.api("GET", "/v1/server/users/ann", Value::Null, &mixed).await;
    answer.refused(401, "server_key_invalid");
    // A right key and a wrong one are refused alike from a page.
    for key in [&app.key, cut] {
        let call = app.request("GET", "/v1/server/users/ann").bearer(key);
        let answer = call.header("Origin", "https://shop.example").send().await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        answer.refused(403, "server_key_in_browser");
    }
    // Apps do not see each other.
    let room = app.group(&["ann"]).await;
    let path = format!("rooms/{room}");
    other.backend("GET", &path, Value::Null).await.refused(404, "room_not_found");
    other.backend("GET", "users/ann", Value::Null).await.refused(404, "user_not_found");
    let stranger = other.page("ann").await;
    stranger.get(&path).await.refused(404, "room_not_found");
    let revoke = json!({"session": page.opened.session});
    assert_eq!(other.backend("POST", "sessions/revoke", revoke).await.is(200)["closed"], 0);
    page.get("me").await.is(200);
}

#[tokio::test]
async fn a_session_that_asks_too_often_is_told_when_to_come_back() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let page = app.page("ann").await;
    let burst = (0..400).map(|_| page.get("me"));
    let answers = futures_util::future::join_all(burst).await;
    let refused: Vec<_> = answers.into_iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty(), "400 requests at once are above the burst of 200");
    for answer in refused {
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        let problem = answer.refused(429, "rate_limited");
        assert!(problem["retry_after_ms"].as_u64() > Some(0), "{problem}");
    }
    // Another session of the same user is not held back by it.
    let other = app.open_session_on("ann", "other").await;
    app.api("GET", "/v1/me", Value::Null, &other.token).await.is(200);
}
