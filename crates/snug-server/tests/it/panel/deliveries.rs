//! The plain page of deliveries.

use serde_json::json;

use super::Panel;
use crate::harness::{TestApp, TestServer, text};

#[tokio::test]
async fn operators_see_deliveries_and_nobody_else_does() {
    let server = TestServer::sqlite().await;
    let panel = Panel::signed_up(&server).await;
    let made = panel.new_app("<b>Shop</b>").await;
    let app = TestApp {
        address: server.address(),
        id: text(&made["id"]),
        key: text(&made["server_key"]),
    };
    // Nothing listens there.
    app.backend_ok("PUT", "webhook", json!({"url": "http://127.0.0.1:1/"})).await;
    let room = json!({"kind": "group", "id": "<script>alert(1)</script>", "members": ["anna"]});
    app.backend_ok("POST", "rooms", room).await;
    let path = format!("/panel/apps/{}/deliveries", app.id);
    server.request("GET", &path).send().await.refused(401, "token_missing");
    let cookie = panel.cookie.clone().expect("logged in");
    let see = async |query: &str| {
        let request = server.request("GET", &format!("{path}{query}"));
        request.header("Cookie", &cookie).send().await
    };
    let page = see("?state=waiting").await.said(200);
    assert!(page.contains("room.created") && page.contains("waiting"), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
    assert!(page.contains("&lt;b&gt;Shop"), "{page}");
    assert!(see("?state=parked").await.said(200).contains("Nothing here"));
    see("?state=lost").await.refused_at(422, "invalid_field", "state");
    let other = server.request("GET", "/panel/apps/app_00000000000000000000/deliveries");
    other.header("Cookie", &cookie).send().await.refused(404, "app_not_found");
}
