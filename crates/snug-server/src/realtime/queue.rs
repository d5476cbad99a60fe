//! Frames that wait to be written to one socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Bytes;
use snug_ws::HeaderBytes;

use super::wire::Wire;

/// Parts of frames that one system call takes.
const PARTS: usize = 64;

/// Empty, it holds no memory.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Queued>,
    /// Of all that waits.
    bytes: usize,
    /// Of that, what came from the hub: it is bounded there.
    pushed: usize,
    /// Of the first frame, how much was written.
    written: usize,
}

/// A header and what it stands before; it is empty where the whole frame was built once for many.
#[derive(Debug)]
struct Queued {
    head: HeaderBytes,
    body: Bytes,
    pushed: bool,
}

/// What one call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    All,
    Some,
    /// There is no room.
    Nothing,
}

impl Queued {
    fn bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

impl Queue {
    /// A frame of the connection's own: an answer, or a control frame.
    pub(super) fn own(&mut self, head: HeaderBytes, body: Bytes) {
        self.put(Queued { head, body, pushed: false });
    }

    /// A whole frame from the hub.
    pub(super) fn push(&mut self, body: Bytes) {
        self.pushed += body.len();
        self.put(Queued { head: HeaderBytes::default(), body, pushed: true });
    }

    fn put(&mut self, frame: Queued) {
        self.bytes += frame.bytes();
        self.frames.push_back(frame);
    }

    /// All of another, behind this.
    pub(super) fn append(&mut self, other: Self) {
        self.pushed += other.pushed;
        other.frames.into_iter().for_each(|frame| self.put(frame));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn pushed(&self) -> usize {
        self.pushed
    }

    /// What is not the hub's.
    pub(super) fn owned(&self) -> usize {
        // Of a frame of the hub's that was begun, all of it counts as pushed.
        self.bytes.saturating_sub(self.pushed)
    }

    /// Forgets what came from the hub, but for a frame that was begun.
    pub(super) fn forget_pushed(&mut self) {
        let mut begun = self.written > 0 && self.frames.front().is_some_and(|first| first.pushed);
        self.frames.retain(|frame| !frame.pushed || std::mem::take(&mut begun));
        self.bytes = self.frames.iter().map(Queued::bytes).sum::<usize>() - self.written;
        let pushed = self.frames.iter().filter(|frame| frame.pushed);
        self.pushed = pushed.map(Queued::bytes).sum();
        self.frames.shrink_to_fit();
    }

    /// Writes what one call takes.
    pub(super) fn write<W: Wire + ?Sized>(&mut self, wire: &W) -> io::Result<Wrote> {
        if self.bytes == 0 {
            return Ok(Wrote::All);
        }
        let mut parts = [IoSlice::new(&[]); PARTS];
        let count = self.parts(&mut parts);
        match wire.try_write(&parts[..count]) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(wrote) => {
                self.advance(wrote);
                Ok(if self.bytes == 0 { Wrote::All } else { Wrote::Some })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Wrote::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Wrote::Some),
            Err(error) => Err(error),
        }
    }

    /// What is to be written next, and how many parts it has.
    fn parts<'q>(&'q self, parts: &mut [IoSlice<'q>]) -> usize {
        let all = self.frames.iter().flat_map(|frame| [&frame.head[..], &frame.body[..]]);
        let mut skipped = self.written;
        let mut count = 0;
        for part in all {
            let begin = skipped.min(part.len());
            skipped -= begin;
            if begin == part.len() {
                continue;
            }
            let Some(place) = parts.get_mut(count) else { break };
            *place = IoSlice::new(&part[begin..]);
            count += 1;
        }
        count
    }

    fn advance(&mut self, wrote: usize) {
        self.bytes -= wrote;
        self.written += wrote;
        while let Some(first) = self.frames.front() {
            let length = first.bytes();
            if self.written < length {
                return;
            }
            self.written -= length;
            self.pushed -= if first.pushed { length } else { 0 };
            self.frames.pop_front();
        }
        self.frames = VecDeque::new();
    }

    /// What the first frame carries, taken out.
    #[cfg(test)]
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let length = self.frames.front()?.bytes();
        let first = self.frames.front()?.body.clone();
        self.advance(length - self.written);
        Some(first)
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.frames.capacity()
    }
}
