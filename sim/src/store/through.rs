//! What the seam hands straight through to the real store, but for three lies of the self-test.

use async_trait::async_trait;
use snug_core::ids::{AppId, KeyId, MessageId, RoomId, SessionId, UserId};
use snug_core::model::{
    App, AppCounts, AppPatch, AuditEntry, CloseReason, Head, Member, MemberState, Membership,
    Message, MessageVersion, Operator, OwnPatch, Room, RoomKind, RoomPatch, RoomPolicy, ServerKey,
    Session, SessionSelector, Time, TokenHash, User, UserPatch,
};
use snug_core::ports::{
    AppStore, Arrival, ChangeMembers, ChangeMembersOutcome, ChangeMessage, ChangeMessageOutcome,
    ChangeStore, ClosedSession, CreateOperator, CreateRoomOutcome, Guard, NewApp, NewRoom,
    NewServerKey, NewSession, OpenOutcome, OperatorSession, OperatorStore, Position, PutRecord,
    PutRecordOutcome, Record, RecordPlace, RecordStore, RefreshOutcome, RoomFacts, RoomStore,
    SessionFacts, SessionStore, Store, StoreResult, UpdateRoomOutcome, UserStore,
};

use super::{Break, SeamStore};

#[async_trait]
impl AppStore for SeamStore {
    async fn create_app(&self, new: NewApp) -> StoreResult<()> {
        self.inner.create_app(new).await
    }

    async fn app(&self, app: &AppId) -> StoreResult<Option<App>> {
        self.inner.app(app).await
    }

    async fn apps(&self) -> StoreResult<Vec<App>> {
        self.inner.apps().await
    }

    async fn update_app(
        &self,
        app: &AppId,
        patch: AppPatch,
        now: Time,
    ) -> StoreResult<Option<App>> {
        self.inner.update_app(app, patch, now).await
    }

    async fn server_keys(&self, app: &AppId, now: Time) -> StoreResult<Vec<ServerKey>> {
        self.inner.server_keys(app, now).await
    }

    async fn rotate_server_key(
        &self,
        key: NewServerKey,
        others_expire_at: Time,
    ) -> StoreResult<Option<KeyId>> {
        self.inner.rotate_server_key(key, others_expire_at).await
    }

    async fn app_counts(&self, app: &AppId) -> StoreResult<AppCounts> {
        self.inner.app_counts(app).await
    }
}

#[async_trait]
impl UserStore for SeamStore {
    async fn upsert_user(
        &self,
        app: &AppId,
        user: &UserId,
        patch: UserPatch,
        now: Time,
    ) -> StoreResult<User> {
        self.inner.upsert_user(app, user, patch, now).await
    }

    async fn user(&self, app: &AppId, user: &UserId) -> StoreResult<Option<User>> {
        self.inner.user(app, user).await
    }

    async fn users_page(
        &self,
        app: &AppId,
        after: Option<&UserId>,
        limit: usize,
    ) -> StoreResult<Vec<User>> {
        self.inner.users_page(app, after, limit).await
    }

