//! A database that goes away: told quickly, recovered from without help, nothing acknowledged lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{MessageKind, Role, RoomKind, RoomPolicy, Time};
use snug_core::ports::{
    Append, AppendOutcome, CreateRoomOutcome, Guard, HistoryQuery, MessageStore, NewMessage,
    NewRoom, PayloadHash, RoomStore, Store, StoreError, StoreResult,
};
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_testkit::PgServer;

/// "Quickly": no call may hang on a database that refuses connections.
const QUICK: Duration = Duration::from_secs(3);

fn app() -> AppId {
    AppId::new("app_00000000000000000001").expect("an id")
}

fn room() -> RoomId {
    RoomId::new("room").expect("an id")
}

async fn store_at(url: &str) -> Arc<PostgresStore> {
    let store = PostgresStore::connect(PostgresConfig::new(url, [3; 16]));
    let store = store.await.expect("the database answers");
    let new = NewRoom {
        app: app(),
        id: room(),
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
        members: vec![(UserId::new("anna").expect("an id"), Role::Owner)],
        epoch: "1".to_owned(),
        message: None,
        now: Time(1),
    };
    let made = store.create_room(new).await;
    assert!(matches!(made, Ok(CreateRoomOutcome::Created(_))), "{made:?}");
    store
}

async fn append(store: &PostgresStore, id: &str) -> StoreResult<AppendOutcome> {
    let append = Append {
        app: app(),
        room: room(),
        guard: Guard { room_policy_rev: 1, member: None },
        message: NewMessage {
            external: None,
            id: MessageId::new(id).expect("an id"),
            sender: None,
            kind: MessageKind::Text,
            text: Some(id.to_owned()),
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

async fn stored_ids(store: &PostgresStore) -> Vec<String> {
    let query = HistoryQuery { before: None, after: Some(0), above: 0, limit: 100_000 };
    let stored = store.history(&app(), &room(), &query).await.expect("the database answers");
    assert!(stored.iter().map(|m| m.seq).eq(1..=stored.len() as u64));
    stored.into_iter().map(|m| m.id.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_and_got_over() {
    let mut server = PgServer::start();
    let store = store_at(&server.create_database()).await;
    append(&store, "before").await.expect("the database answers");
    server.stop();
    for _ in 0..3 {
        let began = Instant::now();
        let (pinged, appended) = tokio::join!(store.ping(), append(&store, "during"));
        assert!(began.elapsed() < QUICK, "took {:?}", began.elapsed());
        assert!(matches!(pinged, Err(StoreError::Unavailable(_))), "{pinged:?}");
        assert!(matches!(appended, Err(StoreError::Unavailable(_))), "{appended:?}");
    }
    let refused = PostgresStore::connect(PostgresConfig::new(server.url(), [3; 16])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    server.restart();
    store.ping().await.expect("the database answers");
    append(&store, "after").await.expect("the database answers");
    assert_eq!(stored_ids(&store).await, ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_mid_burst_loses_nothing_acknowledged() {
    let mut server = PgServer::start();
    let store = store_at(&server.create_database()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for sender in 0..16 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0.. {
                let id = format!("{sender}-{n}");
                match append(&store, &id).await {
                    Ok(AppendOutcome::Stored(_)) => acknowledged.push(id),
                    Ok(other) => panic!("{other:?}"),
                    Err(StoreError::Unavailable(_)) => return (acknowledged, id),
                    Err(other) => panic!("{other:?}"),
                }
            }
            unreachable!("a sender goes on until the database is gone")
        });
    }
    while stored_ids(&store).await.len() < 200 {}
    server.kill();
    let ended = tasks.join_all().await;
    server.restart();
    let stored = stored_ids(&store).await;
    for (acknowledged, unsure) in ended {
        for id in &acknowledged {
            assert!(stored.contains(id), "{id} was acknowledged and is gone");
        }
        // The same id tells what became of the last one, and stores it if it did not.
        let told = append(&store, &unsure).await.expect("the database answers");
        let was_stored = matches!(told, AppendOutcome::Duplicate(_));
        assert_eq!(was_stored, stored.contains(&unsure));
    }
    stored_ids(&store).await;
}
