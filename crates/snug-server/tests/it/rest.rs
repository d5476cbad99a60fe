//! Every route of the native REST API on both stores.

use serde_json::json;

use crate::harness::{Backend, TestServer};

#[tokio::test]
async fn one_line() {
    for backend in Backend::BOTH {
        let server = TestServer::start(backend).await;
        let app = server.app().await;
        let (_, mut socket) = app.enter("alice").await;
        let room = app.direct("alice", "bob").await;
        socket.event("room.joined").await;
        let sent = socket.request("message.send", json!({"room": room, "text": "hi"})).await;
        assert_eq!(sent["message"]["seq"], 1);
        app.backend("POST", "rooms", json!({"kind": 7})).await.refused_at(
            422,
            "invalid_field",
            "kind",
        );
        assert!(server.stop().await);
    }
}
