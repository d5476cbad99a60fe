//! What callers of the ports cannot see: order, groups, failures, the write-ahead log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits::{
    GONE_COUNTED_MAX, GROUP_COMMIT_MAX, MARKS_PER_ROOM_MAX, STARS_PER_USER_MAX,
    WRITER_QUEUE_PER_APP_MAX,
};
use snug_core::model::{
    MarkPatch, Message, MessageKind, Role, RoomFilter, RoomKind, RoomPolicy, Time,
};
use snug_core::ports::{
    Append, AppendOutcome, ChangeMembers, ChangeMembersOutcome, ChangeMessage,
    ChangeMessageOutcome, ChangeStore, Guard, MarkMessage, MarkOutcome, MarkStore, MemberChange,
    MessageChange, MessageStore, NewMessage, NewRoom, PayloadHash, RoomListQuery, RoomStore, Store,
    StoreError, SyncStore,
};
use snug_testkit::temp_dir;
use tokio::task::JoinSet;

mod rooms;

use crate::call::call;
use crate::{OpenError, SqliteConfig, SqliteStore};

const SEED: [u8; 16] = [1; 16];

fn memory() -> Arc<SqliteStore> {
    SqliteStore::open(SqliteConfig::memory(SEED)).unwrap()
}

fn app(of: u8) -> AppId {
    AppId::new(&format!("app_{of:020}")).unwrap()
}

/// Holds the writer inside a call until the sender is dropped or used.
fn hold(store: &SqliteStore) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (holding, held) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let (job, _) = call(move |_| {
        holding.send(()).ok();
        wait.lock().recv().ok();
        Ok(())
    });
    store.writes.push(&None, job).unwrap();
    held.recv().unwrap();
    go
}

fn note(conn: &Connection, key: &str) -> rusqlite::Result<usize> {
    conn.execute("INSERT INTO meta (key, value) VALUES (?1, '')", [key])
}

fn notes(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT count(*) FROM meta WHERE key <> 'epoch'", [], |row| row.get(0))
}

#[tokio::test]
async fn a_failing_call_spoils_nobody_elses() {
    let store = memory();
    let go = hold(&store);
    let (good, good_answer) = call(|conn| note(conn, "good"));
    let (half, half_answer) = call(|conn| {
        note(conn, "half")?;
        note(conn, "half")
    });
    let (panics, panic_answer) = call(|conn| -> rusqlite::Result<()> {
        note(conn, "panics")?;
        panic!("a bug")
    });
    let (late, late_answer) = call(|conn| note(conn, "late"));
    for job in [good, half, panics, late] {
        store.writes.push(&None, job).unwrap();
    }
    go.send(()).unwrap();
    assert_eq!(good_answer.await.unwrap(), Ok(1));
    assert!(matches!(half_answer.await.unwrap(), Err(StoreError::Broken(_))));
    assert!(
        matches!(panic_answer.await.unwrap(), Err(StoreError::Broken(why)) if why.contains("a bug"))
    );
    assert_eq!(late_answer.await.unwrap(), Ok(1));
    assert_eq!(store.write(None, notes).await, Ok(2), "a failed call leaves nothing half done");
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_reader_survives_a_panic() {
    let dir = temp_dir();
    let mut config = SqliteConfig::file(dir.join("snug.db"), SEED);
    config.readers = 1;
    let store = SqliteStore::open(config).unwrap();
    let failed = store.read(None, |_| -> rusqlite::Result<()> { panic!("a bug") }).await;
    assert!(matches!(failed, Err(StoreError::Broken(_))));
    let written = store.read(None, |conn| note(conn, "x")).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "readers cannot write");
    assert_eq!(store.read(None, notes).await, Ok(0));
}

