//! What is refused, and how; nothing panics.

use serde_json::{Value, json};
use snug_dialects::Carried;
use snug_dialects::imkit::OPERATIONS;

use super::{Imkit, refused, result};
use crate::harness::{TestServer, segment};

#[tokio::test]
async fn imkit_answers_501_to_what_it_does_not_carry() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let missing: Vec<_> = OPERATIONS.iter().filter(|row| row.carried == Carried::No).collect();
    assert!(missing.len() > 20);
    for row in missing {
        let (method, path) = row.name.split_once(' ').expect("method and path");
        let path = path.replace(['{', '}'], "");
        refused(imkit.admin(method, &path, Value::Null).await, 501, "NOT_IMPLEMENTED");
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_takes_every_spelling_of_its_headers() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let token = imkit.token("ann").await;
    let bearer = format!("Bearer {token}");
    for key in ["IM-CLIENT-KEY", "CLIENT_KEY", "IM-Client-Key", "im-client-key"] {
        for value in [&token, &bearer] {
            let request = imkit.app.request("GET", "/me").header(key, &imkit.keys.client_key);
            result(
                request
                    .header("IM-Authorization", value)
                    .header("IM-CLIENT-ID", "ann")
                    .send()
                    .await,
            );
        }
    }
    for key in ["IM-API-KEY", "API_KEY"] {
        let request = imkit.app.request("GET", "/admin/clients");
        result(request.header(key, &imkit.keys.api_key).send().await);
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_refuses_keys_and_tokens_of_others() {
    let server = TestServer::sqlite().await;
    let (imkit, other) = (Imkit::on(&server, false).await, Imkit::on(&server, false).await);
    let token = imkit.token("ann").await;
    refused(other.user(&token, "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    refused(imkit.user("", "GET", "/me", Value::Null).await, 401, "INVALID_TOKEN");
    let request = imkit.app.request("GET", "/me");
    let missing = request.header("IM-Authorization", &token).send().await.is(401);
    assert_eq!((&missing["RC"], &missing["error"]), (&json!(401), &json!("MISSING_CLIENT_KEY")));
    let request = imkit.app.request("GET", "/me").header("IM-CLIENT-KEY", "a.b.c");
    refused(request.header("IM-Authorization", &token).send().await, 403, "INVALID_CLIENT_KEY");
    // A client key opens nothing of the backend's.
    let request = imkit.app.request("GET", "/admin/clients");
    assert_eq!(request.send().await.is(401)["error"], "MISSING_API_KEY");
    let request = imkit.app.request("GET", "/admin/clients");
    let answer = request.header("IM-API-KEY", &imkit.keys.client_key).send().await;
    assert_eq!(answer.is(401)["error"], "INVALID_API_KEY");
    // An API key in a page is refused; a page of another site too.
    let request =
        imkit.app.request("GET", "/admin/clients").header("Origin", "https://shop.example");
    let answer = request.header("IM-API-KEY", &imkit.keys.api_key).send().await;
    refused(answer, 403, "PERMISSION_DENIED");
    for (origin, status) in [("https://shop.example", 200), ("https://evil.example", 403)] {
        let request = imkit.app.request("GET", "/me").header("Origin", origin);
        let request = request.header("IM-CLIENT-KEY", &imkit.keys.client_key);
        request.header("IM-Authorization", &token).send().await.is(status);
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn imkit_survives_strange_ids_and_bodies() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let ann = imkit.token("ann").await;
    for id in ["a/b:c?d", "two words", "使用者", "👩‍👩‍👧", &"x".repeat(128)] {
        let made = imkit.admin("POST", "/admin/clients", json!({"_id": id})).await;
        assert_eq!(result(made)["_id"], json!(id));
        let body = json!({"_id": id, "invitee": [id], "name": "n"});
        let room = imkit.user(&ann, "POST", "/rooms/createAndJoin", body).await;
        assert_eq!(result(room)["_id"], json!(id));
        let path = format!("/rooms/{}/message", segment(id));
        let sent = imkit.user(&ann, "POST", &path, json!({"message": "x"})).await;
        assert_eq!(result(sent)["room"], json!(id));
    }
    for id in ["", "a\nb", &"x".repeat(129)] {
        imkit.admin("POST", "/admin/clients", json!({"_id": id})).await.is(400);
    }
    let long = format!("/rooms/{}", "x".repeat(129));
    refused(imkit.user(&ann, "GET", &long, Value::Null).await, 404, "ROOM_NOT_FOUND");
    for (q, status) in [
        (r#"{"members":"ann"}"#, 200),
        (r#"{"$where":"1"}"#, 400),
        (r#"{"name":{"$regex":"(a+)+$"}}"#, 400),
        ("[", 400),
    ] {
        let path = format!("/rooms?q={}", segment(q));
        imkit.user(&ann, "GET", &path, Value::Null).await.is(status);
    }
    let room = json!({"_id": "r", "name": "n"});
    result(imkit.user(&ann, "POST", "/rooms/createAndJoin", room).await);
    for body in ["{", "[]", "7", "\"x\"", "{\"message\":{}}", "{\"messageType\":[]}"] {
        let request = imkit.app.request("POST", "/rooms/r/message").raw(body);
        let request = request.header("CLIENT_KEY", &imkit.keys.client_key);
        request.header("IM-Authorization", &ann).send().await.is(400);
    }
    let path = "/rooms/r/messages/v3?beforeMessage=m0";
    refused(imkit.user(&ann, "GET", path, Value::Null).await, 404, "MESSAGE_NOT_FOUND");
    for query in ["limit=x", "afterTime=soon", "sortOrder=up"] {
        let path = format!("/rooms/r/messages/v3?{query}");
        refused(imkit.user(&ann, "GET", &path, Value::Null).await, 400, "INVALID_QUERY");
    }
    assert!(server.stop().await);
}
