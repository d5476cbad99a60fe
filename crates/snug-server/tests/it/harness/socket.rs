//! A socket as an SDK would hold it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

use super::{segment, within};

/// Where a token is shown to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Header,
    Subprotocol,
    Query,
    Path,
    FirstFrame,
}

impl Door {
    pub(crate) const ALL: [Self; 5] =
        [Self::Header, Self::Subprotocol, Self::Query, Self::Path, Self::FirstFrame];
}

/// Answers by id, events in the order they came.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the upgrade's answer selected.
    pub(crate) subprotocol: Option<String>,
    pub(crate) events: VecDeque<(String, Value)>,
    answers: VecDeque<Value>,
    /// The code and reason of the goodbye; 1006 when the connection just ended.
    goodbye: Option<(u16, String)>,
    next_id: u64,
}

impl Socket {
    /// Connects with the token where `door` says. Does not wait for `hello`.
    pub(crate) async fn connect(address: SocketAddr, door: Door, token: &str) -> Self {
        Self::connect_from(address, door, token, None).await
    }

    /// As `connect`, from a page of this origin.
    pub(crate) async fn connect_from(
        address: SocketAddr,
        door: Door,
        token: &str,
        origin: Option<&str>,
    ) -> Self {
        let coded = segment(token);
        let path = match door {
            Door::Query => format!("/v1/socket?token={coded}"),
            Door::Path => format!("/v1/socket/{coded}"),
            Door::Header | Door::Subprotocol | Door::FirstFrame => "/v1/socket".to_owned(),
        };
        let mut headers = Vec::new();
        match door {
            Door::Header => headers.push(("authorization", format!("Bearer {token}"))),
            Door::Subprotocol => {
                let list = format!("snug.v1, snug.token.{token}");
                headers.push(("sec-websocket-protocol", list));
            }
            Door::Query | Door::Path | Door::FirstFrame => {}
        }
        if let Some(origin) = origin {
            headers.push(("origin", origin.to_owned()));
        }
        let mut socket = Self::upgrade(address, &path, &headers).await;
        if door == Door::FirstFrame {
            let frame = json!({"id": "auth", "op": "auth", "data": {"token": token}});
            socket.send(&frame.to_string()).await;
        }
        socket
    }

