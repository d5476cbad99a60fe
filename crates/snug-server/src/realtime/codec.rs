//! The codec seam: `snug-ws` over a stream; nobody else names it but the outbox and its queue. A
//! socket that is idle holds no buffer: it is read into one of the thread, and what it writes are
//! shared frames.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use snug_core::limits;
use snug_proto::CloseCode;
use snug_ws::{Closing, ControlFrame, Error, Header, Limits, OpCode, Reader, Role, append_frame};

use super::outbox::Outbox;
use super::wire::Wire;

thread_local! {
    /// What is read is taken apart before the thread does anything else.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; limits::SOCKET_READ_BYTES]);
}

/// What a client sent.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A text frame, or a binary one: both carry JSON.
    Data(Bytes),
    /// A ping was answered, or a pong came: somebody is there.
    Alive,
    /// Nothing: what was too much to go on with has left.
    Room,
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
pub(super) struct Socket {
    outbox: Arc<Outbox>,
    reader: Reader,
    closing: Closing,
    /// What was read behind the frame that was handed out last.
    unread: BytesMut,
}

impl Socket {
    /// Takes a stream after the HTTP upgrade, and what was read of it before; `most` bounds what a
    /// client may send, in bytes.
    pub(super) fn new(wire: impl Wire + 'static, early: &[u8], most: usize) -> Self {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let fragments = limits::MESSAGE_FRAMES_MAX;
        let limits = Limits { frame_bytes: most, message_bytes: most, fragments };
        let reader = Reader::new(Role::Server, limits);
        let (outbox, unread) = (Arc::new(Outbox::new(wire)), BytesMut::from(early));
        Self { outbox, reader, closing: Closing::Open, unread }
    }

