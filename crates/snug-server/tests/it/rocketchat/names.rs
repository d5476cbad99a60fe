//! Names of rooms: who has one, and who has it no more.

use std::sync::Arc;

use serde_json::{Value, json};
use snug_core::limits;

use super::{Rocket, refused, success};
use crate::harness::{Backend, TestClock, TestServer, text};

#[tokio::test]
async fn rocketchat_names_do_not_catch_what_is_meant_for_an_id() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, eve) = (rocket.user("ann").await, rocket.user("eve").await);
    let native = |id: &'static str| {
        let body = json!({"kind": "group", "id": id, "creator": "ann", "members": ["ann", "bob"]});
        rocket.app.backend_ok("POST", "rooms", body)
    };
    native("deals").await;
    let answer = rocket.post(&eve, "channels.create", json!({"name": "deals"})).await;
    refused(answer, 400, "error-duplicate-channel-name");
    // The name first, the room of that id afterwards.
    let made = success(rocket.post(&eve, "channels.create", json!({"name": "later"})).await);
    native("later").await;
    let post = |channel: &'static str| {
        rocket.post(&ann, "chat.postMessage", json!({"channel": channel, "text": "psst"}))
    };
    assert_eq!(success(post("later").await)["message"]["rid"], "later");
    let body = json!({"roomId": made["channel"]["_id"]});
    success(rocket.post(&ann, "channels.join", body).await);
    assert_eq!(success(post("#later").await)["message"]["rid"], made["channel"]["_id"]);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_a_room_gives_back_its_own_name_only() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, eve) = (rocket.user("ann").await, rocket.user("eve").await);
    let made = success(rocket.post(&ann, "channels.create", json!({"name": "general"})).await);
    let page = rocket.app.page("eve").await;
    let custom = json!({"rocketchat": {"name": "general"}});
    let body = json!({"kind": "group", "members": ["ann"], "custom": custom});
    let forged = text(&page.post("rooms", body).await.ok()["id"]);
    success(rocket.post(&eve, "groups.delete", json!({"roomId": forged})).await);
    let answer = rocket.post(&eve, "channels.create", json!({"name": "general"})).await;
    refused(answer, 400, "error-duplicate-channel-name");
    let found = success(rocket.get(&eve, "channels.info?roomName=general").await);
    assert_eq!(found["channel"]["_id"], made["channel"]["_id"]);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_a_name_is_free_when_its_room_is_gone() {
    let clock = Arc::new(TestClock::default());
    let server = TestServer::start_at(Backend::Sqlite, clock.clone()).await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let make = || rocket.post(&ann, "channels.create", json!({"name": "general"}));
    let first = text(&success(make().await)["channel"]["_id"]);
    // Deleted by another door, which knows of no names.
    rocket.app.backend("DELETE", &format!("rooms/{first}"), Value::Null).await.ok();
    refused(make().await, 400, "error-duplicate-channel-name");
    clock.pass(i64::try_from(limits::ROCKETCHAT_MAKING_SECONDS).expect("a small number") + 1);
    let second = text(&success(make().await)["channel"]["_id"]);
    let found = success(rocket.get(&ann, "channels.info?roomName=general").await);
    assert_eq!(found["channel"]["_id"], json!(second));
    clock.pass(3_600);
    refused(make().await, 400, "error-duplicate-channel-name");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_the_last_owner_stays_in_a_large_room() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    // Members are shown by id: the owner is not among those that come with the room.
    let zoe = rocket.user("zoe").await;
    let members: Vec<String> =
        (0..=limits::ROOM_MEMBERS_SHOWN).map(|at| format!("a{at}")).chain(["zoe".into()]).collect();
    let body = json!({"kind": "group", "id": "large", "creator": "zoe", "members": members});
    rocket.app.backend_ok("POST", "rooms", body).await;
    let leave = || rocket.post(&zoe, "groups.leave", json!({"roomId": "large"}));
    refused(leave().await, 400, "error-you-are-last-owner");
    let body = json!({"users": ["zed"], "role": "owner"});
    rocket.app.backend_ok("POST", "rooms/large/members", body).await;
    success(leave().await);
    assert!(server.stop().await);
}