    /// An upgrade with these headers and nothing else.
    pub(crate) async fn upgrade(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, String)],
    ) -> Self {
        let uri = format!("ws://{address}{path}");
        let mut builder = ClientBuilder::new().uri(&uri).expect("a URI");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            let value = HeaderValue::from_str(value).expect("a header's value");
            builder = builder.add_header(name, value).expect("a free header");
        }
        let connected = within("the upgrade", builder.connect()).await;
        let (stream, answer) = connected.expect("the upgrade is answered");
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        let subprotocol = answer.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.map(|name| name.to_str().expect("ASCII").to_owned());
        let (events, answers) = (VecDeque::new(), VecDeque::new());
        Self { stream, subprotocol, events, answers, goodbye: None, next_id: 0 }
    }

    /// Whether it was let in: `hello`, or the problem of the `error` event.
    pub(crate) async fn entered(&mut self) -> Result<Value, Value> {
        loop {
            let word = self.events.iter().position(|(name, _)| name == "hello" || name == "error");
            if let Some((name, data)) = word.and_then(|index| self.events.remove(index)) {
                return if name == "hello" { Ok(data) } else { Err(data) };
            }
            if !within("hello or error", self.read()).await {
                panic!("closed with {:?} without a word", self.goodbye);
            }
        }
    }

    /// A text frame as it stands.
    pub(crate) async fn send(&mut self, frame: &str) {
        self.send_message(Message::text(frame.to_owned())).await;
    }

    pub(crate) async fn send_binary(&mut self, frame: Vec<u8>) {
        self.send_message(Message::binary(Bytes::from(frame))).await;
    }

    async fn send_message(&mut self, message: Message) {
        // A server that has said goodbye reads nothing more; the test sees it in the code.
        let _ = within("room to write", self.stream.send(message)).await;
    }

    /// Sends a request and returns its id, without waiting for the answer.
    pub(crate) async fn begin(&mut self, op: &str, data: Value) -> String {
        self.next_id += 1;
        let id = format!("r{}", self.next_id);
        self.send(&json!({"id": id, "op": op, "data": data}).to_string()).await;
        id
    }

    /// The answer to a request that was begun, in its whole frame.
    pub(crate) async fn answer(&mut self, id: &str) -> Value {
        loop {
            let found = self.answers.iter().position(|answer| answer["id"] == id);
            if let Some(answer) = found.and_then(|index| self.answers.remove(index)) {
                return answer;
            }
            let what = format!("the answer to {id}");
            if !within(&what, self.read()).await {
                panic!("closed with {:?} before {what}", self.goodbye);
            }
        }
    }

    /// Asks; the whole answer frame.
    pub(crate) async fn ask(&mut self, op: &str, data: Value) -> Value {
        let id = self.begin(op, data).await;
        self.answer(&id).await
    }

    /// Asks what must succeed; the answer's data.
    pub(crate) async fn request(&mut self, op: &str, data: Value) -> Value {
        let mut answer = self.ask(op, data).await;
        assert_eq!(answer["ok"], true, "{op}: {answer}");
        answer["data"].take()
    }

    /// Asks what must be refused with this code; the problem.
    pub(crate) async fn refused(&mut self, op: &str, data: Value, code: &str) -> Value {
        let mut answer = self.ask(op, data).await;
        assert_eq!(
            (&answer["ok"], &answer["error"]["code"]),
            (&json!(false), &json!(code)),
            "{op}"
        );
        answer["error"].take()
    }

    /// The next event of this name; others that came before stay in `events`.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.event_where(name, |_| true).await
    }

    /// The next event of this name whose data fits; others stay.
    pub(crate) async fn event_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut looked = 0;
        loop {
            while let Some((found, data)) = self.events.get(looked) {
                if found == name && fits(data) {
                    let (_, data) = self.events.remove(looked).expect("it was there");
                    return data;
                }
                looked += 1;
            }
            let what = format!("the event {name}");
            if !within(&what, self.read()).await {
                panic!("closed with {:?} before {what}; had {:?}", self.goodbye, self.events);
            }
        }
    }

    /// A round trip: what the server had queued for this socket before it is in `events` now.
    pub(crate) async fn settle(&mut self) {
        self.request("ping", json!({})).await;
    }

    /// Every event so far, after a round trip; leaves none.
    pub(crate) async fn drain(&mut self) -> Vec<(String, Value)> {
        self.settle().await;
        self.events.drain(..).collect()
    }

    /// Reads to the end; the close code (1006 when there was none).
    pub(crate) async fn closed(&mut self) -> u16 {
        while within("the close", self.read()).await {}
        self.goodbye.as_ref().map_or(1006, |(code, _)| *code)
    }

    /// As `closed`, the reason's text.
    pub(crate) async fn closed_because(&mut self) -> (u16, String) {
        let code = self.closed().await;
        (code, self.goodbye.as_ref().map_or_else(String::new, |(_, reason)| reason.clone()))
    }

    /// Takes one frame in; `false` at the end.
    async fn read(&mut self) -> bool {
        let Some(Ok(message)) = self.stream.next().await else { return false };
        if let Some((code, reason)) = message.as_close() {
            self.goodbye = Some((code.into(), reason.to_owned()));
            return true;
        }
        if !message.is_text() {
            return true;
        }
        let text = message.as_text().expect("a text frame");
        let mut frame: Value = serde_json::from_str(text).expect("every frame is JSON");
        if let Some(name) = frame["event"].as_str().map(str::to_owned) {
            self.events.push_back((name, frame["data"].take()));
        } else {
            self.answers.push_back(frame);
        }
        true
    }

    /// The bare stream, for what no SDK does.
    pub(crate) fn into_stream(self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        self.stream
    }
}
