//! Durable sends per second: 64 senders over 10,000 rooms, every rule of the store on.
//!
//! `cargo run --release -p snug-sqlite --example append -- [FILE] [SENDS]`; the file is kept, so
//! that a second run starts with the rows of the first.
#![expect(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{MessageKind, Role, RoomKind, Time};
use snug_core::ports::{
    Append, AppendOutcome, Guard, MessageStore, NewMessage, NewRoom, PayloadHash, RoomStore,
};
use snug_sqlite::{SqliteConfig, SqliteStore};
use tokio::task::JoinSet;

const SENDERS: u64 = 64;
const ROOMS: u64 = 10_000;
const MEMBERS: u64 = 5;

fn app() -> AppId {
    AppId::from_stored("app_00000000000000000001")
}

fn room(of: u64) -> RoomId {
    RoomId::from_stored(&format!("room-{of}"))
}

fn user(room: u64, of: u64) -> UserId {
    UserId::from_stored(&format!("user-{}", (room * 7 + of * 13) % 20_000))
}

/// A small generator of our own: the same rooms in the same order in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let path =
        arguments.next().map_or_else(|| std::env::temp_dir().join("snug-append.db"), PathBuf::from);
    let sends: u64 = arguments.next().map_or(200_000, |text| text.parse().expect("a number"));
    let store = SqliteStore::open(SqliteConfig::file(&path, [5; 16])).expect("the store opens");
    let first = make_rooms(&store).await;
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(send(Arc::clone(&store), sender, first, sends / SENDERS));
    }
    let largest = tokio::select! {
        largest = watch_log(&path) => largest,
        took = senders.join_all() => {
            report(took, begun.elapsed());
            std::fs::metadata(log_of(&path)).map_or(0, |file| file.len())
        }
    };
    println!("log at the end: {} MiB", largest / 1_024 / 1_024);
    let closing = Instant::now();
    store.close().await;
    println!("closed in {:?}", closing.elapsed());
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Tells when the log grows; never ends.
async fn watch_log(path: &Path) -> u64 {
    let (log, mut largest) = (log_of(path), 0);
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let size = std::fs::metadata(&log).map_or(0, |file| file.len());
        if size > largest + 16 * 1_024 * 1_024 {
            largest = size;
            println!("log: {} MiB", size / 1_024 / 1_024);
        }
    }
}

/// Makes the rooms if they are not there, and gives a number that no earlier run used.
async fn make_rooms(store: &Arc<SqliteStore>) -> u64 {
    let mut making = JoinSet::new();
    for of in 0..ROOMS {
        let store = Arc::clone(store);
        let new = NewRoom {
            app: app(),
            id: room(of),
            kind: RoomKind::Group,
            direct: None,
            name: Some(format!("Room {of}")),
            avatar: None,
            description: None,
            custom: None,
            creator: Some(user(of, 0)),
            members: (0..MEMBERS).map(|place| (user(of, place), Role::Member)).collect(),
            epoch: "epoch".to_owned(),
            message: None,
            now: Time::from_seconds(1_700_000_000),
        };
        making.spawn(async move { store.create_room(new).await });
        if making.len() >= 256 {
            making.join_next().await;
        }
    }
    making.join_all().await;
    let facts = store.room_facts(&app(), &room(0), None).await.expect("facts");
    facts.map_or(0, |facts| facts.room.head.rev)
}

async fn send(store: Arc<SqliteStore>, sender: u64, run: u64, sends: u64) -> Vec<Duration> {
    let mut dice = Dice(sender * 77 + run * 1_001 + 1);
    let mut took = Vec::new();
    for n in 0..sends {
        let of = dice.roll() % ROOMS;
        let id = format!("{:013x}{:05}{:08x}", dice.roll() << 10 | n, sender, run);
        let message = NewMessage {
            external: None,
            id: MessageId::from_stored(&id),
            sender: Some(user(of, dice.roll() % MEMBERS)),
            kind: MessageKind::Text,
            text: Some(
                "Is the bicycle still there? I could come by on Thursday evening.".to_owned(),
            ),
            custom: None,
            silent: false,
            hash: PayloadHash([7; 32]),
            read_up_to: Some(u64::MAX),
        };
        let append = Append {
            app: app(),
            room: room(of),
            guard: Guard { room_policy_rev: 1, member: None },
            message,
            now: Time::from_millis(1_700_000_000_000 + i64::try_from(n).unwrap_or(0)),
        };
        let begun = Instant::now();
        match store.append_message(append).await {
            Ok(AppendOutcome::Stored(_)) => took.push(begun.elapsed()),
            other => panic!("not stored: {other:?}"),
        }
    }
    took
}

fn report(took: Vec<Vec<Duration>>, all: Duration) {
    let mut took: Vec<Duration> = took.into_iter().flatten().collect();
    took.sort_unstable();
    let per_second = took.len() as f64 / all.as_secs_f64();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!(
        "{} sends in {all:?}: {per_second:.0}/s, p50 {:?}, p99 {:?}",
        took.len(),
        at(50),
        at(99)
    );
}
