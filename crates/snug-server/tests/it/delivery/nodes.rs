//! Two servers on one database: joined by a bus of the process, or by a NATS server as in earnest,
//! over which the one reaches the other through a bad network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use snug_core::engine::NewAppRequest;
use snug_core::model::{AppPolicy, Time};
use snug_core::ports::NodeStore;
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_server::bus::InProcessBus;
use snug_server::wiring::Given;
use snug_server::{Config, Server, StoreConfig};
use snug_testkit::{FaultProxy, NatsServer, PgServer, TempDir, temp_dir};

use crate::harness::{Door, Socket, TestApp, logs, within};

struct Nodes {
    servers: [Server; 2],
    _data: [TempDir; 2],
    database: String,
    /// The same app at either door.
    at: [TestApp; 2],
}

/// How a node meets the other.
enum Way {
    Process(Arc<InProcessBus>),
    Nats(u16),
}

async fn node(way: &Way, database: &str) -> (Server, TempDir) {
    let data = temp_dir();
    let config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: data.path().to_owned(),
        store: StoreConfig::Postgres { url: database.to_owned() },
        master_key: Some("7".repeat(64)),
        bus: match way {
            Way::Process(_) => None,
            Way::Nats(port) => Some(format!("nats://127.0.0.1:{port}")),
        },
        https: false,
        log_json: false,
        dialects: snug_server::config::DialectApps::default(),
        proxies: snug_server::Proxies::default(),
        outbound: snug_server::outbound::OutboundConfig::default(),
    };
    let bus = match way {
        Way::Process(bus) => Some(bus.clone()),
        Way::Nats(_) => None,
    };
    let given = Given { bus, ..Given::default() };
    let started = Server::start_with(config, given).await;
    (started.expect("the server starts"), data)
}

impl Nodes {
    async fn start() -> Self {
        let bus = InProcessBus::new();
        Self::on([Way::Process(bus.clone()), Way::Process(bus)]).await
    }

    async fn on(ways: [Way; 2]) -> Self {
        logs();
        let make = || PgServer::shared().create_database();
        let database = tokio::task::spawn_blocking(make).await.expect("a database is made");
        let (one, one_data) = node(&ways[0], &database).await;
        let (two, two_data) = node(&ways[1], &database).await;
        let request = NewAppRequest {
            name: "Nodes".to_owned(),
            policy: AppPolicy::Open,
            development: false,
            origins: Vec::new(),
        };
        let made = one.app().engine.create_app(request).await.expect("an app is made");
        let at = [&one, &two].map(|server| TestApp {
            address: server.address(),
            id: made.app.id.to_string(),
            key: made.server_key.clone(),
        });
        Self { servers: [one, two], _data: [one_data, two_data], database, at }
    }

    async fn stop(self) {
        for server in self.servers {
            assert!(within("the server's stop", server.stop()).await);
        }
        PgServer::shared().drop_database(&self.database);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_between_two_nodes() {
    let nodes = Nodes::start().await;
    let [one, two] = &nodes.at;
    let report = super::walk(super::door(&[one, two]), super::plan(one, 0x5eed_0003, 5)).await;
    super::kept(&report);
    nodes.stop().await;
}

/// Both nodes look for what is due: each message is sent once, and told to who is at either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_scheduled_is_sent_once_by_either() {
    let nodes = Nodes::start().await;
    let [one, two] = &nodes.at;
    let (room, other) = (one.group(&["ann", "ben"]).await, one.group(&["ann", "ben"]).await);
    let (_, mut ann) = one.enter("ann").await;
    let (_, mut ben) = two.enter("ben").await;
    for room in [&room, &other] {
        ben.request("room.open", json!({"room": room})).await;
    }
    // Five times, so that now the one and now the other node begins.
    let mut expected = Vec::new();
    for n in 0..40 {
        let at = crate::scheduled::ahead(2_000 + n / 8 * 700);
        let (room, id) = (if n % 2 == 0 { &room } else { &other }, format!("m-{n}"));
        let data = json!({"room": room, "id": id, "text": "x", "at": at});
        ann.request("message.schedule", data).await;
        expected.push(id);
    }
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        let message = ben.event("message.new").await["message"].take();
        heard.push(crate::harness::text(&message["id"]));
    }
    for _ in &expected {
        ann.event_where("scheduled", |data| data["sent"] == true).await;
    }
    heard.sort();
    expected.sort();
    assert_eq!(heard, expected);
    for (room, half) in [(&room, 20), (&other, 20)] {
        let path = format!("rooms/{room}/messages?limit=100");
        let page = one.backend("GET", &path, Value::Null).await.is(200);
        assert_eq!(page["messages"].as_array().map(Vec::len), Some(half));
        assert_eq!(page["head"]["seq"], half);
    }
    let left = ann.request("scheduled.list", json!({})).await;
    assert_eq!(left, json!({"scheduled": []}));
    nodes.stop().await;
}

