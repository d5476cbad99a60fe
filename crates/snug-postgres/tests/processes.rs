//! Two operating system processes on one database: what one process could settle in its own
//! memory, two must settle in the database.
//!
//! The other processes are this test binary, started with [`racer`] as its only test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use snug_core::ids::{AppId, KeyId, MessageId, RoomId, UserId, direct_room_id};
use snug_core::model::{
    App, AppPolicy, DirectKey, MessageKind, Role, RoomKind, RoomPolicy, ServerKey, Time,
};
use snug_core::ports::{
    AppStore, Append, AppendOutcome, ChangeMembers, ChangeMembersOutcome, CreateRoomOutcome, Guard,
    HistoryQuery, MemberChange, MessageStore, NewApp, NewMessage, NewRoom, PayloadHash, RoomStore,
    Store,
};
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_testkit::PgServer;
use tokio::task::JoinSet;

const ROLE: &str = "SNUG_RACER_ROLE";
const URL: &str = "SNUG_RACER_URL";
const NUMBER: &str = "SNUG_RACER_NUMBER";
/// What the children say begins so; the test harness says other things on the same pipe.
const SAYS: &str = "racer:";

fn app() -> AppId {
    AppId::new("app_00000000000000000001").expect("an id")
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("an id")
}

fn room() -> RoomId {
    RoomId::new("room").expect("an id")
}

async fn open(url: &str) -> Arc<PostgresStore> {
    let config = PostgresConfig { pool_size: 8, ..PostgresConfig::new(url, [1; 16]) };
    PostgresStore::connect(config).await.expect("the database answers")
}

/// A database with an app and a room of anna and ben.
async fn prepared() -> (String, Arc<PostgresStore>) {
    let url = PgServer::shared().create_database();
    let store = open(&url).await;
    let now = Time::from_seconds(1_700_000_000);
    let app_row = App {
        id: app(),
        name: "Races".to_owned(),
        policy: AppPolicy::Open,
        development: false,
        origins: Vec::new(),
        created_at: now,
        changed_at: now,
    };
    let key = ServerKey {
        app: app(),
        id: KeyId::new("key").expect("an id"),
        sealed: vec![1],
        hash: [1; 32],
        hint: "1111".to_owned(),
        created_at: now,
        expires_at: None,
    };
    store.create_app(NewApp { app: app_row, key }).await.expect("the database answers");
    let made = store.create_room(new_room(room(), RoomKind::Group, None)).await;
    assert!(matches!(made, Ok(CreateRoomOutcome::Created(_))), "{made:?}");
    (url, store)
}

fn new_room(id: RoomId, kind: RoomKind, direct: Option<DirectKey>) -> NewRoom {
    NewRoom {
        app: app(),
        id,
        kind,
        direct,
        name: None,
        avatar: None,
        description: None,
        custom: None,
        tags: Vec::new(),
        policy: RoomPolicy::default(),
        invited: Vec::new(),
        creator: None,
        members: vec![(user("anna"), Role::Owner), (user("ben"), Role::Member)],
        epoch: format!("by {}", std::process::id()),
        message: None,
        now: Time::from_seconds(1_700_000_000),
    }
}

async fn guard(store: &PostgresStore, name: &str) -> Guard {
    let facts = store.room_facts(&app(), &room(), Some(&user(name))).await;
    let facts = facts.expect("room_facts").expect("the room is there");
    Guard {
        room_policy_rev: facts.room.policy_rev,
        member: facts.mine.map(|mine| (mine.user, mine.policy_rev)),
    }
}

fn send(guard: &Guard, name: &str, id: &str) -> Append {
    let mut hash = [0; 32];
    hash[..id.len().min(32)].copy_from_slice(&id.as_bytes()[..id.len().min(32)]);
    Append {
        app: app(),
        room: room(),
        guard: guard.clone(),
        message: NewMessage {
            external: None,
            id: MessageId::new(id).expect("an id"),
            sender: Some(user(name)),
            kind: MessageKind::Text,
            text: Some("hi".to_owned()),
            custom: None,
            extras: None,
            silent: false,
            hash: PayloadHash(hash),
            read_up_to: None,
            thread: None,
        },
        now: Time::from_seconds(1_700_000_000),
    }
}

async fn history(store: &PostgresStore) -> Vec<snug_core::model::Message> {
    let query = HistoryQuery { before: None, after: Some(0), above: 0, limit: 100_000 };
    store.history(&app(), &room(), &query).await.expect("the database answers")
}