#[tokio::test]
async fn what_a_send_reads_does_not_wait_behind_pages() {
    let dir = temp_dir();
    let store = SqliteStore::open(SqliteConfig::file(dir.join("snug.db"), SEED)).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let mut pages = Vec::new();
    for _ in 0..16 {
        let wait = Arc::clone(&wait);
        let (job, answer) = call(move |_| {
            wait.lock().recv().ok();
            Ok(())
        });
        store.pages.push(&None, job).unwrap();
        pages.push(answer);
    }
    let read = tokio::time::timeout(Duration::from_secs(10), store.read(None, notes)).await;
    assert_eq!(read, Ok(Ok(0)));
    drop(go);
    for page in pages {
        assert_eq!(page.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_burst_of_one_app_leaves_the_next_group_to_others() {
    let store = memory();
    let go = hold(&store);
    let order = Arc::new(Mutex::new(Vec::new()));
    let push = |of: u8| {
        let order = Arc::clone(&order);
        let (job, answer) = call(move |_| {
            order.lock().push(of);
            Ok(())
        });
        store.writes.push(&Some(app(of)), job).map(|()| answer)
    };
    let mut answers = Vec::new();
    for _ in 0..WRITER_QUEUE_PER_APP_MAX {
        answers.push(push(1).unwrap());
    }
    assert!(push(1).is_err(), "one app may fill its own share only");
    assert_eq!(
        store.write(Some(app(1)), |_| Ok(())).await,
        Err(StoreError::Overloaded),
        "a full queue says so at once"
    );
    answers.push(push(2).unwrap());
    go.send(()).unwrap();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    let place = order.lock().iter().position(|of| *of == 2).unwrap();
    assert!(place < GROUP_COMMIT_MAX, "the other app's call was run as number {place}");
}

#[tokio::test]
async fn closing_works_off_what_is_queued() {
    let dir = temp_dir();
    let path = dir.join("snug.db");
    let store = SqliteStore::open(SqliteConfig::file(&path, SEED)).unwrap();
    let go = hold(&store);
    let (job, answer) = call(|conn| note(conn, "queued"));
    store.writes.push(&None, job).unwrap();
    go.send(()).unwrap();
    store.close().await;
    assert_eq!(answer.await.unwrap(), Ok(1));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    let again = SqliteStore::open(SqliteConfig::file(&path, [9; 16])).unwrap();
    assert_eq!(again.read(None, notes).await, Ok(1));
    assert_eq!(again.epoch, store.epoch, "the epoch is made once");
}

#[tokio::test]
async fn a_file_is_refused_with_a_reason() {
    let dir = temp_dir();
    let path = dir.join("snug.db");
    let open = || SqliteStore::open(SqliteConfig::file(&path, SEED));
    let store = open().unwrap();
    let refused = open().unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    store
        .write(None, |conn| conn.execute("INSERT INTO schema_versions VALUES (9999)", []))
        .await
        .unwrap();
    drop(store);
    let refused = open().unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 9999, .. }), "{refused}");
    let other = dir.join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    let refused = SqliteStore::open(SqliteConfig::file(&other, SEED)).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign), "{refused}");
}

#[tokio::test]
async fn stamps_do_not_fall_behind_a_reader() {
    let store = memory();
    let late = Time::from_seconds(1_000);
    store.position(late).await.unwrap();
    let stamp = store.clock.stamp(Time::from_seconds(1));
    assert_eq!(stamp, Time::from_seconds(995), "within the overlap of any cursor given out");
    assert_eq!(store.clock.stamp(Time::from_seconds(996)), Time::from_seconds(996));
}

async fn room(store: &SqliteStore) -> RoomId {
    let id = RoomId::new("room").unwrap();
    let new = NewRoom {
        app: app(1),
        id: id.clone(),
        kind: RoomKind::Group,
        direct: None,
        name: None,
        avatar: None,
        description: None,
        custom: None,
        tags: Vec::new(),
        policy: RoomPolicy::default(),
        invited: Vec::new(),
        creator: None,
        members: vec![(UserId::new("anna").unwrap(), Role::Owner)],
        epoch: "e".to_owned(),
        message: None,
        now: Time::from_seconds(1),
    };
    store.create_room(new).await.unwrap();
    id
}

fn append(room: &RoomId, id: &str) -> Append {
    Append {
        app: app(1),
        room: room.clone(),
        guard: Guard { room_policy_rev: 1, member: None },
        message: NewMessage {
            external: None,
            id: MessageId::new(id).unwrap(),
            sender: Some(UserId::new("anna").unwrap()),
            kind: MessageKind::Text,
            text: Some("x".repeat(1_000)),
            custom: None,
            extras: None,
            silent: false,
            hash: PayloadHash([0; 32]),
            read_up_to: None,
            thread: None,
        },
        now: Time::from_seconds(2),
    }
}