    async fn users(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<User>> {
        self.inner.users(app, users).await
    }

    async fn deactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<(User, Vec<ClosedSession>)>> {
        self.inner.deactivate_user(app, user, now).await
    }

    async fn reactivate_user(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Option<User>> {
        self.inner.reactivate_user(app, user, now).await
    }

    async fn note_seen(&self, seen: &[(AppId, UserId, Time)]) -> StoreResult<()> {
        self.inner.note_seen(seen).await
    }

    async fn last_seen(&self, app: &AppId, users: &[UserId]) -> StoreResult<Vec<(UserId, Time)>> {
        self.inner.last_seen(app, users).await
    }
}

#[async_trait]
impl SessionStore for SeamStore {
    async fn open_session(&self, new: NewSession) -> StoreResult<OpenOutcome> {
        self.inner.open_session(new).await
    }

    async fn session_by_token(
        &self,
        app: &AppId,
        token: TokenHash,
    ) -> StoreResult<Option<SessionFacts>> {
        let mut facts = self.inner.session_by_token(app, token).await?;
        if let Some(facts) = &mut facts
            && self.is(Break::KeepTokens)
        {
            facts.session.closed = None;
        }
        Ok(facts)
    }

    async fn arrival(
        &self,
        app: &AppId,
        user: &UserId,
        session: &SessionId,
    ) -> StoreResult<Option<Arrival>> {
        let mut found = self.inner.arrival(app, user, session).await?;
        if let Some(found) = &mut found
            && self.is(Break::KeepTokens)
        {
            found.session.closed = None;
        }
        Ok(found)
    }

    async fn refresh_session(
        &self,
        app: &AppId,
        old: TokenHash,
        new: TokenHash,
        expires_at: Time,
        now: Time,
    ) -> StoreResult<RefreshOutcome> {
        self.inner.refresh_session(app, old, new, expires_at, now).await
    }

    async fn close_sessions(
        &self,
        app: &AppId,
        which: &SessionSelector,
        reason: CloseReason,
        now: Time,
    ) -> StoreResult<Vec<ClosedSession>> {
        self.inner.close_sessions(app, which, reason, now).await
    }

    async fn sessions_of(
        &self,
        app: &AppId,
        user: &UserId,
        now: Time,
    ) -> StoreResult<Vec<Session>> {
        self.inner.sessions_of(app, user, now).await
    }
}

#[async_trait]
impl RoomStore for SeamStore {
    async fn rooms_of_kind(
        &self,
        app: &AppId,
        kind: RoomKind,
        after: Option<&RoomId>,
        limit: usize,
    ) -> StoreResult<Vec<Room>> {
        self.inner.rooms_of_kind(app, kind, after, limit).await
    }

    async fn create_room(&self, new: NewRoom) -> StoreResult<CreateRoomOutcome> {
        self.inner.create_room(new).await
    }

    async fn room_facts(
        &self,
        app: &AppId,
        room: &RoomId,
        user: Option<&UserId>,
    ) -> StoreResult<Option<RoomFacts>> {
        let mut facts = self.inner.room_facts(app, room, user).await?;
        if let Some(mine) = facts.as_mut().and_then(|facts| facts.mine.as_mut())
            && self.is(Break::TrustRemoved)
        {
            mine.state = MemberState::Active;
        }
        if let Some(facts) = &mut facts
            && self.is(Break::IgnorePolicy)
        {
            facts.room.policy = RoomPolicy::default();
        }
        Ok(facts)
    }

    async fn update_room(
        &self,
        app: &AppId,
        room: &RoomId,
        patch: RoomPatch,
        guard: &Guard,
        now: Time,
    ) -> StoreResult<UpdateRoomOutcome> {
        self.inner.update_room(app, room, patch, guard, now).await
    }

    async fn set_own(
        &self,
        app: &AppId,
        room: &RoomId,
        user: &UserId,
        patch: OwnPatch,
        now: Time,
    ) -> StoreResult<Option<(Membership, Head, bool)>> {
        let mut set = self.inner.set_own(app, room, user, patch, now).await?;
        if let Some((_, _, changed)) = &mut set
            && self.is(Break::ForgetOwn)
        {
            *changed = false;
        }
        Ok(set)
    }

    async fn delete_room(
        &self,
        app: &AppId,
        room: &RoomId,
        now: Time,
    ) -> StoreResult<Option<Head>> {
        self.inner.delete_room(app, room, now).await
    }

    async fn change_members(&self, change: ChangeMembers) -> StoreResult<ChangeMembersOutcome> {
        self.inner.change_members(change).await
    }

    async fn members(
        &self,
        app: &AppId,
        room: &RoomId,
        after: Option<&UserId>,
        limit: usize,
        invited: bool,
    ) -> StoreResult<Vec<Member>> {
        self.inner.members(app, room, after, limit, invited).await
    }

    async fn members_among(
        &self,
        app: &AppId,
        room: &RoomId,
        users: &[UserId],
    ) -> StoreResult<Vec<(UserId, u64)>> {
        self.inner.members_among(app, room, users).await
    }

    async fn joined_rooms(&self, app: &AppId, user: &UserId) -> StoreResult<Vec<(RoomId, Head)>> {
        self.inner.joined_rooms(app, user).await
    }
}

#[async_trait]
impl OperatorStore for SeamStore {
    async fn create_first_operator(&self, operator: Operator) -> StoreResult<CreateOperator> {
        self.inner.create_first_operator(operator).await
    }

    async fn operator_count(&self) -> StoreResult<u64> {
        self.inner.operator_count().await
    }

    async fn operator_by_email(&self, email: &str) -> StoreResult<Option<Operator>> {
        self.inner.operator_by_email(email).await
    }

    async fn open_operator_session(&self, session: OperatorSession) -> StoreResult<()> {
        self.inner.open_operator_session(session).await
    }

    async fn operator_by_session(
        &self,
        token: TokenHash,
        now: Time,
    ) -> StoreResult<Option<Operator>> {
        self.inner.operator_by_session(token, now).await
    }

    async fn close_operator_session(&self, token: TokenHash) -> StoreResult<()> {
        self.inner.close_operator_session(token).await
    }

    async fn add_audit(&self, entry: AuditEntry) -> StoreResult<()> {
        self.inner.add_audit(entry).await
    }

    async fn audit(&self, limit: usize) -> StoreResult<Vec<AuditEntry>> {
        self.inner.audit(limit).await
    }
}

#[async_trait]
impl ChangeStore for SeamStore {
    async fn change_message(&self, change: ChangeMessage) -> StoreResult<ChangeMessageOutcome> {
        self.inner.change_message(change).await
    }

    async fn pinned_messages(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
    ) -> StoreResult<Vec<Message>> {
        self.inner.pinned_messages(app, room, above_seq).await
    }

    async fn message_versions(
        &self,
        app: &AppId,
        room: &RoomId,
        id: &MessageId,
        limit: usize,
    ) -> StoreResult<Vec<MessageVersion>> {
        self.inner.message_versions(app, room, id, limit).await
    }

    async fn message_at(&self, app: &AppId, at: Time) -> StoreResult<Option<Message>> {
        self.inner.message_at(app, at).await
    }

    async fn seq_at(&self, app: &AppId, room: &RoomId, at: Time) -> StoreResult<u64> {
        self.inner.seq_at(app, room, at).await
    }

    async fn messages_since(
        &self,
        app: &AppId,
        room: &RoomId,
        above_seq: u64,
        since: Time,
        limit: usize,
    ) -> StoreResult<Vec<Message>> {
        self.inner.messages_since(app, room, above_seq, since, limit).await
    }
}

#[async_trait]
impl RecordStore for SeamStore {
    async fn record(
        &self,
        place: &RecordPlace,
        key: &str,
        now: Time,
    ) -> StoreResult<Option<Record>> {
        self.inner.record(place, key, now).await
    }

    async fn put_record(&self, put: PutRecord) -> StoreResult<PutRecordOutcome> {
        self.inner.put_record(put).await
    }

    async fn delete_record(&self, place: &RecordPlace, key: &str, now: Time) -> StoreResult<bool> {
        self.inner.delete_record(place, key, now).await
    }

    async fn records(
        &self,
        place: &RecordPlace,
        after: Option<&str>,
        limit: usize,
        now: Time,
    ) -> StoreResult<Vec<Record>> {
        self.inner.records(place, after, limit, now).await
    }

    async fn record_by_lookup(
        &self,
        dialect: &'static str,
        kind: &'static str,
        lookup: &[u8; 32],
        now: Time,
    ) -> StoreResult<Option<(AppId, Record)>> {
        self.inner.record_by_lookup(dialect, kind, lookup, now).await
    }
}

#[async_trait]
impl Store for SeamStore {
    async fn position(&self, now: Time) -> StoreResult<Position> {
        self.inner.position(now).await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.inner.ping().await
    }
}
