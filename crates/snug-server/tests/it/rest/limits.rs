//! Ids in every form that customers have, and the bounds of what is sent.

use serde_json::{Value, json};

use crate::harness::{TestApp, TestServer, segment, text};

pub(super) async fn ids(app: &TestApp) {
    let longest = "x".repeat(128);
    // 42 characters of three bytes and two of one: 128 bytes.
    let widest = format!("{}ab", "王".repeat(42));
    let odd = [
        "a/b",
        "a:b",
        "a?b=c&d",
        "a b",
        "王小明",
        "👩‍👩‍👧",
        "..",
        "%2F",
        "a#b",
        "a+b",
        &longest,
        &widest,
    ];
    for id in odd {
        let coded = segment(id);
        let user =
            app.backend("PUT", &format!("users/{coded}"), json!({"name": "N"})).await.is(200);
        assert_eq!(user["id"], id);
        let create = json!({"kind": "group", "id": id, "members": [id], "creator": id});
        let room = app.backend("POST", "rooms", create).await.is(201);
        assert_eq!(room["id"], id);
        let opened =
            app.backend("POST", "sessions", json!({"user": id, "device": id})).await.is(201);
        assert_eq!((&opened["user"], &opened["device"]), (&json!(id), &json!(id)));
        let token = text(&opened["token"]);
        let path = format!("/v1/rooms/{coded}/messages");
        let sent = app.api("POST", &path, json!({"text": "hi"}), &token).await.is(201);
        assert_eq!((&sent["room"], &sent["sender"]), (&json!(id), &json!(id)));
        let users = app.api("GET", &format!("/v1/users?ids={coded}"), Value::Null, &token).await;
        assert_eq!(users.is(200)["users"][0]["id"], id);
        let path = format!("rooms/{coded}/members/{coded}");
        assert_eq!(app.backend("DELETE", &path, Value::Null).await.is(200)["member_count"], 0);
    }
    for id in ["x".repeat(129), format!("{}abc", "王".repeat(42)), "a\u{7}b".to_owned()] {
        let path = format!("users/{}", segment(&id));
        app.backend("PUT", &path, json!({})).await.refused_at(422, "invalid_field", "user");
        let body = json!({"user": id, "device": "d"});
        app.backend("POST", "sessions", body).await.refused_at(422, "invalid_field", "user");
        let body = json!({"user": "u", "device": id});
        app.backend("POST", "sessions", body).await.refused_at(422, "invalid_field", "device");
        let body = json!({"kind": "group", "members": ["ok", "ok2", id]});
        app.backend("POST", "rooms", body).await.refused_at(422, "invalid_field", "members[2]");
    }
    let reserved = json!({"kind": "group", "id": "d_mine"});
    app.backend("POST", "rooms", reserved).await.refused_at(422, "invalid_field", "id");
    // Integers are their decimal text, wherever an id is taken.
    let number = 9_007_199_254_740_993_u64;
    let body = json!({"user": number, "device": 7});
    let opened = app.backend("POST", "sessions", body).await.is(201);
    assert_eq!((&opened["user"], &opened["device"]), (&json!(number.to_string()), &json!("7")));
    let body = json!({"kind": "direct", "users": [number, 1]});
    let room = app.backend("POST", "rooms", body).await.is(201);
    assert_eq!(room["members"][0]["user"], "1");
    for wrong in [json!(1.5), json!(true), json!([]), json!({"id": 1})] {
        let body = json!({"user": wrong, "device": "d"});
        app.backend("POST", "sessions", body).await.refused_at(422, "invalid_field", "user");
    }
}

#[tokio::test]
async fn what_is_sent_is_bounded() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let page = app.page("ann").await;
    let room = app.group(&["ann"]).await;
    let path = format!("rooms/{room}/messages");
    page.post(&path, json!({"text": "x".repeat(16_384)})).await.is(201);
    page.post(&path, json!({"text": "x".repeat(16_385)})).await.refused_at(
        413,
        "too_large",
        "text",
    );
    page.post(&path, json!({"text": ""})).await.refused_at(422, "invalid_field", "text");
    let custom = |bytes: usize| json!({"custom": {"a": "x".repeat(bytes - r#"{"a":""}"#.len())}});
    page.post(&path, custom(16_384)).await.is(201);
    page.post(&path, custom(16_385)).await.refused_at(413, "too_large", "custom");
    for (id, fits) in [("x".repeat(64), true), ("x".repeat(65), false), ("a b".to_owned(), false)] {
        let answer = page.post(&path, json!({"id": id, "text": "t"})).await;
        if fits {
            answer.is(201);
        } else {
            answer.refused_at(422, "invalid_field", "id");
        }
    }
    let users: Vec<String> = (0..1_001).map(|n| format!("u{n}")).collect();
    let many = page.post(&format!("rooms/{room}/members"), json!({"users": users})).await;
    many.refused_at(413, "too_large", "users");
    let none = page.post(&format!("rooms/{room}/members"), json!({"users": []})).await;
    none.refused_at(422, "invalid_field", "users");
    let custom = json!({"user": "u", "device": "d", "custom": {"a": "x".repeat(4_096)}});
    app.backend("POST", "sessions", custom).await.refused_at(413, "too_large", "custom");
    for ttl in [9, 366 * 86_400 + 1] {
        let body = json!({"user": "u", "device": "d", "ttl_seconds": ttl});
        app.backend("POST", "sessions", body).await.refused_at(422, "invalid_field", "ttl_seconds");
    }
    for (field, bytes) in [("name", 257), ("locale", 36)] {
        let body = json!({(field): "x".repeat(bytes)});
        app.backend("PUT", "users/u", body).await.refused_at(413, "too_large", field);
    }
    for query in ["limit=0", "limit=101"] {
        let answer = page.get(&format!("{path}?{query}")).await;
        answer.refused_at(422, "invalid_field", "limit");
    }

    let whole = |bytes: usize| format!(r#"{{"text":"x","y":"{}"}}"#, "y".repeat(bytes - 19));
    assert_eq!(whole(100).len(), 100);
    let send = |body: String| {
        let path = format!("/v1/{path}");
        app.request("POST", &path).bearer(&page.opened.token).raw(body).send()
    };
    send(whole(256 * 1_024)).await.is(201);
    send(whole(256 * 1_024 + 1)).await.refused_at(413, "too_large", "");
}
