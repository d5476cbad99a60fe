//! Own marks on messages, straight through.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Mark, MarkedMessage, Message, Time};
use snug_core::ports::{MarkMessage, MarkOutcome, MarkStore, MarksAfter, StoreResult};

use super::SeamStore;

#[async_trait]
impl MarkStore for SeamStore {
    async fn mark_message(&self, wanted: MarkMessage) -> StoreResult<MarkOutcome> {
        self.inner.mark_message(wanted).await
    }

    async fn marks(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seqs: &[u64],
    ) -> StoreResult<Vec<(u64, Mark)>> {
        self.inner.marks(app, room, user, seqs).await
    }

    async fn marks_after(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        after: MarksAfter,
    ) -> StoreResult<Vec<MarkedMessage>> {
        self.inner.marks_after(app, room, user, after).await
    }

    async fn starred(
        &self,
        app: &AppId,
        user: &UserId,
        before: Option<Time>,
        limit: usize,
    ) -> StoreResult<Vec<Message>> {
        self.inner.starred(app, user, before, limit).await
    }
}
