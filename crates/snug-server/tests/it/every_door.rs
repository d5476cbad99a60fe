//! One conversation through every door: what is sent by each of native REST, native socket, I2A,
//! Rocket.Chat by REST and by DDP, IMKit by REST and by Socket.IO is read through all the others,
//! live and by history, in one order.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use crate::harness::{Backend, Page, Socket, TestServer, text, within};
use crate::i2a::{Vendor, Wire, said};
use crate::imkit::{Imkit, result};
use crate::rocketchat::ddp::Ddp;
use crate::rocketchat::{Login, Rocket, success};

/// A Socket.IO connection, by hand: Engine.IO 4 over a WebSocket, one namespace.
struct SocketIo {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    waiting: Vec<Value>,
}

impl SocketIo {
    async fn enter(server: &TestServer, key: &str, token: &str) -> Self {
        let path = format!("ws://{}/socket.io/?EIO=4&transport=websocket", server.address());
        let builder = ClientBuilder::from_uri(path.parse().expect("an address"));
        let (stream, _) = within("upgrade", builder.connect()).await.expect("it upgrades");
        let mut socket = Self { stream, waiting: Vec::new() };
        assert!(socket.packet().await.starts_with('0'), "an open packet");
        socket.say("40").await;
        assert!(socket.packet().await.starts_with("40"), "the namespace");
        let entered = socket.call(&json!(["auth2", token, {"CLIENT_KEY": key}])).await;
        assert_eq!(entered["RC"], 0, "{entered}");
        socket
    }

    async fn say(&mut self, packet: &str) {
        self.stream.send(Message::text(packet.to_owned())).await.expect("it takes a packet");
    }

    async fn packet(&mut self) -> String {
        loop {
            let frame = within("a packet", self.stream.next()).await.expect("open");
            let frame = frame.expect("a frame");
            match frame.as_text() {
                Some("2") => self.say("3").await,
                Some(text) => return text.to_owned(),
                None => {}
            }
        }
    }

    /// An event with an acknowledgement; what it says.
    async fn call(&mut self, event: &Value) -> Value {
        self.say(&format!("421{event}")).await;
        loop {
            let packet = self.packet().await;
            if let Some(answer) = packet.strip_prefix("431") {
                let answer: Value = serde_json::from_str(answer).expect("JSON");
                return answer[0].clone();
            }
            self.keep(&packet);
        }
    }

    fn keep(&mut self, packet: &str) {
        if let Some(event) = packet.strip_prefix("42") {
            self.waiting.push(serde_json::from_str(event).expect("JSON"));
        }
    }

    async fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some(at) = self.waiting.iter().position(|event| event[0] == name) {
                return self.waiting.remove(at)[1].clone();
            }
            let packet = self.packet().await;
            self.keep(&packet);
        }
    }
}

const DOORS: [&str; 7] = [
    "native rest",
    "native socket",
    "i2a",
    "rocketchat rest",
    "rocketchat ddp",
    "imkit rest",
    "imkit socket.io",
];

/// The doors at which somebody listens.
const DOORS_LIVE: [&str; 4] = ["native socket", "i2a", "rocketchat ddp", "imkit socket.io"];

/// Seven people of one room, each at a door of their own.
struct Company<'s> {
    room: String,
    page: Page,
    socket: Socket,
    vendor: Vendor<'s>,
    wire: Wire,
    rocket: Rocket,
    rita: Login,
    ddp: Ddp,
    imkit: Imkit,
    imo: String,
    ivy: SocketIo,
}

