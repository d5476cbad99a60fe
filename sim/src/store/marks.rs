//! Own marks on messages, straight through, but for two lies of the self-test.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Mark, MarkedMessage, Message, Time};
use snug_core::ports::{MarkMessage, MarkOutcome, MarkStore, MarksAfter, StoreResult};

use super::{Break, SeamStore};

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
        let mut marks = self.inner.marks(app, room, user, seqs).await?;
        if self.is(Break::ShowDeleted) {
            marks.retain(|(_, mark)| !mark.deleted);
        }
        Ok(marks)
    }

    async fn marks_after(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        after: MarksAfter,
    ) -> StoreResult<Vec<MarkedMessage>> {
        let mut marks = self.inner.marks_after(app, room, user, after).await?;
        if self.is(Break::ForgetMarks) {
            marks.clear();
        }
        Ok(marks)
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
