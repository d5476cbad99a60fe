//! What an append costs, in a file: `cargo run --release -p snug-sqlite --example append`, with
//! `webhook` behind it for an app whose endpoint hears of everything.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement's own steps")]

use std::sync::Arc;
use std::time::Instant;

use snug_core::ids::{AppId, KeyId, MessageId, RoomId, UserId};
use snug_core::model::{App, AppPolicy, MessageKind, Role, RoomKind, RoomPolicy, ServerKey, Time};
use snug_core::ports::{
    Append, AppendOutcome, Guard, MessageStore, NewApp, NewMessage, NewRoom, PayloadHash, Store,
};
use snug_sqlite::{SqliteConfig, SqliteStore};
use tokio::task::JoinSet;

const ROOMS: usize = 1_000;
const SENDERS: usize = 256;
const EACH: usize = 400;
const WORDS: &str = "Is it still there? I could come by on Saturday afternoon, if that suits you.";

fn app() -> AppId {
    AppId::new("app_00000000000000000001").unwrap()
}

fn user() -> UserId {
    UserId::new("anna").unwrap()
}

fn room(number: usize) -> RoomId {
    RoomId::new(&format!("room-{number}")).unwrap()
}

async fn fill(store: &dyn Store) {
    let now = Time(1_800_000_000_000_000_000);
    let app = App {
        id: app(),
        name: "Cost".to_owned(),
        policy: AppPolicy::Open,
        development: false,
        origins: Vec::new(),
        created_at: now,
        changed_at: now,
    };
    let key = ServerKey {
        app: app.id.clone(),
        id: KeyId::new("k").unwrap(),
        sealed: vec![1],
        hash: [1; 32],
        hint: "hint".to_owned(),
        created_at: now,
        expires_at: None,
    };
    store.create_app(NewApp { app, key }).await.unwrap();
    for number in 0..ROOMS {
        let new = NewRoom {
            app: self::app(),
            id: room(number),
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
            members: vec![(user(), Role::Member)],
            epoch: "e".to_owned(),
            message: None,
            now,
        };
        store.create_room(new).await.unwrap();
    }
}

fn append(sender: usize, number: usize) -> Append {
    let id = MessageId::new(&format!("01JD4QXC5M6N7P-{sender}-{number}")).unwrap();
    Append {
        app: app(),
        room: room((sender * 7 + number * 131) % ROOMS),
        guard: Guard { room_policy_rev: 1, member: Some((user(), 1)) },
        message: NewMessage {
            external: None,
            id,
            sender: Some(user()),
            kind: MessageKind::Text,
            text: Some(WORDS.to_owned()),
            custom: None,
            extras: None,
            silent: false,
            hash: PayloadHash([7; 32]),
            read_up_to: None,
            thread: None,
        },
        now: Time(1_800_000_000_000_000_000),
    }
}

#[tokio::main]
async fn main() {
    let path = std::env::temp_dir().join(format!("snug-append-{}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    let store = SqliteStore::open(SqliteConfig::file(path.join("snug.db"), [7; 16])).unwrap();
    fill(store.as_ref()).await;
    let mode = std::env::args().nth(1).unwrap_or_default();
    if mode == "webhook" {
        hear(store.as_ref()).await;
    }
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let store: Arc<SqliteStore> = store.clone();
        senders.spawn(async move {
            for number in 0..EACH {
                let outcome = store.append_message(append(sender, number)).await.unwrap();
                assert!(matches!(outcome, AppendOutcome::Stored(_)));
            }
        });
    }
    while senders.join_next().await.transpose().unwrap().is_some() {}
    let (many, took) = (SENDERS * EACH, begun.elapsed());
    println!("{mode:8} {many} appends, {:.0} a second", many as f64 / took.as_secs_f64());
    store.close().await;
    std::fs::remove_dir_all(&path).unwrap();
}

async fn hear(store: &dyn Store) {
    use snug_core::ports::Consumers;
    let consumers = Consumers { webhook: true, paused: false, pull: false, endpoint: None, rev: 0 };
    store.put_consumers(&app(), &consumers, 0).await.unwrap();
}