/// What is kept nowhere reaches the other node's open rooms, and there nobody who was removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_kept_crosses_and_stops_at_a_removal() {
    let nodes = Nodes::start().await;
    let [one, two] = &nodes.at;
    let room = one.group(&["ann", "ben", "cem"]).await;
    let ann = one.page("ann").await;
    let ((_, mut ben), (_, mut cem)) = (two.enter("ben").await, two.enter("cem").await);
    for socket in [&mut ben, &mut cem] {
        socket.request("room.open", json!({"room": room})).await;
    }
    let path = format!("rooms/{room}/ephemeral");
    ann.post(&path, json!({"text": "one"})).await.is(200);
    for socket in [&mut ben, &mut cem] {
        assert_eq!(socket.event("message.ephemeral").await["text"], "one");
    }
    one.backend("DELETE", &format!("rooms/{room}/members/ben"), Value::Null).await.is(200);
    ann.post(&path, json!({"text": "two"})).await.is(200);
    ann.post(&format!("rooms/{room}/messages"), json!({"id": "m", "text": "kept"})).await.is(201);
    cem.event_where("message.new", |new| new["message"]["id"] == "m").await;
    ben.event("room.left").await;
    let heard = ben.drain().await;
    assert!(heard.iter().all(|(name, _)| name != "message.ephemeral"), "{heard:?}");
    drop((ben, cem));
    nodes.stop().await;
}

