//! The I2A wire through its real doors: the two diagrams of its documentation, its socket as the
//! published apps speak it, and its errors.

mod operations;
mod requests;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use snug_core::ids::AppId;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use crate::harness::{Answer, Request, TestApp, TestServer, segment, text, within};

pub(crate) struct Vendor<'s> {
    server: &'s TestServer,
    pub(crate) app: TestApp,
    pub(crate) secret: String,
    /// Bodies as JSON instead of as a form.
    as_json: bool,
}

impl<'s> Vendor<'s> {
    async fn new(server: &'s TestServer) -> Self {
        Self::beside(server, server.app().await).await
    }

    /// Switched on for an app that is there.
    pub(crate) async fn beside(server: &'s TestServer, app: TestApp) -> Self {
        let id = AppId::new(&app.id).expect("an app's id");
        let engine = &server.server().app().engine;
        let secret = snug_dialects::i2a::enable(engine, &id).await.expect("it is switched on");
        Self { server, app, secret, as_json: false }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let path = format!("/server-to-server/v1/{path}");
        self.server.request(method, &path).header("X-Application-Secret", &self.secret)
    }

    /// As the vendor's client sends it: form-encoded, lists as repeated keys. Or as JSON, with
    /// lists, numbers and booleans of its own.
    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        if self.as_json {
            return self.request("POST", path).json(as_json(fields)).send().await;
        }
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
        let request = self.request("POST", path);
        request.form(pairs.join("&")).send().await
    }

    async fn room(&self, users: &[&str]) -> String {
        let fields: Vec<_> =
            users.iter().map(|user| ("application_users_identifiers", *user)).collect();
        text(&self.form("chat-room/", &fields).await.is(201)["identifier"])
    }

    pub(crate) async fn token(&self, user: &str, device: &str) -> String {
        let fields = [
            ("device_identifier", device),
            ("application_user_identifier", user),
            ("custom_data", &format!("{{\"name\": \"{user}\"}}")),
        ];
        text(&self.form("session/open-session/", &fields).await.is(201)["token"])
    }

    async fn socket(&self, token: &str) -> Wire {
        self.upgrade(&format!("/socket/?token={}", segment(token)), None).await
    }

    /// With the token in the address, or in the vendor's header.
    pub(crate) async fn upgrade(&self, path: &str, header: Option<&str>) -> Wire {
        let uri = format!("ws://{}{path}", self.server.address());
        let mut builder = ClientBuilder::from_uri(uri.parse().expect("an address"));
        if let Some(token) = header {
            let name = http::HeaderName::from_static("x-token");
            let value = token.parse().expect("a header's value");
            builder = builder.add_header(name, value).expect("a free header");
        }
        let (stream, _) = within("upgrade", builder.connect()).await.expect("it upgrades");
        Wire(stream)
    }

    pub(crate) async fn enter(&self, user: &str) -> Wire {
        self.socket(&self.token(user, "phone").await).await
    }
}

fn as_json(fields: &[(&str, &str)]) -> Value {
    let mut body = json!({});
    for (name, text) in fields {
        match *name {
            "application_users_identifiers" => match body[*name].as_array_mut() {
                Some(list) => list.push(json!(text)),
                None => body[*name] = json!([text]),
            },
            "is_active" if ["True", "False"].contains(text) => {
                body[*name] = json!(*text == "True");
            }
            "message_timestamp_identifier" | "report_type" | "type" => {
                body[*name] = serde_json::from_str(text).unwrap_or(json!(text));
            }
            _ => body[*name] = json!(text),
        }
    }
    body
}