/// A child that waits for the word.
struct Racer {
    child: Child,
    go: ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Racer {
    fn start(role: &str, url: &str, number: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("works on this machine"))
            .args(["racer", "--exact", "--nocapture"])
            .env(ROLE, role)
            .env(URL, url)
            .env(NUMBER, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("works on this machine");
        let go = child.stdin.take().expect("works on this machine");
        let lines = BufReader::new(child.stdout.take().expect("works on this machine")).lines();
        Self { child, go, lines }
    }

    fn hear(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map(|line| line.expect("works on this machine"))
            .find_map(|line| line.split_once(SAYS).map(|(_, said)| said.to_owned()))
    }

    fn finish(mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(line) = self.hear() {
            said.push(line);
        }
        assert!(self.child.wait().expect("works on this machine").success(), "the child failed");
        said
    }
}

/// Starts two children, lets both loose at once, and returns what each said.
fn race(role: &str, url: &str) -> [Vec<String>; 2] {
    let mut racers = [Racer::start(role, url, 0), Racer::start(role, url, 1)];
    for racer in &mut racers {
        assert_eq!(racer.hear().as_deref(), Some("ready"));
    }
    for racer in &mut racers {
        racer.go.write_all(b"go\n").expect("works on this machine");
    }
    // Both are heard at once: one that nobody hears stands still in the middle of its work, and the
    // database takes its locks away.
    racers
        .map(|racer| std::thread::spawn(|| racer.finish()))
        .map(|said| said.join().expect("the child succeeded"))
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{what}").expect("works on this machine");
}

fn ready() {
    say("ready");
    let mut word = String::new();
    std::io::stdin().read_line(&mut word).expect("works on this machine");
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.into_string().expect("works on this machine"))
}

/// The children's body. As a test of its own it has no role, and only sees that this is so.
#[tokio::test(flavor = "multi_thread")]
async fn racer() {
    let Some(role) = variable(ROLE) else {
        assert_eq!(variable(URL), None, "an address without a role");
        return;
    };
    let url = variable(URL).expect("works on this machine");
    let number: usize =
        variable(NUMBER).expect("works on this machine").parse().expect("works on this machine");
    if role == "migrate" {
        ready();
        let store = open(&url).await;
        say(&store.position(Time(0)).await.expect("the database answers").epoch);
        return;
    }
    let store = open(&url).await;
    match role.as_str() {
        "create" => create(store).await,
        "send" => send_many(store, number).await,
        "retry" => retry(store).await,
        "removal" if number == 0 => send_until_refused(store).await,
        "removal" => remove(store).await,
        other => panic!("no role {other}"),
    }
}

async fn create(store: Arc<PostgresStore>) {
    ready();
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let store = store.clone();
        tasks.spawn(async move {
            let key = DirectKey::new(user("anna"), user("ben"), "listing".to_owned());
            let id = direct_room_id(&app(), (&key.low, &key.high), &key.context);
            let new = new_room(id, RoomKind::Direct, Some(key));
            match store.create_room(new).await.expect("the database answers") {
                CreateRoomOutcome::Created(made) => format!("made {}", made.room.epoch),
                CreateRoomOutcome::Exists(room) => format!("exists {}", room.epoch),
                other => panic!("nothing forbids the room: {other:?}"),
            }
        });
    }
    while let Some(said) = tasks.join_next().await {
        say(&said.expect("works on this machine"));
    }
}