/// Two nodes over NATS; the second's way leads through the proxy.
async fn over_nats() -> (Nodes, NatsServer, FaultProxy) {
    let (server, proxy) = tokio::task::spawn_blocking(|| {
        let server = NatsServer::start();
        let proxy = FaultProxy::start(server.port());
        (server, proxy)
    })
    .await
    .expect("a NATS server starts");
    let nodes = Nodes::on([Way::Nats(server.port()), Way::Nats(proxy.port())]).await;
    for node in &nodes.servers {
        within("the bus", node.app().bus_stands()).await;
    }
    (nodes, server, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_between_two_nodes_over_nats() {
    let (nodes, _server, _proxy) = over_nats().await;
    let [one, two] = &nodes.at;
    let report = super::walk(super::door(&[one, two]), super::plan(one, 0x5eed_0006, 5)).await;
    super::kept(&report);
    nodes.stop().await;
}

/// The server of the bus dies twice; then the second node is cut off, half of what it says and
/// hears is swallowed, and all of it is late.
async fn bad_bus(mut server: NatsServer, proxy: &FaultProxy) -> NatsServer {
    let pause = |millis| tokio::time::sleep(Duration::from_millis(millis));
    for _ in 0..2 {
        pause(700).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server
        })
        .await
        .expect("it is killed");
        pause(500).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .expect("it is back");
    }
    pause(500).await;
    proxy.cut(true);
    pause(700).await;
    proxy.cut(false);
    for (said, heard) in [(true, false), (false, true)] {
        pause(500).await;
        proxy.swallow(said, heard);
        pause(300).await;
        proxy.swallow(false, false);
    }
    proxy.delay(30);
    pause(1_000).await;
    proxy.delay(0);
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_over_a_bus_that_dies_and_a_network_that_lies() {
    let (nodes, server, proxy) = over_nats().await;
    let [one, two] = &nodes.at;
    let crowd = super::walk(super::door(&[one, two]), super::plan(one, 0x5eed_0007, 8));
    let (report, _server) = tokio::join!(crowd, bad_bus(server, &proxy));
    super::kept(&report);
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_at_one_node_is_heard_at_the_other() {
    heard_at_the_other(Nodes::start().await).await;
    let (nodes, _server, _proxy) = over_nats().await;
    heard_at_the_other(nodes).await;
}

async fn heard_at_the_other(nodes: Nodes) {
    let [one, two] = &nodes.at;
    let ((_, mut alice), (_, mut bob)) = (one.enter("alice").await, two.enter("bob").await);
    let (_, mut carol) = two.enter("carol").await;
    let room = one.group(&["alice", "bob", "carol"]).await;
    for socket in [&mut bob, &mut carol] {
        socket.event("room.joined").await;
    }
    for socket in [&mut alice, &mut bob] {
        socket.request("room.open", json!({"room": room})).await;
    }
    for n in 0..20 {
        let (from, to) = if n % 2 == 0 { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
        let sent = from.request("message.send", json!({"room": room, "text": "hi"})).await;
        let own = from.event("message.new").await;
        let heard = to.event("message.new").await;
        assert_eq!((&heard, &heard["message"]), (&own, &sent["message"]));
        let head = carol.event_where("room.head", |head| head["rev"] == heard["rev"]).await;
        assert_eq!(head["seq"], heard["message"]["seq"]);
    }
    bob.request("typing", json!({"room": room, "on": true})).await;
    assert_eq!(alice.event("typing").await["user"], "bob");
    bob.request("read", json!({"room": room, "seq": 3})).await;
    alice.event_where("read", |read| read["user"] == "bob").await;
    one.backend_ok("DELETE", &format!("rooms/{room}"), Value::Null).await;
    for socket in [&mut alice, &mut bob, &mut carol] {
        assert_eq!(socket.event("room.left").await["reason"], "deleted");
    }
    drop((alice, bob, carol));
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_online_at_one_node_is_seen_at_the_other() {
    seen_at_the_other(Nodes::start().await).await;
    let (nodes, _server, _proxy) = over_nats().await;
    seen_at_the_other(nodes).await;
}

async fn seen_at_the_other(nodes: Nodes) {
    let [one, two] = &nodes.at;
    let room = one.group(&["alice", "bob", "carol"]).await;
    let ((_, mut alice), (_, bob)) = (one.enter("alice").await, two.enter("bob").await);
    let becomes = async |socket: &mut Socket, user: &str, online: bool| {
        let fits = |data: &Value| data["user"] == user && data["online"] == online;
        socket.event_where("presence", fits).await
    };
    // What another node knows comes a moment after the answer, if not with it.
    let known = alice.request("presence.watch", json!({"rooms": [room]})).await;
    if known["users"][0]["online"] == false {
        becomes(&mut alice, "bob", true).await;
    }
    let (_, mut carol) = two.enter("carol").await;
    becomes(&mut alice, "carol", true).await;
    // Here and there: gone when both are.
    let nearer = one.open_session_on("carol", "nearer").await;
    let nearer = one.socket(&nearer.token).await;
    carol.request("me.update", json!({"invisible": true})).await;
    becomes(&mut alice, "carol", false).await;
    carol.request("me.update", json!({"invisible": false})).await;
    becomes(&mut alice, "carol", true).await;
    drop(carol);
    drop(bob);
    becomes(&mut alice, "bob", false).await;
    let path = format!("rooms/{room}/presence");
    let looked = two.page("bob").await.get(&path).await.ok();
    assert_eq!(looked["users"][0], json!({"user": "alice", "online": true}), "{looked}");
    assert_eq!(looked["users"][1]["online"], true, "carol is at the other node: {looked}");
    drop(nearer);
    becomes(&mut alice, "carol", false).await;
    drop(alice);
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_at_one_node_silences_at_the_other() {
    silences_at_the_other(Nodes::start().await).await;
    let (nodes, _server, _proxy) = over_nats().await;
    silences_at_the_other(nodes).await;
}

async fn silences_at_the_other(nodes: Nodes) {
    let [one, two] = &nodes.at;
    let ((_, mut alice), (_, mut bob)) = (one.enter("alice").await, two.enter("bob").await);
    let (_, mut carol) = two.enter("carol").await;
    let room = one.group(&["alice", "bob", "carol"]).await;
    for round in 0..10 {
        bob.request("room.open", json!({"room": room})).await;
        bob.events.clear();
        // Carol, at Bob's node, sends all the while.
        let mut begun = Vec::new();
        for n in 0..5 {
            let id = format!("before-{round}-{n}");
            begun.push(
                carol.begin("message.send", json!({"room": room, "id": id, "text": id})).await,
            );
        }
        let remove = json!({"room": room, "users": ["bob"]});
        let (removed, _) = tokio::join!(alice.request("members.remove", remove), async {
            for n in 0..5 {
                let id = format!("during-{round}-{n}");
                begun.push(
                    carol.begin("message.send", json!({"room": room, "id": id, "text": id})).await,
                );
            }
        });
        for id in begun {
            assert_eq!(carol.answer(&id).await["ok"], true);
        }
        let last = carol.request("message.send", json!({"room": room, "text": "after"})).await;
        let left = bob.event("room.left").await;
        let removed_at = left["rev"].as_u64().expect("a rev");
        assert_eq!(removed["room"]["members_rev"], removed_at);
        assert!(last["message"]["rev"].as_u64() > Some(removed_at));
        // Carol is at Bob's node: what she heard went past him.
        carol.event_where("room.head", |head| head["rev"] == last["message"]["rev"]).await;
        for (name, data) in bob.drain().await {
            let rev = data["rev"].as_u64().filter(|_| data["room"] == room).unwrap_or(0);
            assert!(rev <= removed_at, "{name} at {rev}, above the removal at {removed_at}");
        }
        bob.refused("message.send", json!({"room": room, "text": "x"}), "not_a_member").await;
        alice.request("members.add", json!({"room": room, "users": ["bob"]})).await;
        bob.event("room.joined").await;
    }
    drop((alice, bob, carol));
    nodes.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_at_one_node_ends_at_the_other() {
    ends_at_the_other(Nodes::start().await).await;
    let (nodes, _server, _proxy) = over_nats().await;
    ends_at_the_other(nodes).await;
}

async fn ends_at_the_other(nodes: Nodes) {
    let [one, two] = &nodes.at;
    let (opened, mut socket) = two.enter("alice").await;
    one.api("DELETE", "/v1/session", Value::Null, &opened.token).await.is(204);
    assert_eq!(socket.closed().await, 4200);
    for app in [one, two] {
        app.api("GET", "/v1/me", Value::Null, &opened.token).await.refused(401, "session_closed");
        let mut refused = Socket::connect(app.address, Door::Query, &opened.token).await;
        assert_eq!(refused.event("error").await["code"], "session_closed");
    }
    let (_, mut socket) = two.enter("alice").await;
    let closed = one.backend_ok("POST", "sessions/revoke", json!({"user": "alice"})).await;
    assert_eq!(closed["closed"], 1);
    assert_eq!(socket.closed().await, 4201);
    let (_, mut socket) = two.enter("alice").await;
    let replacing = one.open_session("alice").await;
    assert_eq!(socket.closed().await, 4202);
    let mut socket = two.socket(&replacing.token).await;
    one.backend_ok("POST", "users/alice/deactivate", Value::Null).await;
    assert_eq!(socket.closed().await, 4203);
    nodes.stop().await;
}

/// As when a node dies between the commit of a revoke and the news of it.
#[tokio::test]
async fn a_revoke_that_was_not_told_of_is_told_by_its_repeat() {
    let nodes =
        Nodes::on([Way::Process(InProcessBus::new()), Way::Process(InProcessBus::new())]).await;
    let [one, two] = &nodes.at;
    for revoke in [json!({"user": "ann"}), json!({"user": "ann", "device": "phone"})] {
        let phone = one.open_session_on("ann", "phone").await;
        let mut live = two.socket(&phone.token).await;
        let unheard = one.backend_ok("POST", "sessions/revoke", revoke.clone()).await;
        assert_eq!(unheard, json!({"closed": 1}));
        // Another device's session, opened since, stays.
        let laptop = two.open_session_on("ann", "laptop").await;
        let mut stays = two.socket(&laptop.token).await;
        let repeat = json!({"user": "ann", "device": "phone"});
        let told = two.backend_ok("POST", "sessions/revoke", repeat).await;
        assert_eq!(told, json!({"closed": 0}));
        assert_eq!(live.closed_because().await, (4201, "session_revoked".to_owned()));
        stays.settle().await;
        let again = two.backend_ok("POST", "sessions/revoke", json!({"user": "ann"})).await;
        assert_eq!(again, json!({"closed": 1}));
        assert_eq!(stays.closed().await, 4201);
    }
    nodes.stop().await;
}

/// A node stores a message and ends before it can tell: its row stays, and the other announces
/// what changed since its last word. One that could tell everything leaves no row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_08_what_a_dead_node_did_not_tell_is_announced() {
    let (nodes, _server, proxy) = over_nats().await;
    let (room, mut alice) = {
        let [one, two] = &nodes.at;
        let ((_, mut alice), (_, mut bob)) = (one.enter("alice").await, two.enter("bob").await);
        let room = one.group(&["alice", "bob"]).await;
        for socket in [&mut alice, &mut bob] {
            socket.event("room.joined").await;
        }
        bob.request("message.send", json!({"room": room, "text": "heard"})).await;
        alice.event_where("room.head", |head| head["seq"] == 1).await;
        proxy.cut(true);
        let cut_off = async {
            while nodes.servers[1].app().metrics.bus_connected.get() != 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within("the cut", cut_off).await;
        bob.request("message.send", json!({"room": room, "text": "not told"})).await;
        (room, alice)
    };
    let [one, two] = nodes.servers;
    within("the cut-off node's end", two.stop()).await;
    let announced = alice.event_where("room.head", |head| head["seq"] == 2);
    let head = tokio::time::timeout(Duration::from_secs(40), announced).await;
    assert_eq!(head.expect("nobody announced it")["room"], room);
    proxy.cut(false);
    let (three, _data) = node(&Way::Nats(proxy.port()), &nodes.database).await;
    within("the bus", three.app().bus_stands()).await;
    within("a node's end", three.stop()).await;
    within("the last node's end", one.stop()).await;
    let config = PostgresConfig::new(&nodes.database, [0; 16]);
    let store = PostgresStore::connect(config).await.expect("the database is there");
    let left = store.lost_node(0, Time(0)).await.expect("lost_node");
    assert_eq!(left, None, "who could tell everything leaves no row");
    drop(store);
    PgServer::shared().drop_database(&nodes.database);
}
