//! Against a real server, and over a bad network.

use snug_core::conformance::bus::run_all;
use snug_core::event::{RoomEvent, RoomEventBody};
use snug_core::ids::{AppId, RoomId};
use snug_core::model::Head;
use snug_testkit::{FaultProxy, NatsServer};

use super::connect::servers;
use super::*;
use crate::bus::InProcessBus;

/// Short, so that a test sees what takes long elsewhere.
const QUICK: Times = Times {
    pulse: Duration::from_millis(100),
    proof: Duration::from_millis(400),
    kept: Duration::from_secs(30),
};
const PATIENCE: Duration = Duration::from_secs(20);

async fn join(port: u16, sink: Arc<dyn BusSink>, tasks: &Tasks, times: Times) -> Arc<NatsNode> {
    let mut node = [0; 8];
    aws_lc_rs::rand::fill(&mut node).unwrap();
    let parts = NatsParts {
        cluster: "test".to_owned(),
        local: InProcessBus::new().join(sink.clone(), tasks),
        sink,
        metrics: Arc::default(),
        node: u64::from_be_bytes(node),
        times,
    };
    NatsNode::join(&format!("nats://127.0.0.1:{port}"), parts, tasks).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_bus() {
    let (server, tasks) = (NatsServer::start(), Tasks::default());
    let port = server.port();
    run_all(&move |sink| {
        let made = async {
            let node = join(port, sink, &tasks, Times::default()).await;
            node.standing().await;
            node
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(made))
    })
    .await;
}

#[derive(Default)]
struct Heard {
    revs: Mutex<Vec<u64>>,
    missed: AtomicBool,
    changed: Notify,
}

impl BusSink for Heard {
    fn deliver(&self, event: Arc<Event>) {
        if let Event::Room(event) = event.as_ref() {
            self.revs.lock().push(event.head.rev);
        }
        self.changed.notify_one();
    }

    fn missed(&self) {
        self.missed.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }
}

impl Heard {
    async fn until(&self, why: &str, done: impl Fn(&Self) -> bool) {
        let waits = async {
            while !done(self) {
                self.changed.notified().await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waits).await.is_ok();
        assert!(in_time, "{why}: {:?}", self.revs.lock());
    }

    async fn has(&self, why: &str, revs: std::ops::Range<u64>) {
        self.until(why, |heard| revs.clone().all(|rev| heard.revs.lock().contains(&rev))).await;
    }

    fn missed(&self) -> bool {
        self.missed.load(Ordering::SeqCst)
    }
}

fn beacon(rev: u64) -> Arc<Event> {
    Arc::new(Event::Room(RoomEvent {
        app: AppId::from_stored("app_00000000000000000000"),
        room: RoomId::new("room").unwrap(),
        head: Head { rev, ..Head::default() },
        body: RoomEventBody::Beacon,
    }))
}

/// Two nodes that hear one room; the way of the second leads through a bad network.
struct Pair {
    server: NatsServer,
    proxy: FaultProxy,
    nodes: [Arc<NatsNode>; 2],
    heard: [Arc<Heard>; 2],
    _tasks: Tasks,
}

impl Pair {
    async fn start() -> Self {
        Self::keeping(QUICK.kept).await
    }

    async fn keeping(kept: Duration) -> Self {
        Self::with(Times { kept, ..QUICK }).await
    }

    async fn with(times: Times) -> Self {
        let (server, tasks) = (NatsServer::start(), Tasks::default());
        let proxy = FaultProxy::start(server.port());
        let heard: [Arc<Heard>; 2] = [Arc::default(), Arc::default()];
        let one = join(server.port(), heard[0].clone(), &tasks, times).await;
        let two = join(proxy.port(), heard[1].clone(), &tasks, times).await;
        for node in [&one, &two] {
            node.subscribe(&Topic::of(&beacon(0)));
            node.standing().await;
        }
        Self { server, proxy, nodes: [one, two], heard, _tasks: tasks }
    }

    /// Each node says the revs of its own range.
    fn publish(&self, one: std::ops::Range<u64>, two: std::ops::Range<u64>) {
        one.for_each(|rev| self.nodes[0].publish(beacon(rev)));
        two.for_each(|rev| self.nodes[1].publish(beacon(rev)));
    }

    async fn falls(&self, node: usize) {
        let mut stands = self.nodes[node].link.stands.subscribe();
        let fell = tokio::time::timeout(PATIENCE, stands.wait_for(|stands| !stands)).await;
        assert!(fell.is_ok(), "the cut was not noticed");
    }

    /// Until the network has swallowed something that it was given since `before`.
    async fn swallows(&self, before: u64) {
        let swallowed = async {
            while self.proxy.swallowed() == before {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, swallowed).await.expect("something is swallowed");
    }

    async fn both_have(&self, why: &str, revs: std::ops::Range<u64>) {
        self.heard[0].has(why, revs.clone()).await;
        self.heard[1].has(why, revs).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_short_cut_is_heard_after_it_at_both_ends() {
    let pair = Pair::start().await;
    pair.publish(0..10, 10..20);
    pair.both_have("before", 0..20).await;
    pair.proxy.cut(true);
    pair.publish(20..30, 30..40);
    pair.falls(1).await;
    pair.publish(40..50, 50..60);
    pair.proxy.cut(false);
    pair.both_have("after", 0..60).await;
    assert!(!pair.heard[0].missed() && !pair.heard[1].missed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_and_comes_back_loses_nothing() {
    let mut pair = Pair::start().await;
    pair.publish(0..10, 10..20);
    pair.server.kill();
    pair.publish(20..30, 30..40);
    pair.falls(0).await;
    pair.falls(1).await;
    pair.publish(40..50, 50..60);
    pair.server.restart();
    pair.both_have("after", 0..60).await;
    assert!(!pair.heard[0].missed() && !pair.heard[1].missed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_swallows_is_noticed_in_either_direction() {
    let pair = Pair::start().await;
    for (at, (said, heard)) in [(true, false), (false, true)].into_iter().enumerate() {
        let from = at as u64 * 100;
        pair.proxy.swallow(said, heard);
        pair.publish(from..from + 10, from + 10..from + 20);
        pair.falls(1).await;
        pair.proxy.swallow(false, false);
        pair.both_have("after", from..from + 20).await;
    }
}

/// No look at the link falls into it: the link is as good as ever, and yet something is missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_swallowed_between_two_looks_is_told_again() {
    for (said, heard) in [(true, false), (false, true)] {
        let pair = Pair::with(Times { pulse: Duration::from_secs(2), ..QUICK }).await;
        pair.publish(0..10, 10..20);
        pair.both_have("before", 0..20).await;
        let before = pair.proxy.swallowed();
        pair.proxy.swallow(said, heard);
        if said {
            pair.publish(0..0, 20..21);
        } else {
            pair.publish(20..21, 0..0);
        }
        pair.swallows(before).await;
        pair.proxy.swallow(false, false);
        // Nothing is published behind it that would show the gap.
        pair.both_have("after", 0..21).await;
        pair.publish(21..22, 22..23);
        pair.both_have("as ever", 0..23).await;
        assert!(!pair.heard[0].missed() && !pair.heard[1].missed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_too_long_has_missed_something() {
    let kept = Duration::from_millis(1_500);
    let pair = Pair::keeping(kept).await;
    pair.proxy.cut(true);
    pair.falls(1).await;
    pair.publish(0..10, 10..20);
    // What will be asked for is not there any more.
    let forgotten = async {
        while !pair.nodes[0].link.window.lock().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.expect("what is old is forgotten");
    pair.proxy.cut(false);
    pair.heard[1].until("it was told", Heard::missed).await;
    pair.heard[0].has("what waited at the other end came", 10..20).await;
    assert!(!pair.heard[0].missed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_could_not_keep_all_says_so_to_the_others() {
    let pair = Pair::start().await;
    pair.proxy.cut(true);
    pair.falls(1).await;
    pair.publish(0..0, 0..limits::BUS_QUEUE_MAX as u64 + 10);
    pair.proxy.cut(false);
    pair.heard[0].until("it was told", Heard::missed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let (mut server, tasks) = (NatsServer::start(), Tasks::default());
    server.kill();
    let heard: [Arc<Heard>; 2] = [Arc::default(), Arc::default()];
    let one = join(server.port(), heard[0].clone(), &tasks, QUICK).await;
    let two = join(server.port(), heard[1].clone(), &tasks, QUICK).await;
    two.subscribe(&Topic::of(&beacon(0)));
    one.publish(beacon(1));
    server.restart();
    heard[1].has("what was said before there was a bus", 1..2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_the_url_opens_and_a_wrong_one_does_not() {
    let (server, tasks) = (NatsServer::start_for(Some(("snug", "p@ss:w/rd"))), Tasks::default());
    let heard: [Arc<Heard>; 2] = [Arc::default(), Arc::default()];
    let open = |user: &str| format!("nats://{user}127.0.0.1:{}", server.port());
    let parts = |node, sink: &Arc<Heard>| NatsParts {
        cluster: "test".to_owned(),
        local: InProcessBus::new().join(sink.clone(), &tasks),
        sink: sink.clone(),
        metrics: Arc::default(),
        node,
        times: QUICK,
    };
    let right = open("snug:p%40ss%3Aw%2Frd@");
    let one = NatsNode::join(&right, parts(1, &heard[0]), &tasks).await.unwrap();
    let two = NatsNode::join(&right, parts(2, &heard[1]), &tasks).await.unwrap();
    two.subscribe(&Topic::of(&beacon(0)));
    one.standing().await;
    two.standing().await;
    one.publish(beacon(1));
    heard[1].has("by who knows the password", 1..2).await;
    let wrong = NatsNode::join(&open(""), parts(3, &heard[0]), &tasks).await.unwrap();
    let stood = tokio::time::timeout(Duration::from_secs(1), wrong.standing()).await;
    assert!(stood.is_err(), "without the password");
}

/// What nodes of the wire's second version say to each other beside events.
#[test]
fn words_stay_what_they_are() {
    for (word, line) in [
        (
            Word::Again { from: 1, node: 2, after: 3, millis: None, heard: 4 },
            r#"{"Again":{"from":1,"node":2,"after":3,"millis":null,"heard":4}}"#,
        ),
        (
            Word::Again { from: 1, node: 2, after: 0, millis: Some(3), heard: 4 },
            r#"{"Again":{"from":1,"node":2,"after":0,"millis":3,"heard":4}}"#,
        ),
        (
            Word::Told { by: 1, node: 2, after: 3, first: 4, last: 5 },
            r#"{"Told":{"by":1,"node":2,"after":3,"first":4,"last":5}}"#,
        ),
        (Word::Missed { by: 1, node: 2 }, r#"{"Missed":{"by":1,"node":2}}"#),
        (Word::Bye { by: 1, number: 2 }, r#"{"Bye":{"by":1,"number":2}}"#),
    ] {
        assert_eq!(serde_json::to_string(&word).unwrap(), line);
        assert_eq!(serde_json::from_str::<Word>(line).unwrap(), word);
    }
}

#[test]
fn what_opens_the_servers_is_taken_out_of_their_urls() {
    let found = servers("nats://a:b%20c@h:1, tls://a:b%20c@[::1]:2,nats://i").unwrap();
    assert_eq!(found.addresses, ["nats://h:1", "tls://[::1]:2", "nats://i"]);
    assert_eq!(found.user, Some(("a".to_owned(), Some("b c".to_owned()))));
    assert!(found.tls);
    assert_eq!(servers("nats://token@h").unwrap().user, Some(("token".to_owned(), None)));
    for wrong in ["nats://a:b@h,nats://c:d@h", "nats://%ff:b@h", "h:4222"] {
        assert!(servers(wrong).is_err(), "{wrong}");
    }
}

/// Operators listen to everything when they look for a fault.
#[tokio::test(flavor = "multi_thread")]
async fn who_listens_to_all_subjects_disturbs_nobody() {
    let pair = Pair::start().await;
    let listens = async_nats::connect(format!("nats://127.0.0.1:{}", pair.server.port())).await;
    let listens = listens.expect("a client");
    let mut all = listens.subscribe(">").await.expect("a subscription");
    listens.flush().await.expect("it is sent");
    pair.publish(0..5, 5..10);
    assert!(all.next().await.is_some(), "it hears what they say");
    // Also one that connects anew with somebody there.
    pair.proxy.cut(true);
    pair.falls(1).await;
    pair.publish(10..15, 15..20);
    pair.proxy.cut(false);
    pair.both_have("after", 0..20).await;
    assert!(!pair.heard[0].missed() && !pair.heard[1].missed());
}
