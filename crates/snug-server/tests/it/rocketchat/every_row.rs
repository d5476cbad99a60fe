//! Every row of the table: what is carried does what it says, what is not says so.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snug_dialects::{Carried, rocketchat};

use super::ddp::Ddp;
use super::{Login, Rocket, refused, success};
use crate::harness::{TestServer, text};

/// Rows that were called and have answered.
struct Calls {
    rocket: Rocket,
    ann: Login,
    bob: Login,
    done: BTreeSet<String>,
}

/// The rows of a door that are carried.
fn carried(doors: &[&str]) -> BTreeSet<String> {
    let rows = rocketchat::OPERATIONS.iter().filter(|row| row.carried.is_carried());
    let rows = rows.filter(|row| doors.iter().any(|door| row.name.starts_with(door)));
    rows.map(|row| row.name.to_owned()).collect()
}

impl Calls {
    async fn on(server: &TestServer) -> Self {
        let rocket = Rocket::on(server).await;
        let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
        rocket.user("cat").await;
        // Each user is made by both.
        let done = ["POST users.create", "POST users.createToken"].map(str::to_owned).into();
        Self { rocket, ann, bob, done }
    }

    async fn get_as(&mut self, login: &Login, endpoint: &str) -> Value {
        let answer = success(self.rocket.get(login, endpoint).await);
        self.done.insert(format!("GET {}", endpoint.split('?').next().unwrap_or(endpoint)));
        answer
    }

    async fn get(&mut self, endpoint: &str) -> Value {
        self.get_as(&self.ann.clone(), endpoint).await
    }

    async fn post_as(&mut self, login: &Login, endpoint: &str, body: Value) -> Value {
        let answer = success(self.rocket.post(login, endpoint, body).await);
        self.done.insert(format!("POST {endpoint}"));
        answer
    }

    async fn post(&mut self, endpoint: &str, body: Value) -> Value {
        self.post_as(&self.ann.clone(), endpoint, body).await
    }

    async fn users(&mut self) {
        assert!(self.get("info").await["version"].is_string());
        assert_eq!(self.get("me").await["_id"], "ann");
        assert_eq!(self.get("users.info?username=bob").await["user"]["name"], "BOB");
        assert_eq!(self.get("users.list").await["total"], 4);
        assert_eq!(self.get("users.getPresence?userId=bob").await["presence"], "offline");
        self.post("users.setStatus", json!({"status": "busy", "message": "at lunch"})).await;
        // Kept, and shown once she has a connection.
        assert_eq!(self.get("users.getStatus?userId=ann").await["status"], "offline");
    }

    async fn family(&mut self, family: &str, one: &str) {
        let many = format!("{one}s");
        let created = format!("{family}.create");
        let made = self.post(&created, json!({"name": format!("in-{family}")})).await;
        let id = text(&made[one]["_id"]);
        let body = json!({"roomId": id, "userId": "bob"});
        let body_of_cat = json!({"roomId": id, "userId": "cat"});
        assert_eq!(self.get(&format!("{family}.info?roomId={id}")).await[one]["_id"], json!(id));
        assert_eq!(self.get(&format!("{family}.list")).await[&many][0]["_id"], json!(id));
        let invite = format!("{family}.invite");
        assert_eq!(self.post(&invite, body).await[one]["usersCount"], 2);
        assert_eq!(self.post(&invite, body_of_cat.clone()).await[one]["usersCount"], 3);
        let kicked = self.post(&format!("{family}.kick"), body_of_cat).await;
        assert_eq!(kicked[one]["usersCount"], 2);
        let members = self.get(&format!("{family}.members?roomId={id}")).await;
        let names: Vec<_> = members["members"].as_array().expect("a list").iter().collect();
        assert_eq!((members["total"].clone(), names.len()), (json!(2), 2));
        for (what, field) in [
            ("setTopic", "topic"),
            ("setDescription", "description"),
            ("setAnnouncement", "announcement"),
        ] {
            let mut body = json!({ "roomId": id });
            body[field] = json!("會議 x");
            let set = self.post(&format!("{family}.{what}"), body).await;
            assert_eq!(set[field], "會議 x");
            let info = self.get(&format!("{family}.info?roomId={id}")).await;
            assert_eq!(info[one][field], "會議 x", "{what}");
        }
        let body = json!({"message": {"rid": id, "msg": "words"}});
        self.post("chat.sendMessage", body).await;
        for what in ["history", "messages"] {
            let page = self.get(&format!("{family}.{what}?roomId={id}")).await;
            assert_eq!(page["messages"][0]["msg"], "words", "{what}");
        }
        let bob = self.bob.clone();
        self.post_as(&bob, &format!("{family}.leave"), json!({"roomId": id})).await;
        if family == "channels" {
            self.post_as(&bob, "channels.join", json!({"roomId": id})).await;
            let joined = self.get_as(&bob, "channels.list.joined").await;
            assert_eq!(joined["channels"][0]["_id"], json!(id));
            self.post_as(&bob, "rooms.leave", json!({"rid": id})).await;
            let joined = self.get_as(&bob, "channels.list.joined").await;
            assert_eq!(joined["channels"], json!([]));
        }
        self.post(&format!("{family}.delete"), json!({"roomId": id})).await;
        refused(
            self.rocket.get(&self.ann, &format!("{family}.info?roomId={id}")).await,
            400,
            "error-room-not-found",
        );
    }

