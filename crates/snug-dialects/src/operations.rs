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
}

/// One operation of another system.
#[derive(Debug, Clone, Copy)]
pub struct OperationRow {
    /// As its documentation names it: `POST chat.sendMessage`, `DDP loadHistory`.
    pub name: &'static str,
    pub carried: Carried,
}
