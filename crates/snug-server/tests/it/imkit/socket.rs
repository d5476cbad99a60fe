//! IMKit's events over Socket.IO, by hand: Engine.IO 4 over a WebSocket, the namespace `/`.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{MaybeTlsStream, Message, WebSocketStream};

use super::Imkit;
use crate::harness::{Socket, within};

pub(crate) struct Line {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    events: VecDeque<Value>,
}

impl Line {
    /// Connects; nobody is known yet.
    pub(crate) async fn open(imkit: &Imkit, headers: &[(&str, String)]) -> Self {
        let path = "/socket.io/?EIO=4&transport=websocket";
        let stream = Socket::upgrade(imkit.app.address, path, headers).await.into_stream();
        let mut line = Self { stream, events: VecDeque::new() };
        line.say("40").await;
        while line.packet().await.is_some_and(|packet| !packet.starts_with("40")) {}
        line
    }

    /// Connects and brings a token; the answer to it.
    pub(crate) async fn shown(imkit: &Imkit, token: &str) -> (Self, Value) {
        let mut line = Self::open(imkit, &[]).await;
        let event = json!(["auth2", token, {"CLIENT_KEY": imkit.keys.client_key}]);
        let answer = line.call(&event).await;
        (line, answer)
    }

    /// A user who is let in.
    pub(crate) async fn enter(imkit: &Imkit, token: &str) -> Self {
        let (line, answer) = Self::shown(imkit, token).await;
        assert_eq!(answer["RC"], 0, "{answer}");
        line
    }

    async fn say(&mut self, packet: &str) {
        // Whoever is ended sees it at the next reading.
        let _ = self.stream.send(Message::text(packet.to_owned())).await;
    }

    /// The next packet; `None` at the end.
    async fn packet(&mut self) -> Option<String> {
        loop {
            let Some(Ok(frame)) = within("a packet", self.stream.next()).await else { return None };
            match frame.as_text() {
                Some("2") => self.say("3").await,
                Some(text) if text.starts_with("41") => return None,
                Some(text) => return Some(text.to_owned()),
                None => {}
            }
        }
    }

    /// An event with an acknowledgement; what it says.
    pub(crate) async fn call(&mut self, event: &Value) -> Value {
        self.say(&format!("421{event}")).await;
        loop {
            let packet = self.packet().await.expect("an answer");
            if let Some(answer) = packet.strip_prefix("431") {
                let answer: Value = serde_json::from_str(answer).expect("JSON");
                return answer[0].clone();
            }
            self.keep(&packet);
        }
    }

    fn keep(&mut self, packet: &str) {
        if let Some(event) = packet.strip_prefix("42") {
            self.events.push_back(serde_json::from_str(event).expect("JSON"));
        }
    }

    /// The next event of a name; others are passed over.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            while let Some(event) = self.events.pop_front() {
                if event[0] == name {
                    return event[1].clone();
                }
            }
            let packet = self.packet().await.expect("an event");
            self.keep(&packet);
        }
    }

    /// Reads to the end.
    pub(crate) async fn ended(&mut self) {
        while self.packet().await.is_some() {}
    }
}
