//! Delivery contract, line 1: whatever was acknowledged is there after a kill at any moment.
#![expect(clippy::unwrap_used, reason = "a test's own steps")]
#![expect(clippy::print_stdout, reason = "the child tells its acks by its output")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use snug_core::ids::{AppId, MessageId, RoomId, UserId};
use snug_core::model::{MessageKind, Role, RoomKind, RoomPolicy, Time};
use snug_core::ports::{
    Append, AppendOutcome, CreateRoomOutcome, Guard, HistoryQuery, MessageStore, NewMessage,
    NewRoom, PayloadHash, RoomStore,
};
use snug_sqlite::{SqliteConfig, SqliteStore};
use snug_testkit::temp_dir;
use tokio::task::JoinSet;

/// Set for the process that is killed; it is this very test, started again.
const CHILD: &str = "SNUG_KILL_TEST_FILE";
const SENDERS: usize = 16;

fn app() -> AppId {
    AppId::new("app_00000000000000000001").unwrap()
}

fn room() -> RoomId {
    RoomId::new("room").unwrap()
}

fn open(path: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(SqliteConfig::file(path, [3; 16])).unwrap()
}

fn append(id: &str) -> Append {
    Append {
        app: app(),
        room: room(),
        guard: Guard { room_policy_rev: 1, member: None },
        message: NewMessage {
            external: None,
            id: MessageId::new(id).unwrap(),
            sender: Some(UserId::new("anna").unwrap()),
            kind: MessageKind::Text,
            text: Some("hello".to_owned()),
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

/// Sends until it is killed, and prints seq and id of everything that was acknowledged.
async fn send_until_killed(path: &Path) {
    let store = open(path);
    let made = store
        .create_room(NewRoom {
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
            members: vec![(UserId::new("anna").unwrap(), Role::Owner)],
            epoch: "e".to_owned(),
            message: None,
            now: Time::from_seconds(1),
        })
        .await
        .unwrap();
    let born = match made {
        CreateRoomOutcome::Created(_) => 0,
        CreateRoomOutcome::Exists(room) => room.head.seq,
        other => panic!("nothing forbids the room: {other:?}"),
    };
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let store = Arc::clone(&store);
        senders.spawn(async move {
            for n in 0.. {
                let id = format!("{born}-{sender}-{n}");
                match store.append_message(append(&id)).await.unwrap() {
                    AppendOutcome::Stored(stored) => println!("acked {} {id}", stored.message.seq),
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    senders.join_all().await;
}

fn main_of_child(path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(send_until_killed(path));
}

/// Starts the child, reads `acks` acknowledgements, kills it, and reads what it still said.
fn run_and_kill(path: &Path, acks: usize) -> Vec<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_acknowledged_is_lost_in_a_kill", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acked = Vec::new();
    while acked.len() < acks {
        let line = lines.next().expect("the child sends until it is killed").unwrap();
        acked.extend(read_ack(&line));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line may be cut by the kill: an ack nobody received whole.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let whole = rest.len().saturating_sub(1);
    acked.extend(rest[..whole].iter().filter_map(|line| read_ack(line)));
    acked
}

fn read_ack(line: &str) -> Option<(u64, String)> {
    // The harness prints its own words before the first line.
    let (_, ack) = line.split_once("acked ")?;
    let (seq, id) = ack.split_once(' ')?;
    Some((seq.parse().ok()?, id.to_owned()))
}

#[test]
fn nothing_acknowledged_is_lost_in_a_kill() {
    if let Some(path) = std::env::var_os(CHILD) {
        return main_of_child(Path::new(&path));
    }
    let dir = temp_dir();
    let path = dir.join("snug.db");
    let mut acked = Vec::new();
    for acks in [1, 70, 600, 2_000] {
        acked.extend(run_and_kill(&path, acks));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stored = runtime.block_on(async {
        let store = open(&path);
        let query = HistoryQuery { before: None, after: Some(0), above: 0, limit: usize::MAX };
        store.history(&app(), &room(), &query).await.unwrap()
    });
    for (place, message) in stored.iter().enumerate() {
        assert_eq!(message.seq, place as u64 + 1, "seq has no hole");
    }
    for (seq, id) in &acked {
        let place = usize::try_from(*seq).unwrap() - 1;
        let found = stored.get(place).map(|message| message.id.as_str());
        assert_eq!(found, Some(id.as_str()), "acknowledged as {seq}");
    }
    assert!(acked.len() >= 2_671);
}