    async fn direct(&mut self) -> String {
        let mut id = String::new();
        for prefix in ["im", "dm"] {
            let made = self.post(&format!("{prefix}.create"), json!({"username": "bob"})).await;
            id = text(&made["room"]["rid"]);
            let words = format!("by {prefix}");
            let sent = json!({"message": {"rid": id, "msg": words}});
            self.post("chat.sendMessage", sent).await;
            let list = self.get(&format!("{prefix}.list")).await;
            assert_eq!(list["ims"][0]["_id"], json!(id), "{list}");
            for what in ["history", "messages"] {
                let page = self.get(&format!("{prefix}.{what}?roomId={id}")).await;
                assert_eq!(page["messages"][0]["msg"], json!(words), "{what}");
            }
            let members = self.get(&format!("{prefix}.members?roomId={id}")).await;
            let members = members["members"].as_array().expect("a list").iter();
            let mut names: Vec<_> = members.map(|one| text(&one["username"])).collect();
            names.sort();
            assert_eq!(names, ["ann", "bob"]);
        }
        id
    }

    async fn messages(&mut self, rid: &str) {
        let body = json!({"roomId": rid, "text": "posted"});
        let posted = self.post("chat.postMessage", body).await;
        let id = text(&posted["message"]["_id"]);
        assert_eq!(
            self.get(&format!("chat.getMessage?msgId={id}")).await["message"]["msg"],
            "posted"
        );
        let body = json!({"roomId": rid, "msgId": id, "text": "updated"});
        assert_eq!(self.post("chat.update", body).await["message"]["msg"], "updated");
        self.post("chat.react", json!({"messageId": id, "emoji": ":wave:"})).await;
        let path = format!("chat.syncMessages?roomId={rid}&lastUpdate=2020-01-01T00:00:00.000Z");
        let synced = self.get(&path).await["result"]["updated"].clone();
        let found = synced.as_array().expect("a list").iter().find(|one| one["_id"] == json!(id));
        assert!(found.is_some_and(|one| one["reactions"][":wave:"].is_object()), "{synced}");
        let gone = self.post("chat.delete", json!({"roomId": rid, "msgId": id})).await;
        assert_eq!(gone["message"]["rid"], json!(rid));
        // As the vendor says it: a text without a code.
        let path = "chat.getMessage?msgId=no-such";
        let body = self.rocket.get(&self.ann, path).await.is(400);
        let said = "No message found with the id of \"no-such\".";
        assert_eq!(body, json!({"success": false, "error": said}));
        let (rocket, ann) = (self.rocket.clone(), self.ann.clone());
        let body = json!({"roomId": rid, "msgId": "no-such", "text": "x"});
        for (endpoint, body) in [
            ("chat.update", body),
            ("chat.delete", json!({"roomId": rid, "msgId": "no-such"})),
            ("chat.react", json!({"messageId": "no-such", "emoji": ":x:"})),
        ] {
            let answer = rocket.post(&ann, endpoint, body).await.is(400);
            assert_eq!(answer["error"], said, "{endpoint}");
        }
    }

    async fn lists(&mut self, rid: &str) {
        let bob = self.bob.clone();
        let rooms = self.get_as(&bob, "rooms.get").await;
        assert_eq!(rooms["update"][0]["_id"], json!(rid));
        assert_eq!(self.get(&format!("rooms.info?roomId={rid}")).await["room"]["t"], "d");
        let own = self.get_as(&bob, "subscriptions.get").await;
        assert_eq!((&own["update"][0]["rid"], &own["remove"]), (&json!(rid), &json!([])));
        let one = format!("subscriptions.getOne?roomId={rid}");
        let unread = self.get_as(&bob, &one).await["subscription"]["unread"].clone();
        assert!(unread.as_u64().is_some_and(|unread| unread > 0), "{unread}");
        self.post_as(&bob, "subscriptions.read", json!({"rid": rid})).await;
        assert_eq!(self.get_as(&bob, &one).await["subscription"]["unread"], 0);
    }

