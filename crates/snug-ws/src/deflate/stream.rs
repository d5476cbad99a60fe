//! Compressing and inflating whole messages (RFC 7692, 7.2).

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::Error;

/// What a flush ends with: an empty block, of which the header and the padding stay with the
/// message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// The tail, and an empty last block that the inflater recognizes as the end only if the message
/// ended where a block does.
const TAIL_AND_END: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];

/// Compresses messages. It keeps memory (some 300 KB), and nothing of a message: one serves all
/// connections of a thread.
pub struct Deflater {
    stream: Compress,
}

impl Deflater {
    /// `level` is 1 (fast) to 9 (small).
    #[must_use]
    pub fn new(level: u32) -> Self {
        Self { stream: Compress::new(Compression::new(level.clamp(1, 9)), false) }
    }

    /// Appends `payload`, compressed, to `out`. Whether that worked; if not, `out` is as it was
    /// and the message is to be sent as it is.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let is_done = self.append(payload, out);
        if is_done {
            out.truncate(out.len() - TAIL.len());
        } else {
            out.truncate(before);
        }
        is_done
    }

    fn append(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        self.stream.reset();
        // Room for the worst case at once: a flush that is cut writes its end twice.
        out.reserve(payload.len() + payload.len() / 8 + 64);
        loop {
            let done = usize::try_from(self.stream.total_in()).unwrap_or(usize::MAX);
            let Some(rest) = payload.get(done..) else { return false };
            let written = out.len();
            let Ok(Status::Ok | Status::BufError) =
                self.stream.compress_vec(rest, out, FlushCompress::Sync)
            else {
                return false;
            };
            let has_room = out.len() < out.capacity();
            let is_taken = self.stream.total_in() == payload.len() as u64;
            if is_taken && has_room {
                return out[before..].ends_with(&TAIL);
            }
            if has_room && out.len() == written {
                return false;
            }
            out.reserve(64);
        }
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deflater")
    }
}

/// Inflates messages. It keeps memory (some 40 KB), and nothing of a message: one serves all
/// connections of a thread.
pub struct Inflater {
    stream: Decompress,
    /// A last block has ended; RFC 7692, 7.2.3.4 allows that in the middle.
    ended: bool,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// For windows of any size.
    #[must_use]
    pub fn new() -> Self {
        Self { stream: Decompress::new(false), ended: false }
    }

    /// Inflates a whole message to at most `most` bytes. Memory is taken as the output grows, so
    /// that a small message that would inflate to a large one costs no more than `most`.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`], or [`Error::InvalidDeflate`].
    pub fn inflate(&mut self, payload: &[u8], most: usize) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        // What some send for an empty message; the RFC has a byte of 0.
        if payload.is_empty() {
            return Ok(out);
        }
        self.restart();
        out.reserve_exact(payload.len().saturating_mul(4).min(most));
        self.feed(payload, &mut out, most)?;
        self.feed(&TAIL_AND_END, &mut out, most)?;
        // All input is taken; what is left is output that found no room.
        while !self.ended {
            if self.step(&[], &mut out, most)? == 0 && !self.ended && out.len() < out.capacity() {
                return Err(Error::InvalidDeflate);
            }
        }
        Ok(out)
    }

    fn restart(&mut self) {
        self.stream.reset(false);
        self.ended = false;
    }

    fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>, most: usize) -> Result<(), Error> {
        while !input.is_empty() {
            if self.ended {
                self.restart();
            }
            let written = out.len();
            let used = self.step(input, out, most)?;
            if used == 0 && out.len() == written && !self.ended {
                return Err(Error::InvalidDeflate);
            }
            input = input.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// How much of the input was taken.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>, most: usize) -> Result<usize, Error> {
        if out.len() == out.capacity() {
            // One byte more than allowed shows that there is more.
            let room = (most - out.len()).saturating_add(1);
            out.reserve_exact(out.len().max(256).min(room));
        }
        let before = self.stream.total_in();
        let status = self.stream.decompress_vec(input, out, FlushDecompress::None);
        if out.len() > most {
            return Err(Error::MessageTooLarge);
        }
        match status {
            Ok(Status::StreamEnd) => self.ended = true,
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => return Err(Error::InvalidDeflate),
        }
        Ok(usize::try_from(self.stream.total_in() - before).unwrap_or(usize::MAX))
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inflater")
    }
}