/// Reads that never end by themselves, one after another, hold the log; their bound frees it.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_bounded_under_long_reads() {
    const BOUND: u64 = 2 * 1_024 * 1_024;
    let dir = temp_dir();
    let path = dir.join("snug.db");
    let mut config = SqliteConfig::file(&path, SEED);
    config.wal_bytes_max = BOUND;
    config.read_ms_max = 100;
    let store = SqliteStore::open(config).unwrap();
    let room = room(&store).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut reads = JoinSet::new();
    for _ in 0..2 {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        reads.spawn(async move {
            let mut ended = 0;
            while !done.load(Ordering::Relaxed) {
                let read = store.read(None, endless).await;
                assert!(matches!(read, Err(StoreError::Unavailable(_))));
                ended += 1;
            }
            ended
        });
    }
    let wal = dir.join("snug.db-wal");
    let mut largest = 0;
    let mut written = 0;
    for round in 0..50 {
        let mut sends = JoinSet::new();
        for n in 0..200 {
            let (store, append) = (Arc::clone(&store), append(&room, &format!("{round}-{n}")));
            sends.spawn(async move { store.append_message(append).await });
        }
        while let Some(sent) = sends.join_next().await {
            assert!(matches!(sent.unwrap(), Ok(AppendOutcome::Stored(_))));
            written += 1_000_u64;
        }
        largest = largest.max(std::fs::metadata(&wal).unwrap().len());
    }
    done.store(true, Ordering::Relaxed);
    let ended: u32 = reads.join_all().await.into_iter().sum();
    assert!(ended > 1, "reads were held and ended");
    assert!(written > 4 * BOUND, "enough was written to need many checkpoints");
    // Twice the bound, and what one group may add to it.
    assert!(largest < 3 * BOUND, "the log grew to {largest} bytes");
    store.close().await;
    let left = std::fs::metadata(&wal).map_or(0, |file| file.len());
    assert_eq!(left, 0, "closing empties the log");
}

fn endless(conn: &Connection) -> rusqlite::Result<i64> {
    let first: i64 = conn.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?;
    let sql = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
               SELECT sum(x) FROM n";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|last| first + last)
}

#[tokio::test]
async fn a_write_is_read_by_the_next_read() {
    let dir = temp_dir();
    let store = SqliteStore::open(SqliteConfig::file(dir.join("snug.db"), SEED)).unwrap();
    for n in 1..=200 {
        store.write(None, move |conn| note(conn, &n.to_string())).await.unwrap();
        assert_eq!(store.read(None, notes).await, Ok(n));
    }
    tokio::time::timeout(Duration::from_secs(60), store.close()).await.unwrap();
}

/// Whoever else has an account on the machine reads no messages.
#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = temp_dir();
    let home = dir.join("made/here");
    let path = home.join("snug.db");
    let store = SqliteStore::open(SqliteConfig::file(&path, SEED)).unwrap();
    store.write(None, |conn| note(conn, "1")).await.unwrap();
    let rights =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for made in [home.clone(), dir.join("made")] {
        assert_eq!(rights(&made), 0o700, "{}", made.display());
    }
    let mut files = 0;
    for file in std::fs::read_dir(&home).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(rights(&file), 0o600, "{}", file.display());
        files += 1;
    }
    assert_eq!(files, 4, "the file, its log, its shared memory and the lock");
    store.close().await;
}

fn backend() -> Guard {
    Guard { room_policy_rev: 1, member: None }
}

async fn change(store: &SqliteStore, room: &RoomId, id: &str, change: MessageChange, second: i64) {
    let wanted = ChangeMessage {
        app: app(1),
        room: room.clone(),
        id: MessageId::new(id).unwrap(),
        guard: backend(),
        seen: None,
        change,
        by: None,
        now: Time::from_seconds(second),
    };
    let outcome = store.change_message(wanted).await.unwrap();
    assert!(matches!(outcome, ChangeMessageOutcome::Changed(_)), "{outcome:?}");
}

/// The later of when it was stored and when it was changed, as far as a caller sees it.
fn later(message: &Message) -> Time {
    let changed = [message.edited_at, message.deleted_at, message.hidden_at];
    changed.into_iter().flatten().fold(message.created_at, Time::max)
}

