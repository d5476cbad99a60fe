//! The closing handshake (RFC 6455, 7.1).

/// Where the closing handshake of a connection stands. It says what may be written; the reader
/// stops by itself.
///
/// ```
/// use snug_ws::Closing;
///
/// let mut closing = Closing::default();
/// assert!(closing.may_send());
/// // They said goodbye: one answer is owed, and nothing else may be written.
/// assert!(closing.received());
/// assert!(!closing.may_send());
/// assert!(closing.sent());
/// assert!(closing.is_done());
///
/// // We say goodbye first: whatever they still say may be read until their answer comes.
/// let mut closing = Closing::default();
/// assert!(closing.sent());
/// assert!(!closing.may_send());
/// assert!(!closing.is_done());
/// assert!(!closing.received());
/// assert!(closing.is_done());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Closing {
    /// Nobody has said goodbye.
    #[default]
    Open,
    /// We have; the answer is to come.
    Sent,
    /// They have; the answer is owed.
    Received,
    /// Both have: the server ends the TCP connection, the client waits for that.
    Done,
}

impl Closing {
    /// Whether messages, pings and pongs may still be written.
    #[must_use]
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Open)
    }

    /// Whether both sides have said goodbye.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done)
    }

    /// To be called before a close frame is written. Whether it may be: each side says goodbye
    /// once.
    #[must_use]
    pub const fn sent(&mut self) -> bool {
        match self {
            Self::Open => *self = Self::Sent,
            Self::Received => *self = Self::Done,
            Self::Sent | Self::Done => return false,
        }
        true
    }

    /// To be called when a close frame was read. Whether an answer is owed, with the same code.
    #[must_use]
    pub const fn received(&mut self) -> bool {
        match self {
            Self::Open => *self = Self::Received,
            Self::Sent => *self = Self::Done,
            Self::Received | Self::Done => {}
        }
        matches!(self, Self::Received)
    }
}