    async fn log_ins(&mut self) {
        let request = self.rocket.app.request("POST", "/api/v1/login");
        let body = json!({"user": "ann", "password": "ann-password"});
        let entered = success(request.json(body).send().await);
        self.done.insert("POST login".to_owned());
        let second = Login { user: "ann".to_owned(), token: text(&entered["data"]["authToken"]) };
        let kept = self.post_as(&second, "users.logoutOtherClients", json!({})).await;
        assert_eq!(kept["token"], json!(second.token));
        self.rocket.get(&self.ann, "me").await.is(401);
        self.post_as(&second, "logout", json!({})).await;
        self.rocket.get(&second, "me").await.is(401);
        let admin = self.rocket.admin.clone();
        self.post_as(&admin, "users.logout", json!({"userId": "bob"})).await;
        self.rocket.get(&self.bob, "me").await.is(401);
    }
}

#[tokio::test]
async fn rocketchat_rest_carries_every_row_that_it_names() {
    let server = TestServer::sqlite().await;
    let mut calls = Calls::on(&server).await;
    calls.users().await;
    calls.family("channels", "channel").await;
    calls.family("groups", "group").await;
    let rid = calls.direct().await;
    calls.messages(&rid).await;
    calls.lists(&rid).await;
    calls.log_ins().await;
    assert_eq!(calls.done, carried(&["GET ", "POST ", "DELETE "]));
    assert!(server.stop().await);
}

/// A connection that notes which methods have answered.
struct Methods {
    ddp: Ddp,
    done: BTreeSet<String>,
}

impl Methods {
    async fn call(&mut self, method: &str, params: Value) -> Value {
        let result = self.ddp.call(method, params).await;
        self.done.insert(format!("DDP {method}"));
        result
    }
}

async fn rooms_by_ddp(ann: &mut Methods, bob: &mut Ddp) {
    let made = ann.call("createChannel", json!(["open", [], false])).await;
    let open = text(&made["rid"]);
    assert_eq!(ann.call("roomNameExists", json!(["open"])).await, true);
    assert_eq!(ann.call("roomNameExists", json!(["closed"])).await, false);
    assert_eq!(ann.call("getRoomById", json!([open])).await["t"], "c");
    assert_eq!(bob.call("joinRoom", json!([open])).await, true);
    assert_eq!(bob.call("rooms/get", json!([])).await[0]["_id"], json!(open));
    bob.call("leaveRoom", json!([open])).await;
    assert_eq!(ann.call("joinRoom", json!([open])).await, true);
    let group = text(&ann.call("createPrivateGroup", json!(["shut", ["bob"]])).await["rid"]);
    let add = json!([{"rid": group, "username": "cat"}]);
    assert_eq!(ann.call("addUserToRoom", add).await, true);
    let add = json!([{"rid": open, "users": ["bob", "cat"]}]);
    assert_eq!(ann.call("addUsersToRoom", add).await, true);
    assert_eq!(ann.call("getRoomById", json!([open])).await["usersCount"], 3);
    ann.done.insert("DDP leaveRoom".to_owned());
    let own = bob.call("rooms/get", json!([])).await;
    assert_eq!(own.as_array().map(Vec::len), Some(2), "{own}");
    assert_eq!(ann.call("eraseRoom", json!([group])).await, true);
    bob.refused("getRoomById", json!([group])).await;
}

