//! The head of a frame (RFC 6455, 5.2).

use std::fmt;
use std::ops::Deref;

use crate::Error;

/// The longest header: two bytes, a length of eight, a mask key of four.
pub const HEADER_BYTES_MAX: usize = 14;
/// The longest payload of a control frame, in bytes.
pub const CONTROL_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
/// RSV2 and RSV3: no extension that this crate speaks uses them.
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// The next part of a message.
    Continuation = 0,
    /// A text message, or its first part.
    Text = 1,
    /// A binary message, or its first part.
    Binary = 2,
    /// A goodbye.
    Close = 8,
    /// A question whether somebody is there.
    Ping = 9,
    /// The answer to a ping, or a sign of life that nobody asked for.
    Pong = 10,
}

impl OpCode {
    /// Whether this is close, ping or pong: never in parts, at most 125 bytes, and allowed
    /// between the parts of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn of(bits: u8) -> Result<Self, Error> {
        Ok(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return Err(Error::ReservedOpcode(bits)),
        })
    }
}

/// The head of a frame.
///
/// ```
/// use snug_ws::{Header, OpCode};
///
/// let header = Header::new(OpCode::Text, 5);
/// assert_eq!(*header.encode(), [0x81, 5]);
/// let masked = Header { mask: Some([1, 2, 3, 4]), ..header };
/// assert_eq!(*masked.encode(), [0x81, 0x85, 1, 2, 3, 4]);
/// assert_eq!(Header::decode(&masked.encode()), Ok(Some((masked, 6))));
/// assert_eq!(Header::decode(&[0x81]), Ok(None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether the message ends with this frame.
    pub fin: bool,
    /// RSV1: on the first frame of a message, that the message is compressed (RFC 7692, 6).
    pub compressed: bool,
    /// What the frame is.
    pub opcode: OpCode,
    /// The mask key: on every frame of a client, on none of a server.
    pub mask: Option<[u8; 4]>,
    /// The payload behind the header, in bytes.
    pub length: u64,
}

impl Header {
    /// Of a whole message in one frame, neither compressed nor masked.
    #[must_use]
    pub const fn new(opcode: OpCode, length: u64) -> Self {
        Self { fin: true, compressed: false, opcode, mask: None, length }
    }

    /// The header on the wire.
    #[must_use]
    pub fn encode(&self) -> HeaderBytes {
        let mut encoded = HeaderBytes::default();
        let fin = if self.fin { FIN } else { 0 };
        let compressed = if self.compressed { COMPRESSED } else { 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        encoded.push([fin | compressed | self.opcode as u8]);
        let eight = self.length.to_be_bytes();
        let [.., sixth, seventh] = eight;
        match self.length {
            0..=125 => encoded.push([masked | seventh]),
            126..=0xffff => encoded.push([masked | 126, sixth, seventh]),
            _ => {
                encoded.push([masked | 127]);
                encoded.push(eight);
            }
        }
        if let Some(key) = self.mask {
            encoded.push(key);
        }
        encoded
    }

    /// The header at the beginning of `bytes` and how many bytes it has; `None` while some are
    /// missing. Whether masks, compression and this length are allowed here is not looked at.
    ///
    /// # Errors
    /// A header that is wrong wherever it stands; the first wrong byte decides which error.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Error> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let opcode = OpCode::of(first & 0x0f)?;
        let (fin, compressed) = (first & FIN != 0, first & COMPRESSED != 0);
        let begins = matches!(opcode, OpCode::Text | OpCode::Binary);
        if first & RESERVED != 0 || (compressed && !begins) {
            return Err(Error::ReservedBits);
        }
        if opcode.is_control() && !fin {
            return Err(Error::FragmentedControl);
        }
        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        let short = second & !MASKED;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(Error::ControlTooLong);
        }
        let Some((length, rest)) = decode_length(short, rest)? else { return Ok(None) };
        let (mask, rest) = if second & MASKED == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*key), rest)
        };
        let header = Self { fin, compressed, opcode, mask, length };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

fn decode_length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Error> {
    let (length, least, rest) = match short {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*length)), 126, rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*length), 0x1_0000, rest)
        }
        _ => (u64::from(short), 0, rest),
    };
    if length < least { Err(Error::LengthNotMinimal) } else { Ok(Some((length, rest))) }
}

/// A header on the wire, held in place. The default is empty.
#[derive(Clone, Copy, Default)]
pub struct HeaderBytes {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl HeaderBytes {
    fn push<const N: usize>(&mut self, more: [u8; N]) {
        for byte in more {
            if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
                *slot = byte;
                self.len += 1;
            }
        }
    }
}

impl Deref for HeaderBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for HeaderBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for HeaderBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Header, OpCode};
    use crate::Error;
    use proptest::prelude::*;

    #[test]
    fn the_lengths_of_the_rfc() {
        for (length, bytes) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (256, &[0x82, 126, 1, 0]),
            (65_535, &[0x82, 126, 0xff, 0xff]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            assert_eq!(*Header::new(OpCode::Binary, length).encode(), *bytes);
        }
    }

    #[test]
    fn a_wrong_header_is_told_at_its_wrong_byte() {
        for (bytes, error) in [
            (&[0x83][..], Error::ReservedOpcode(3)),
            (&[0x8f], Error::ReservedOpcode(15)),
            (&[0xa1], Error::ReservedBits),
            (&[0x91], Error::ReservedBits),
            (&[0xc0], Error::ReservedBits),
            (&[0xc9], Error::ReservedBits),
            (&[0x09], Error::FragmentedControl),
            (&[0x89, 126], Error::ControlTooLong),
            (&[0x88, 0xff], Error::ControlTooLong),
            (&[0x82, 126, 0, 125], Error::LengthNotMinimal),
            (&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Error::LengthNotMinimal),
        ] {
            for end in 0..bytes.len() {
                assert_eq!(Header::decode(&bytes[..end]), Ok(None), "{bytes:x?} to {end}");
            }
            assert_eq!(Header::decode(bytes), Err(error), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            fin: bool,
            compressed: bool,
            binary: bool,
            mask: Option<[u8; 4]>,
            length in prop_oneof![0..200_u64, 65_000..66_000_u64, any::<u64>()],
            behind in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let opcode = if binary { OpCode::Binary } else { OpCode::Text };
            let header = Header { fin, compressed, opcode, mask, length };
            let encoded = header.encode();
            for end in 0..encoded.len() {
                prop_assert_eq!(Header::decode(&encoded[..end]), Ok(None));
            }
            let bytes = [&*encoded, &behind].concat();
            prop_assert_eq!(Header::decode(&bytes), Ok(Some((header, encoded.len()))));
        }
    }
}
