//! DDP as its published clients speak it, frame by frame.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use super::{Login, Rocket, success};
use crate::harness::{TestServer, text, within};

pub(crate) struct Ddp {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came while another was awaited.
    waiting: Vec<Value>,
    calls: u32,
}

impl Ddp {
    /// Before the protocol's first word.
    pub(crate) async fn unconnected(server: &TestServer) -> Self {
        let uri = format!("ws://{}/websocket", server.address()).parse().expect("an address");
        let builder = ClientBuilder::from_uri(uri);
        let (stream, _) = within("upgrade", builder.connect()).await.expect("it upgrades");
        Self { stream, waiting: Vec::new(), calls: 0 }
    }

    pub(crate) async fn connect(server: &TestServer) -> Self {
        let mut ddp = Self::unconnected(server).await;
        ddp.say(json!({"msg": "connect", "version": "1", "support": ["1", "pre2", "pre1"]})).await;
        ddp.frame("connected", |frame| frame["msg"] == "connected").await;
        ddp
    }

    /// An upgrade that is refused for want of a place.
    pub(crate) async fn refused_at_the_door(server: &TestServer) {
        let uri = format!("ws://{}/websocket", server.address()).parse().expect("an address");
        let refused = within("an answer", ClientBuilder::from_uri(uri).connect()).await;
        let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("503"), "{text}");
    }

    /// Why the server closed it.
    pub(crate) async fn closed_because(&mut self) -> String {
        loop {
            let frame = within("the end", self.stream.next()).await.expect("a close frame");
            if let Some((_, reason)) = frame.expect("a frame").as_close() {
                return reason.to_owned();
            }
        }
    }

    pub(crate) async fn enter(server: &TestServer, login: &Login) -> Self {
        let mut ddp = Self::connect(server).await;
        let entered = ddp.call("login", json!([{"resume": login.token}])).await;
        assert_eq!(entered["id"], json!(login.user), "{entered}");
        assert!(entered["tokenExpires"]["$date"].is_i64(), "{entered}");
        ddp
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.stream.send(Message::text(frame.to_string())).await.expect("it takes a frame");
    }

    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame =
                within("a frame", self.stream.next()).await.expect("open").expect("a frame");
            if let Some(text) = frame.as_text() {
                return serde_json::from_str(text).expect("JSON");
            }
        }
    }

    pub(crate) async fn frame(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.waiting.iter().position(&fits) {
            return self.waiting.remove(at);
        }
        loop {
            let frame = within(what, self.next()).await;
            if fits(&frame) {
                return frame;
            }
            self.waiting.push(frame);
        }
    }

    pub(crate) async fn asked(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls.to_string();
        self.say(json!({"msg": "method", "method": method, "params": params, "id": id})).await;
        let answer = self.frame(method, |one| one["msg"] == "result" && one["id"] == *id).await;
        // Both answers, each once.
        self.frame("updated", |one| one["msg"] == "updated" && one["methods"] == json!([id])).await;
        answer
    }

    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.asked(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer.get("result").cloned().unwrap_or_default()
    }

    pub(crate) async fn refused(&mut self, method: &str, params: Value) -> Value {
        let answer = self.asked(method, params).await;
        assert!(answer.get("result").is_none(), "{answer}");
        answer["error"].clone()
    }

    pub(crate) async fn subscribe(&mut self, stream: &str, params: Value) {
        let id = format!("{stream} {params}");
        self.say(json!({"msg": "sub", "id": id, "name": stream, "params": params})).await;
        let answer =
            self.frame("ready", |one| one["subs"] == json!([id]) || one["id"] == *id).await;
        assert_eq!(answer["msg"], "ready", "{answer}");
    }

    /// Drops what has come of a stream and was not looked at.
    pub(crate) fn forget(&mut self, stream: &str) {
        self.waiting.retain(|one| one["collection"] != stream);
    }

    /// Nothing of a stream came, and nothing comes before a round trip.
    pub(crate) async fn silent(&mut self, stream: &str) {
        self.say(json!({"msg": "ping", "id": "silent"})).await;
        self.frame("pong", |one| one["msg"] == "pong" && one["id"] == "silent").await;
        let came = self.waiting.iter().find(|one| one["collection"] == stream);
        assert!(came.is_none(), "{came:?}");
    }

    /// The arguments of the next event under this name.
    pub(crate) async fn event(&mut self, stream: &str, name: &str) -> Value {
        let what = format!("{stream} {name}");
        let frame = self
            .frame(&what, |one| one["collection"] == stream && one["fields"]["eventName"] == name)
            .await;
        assert_eq!((&frame["msg"], &frame["id"]), (&json!("changed"), &json!("id")));
        frame["fields"]["args"].clone()
    }
}

