//! Receipts, straight through.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Receipt, ReceiptCounts};
use snug_core::ports::{Delivered, DeliveredMoved, ReceiptStore, ReceiptsOf, StoreResult};

use super::SeamStore;

#[async_trait]
impl ReceiptStore for SeamStore {
    async fn move_delivered(
        &self,
        app: &AppId,
        got: &[Delivered],
        told_members_max: u32,
    ) -> StoreResult<Vec<DeliveredMoved>> {
        self.inner.move_delivered(app, got, told_members_max).await
    }

    async fn receipts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<Receipt>> {
        self.inner.receipts(app, room, of, after, limit).await
    }

    async fn receipt_counts(
        &self,
        app: &AppId,
        room: &RoomId,
        of: &ReceiptsOf,
    ) -> StoreResult<ReceiptCounts> {
        self.inner.receipt_counts(app, room, of).await
    }
}
