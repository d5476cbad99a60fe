//! Files of every schema version that was written open in this build, with all that is in them.
#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use std::sync::Arc;

use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{MemberState, MessageKind, RoomFilter, Time, TokenHash};
use snug_core::ports::{
    AppStore, Append, AppendOutcome, ChangeStore, Guard, HistoryQuery, MessageStore, NewMessage,
    OperatorStore, PayloadHash, RoomListQuery, RoomStore, SessionStore, Store, SyncStore,
    UserStore,
};
use snug_sqlite::{SqliteConfig, SqliteStore};
use snug_testkit::{TempDir, temp_dir};

const NOW: Time = Time(1_500_000_000_000_000_000);

fn app() -> AppId {
    AppId::new("app_00000000000000000001").unwrap()
}

fn room() -> RoomId {
    RoomId::new("listing-7").unwrap()
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn version_1(dir: &TempDir) -> Arc<SqliteStore> {
    version_1_with(dir, "")
}

/// With more rows than the golden ones.
fn version_1_with(dir: &TempDir, more: &str) -> Arc<SqliteStore> {
    let path = dir.join("v1.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(include_str!("golden/v1.sql")).unwrap();
    file.execute_batch(more).unwrap();
    file.close().unwrap();
    SqliteStore::open(SqliteConfig::file(path, [0; 16])).unwrap()
}

#[tokio::test]
async fn version_1_opens_whole() {
    let dir = temp_dir();
    let store = version_1(&dir);
    assert_eq!(store.position(NOW).await.unwrap().epoch, "the-epoch-of-version-1");
    let found = store.app(&app()).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.origins.len()), ("Second Street", 1));
    assert_eq!(store.server_keys(&app(), NOW).await.unwrap()[0].sealed, [1, 2]);
    let anna = store.user(&app(), &user("anna")).await.unwrap().unwrap();
    assert_eq!(anna.custom.unwrap().as_str(), r#"{"vip": true}"#);
    let session = store.session_by_token(&app(), TokenHash([0xab; 32])).await.unwrap().unwrap();
    assert_eq!((session.session.id.as_str(), session.session.ttl_seconds), ("ses_1", 3_600));
    assert_eq!(store.operator_count().await.unwrap(), 1);
    assert_eq!(store.audit(9).await.unwrap()[0].action, "app.create");

    let query = HistoryQuery { before: None, after: None, above: 0, limit: 9 };
    let history = store.history(&app(), &room(), &query).await.unwrap();
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].text.as_deref(), Some("還在嗎?"));
    assert_eq!(history[1].kind, MessageKind::Custom);
    check_left_room(&store).await;
    check_append(&store).await;
}

/// The stored document of a room that was left.
async fn check_left_room(store: &SqliteStore) {
    let query = RoomListQuery {
        after: None,
        limit: 9,
        include_left: true,
        members_shown: 5,
        filter: RoomFilter::default(),
        now: NOW,
    };
    let list = store.room_list(&app(), &user("ben"), &query).await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].mine.state, MemberState::Left);
    assert_eq!(list[0].room.name.as_deref(), Some("Bicycle"));
    assert_eq!(list[0].room.custom.as_ref().unwrap().as_str(), r#"{"listing":  7}"#);
    assert_eq!(list[0].room.head.preview.as_ref().unwrap().text.as_deref(), Some("還在嗎?"));
    assert!(list[0].members.is_empty(), "an early build wrote members; nobody is shown them");
}

/// Numbers go on where the file left them.
async fn check_append(store: &SqliteStore) {
    let message = NewMessage {
        external: None,
        id: MessageId::new("m-3").unwrap(),
        sender: Some(user("anna")),
        kind: MessageKind::Text,
        text: Some("yes".to_owned()),
        custom: None,
        extras: None,
        silent: false,
        hash: PayloadHash([1; 32]),
        read_up_to: None,
        thread: None,
    };
    let guard = Guard { room_policy_rev: 1, member: Some((user("anna"), 1)) };
    let append = Append { app: app(), room: room(), guard, message, now: NOW };
    let AppendOutcome::Stored(stored) = store.append_message(append).await.unwrap() else {
        panic!("the append is stored");
    };
    assert_eq!((stored.message.seq, stored.message.rev, stored.message.count), (3, 6, 3));
    assert_eq!(stored.mine.unwrap().own_count, 3);
    let facts = store.room_facts(&app(), &room(), None).await.unwrap().unwrap();
    assert_eq!(facts.room.head, stored.head);
}

/// Version 1 kept times apart within a room only. In version 2 a time names a message: those that
/// share one move, in the order of their seq, and a room's activity with its last message.
#[tokio::test]
async fn times_that_collide_are_moved_apart() {
    const FIRST: i64 = 1_000_000_000_000_000_002;
    let mut more = String::new();
    let mut mk = 10;
    // Rooms that begin at one time, go on by the nanosecond, and so overlap throughout.
    for rk in 2..=4 {
        let activity = FIRST + 3;
        more += &format!(
            "INSERT INTO rooms VALUES ({rk}, 'app_00000000000000000001', 'room-{rk}', 'group', \
             NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1, 'e'); \
             INSERT INTO heads VALUES ({rk}, 4, 5, 1, 4, {activity}, {activity}, NULL, 1, 0, 1, 0);"
        );
        for seq in 1..=4 {
            mk += 1;
            let (rev, at) = (seq + 1, FIRST + seq - 1);
            more += &format!(
                "INSERT INTO messages VALUES ({mk}, {rk}, {seq}, {rev}, {rev}, 'm-{seq}', NULL, \
                 'text', 'x', NULL, 0, {seq}, 0, 0, {at}, zeroblob(32), NULL, NULL);"
            );
        }
    }
    let dir = temp_dir();
    let store = version_1_with(&dir, &more);
    let query = HistoryQuery { before: None, after: None, above: 0, limit: 9 };
    let mut times = std::collections::BTreeSet::new();
    for id in ["listing-7", "room-2", "room-3", "room-4"] {
        let id = RoomId::new(id).unwrap();
        let messages = store.history(&app(), &id, &query).await.unwrap();
        assert!(messages.is_sorted_by(|a, b| a.created_at < b.created_at), "{messages:?}");
        for message in &messages {
            let found = store.message_at(&app(), message.created_at).await.unwrap();
            assert_eq!(found.as_ref(), Some(message), "a time names its message");
            times.insert(message.created_at);
        }
        let head = store.room_facts(&app(), &id, None).await.unwrap().unwrap().room.head;
        assert_eq!(head.activity_at, messages.last().unwrap().created_at);
    }
    assert_eq!(times.len(), 2 + 3 * 4);
    assert!(times.iter().all(|at| (FIRST..FIRST + 14).contains(&at.0)), "none moved further");
    check_append(&store).await;
}

/// A released migration is never edited: a new file has the tables of a file brought up to date.
#[tokio::test]
async fn old_and_new_files_have_one_schema() {
    let dir = temp_dir();
    version_1(&dir).close().await;
    let new = dir.join("new.db");
    SqliteStore::open(SqliteConfig::file(&new, [0; 16])).unwrap().close().await;
    assert_eq!(schema(&dir.join("v1.db")), schema(&new));
}

fn schema(path: &std::path::Path) -> Vec<String> {
    let file = rusqlite::Connection::open(path).unwrap();
    let mut words = file
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
        .unwrap();
    words.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