#[tokio::test]
async fn rocketchat_ddp_carries_a_conversation() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let (mut ann, mut bob) = (Ddp::enter(&server, &ann).await, Ddp::enter(&server, &bob).await);
    let added = ann.frame("added", |one| one["msg"] == "added").await;
    assert_eq!(
        (&added["collection"], &added["fields"]["username"]),
        (&json!("users"), &json!("ann"))
    );
    // Bob hears that a room is there, and of its message, in every form of a subscription.
    bob.subscribe("stream-notify-user", json!(["bob/rooms-changed", false])).await;
    let quiet = json!(["bob/subscriptions-changed", {"useCollection": false, "args": []}]);
    bob.subscribe("stream-notify-user", quiet).await;
    let made = ann.call("createDirectMessage", json!(["bob"])).await;
    let rid = text(&made["rid"]);
    let inserted = bob.event("stream-notify-user", "bob/rooms-changed").await;
    assert_eq!((&inserted[0], &inserted[1]["_id"]), (&json!("inserted"), &json!(rid)));
    let inserted = bob.event("stream-notify-user", "bob/subscriptions-changed").await;
    assert_eq!((&inserted[0], &inserted[1]["name"]), (&json!("inserted"), &json!("ann")));
    let null = json!([rid, {"useCollection": false, "args": [null]}]);
    bob.subscribe("stream-room-messages", null).await;
    let no = json!([format!("{rid}/typing"), {"useCollection": false, "args": [false]}]);
    bob.subscribe("stream-notify-room", no).await;
    bob.subscribe("stream-notify-room", json!([format!("{rid}/user-activity"), false])).await;
    // Typing in both spellings.
    ann.call("stream-notify-room", json!([format!("{rid}/typing"), "ann", true])).await;
    let typing = bob.event("stream-notify-room", &format!("{rid}/typing")).await;
    assert_eq!(typing, json!(["ann", true]));
    let activity = bob.event("stream-notify-room", &format!("{rid}/user-activity")).await;
    assert_eq!(activity, json!(["ann", ["user-typing"], {}]));
    // A message with the client's id; dates are EJSON.
    let sent = json!([{"_id": "m-1", "rid": rid, "msg": "哈囉"}]);
    let message = ann.call("sendMessage", sent.clone()).await;
    assert!(message["ts"]["$date"].is_i64(), "{message}");
    let heard = bob.event("stream-room-messages", &rid).await;
    assert_eq!((&heard[0]["_id"], &heard[0]["msg"]), (&json!("m-1"), &json!("哈囉")));
    let updated = bob.event("stream-notify-user", "bob/subscriptions-changed").await;
    assert_eq!((&updated[0], &updated[1]["unread"]), (&json!("updated"), &json!(1)));
    assert_eq!(ann.call("sendMessage", sent).await["ts"], message["ts"], "a repeat is no message");
    changes(&mut ann, &mut bob, &rid).await;
    // Logged out, the connection stays and knows nobody.
    assert_eq!(ann.call("logout", json!([])).await, Value::Null);
    let refused = ann.refused("rooms/get", json!([])).await;
    assert_eq!((&refused["error"], &refused["errorType"]), (&json!(403), &json!("Meteor.Error")));
    assert!(server.stop().await);
}

