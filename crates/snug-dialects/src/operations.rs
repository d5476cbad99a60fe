//! What a dialect carries, as data: the compatibility table is written from it, and a test calls
//! what is not carried and expects the vendor's 501.

/// Whether an operation is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    Yes,
    /// Carried but for what the note says.
    Partly(&'static str),
    /// Answered 501 in the vendor's form.
    No,
    /// Not carried, and there is nobody to answer 501: an event that is never sent, or a
    /// subscription that the vendor's clients wait for and on which nothing is told.
    Silent(&'static str),
}

impl Carried {
    /// Whether something comes of it.
    #[must_use]
    pub fn is_carried(self) -> bool {
        matches!(self, Self::Yes | Self::Partly(_))
    }
}

/// One operation of another system.
#[derive(Debug, Clone, Copy)]
pub struct OperationRow {
    /// As its documentation names it: `POST chat.sendMessage`, `DDP loadHistory`.
    pub name: &'static str,
    pub carried: Carried,
}
