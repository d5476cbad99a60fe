//! Starts the real server in this process and speaks to it as customers do. Nothing here waits
//! for time to pass; the one bound only turns a hang into a failure.

mod clock;
mod customer;
mod http;
mod logs;
mod socket;
mod standard;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use snug_core::engine::NewAppRequest;
use snug_core::model::AppPolicy;
use snug_server::outbound::{AllowedAddresses, OutboundConfig};
use snug_server::wiring::Given;
use snug_server::{Config, Server, StoreConfig};
use snug_testkit::{PgServer, TempDir, temp_dir};

pub(crate) use clock::TestClock;
pub(crate) use customer::Customer;
pub(crate) use http::{Answer, Request, segment, text};
pub(crate) use logs::logs;
pub(crate) use socket::{Door, Socket};
pub(crate) use standard::is_signed;

/// How long a test waits for what must come before it fails: longer than who brings no token may
/// stay.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Waits for what must come; a hang becomes a failure that names what was awaited.
pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(BOUND, work).await else {
        panic!("did not come within {BOUND:?}: {what}");
    };
    done
}

/// Customers' backends of the tests run on this machine.
pub(crate) fn loopback_allowed() -> OutboundConfig {
    OutboundConfig { allow_private: AllowedAddresses::loopback(), ..OutboundConfig::default() }
}

/// Which store a server stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Runs a test on a server of each store.
pub(crate) async fn on_both(test: impl AsyncFn(&TestServer)) {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let server = TestServer::start(backend).await;
        test(&server).await;
        assert!(server.stop().await);
    }
}

fn config(data: &Path, store: StoreConfig, outbound: OutboundConfig) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: data.to_owned(),
        store,
        master_key: None,
        bus: None,
        https: false,
        log_json: false,
        dialects: snug_server::config::DialectApps::default(),
        proxies: snug_server::Proxies::default(),
        outbound,
    }
}

/// A running server; its files and database go with it.
#[derive(Debug)]
pub(crate) struct TestServer {
    server: Server,
    pub(crate) data: TempDir,
    database: Option<String>,
}

impl TestServer {
    /// A server on the embedded store.
    pub(crate) async fn sqlite() -> Self {
        Self::start(Backend::Sqlite).await
    }

    pub(crate) async fn start(backend: Backend) -> Self {
        Self::start_with(backend, Given::default()).await
    }

    /// A server that takes others to be on its bus.
    pub(crate) async fn one_of_several(backend: Backend) -> Self {
        Self::start_with(backend, Given { bus: Some(Arc::default()), ..Given::default() }).await
    }

    /// A server whose time the test moves.
    pub(crate) async fn start_at(backend: Backend, clock: Arc<TestClock>) -> Self {
        Self::start_with(backend, Given { clock: Some(clock), ..Given::default() }).await
    }

    async fn start_with(backend: Backend, given: Given) -> Self {
        logs();
        let data = temp_dir();
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => {
                let make = || PgServer::shared().create_database();
                Some(tokio::task::spawn_blocking(make).await.expect("a database is made"))
            }
        };
        let store = match &database {
            None => StoreConfig::Embedded,
            Some(url) => StoreConfig::Postgres { url: url.clone() },
        };
        let config = config(data.path(), store, loopback_allowed());
        let server = Server::start_with(config, given).await.expect("the server starts");
        Self { server, data, database }
    }

    /// A server on the embedded store with its own bounds on calls.
    pub(crate) async fn calling(outbound: OutboundConfig) -> Self {
        logs();
        let data = temp_dir();
        let config = config(data.path(), StoreConfig::Embedded, outbound);
        let server = Server::start(config).await.expect("the server starts");
        Self { server, data, database: None }
    }

    /// Stops it in order and starts it on the same data.
    pub(crate) async fn restart(self) -> Self {
        Self::start_on(self.stop_and_keep().await).await
    }

    /// Starts on the data of a server that was stopped.
    pub(crate) async fn start_on(data: TempDir) -> Self {
        Self::start_on_with(data, snug_server::config::DialectApps::default()).await
    }

    /// As `start_on`, with apps for the dialects whose requests name none.
    pub(crate) async fn start_on_with(
        data: TempDir,
        dialects: snug_server::config::DialectApps,
    ) -> Self {
        let config = config(data.path(), StoreConfig::Embedded, loopback_allowed());
        let config = Config { dialects, ..config };
        let server = Server::start(config).await.expect("the server starts again");
        Self { server, data, database: None }
    }

    /// As `restart`, with the app of a wire whose requests name none.
    pub(crate) async fn restart_speaking(self, dialect: &str, app: &TestApp) -> Self {
        let data = self.stop_and_keep().await;
        let mut config = config(data.path(), StoreConfig::Embedded, loopback_allowed());
        let id = snug_core::ids::AppId::new(&app.id).expect("an id");
        config.dialects = config.dialects.or_default(dialect, id);
        let server = Server::start(config).await.expect("the server starts again");
        Self { server, data, database: None }
    }

    /// A second server on the same database and master key, which know nothing of each other.
    pub(crate) async fn beside(&self) -> (Server, TempDir) {
        let data = temp_dir();
        let copied = std::fs::copy(self.data.join("master.key"), data.join("master.key"));
        copied.expect("the master key");
        let url = self.database.clone().expect("a database");
        let config = config(data.path(), StoreConfig::Postgres { url }, loopback_allowed());
        (Server::start(config).await.expect("the second server starts"), data)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// An app whose pages may do everything, with no origin listed.
    pub(crate) async fn app(&self) -> TestApp {
        self.app_under(AppPolicy::Open).await
    }

    pub(crate) async fn app_under(&self, policy: AppPolicy) -> TestApp {
        let name = "Test".to_owned();
        self.app_as(NewAppRequest { name, policy, development: false, origins: Vec::new() }).await
    }

    pub(crate) async fn app_as(&self, request: NewAppRequest) -> TestApp {
        let made = self.server.app().engine.create_app(request).await.expect("an app is made");
        let (id, key) = (made.app.id.to_string(), made.server_key);
        TestApp { address: self.address(), id, key }
    }

    /// A request of anybody's.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address(), method, path)
    }

    /// Stops it in order; its files stay until the returned value goes.
    pub(crate) async fn stop_and_keep(self) -> TempDir {
        assert!(within("the server's stop", self.server.stop()).await);
        self.data
    }

    /// Stops it in order; its database stays for a server beside it.
    pub(crate) async fn stop_one(self) -> bool {
        within("the server's stop", self.server.stop()).await
    }

    /// Stops it in order and says whether everything ended in time.
    pub(crate) async fn stop(self) -> bool {
        let clean = within("the server's stop", self.server.stop()).await;
        if let Some(url) = self.database {
            PgServer::shared().drop_database(&url);
        }
        clean
    }
}

