//! The embedding flow of the vendor's documentation, and what a native page sees of it.

use serde_json::{Value, json};
use snug_core::model::AppPolicy;

use super::{Login, Rocket, refused, success};
use crate::harness::{Backend, TestServer, text};

/// Users and tokens by the administrator, rooms, messages both ways, unread, logout.
async fn embedding(server: &TestServer) {
    let rocket = Rocket::on(server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let me = success(rocket.get(&ann, "me").await);
    assert_eq!((&me["username"], &me["name"]), (&json!("ann"), &json!("ANN")));
    // A channel of Ann's with Bob in it, found by name and by id.
    let body = json!({"name": "general-語", "members": ["bob"]});
    let made = success(rocket.post(&ann, "channels.create", body).await)["channel"].clone();
    let id = text(&made["_id"]);
    assert_eq!((&made["t"], &made["name"]), (&json!("c"), &json!("general-語")));
    let by_name = "rooms.info?roomName=general-%E8%AA%9E";
    assert_eq!(success(rocket.get(&bob, by_name).await)["room"]["_id"], made["_id"]);
    messages(&rocket, &ann, &bob, &id).await;
    mentions(&rocket, &ann, &id).await;
    unread(&rocket, &ann, &bob, &id).await;
    members(&rocket, &ann, &bob, &id).await;
    direct(&rocket, &ann, &bob).await;
    // Logout: the token is refused from the answer on.
    success(rocket.post(&bob, "logout", json!({})).await);
    let refused = rocket.get(&bob, "me").await.is(401);
    assert_eq!(refused["status"], "error");
}

async fn messages(rocket: &Rocket, ann: &Login, bob: &Login, id: &str) {
    let body = json!({"message": {"rid": id, "msg": "哈囉", "groupable": false}});
    let sent = success(rocket.post(ann, "chat.sendMessage", body).await)["message"].clone();
    assert_eq!((&sent["msg"], &sent["groupable"]), (&json!("哈囉"), &json!(false)));
    assert_eq!(sent["u"], json!({"_id": "ann", "username": "ann", "name": "ANN"}));
    // The same with an id of the client's, twice: one message.
    let body = json!({"message": {"_id": "client-minted", "rid": id, "msg": "one"}});
    let first = success(rocket.post(ann, "chat.sendMessage", body.clone()).await);
    let again = success(rocket.post(ann, "chat.sendMessage", body).await);
    assert_eq!(first["message"]["_id"], "client-minted");
    assert_eq!(first["message"]["ts"], again["message"]["ts"]);
    // A native page reads it and answers; the answer has an id here, too.
    let native = rocket.app.page("bob").await;
    let history = native.get(&format!("rooms/{id}/messages")).await.ok();
    let texts: Vec<_> = history["messages"].as_array().expect("a list").iter().collect();
    assert_eq!((&texts[0]["text"], &texts[1]["text"]), (&json!("哈囉"), &json!("one")));
    assert_eq!(texts.len(), 2, "{texts:?}");
    native.post(&format!("rooms/{id}/messages"), json!({"text": "native"})).await.ok();
    let page = success(rocket.get(ann, &format!("channels.messages?roomId={id}")).await);
    let all = page["messages"].as_array().expect("a list").clone();
    let said: Vec<_> = all.iter().map(|one| one["msg"].clone()).collect();
    assert_eq!(said, ["native", "one", "哈囉"], "newest first");
    let path = format!("chat.getMessage?msgId={}", text(&all[0]["_id"]));
    assert_eq!(success(rocket.get(ann, &path).await)["message"]["msg"], "native");
    // Edit, react, take back.
    let since = text(&all[0]["ts"]);
    let body = json!({"roomId": id, "msgId": "client-minted", "text": "edited"});
    let edited = success(rocket.post(ann, "chat.update", body.clone()).await);
    assert_eq!(edited["message"]["msg"], "edited");
    refused(rocket.post(bob, "chat.update", body).await, 400, "error-action-not-allowed");
    let react = |emoji: &'static str| json!({"messageId": "client-minted", "emoji": emoji});
    success(rocket.post(bob, "chat.react", react("smile")).await);
    let path = "chat.getMessage?msgId=client-minted";
    let shown = success(rocket.get(ann, path).await)["message"].clone();
    assert_eq!(shown["reactions"], json!({":smile:": {"usernames": ["bob"]}}));
    success(rocket.post(bob, "chat.react", react(":smile:")).await);
    let shown = success(rocket.get(ann, path).await)["message"].clone();
    assert!(shown.get("reactions").is_none(), "the second one takes it back: {shown}");
    let body = json!({"roomId": id, "msgId": "client-minted"});
    let gone = success(rocket.post(ann, "chat.delete", body).await);
    assert_eq!(gone["_id"], "client-minted");
    rocket.get(ann, path).await.is(400);
    let path = format!("chat.syncMessages?roomId={id}&lastUpdate={since}");
    let synced = success(rocket.get(bob, &path).await)["result"].clone();
    assert_eq!(synced["deleted"][0]["_id"], "client-minted");
    let path = format!("channels.history?roomId={id}&latest={since}&inclusive=true");
    let page = success(rocket.get(bob, &path).await)["messages"].clone();
    let said: Vec<_> =
        page.as_array().expect("a list").iter().map(|one| one["msg"].clone()).collect();
    assert_eq!(said, ["native", "哈囉"]);
}

/// The server reads them from the words, as the vendor's does; a native page's are shown alike.
async fn mentions(rocket: &Rocket, ann: &Login, id: &str) {
    let native = rocket.app.page("bob").await;
    let body = json!({"message": {"rid": id, "msg": "@bob. see @nobody, me@bob @all"}});
    let sent = success(rocket.post(ann, "chat.sendMessage", body).await)["message"].clone();
    let bob = json!({"_id": "bob", "username": "bob", "name": "BOB", "type": "user"});
    let all = json!({"_id": "all", "username": "all", "type": "user"});
    assert_eq!(sent["mentions"], json!([bob, all]));
    let history = native.get(&format!("rooms/{id}/messages?limit=1")).await.ok();
    let seen = &history["messages"][0];
    assert_eq!(seen["mentions"], json!({"users": ["bob"], "everyone": true}));
    let edit = json!({"roomId": id, "msgId": sent["_id"], "text": "never mind"});
    let edited = success(rocket.post(ann, "chat.update", edit).await)["message"].clone();
    assert_eq!(edited["mentions"], json!([]));
    let native_id = text(&seen["id"]);
    let gone = native.get(&format!("rooms/{id}/messages/{native_id}")).await.ok();
    assert!(gone.get("mentions").is_none(), "{gone}");
    let body = json!({"roomId": id, "msgId": sent["_id"]});
    success(rocket.post(ann, "chat.delete", body).await);
    // In a room of more than a hundred, everybody is called by who runs it.
    let crowd: Vec<String> = (0..100).map(|n| format!("many-{n}")).collect();
    let mut members: Vec<&str> = crowd.iter().map(String::as_str).collect();
    members.push("ann");
    let large = rocket.app.group(&members).await;
    let body = |msg: &str| json!({"message": {"rid": large, "msg": msg}});
    success(rocket.post(ann, "chat.sendMessage", body("hear")).await);
    let all = rocket.post(ann, "chat.sendMessage", body("@all hear")).await;
    refused(all, 400, "error-action-not-allowed");
    // A repeat is one, also when somebody whom the words name has become a user meanwhile.
    let again = json!({"message": {"_id": "to-dora", "rid": id, "msg": "hi @dora"}});
    let first = success(rocket.post(ann, "chat.sendMessage", again.clone()).await);
    assert_eq!(first["message"]["mentions"], json!([]));
    rocket.user("dora").await;
    let repeated = success(rocket.post(ann, "chat.sendMessage", again).await);
    assert_eq!(repeated["message"]["ts"], first["message"]["ts"]);
    // Whom a native page called by name stays called when other words change, and roles do.
    let newest = || async {
        let page = native.get(&format!("rooms/{id}/messages?limit=1")).await.ok();
        page["messages"][0].clone()
    };
    let native_id = text(&newest().await["id"]);
    let called = json!({"mentions": {"users": ["bob"], "roles": ["owner"], "everyone": true}});
    let path = format!("rooms/{id}/messages/{native_id}");
    rocket.app.backend("PATCH", &path, called).await.ok();
    for (words, users) in [("hi @dora, Bob", json!(["dora", "bob"])), ("bye Bob", json!(["bob"]))] {
        let edit = json!({"roomId": id, "msgId": "to-dora", "text": words});
        success(rocket.post(ann, "chat.update", edit).await);
        let mentions = newest().await["mentions"].clone();
        assert_eq!(mentions, json!({"users": users, "roles": ["owner"], "everyone": true}));
    }
}

async fn unread(rocket: &Rocket, ann: &Login, bob: &Login, id: &str) {
    let path = format!("subscriptions.getOne?roomId={id}");
    let before = success(rocket.get(bob, &path).await)["subscription"].clone();
    let body = json!({"channel": "#general-語", "text": "by name"});
    success(rocket.post(ann, "chat.postMessage", body).await);
    let after = success(rocket.get(bob, &path).await)["subscription"].clone();
    let count = |shown: &Value| shown["unread"].as_u64().expect("a number");
    assert_eq!(count(&after), count(&before) + 1);
    assert_eq!(after["alert"], true);
    for words in ["@bob look", "@all look", "@bob and @here"] {
        let body = json!({"channel": "#general-語", "text": words});
        success(rocket.post(ann, "chat.postMessage", body).await);
    }
    let called = success(rocket.get(bob, &path).await)["subscription"].clone();
    for (field, more) in [("userMentions", 2), ("groupMentions", 1)] {
        let number = |shown: &Value| shown[field].as_u64().expect("a number");
        assert_eq!(number(&called), number(&after) + more, "{field}");
    }
    let since = success(rocket.get(bob, "rooms.get").await)["update"][0]["_updatedAt"].clone();
    success(rocket.post(bob, "subscriptions.read", json!({"rid": id})).await);
    let after = success(rocket.get(bob, &path).await)["subscription"].clone();
    assert_eq!((count(&after), &after["alert"]), (0, &json!(false)));
    assert_eq!((&after["userMentions"], &after["groupMentions"]), (&json!(0), &json!(0)));
    let path = format!("rooms.get?updatedSince={}", text(&since));
    assert_eq!(success(rocket.get(ann, &path).await)["remove"], json!([]));
}

async fn members(rocket: &Rocket, ann: &Login, bob: &Login, id: &str) {
    let cyd = rocket.user("cyd").await;
    success(rocket.post(&cyd, "channels.join", json!({"roomId": id})).await);
    let all = success(rocket.get(bob, &format!("channels.members?roomId={id}")).await);
    assert_eq!(all["total"], 3, "{all}");
    let kick = json!({"roomId": id, "userId": "cyd"});
    refused(rocket.post(bob, "channels.kick", kick.clone()).await, 403, "error-unauthorized");
    success(rocket.post(ann, "channels.kick", kick.clone()).await);
    refused(rocket.post(ann, "channels.kick", kick).await, 400, "error-user-not-in-room");
    let body = json!({"roomId": id, "userIds": ["cyd"]});
    success(rocket.post(bob, "channels.invite", body).await);
    success(rocket.post(&cyd, "rooms.leave", json!({"rid": id})).await);
    let body = json!({"roomId": id});
    refused(rocket.post(ann, "channels.leave", body).await, 400, "error-you-are-last-owner");
    // A private group is there for its members only.
    let body = json!({"name": "secret", "members": ["bob"]});
    let group = success(rocket.post(ann, "groups.create", body).await)["group"].clone();
    assert_eq!(group["t"], "p");
    let path = "groups.info?roomName=secret";
    assert_eq!(success(rocket.get(bob, path).await)["group"]["_id"], group["_id"]);
    refused(rocket.get(&cyd, path).await, 400, "error-room-not-found");
    let body = json!({"name": "secret"});
    let twice = rocket.post(&cyd, "channels.create", body).await;
    refused(twice, 400, "error-duplicate-channel-name");
    let listed = success(rocket.get(&cyd, "channels.list").await);
    let names: Vec<_> = listed["channels"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(names, ["general-語"]);
}

async fn direct(rocket: &Rocket, ann: &Login, bob: &Login) {
    let made = success(rocket.post(ann, "im.create", json!({"username": "bob"})).await);
    let again = success(rocket.post(bob, "dm.create", json!({"usernames": "ann"})).await);
    assert_eq!(made["room"]["rid"], again["room"]["rid"]);
    let id = text(&made["room"]["rid"]);
    assert_eq!(rocket.app.direct("ann", "bob").await, id, "the native direct room");
    let body = json!({"roomId": "@bob", "text": "psst"});
    success(rocket.post(ann, "chat.postMessage", body).await);
    let page = success(rocket.get(bob, &format!("dm.history?roomId={id}")).await);
    assert_eq!(page["messages"][0]["msg"], "psst");
    let all = success(rocket.get(bob, "subscriptions.get").await)["update"].clone();
    let own: Vec<_> =
        all.as_array().expect("a list").iter().filter(|one| one["t"] == "d").collect();
    assert_eq!((&own[0]["name"], &own[0]["fname"]), (&json!("ann"), &json!("ANN")));
}

#[tokio::test]
async fn rocketchat_embedding_flow_on_sqlite() {
    let server = TestServer::sqlite().await;
    embedding(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_embedding_flow_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    embedding(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_log_ins() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    rocket.user("ann").await;
    let log_in = |body: Value| rocket.app.request("POST", "/api/v1/login").json(body).send();
    let password = "ann-password";
    for body in [
        json!({"user": "ann", "password": password}),
        json!({"username": "ann", "password": password}),
        json!({"user": "Ann@shop.example", "password": password}),
    ] {
        let done = log_in(body).await.ok();
        assert_eq!((&done["status"], &done["data"]["userId"]), (&json!("success"), &json!("ann")));
    }
    // Form-encoded, and the administrator with the password that was shown once.
    let form = format!("user=boss&password={}", rocket.password);
    let done = rocket.app.request("POST", "/api/v1/login").form(form).send().await.ok();
    assert_eq!(done["data"]["me"]["roles"], json!(["user", "admin"]));
    // By its token, which stays as it is.
    let token = text(&done["data"]["authToken"]);
    let again = log_in(json!({"resume": token})).await.ok();
    assert_eq!(again["data"]["authToken"], json!(token));
    for body in [
        json!({"user": "ann", "password": "wrong"}),
        json!({"user": "nobody", "password": password}),
        json!({"user": "ann"}),
        json!({}),
    ] {
        let refused = log_in(body).await.is(401);
        let told = json!({"status": "error", "error": "Unauthorized", "message": "Unauthorized"});
        assert_eq!(refused, told);
    }
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_administrators_stand_for_the_backend() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::under(&server, AppPolicy::BackendOnly).await;
    let ann = rocket.user("ann").await;
    let body = json!({"name": "ours", "members": ["ann"]});
    refused(rocket.post(&ann, "groups.create", body.clone()).await, 403, "error-unauthorized");
    let made = success(rocket.post(&rocket.admin, "groups.create", body).await)["group"].clone();
    let id = text(&made["_id"]);
    let body = json!({"message": {"rid": id, "msg": "hi"}});
    success(rocket.post(&ann, "chat.sendMessage", body).await);
    for endpoint in ["users.create", "users.createToken"] {
        let body = json!({
            "username": "bob", "name": "b", "email": "b@shop.example", "password": "password-1",
        });
        let answer = rocket.post(&ann, endpoint, body).await;
        refused(answer, 400, "error-not-authorized");
    }
    // With and without the later API's secret, by id and by name; only for who is there.
    for body in [json!({"userId": "ann", "secret": "x"}), json!({"username": "ann"})] {
        success(rocket.post(&rocket.admin, "users.createToken", body).await);
    }
    let unknown = rocket.post(&rocket.admin, "users.createToken", json!({"userId": "no"})).await;
    refused(unknown, 400, "error-invalid-user");
    // In a page an administrator is a user like others.
    let request = rocket.request(&rocket.admin, "POST", "users.createToken");
    let request = request.header("Origin", "https://shop.example");
    let answer = request.json(json!({"userId": "ann"})).send().await;
    refused(answer, 400, "error-not-authorized");
    // Others' sessions end by their administrator's word.
    success(rocket.post(&rocket.admin, "users.logout", json!({"userId": "ann"})).await);
    rocket.get(&ann, "me").await.is(401);
    assert!(server.stop().await);
}
