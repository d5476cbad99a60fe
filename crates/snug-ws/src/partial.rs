//! What is kept of a frame or message that has begun and not ended.

use crate::header::HEADER_BYTES_MAX;
use crate::incoming::Kind;
use crate::utf8::Utf8;
use crate::{Error, Header, OpCode};

/// A frame whose header was read and found good.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) opcode: OpCode,
    pub(crate) fin: bool,
    pub(crate) compressed: bool,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) length: u32,
    /// How much of the payload has come.
    pub(crate) done: u32,
}

impl Frame {
    pub(crate) fn new(header: &Header, length: u32) -> Self {
        let Header { fin, compressed, opcode, mask, length: _ } = *header;
        Self { opcode, fin, compressed, mask, length, done: 0 }
    }
}

/// Everything unfinished. Made when the first byte of it must be kept, and let go when the last
/// has come.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    pub(crate) frame: Option<Frame>,
    /// The payload of an unfinished control frame.
    pub(crate) control: Vec<u8>,
    pub(crate) message: Option<Assembly>,
}

impl Partial {
    pub(crate) fn is_empty(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    pub(crate) fn has_header(&self) -> bool {
        self.header_len > 0
    }

    /// Keeps the beginning of a header, or more of it.
    pub(crate) fn keep_header(&mut self, more: &[u8]) {
        let from = usize::from(self.header_len);
        for (slot, byte) in self.header[from..].iter_mut().zip(more) {
            *slot = *byte;
            self.header_len += 1;
        }
    }

    /// The header that has begun, and how many bytes of `input` belong to it.
    pub(crate) fn complete_header(
        &mut self,
        input: &[u8],
    ) -> Result<Option<(Header, usize)>, Error> {
        let known = usize::from(self.header_len);
        let mut bytes = self.header;
        let end = bytes.len().min(known + input.len());
        bytes[known..end].copy_from_slice(&input[..end - known]);
        let Some((header, used)) = Header::decode(&bytes[..end])? else { return Ok(None) };
        self.header_len = 0;
        Ok(Some((header, used.saturating_sub(known))))
    }

    pub(crate) fn begin_message(&mut self, kind: Kind, compressed: bool) {
        let (frames, utf8, bytes) = (0, Utf8::default(), Vec::new());
        self.message = Some(Assembly { kind, compressed, frames, utf8, bytes });
    }
}

/// A message that is being put together.
#[derive(Debug)]
pub(crate) struct Assembly {
    kind: Kind,
    compressed: bool,
    frames: u32,
    utf8: Utf8,
    bytes: Vec<u8>,
}

impl Assembly {
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn frames(&self) -> u32 {
        self.frames
    }

    pub(crate) fn count_frame(&mut self) {
        self.frames += 1;
    }

    /// `to_come` is how many bytes may still follow: a length that is only announced costs no
    /// memory, and what is kept costs at most twice itself.
    pub(crate) fn append(&mut self, chunk: &[u8], to_come: usize) -> Result<(), Error> {
        if self.kind == Kind::Text && !self.compressed {
            self.utf8.feed(chunk)?;
        }
        let needed = self.bytes.len() + chunk.len();
        if needed > self.bytes.capacity() {
            let roomy = needed.max(2 * self.bytes.len()).min(needed.saturating_add(to_come));
            self.bytes.reserve_exact(roomy - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    pub(crate) fn end(self) -> Result<(Kind, bool, Vec<u8>), Error> {
        self.utf8.end()?;
        Ok((self.kind, self.compressed, self.bytes))
    }
}
