//! Threads, straight through, but for one lie of the self-test.

use async_trait::async_trait;
use snug_core::ids::{AppId, RoomId, UserId};
use snug_core::model::{Message, Thread, ThreadMine};
use snug_core::ports::{HistoryQuery, StoreResult, ThreadStore, ThreadsQuery};

use super::{Break, SeamStore};

#[async_trait]
impl ThreadStore for SeamStore {
    async fn thread_replies(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>> {
        self.inner.thread_replies(app, room, root, query).await
    }

    async fn threads(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &ThreadsQuery,
    ) -> StoreResult<Vec<Thread>> {
        self.inner.threads(app, room, query).await
    }

    async fn thread_mine(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
    ) -> StoreResult<ThreadMine> {
        self.inner.thread_mine(app, room, root, user).await
    }

    async fn read_thread(
        &self,
        app: &AppId,
        room: &RoomId,
        root: u64,
        user: &UserId,
        seq: u64,
    ) -> StoreResult<Option<ThreadMine>> {
        let mut read = self.inner.read_thread(app, room, root, user, seq).await?;
        if let Some(mine) = &mut read
            && self.is(Break::ThreadBack)
        {
            mine.read_seq = seq.min(mine.read_seq);
        }
        Ok(read)
    }
}
