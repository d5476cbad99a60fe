//! A Socket.IO connection in the namespace `/ecb`, frame by frame: what came before what is seen.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_websockets::{MaybeTlsStream, Message, WebSocketStream};

use crate::harness::{Socket, within};

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Came {
    Event(String, Value),
    Ack(u64, Value),
    Gone,
}

pub(crate) struct Line {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    came: VecDeque<Came>,
    next: u64,
}

impl Line {
    /// Connects with this user token; does not wait for what it leads to.
    pub(crate) async fn open(address: SocketAddr, user_token: &str) -> Self {
        let path = "/socket.io/?EIO=4&transport=websocket";
        let stream = Socket::upgrade(address, path, &[]).await.into_stream();
        let mut line = Self { stream, came: VecDeque::new(), next: 0 };
        line.send(&format!("40/ecb,{}", json!({"userToken": user_token}))).await;
        line
    }

    /// Connects, past the word that the token was accepted.
    pub(crate) async fn enter(address: SocketAddr, user_token: &str) -> Self {
        let mut line = Self::open(address, user_token).await;
        assert_eq!(line.next().await, Came::Event("connected".into(), json!({})));
        line
    }

    async fn send(&mut self, frame: &str) {
        let frame = Message::text(frame.to_owned());
        within("room to write", self.stream.send(frame)).await.expect("written");
    }

    /// Begins a request; its number.
    pub(crate) async fn begin(&mut self, operation: &str, body: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.send(&format!("42/ecb,{id}{}", json!([operation, body]))).await;
        id
    }

    /// The next thing that comes.
    pub(crate) async fn next(&mut self) -> Came {
        loop {
            if let Some(came) = self.came.pop_front() {
                return came;
            }
            let Some(Ok(message)) = within("a frame", self.stream.next()).await else {
                return Came::Gone;
            };
            let Some(text) = message.as_text() else { continue };
            match text.split_at(text.len().min(2)) {
                ("2", _) => self.send("3").await,
                ("42", rest) => {
                    let parts = parts(rest).1;
                    let name = parts[0].as_str().expect("a name").to_owned();
                    self.came.push_back(Came::Event(name, parts[1].clone()));
                }
                ("43", rest) => {
                    let (id, parts) = parts(rest);
                    self.came.push_back(Came::Ack(id, parts[0].clone()));
                }
                ("41", _) => self.came.push_back(Came::Gone),
                _ => {}
            }
        }
    }

    /// The answer to a request; what comes before it is returned beside it, in order.
    pub(crate) async fn answer(&mut self, id: u64) -> (Value, Vec<Came>) {
        let mut before = Vec::new();
        loop {
            match self.next().await {
                Came::Ack(of, answer) if of == id => return (answer, before),
                Came::Gone => panic!("gone before the answer; had {before:?}"),
                other => before.push(other),
            }
        }
    }

    pub(crate) async fn ask(&mut self, operation: &str, body: &Value) -> Value {
        let id = self.begin(operation, body).await;
        self.answer(id).await.0
    }

    /// Reads to the end.
    pub(crate) async fn ended(&mut self) {
        while self.next().await != Came::Gone {}
    }

    /// The next event of this name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        match self.next().await {
            Came::Event(found, data) if found == name => data,
            other => panic!("expected {name}, got {other:?}"),
        }
    }
}

/// `/ecb,7["name",{..}]` in its parts.
fn parts(rest: &str) -> (u64, Value) {
    let rest = rest.strip_prefix("/ecb,").expect("the namespace");
    let at = rest.find('[').expect("an array");
    let id = rest[..at].parse().unwrap_or(0);
    (id, serde_json::from_str(&rest[at..]).expect("JSON"))
}
