//! What waits for one socket: shared frames of the hub, bounded in bytes, and what the connection
//! itself has to say. When the hub's are too many, the connection is closed as a slow reader
//! (contract line 13); nobody waits for it.
//!
//! Two write: the connection's task, and the hub, which spares it being woken. Whoever finds the
//! socket full leaves the rest to the task.

use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use snug_core::limits;
use snug_proto::CloseCode;
use snug_ws::{ControlFrame, HeaderBytes};
use tokio::sync::Notify;

use super::queue::{Queue, Wrote};
use super::wire::Wire;

/// Why a connection ends: the code and, where the client has not been told yet, the last frame.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) code: CloseCode,
    pub(super) last_words: Option<Bytes>,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// Who enters is told nothing before it is in.
    held: Option<Box<Queue>>,
    ending: Option<Ending>,
    /// A goodbye is queued: nothing may follow it.
    sealed: bool,
    /// The hub is about to write.
    listed: bool,
    /// The socket was full: the task writes when there is room again.
    blocked: bool,
    /// When the socket took something last, or was found full.
    moved_at: Option<Instant>,
}

/// What became of a frame of the hub's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Pushed {
    /// The connection is at its end.
    Refused,
    Queued,
    /// The hub has to call `write`.
    Listed,
}

/// A bounded queue of frames before a socket.
pub(super) struct Outbox<W: ?Sized = dyn Wire> {
    state: Mutex<State>,
    ready: Notify,
    wire: W,
}

impl<W: ?Sized> fmt::Debug for Outbox<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<W: Wire> Outbox<W> {
    pub(super) fn new(wire: W) -> Self {
        Self { state: Mutex::default(), ready: Notify::new(), wire }
    }
}

impl<W: Wire + ?Sized> Outbox<W> {
    /// Queues a whole frame of the hub's; on overflow drops what waits and ends the connection as
    /// a slow reader.
    pub(super) fn push(&self, frame: Bytes) -> Pushed {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if state.ending.is_some() || state.sealed {
            return Pushed::Refused;
        }
        let is_held = state.held.is_some();
        let queue = state.held.as_deref_mut().unwrap_or(&mut state.queue);
        if queue.pushed() + frame.len() > limits::CONNECTION_QUEUE_BYTES_MAX {
            queue.forget_pushed();
            state.ending = Some(Ending { code: CloseCode::SlowReader, last_words: None });
            drop(guard);
            self.ready.notify_one();
            return Pushed::Refused;
        }
        queue.push(frame);
        if is_held || state.blocked || std::mem::replace(&mut state.listed, true) {
            return Pushed::Queued;
        }
        Pushed::Listed
    }

    /// Whether there is room for so many bytes that are worth nothing later: it never makes a reader a slow one.
    pub(super) fn takes_hints(&self, bytes: usize) -> bool {
        let state = self.state.lock();
        let queue = state.held.as_deref().unwrap_or(&state.queue);
        queue.pushed() + bytes <= limits::CONNECTION_QUEUE_BYTES_MAX / 2
    }

