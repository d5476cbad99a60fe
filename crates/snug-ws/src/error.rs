//! What the other side did wrong.

use std::fmt;

use crate::CloseCode;

/// What the other side did wrong. The connection cannot be read on: say goodbye with
/// [`close_code`](Error::close_code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A reserved bit is set and no extension was agreed on that gives it a meaning here.
    ReservedBits,
    /// An opcode that RFC 6455 does not define.
    ReservedOpcode(u8),
    /// A client's frame without a mask.
    Unmasked,
    /// A server's frame with a mask.
    Masked,
    /// A ping, pong or close frame in parts.
    FragmentedControl,
    /// A ping, pong or close frame of more than 125 bytes.
    ControlTooLong,
    /// A length in more bytes than it needs.
    LengthNotMinimal,
    /// A frame over [`Limits::frame_bytes`](crate::Limits::frame_bytes).
    FrameTooLarge {
        /// As announced, in bytes.
        length: u64,
    },
    /// A message over [`Limits::message_bytes`](crate::Limits::message_bytes), or over the bound
    /// given for what it inflates to.
    MessageTooLarge,
    /// A message in more frames than [`Limits::fragments`](crate::Limits::fragments).
    TooManyFragments,
    /// A continuation, and nothing to continue.
    NothingToContinue,
    /// A new message before the end of the one under way.
    MessageInterrupted,
    /// Text, or the reason of a goodbye, that is not UTF-8.
    InvalidUtf8,
    /// A close frame with one byte.
    HalfCloseCode,
    /// A close code that may not be sent.
    InvalidCloseCode(u16),
    /// Compressed data that cannot be inflated, or that ends too early.
    InvalidDeflate,
}

impl Error {
    /// The code to say goodbye with.
    ///
    /// ```
    /// use snug_ws::{CloseCode, Error};
    ///
    /// assert_eq!(Error::Unmasked.close_code(), CloseCode::PROTOCOL_ERROR);
    /// assert_eq!(Error::InvalidUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
    /// assert_eq!(Error::MessageTooLarge.close_code(), CloseCode::TOO_BIG);
    /// ```
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::FrameTooLarge { .. } | Self::MessageTooLarge => CloseCode::TOO_BIG,
            // RFC 6455 names none; a bound on work is the application's rule.
            Self::TooManyFragments => CloseCode::POLICY,
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD,
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::NothingToContinue
            | Self::MessageInterrupted
            | Self::HalfCloseCode
            | Self::InvalidCloseCode(_) => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("a reserved bit is set"),
            Self::ReservedOpcode(opcode) => write!(f, "opcode {opcode} is reserved"),
            Self::Unmasked => f.write_str("a client's frame is not masked"),
            Self::Masked => f.write_str("a server's frame is masked"),
            Self::FragmentedControl => f.write_str("a control frame came in parts"),
            Self::ControlTooLong => f.write_str("a control frame has more than 125 bytes"),
            Self::LengthNotMinimal => f.write_str("a length is written in too many bytes"),
            Self::FrameTooLarge { length } => write!(f, "a frame of {length} bytes is too large"),
            Self::MessageTooLarge => f.write_str("a message is too large"),
            Self::TooManyFragments => f.write_str("a message came in too many frames"),
            Self::NothingToContinue => f.write_str("a continuation of nothing"),
            Self::MessageInterrupted => f.write_str("a message began within another one"),
            Self::InvalidUtf8 => f.write_str("text is not UTF-8"),
            Self::HalfCloseCode => f.write_str("half a close code"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} may not be sent"),
            Self::InvalidDeflate => f.write_str("compressed data cannot be read"),
        }
    }
}

impl std::error::Error for Error {}
