//! Frames of one connection, written out.

use std::fmt;
use std::ops::Deref;

use crate::header::CONTROL_BYTES_MAX;
use crate::{CloseCode, Header, OpCode, mask};

/// The longest reason of a goodbye, in bytes.
const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;
/// Two bytes of header, the mask key, the payload.
const CONTROL_FRAME_BYTES_MAX: usize = 6 + CONTROL_BYTES_MAX;

/// Appends a frame to `out`. `header` says everything but the length; with a mask key the payload
/// is masked as it is copied.
///
/// A client's frame needs a key that nobody can foresee (RFC 6455, 5.3): it comes from the
/// caller, since there is no randomness here.
///
/// ```
/// use snug_ws::{Header, OpCode, append_frame};
///
/// let mut out = Vec::new();
/// let key = [0x37, 0xfa, 0x21, 0x3d];
/// let header = Header { mask: Some(key), ..Header::new(OpCode::Text, 0) };
/// append_frame(&mut out, header, b"Hello");
/// assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// ```
pub fn append_frame(out: &mut Vec<u8>, header: Header, payload: &[u8]) {
    let header = Header { length: payload.len() as u64, ..header };
    let encoded = header.encode();
    out.reserve(encoded.len() + payload.len());
    out.extend_from_slice(&encoded);
    let from = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = header.mask {
        mask(&mut out[from..], key, 0);
    }
}

/// A whole control frame, held in place. The mask key is a client's; a server gives none.
///
/// ```
/// use snug_ws::{CloseCode, ControlFrame};
///
/// assert_eq!(*ControlFrame::ping(b"", None), [0x89, 0]);
/// assert_eq!(*ControlFrame::pong(b"ab", None), [0x8a, 2, b'a', b'b']);
/// assert_eq!(*ControlFrame::close(Some(CloseCode::NORMAL), "", None), [0x88, 2, 3, 0xe8]);
/// assert_eq!(*ControlFrame::close(None, "", None), [0x88, 0]);
/// ```
#[derive(Clone, Copy)]
pub struct ControlFrame {
    bytes: [u8; CONTROL_FRAME_BYTES_MAX],
    len: u8,
}

impl ControlFrame {
    /// A ping; of the payload the first 125 bytes.
    #[must_use]
    pub fn ping(payload: &[u8], mask: Option<[u8; 4]>) -> Self {
        Self::new(OpCode::Ping, &[payload], mask)
    }

    /// A pong; of the payload the first 125 bytes.
    #[must_use]
    pub fn pong(payload: &[u8], mask: Option<[u8; 4]>) -> Self {
        Self::new(OpCode::Pong, &[payload], mask)
    }

    /// A goodbye. The reason is cut to the 123 bytes that fit, at the end of a character, and
    /// left out where there is no code.
    #[must_use]
    pub fn close(code: Option<CloseCode>, reason: &str, mask: Option<[u8; 4]>) -> Self {
        let Some(code) = code else { return Self::new(OpCode::Close, &[], mask) };
        let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
        Self::new(OpCode::Close, &[&code.number().to_be_bytes(), reason.as_bytes()], mask)
    }

    fn new(opcode: OpCode, payload: &[&[u8]], key: Option<[u8; 4]>) -> Self {
        let length = payload.iter().map(|part| part.len()).sum::<usize>().min(CONTROL_BYTES_MAX);
        let header = Header { mask: key, ..Header::new(opcode, length as u64) }.encode();
        let mut bytes = [0; CONTROL_FRAME_BYTES_MAX];
        let end = header.len() + length;
        let all = header.iter().chain(payload.iter().copied().flatten());
        for (slot, byte) in bytes[..end].iter_mut().zip(all) {
            *slot = *byte;
        }
        if let Some(key) = key {
            mask(&mut bytes[header.len()..end], key, 0);
        }
        Self { bytes, len: end as u8 }
    }
}

impl Deref for ControlFrame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for ControlFrame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::ControlFrame;
    use crate::CloseCode;

    #[test]
    fn what_does_not_fit_is_cut() {
        let long = "é".repeat(100);
        let frame = ControlFrame::close(Some(CloseCode::NORMAL), &long, Some([0; 4]));
        // 123 is in the middle of a character.
        assert_eq!(frame[..8], [0x88, 0x80 | 124, 0, 0, 0, 0, 3, 0xe8]);
        assert_eq!(frame[8..], long.as_bytes()[..122]);
        assert_eq!(ControlFrame::ping(&[1; 126], None)[..2], [0x89, 125]);
        assert_eq!(ControlFrame::ping(&[1; 126], Some([7; 4])).len(), 131);
    }
}