    /// Writes what waits, from the hub, in one call: who pushes meanwhile waits for no more.
    pub(super) fn write(&self) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.listed = false;
        if state.blocked {
            return;
        }
        // What is broken is found by the task, which reads.
        if !matches!(state.queue.write(&self.wire), Ok(Wrote::All)) {
            state.blocked = true;
            state.moved_at = Some(Instant::now());
            drop(guard);
            self.ready.notify_one();
        }
    }

    /// Writes what waits, from the task.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let wrote = {
                let mut guard = self.state.lock();
                let state = &mut *guard;
                let wrote = state.queue.write(&self.wire)?;
                state.blocked = wrote != Wrote::All;
                state.moved_at = match wrote {
                    Wrote::All => None,
                    Wrote::Some => Some(Instant::now()),
                    Wrote::Nothing => state.moved_at.or_else(|| Some(Instant::now())),
                };
                wrote
            };
            match wrote {
                Wrote::All => return Poll::Ready(Ok(())),
                Wrote::Some => {}
                Wrote::Nothing => ready!(self.wire.poll_writable(cx))?,
            }
        }
    }

    /// Whether something waits of which the socket took nothing for so long.
    pub(super) fn is_stuck(&self, bound: Duration) -> bool {
        self.state.lock().moved_at.is_some_and(|moved_at| moved_at.elapsed() >= bound)
    }

    /// Nobody is there any more, whoever may still hold this.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        (state.sealed, state.queue, state.held) = (true, Queue::default(), None);
        // It may be gone already.
        let _ = self.wire.end(false);
    }

    /// Queues a frame of the connection's own.
    pub(super) fn own(&self, head: HeaderBytes, body: Bytes) {
        self.state.lock().queue.own(head, body);
    }

    /// Queues a control frame.
    pub(super) fn control(&self, frame: &ControlFrame) {
        self.own(HeaderBytes::default(), Bytes::copy_from_slice(frame));
    }

    /// Queues a goodbye; nothing follows it.
    pub(super) fn goodbye(&self, frame: &ControlFrame) {
        let mut state = self.state.lock();
        state.queue.own(HeaderBytes::default(), Bytes::copy_from_slice(frame));
        state.sealed = true;
    }

    /// Holds back what the hub says from now on.
    pub(super) fn hold(&self) {
        self.state.lock().held = Some(Box::default());
    }

    /// Lets leave what was held back, behind `first`.
    pub(super) fn let_in(&self, first: Bytes) {
        let mut state = self.state.lock();
        state.queue.push(first);
        if let Some(held) = state.held.take() {
            state.queue.append(*held);
        }
    }

    /// Something waits.
    pub(super) fn waits(&self) -> bool {
        self.state.lock().queue.bytes() > 0
    }

    /// So much of the connection's own waits that it has no more to say for now.
    pub(super) fn is_full(&self) -> bool {
        self.state.lock().queue.owned() >= limits::SOCKET_WRITE_BYTES
    }

    /// Ends the connection once what waits is written; the first reason stands.
    pub(super) fn end(&self, code: CloseCode, last_words: Option<Bytes>) {
        let mut state = self.state.lock();
        if state.ending.is_none() {
            state.ending = Some(Ending { code, last_words });
            drop(state);
            self.ready.notify_one();
        }
    }

    /// Why the connection is to end, if it is.
    pub(super) fn ending(&self) -> Option<Ending> {
        self.state.lock().ending.clone()
    }

    /// Resolves when the socket was full for the hub, or the end has come.
    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    pub(super) fn wire(&self) -> &W {
        &self.wire
    }

    /// The bytes of the frame that was queued first, taken out.
    #[cfg(test)]
    pub(super) fn take(&self) -> Option<Bytes> {
        self.state.lock().queue.take()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.queue.bytes(), state.queue.capacity())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use snug_ws::{Header, OpCode};
    use socket2::SockRef;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    use super::super::wire::Nowhere;
    use super::*;

    fn own(outbox: &Outbox<impl Wire>, text: &'static str) {
        let head = Header::new(OpCode::Text, text.len() as u64).encode();
        outbox.own(head, Bytes::from_static(text.as_bytes()));
    }

    #[test]
    fn a_full_queue_ends_the_connection_and_keeps_only_its_own_words() {
        let outbox = Outbox::new(Nowhere);
        let frame = Bytes::from(vec![0; limits::CONNECTION_QUEUE_BYTES_MAX / 4]);
        own(&outbox, "answer");
        for _ in 0..4 {
            assert!(outbox.ending().is_none());
            let _ = outbox.push(frame.clone());
        }
        assert_eq!(outbox.push(Bytes::from_static(b"x")), Pushed::Refused);
        assert_eq!(outbox.ending().unwrap().code, CloseCode::SlowReader);
        assert_eq!(outbox.push(Bytes::from_static(b"x")), Pushed::Refused, "over is over");
        assert_eq!(outbox.waiting().0, 8);
        assert_eq!(outbox.take().unwrap(), "answer");
        assert_eq!(outbox.waiting(), (0, 0));
    }

    #[test]
    fn hints_are_taken_while_half_is_free() {
        let outbox = Outbox::new(Nowhere);
        let half = Bytes::from(vec![0; limits::CONNECTION_QUEUE_BYTES_MAX / 2]);
        let _ = outbox.push(half);
        assert!(outbox.takes_hints(0) && !outbox.takes_hints(1));
        let _ = outbox.push(Bytes::from_static(b"x"));
        assert!(!outbox.takes_hints(0));
        outbox.hold();
        assert!(outbox.takes_hints(0), "who enters has a queue of its own");
    }

    #[test]
    fn answers_do_not_count_against_the_bound() {
        let outbox = Outbox::new(Nowhere);
        let answer = Bytes::from(vec![0; limits::CONNECTION_QUEUE_BYTES_MAX]);
        outbox.own(HeaderBytes::default(), answer);
        let _ = outbox.push(Bytes::from_static(b"x"));
        assert!(outbox.ending().is_none());
    }

    #[test]
    fn frames_leave_in_order_and_the_first_reason_stands() {
        let outbox = Outbox::new(Nowhere);
        assert_eq!(outbox.push(Bytes::from_static(b"1")), Pushed::Listed);
        assert_eq!(outbox.push(Bytes::from_static(b"2")), Pushed::Queued);
        outbox.end(CloseCode::SessionClosed, None);
        outbox.end(CloseCode::Liveness, None);
        assert_eq!(outbox.push(Bytes::from_static(b"3")), Pushed::Refused);
        assert_eq!(outbox.take().unwrap(), "1");
        assert_eq!(outbox.take().unwrap(), "2");
        assert!(outbox.take().is_none());
        assert_eq!(outbox.ending().unwrap().code, CloseCode::SessionClosed);
    }

    #[test]
    fn who_enters_hears_nothing_before_hello() {
        let outbox = Outbox::new(Nowhere);
        outbox.hold();
        assert_eq!(outbox.push(Bytes::from_static(b"1")), Pushed::Queued, "nobody writes it");
        own(&outbox, "pong");
        assert_eq!(outbox.waiting().0, 6);
        outbox.let_in(Bytes::from_static(b"hello"));
        assert_eq!(outbox.push(Bytes::from_static(b"2")), Pushed::Listed);
        let said: Vec<Bytes> = std::iter::from_fn(|| outbox.take()).collect();
        assert_eq!(said, ["pong", "hello", "1", "2"]);
    }

    /// The hub writes as far as the socket takes it, leaves the rest to the task, and is asked
    /// again when that is done. What arrives is whole and in order.
    #[tokio::test]
    async fn what_the_hub_cannot_write_the_task_does() {
        let (near, mut far) = UnixStream::pair().expect("a pair of sockets");
        SockRef::from(&near).set_send_buffer_size(4_096).expect("a socket");
        let outbox = Outbox::new(near);
        poll_fn(|cx| outbox.wire().poll_writable(cx)).await.expect("open");
        let text: Vec<u8> = (0..limits::CONNECTION_QUEUE_BYTES_MAX / 2).map(|n| n as u8).collect();
        let text = Bytes::from(text);
        assert_eq!(outbox.push(text.clone()), Pushed::Listed);
        let more = outbox.push(Bytes::from_static(b"and"));
        assert_eq!(more, Pushed::Queued, "it is about to be written");
        outbox.write();
        let left = outbox.waiting().0;
        assert!(left > 3 && left < text.len(), "{left}");
        outbox.ready().await;
        assert_eq!(outbox.push(Bytes::from_static(b"more")), Pushed::Queued, "the task writes");
        assert!(outbox.is_stuck(Duration::ZERO) && !outbox.is_full());
        let mut received = vec![0; text.len() + 7];
        let (flushed, read) =
            tokio::join!(poll_fn(|cx| outbox.poll_flush(cx)), far.read_exact(&mut received));
        flushed.and(read.map(drop)).expect("open");
        assert_eq!(received[..text.len()], text);
        assert_eq!(received[text.len()..], *b"andmore");
        assert!(!outbox.is_stuck(Duration::ZERO));
        assert_eq!(outbox.push(Bytes::from_static(b"x")), Pushed::Listed, "the hub writes again");
        outbox.write();
        assert_eq!((far.read_u8().await.expect("open"), outbox.waiting()), (b'x', (0, 0)));
    }

    #[tokio::test]
    async fn a_frame_that_was_begun_is_never_cut() {
        let (near, mut far) = UnixStream::pair().expect("a pair of sockets");
        SockRef::from(&near).set_send_buffer_size(4_096).expect("a socket");
        let outbox = Outbox::new(near);
        poll_fn(|cx| outbox.wire().poll_writable(cx)).await.expect("open");
        let text = Bytes::from(vec![7; limits::CONNECTION_QUEUE_BYTES_MAX]);
        assert_eq!(outbox.push(text.clone()), Pushed::Listed);
        outbox.write();
        let (begun, rest) = (Bytes::from_static(b"y"), Bytes::from(vec![8; text.len()]));
        let _ = (outbox.push(begun), outbox.push(rest));
        assert_eq!(outbox.ending().unwrap().code, CloseCode::SlowReader);
        own(&outbox, "bye");
        let mut received = vec![0; text.len() + 5];
        let (flushed, read) =
            tokio::join!(poll_fn(|cx| outbox.poll_flush(cx)), far.read_exact(&mut received));
        flushed.and(read.map(drop)).expect("open");
        assert_eq!(received[..text.len()], text);
        assert_eq!(received[text.len() + 2..], *b"bye");
    }

    /// Also when it is an answer; then of the hub's nothing stays.
    #[tokio::test]
    async fn an_answer_that_was_begun_is_all_that_stays() {
        let (near, mut far) = UnixStream::pair().expect("a pair of sockets");
        SockRef::from(&near).set_send_buffer_size(4_096).expect("a socket");
        let outbox = Outbox::new(near);
        poll_fn(|cx| outbox.wire().poll_writable(cx)).await.expect("open");
        let answer = Bytes::from(vec![7; 100_000]);
        outbox.own(HeaderBytes::default(), answer.clone());
        assert!(outbox.is_full());
        outbox.write();
        let left = outbox.waiting().0;
        let most = Bytes::from(vec![8; limits::CONNECTION_QUEUE_BYTES_MAX]);
        assert_eq!(outbox.push(most), Pushed::Queued);
        assert_eq!(outbox.push(Bytes::from_static(b"x")), Pushed::Refused);
        assert_eq!(outbox.waiting().0, left);
        let mut received = vec![0; answer.len()];
        let (flushed, read) =
            tokio::join!(poll_fn(|cx| outbox.poll_flush(cx)), far.read_exact(&mut received));
        flushed.and(read.map(drop)).expect("open");
        assert_eq!(received, answer);
    }
}
