//! What cases are made of: an app of one's own, a clock that never stands still, short names
//! for the calls that every case makes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::ids::{AppId, KeyId, MessageId, RoomId, UserId};
use crate::model::{
    App, AppPolicy, CustomJson, Extras, Head, Membership, Message, MessageKind, Role, RoomKind,
    RoomPolicy, ServerKey, Time,
};
use crate::ports::{
    Append, AppendOutcome, Appended, ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome,
    CreatedRoom, Guard, HistoryQuery, MemberChange, MembersChanged, NewApp, NewMessage, NewRoom,
    PayloadHash, RoomFacts, Store,
};

/// Enough for everything that a case stores.
pub(super) const ALL: usize = 5_000;

/// One case's app.
pub(super) struct Fixture<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) app: AppId,
    made: AtomicU64,
}

/// The last time given out by any fixture. Shared, because a store may hold its stamps against
/// a clock that went back, and one case's clock must not lie behind another's stamps.
static LAST: AtomicI64 = AtomicI64::new(0);

impl<'a> Fixture<'a> {
    /// Makes an app that no other case has.
    pub(super) async fn new(store: &'a dyn Store) -> Self {
        let fixture = Self::in_app(store, random_app());
        let now = fixture.now();
        let app = app_of(fixture.app.clone(), now);
        let key = key_of(&app.id, now);
        store.create_app(NewApp { app, key }).await.expect("create_app");
        fixture
    }

    /// For another task in an app that is there.
    pub(super) fn in_app(store: &'a dyn Store, app: AppId) -> Self {
        Self { store, app, made: AtomicU64::new(0) }
    }

    /// The wall clock, a millisecond on at least.
    pub(super) fn now(&self) -> Time {
        let real = wall_clock();
        let next = |last: i64| Some(real.max(last + 1_000_000));
        let last = LAST
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .expect("the closure never declines");
        Time(real.max(last + 1_000_000))
    }

    /// A message id that this fixture has not used.
    pub(super) fn message_id(&self) -> MessageId {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        message_id(&format!("m-{made}"))
    }

    /// A group to be made: the first member is its creator and owner.
    pub(super) fn new_group(&self, id: &str, members: &[&str]) -> NewRoom {
        let role = |place| {
            if place == 0 { Role::Owner } else { Role::Member }
        };
        NewRoom {
            app: self.app.clone(),
            id: room_id(id),
            kind: RoomKind::Group,
            direct: None,
            name: None,
            avatar: None,
            description: None,
            custom: None,
            tags: Vec::new(),
            policy: RoomPolicy::default(),
            invited: Vec::new(),
            creator: members.first().map(|name| user(name)),
            members: members
                .iter()
                .enumerate()
                .map(|(place, name)| (user(name), role(place)))
                .collect(),
            epoch: random_text(),
            message: None,
            now: self.now(),
        }
    }

    pub(super) async fn create(&self, new: NewRoom) -> CreatedRoom {
        match self.store.create_room(new).await.expect("create_room") {
            CreateRoomOutcome::Created(created) => *created,
            other => panic!("a room that nothing forbids gave {other:?}"),
        }
    }

    pub(super) async fn group(&self, id: &str, members: &[&str]) -> RoomId {
        self.create(self.new_group(id, members)).await.room.id
    }

    pub(super) async fn facts(&self, room: &RoomId, name: &str) -> RoomFacts {
        self.store
            .room_facts(&self.app, room, Some(&user(name)))
            .await
            .expect("room_facts")
            .expect("the room is there")
    }

    pub(super) async fn mine(&self, room: &RoomId, name: &str) -> Membership {
        let facts = self.facts(room, name).await;
        facts.mine.unwrap_or_else(|| panic!("{name} has a membership"))
    }

    pub(super) async fn head(&self, room: &RoomId) -> Head {
        self.backend_facts(room).await.room.head
    }

    async fn backend_facts(&self, room: &RoomId) -> RoomFacts {
        self.store
            .room_facts(&self.app, room, None)
            .await
            .expect("room_facts")
            .expect("the room is there")
    }

    /// What policy sees of a member now.
    pub(super) async fn guard(&self, room: &RoomId, name: &str) -> Guard {
        let facts = self.facts(room, name).await;
        let mine = facts.mine.unwrap_or_else(|| panic!("{name} has a membership"));
        Guard {
            room_policy_rev: facts.room.policy_rev,
            member: Some((user(name), mine.policy_rev)),
        }
    }

    /// What policy sees for the backend now.
    pub(super) async fn backend_guard(&self, room: &RoomId) -> Guard {
        Guard { room_policy_rev: self.backend_facts(room).await.room.policy_rev, member: None }
    }

    pub(super) fn append_of(&self, room: &RoomId, guard: Guard, message: NewMessage) -> Append {
        Append { app: self.app.clone(), room: room.clone(), guard, message, now: self.now() }
    }

    pub(super) async fn try_append(
        &self,
        room: &RoomId,
        guard: Guard,
        message: NewMessage,
    ) -> AppendOutcome {
        self.store
            .append_message(self.append_of(room, guard, message))
            .await
            .expect("append_message")
    }

    /// Appends with the guard of the sender, when an active member, else of the backend.
    pub(super) async fn append(&self, room: &RoomId, message: NewMessage) -> Appended {
        let facts = self
            .store
            .room_facts(&self.app, room, message.sender.as_ref())
            .await
            .expect("room_facts")
            .expect("the room is there");
        let guard = Guard {
            room_policy_rev: facts.room.policy_rev,
            member: facts
                .mine
                .filter(Membership::is_active)
                .map(|mine| (mine.user, mine.policy_rev)),
        };
        stored(self.try_append(room, guard, message).await)
    }