impl<'s> Company<'s> {
    async fn gather(server: &'s TestServer) -> Self {
        let app = server.app().await;
        let rocket = Rocket::beside(server, app.clone()).await;
        let imkit = Imkit::beside(server, app.clone()).await;
        // I2A last: its apps leave rooms to the backend, which here makes the one.
        let vendor = Vendor::beside(server, app.clone()).await;
        let (rita, dan) = (rocket.user("rita").await, rocket.user("dan").await);
        let (imo, ivy) = (imkit.token("imo").await, imkit.token("ivy").await);
        let room = app.group(&["nora", "nick", "ida", "rita", "dan", "imo", "ivy"]).await;
        let (_, mut socket) = app.enter("nick").await;
        socket.request("room.open", json!({ "room": room })).await;
        let mut ddp = Ddp::enter(server, &dan).await;
        ddp.subscribe("stream-room-messages", json!([room, false])).await;
        Self {
            page: app.page("nora").await,
            socket,
            wire: vendor.enter("ida").await,
            ddp,
            ivy: SocketIo::enter(server, &imkit.keys.client_key, &ivy).await,
            room,
            vendor,
            rocket,
            rita,
            imkit,
            imo,
        }
    }

    async fn send(&mut self, door: &str, words: &str) {
        let room = self.room.clone();
        match door {
            "native rest" => {
                let path = format!("rooms/{room}/messages");
                self.page.post(&path, json!({ "text": words })).await.ok();
            }
            "native socket" => {
                let asked = json!({ "room": room, "text": words });
                self.socket.request("message.send", asked).await;
            }
            "i2a" => {
                let named = format!("{room}:{}", self.vendor.app.id);
                self.wire.say(said(&named, words)).await;
            }
            "rocketchat rest" => {
                let body = json!({"message": {"rid": room, "msg": words}});
                success(self.rocket.post(&self.rita, "chat.sendMessage", body).await);
            }
            "rocketchat ddp" => {
                // With an id of the client's, one for each round.
                let id = format!("minted-{}", &words[..1]);
                let message = json!([{ "_id": id, "rid": room, "msg": words }]);
                self.ddp.call("sendMessage", message).await;
            }
            "imkit rest" => {
                let path = format!("/rooms/{room}/message");
                result(
                    self.imkit.user(&self.imo, "POST", &path, json!({ "message": words })).await,
                );
            }
            _ => {
                let event = json!(["chat message", { "room": room, "message": words }]);
                assert_eq!(self.ivy.call(&event).await["RC"], 0);
            }
        }
    }

    /// From all doors in one moment.
    async fn send_all_at_once(&mut self) {
        let Self { room, page, socket, vendor, wire, rocket, rita, ddp, imkit, imo, ivy } = self;
        let words = |door: &str| format!("at once from {door}");
        let named = format!("{room}:{}", vendor.app.id);
        let path = format!("rooms/{room}/messages");
        let by_rest = page.post(&path, json!({ "text": words("native rest") }));
        let asked = json!({ "room": *room, "text": words("native socket") });
        let by_socket = socket.request("message.send", asked);
        let by_i2a = wire.say(said(&named, &words("i2a")));
        let body = json!({"message": {"rid": *room, "msg": words("rocketchat rest")}});
        let by_rocket = rocket.post(rita, "chat.sendMessage", body);
        let message = json!([{ "_id": "minted-0", "rid": *room, "msg": words("rocketchat ddp") }]);
        let by_ddp = ddp.call("sendMessage", message);
        let (path, body) = (format!("/rooms/{room}/message"), json!({"message": words("imkit")}));
        let by_imkit = imkit.user(imo, "POST", &path, body);
        let event = json!(["chat message", { "room": *room, "message": words("imkit socket.io") }]);
        let by_ivy = ivy.call(&event);
        let (rest, _, (), rocket, _, imkit, ivy) =
            tokio::join!(by_rest, by_socket, by_i2a, by_rocket, by_ddp, by_imkit, by_ivy);
        rest.ok();
        success(rocket);
        result(imkit);
        assert_eq!(ivy["RC"], 0);
    }

    /// The next messages as each door that is live hears them.
    async fn hear_all(&mut self, count: usize) -> Vec<(&'static str, Vec<String>)> {
        let room = self.room.clone();
        let mut heard = DOORS_LIVE.map(|door| (door, Vec::new()));
        for _ in 0..count {
            let native = self.socket.event("message.new").await;
            heard[0].1.push(text(&native["message"]["text"]));
            heard[1].1.push(text(&self.wire.next("ROUTABLE").await["message"]));
            let ddp = self.ddp.event("stream-room-messages", &room).await;
            heard[2].1.push(text(&ddp[0]["msg"]));
            heard[3].1.push(text(&self.ivy.event("chat message").await["message"]));
        }
        heard.into()
    }