/// A page is empty at the end only, also when all of what it begins with changed later.
#[tokio::test]
async fn pages_of_changes_since_a_time_lose_nothing() {
    let store = memory();
    let room = room(&store).await;
    for n in 0..6 {
        let sent = Append { now: Time::from_seconds(10 + n), ..append(&room, &format!("m{n}")) };
        assert!(matches!(store.append_message(sent).await, Ok(AppendOutcome::Stored(_))));
    }
    let edit = MessageChange::Edit { text: Some("new".to_owned()), custom: None, extras: None };
    change(&store, &room, "m0", edit, 100).await;
    change(&store, &room, "m4", MessageChange::Delete, 101).await;
    change(&store, &room, "m3", MessageChange::Hide(true), 102).await;
    for limit in 1..=5 {
        let (mut since, mut found) = (Time::from_seconds(12), Vec::new());
        loop {
            let page = store.messages_since(&app(1), &room, 0, since, limit).await.unwrap();
            assert!(page.len() <= limit, "a page holds at most its limit");
            let Some(last) = page.last() else { break };
            since = later(last);
            found.extend(page.iter().map(|message| message.id.to_string()));
        }
        assert_eq!(found, ["m5", "m0", "m4", "m3"], "in pages of {limit}");
    }
}

/// Who left goes on seeing the room as it was, but not words that were taken back since.
#[tokio::test]
async fn a_room_that_was_left_keeps_no_words_that_are_gone() {
    let store = memory();
    let room = room(&store).await;
    let ben = UserId::new("ben").unwrap();
    let members = async |change, second| {
        let wanted = ChangeMembers {
            app: app(1),
            room: room.clone(),
            guard: backend(),
            change,
            announce: None,
            now: Time::from_seconds(second),
        };
        let outcome = store.change_members(wanted).await.unwrap();
        assert!(matches!(outcome, ChangeMembersOutcome::Changed(_)), "{outcome:?}");
    };
    members(MemberChange::Add { users: vec![ben.clone()], role: Role::Member }, 2).await;
    assert!(matches!(store.append_message(append(&room, "m")).await, Ok(AppendOutcome::Stored(_))));
    members(MemberChange::Remove { users: vec![ben.clone()] }, 3).await;
    let shown = async || {
        let query = RoomListQuery {
            after: None,
            limit: 9,
            include_left: true,
            members_shown: 0,
            filter: RoomFilter::EVERYTHING,
            now: Time(0),
        };
        let list = store.room_list(&app(1), &ben, &query).await.unwrap();
        let preview = list[0].room.head.preview.clone().expect("the message stays");
        assert_eq!(preview.seq, list[0].room.head.seq);
        preview.text.is_some()
    };
    let kept = async || {
        let sql = "SELECT count(*) FROM members WHERE left_room LIKE '%xxx%'";
        store.read(None, |conn| conn.query_row(sql, [], |row| row.get::<_, i64>(0))).await.unwrap()
    };
    assert!(shown().await);
    change(&store, &room, "m", MessageChange::Hide(true), 4).await;
    assert!(!shown().await, "hidden");
    change(&store, &room, "m", MessageChange::Hide(false), 5).await;
    assert_eq!((shown().await, kept().await), (true, 1));
    change(&store, &room, "m", MessageChange::Delete, 6).await;
    assert_eq!((shown().await, kept().await), (false, 0), "and no copy of it is in the file");

    // Nor while they are asked to come back.
    let asked = || vec![ben.clone()];
    members(MemberChange::Add { users: asked(), role: Role::Member }, 7).await;
    assert!(matches!(store.append_message(append(&room, "n")).await, Ok(AppendOutcome::Stored(_))));
    members(MemberChange::Remove { users: asked() }, 8).await;
    assert_eq!(kept().await, 1);
    let invite = MemberChange::Invite { users: asked(), role: Role::Member, by: None };
    members(invite, 9).await;
    change(&store, &room, "n", MessageChange::Delete, 10).await;
    assert_eq!(kept().await, 0, "erased for the invited, too");
    members(MemberChange::Remove { users: asked() }, 11).await;
    assert!(!shown().await);
}