pub(crate) struct Wire(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Wire {
    pub(crate) async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.expect("it takes a frame");
    }

    /// The text of the next frame.
    async fn raw(&mut self) -> String {
        loop {
            let frame = within("a frame", self.0.next()).await.expect("open").expect("a frame");
            if let Some(text) = frame.as_text() {
                return text.to_owned();
            }
            assert!(!frame.is_close(), "it was closed: {:?}", frame.as_close());
        }
    }

    /// The next frame of a type; others are passed over.
    pub(crate) async fn next(&mut self, kind: &str) -> Value {
        loop {
            let frame: Value = serde_json::from_str(&self.raw().await).expect("JSON");
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    pub(crate) async fn refused(&mut self, frame: Value, code: u32) -> Value {
        self.say(frame).await;
        let refused = self.next("ERROR").await;
        assert_eq!(refused["exception"]["error_code"], code, "{refused}");
        refused["exception"]["extra"].clone()
    }

    pub(crate) async fn closed(mut self) {
        let end = async { while let Some(Ok(_)) = self.0.next().await {} };
        within("the goodbye", end).await;
    }
}

pub(crate) fn said(room: &str, words: &str) -> Value {
    json!({ "type": "ROUTABLE", "chat_room_identifier": room, "message": words })
}

#[tokio::test]
async fn the_flow_of_the_documentation() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    vendor.request("GET", "ping/").send().await.is(200);
    let room = vendor.room(&["anna", "ben"]).await;
    assert!(room.ends_with(&format!(":{}", vendor.app.id)), "{room}");
    let (mut anna, mut ben) = (vendor.enter("anna").await, vendor.enter("ben").await);

    anna.say(said(&room, "你好 👋")).await;
    let echo = anna.next("ROUTABLE").await;
    let heard = ben.next("ROUTABLE").await;
    assert_eq!(echo, heard, "the sender hears the same");
    assert_eq!(heard["app_user_identifier"], "anna");
    assert_eq!(heard["custom_data"], "{\"name\": \"anna\"}", "as it was given");
    let at = heard["message_timestamp_identifier"].as_i64().expect("a number");
    assert!(at > 1 << 53, "nanoseconds");
    let own = ben.next("SET_LAST_MESSAGE_READ").await;
    assert_eq!(
        (&own["app_user_identifier"], &own["message_timestamp_identifier"]),
        (&json!("anna"), &json!(at))
    );

    ben.say(json!({"type": "GET_UNREAD_MESSAGES_COUNT", "chat_room_identifiers": [room]})).await;
    let unread = ben.next("GET_UNREAD_MESSAGES_COUNT").await;
    assert_eq!(
        unread["payload"],
        json!([{"chat_room_identifier": room, "unread_messages_count": 1}])
    );
    ben.say(json!({"type": "GET_LAST_CHAT_ROOM_MESSAGE", "chat_room_identifiers": [room]})).await;
    let last = &ben.next("GET_LAST_CHAT_ROOM_MESSAGE").await["payload"][0];
    assert_eq!(
        (&last["has_unread_messages"], &last["message_timestamp_identifier"]),
        (&json!(true), &json!(at))
    );

    // The iOS app sends one more than the message's own.
    let read = json!({"type": "SET_LAST_MESSAGE_READ", "chat_room_identifier": room,
        "message_timestamp_identifier": at + 1});
    ben.0.send(Message::binary(read.to_string().into_bytes())).await.expect("JSON in binary");
    loop {
        let told = anna.next("SET_LAST_MESSAGE_READ").await;
        if told["app_user_identifier"] == "ben" {
            assert_eq!(told["message_timestamp_identifier"], at);
            break;
        }
    }
    anna.say(json!({"type": "GET_LAST_MESSAGES_READ", "chat_room_identifier": room})).await;
    let markers = anna.next("GET_LAST_MESSAGES_READ").await;
    let markers = markers["payload"].as_array().expect("a list").clone();
    assert_eq!(markers.len(), 2);
    let digits = json!(at.to_string());
    assert!(markers.iter().all(|one| one["message_timestamp_identifier"] == digits));

    let history = json!({"type": "GET_HISTORY", "chat_room_identifier": room,
        "from_message_timestamp_identifier": at + 1, "limit": 20});
    ben.say(history).await;
    let mut page = ben.raw().await;
    while !page.contains("GET_HISTORY") {
        page = ben.raw().await;
    }
    assert!(page.contains(&format!("\"message_timestamp_identifier\":\"{at}\"")), "{page}");
    server.stop().await;
}

#[tokio::test]
async fn the_backend_is_the_source_of_truth() {
    for as_json in [false, true] {
        let server = TestServer::sqlite().await;
        let vendor = Vendor { as_json, ..Vendor::new(&server).await };
        source_of_truth(&vendor).await;
        assert!(server.stop().await);
    }
}

async fn source_of_truth(vendor: &Vendor<'_>) {
    let room = vendor.room(&["anna"]).await;
    let (mut anna, mut ben) = (vendor.enter("anna").await, vendor.enter("ben").await);
    let extra = ben.refused(said(&room, "let me in"), 10_001).await;
    assert_eq!(extra["application_user_identifier"], "ben");
    vendor
        .form(&format!("chat-room/{room}/add-users/"), &[("application_users_identifiers", "ben")])
        .await
        .is(200);
    ben.say(said(&room, "thanks")).await;
    let at = anna.next("ROUTABLE").await["message_timestamp_identifier"].clone();

    let report = [
        ("application_user_identifier", "anna"),
        ("chat_room_identifier", &room),
        ("message_timestamp_identifier", &at.to_string()),
        ("report_type", "1"),
        ("message", "rude"),
    ];
    vendor.form("reported-chat-message/", &report).await.is(200);
    vendor.form(&format!("chat-message/{at}/set-active/"), &[("is_active", "False")]).await.is(200);
    let page = vendor.request("GET", &format!("chat-room/{room}/messages/?limit=5")).send().await;
    assert_eq!(page.is(200), json!([]), "what is hidden is in no list");
    vendor.form(&format!("chat-message/{at}/set-active/"), &[("is_active", "True")]).await.is(200);
    let page = vendor.request("GET", &format!("chat-room/{room}/messages/?limit=5")).send().await;
    assert_eq!(page.is(200)[0]["message"], "thanks");

    let system = [("chat_room_identifier", room.as_str()), ("message", "Ben is here")];
    vendor.form("system-message/send-system-message/", &system).await.is(200);
    assert_eq!(anna.next("SYSTEM_ROUTABLE").await["message"], "Ben is here");
    vendor
        .form(
            &format!("chat-room/{room}/remove-users/"),
            &[("application_users_identifiers", "ben")],
        )
        .await
        .is(200);
    ben.refused(said(&room, "still?"), 10_001).await;
    vendor.request("DELETE", &format!("chat-room/{room}/")).send().await.is(204);
    anna.refused(said(&room, "gone"), 10_009).await;

    let token = vendor.token("anna", "phone").await;
    anna.closed().await;
    let socket = vendor.socket(&token).await;
    vendor.form("session/close-session/", &[("token", &token)]).await.is(200);
    socket.closed().await;
    vendor.form("session/close-session/", &[("token", &token)]).await.is(404);
}

/// Header, query or path, with a slash behind it or without.
#[tokio::test]
async fn i2a_takes_a_token_wherever_the_vendor_does() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    let token = vendor.token("dora", "phone").await;
    let coded = segment(&token);
    for (path, header) in [
        ("/socket/".to_owned(), Some(token.as_str())),
        ("/socket".to_owned(), Some(token.as_str())),
        (format!("/socket/{coded}"), None),
        (format!("/socket/{coded}/"), None),
        (format!("/socket?token={coded}"), None),
    ] {
        let mut socket = vendor.upgrade(&path, header).await;
        socket.refused(said("nowhere", "x"), 10_009).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_vendors_form() {
    let server = TestServer::sqlite().await;
    let vendor = Vendor::new(&server).await;
    let bare = server.request("GET", "/server-to-server/v1/ping/").send().await;
    assert!(bare.is(401)["detail"].is_string());
    let other = Vendor::new(&server).await;
    let room = other.room(&["anna"]).await;
    let users = [("application_users_identifiers", "ben")];
    vendor.form(&format!("chat-room/{room}/add-users/"), &users).await.is(404);
    vendor.request("GET", "chat-room/").send().await.is(405);
    let missing = vendor.form("session/open-session/", &[("device_identifier", "d")]).await.is(400);
    assert_eq!(missing, json!({"application_user_identifier": ["This field is required."]}));
    vendor.form("chat-room/", &[]).await.is(400);
    let wrong = [("application_users_identifiers", "a"), ("type", "9")];
    assert!(vendor.form("chat-room/", &wrong).await.is(400)["type"].is_array());
    for user in ["a/b", "a:b", "a?b c", "語", "👋", &"x".repeat(128)] {
        let made = json!({"application_users_identifiers": [user], "type": 1});
        vendor.request("POST", "chat-room/").json(made).send().await.is(201);
    }
    let long = json!({"application_users_identifiers": ["x".repeat(129)]});
    vendor.request("POST", "chat-room/").json(long).send().await.is(400);
    vendor.request("POST", "chat-room/").raw("{").send().await.is(400);

    let plain = server.request("GET", "/socket/").send().await;
    assert_eq!((plain.status, plain.text.contains("token is not present")), (404, true));
    server.request("GET", "/socket/nonsense").send().await.said(403);
    let manager = server.request("GET", "/socket/").header("X-MANAGER-SECRET", "x");
    manager.send().await.said(501);
    let mut socket = vendor.enter("anna").await;
    let own = vendor.room(&["anna"]).await;
    socket.refused(json!(["a list"]), 10_004).await;
    let field = socket.refused(json!({"type": "ROUTABLE"}), 10_005).await;
    assert_eq!(field["field_name"], "chat_room_identifier");
    let number = json!({"type": "ROUTABLE", "chat_room_identifier": own, "message": 7});
    socket.refused(number, 10_002).await;
    socket.refused(said("nowhere", "x"), 10_009).await;
    let many: Vec<&str> = vec![&own; 11];
    let many = json!({"type": "GET_UNREAD_MESSAGES_COUNT", "chat_room_identifiers": many});
    socket.refused(many, 10_003).await;
    let mass = [("application_users_identifiers", "anna"), ("type", "2")];
    let mass = text(&vendor.form("chat-room/", &mass).await.is(201)["identifier"]);
    let read = json!({"type": "GET_LAST_MESSAGES_READ", "chat_room_identifier": mass});
    socket.refused(read, 10_008).await;
    let mut stranger = vendor.enter("zoe").await;
    stranger.say(said(&mass, "public")).await;
    assert_eq!(socket.next("ROUTABLE").await["message"], "public");
    socket.refused(json!({"type": "NONSENSE"}), 10_000).await;
    socket.closed().await;
    for _ in 0..300 {
        stranger.say(json!({"type": "ROUTABLE"})).await;
    }
    loop {
        if stranger.next("ERROR").await["exception"]["error_code"] == 10_007 {
            break;
        }
    }
    stranger.closed().await;
    server.stop().await;
}

/// The vendor's own client from the package index, unmodified: its newest version and its oldest.
#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_client() {
    for version in ["1.3.1", "1.0.2"] {
        let server = TestServer::sqlite().await;
        let vendor = Vendor::new(&server).await;
        let python = crate::foreign::python("i2a", &[&format!("i2a_chat_api_client=={version}")]);
        let script = crate::foreign::script("i2a/run.py");
        let output = tokio::process::Command::new(python)
            .arg(script)
            .env("SERVER", format!("http://{}", server.address()))
            .env("SECRET", &vendor.secret)
            .output();
        let output = output.await.expect("python runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let erred = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{version}: {said}{erred}");
        assert!(said.lines().count() >= 8, "{version}: {said}");
        server.stop().await;
    }
}