    /// Where others queue frames for it.
    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The next thing the client sent. What is queued leaves before this waits: the answers to
    /// what came at once go out at once. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Incoming, Broken> {
        self.next_if(true).await
    }

    /// As `next`; while there may not be read, only what is queued leaves.
    pub(super) async fn next_if(&mut self, may_read: bool) -> Result<Incoming, Broken> {
        poll_fn(|cx| {
            if self.outbox.is_full() {
                ready!(self.poll_leave(cx))?;
                return Poll::Ready(Ok(Incoming::Room));
            }
            if may_read {
                return self.poll_next(cx);
            }
            ready!(self.poll_leave(cx))?;
            Poll::Pending
        })
        .await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Broken>> {
        loop {
            if self.reader.has_ended() {
                return Poll::Ready(Ok(Incoming::Closed));
            }
            if !self.unread.is_empty() {
                let mut unread = std::mem::take(&mut self.unread);
                let mut input = &mut unread[..];
                let found = self.reader.next(&mut input);
                let left = input.len();
                let said = self.understand(found);
                unread.advance(unread.len() - left);
                if left > 0 && !self.reader.has_ended() {
                    self.unread = unread;
                }
                if let Some(said) = said {
                    return Poll::Ready(said);
                }
            }
            ready!(self.poll_leave(cx))?;
            if let Some(said) = ready!(self.poll_read(cx)) {
                return Poll::Ready(said);
            }
        }
    }

    /// Comes when there may be read on: who does not read the answers is not read either.
    fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if !self.outbox.waits() {
            return Poll::Ready(Ok(()));
        }
        match self.outbox.poll_flush(cx) {
            Poll::Pending if self.outbox.is_full() => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(Broken::Gone)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// Reads once, and hands out the first thing that is whole.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Incoming, Broken>>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let Ok(count) = ready!(read(self.outbox.wire(), scratch, cx)) else {
                return Poll::Ready(Some(Err(Broken::Gone)));
            };
            let mut input = &mut scratch[..count];
            if input.is_empty() {
                return Poll::Ready(Some(Ok(Incoming::Closed)));
            }
            let found = self.reader.next(&mut input);
            if !input.is_empty() && !self.reader.has_ended() {
                self.unread = BytesMut::from(&*input);
            }
            Poll::Ready(self.understand(found))
        })
    }

    fn understand(
        &mut self,
        found: Result<Option<snug_ws::Incoming<'_>>, Error>,
    ) -> Option<Result<Incoming, Broken>> {
        let incoming = match found {
            Ok(incoming) => incoming?,
            Err(Error::FrameTooLarge { .. } | Error::MessageTooLarge) => {
                return Some(Err(Broken::TooLarge));
            }
            Err(_) => return Some(Err(Broken::Protocol)),
        };
        Some(Ok(match incoming {
            snug_ws::Incoming::Message(message) => Incoming::Data(match message.payload {
                Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
                Cow::Owned(bytes) => bytes.into(),
            }),
            snug_ws::Incoming::Ping(payload) => {
                if self.closing.may_send() {
                    self.outbox.control(&ControlFrame::pong(&payload, None));
                }
                Incoming::Alive
            }
            snug_ws::Incoming::Close(goodbye) => {
                if self.closing.received() && self.closing.sent() {
                    let code = goodbye.map(|goodbye| goodbye.code);
                    self.outbox.goodbye(&ControlFrame::close(code, "", None));
                }
                Incoming::Closed
            }
            // Compression is agreed on with nobody.
            snug_ws::Incoming::Pong(_) | snug_ws::Incoming::Compressed(_) => Incoming::Alive,
        }))
    }

    /// Queues a text frame without copying its payload. It leaves while the next is waited for, or
    /// by `flush`.
    pub(super) fn feed(&mut self, frame: Bytes) {
        if self.closing.may_send() {
            self.outbox.own(Header::new(OpCode::Text, frame.len() as u64).encode(), frame);
        }
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) {
        if self.closing.may_send() {
            self.outbox.control(&ControlFrame::ping(b"", None));
        }
    }

    /// Writes what is queued in as few system calls as the socket takes.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        let wrote = poll_fn(|cx| self.outbox.poll_flush(cx)).await;
        wrote.map_err(|_| Broken::Gone)
    }

    /// Says goodbye with a code and waits for what is queued to leave.
    pub(super) async fn close(&mut self, code: CloseCode) {
        self.close_with(code.number(), code.name()).await;
    }

    /// As `close`, with any number and reason.
    pub(super) async fn close_with(&mut self, code: u16, reason: &str) {
        if !self.closing.sent() {
            return self.end().await;
        }
        let code = snug_ws::CloseCode::new(code);
        self.outbox.goodbye(&ControlFrame::close(code, reason, None));
        if self.flush().await.is_err() {
            return;
        }
        // Closing the socket at once could take the goodbye with it.
        while !self.reader.has_ended() {
            if let Ok(Incoming::Closed) | Err(_) = self.next().await {
                break;
            }
        }
        self.let_go().await;
    }

    /// Ends a connection on which nothing is left to be said, once what waits has left.
    pub(super) async fn end(&mut self) {
        if self.flush().await.is_ok() {
            self.let_go().await;
        }
    }

    /// Ends our side and reads what the client still sends: a socket that is closed with bytes
    /// unread is reset, and the reset takes the goodbye with it. Bounded by the caller.
    async fn let_go(&mut self) {
        if self.outbox.wire().end(true).is_ok() {
            poll_fn(|cx| self.poll_to_the_end(cx)).await;
        }
    }

    fn poll_to_the_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            loop {
                if let Ok(0) | Err(_) = ready!(read(self.outbox.wire(), scratch, cx)) {
                    return Poll::Ready(());
                }
            }
        })
    }
}

/// Others may hold the outbox for a while yet; the client is not to wait for them.
impl Drop for Socket {
    fn drop(&mut self) {
        self.outbox.close();
    }
}

