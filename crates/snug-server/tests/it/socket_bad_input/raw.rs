//! A socket by hand: bytes that no WebSocket library would send.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::within;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Text,
    Close,
    Ping,
    Pong,
}

/// A frame: its first byte, its payload, masked (with zeros) or not.
pub(super) fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(mask | u8::try_from(length).expect("below 126")),
        length => match u16::try_from(length) {
            Ok(length) => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        },
    }
    if masked {
        bytes.extend_from_slice(&[0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// The request of an upgrade.
pub(super) fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: snug\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A connection after the upgrade.
pub(crate) struct Raw {
    stream: TcpStream,
    seen: Vec<Opcode>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        Self::over(stream, path).await
    }

    pub(super) async fn over(mut stream: TcpStream, path: &str) -> Self {
        stream.write_all(upgrade(path).as_bytes()).await.expect("room to write");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(within("the upgrade", stream.read_u8()).await.expect("an answer"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self { stream, seen: Vec::new() }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        // A server that has said goodbye may take no more; the test sees it in the code.
        let _ = within("room to write", self.stream.write_all(bytes)).await;
    }

    /// The next event of this name; answers and other events are passed over.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            let Some((opcode, payload)) = self.next().await else { panic!("closed before {name}") };
            if opcode == Opcode::Text {
                let mut frame: Value = serde_json::from_slice(&payload).expect("JSON");
                if frame["event"] == name {
                    return frame["data"].take();
                }
            }
        }
    }

    /// Reads to the end; the close code, if there was a goodbye.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((opcode, payload)) = self.next().await {
            if opcode == Opcode::Close {
                code = payload.first_chunk().map(|two| u16::from_be_bytes(*two));
            }
        }
        code
    }

    /// How many frames of this kind have come.
    pub(super) fn count(&self, opcode: Opcode) -> usize {
        self.seen.iter().filter(|seen| **seen == opcode).count()
    }

    async fn next(&mut self) -> Option<(Opcode, Vec<u8>)> {
        let frame = within("a frame or the end", read_frame(&mut self.stream)).await.ok()?;
        self.seen.push(frame.0);
        Some(frame)
    }
}

async fn read_frame(stream: &mut TcpStream) -> std::io::Result<(Opcode, Vec<u8>)> {
    let first = stream.read_u8().await?;
    let opcode = match first {
        0x81 => Opcode::Text,
        0x88 => Opcode::Close,
        0x89 => Opcode::Ping,
        0x8a => Opcode::Pong,
        other => panic!("a frame that the server never sends: {other:#x}"),
    };
    let length = match stream.read_u8().await? {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        length => u64::from(length),
    };
    let mut payload = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut payload).await?;
    Ok((opcode, payload))
}