    /// The next message at each door that is live is this one.
    async fn hear(&mut self, words: &str) {
        let room = self.room.clone();

        let native = self.socket.event("message.new").await;
        assert_eq!(native["message"]["text"], words, "native socket");
        assert_eq!(self.wire.next("ROUTABLE").await["message"], words, "i2a");
        let ddp = self.ddp.event("stream-room-messages", &room).await;
        assert_eq!(ddp[0]["msg"], words, "ddp");
        assert_eq!(self.ivy.event("chat message").await["message"], words, "socket.io");
    }

    /// The room as each door's history tells it, oldest first.
    async fn histories(&mut self) -> Vec<(&'static str, Vec<String>)> {
        let room = self.room.clone();
        let words = |list: &Value, field: &str, newest_first: bool| {
            let all = list.as_array().expect("a list").iter();
            let mut words: Vec<String> = all.map(|one| text(&one[field])).collect();
            if newest_first {
                words.reverse();
            }
            words
        };
        let page = self.page.get(&format!("rooms/{room}/messages?limit=100")).await.ok();
        let native = words(&page["messages"], "text", false);
        let asked = json!({ "room": room, "limit": 100 });
        let history = self.socket.request("history", asked).await;
        let by_socket = words(&history["messages"], "text", false);
        let named = format!("{room}:{}", self.vendor.app.id);
        let ask = json!({
            "type": "GET_HISTORY", "chat_room_identifier": named, "limit": 100,
            "from_message_timestamp_identifier": i64::MAX.to_string(),
        });
        self.wire.say(ask).await;
        let i2a = words(&self.wire.next("GET_HISTORY").await["payload"], "message", true);
        let path = format!("chat-room/{}/messages/?limit=100", self.room);
        let i2a_rest =
            words(&self.vendor.request("GET", &path).send().await.ok(), "message", false);
        let path = format!("groups.messages?roomId={room}&count=100");
        let page = success(self.rocket.get(&self.rita, &path).await);
        let rocket = words(&page["messages"], "msg", true);
        let loaded = self.ddp.call("loadHistory", json!([room, null, 100, null])).await;
        let ddp = words(&loaded["messages"], "msg", true);
        let path = format!("/rooms/{room}/messages/v3?limit=100");
        let page = result(self.imkit.user(&self.imo, "GET", &path, Value::Null).await);
        let imkit = words(&page["data"], "message", true);
        vec![
            ("native rest", native),
            ("native socket", by_socket),
            ("i2a socket", i2a),
            ("i2a rest", i2a_rest),
            ("rocketchat rest", rocket),
            ("rocketchat ddp", ddp),
            ("imkit rest", imkit),
        ]
    }
}

async fn conversation(server: &TestServer) {
    let mut company = Company::gather(server).await;
    let mut all = Vec::new();
    for round in 1..=3 {
        for door in DOORS {
            let words = format!("{round} 從 {door} 👋");
            company.send(door, &words).await;
            company.hear(&words).await;
            all.push(words);
        }
    }
    for (door, told) in company.histories().await {
        assert_eq!(told, all, "{door}");
    }
    // Whatever order seven that speak at once get, it is the same at every door.
    company.send_all_at_once().await;
    let heard = company.hear_all(DOORS.len()).await;
    let (_, order) = &heard[0];
    assert_eq!(order.len(), DOORS.len());
    for (door, told) in &heard {
        assert_eq!(told, order, "{door}, live");
    }
    for (door, told) in company.histories().await {
        assert_eq!(&told[all.len()..], order, "{door}");
    }
}

#[tokio::test]
async fn one_conversation_through_every_door_on_sqlite() {
    let server = TestServer::sqlite().await;
    conversation(&server).await;
    assert!(server.stop().await);
}

#[tokio::test]
async fn one_conversation_through_every_door_on_postgres() {
    let server = TestServer::start(Backend::Postgres).await;
    conversation(&server).await;
    assert!(server.stop().await);
}
