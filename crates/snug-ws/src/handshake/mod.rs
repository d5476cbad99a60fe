//! The opening handshake (RFC 6455, 4) as functions of headers. Whoever speaks HTTP brings them
//! as pairs of name and value, in any case and order; nothing is read or written here.
//!
//! ```
//! use snug_ws::handshake::{ClientKey, Request, Response};
//!
//! // The client makes a key of 16 random bytes.
//! let key = ClientKey::new(*b"the sample nonce");
//! let asked = [
//!     ("host", "chat.example.com"),
//!     ("upgrade", "websocket"),
//!     ("connection", "keep-alive, Upgrade"),
//!     ("sec-websocket-version", "13"),
//!     ("sec-websocket-key", key.as_str()),
//!     ("sec-websocket-protocol", "chat.v2, chat.v1"),
//! ];
//!
//! // The server looks at the request, chooses, and answers 101.
//! let request = Request::read("GET", asked)?;
//! let protocol = request.choose(&["chat.v1"]);
//! assert_eq!(protocol, Some("chat.v1"));
//! let accept = request.accept();
//! assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
//! let answered = [
//!     ("Upgrade", "websocket"),
//!     ("Connection", "Upgrade"),
//!     ("Sec-WebSocket-Accept", accept.as_str()),
//!     ("Sec-WebSocket-Protocol", "chat.v1"),
//! ];
//!
//! // The client looks at the answer.
//! let response = Response::read(101, answered, &key, &["chat.v2", "chat.v1"])?;
//! assert_eq!(response.protocol(), Some("chat.v1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod list;
mod server;

pub use client::{ClientKey, Mismatch, Response};
pub use server::{Refused, Request};

pub(crate) use list::{is_token, split};

/// RFC 6455, 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The version that RFC 6455 defines: the value of `Sec-WebSocket-Version`.
pub const VERSION: &str = "13";

/// The value of `Sec-WebSocket-Accept` that answers a client's `Sec-WebSocket-Key`.
///
/// ```
/// let accept = snug_ws::handshake::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[must_use]
pub fn accept_key(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    base64(&hash.digest().bytes())
}

/// Base64 of a few bytes: not worth a library.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            if digit > chunk.len() {
                text.push('=');
            } else {
                let bits = group >> (18 - 6 * digit) & 0x3f;
                text.push(char::from(DIGITS[bits as usize]));
            }
        }
    }
    text
}

/// Whether this is base64 of 16 bytes: 22 digits, of which the last carries two bits.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match key.as_bytes().split_at_checked(21) {
        Some((digits, [last, b'=', b'='])) => {
            digits.iter().all(is_digit) && matches!(last, b'A' | b'Q' | b'g' | b'w')
        }
        _ => false,
    }
}

/// The upgrade headers, gathered from all that came.
#[derive(Debug, Default)]
struct Gathered<'h> {
    host: bool,
    /// `Upgrade` names `websocket`.
    upgrade: bool,
    /// `Connection` names `upgrade`.
    connection: bool,
    version: Once<'h>,
    key: Once<'h>,
    accept: Once<'h>,
    protocols: Vec<&'h str>,
    extensions: Vec<&'h str>,
}

/// A header that may stand once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Once<'h> {
    #[default]
    Missing,
    Is(&'h str),
    Repeated,
}

impl<'h> Once<'h> {
    fn put(&mut self, value: &'h str) {
        *self = if *self == Self::Missing { Self::Is(value) } else { Self::Repeated };
    }
}

impl<'h> Gathered<'h> {
    fn from(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut all = Self::default();
        for (name, value) in headers {
            let value = value.trim_matches([' ', '\t']);
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let lists =
                |wanted: &str| split(value, ',').any(|part| part.eq_ignore_ascii_case(wanted));
            if is("host") {
                all.host = true;
            } else if is("upgrade") {
                all.upgrade |= lists("websocket");
            } else if is("connection") {
                all.connection |= lists("upgrade");
            } else if is("sec-websocket-version") {
                all.version.put(value);
            } else if is("sec-websocket-key") {
                all.key.put(value);
            } else if is("sec-websocket-accept") {
                all.accept.put(value);
            } else if is("sec-websocket-protocol") {
                all.protocols.extend(split(value, ',').filter(|name| !name.is_empty()));
            } else if is("sec-websocket-extensions") {
                all.extensions.push(value);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{base64, is_key};

    #[test]
    fn base64_is_the_rfc_s() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn a_key_is_sixteen_bytes() {
        for last in 0..=255 {
            let mut bytes = [0xff; 16];
            bytes[15] = last;
            assert!(is_key(&base64(&bytes)), "{last}");
        }
        for wrong in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j-Q==",
            "dGhlIHNhbXBsZSBub25jZWE=",
            "dGhlIHNhbXBsZSBub25jéé=",
        ] {
            assert!(!is_key(wrong), "{wrong}");
        }
    }
}