/// App, method and path of every call that succeeded.
static SUCCEEDED: Mutex<BTreeSet<[String; 3]>> = Mutex::new(BTreeSet::new());

/// An app and its server key.
#[derive(Debug, Clone)]
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
    pub(crate) key: String,
}

/// A user's page: the app and a session token.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) app: TestApp,
    pub(crate) opened: Opened,
}

impl Page {
    /// A call of a client route below `/v1/`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.app.api(method, &format!("/v1/{path}"), body, &self.opened.token).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }
}

/// An open session.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) token: String,
    pub(crate) session: String,
}

impl TestApp {
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    /// A call with a bearer token (or server key); `Value::Null` sends no body.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Value, token: &str) -> Answer {
        let answer = self.request(method, path).bearer(token).json(body).send().await;
        if (200..300).contains(&answer.status) {
            let path = path.split('?').next().unwrap_or(path);
            let mut all = SUCCEEDED.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert([self.id.clone(), method.to_owned(), path.to_owned()]);
        }
        answer
    }

    /// Whether a call of this route, such as `/v1/rooms/{room}`, has succeeded.
    pub(crate) fn has_answered(&self, method: &str, route: &str) -> bool {
        let all = SUCCEEDED.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|[app, ..]| *app == self.id).any(|[_, called, path]| {
            let (path, route) = (path.split('/'), route.split('/'));
            called == method
                && path.clone().count() == route.clone().count()
                && path.zip(route).all(|(part, named)| named.starts_with('{') || part == named)
        })
    }

    /// A page of a user's.
    pub(crate) async fn page(&self, user: &str) -> Page {
        Page { app: self.clone(), opened: self.open_session(user).await }
    }

    /// The same beside a socket of the user's, as another device.
    pub(crate) async fn page_on(&self, user: &str, device: &str) -> Page {
        Page { app: self.clone(), opened: self.open_session_on(user, device).await }
    }

    /// A call of the customer's backend below `/v1/server/`.
    pub(crate) async fn backend(&self, method: &str, path: &str, body: Value) -> Answer {
        self.api(method, &format!("/v1/server/{path}"), body, &self.key).await
    }

    /// A call of the backend's that must succeed; its body.
    pub(crate) async fn backend_ok(&self, method: &str, path: &str, body: Value) -> Value {
        self.backend(method, path, body).await.ok()
    }

    pub(crate) async fn open_session(&self, user: &str) -> Opened {
        self.open_session_on(user, "device").await
    }

    pub(crate) async fn open_session_on(&self, user: &str, device: &str) -> Opened {
        let body = json!({"user": user, "device": device});
        let opened = self.backend("POST", "sessions", body).await.ok();
        Opened { token: text(&opened["token"]), session: text(&opened["session"]) }
    }

    /// A group made by the backend, the first member its owner; its id.
    pub(crate) async fn group(&self, members: &[&str]) -> String {
        let creator = members.first().copied();
        let body = json!({"kind": "group", "creator": creator, "members": members});
        text(&self.backend_ok("POST", "rooms", body).await["id"])
    }

    /// A direct room made by the backend; its id.
    pub(crate) async fn direct(&self, a: &str, b: &str) -> String {
        let body = json!({"kind": "direct", "users": [a, b]});
        text(&self.backend_ok("POST", "rooms", body).await["id"])
    }

    /// A socket with the token in the header, past its `hello`.
    pub(crate) async fn socket(&self, token: &str) -> Socket {
        let mut socket = Socket::connect(self.address, Door::Header, token).await;
        socket.event("hello").await;
        socket
    }

    /// A session and a socket of a user's.
    pub(crate) async fn enter(&self, user: &str) -> (Opened, Socket) {
        let opened = self.open_session(user).await;
        let socket = self.socket(&opened.token).await;
        (opened, socket)
    }
}
