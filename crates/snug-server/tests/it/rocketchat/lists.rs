//! Lists: what they show, find and bound.

use serde_json::{Value, json};
use snug_core::engine::{Actor, SendMessage};
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits;

use super::{Login, Rocket, refused, success};
use crate::harness::{TestServer, segment, text};

/// A list of this `query`.
async fn asked(rocket: &Rocket, login: &Login, endpoint: &str, query: &Value) -> Value {
    let join = if endpoint.contains('?') { '&' } else { '?' };
    let path = format!("{endpoint}{join}query={}", segment(&query.to_string()));
    success(rocket.get(login, &path).await)
}

#[tokio::test]
async fn rocketchat_users_list_tells_users_no_more_than_names() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let body = json!({
        "name": "Bob", "username": "bob", "email": "bob@shop.example", "password": "password-1",
        "nickname": "secret nick", "customFields": {"crm": 7},
    });
    success(rocket.post(&rocket.admin, "users.create", body).await);
    let found = |login: Login, query: Value| {
        let rocket = rocket.clone();
        async move { asked(&rocket, &login, "users.list", &query).await["users"].clone() }
    };
    for query in [json!({"username": "bob"}), json!({"_id": "bob"}), json!({"name": "Bob"})] {
        let seen = found(ann.clone(), query.clone()).await;
        assert_eq!((&seen[0]["_id"], &seen[0]["name"]), (&json!("bob"), &json!("Bob")), "{query}");
        assert!(seen.get(1).is_none(), "{query}: {seen}");
        assert!(seen[0].get("nickname").is_none(), "{seen}");
        assert!(seen[0].get("customFields").is_none(), "{seen}");
        let seen = found(rocket.admin.clone(), query).await;
        assert_eq!(seen[0]["customFields"], json!({"crm": 7}));
    }
    for none in [json!({"username": "no"}), json!({"_id": "bob", "name": "Ann"})] {
        assert_eq!(found(ann.clone(), none).await, json!([]));
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_message_lists_look_through_the_whole_room() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let made = success(rocket.post(&ann, "channels.create", json!({"name": "c"})).await);
    let id = text(&made["channel"]["_id"]);
    for word in ["needle", "hay", "more hay"] {
        let body = json!({"message": {"rid": id, "msg": word}});
        success(rocket.post(&ann, "chat.sendMessage", body).await);
    }
    let path = format!("channels.messages?roomId={id}&count=1");
    let found = asked(&rocket, &ann, &path, &json!({"msg": "needle"})).await;
    assert_eq!((&found["messages"][0]["msg"], &found["count"]), (&json!("needle"), &json!(1)));
    let second = format!("{path}&offset=1");
    let found = asked(&rocket, &ann, &second, &json!({"msg": {"$regex": "hay"}})).await;
    assert_eq!(found["messages"][0]["msg"], "hay");
    let query = segment(&json!({"u": "ann"}).to_string());
    let answer = rocket.get(&ann, &format!("{path}&query={query}")).await;
    refused(answer, 400, "error-invalid-query");
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_changes_are_told_again_for_a_while() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let made = success(rocket.post(&ann, "channels.create", json!({"name": "c"})).await);
    let id = made["channel"]["_id"].clone();
    let body = json!({"message": {"rid": id, "msg": "x"}});
    success(rocket.post(&ann, "chat.sendMessage", body).await);
    // A commit of before may have become visible only now: what is new is told for ten seconds.
    let now = server.server().app().engine.now().millis();
    for (since, told) in [(now + 1, 1), (now + limits::SYNC_OVERLAP_MS + 60_000, 0)] {
        for endpoint in ["rooms.get", "subscriptions.get"] {
            let path = format!("{endpoint}?updatedSince={since}");
            let again = success(rocket.get(&ann, &path).await)["update"].clone();
            assert_eq!(again.as_array().expect("a list").len(), told, "{path}: {again}");
        }
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_a_long_sync_tells_each_message_once() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let made = success(rocket.post(&ann, "channels.create", json!({"name": "c"})).await);
    let id = text(&made["channel"]["_id"]);
    let engine = &server.server().app().engine;
    let app = AppId::new(&rocket.app.id).expect("an app's id");
    let backend = engine.backend_by_dialect(&app, "test").await.expect("an app");
    let by_backend = Actor::Backend(backend);
    let by_ann = Actor::Client(engine.authenticate(&ann.token).await.expect("a client"));
    let room = RoomId::new(&id).expect("an id");
    let key = |at: usize| MessageId::new(&format!("m{at}")).expect("an id");
    let page = limits::SYNC_PAGE_MAX;
    for at in 1..=page + 3 {
        let send = SendMessage {
            id: Some(key(at)),
            sender: Some(UserId::new("ann").expect("an id")),
            text: Some(at.to_string()),
            ..SendMessage::default()
        };
        engine.send_message(&by_backend, &room, send).await.expect("sent");
        if at == page {
            // The first one's change ends the first page, and leaves no time on the message.
            engine.react(&by_ann, &room, &key(1), "👍", true).await.expect("reacted");
        }
    }
    let path = format!("chat.syncMessages?roomId={id}&lastUpdate=2020-01-01T00:00:00.000Z");
    let result = success(rocket.get(&ann, &path).await)["result"].clone();
    let mut told: Vec<usize> = result["updated"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(&one["msg"]).parse().expect("a number"))
        .collect();
    told.sort_unstable();
    assert_eq!(told, (1..=page + 3).collect::<Vec<_>>());
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_reactions_of_all_doors_are_one() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let made = success(rocket.post(&ann, "im.create", json!({"username": "bob"})).await);
    let id = text(&made["room"]["_id"]);
    let body = json!({"message": {"_id": "m", "rid": id, "msg": "x"}});
    success(rocket.post(&ann, "chat.sendMessage", body).await);
    let engine = &server.server().app().engine;
    let native = Actor::Client(engine.authenticate(&ann.token).await.expect("a client"));
    let (room, key) = (RoomId::new(&id).expect("an id"), MessageId::new("rc:m").expect("an id"));
    engine.react(&native, &room, &key, "👍", true).await.expect("reacted");
    let react = |login: Login| {
        let body = json!({"messageId": "m", "emoji": "👍"});
        let rocket = rocket.clone();
        async move { success(rocket.post(&login, "chat.react", body).await) }
    };
    react(bob).await;
    let shown = || async {
        let shown = success(rocket.get(&ann, "chat.getMessage?msgId=m").await);
        shown["message"]["reactions"].clone()
    };
    assert_eq!(shown().await, json!({":👍:": {"usernames": ["ann", "bob"]}}));
    // Ann takes hers back, given under the other spelling.
    react(ann.clone()).await;
    assert_eq!(shown().await, json!({":👍:": {"usernames": ["bob"]}}));
    assert!(server.stop().await);
}
