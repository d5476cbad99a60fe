//! Every route of the native REST API, what it refuses, and from which pages it may be called.

mod backend;
mod changes;
mod client;
mod contacts;
mod cors;
mod extras;
mod forward;
mod limits;
mod refused;

use crate::harness::{Backend, TestApp, TestServer};

async fn every_route(server: &TestServer) {
    let app = server.app().await;
    backend::users(&app).await;
    backend::rooms(&app).await;
    backend::members(&app).await;
    backend::messages(&app).await;
    backend::sessions(&app).await;
    client::me(&app).await;
    client::rooms(&app).await;
    client::members(&app).await;
    client::messages(&app).await;
    client::sync(&app).await;
    client::room_list(&app).await;
    client::session(&app).await;
    changes::by_pages(&app).await;
    changes::by_backend(&app).await;
    changes::pins(&app).await;
    changes::threads(&app).await;
    crate::ephemeral::by_both_doors(&app).await;
    crate::receipts::by_rest(&app).await;
    changes::marks(&app).await;
    crate::scheduled::by_rest(&app).await;
    changes::channels(&app).await;
    crate::invitations::by_rest(&app).await;
    crate::presence::by_rest(&app).await;
    extras::by_pages(&app).await;
    forward::by_pages(&app).await;
    extras::by_backend(&app).await;
    contacts::set_by_the_backend(&app).await;
    contacts::a_room_with_a_contact(&app).await;
    crate::sessions::verified::a_page_comes_in(server, &app).await;
    crate::webhooks::routes::outside(&app).await;
    crate::before_send::routes::set_and_forgotten(&app).await;
    all_documented_routes_answered(&app);
}

/// A route that is added without a test here fails.
fn all_documented_routes_answered(app: &TestApp) {
    let document = snug_server::rest::openapi().to_json().expect("the document is JSON");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 20, "{paths:?}");
    for (route, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let method = method.to_uppercase();
            assert!(app.has_answered(&method, route), "no success of {method} {route}");
        }
    }
}

#[tokio::test]
async fn every_route_on_sqlite() {
    let server = TestServer::sqlite().await;
    every_route(&server).await;
    assert!(server.stop().await);
}

/// One server for all, since a database of its own costs the most here.
#[tokio::test]
async fn every_route_and_the_races_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    every_route(&server).await;
    limits::ids(&server.app().await).await;
    client::one_direct_room_of_many_racers(&server.app().await).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn one_direct_room_of_many_racers() {
    let server = TestServer::sqlite().await;
    client::one_direct_room_of_many_racers(&server.app().await).await;
}

#[tokio::test]
async fn ids_are_any_text_within_their_bytes() {
    let server = TestServer::sqlite().await;
    limits::ids(&server.app().await).await;
}
