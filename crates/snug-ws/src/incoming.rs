//! What a connection says, taken apart.

use std::borrow::Cow;

use crate::{CloseCode, Error};

/// The two kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// One thing that the other side said. It borrows from the bytes given to
/// [`Reader::next`](crate::Reader::next) where it came in one piece, and owns what came in more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming<'b> {
    /// A whole message.
    Message(Message<'b>),
    /// A whole message, still compressed. It comes only where compression was agreed on, which
    /// takes the feature `deflate`.
    Compressed(Compressed<'b>),
    /// A ping; owed is a pong with the same payload, unless a close frame was sent.
    Ping(Cow<'b, [u8]>),
    /// A pong.
    Pong(Cow<'b, [u8]>),
    /// A goodbye; nothing is read behind it. [`Closing`](crate::Closing) knows whether an answer
    /// is owed.
    Close(Option<Goodbye<'b>>),
}

/// A whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'b> {
    /// Which kind.
    pub kind: Kind,
    /// What it carries. Text was found to be UTF-8 already; it is bytes here because most parsers
    /// take bytes, and since this crate has no unsafe code, a `str` made of text in parts costs a
    /// second look.
    pub payload: Cow<'b, [u8]>,
}

/// A message that is still compressed. Its text was not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed<'b> {
    /// Which kind.
    pub kind: Kind,
    /// What it carries, compressed (RFC 7692, 7.2).
    pub payload: Cow<'b, [u8]>,
}

impl Compressed<'_> {
    /// Inflates the message to at most `most` bytes. The inflater keeps nothing between messages:
    /// one serves all connections of a thread.
    ///
    /// # Errors
    /// Data that cannot be inflated, more than `most` bytes, or text that is not UTF-8. The
    /// connection is then to be closed as after an error of the reader.
    #[cfg(feature = "deflate")]
    pub fn inflate(
        self,
        inflater: &mut crate::deflate::Inflater,
        most: usize,
    ) -> Result<Message<'static>, Error> {
        let payload = inflater.inflate(&self.payload, most)?;
        if self.kind == Kind::Text && !crate::utf8::is_utf8(&payload) {
            return Err(Error::InvalidUtf8);
        }
        Ok(Message { kind: self.kind, payload: Cow::Owned(payload) })
    }
}

/// Why the other side goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goodbye<'b> {
    /// The code, one that may be sent.
    pub code: CloseCode,
    /// For a log, not for a user; at most 123 bytes.
    pub reason: Cow<'b, str>,
}

impl<'b> Goodbye<'b> {
    /// The payload of a close frame.
    pub(crate) fn read(payload: Cow<'b, [u8]>) -> Result<Option<Self>, Error> {
        let number = match *payload {
            [] => return Ok(None),
            [_] => return Err(Error::HalfCloseCode),
            [high, low, ..] => u16::from_be_bytes([high, low]),
        };
        let code = CloseCode::new(number).ok_or(Error::InvalidCloseCode(number))?;
        let reason = match payload {
            Cow::Borrowed(bytes) => std::str::from_utf8(&bytes[2..]).map(Cow::Borrowed),
            Cow::Owned(bytes) => std::str::from_utf8(&bytes[2..]).map(|s| Cow::Owned(s.to_owned())),
        };
        Ok(Some(Self { code, reason: reason.map_err(|_| Error::InvalidUtf8)? }))
    }
}