    /// Sends a text with a new id.
    pub(super) async fn send(&self, room: &RoomId, name: &str, text: &str) -> Appended {
        self.append(room, text_message(self.message_id(), Some(name), text)).await
    }

    /// Changes members for the backend.
    pub(super) async fn change(
        &self,
        room: &RoomId,
        change: MemberChange,
        announce: Option<NewMessage>,
    ) -> MembersChanged {
        let change = ChangeMembers {
            app: self.app.clone(),
            room: room.clone(),
            guard: self.backend_guard(room).await,
            change,
            announce,
            now: self.now(),
        };
        match self.store.change_members(change).await.expect("change_members") {
            ChangeMembersOutcome::Changed(changed) => *changed,
            other => panic!("a change of members with a fresh guard gave {other:?}"),
        }
    }

    pub(super) async fn add(&self, room: &RoomId, names: &[&str]) -> MembersChanged {
        let change = MemberChange::Add { users: users(names), role: Role::Member };
        self.change(room, change, None).await
    }

    pub(super) async fn remove(&self, room: &RoomId, names: &[&str]) -> MembersChanged {
        let change = MemberChange::Remove { users: users(names) };
        self.change(room, change, None).await
    }

    /// Moves a cursor; the membership after it and whether it moved.
    pub(super) async fn read(&self, room: &RoomId, name: &str, seq: u64) -> (Membership, bool) {
        let (mine, _, moved) = self
            .store
            .move_cursor(&self.app, room, &user(name), seq, self.now())
            .await
            .expect("move_cursor")
            .unwrap_or_else(|| panic!("{name} is an active member"));
        (mine, moved)
    }

    pub(super) async fn history(&self, room: &RoomId) -> Vec<Message> {
        let query = HistoryQuery { before: None, after: Some(0), above: 0, limit: ALL };
        self.store.history(&self.app, room, &query).await.expect("history")
    }
}

pub(super) fn stored(outcome: AppendOutcome) -> Appended {
    match outcome {
        AppendOutcome::Stored(appended) => *appended,
        other => panic!("an append with a fresh guard and id gave {other:?}"),
    }
}

pub(super) fn user(name: &str) -> UserId {
    UserId::new(name).expect("a user id")
}

pub(super) fn users(names: &[&str]) -> Vec<UserId> {
    names.iter().map(|name| user(name)).collect()
}

pub(super) fn room_id(text: &str) -> RoomId {
    RoomId::new(text).expect("a room id")
}

pub(super) fn message_id(text: &str) -> MessageId {
    MessageId::new(text).expect("a message id")
}

pub(super) fn json(text: &str) -> CustomJson {
    CustomJson::from_stored(text.to_owned()).expect("JSON")
}

pub(super) fn text_message(id: MessageId, sender: Option<&str>, text: &str) -> NewMessage {
    hashed(NewMessage {
        external: None,
        id,
        sender: sender.map(user),
        kind: MessageKind::Text,
        text: Some(text.to_owned()),
        custom: None,
        extras: None,
        silent: false,
        hash: PayloadHash([0; 32]),
        read_up_to: None,
        thread: None,
    })
}

/// What the room says itself.
pub(super) fn system_message(id: MessageId, custom: &str) -> NewMessage {
    hashed(NewMessage {
        external: None,
        id,
        sender: None,
        kind: MessageKind::System,
        text: None,
        custom: Some(json(custom)),
        extras: None,
        silent: false,
        hash: PayloadHash([0; 32]),
        read_up_to: None,
        thread: None,
    })
}

/// The message with the hash of its payload; call again after changing a field.
pub(super) fn hashed(mut message: NewMessage) -> NewMessage {
    let payload = format!(
        "{:?}",
        (
            &message.sender,
            message.kind,
            &message.text,
            message.custom.as_ref().map(CustomJson::as_str),
            message.extras.as_deref().and_then(Extras::stored),
            message.silent,
        )
    );
    message.hash = PayloadHash(Sha256::digest(payload.as_bytes()).into());
    message
}

pub(super) fn app_of(id: AppId, now: Time) -> App {
    App {
        id,
        name: "Conformance".to_owned(),
        policy: AppPolicy::Open,
        development: false,
        origins: vec!["https://shop.example".to_owned()],
        created_at: now,
        changed_at: now,
    }
}

pub(super) fn key_of(app: &AppId, now: Time) -> ServerKey {
    let text = random_text();
    ServerKey {
        app: app.clone(),
        id: KeyId::new(&text).expect("a key id"),
        sealed: text.as_bytes().to_vec(),
        hash: Sha256::digest(text.as_bytes()).into(),
        hint: text[text.len() - 4..].to_owned(),
        created_at: now,
        expires_at: None,
    }
}

pub(super) fn random_app() -> AppId {
    let text = format!("app_{}", &random_text()[..20]);
    AppId::new(&text).expect("an app id")
}

/// 26 characters that no other run has: several processes test on one database.
pub(super) fn random_text() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let digits = format!("{:016x}{:016x}", random(), random());
    digits[..26].to_owned()
}

/// A small generator of our own, so that a failing seed can be run again anywhere.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `sides` - 1.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(super) fn pick<'v, T>(&mut self, of: &'v [T]) -> &'v T {
        let place = self.roll(of.len() as u64);
        &of[usize::try_from(place).expect("a place in a slice")]
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a store may stamp with its database's clock, so cases must live in the same time"
)]
fn wall_clock() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock after 1970");
    i64::try_from(since.as_nanos()).expect("nanoseconds fit until 2262")
}
