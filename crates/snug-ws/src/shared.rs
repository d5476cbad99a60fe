//! Frames that many connections send.

use std::io;

use bytes::{Buf, Bytes};

use crate::{Header, Kind, OpCode};

/// Room for the longest header of a server's frame, which has no mask.
const HEAD_ROOM: usize = 10;

/// A server's frame, built once and sent by many connections: what each of them holds is a count
/// on the same bytes.
///
/// It is [`Bytes`], not `Arc<[u8]>`: a vector becomes one without being copied, the frame and its
/// payload can be parts of one allocation, and what takes bytes in the world of tokio takes
/// these.
///
/// ```
/// use snug_ws::SharedFrame;
///
/// let frame = SharedFrame::text("Hello");
/// assert_eq!(frame.plain()[..], [0x81, 5, b'H', b'e', b'l', b'l', b'o']);
/// assert_eq!(frame.payload(), "Hello");
/// ```
#[derive(Debug, Clone)]
pub struct SharedFrame {
    plain: Bytes,
    head: u8,
    #[cfg(feature = "deflate")]
    deflated: Option<Bytes>,
}

impl SharedFrame {
    /// A text message.
    #[must_use]
    pub fn text(payload: &str) -> Self {
        FrameBuilder::with_payload(Kind::Text, payload.as_bytes()).finish()
    }

    /// A binary message.
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        FrameBuilder::with_payload(Kind::Binary, payload).finish()
    }

    /// The whole frame, not compressed: for any connection.
    #[must_use]
    pub fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// What the frame carries, not compressed.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.plain.slice(usize::from(self.head)..)
    }

    /// Compresses the message, once for all connections that agreed on compression. Where that
    /// makes it no shorter, it stays as it was.
    #[cfg(feature = "deflate")]
    pub fn deflate(&mut self, deflater: &mut crate::deflate::Deflater) {
        let mut bytes = vec![0; HEAD_ROOM];
        if !deflater.deflate(&self.plain[usize::from(self.head)..], &mut bytes) {
            return;
        }
        let opcode =
            if self.plain[0] & 0x0f == OpCode::Text as u8 { OpCode::Text } else { OpCode::Binary };
        let length = (bytes.len() - HEAD_ROOM) as u64;
        let header = Header { compressed: true, ..Header::new(opcode, length) };
        let (whole, _) = put_header(bytes, header);
        self.deflated = (whole.len() < self.plain.len()).then_some(whole);
    }

    /// The whole frame in the form that is best for a connection: compressed if compression was
    /// agreed on with it, if the message was compressed, and if its client's window is no smaller
    /// than the message.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn for_client(&self, agreed: Option<crate::deflate::Agreed>) -> Bytes {
        let length = self.plain.len() - usize::from(self.head);
        match (&self.deflated, agreed) {
            (Some(deflated), Some(agreed)) if agreed.server_may_deflate(length) => deflated.clone(),
            _ => self.plain(),
        }
    }
}

/// Builds a [`SharedFrame`] where its payload is written, so that nothing is copied: the room for
/// the header stands before it.
///
/// ```
/// use std::io::Write;
/// use snug_ws::{FrameBuilder, Kind};
///
/// let mut builder = FrameBuilder::new(Kind::Text);
/// write!(builder, "{{\"n\":{}}}", 1)?;
/// assert_eq!(builder.finish().plain()[..], *b"\x81\x07{\"n\":1}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FrameBuilder {
    kind: Kind,
    bytes: Vec<u8>,
}

impl FrameBuilder {
    /// An empty message. That text is UTF-8 is up to who writes it.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self::with_capacity(kind, 0)
    }

    /// As `new`, with room for so many bytes.
    #[must_use]
    pub fn with_capacity(kind: Kind, capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_ROOM + capacity);
        bytes.resize(HEAD_ROOM, 0);
        Self { kind, bytes }
    }

    fn with_payload(kind: Kind, payload: &[u8]) -> Self {
        let mut builder = Self::with_capacity(kind, payload.len());
        builder.bytes.extend_from_slice(payload);
        builder
    }

    /// The frame.
    #[must_use]
    pub fn finish(self) -> SharedFrame {
        let opcode = match self.kind {
            Kind::Text => OpCode::Text,
            Kind::Binary => OpCode::Binary,
        };
        let header = Header::new(opcode, (self.bytes.len() - HEAD_ROOM) as u64);
        let (plain, head) = put_header(self.bytes, header);
        SharedFrame {
            plain,
            head,
            #[cfg(feature = "deflate")]
            deflated: None,
        }
    }
}

impl io::Write for FrameBuilder {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts an unmasked header right before the payload; with its length.
fn put_header(mut bytes: Vec<u8>, header: Header) -> (Bytes, u8) {
    let header = header.encode();
    let from = HEAD_ROOM - header.len();
    bytes[from..HEAD_ROOM].copy_from_slice(&header);
    let mut bytes = Bytes::from(bytes);
    // Not a slice of it: as long as nobody shares the bytes, they need no count.
    bytes.advance(from);
    (bytes, header.len() as u8)
}
