//! A room that somebody else holds keeps nobody waiting but its own senders, and never more of
//! them than the queue's bound.

use std::sync::Arc;
use std::time::Duration;

use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::limits;
use snug_core::model::{MessageKind, Role, RoomKind, RoomPolicy, Time};
use snug_core::ports::{
    Append, AppendOutcome, CreateRoomOutcome, Guard, MessageStore, NewMessage, NewRoom,
    PayloadHash, RoomStore, StoreError, StoreResult, UserStore,
};
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_testkit::PgServer;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

/// Far below the statement timeout: whoever waits for the held room does not make it.
const SOON: Duration = Duration::from_secs(2);

fn app(n: usize) -> AppId {
    AppId::new(&format!("app_{n:020}")).expect("an app id")
}

async fn make_room(store: &PostgresStore, app: &AppId, id: &str) {
    let new = NewRoom {
        app: app.clone(),
        id: RoomId::new(id).expect("a room id"),
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
        members: vec![(UserId::new("anna").expect("a user id"), Role::Owner)],
        epoch: "1".to_owned(),
        message: None,
        now: Time(1),
    };
    let made = store.create_room(new).await;
    assert!(matches!(made, Ok(CreateRoomOutcome::Created(_))), "{made:?}");
}

async fn send(
    store: Arc<PostgresStore>,
    app: AppId,
    room: &'static str,
    n: usize,
) -> StoreResult<AppendOutcome> {
    let append = Append {
        app,
        room: RoomId::new(room).expect("a room id"),
        guard: Guard { room_policy_rev: 1, member: None },
        message: NewMessage {
            external: None,
            id: MessageId::new(&n.to_string()).expect("a message id"),
            sender: Some(UserId::new("anna").expect("a user id")),
            kind: MessageKind::Text,
            text: Some("hi".to_owned()),
            custom: None,
            extras: None,
            silent: false,
            hash: PayloadHash([7; 32]),
            read_up_to: None,
            thread: None,
        },
        now: Time(1),
    };
    store.append_message(append).await
}

/// A connection of somebody else's that holds a room's row.
async fn hold(url: &str, room: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connect");
    let driver = tokio::runtime::Handle::current();
    driver.spawn(connection);
    client.batch_execute("BEGIN").await.expect("BEGIN");
    let held = client.execute("SELECT 1 FROM rooms WHERE id = $1 FOR UPDATE", &[&room]).await;
    assert_eq!(held.expect("the room's row is locked"), 1);
    client
}

async fn opened() -> (String, Arc<PostgresStore>) {
    let url = PgServer::shared().create_database();
    let store = PostgresStore::connect(PostgresConfig::new(&url, [3; 16]));
    (url, store.await.expect("connect"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_room_keeps_only_its_own_waiting() {
    let (url, store) = opened().await;
    let (one, two) = (app(1), app(2));
    for room in ["held", "held too", "free"] {
        make_room(&store, &one, room).await;
    }
    make_room(&store, &two, "other").await;
    let first = hold(&url, "held").await;
    let second = hold(&url, "held too").await;
    let mut waiting = JoinSet::new();
    for n in 0..40 {
        waiting.spawn(send(store.clone(), one.clone(), "held", n));
        waiting.spawn(send(store.clone(), one.clone(), "held too", n));
    }
    for n in 0..20 {
        for (app, room) in [(&one, "free"), (&two, "other")] {
            let sent = tokio::time::timeout(SOON, send(store.clone(), app.clone(), room, n));
            let sent = sent.await.expect("not behind the held rooms").unwrap();
            assert!(matches!(sent, AppendOutcome::Stored(_)), "{sent:?}");
        }
    }
    assert!(waiting.try_join_next().is_none(), "the rooms are held");
    first.batch_execute("ROLLBACK").await.unwrap();
    second.batch_execute("ROLLBACK").await.unwrap();
    let mut seqs = Vec::new();
    for sent in waiting.join_all().await {
        match sent.unwrap() {
            AppendOutcome::Stored(stored) => seqs.push(stored.message.seq),
            other => panic!("{other:?}"),
        }
    }
    seqs.sort_unstable();
    let both: Vec<u64> = (1..=40).flat_map(|seq| [seq, seq]).collect();
    assert_eq!(seqs, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_app_fills_its_share_of_the_queue_only() {
    let (url, store) = opened().await;
    let (one, two) = (app(1), app(2));
    make_room(&store, &one, "held").await;
    make_room(&store, &two, "other").await;
    let holder = hold(&url, "held").await;
    let mut waiting = JoinSet::new();
    // More than its share, and what may be in the hands of workers at the same time.
    let many = limits::WRITER_QUEUE_PER_APP_MAX + 4 * limits::GROUP_COMMIT_MAX;
    for n in 0..many {
        waiting.spawn(send(store.clone(), one.clone(), "held", n));
    }
    let refused = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(refused, Err(StoreError::Overloaded));
    let sent = send(store.clone(), two, "other", 0).await.unwrap();
    assert!(matches!(sent, AppendOutcome::Stored(_)), "{sent:?}");
    holder.batch_execute("ROLLBACK").await.unwrap();
    let mut seqs = Vec::new();
    for sent in waiting.join_all().await {
        match sent {
            Ok(AppendOutcome::Stored(stored)) => seqs.push(stored.message.seq),
            Err(StoreError::Overloaded) => {}
            other => panic!("{other:?}"),
        }
    }
    seqs.sort_unstable();
    assert!(seqs.len() >= limits::WRITER_QUEUE_PER_APP_MAX);
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "no hole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_waits_in_a_bounded_line_and_is_served() {
    let (url, store) = opened().await;
    let one = app(1);
    make_room(&store, &one, "free").await;
    let (holder, connection) = tokio_postgres::connect(&url, NoTls).await.expect("connect");
    let driver = tokio::runtime::Handle::current();
    driver.spawn(connection);
    // Reads wait for the table itself, so every connection is soon taken.
    holder.batch_execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let read = |store: Arc<PostgresStore>, app: AppId| async move {
        store.user(&app, &UserId::new("anna").expect("a user id")).await
    };
    let mut crowd = JoinSet::new();
    for _ in 0..limits::POOL_WAITING_MAX + PostgresConfig::new(&url, [3; 16]).pool_size {
        crowd.spawn(read(store.clone(), one.clone()));
    }
    // One more than the line holds, and it is told so while all others still wait.
    let refused = crowd.join_next().await.unwrap().unwrap();
    assert_eq!(refused, Err(StoreError::Overloaded));
    holder.batch_execute("ROLLBACK").await.unwrap();
    let mut served = 0;
    for read in crowd.join_all().await {
        match read {
            Ok(found) => served += usize::from(found.is_some()),
            Err(StoreError::Overloaded) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(served >= limits::POOL_WAITING_MAX, "{served}");
}
