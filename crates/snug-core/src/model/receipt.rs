//! How far members have got a room's messages, and how far they have read them.

use serde::{Deserialize, Serialize};

use super::User;
use crate::ids::UserId;

/// Up to which seq a device of a member has got a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredTo {
    pub user: UserId,
    pub seq: u64,
}

/// A member's two cursors, as others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub user: User,
    /// Never below `read_seq`: what was read was delivered.
    pub delivered_seq: u64,
    pub read_seq: u64,
}

/// How many members have a message, of those who can have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReceiptCounts {
    /// Who can have it: active members but the sender, in the room when it was said, to whom it is
    /// not hidden.
    pub members: u64,
    /// Of those, who got it; never fewer than `read`.
    pub delivered: u64,
    pub read: u64,
}