/// Reads once.
fn read(wire: &dyn Wire, into: &mut [u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    loop {
        ready!(wire.poll_readable(cx))?;
        match wire.try_read(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return Poll::Ready(read),
        }
    }
}

/// A whole text frame, to be shared.
pub(super) fn frame(json: &[u8]) -> Bytes {
    let mut whole = Vec::new();
    append_frame(&mut whole, Header::new(OpCode::Text, 0), json);
    whole.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::AtomicUsize;

    use super::super::outbox::Pushed;
    use super::super::wire::Wire;
    use super::super::wire::tests::Narrow;
    use super::{Broken, Incoming, Socket};
    use bytes::Bytes;
    use snug_core::limits;
    use snug_proto::CloseCode;
    use snug_ws::{ControlFrame, Header, Limits, OpCode, Reader, Role, append_frame};
    use socket2::SockRef;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

    fn socket(wire: impl Wire + 'static) -> Socket {
        Socket::new(wire, b"", limits::FRAME_BYTES_MAX)
    }

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().expect("a pair of sockets")
    }

    fn from_client(out: &mut Vec<u8>, text: &str) {
        let header = Header { mask: MASK, ..Header::new(OpCode::Text, 0) };
        append_frame(out, header, text.as_bytes());
    }

    fn is_data(found: Result<Incoming, Broken>, text: &str) -> bool {
        matches!(found, Ok(Incoming::Data(bytes)) if bytes == text)
    }

    /// What a client understands, as text.
    fn understood(mut bytes: Vec<u8>) -> Vec<String> {
        let mut reader = Reader::new(Role::Client, Limits::default());
        let (mut input, mut said) = (&mut bytes[..], Vec::new());
        while let Some(incoming) = reader.next(&mut input).expect("all is well formed") {
            said.push(match incoming {
                snug_ws::Incoming::Message(message) => {
                    String::from_utf8_lossy(&message.payload).into_owned()
                }
                snug_ws::Incoming::Close(Some(goodbye)) => {
                    format!("{} {}", goodbye.code, goodbye.reason)
                }
                other => format!("{other:?}"),
            });
        }
        said
    }

    #[tokio::test]
    async fn what_came_at_once_is_handed_out_in_order_and_nothing_stays() {
        assert!(size_of::<Socket>() <= 144, "{}", size_of::<Socket>());
        let (near, mut far) = pair();
        let mut socket = socket(near);
        let mut bytes = Vec::new();
        for text in ["one", "two"] {
            from_client(&mut bytes, text);
        }
        bytes.extend_from_slice(&ControlFrame::ping(b"", MASK));
        from_client(&mut bytes, "three");
        let end = bytes.len() - 3;
        far.write_all(&bytes[..end]).await.expect("room");
        for text in ["one", "two"] {
            assert!(is_data(socket.next().await, text));
        }
        assert!(matches!(socket.next().await, Ok(Incoming::Alive)));
        // Given up in the middle of a frame, nothing of it is lost.
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, socket.next()).await;
        assert!(given_up.is_err() && socket.reader.is_within());
        far.write_all(&bytes[end..]).await.expect("room");
        assert!(is_data(socket.next().await, "three"));
        assert!(!socket.reader.is_within());
        assert_eq!((socket.unread.capacity(), socket.outbox.waiting()), (0, (0, 0)));
    }

    #[tokio::test]
    async fn answers_to_what_came_at_once_leave_at_once() {
        let (near, mut far) = pair();
        let mut socket = socket(near);
        let mut bytes = Vec::new();
        for text in ["one", "two"] {
            from_client(&mut bytes, text);
        }
        bytes.extend_from_slice(&ControlFrame::ping(b"", MASK));
        far.write_all(&bytes).await.expect("room");
        let mut far = far.into_std().expect("a socket");
        let mut received = [0; 64];
        for text in ["one", "two"] {
            assert!(is_data(socket.next().await, text));
            socket.feed(Bytes::from(text));
            assert!(far.read(&mut received).is_err(), "it left alone");
        }
        // While there may not be read, too.
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, socket.next_if(false));
        assert!(given_up.await.is_err());
        let count = far.read(&mut received).expect("it is there");
        assert_eq!(understood(received[..count].to_vec()), ["one", "two"]);
        assert!(matches!(socket.next().await, Ok(Incoming::Alive)));
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, socket.next());
        assert!(given_up.await.is_err());
        let count = far.read(&mut received).expect("it is there");
        assert_eq!(understood(received[..count].to_vec()), ["Pong([])"]);
    }

    #[tokio::test]
    async fn frames_leave_whole_through_a_narrow_pipe() {
        let (near, mut far) = pair();
        let mut socket = socket(Narrow(near, AtomicUsize::new(0)));
        let texts: Vec<String> = (0..200).map(|n| format!("{n} ").repeat(n)).collect();
        let mut received = Vec::new();
        let write = async {
            for text in &texts {
                socket.feed(Bytes::from(text.clone()));
            }
            socket.flush().await.expect("open");
            assert_eq!(socket.outbox.waiting(), (0, 0));
            drop(socket);
        };
        let (_, read) = tokio::join!(write, far.read_to_end(&mut received));
        read.expect("open");
        assert_eq!(understood(received), texts);
    }

    #[tokio::test]
    async fn who_pings_and_does_not_read_costs_no_memory() {
        let (near, mut far) = pair();
        SockRef::from(&near).set_send_buffer_size(4_096).expect("a socket");
        let mut socket = socket(near);
        let ping = ControlFrame::ping(&[7; 125], MASK);
        let floods = async {
            for _ in 0..100_000 {
                if far.write_all(&ping).await.is_err() {
                    return;
                }
            }
        };
        let reads =
            async { while matches!(socket.next().await, Ok(Incoming::Alive | Incoming::Room)) {} };
        tokio::pin!(floods);
        let mut reads = Box::pin(reads);
        // Both stand still, each waiting for the other to read.
        for _ in 0..10_000 {
            tokio::select! {
                biased;
                () = &mut floods => panic!("all of it was taken"),
                () = &mut reads => panic!("it is not over"),
                () = tokio::task::yield_now() => {}
            }
        }
        drop(reads);
        let (waits, _) = socket.outbox.waiting();
        let bounds = limits::SOCKET_WRITE_BYTES..limits::SOCKET_WRITE_BYTES + 127;
        assert!(bounds.contains(&waits), "{waits}");
    }

    #[tokio::test]
    async fn who_is_gone_is_gone_whoever_holds_the_outbox() {
        let (near, mut far) = pair();
        let mut socket = socket(near);
        socket.feed(Bytes::from_static(b"never"));
        let held = socket.outbox().clone();
        drop(socket);
        assert_eq!(far.read(&mut [0]).await.expect("ended in order"), 0);
        assert_eq!(held.push(Bytes::from_static(b"late")), Pushed::Refused);
        assert_eq!(held.waiting(), (0, 0));
    }

    #[tokio::test]
    async fn a_goodbye_is_answered_and_nothing_follows_it() {
        let (near, mut far) = pair();
        let mut socket = socket(near);
        let goodbye = ControlFrame::close(snug_ws::CloseCode::new(3_456), "enough", MASK);
        far.write_all(&goodbye).await.expect("room");
        assert!(matches!(socket.next().await, Ok(Incoming::Closed)));
        let queued = socket.outbox.waiting();
        socket.feed(Bytes::from_static(b"late"));
        socket.ping();
        assert_eq!(socket.outbox.push(Bytes::from_static(b"late")), Pushed::Refused);
        assert_eq!(socket.outbox.waiting(), queued);
        let client = async move {
            let mut received = Vec::new();
            far.read_to_end(&mut received).await.expect("open");
            received
        };
        let (received, ()) = tokio::join!(client, socket.close(CloseCode::GoingAway));
        assert_eq!(understood(received), ["3456 "]);
    }

    #[tokio::test]
    async fn who_broke_the_protocol_hears_why() {
        let too_long = limits::FRAME_BYTES_MAX + 1;
        for (first, length, broken) in
            [(0x83, 0, Broken::Protocol), (0x81, too_long, Broken::TooLarge)]
        {
            let (near, mut far) = pair();
            let mut socket = socket(near);
            let mut bytes = Vec::new();
            from_client(&mut bytes, &"x".repeat(length));
            bytes[0] = first;
            far.write_all(&bytes).await.expect("room");
            assert_eq!(socket.next().await.expect_err("it is broken"), broken);
            socket.feed(Bytes::from_static(b"because"));
            let client = async move {
                let mut received = Vec::new();
                // Until our goodbye; that of the client is not waited for.
                far.read_to_end(&mut received).await.expect("open");
                drop(far);
                received
            };
            let (received, ()) = tokio::join!(client, async {
                socket.close(CloseCode::ProtocolError).await;
            });
            assert_eq!(understood(received), ["because", "4206 protocol_error"]);
        }
    }
}