/// Who is in sees the room, whatever was left in the row by whoever joined them.
#[tokio::test]
async fn a_member_is_not_invited() {
    let store = memory();
    let room = room(&store).await;
    assert!(matches!(store.append_message(append(&room, "m")).await, Ok(AppendOutcome::Stored(_))));
    let stale = |conn: &Connection| conn.execute("UPDATE members SET invited_at = 1", []);
    assert_eq!(store.write(None, stale).await, Ok(1));
    let query = RoomListQuery {
        after: None,
        limit: 9,
        include_left: true,
        members_shown: 3,
        filter: RoomFilter::EVERYTHING,
        now: Time(0),
    };
    let anna = UserId::new("anna").unwrap();
    let listed = store.room_list(&app(1), &anna, &query).await.unwrap();
    assert_eq!((&listed[0].mine.invitation, listed[0].members.len()), (&None, 1));
    assert!(listed[0].room.head.preview.is_some());
    let leaves = ChangeMembers {
        app: app(1),
        room: room.clone(),
        guard: backend(),
        change: MemberChange::Remove { users: vec![anna.clone()] },
        announce: None,
        now: Time::from_seconds(3),
    };
    let outcome = store.change_members(leaves).await.unwrap();
    assert!(matches!(outcome, ChangeMembersOutcome::Changed(_)), "{outcome:?}");
    let listed = store.room_list(&app(1), &anna, &query).await.unwrap();
    assert!(listed[0].mine.invitation.is_none() && listed[0].room.head.preview.is_some());
}

#[tokio::test]
async fn what_is_gone_is_counted_so_far_only() {
    let store = memory();
    let room = room(&store).await;
    let most = GONE_COUNTED_MAX + 2;
    for n in 0..most {
        let mut sent = append(&room, &format!("m{n}"));
        sent.message.sender = None;
        assert!(matches!(store.append_message(sent).await, Ok(AppendOutcome::Stored(_))));
    }
    let hide = |conn: &Connection| {
        conn.execute("UPDATE messages SET hidden_at = 1", [])?;
        conn.execute("UPDATE heads SET gone = seq", [])
    };
    store.write(None, hide).await.unwrap();
    let anna = UserId::new("anna").unwrap();
    let facts = store.room_facts(&app(1), &room, Some(&anna)).await.unwrap().unwrap();
    assert_eq!(facts.mine.unwrap().gone, GONE_COUNTED_MAX as u64);
}

#[tokio::test]
async fn a_users_marks_are_bounded() {
    let store = memory();
    let room = room(&store).await;
    let most = STARS_PER_USER_MAX as u64;
    for n in 0..=most {
        let sent = append(&room, &format!("m{n}"));
        assert!(matches!(store.append_message(sent).await, Ok(AppendOutcome::Stored(_))));
    }
    let stars = move |conn: &Connection| {
        conn.execute(
            "INSERT INTO marks SELECT rk, 'anna', seq, ?1, seq, seq, 0 FROM messages WHERE seq <= ?2",
            (app(1).as_str(), most as i64),
        )
    };
    store.write(None, stars).await.unwrap();
    let star = async |seq: u64| {
        let patch = MarkPatch { starred: Some(true), delete: false };
        let user = UserId::new("anna").unwrap();
        let (app, room) = (app(1), room.clone());
        let wanted = MarkMessage { app, room, user, seq, reply: false, patch, now: Time(1) };
        store.mark_message(wanted).await.unwrap()
    };
    assert_eq!(star(most + 1).await, MarkOutcome::TooManyStars);
    let hide =
        |conn: &Connection| conn.execute("UPDATE messages SET hidden_at = 1 WHERE seq = 1", []);
    store.write(None, hide).await.unwrap();
    store
        .write(None, |conn| conn.execute("UPDATE members SET marks_rev = 5000", []))
        .await
        .unwrap();
    assert!(matches!(star(most + 1).await, MarkOutcome::Marked(_)), "the list shows one less");
    let full = |conn: &Connection| {
        conn.execute("UPDATE members SET marks_rev = ?1", [MARKS_PER_ROOM_MAX as i64])?;
        conn.execute(
            "WITH RECURSIVE n(seq) AS (SELECT 2000 UNION ALL SELECT seq + 1 FROM n LIMIT ?1) \
             INSERT INTO marks SELECT h.rk, 'anna', n.seq, '', n.seq + 20000, NULL, 1 \
             FROM n, heads h",
            [MARKS_PER_ROOM_MAX as i64],
        )
    };
    store.write(None, full).await.unwrap();
    let clear = |conn: &Connection| conn.execute("DELETE FROM marks WHERE seq = 2", []);
    store.write(None, clear).await.unwrap();
    assert_eq!(star(2).await, MarkOutcome::TooManyMarks);
}
