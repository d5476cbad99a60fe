//! The vendor's request collection, request by request: what is carried succeeds in the vendor's
//! envelope, what is not is a 501. The list holds methods, paths and bodies as published.

use serde_json::{Value, json};

use super::{Imkit, result};
use crate::harness::{TestServer, text};

/// Paths whose operations are not carried.
const MISSING: [&str; 16] = [
    "/admin/groups",
    "/rooms/{{roomId}}/member/",
    "/me/mute/",
    "/messages/batch",
    "/search",
    "/messages/{{messageId}}/pin",
    "/badges/",
    "/blockStatus/",
    "/admin/clients/{{clientId}}/mute/",
    "/config",
    "/admin/connection-count",
    "/admin/stats",
    "/push/",
    "/files/",
    "/roomPrefs/",
    "/me/pref",
];

#[tokio::test]
async fn imkit_request_collection() {
    let server = TestServer::sqlite().await;
    let imkit = Imkit::on(&server, false).await;
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("collection.json")).expect("the collection");
    let (mut token, mut carried) = (imkit.token("user123").await, 0);
    for row in rows {
        let (method, path) = (text(&row["method"]), text(&row["path"]));
        // Each request meets a room of its own: some of them end it.
        let body = json!({
            "name": "Room", "owner": "user123",
            "members": ["user123", "user001", "user002", "user003"],
        });
        let room = text(&result(imkit.admin("POST", "/rooms", body).await)["_id"]);
        let send = format!("/rooms/{room}/message");
        let sent = imkit.user(&token, "POST", &send, json!({"message": "hello"})).await;
        let message = text(&result(sent)["_id"]);
        let filled = |text: &str| {
            let text = text.replace("{{roomId}}", &room).replace("{{messageId}}", &message);
            text.replace("{{clientId}}", "user123").replace(' ', "%20")
        };
        let mut body = row["body"].clone();
        if !body.is_null() {
            let filled = body.to_string().replace("{{roomId}}", &room);
            body = serde_json::from_str(&filled.replace("{{messageId}}", &message)).expect("JSON");
        }
        if method == "DELETE" && path.ends_with("/token") {
            // The token that is to be taken back is there.
            let bind = json!({"token": body["token"]});
            result(imkit.admin("PUT", &filled(&path), bind).await);
        }
        let answer = if row["by"] == "api" {
            imkit.admin(&method, &filled(&path), body).await
        } else {
            imkit.user(&token, &method, &filled(&path), body).await
        };
        if MISSING.iter().any(|missing| path.starts_with(missing)) {
            answer.is(501);
            continue;
        }
        carried += 1;
        let shown = result(answer);
        if shown["token"].is_string() && path == "/admin/clients" {
            token = text(&shown["token"]);
        }
    }
    assert!(carried >= 20, "{carried} requests of the collection are carried");
    assert!(server.stop().await);
}
