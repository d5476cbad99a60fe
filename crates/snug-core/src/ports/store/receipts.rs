//! Receipts: how far each member's devices have got a room. Beside the membership, not in it: what
//! is written for every member of a large room at once waits for no lock that a send needs.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, RoomId, UserId};
use crate::model::{Head, Receipt, ReceiptCounts, Time};

/// A device of a user has got a room up to a seq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub room: RoomId,
    pub user: UserId,
    pub seq: u64,
}

/// A cursor that moved, and where its room stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredMoved {
    pub room: RoomId,
    pub user: UserId,
    /// Where it is now.
    pub seq: u64,
    /// Without a preview: it is told to who has the room open.
    pub head: Head,
}

/// Whose receipts: those who can have a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsOf {
    pub seq: u64,
    /// Who joined later cannot have got it.
    pub said_at: Time,
    /// Left out.
    pub sender: Option<UserId>,
}

/// Receipts of rooms.
#[async_trait]
pub trait ReceiptStore: Send + Sync {
    /// Moves cursors of active members of living rooms, each to its seq (capped at the room's), never
    /// back and never where the read cursor is or beyond it already; everything else is passed over,
    /// and so is who does not want to be seen: what is not kept is shown to nobody. It moves no rev.
    /// Where a room and a user stand together in `got` more than once, the highest counts. What
    /// moves nothing waits for no send and holds none up.
    ///
    /// Returns those that moved in rooms of at most `told_members_max` members, by room and user.
    async fn move_delivered(
        &self,
        app: &AppId,
        got: &[Delivered],
        told_members_max: u32,
    ) -> StoreResult<Vec<DeliveredMoved>>;

    /// Those who can have the message, by user id, above `after`, with their cursors.
    async fn receipts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Receipt>>;

    /// How many they are. Goes through all of the room's members.
    async fn receipt_counts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
    ) -> StoreResult<ReceiptCounts>;
}
