//! A WebSocket for a dialect: the codec with pings, the liveness bound and bounded writes, so
//! that a dialect sees frames only.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use snug_core::limits;
use snug_dialects::Socket as Foreign;
use tokio_util::sync::CancellationToken;

use super::codec::{Incoming, Socket};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

pub(super) struct ForeignSocket {
    socket: Socket,
    heard_at: Instant,
    pinged_at: Instant,
    stopping: CancellationToken,
}

impl ForeignSocket {
    pub(super) fn new(socket: Socket, stopping: CancellationToken) -> Self {
        let now = Instant::now();
        Self { socket, heard_at: now, pinged_at: now, stopping }
    }

    /// When to ping next, or to give up.
    fn next_check(&self) -> tokio::time::Instant {
        let quiet = self.heard_at.max(self.pinged_at) + millis(limits::PING_EVERY_MS);
        quiet.min(self.heard_at + millis(limits::LIVENESS_MS)).into()
    }
}

#[async_trait]
impl Foreign for ForeignSocket {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let check = self.next_check();
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                frame = self.socket.next() => match frame {
                    Ok(Incoming::Data(bytes)) => {
                        self.heard_at = Instant::now();
                        return Some(bytes);
                    }
                    Ok(Incoming::Alive) => {
                        self.heard_at = Instant::now();
                        // What came behind a ping may take its time.
                        bounded(self.socket.flush()).await?;
                    }
                    Ok(Incoming::Room) => {}
                    Ok(Incoming::Closed) => {
                        // The answer to the client's goodbye waits in the codec.
                        let _ = tokio::time::timeout(GOODBYE, self.socket.end()).await;
                        return None;
                    }
                    Err(_) => return None,
                },
                () = tokio::time::sleep_until(check) => {
                    if self.heard_at.elapsed() >= millis(limits::LIVENESS_MS) {
                        return None;
                    }
                    self.pinged_at = Instant::now();
                    self.socket.ping();
                }
            }
        }
    }

    async fn send(&mut self, text: Bytes) -> bool {
        self.socket.feed(text);
        bounded(self.socket.flush()).await.is_some()
    }

    async fn close(&mut self, code: u16, reason: &str) {
        let _ = tokio::time::timeout(GOODBYE, self.socket.close_with(code, reason)).await;
    }
}

/// A write that gives up when the socket takes nothing for the liveness bound.
async fn bounded<T, E>(write: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(millis(limits::LIVENESS_MS), write).await.ok()?.ok()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
