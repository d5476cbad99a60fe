//! Why a connection ends, as a number on the wire.

use std::fmt;

/// A close code that may stand in a close frame (RFC 6455, 7.4, and the registry of IANA): 1000
/// to 1003, 1007 to 1014, 3000 to 4999. The codes that only an API may report (1005, 1006, 1015)
/// are none: a goodbye without a code is `None`.
///
/// ```
/// use snug_ws::CloseCode;
///
/// assert_eq!(CloseCode::new(4207).map(CloseCode::number), Some(4207));
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// for reserved in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
///     assert_eq!(CloseCode::new(reserved), None);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes down, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of data that this side does not take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Text that is not UTF-8, or compressed data that cannot be read.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A rule of the application was broken.
    pub const POLICY: Self = Self(1008);
    /// A frame or message over the bound.
    pub const TOO_BIG: Self = Self(1009);
    /// The server did not agree to an extension that the client needs.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// The server cannot go on.
    pub const INTERNAL: Self = Self(1011);
    /// The service restarts.
    pub const RESTART: Self = Self(1012);
    /// Too much to do: come back later.
    pub const OVERLOAD: Self = Self(1013);
    /// A gateway got a bad answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code of this number, if it may be sent.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