async fn send_many(store: Arc<PostgresStore>, number: usize) {
    let guard = guard(&store, "anna").await;
    ready();
    let mut tasks = JoinSet::new();
    for sender in 0..32 {
        let (store, guard) = (store.clone(), guard.clone());
        tasks.spawn(async move {
            for n in 0..8 {
                let append = send(&guard, "anna", &format!("{number}-{sender}-{n}"));
                match store.append_message(append).await.expect("the database answers") {
                    AppendOutcome::Stored(stored) => say(&stored.message.seq.to_string()),
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("works on this machine");
    }
}

/// Each process sends the same thousand, one of them twice over.
async fn retry(store: Arc<PostgresStore>) {
    let guard = guard(&store, "anna").await;
    ready();
    let mut tasks = JoinSet::new();
    for n in 0..1_000 {
        let (store, guard) = (store.clone(), guard.clone());
        tasks.spawn(async move {
            for _ in 0..2 {
                let append = send(&guard, "anna", &format!("m{n}"));
                let (how, message) =
                    match store.append_message(append).await.expect("the database answers") {
                        AppendOutcome::Stored(stored) => ("stored", stored.message),
                        AppendOutcome::Duplicate(message) => ("repeat", *message),
                        other => panic!("{other:?}"),
                    };
                let (seq, rev, at) = (message.seq, message.first_rev, message.created_at.0);
                say(&format!("{how} {} {seq}/{rev}/{at}", message.id));
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("works on this machine");
    }
}

/// Sends as ben with the rights of the start, until the store says that they moved.
async fn send_until_refused(store: Arc<PostgresStore>) {
    let guard = guard(&store, "ben").await;
    ready();
    let mut tasks = JoinSet::new();
    for sender in 0..8 {
        let (store, guard) = (store.clone(), guard.clone());
        tasks.spawn(async move {
            for n in 0.. {
                let append = send(&guard, "ben", &format!("{sender}-{n}"));
                match store.append_message(append).await.expect("the database answers") {
                    AppendOutcome::Stored(stored) => say(&stored.message.rev.to_string()),
                    AppendOutcome::GuardMoved => return,
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("works on this machine");
    }
}

/// Removes ben once ben has been heard.
async fn remove(store: Arc<PostgresStore>) {
    let guard = guard(&store, "anna").await;
    ready();
    while history(&store).await.len() < 20 {}
    let change = ChangeMembers {
        app: app(),
        room: room(),
        guard,
        change: MemberChange::Remove { users: vec![user("ben")] },
        announce: None,
        now: Time::from_seconds(1_700_000_000),
    };
    match store.change_members(change).await.expect("the database answers") {
        ChangeMembersOutcome::Changed(changed) => say(&changed.room.head.rev.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_creators_make_one_room() {
    let (url, _store) = prepared().await;
    let said: Vec<String> = race("create", &url).concat();
    assert_eq!(said.len(), 64);
    let made: Vec<_> = said.iter().filter_map(|s| s.strip_prefix("made ")).collect();
    assert_eq!(made.len(), 1, "{said:?}");
    let epochs: BTreeSet<_> = said.iter().filter_map(|s| s.split_once(' ')).collect();
    assert!(epochs.iter().all(|(_, epoch)| *epoch == made[0]), "{epochs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_senders_leave_no_hole() {
    let (url, store) = prepared().await;
    let said = race("send", &url);
    assert!(said.iter().all(|said| said.len() == 256), "both processes sent");
    let mut seqs: Vec<u64> =
        said.concat().iter().map(|s| s.parse().expect("works on this machine")).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=512).collect::<Vec<_>>());
    let stored = history(&store).await;
    assert!(stored.iter().map(|m| m.seq).eq(1..=512));
    assert!(stored.is_sorted_by(|a, b| a.created_at < b.created_at));
    assert!(stored.iter().all(|m| m.rev == m.seq + 1 && m.count == m.seq));
    let facts = store.room_facts(&app(), &room(), Some(&user("anna"))).await;
    let anna =
        facts.expect("room_facts").expect("the room is there").mine.expect("works on this machine");
    assert_eq!((anna.own_count, anna.read_seq, anna.read_own), (512, 512, 512));
}

#[tokio::test(flavor = "multi_thread")]
async fn retried_sends_are_stored_once_and_answered_alike() {
    let (url, store) = prepared().await;
    let said: Vec<String> = race("retry", &url).concat();
    assert_eq!(said.len(), 4_000);
    let stored = said.iter().filter(|s| s.starts_with("stored")).count();
    assert_eq!(stored, 1_000, "each is stored by one try");
    let mut answers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for said in &said {
        let (_, answer) = said.split_once(' ').expect("works on this machine");
        let (id, answer) = answer.split_once(' ').expect("works on this machine");
        answers.entry(id).or_default().insert(answer);
    }
    assert_eq!(answers.len(), 1_000);
    assert!(answers.values().all(|alike| alike.len() == 1), "{answers:?}");
    assert!(history(&store).await.iter().map(|m| m.seq).eq(1..=1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_stored_after_a_removal() {
    let (url, store) = prepared().await;
    let [sent, removed] = race("removal", &url);
    let removed: u64 = removed[0].parse().expect("works on this machine");
    assert!(sent.len() >= 20, "ben was heard before");
    let late: Vec<_> = sent
        .iter()
        .filter(|rev| rev.parse::<u64>().expect("works on this machine") > removed)
        .collect();
    assert!(late.is_empty(), "acknowledged after the removal {removed}: {late:?}");
    let stored = history(&store).await;
    assert_eq!(stored.len(), sent.len());
    assert!(stored.iter().all(|message| message.rev < removed));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_migrate_once() {
    let url = PgServer::shared().create_database();
    let said: Vec<String> = race("migrate", &url).concat();
    assert_eq!(said.len(), 2);
    assert_eq!(said[0], said[1], "one install has one epoch");
    let again = open(&url).await.position(Time(0)).await.expect("the database answers");
    assert_eq!(again.epoch, said[0], "a migrated database is left as it is");
}
