//! A running install as `snug verify` reaches it: HTTP and WebSocket at the URLs of its nodes.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use serde_json::Value;
use snug_core::ids::AppId;
use snug_core::limits;
use snug_core::ports::{Outbound, OutboundMethod, OutboundRequest};
use snug_verify::{Answer, Came, Door, Line, Request};
use tokio_websockets::{ClientBuilder, Error, Limits, Message, WebSocketStream};

use crate::outbound::{AllowedAddresses, ConnectedBytes, GuardedClient, OutboundConfig};

/// The nodes of an install by their URLs.
#[derive(Debug)]
pub struct HttpDoor {
    /// Without a slash at the end.
    nodes: Vec<String>,
    client: GuardedClient,
    crowd: AppId,
}

impl HttpDoor {
    /// # Errors
    /// A sentence: a URL is none, or the certificates' file cannot be read.
    pub fn new(urls: &[String], ca_file: Option<std::path::PathBuf>) -> Result<Self, String> {
        // Who runs the command names the addresses: none of them is a customer's.
        let config = OutboundConfig { allow_private: AllowedAddresses::everywhere(), ca_file };
        let client = GuardedClient::new(&config)?;
        let nodes: Vec<String> =
            urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        for url in &nodes {
            client.check_url(url).map_err(|error| format!("{url}: {error}"))?;
        }
        Ok(Self { nodes, client, crowd: AppId::from_stored("verify") })
    }

    fn node(&self, number: usize) -> Result<&str, String> {
        self.nodes.get(number).map(String::as_str).ok_or_else(|| format!("no node {number}"))
    }
}

impl Door for HttpDoor {
    type Line = Socket;

    fn nodes(&self) -> usize {
        self.nodes.len()
    }

    async fn call(&self, node: usize, request: Request) -> Result<Answer, String> {
        let base = self.node(node)?;
        let mut call = OutboundRequest::get(&self.crowd, &format!("{base}{}", request.path));
        call.method = match request.method {
            "POST" => OutboundMethod::Post,
            "PUT" => OutboundMethod::Put,
            "PATCH" => OutboundMethod::Patch,
            "DELETE" => OutboundMethod::Delete,
            _ => OutboundMethod::Get,
        };
        call.headers.push(("Authorization".to_owned(), format!("Bearer {}", request.bearer)));
        if let Some(body) = request.body {
            call.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            call.body = body.to_string().into_bytes();
        }
        call.timeout_ms = limits::CROWD_CALL_MS;
        call.answer_bytes_max = limits::CROWD_ANSWER_BYTES_MAX;
        let answer = self.client.call(call).await.map_err(|error| error.to_string())?;
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok(Answer { status: answer.status, body })
    }

    async fn connect(&self, node: usize, token: &str) -> Result<Socket, String> {
        let base = self.node(node)?;
        let bytes = self.client.connect(base).await.map_err(|error| error.to_string())?;
        let socket = format!("{}/v1/socket", base.replacen("http", "ws", 1));
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| "a token that is no header".to_owned())?;
        let upgrade = ClientBuilder::new()
            .uri(&socket)
            .map_err(|error| error.to_string())?
            .limits(Limits::default().max_payload_len(Some(limits::CROWD_ANSWER_BYTES_MAX)))
            .add_header(AUTHORIZATION, bearer)
            .map_err(|error| error.to_string())?;
        let (stream, _) = upgrade.connect_on(bytes).await.map_err(|error| error.to_string())?;
        Ok(Socket { stream, code: None })
    }
}

/// A socket of the crowd's.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<ConnectedBytes>,
    code: Option<u16>,
}

impl Line for Socket {
    async fn send(&mut self, frame: String) {
        // A connection that is over says so to the next read.
        let _ = self.stream.send(Message::text(Bytes::from(frame))).await;
    }

    async fn next(&mut self) -> Came {
        loop {
            match self.stream.next().await {
                Some(Ok(message)) => {
                    if let Some((code, _)) = message.as_close() {
                        self.code = Some(code.into());
                    } else if let Some(text) = message.as_text()
                        && let Ok(frame) = serde_json::from_str(text)
                    {
                        return Came::Frame(frame);
                    }
                }
                Some(Err(Error::Io(_) | Error::AlreadyClosed)) | None => {
                    return Came::Closed(self.code.unwrap_or(1006));
                }
                Some(Err(_)) => return Came::Closed(1002),
            }
        }
    }
}
