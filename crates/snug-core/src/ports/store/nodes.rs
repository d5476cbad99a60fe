//! Nodes that share the store, so that the living announce what a dead one may not have told.

use async_trait::async_trait;

use super::StoreResult;
use crate::ids::{AppId, RoomId};
use crate::model::{Head, Time};

/// A node that fell silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostNode {
    pub node: String,
    /// Everything that it committed before this had been told to the others.
    pub told_at: Time,
}

/// A room of any app, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRoom {
    pub app: AppId,
    pub room: RoomId,
    pub head: Head,
    pub deleted: bool,
}

/// Signs of life, by the store's own time: a database server's clock, or `now` for the embedded
/// store.
#[async_trait]
pub trait NodeStore: Send + Sync {
    /// The node lives, and all that it had committed `told_ms` milliseconds ago has been told to
    /// the others.
    async fn beat_node(&self, node: &str, told_ms: u64, now: Time) -> StoreResult<()>;

    /// Takes a node in hand that was silent for `silent_ms`: of many callers one gets it, and if
    /// that one does not forget it, another does after the same time again.
    async fn lost_node(&self, silent_ms: u64, now: Time) -> StoreResult<Option<LostNode>>;

    /// The node has told everything, or others have done it.
    async fn forget_node(&self, node: &str) -> StoreResult<()>;

    /// Rooms of all apps that changed at or after `since`, those changed last first, at most
    /// `limit`. Reads every room's head: for what seldom happens.
    async fn rooms_changed(&self, since: Time, limit: usize) -> StoreResult<Vec<ChangedRoom>>;
}
