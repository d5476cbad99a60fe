//! What the dialect refuses, in the vendor's form.

use serde_json::json;
use snug_dialects::{Carried, rocketchat};

use super::{Login, Rocket, refused, success};
use crate::harness::{TestServer, segment, text};

#[tokio::test]
async fn rocketchat_says_what_it_does_not_carry() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let mut asked = 0;
    for row in rocketchat::OPERATIONS.iter().filter(|row| row.carried == Carried::No) {
        let Some((method @ ("GET" | "POST" | "DELETE"), endpoint)) = row.name.split_once(' ')
        else {
            continue;
        };
        let endpoint = endpoint.replace("{rid}", "r").replace("{fileId}", "f").replace("{id}", "i");
        let answer = rocket.request(&rocket.admin, method, &endpoint).send().await;
        refused(answer, 501, "error-not-implemented");
        asked += 1;
    }
    assert!(asked > 90, "{asked}");
    rocket.get(&rocket.admin, "no.such").await.is(404);
    assert!(server.stop().await);
}

async fn refuses_bad_addresses(rocket: &Rocket, ann: &Login) {
    for (endpoint, code) in [
        ("users.list?query={\"$where\":\"1\"}", "error-invalid-query"),
        ("users.list?query={\"password\":\"1\"}", "error-invalid-query"),
        ("users.list?fields={\"name\":{\"$slice\":1}}", "error-invalid-fields"),
        ("channels.list?sort=x", "error-invalid-sort"),
        ("channels.list?count=x", "error-invalid-params"),
        ("channels.list?offset=10001", "error-invalid-params"),
        ("rooms.get?updatedSince=soon", "error-invalid-params"),
        ("channels.history?roomId=no", "error-room-not-found"),
        ("users.info", "error-user-param-not-provided"),
        ("users.info?userId=no", "error-invalid-user"),
    ] {
        let endpoint = endpoint.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        refused(rocket.get(ann, &endpoint).await, 400, code);
    }
}

#[tokio::test]
async fn rocketchat_refuses_bad_requests() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let made = success(rocket.post(&ann, "channels.create", json!({"name": "c"})).await);
    let id = text(&made["channel"]["_id"]);
    for (endpoint, body, status, code) in [
        ("chat.sendMessage", json!({}), 400, "error-invalid-params"),
        ("chat.sendMessage", json!({"message": {"msg": "x"}}), 400, "error-invalid-params"),
        ("chat.sendMessage", json!({"message": {"rid": id}}), 400, "error-invalid-params"),
        (
            "chat.sendMessage",
            json!({"message": {"rid": id, "msg": 7, "_id": "a b"}}),
            400,
            "error-invalid-id",
        ),
        (
            "chat.sendMessage",
            json!({"message": {"rid": "no", "msg": "x"}}),
            400,
            "error-room-not-found",
        ),
        (
            "chat.sendMessage",
            json!({"message": {"rid": id, "msg": "x".repeat(16_385)}}),
            400,
            "error-message-size-exceeded",
        ),
        ("chat.postMessage", json!({"text": "x"}), 400, "invalid-channel"),
        ("chat.postMessage", json!({"channel": "#no", "text": "x"}), 400, "invalid-channel"),
        ("chat.postMessage", json!({"channel": "@no", "text": "x"}), 400, "invalid-channel"),
        ("channels.create", json!({}), 400, "error-invalid-params"),
        ("channels.create", json!({"name": "a/b"}), 400, "error-invalid-room-name"),
        ("channels.create", json!({"name": "a b"}), 400, "error-invalid-room-name"),
        ("channels.create", json!({"name": "r", "readOnly": true}), 501, "error-not-implemented"),
        ("channels.create", json!({"name": "m", "members": ["no"]}), 400, "error-invalid-user"),
        ("channels.join", json!({}), 400, "error-room-param-not-provided"),
        ("channels.invite", json!({"roomId": id}), 400, "error-user-param-not-provided"),
        ("groups.invite", json!({"roomId": id, "userId": "ann"}), 400, "error-room-not-found"),
        ("im.create", json!({}), 400, "error-invalid-params"),
        ("im.create", json!({"username": "ann"}), 400, "error-invalid-user"),
        ("im.create", json!({"username": "x".repeat(129)}), 400, "error-invalid-user"),
        ("chat.react", json!({"messageId": "x"}), 400, "error-emoji-param-not-provided"),
    ] {
        let answer = rocket.post(&ann, endpoint, body.clone()).await;
        eprintln!("{endpoint} {}", body.to_string().chars().take(80).collect::<String>());
        refused(answer, status, code);
    }
    refuses_bad_addresses(&rocket, &ann).await;
    let answer = rocket.post(&rocket.admin, "users.createToken", json!({})).await.is(400);
    let said = "The required \"userId\" or \"username\" param was not provided";
    let whole = json!({
        "success": false, "error": format!("{said} [error-user-param-not-provided]"),
        "errorType": "error-user-param-not-provided",
    });
    assert_eq!(answer, whole);
    for body in ["{half", "[]", "7"] {
        let request = rocket.request(&ann, "POST", "chat.sendMessage");
        request.raw(body).send().await.is(400);
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_takes_every_id_that_a_customer_may_have() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let longest = "語".repeat(42) + "ab";
    assert_eq!(longest.len(), 128);
    for name in ["a/b:c?d e", "張三", "👩‍👩‍👧", longest.as_str()] {
        let user = rocket.user(name).await;
        assert_eq!(user.user, name);
        // A header takes it percent-encoded.
        let login = Login { user: segment(name), ..user };
        assert_eq!(success(rocket.get(&login, "me").await)["_id"], json!(name));
        let body = json!({"username": name});
        let made = success(rocket.post(&rocket.admin, "im.create", body).await);
        let id = text(&made["room"]["rid"]);
        let body = json!({"message": {"rid": id, "msg": "hi"}});
        success(rocket.post(&rocket.admin, "chat.sendMessage", body).await);
    }
    let body = json!({
        "username": "x".repeat(129), "name": "x", "email": "x@shop.example", "password": "password-1",
    });
    let answer = rocket.post(&rocket.admin, "users.create", body).await;
    refused(answer, 400, "error-invalid-username");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_keeps_apps_apart_and_pages_to_their_origins() {
    let server = TestServer::sqlite().await;
    let (one, two) = (Rocket::on(&server).await, Rocket::on(&server).await);
    let ann = one.user("ann").await;
    let made = success(one.post(&ann, "channels.create", json!({"name": "c"})).await);
    let id = text(&made["channel"]["_id"]);
    let other = two.user("ann").await;
    let path = format!("channels.info?roomId={id}");
    refused(two.get(&other, &path).await, 400, "error-room-not-found");
    // Another's id with one's own token is nobody.
    let mixed = Login { user: "boss".to_owned(), token: ann.token.clone() };
    one.get(&mixed, "me").await.is(401);
    let none = one.app.request("GET", "/api/v1/me").send().await.is(401);
    assert_eq!(none, json!({"status": "error", "message": "You must be logged in to do this."}));
    let from = |origin: &str| one.request(&ann, "GET", "me").header("Origin", origin).send();
    from("https://shop.example").await.ok();
    refused(from("https://evil.example").await, 403, "error-origin-refused");
    // Where the dialect is off its doors are shut, whatever the token.
    let plain = server.app().await;
    let page = plain.open_session("ann").await;
    let login = Login { user: "ann".to_owned(), token: page.token };
    one.get(&login, "me").await.is(401);
    assert!(server.stop().await);
}
