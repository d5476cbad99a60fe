//! The least of WebSocket that a load generator and a floor need: the handshake's two texts and
//! whole frames. Masking uses the key 0, so a frame is written once and never rewritten.
//! No sockets in here.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

/// Any 16 bytes will do for a key that only proves that the peer speaks the protocol.
const KEY: &str = "c251Zy1iZW5jaC1rZXkhIQ==";
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// No frame of this bench is longer; a longer one is a broken stream.
pub(crate) const FRAME_MAX: usize = 4 * 1_024 * 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Text,
    Close,
    Ping,
    Pong,
    /// Continuation or reserved: nobody here sends them.
    Other,
}

impl Op {
    fn code(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Other => 0,
        }
    }

    fn of(code: u8) -> Self {
        match code {
            1 | 2 => Self::Text,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => Self::Other,
        }
    }
}

/// One frame found at the front of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) op: Op,
    pub(crate) payload: std::ops::Range<usize>,
    pub(crate) mask: Option<[u8; 4]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes")]
pub(crate) struct FrameTooLong(usize);

/// The first whole frame of `buffer`; `None` when more bytes must come.
pub(crate) fn find(buffer: &[u8]) -> Result<Option<Found>, FrameTooLong> {
    let [first, second, rest @ ..] = buffer else {
        return Ok(None);
    };
    let (length, mut at) = match second & 0x7f {
        126 => match rest {
            [a, b, ..] => (usize::from(u16::from_be_bytes([*a, *b])), 4),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(bytes) => (usize::try_from(u64::from_be_bytes(*bytes)).unwrap_or(usize::MAX), 10),
            None => return Ok(None),
        },
        short => (usize::from(short), 2),
    };
    if length > FRAME_MAX {
        return Err(FrameTooLong(length));
    }
    let mut mask = None;
    if second & MASKED != 0 {
        let Some(key) = buffer.get(at..).and_then(<[u8]>::first_chunk::<4>) else {
            return Ok(None);
        };
        mask = Some(*key);
        at += 4;
    }
    if buffer.len() < at + length {
        return Ok(None);
    }
    Ok(Some(Found { op: Op::of(first & 0x0f), payload: at..at + length, mask }))
}

/// Undoes a mask in place.
pub(crate) fn unmask(payload: &mut [u8], mask: Option<[u8; 4]>) {
    let Some(key) = mask.filter(|key| *key != [0; 4]) else {
        return;
    };
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends a frame as a client sends it (masked with 0) or as a server does.
pub(crate) fn put(into: &mut Vec<u8>, op: Op, from_client: bool, payload: &[u8]) {
    let masked = if from_client { MASKED } else { 0 };
    into.push(FIN | op.code());
    match payload.len() {
        short @ 0..126 => into.push(masked | short.to_le_bytes()[0]),
        middle @ 126..65_536 => {
            into.push(masked | 126);
            into.extend_from_slice(&middle.to_be_bytes()[6..]);
        }
        long => {
            into.push(masked | 127);
            into.extend_from_slice(&long.to_be_bytes());
        }
    }
    if from_client {
        into.extend_from_slice(&[0; 4]);
    }
    into.extend_from_slice(payload);
}

/// A client's opening request; the token goes into the header that never lands in a log.
pub(crate) fn upgrade_request(path: &str, token: Option<&str>) -> String {
    let bearer = token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{bearer}\r\n"
    )
}

/// What the floor answers to a request that holds a key.
pub(crate) fn upgrade_answer(key: &str) -> String {
    let hash =
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{KEY_SUFFIX}").as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(hash)
    )
}

/// Where the head of an HTTP message ends, blank line included.
pub(crate) fn head_end(buffer: &[u8]) -> Option<usize> {
    memmem::find(buffer, b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header, found whatever its case.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_one_of_the_standard() {
        // RFC 6455, section 1.3.
        let answer = upgrade_answer("dGhlIHNhbXBsZSBub25jZQ==");
        assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }

    #[test]
    fn frames_of_every_length_form_come_back() {
        for length in [0, 1, 125, 126, 200, 65_535, 65_536] {
            for from_client in [false, true] {
                let payload = vec![b'x'; length];
                let mut bytes = Vec::new();
                put(&mut bytes, Op::Text, from_client, &payload);
                let found = find(&bytes).unwrap().unwrap();
                assert_eq!(found.op, Op::Text);
                assert_eq!(bytes[found.payload.clone()], payload);
                assert_eq!(found.payload.end, bytes.len());
                assert_eq!(find(&bytes[..bytes.len() - 1]), Ok(None));
            }
        }
    }

    #[test]
    fn a_mask_is_undone() {
        let mut bytes = b"Hello".to_vec();
        let key = [0x37, 0xfa, 0x21, 0x3d];
        unmask(&mut bytes, Some(key));
        assert_eq!(bytes, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        unmask(&mut bytes, Some(key));
        assert_eq!(bytes, b"Hello");
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let head = "GET / HTTP/1.1\r\nsec-websocket-KEY: abc\r\n\r\n";
        assert_eq!(header(head, "Sec-WebSocket-Key"), Some("abc"));
        assert_eq!(head_end(head.as_bytes()), Some(head.len()));
    }
}
