//! What waits for one socket: shared frames, bounded in bytes. When full, the connection is
//! closed as a slow reader (contract line 13); nobody waits for it.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use snug_core::limits;
use snug_proto::CloseCode;
use tokio::sync::Notify;

/// Why a connection ends: the code and, where the client has not been told yet, the last frame.
#[derive(Debug, Clone)]
pub struct Ending {
    pub code: CloseCode,
    pub last_words: Option<Bytes>,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    ending: Option<Ending>,
}

/// A bounded queue of frames with one reader.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    ready: Notify,
    ended: Notify,
}

impl Outbox {
    /// Queues a frame; on overflow drops what waits and ends the connection as a slow reader.
    pub fn push(&self, frame: Bytes) {
        {
            let mut state = self.state.lock();
            if state.ending.is_some() {
                return;
            }
            if state.bytes + frame.len() > limits::CONNECTION_QUEUE_BYTES_MAX {
                state.frames = VecDeque::new();
                state.bytes = 0;
                state.ending = Some(Ending { code: CloseCode::SlowReader, last_words: None });
                self.ended.notify_one();
            } else {
                state.bytes += frame.len();
                state.frames.push_back(frame);
            }
        }
        self.ready.notify_one();
    }

    /// Ends the connection once what waits is written; the first reason stands.
    pub fn end(&self, code: CloseCode, last_words: Option<Bytes>) {
        let mut state = self.state.lock();
        if state.ending.is_none() {
            state.ending = Some(Ending { code, last_words });
            drop(state);
            self.ended.notify_one();
            self.ready.notify_one();
        }
    }

    /// Takes the next frame without waiting. Room is freed when it is taken: what is being
    /// written is the socket's, at most one frame.
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state.lock();
        let frame = state.frames.pop_front()?;
        state.bytes -= frame.len();
        if state.frames.is_empty() {
            // An idle connection keeps no buffer.
            state.frames = VecDeque::new();
        }
        Some(frame)
    }

    /// Why the connection is to end, if it is.
    pub fn ending(&self) -> Option<Ending> {
        self.state.lock().ending.clone()
    }

    /// Resolves when there may be something to take, or the end has come.
    pub async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Resolves when the end has come, also while a write is stuck.
    pub async fn ended(&self) {
        if self.ending().is_none() {
            self.ended.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_ends_the_connection_and_frees_its_memory() {
        let outbox = Outbox::default();
        let frame = Bytes::from(vec![0; limits::CONNECTION_QUEUE_BYTES_MAX / 4]);
        for _ in 0..4 {
            outbox.push(frame.clone());
        }
        assert!(outbox.ending().is_none());
        outbox.push(Bytes::from_static(b"x"));
        assert_eq!(outbox.ending().unwrap().code, CloseCode::SlowReader);
        assert!(outbox.take().is_none());
    }

    #[test]
    fn frames_leave_in_order_and_the_first_reason_stands() {
        let outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"1"));
        outbox.push(Bytes::from_static(b"2"));
        outbox.end(CloseCode::SessionClosed, None);
        outbox.end(CloseCode::Liveness, None);
        outbox.push(Bytes::from_static(b"3"));
        assert_eq!(outbox.take().unwrap(), "1");
        assert_eq!(outbox.take().unwrap(), "2");
        assert!(outbox.take().is_none());
        assert_eq!(outbox.ending().unwrap().code, CloseCode::SessionClosed);
    }
}