async fn changes(ann: &mut Ddp, bob: &mut Ddp, rid: &str) {
    bob.call("readMessages", json!([rid])).await;
    let updated = bob.event("stream-notify-user", "bob/subscriptions-changed").await;
    assert_eq!(updated[1]["unread"], 0);
    bob.call("setReaction", json!([":wave:", "m-1", true])).await;
    let changed = bob.event("stream-room-messages", rid).await;
    assert_eq!(changed[0]["reactions"], json!({":wave:": {"usernames": ["bob"]}}));
    ann.call("updateMessage", json!([{"_id": "m-1", "rid": rid, "msg": "edited"}])).await;
    let changed = bob.event("stream-room-messages", rid).await;
    assert_eq!(changed[0]["msg"], "edited");
    let page = bob.call("loadHistory", json!([rid, null, 50, {"$date": 0}])).await;
    assert_eq!(page["messages"][0]["msg"], "edited");
    let before = page["messages"][0]["ts"].clone();
    let older = bob.call("loadHistory", json!([rid, before, 50, null])).await;
    assert_eq!(older["messages"], json!([]));
    bob.subscribe("stream-notify-room", json!([format!("{rid}/deleteMessage"), false])).await;
    ann.call("deleteMessage", json!([{"_id": "m-1"}])).await;
    let gone = bob.event("stream-notify-room", &format!("{rid}/deleteMessage")).await;
    assert_eq!(gone, json!([{"_id": "m-1"}]));
    let all = bob.call("rooms/get", json!([])).await;
    assert_eq!(all[0]["_id"], json!(rid));
    let since = bob.call("subscriptions/get", json!([{"$date": 0}])).await;
    assert_eq!((&since["update"][0]["rid"], &since["remove"]), (&json!(rid), &json!([])));
}

#[tokio::test]
async fn rocketchat_ddp_log_in_by_digest() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    rocket.user("ann").await;
    // SHA-256 of "ann-password", as a browser sends it.
    let digest = "d647b953d69265817d41cf45fe2176044d5016fa95360b13030083865bafefe6";
    let mut ddp = Ddp::connect(&server).await;
    let given = |digest: &str| {
        json!([{
            "user": {"username": "ann"},
            "password": {"digest": digest, "algorithm": "sha-256"},
        }])
    };
    let refused = ddp.refused("login", given(&"0".repeat(64))).await;
    assert_eq!(refused["error"], 403);
    let entered = ddp.call("login", given(digest)).await;
    assert_eq!((&entered["id"], &entered["type"]), (&json!("ann"), &json!("password")));
    // The token is a REST token, too.
    let login = Login { user: "ann".to_owned(), token: text(&entered["token"]) };
    success(rocket.get(&login, "me").await);
    assert!(server.stop().await);
}

#[tokio::test]
async fn rocketchat_ddp_refuses_what_is_not_ddp() {
    let server = TestServer::sqlite().await;
    let rocket = Rocket::on(&server).await;
    let (ann, bob) = (rocket.user("ann").await, rocket.user("bob").await);
    let body = json!({"name": "secret"});
    let group = success(rocket.post(&bob, "groups.create", body).await)["group"]["_id"].clone();
    let mut ddp = Ddp::enter(&server, &ann).await;
    for bad in [json!([]), json!({"msg": "dance"}), json!({"msg": 7}), json!({})] {
        ddp.say(bad).await;
        ddp.frame("error", |one| one["msg"] == "error").await;
    }
    ddp.stream.send(Message::text("{half")).await.expect("it takes a frame");
    ddp.frame("error", |one| one["msg"] == "error").await;
    assert_eq!(ddp.refused("no/such", json!([])).await["error"], 404);
    assert_eq!(ddp.refused("pinMessage", json!([{}])).await["error"], "error-not-implemented");
    for (method, params) in [
        ("sendMessage", json!([{"rid": group, "msg": "x"}])),
        ("sendMessage", json!([{"msg": "x"}])),
        ("sendMessage", json!(["x"])),
        ("sendMessage", json!([])),
        ("loadHistory", json!([group, null, 50])),
        ("loadHistory", json!([group, "soon", 50])),
        ("stream-notify-room", json!([format!("{}/typing", text(&group)), "ann", true])),
        ("stream-notify-room", json!(["x/typing", "bob", true])),
        ("setReaction", json!([":x:", "no-such-message"])),
    ] {
        let refused = ddp.refused(method, params.clone()).await;
        assert_eq!(refused["isClientSafe"], true, "{method} {params}: {refused}");
    }
    for (stream, key) in [
        ("stream-room-messages", text(&group)),
        ("stream-notify-user", "bob/rooms-changed".to_owned()),
        ("stream-no-such", "x".to_owned()),
    ] {
        ddp.say(json!({"msg": "sub", "id": "s", "name": stream, "params": [key, false]})).await;
        let answer = ddp.frame("nosub", |one| one["id"] == "s").await;
        assert_eq!(answer["msg"], "nosub", "{answer}");
        assert_eq!(answer["error"]["errorType"], "Meteor.Error");
    }
    ddp.say(json!({"msg": "ping", "id": "p"})).await;
    assert_eq!(ddp.frame("pong", |one| one["msg"] == "pong").await["id"], "p");
    assert!(server.stop().await);
}
