//! The codec seam: the only file that names the WebSocket library. `snug-ws` will take its place.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use snug_core::limits;
use snug_proto::CloseCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
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
    /// Reading failed: the library says nothing more, so the last words are written past it.
    broken: bool,
}

/// What the last words of a broken connection look like: small frames, unmasked.
#[derive(Debug, Clone, Copy)]
enum RawFrame {
    Text = 0x81,
    Close = 0x88,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes a stream after the HTTP upgrade.
    pub(super) fn new(stream: S) -> Self {
        Self::bounded(stream, limits::FRAME_BYTES_MAX)
    }

    /// As `new`, with a bound of its own on what a client may send, in bytes.
    pub(super) fn bounded(stream: S, most: usize) -> Self {
        let limits = Limits::default().max_payload_len(Some(most));
        Self { stream: ServerBuilder::new().limits(limits).serve(stream), broken: false }
    }

    /// The next thing the client sent. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Incoming, Broken> {
        let next = self.stream.next().await;
        self.broken |= matches!(next, Some(Err(_)));
        match next {
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
        if self.broken {
            return self.write_raw(RawFrame::Text, &frame).await;
        }
        self.stream.feed(Message::text(Payload::from(frame))).await.map_err(|_| Broken::Gone)
    }

    pub(super) async fn ping(&mut self) -> Result<(), Broken> {
        self.stream.feed(Message::ping(Payload::from(Bytes::new()))).await.map_err(|_| Broken::Gone)
    }

    /// Writes what is queued in as few system calls as the socket takes.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        if self.broken {
            return Ok(());
        }
        self.stream.flush().await.map_err(|_| Broken::Gone)
    }

    /// Says goodbye with a code and waits for what is queued to leave.
    pub(super) async fn close(&mut self, code: CloseCode) {
        self.close_with(code.number(), code.name()).await;
    }

    /// As `close`, with any number and reason.
    pub(super) async fn close_with(&mut self, code: u16, reason: &str) {
        if self.broken {
            let mut payload = code.to_be_bytes().to_vec();
            payload.extend_from_slice(reason.as_bytes());
            if self.write_raw(RawFrame::Close, &payload).await.is_ok() {
                self.let_go().await;
            }
            return;
        }
        let number = tokio_websockets::CloseCode::try_from(code);
        let message = Message::close(number.ok(), reason);
        if self.stream.send(message).await.is_ok() {
            // Closing the socket at once could take the goodbye with it.
            while let Some(Ok(_)) = self.stream.next().await {}
            self.let_go().await;
        }
    }

    /// Ends our side and reads what the client still sends: a socket that is closed with bytes
    /// unread is reset, and the reset takes the goodbye with it. Bounded by the caller.
    async fn let_go(&mut self) {
        let stream = self.stream.get_mut();
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut scratch = [0; 4_096];
        while matches!(stream.read(&mut scratch).await, Ok(read) if read > 0) {}
    }

    /// A frame past the library, which has queued a goodbye of its own that nobody flushes.
    async fn write_raw(&mut self, kind: RawFrame, payload: &[u8]) -> Result<(), Broken> {
        let mut frame = Vec::with_capacity(payload.len() + 4);
        frame.push(kind as u8);
        match u16::try_from(payload.len()) {
            Ok(length @ 0..=125) => frame.push(length.to_be_bytes()[1]),
            Ok(length) => {
                frame.push(126);
                frame.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => return Err(Broken::Protocol),
        }
        frame.extend_from_slice(payload);
        self.stream.get_mut().write_all(&frame).await.map_err(|_| Broken::Gone)
    }
}
