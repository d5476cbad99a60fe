//! Appends, history, cursors and syncs: where answers get lost and promises are broken.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{Head, ListedRoom, Membership, Message, MessageKind, OwnSettings, Time};
use snug_core::ports::{
    Append, AppendOutcome, HistoryQuery, KeyHit, MessageStore, RoomChanges, RoomListQuery,
    RoomStore, StoreError, StoreResult, SyncStore, UserChanges, UserSyncQuery,
};

use super::{Break, SeamStore};

impl SeamStore {
    fn spoil_appended(&self, message: &mut Message) {
        if self.is(Break::DropAcked) && message.kind != MessageKind::System && self.now_and_then() {
            self.hidden.lock().insert(message.id.clone());
        }
        if self.is(Break::ReuseSeq) && message.seq > 1 && self.now_and_then() {
            message.seq -= 1;
        }
    }

    fn spoil_page(&self, page: &mut Vec<Message>) {
        if self.is(Break::DropAcked) {
            let hidden = self.hidden.lock();
            page.retain(|message| !hidden.contains(&message.id));
        }
        if self.is(Break::DropSystem) {
            page.retain(|message| message.kind != MessageKind::System);
        }
        if self.is(Break::SwapOrder) && page.len() > 1 && self.now_and_then() {
            page.swap(0, 1);
        }
    }
}

#[async_trait]
impl MessageStore for SeamStore {
    async fn append_message(&self, append: Append) -> StoreResult<AppendOutcome> {
        let (app, room, id) = (append.app.clone(), append.room.clone(), append.message.id.clone());
        let mut outcome = self.inner.append_message(append).await?;
        if self.lose_answer.swap(false, Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the answer was lost".to_owned()));
        }
        if let AppendOutcome::Stored(appended) = &mut outcome {
            self.spoil_appended(&mut appended.message);
        }
        if outcome == AppendOutcome::Conflict && self.is(Break::AckConflict) {
            let hit = self.inner.message_by_key(&app, &room, &id).await?;
            if let Some(hit) = hit {
                return Ok(AppendOutcome::Duplicate(Box::new(hit.message)));
            }
        }
        Ok(outcome)
    }

    async fn message_by_key(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
    ) -> StoreResult<Option<KeyHit>> {
        self.inner.message_by_key(app, room, id).await
    }

    async fn externals(
        &self,
        app: &AppId,
        room: &RoomId,
        externals: &[String],
    ) -> StoreResult<Vec<(String, MessageId)>> {
        self.inner.externals(app, room, externals).await
    }

    async fn history(
        &self,
        app: &AppId,
        room: &RoomId,
        query: &HistoryQuery,
    ) -> StoreResult<Vec<Message>> {
        let mut page = self.inner.history(app, room, query).await?;
        self.spoil_page(&mut page);
        Ok(page)
    }

    async fn move_cursor(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        seq: u64,
        now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>> {
        let mut moved = self.inner.move_cursor(app, room, user, seq, now).await?;
        if let Some((mine, _, false)) = &mut moved
            && self.is(Break::CursorBack)
        {
            mine.read_seq = seq.min(mine.read_seq);
        }
        Ok(moved)
    }
}

#[async_trait]
impl SyncStore for SeamStore {
    async fn room_list(
        &self,
        app: &AppId,
        user: &UserId,
        query: &RoomListQuery,
    ) -> StoreResult<Vec<ListedRoom>> {
        let mut rooms = self.inner.room_list(app, user, query).await?;
        if self.is(Break::MiscountUnread) {
            for listed in &mut rooms {
                listed.mine.read_own = 0;
                listed.mine.own_count = 0;
            }
        }
        if self.is(Break::ShowInvited) {
            for listed in rooms.iter_mut().filter(|listed| listed.mine.is_invited()) {
                if let Some(facts) = self.inner.room_facts(app, &listed.room.id, None).await? {
                    listed.room = facts.room;
                }
            }
        }
        Ok(rooms)
    }

    async fn room_changes(
        &self,
        app: &AppId,
        room: &RoomId,
        rev: u64,
        above_seq: u64,
        limit: usize,
    ) -> StoreResult<Option<RoomChanges>> {
        let mut changes = self.inner.room_changes(app, room, rev, above_seq, limit).await?;
        if let Some(changes) = &mut changes {
            self.spoil_page(&mut changes.messages);
            if self.is(Break::ForgetMembers) {
                changes.members.clear();
            }
        }
        Ok(changes)
    }

    async fn user_changes(
        &self,
        app: &AppId,
        user: &UserId,
        query: &UserSyncQuery,
        now: Time,
    ) -> StoreResult<UserChanges> {
        let mut changes = self.inner.user_changes(app, user, query, now).await?;
        if self.is(Break::ForgetRoom) && !changes.rooms.is_empty() {
            changes.rooms.remove(0);
        }
        if self.is(Break::ForgetOwn) {
            changes.rooms.iter_mut().for_each(|(_, row)| row.mine.own = OwnSettings::default());
        }
        Ok(changes)
    }
}