async fn messages_by_ddp(ann: &mut Methods, bob: &mut Ddp) {
    let rid = text(&ann.call("createDirectMessage", json!(["bob"])).await["rid"]);
    // Everything of one's own, under one name.
    bob.subscribe("stream-room-messages", json!(["__my_messages__", false])).await;
    ann.ddp.subscribe("stream-notify-room", json!([format!("{rid}/messagesRead"), false])).await;
    ann.call("sendMessage", json!([{"_id": "m", "rid": rid, "msg": "one"}])).await;
    let heard = bob.event("stream-room-messages", "__my_messages__").await;
    assert_eq!((&heard[0]["_id"], &heard[0]["rid"]), (&json!("m"), &json!(rid)));
    assert_eq!(ann.call("getSingleMessage", json!(["m"])).await["msg"], "one");
    ann.call("setReaction", json!([":wave:", "m"])).await;
    ann.call("updateMessage", json!([{"_id": "m", "rid": rid, "msg": "two"}])).await;
    assert_eq!(ann.call("loadHistory", json!([rid])).await["messages"][0]["msg"], "two");
    bob.call("readMessages", json!([rid])).await;
    let read = ann.ddp.event("stream-notify-room", &format!("{rid}/messagesRead")).await;
    assert!(read[0]["until"]["$date"].is_i64(), "{read}");
    ann.call("readMessages", json!([rid])).await;
    let typing = json!([format!("{rid}/typing"), "ann", true]);
    ann.call("stream-notify-room", typing).await;
    ann.call("deleteMessage", json!([{"_id": "m"}])).await;
    assert_eq!(ann.call("loadHistory", json!([rid])).await["messages"], json!([]));
    let list = ann.call("subscriptions/get", json!([])).await;
    assert!(list.as_array().is_some_and(|all| !all.is_empty()), "{list}");
    assert!(ann.call("rooms/get", json!([])).await.is_array());
    // A subscription that has ended tells nothing more.
    let id = format!("stream-room-messages {}", json!(["__my_messages__", false]));
    bob.say(json!({"msg": "unsub", "id": id})).await;
    let ended = bob.frame("nosub", |one| one["msg"] == "nosub" && one["id"] == *id).await;
    assert!(ended.get("error").is_none(), "{ended}");
    bob.forget("stream-room-messages");
    ann.call("sendMessage", json!([{"rid": rid, "msg": "unheard"}])).await;
    assert_eq!(bob.call("loadHistory", json!([rid])).await["messages"][0]["msg"], "unheard");
    bob.silent("stream-room-messages").await;
}

#[tokio::test]
async fn rocketchat_ddp_carries_every_row_that_it_names() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    rocket.user("cat").await;
    let mut bob = Ddp::enter(&server, &bob).await;
    let ddp = Ddp::enter(&server, &ann).await;
    // Both by `enter`.
    let done = ["DDP connect", "DDP login"].map(str::to_owned).into();
    let mut ann = Methods { ddp, done };
    for method in ["public-settings/get", "permissions/get"] {
        assert_eq!(ann.call(method, json!([])).await, json!([]));
        let since = ann.call(method, json!([{"$date": 0}])).await;
        assert_eq!(since, json!({"update": [], "remove": []}));
    }
    rooms_by_ddp(&mut ann, &mut bob).await;
    messages_by_ddp(&mut ann, &mut bob).await;
    ann.call("UserPresence:online", json!([])).await;
    ann.call("UserPresence:away", json!([])).await;
    ann.call("UserPresence:setDefaultStatus", json!(["online"])).await;
    ann.call("logout", json!([])).await;
    assert_eq!(ann.done, carried(&["DDP "]));
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_says_what_it_does_not_carry() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let ann = rocket.user("ann").await;
    let mut ddp = Ddp::enter(&server, &ann).await;
    let (mut methods, mut refused, mut silent) = (0, 0, 0);
    for row in rocketchat::OPERATIONS {
        match (row.carried, row.name.strip_prefix("DDP ")) {
            (Carried::No, Some(method)) => {
                let error = ddp.refused(method, json!([{}])).await;
                let reason = format!("{method} is not carried yet; see the compatibility table");
                let whole = json!({
                    "isClientSafe": true, "error": "error-not-implemented", "reason": reason,
                    "message": format!("{reason} [error-not-implemented]"),
                    "errorType": "Meteor.Error",
                });
                assert_eq!(error, whole, "{method}");
                methods += 1;
            }
            (Carried::No, None) if row.name.starts_with("stream-") => {
                let sub =
                    json!({"msg": "sub", "id": "s", "name": row.name, "params": ["x", false]});
                ddp.say(sub).await;
                let answer = ddp.frame("nosub", |one| one["id"] == "s").await;
                assert_eq!(answer["error"]["error"], "error-not-implemented", "{answer}");
                refused += 1;
            }
            // Clients wait for these when they start; the table says that nothing is told.
            (Carried::Silent(_), None) => {
                ddp.subscribe(row.name, json!(["x", false])).await;
                silent += 1;
            }
            _ => {}
        }
    }
    assert!(methods > 10 && refused > 1 && silent > 1, "{methods} {refused} {silent}");
    // No common version.
    let mut stranger = Ddp::unconnected(&server).await;
    stranger.say(json!({"msg": "connect", "version": "pre1", "support": ["pre1"]})).await;
    let failed = stranger.frame("failed", |one| one["msg"] == "failed").await;
    assert_eq!(failed["version"], "1");
    assert_eq!(stranger.closed_because().await, "no common version");
    assert!(server.stop().await);
}
