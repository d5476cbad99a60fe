//! The codec seam: the only file that names the WebSocket library. `snug-ws` will take its place.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use snug_core::limits;
use snug_proto::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{Error, Limits, Message, Payload, ServerBuilder, WebSocketStream};

/// What a client sent.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A text frame, or a binary one: both carry JSON.
    Data(Bytes),
    /// A ping was answered, or a pong came: somebody is there.
    Alive,
    /// The client said goodbye.
    Closed,
}

/// Why reading cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A frame over the bound.
    TooLarge,
    /// Not WebSocket any more.
    Protocol,
    /// The connection is gone.
    Gone,
}

/// A server's end of one WebSocket.
pub(super) struct Socket<S> {
    stream: WebSocketStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes a stream after the HTTP upgrade.
    pub(super) fn new(stream: S) -> Self {
        let limits = Limits::default().max_payload_len(Some(limits::FRAME_BYTES_MAX));
        Self { stream: ServerBuilder::new().limits(limits).serve(stream) }
    }

    /// The next thing the client sent. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Incoming, Broken> {
        match self.stream.next().await {
            None => Ok(Incoming::Closed),
            Some(Ok(message)) if message.is_text() || message.is_binary() => {
                Ok(Incoming::Data(message.into_payload().into()))
            }
            Some(Ok(message)) if message.is_close() => Ok(Incoming::Closed),
            Some(Ok(_)) => Ok(Incoming::Alive),
            Some(Err(Error::PayloadTooLong { .. })) => Err(Broken::TooLarge),
            Some(Err(Error::Protocol(_))) => Err(Broken::Protocol),
            Some(Err(_)) => Err(Broken::Gone),
        }
    }

    /// Queues a shared text frame without copying its payload.
    pub(super) async fn feed(&mut self, frame: Bytes) -> Result<(), Broken> {
        self.stream.feed(Message::text(Payload::from(frame))).await.map_err(|_| Broken::Gone)
    }

    pub(super) async fn ping(&mut self) -> Result<(), Broken> {
        self.stream.feed(Message::ping(Payload::from(Bytes::new()))).await.map_err(|_| Broken::Gone)
    }

    /// Writes what is queued in as few system calls as the socket takes.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        self.stream.flush().await.map_err(|_| Broken::Gone)
    }

    /// Says goodbye with a code and waits for what is queued to leave.
    pub(super) async fn close(&mut self, code: CloseCode) {
        let number = tokio_websockets::CloseCode::try_from(code.number());
        let message = Message::close(number.ok(), code.name());
        if self.stream.send(message).await.is_ok() {
            // Closing the socket at once could take the goodbye with it.
            while let Some(Ok(_)) = self.stream.next().await {}
        }
    }
}
