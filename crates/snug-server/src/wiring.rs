//! The wiring: the only file that names a concrete store or bus. Builds a server's parts from a
//! configuration.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota};
use snug_core::engine::{Client, Engine, EngineParts, allows_origin};
use snug_core::error::{Error, Result};
use snug_core::ids::{AppId, SessionId, UserId};
use snug_core::limits;
use snug_core::model::{self, UserPatch};
use snug_core::ports::{Bus, Clock, Entropy, Outbound, Store};
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_sqlite::{SqliteConfig, SqliteStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::before_send::Hooks;
use crate::bus::{InProcessBus, InProcessNode, NatsNode, NatsParts, Times};
use crate::config::{Config, DialectApps, StoreConfig};
use crate::dispatch::{Dispatcher, Parts};
use crate::jwt::Jwts;
use crate::metrics::Metrics;
use crate::nodes::{NodeParts, Nodes};
use crate::outbound::{GuardedClient, PublishedKeys};
use crate::panel::password::LoginGate;
use crate::realtime::{Arrivals, BeaconBus, Hub, HubParts};
use crate::rest::GuestGate;
use crate::secrets::{AeadVault, MasterKey, SystemClock, SystemEntropy};
use crate::tasks::Tasks;

/// A place among the connections that have shown no token yet; given back when dropped.
pub type Admitted = OwnedSemaphorePermit;

/// What the doors stand on.
pub struct App {
    pub engine: Arc<Engine>,
    pub hub: Arc<Hub>,
    pub dispatcher: Dispatcher,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    pub logins: LoginGate,
    pub arrivals: Arrivals,
    /// Log-ins by other systems' wires: what they use up, the panel's operators keep.
    pub foreign_logins: LoginGate,
    pub https: bool,
    /// Which app a request of another system's wire means when it names none.
    pub dialects: DialectApps,
    /// Keeps the bus alive; the hub holds it weakly.
    _bus: Arc<dyn Bus>,
    nats: Option<Arc<NatsNode>>,
    nodes: OnceLock<Arc<Nodes>>,
    clock: Arc<dyn Clock>,
    last: Tasks,
    store: Opened,
    unauthenticated: Arc<Semaphore>,
    rates: Rates,
}

/// How often who may ask for what.
struct Rates {
    sessions: DefaultKeyedRateLimiter<SessionId>,
    verified: DefaultKeyedRateLimiter<(AppId, Option<IpAddr>)>,
    sights: DefaultKeyedRateLimiter<(AppId, UserId)>,
    guests: GuestGate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            sessions: limiter(limits::REST_REQUESTS_PER_SECOND, limits::REST_REQUESTS_BURST),
            verified: limiter(limits::VERIFY_PER_SECOND, limits::VERIFY_BURST),
            sights: per_minute(limits::SIGHT_CHANGES_PER_MINUTE),
            guests: GuestGate::default(),
        }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

/// The store in its own type, to be closed in the end.
enum Opened {
    Embedded(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Opened {
    fn port(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store) => store.clone(),
            Self::Postgres(store) => store.clone(),
        }
    }
}

/// What a server is given instead of making it: a bus that several servers of one process share,
/// and a clock that is not the machine's.
#[derive(Default)]
pub struct Given {
    pub bus: Option<Arc<InProcessBus>>,
    pub clock: Option<Arc<dyn Clock>>,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

impl App {
    /// Opens the store and puts the parts together.
    ///
    /// # Errors
    /// A sentence that says what could not be opened and why.
    pub async fn build(
        config: &Config,
        bus: Option<Arc<InProcessBus>>,
        tasks: Tasks,
    ) -> std::result::Result<Arc<Self>, String> {
        Self::build_with(config, Given { bus, ..Given::default() }, tasks).await
    }

    /// As `build`, with some parts given.
    ///
    /// # Errors
    /// As `build`.
    pub async fn build_with(
        config: &Config,
        given: Given,
        tasks: Tasks,
    ) -> std::result::Result<Arc<Self>, String> {
        std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700)
            .create(&config.data)
            .map_err(|error| format!("data = {}: {error}", config.data.display()))?;
        let master_key = match &config.master_key {
            Some(text) => MasterKey::parse(text).ok_or("master_key: expected 64 digits")?,
            None => MasterKey::in_file(&config.data.join("master.key"))?,
        };
        let outbound: Arc<dyn Outbound> = Arc::new(GuardedClient::new(&config.outbound)?);
        let store = open(config).await?;
        let metrics = Arc::new(Metrics::default());
        let node = node_number();
        let hub = Hub::new(HubParts { tasks: tasks.clone(), metrics: metrics.clone(), node });
        let several = given.bus.is_some() || config.bus.is_some();
        let local = given.bus.unwrap_or_default().join(hub.clone(), &tasks);
        // The bus and what goes with it end last: what requests under way commit is told, too.
        let last = Tasks::default();
        let nats = join_nats(config, &master_key, &local, &hub, &metrics, &last).await?;
        let clock = given.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let node = nats.clone().map_or(local as Arc<dyn Bus>, |nats| nats);
        let dispatcher = Dispatcher::default();
        let bus: Arc<dyn Bus> = dispatcher.listen(BeaconBus::start(node, &tasks));
        let engine = Arc::new(Engine::new(EngineParts {
            store: store.port(),
            bus: bus.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            vault: Arc::new(AeadVault::new(&master_key)),
            minted: Arc::new(Jwts),
            key_sets: Arc::new(PublishedKeys::new(outbound.clone(), Arc::new(Jwts))),
            outbound: outbound.clone(),
            hooks: Arc::new(Hooks::new(outbound.clone(), metrics.clone())),
        }));
        hub.connect(&bus, &engine, several);
        dispatcher.start(Parts {
            engine: engine.clone(),
            store: store.port(),
            outbound,
            metrics: metrics.clone(),
            tasks: tasks.clone(),
            node: engine.secret(),
            places: Semaphore::new(limits::WEBHOOKS_MAX),
        });
        Ok(Arc::new(Self {
            engine,
            hub,
            dispatcher,
            metrics,
            tasks,
            logins: LoginGate::default(),
            arrivals: Arrivals::default(),
            foreign_logins: LoginGate::default(),
            https: config.https,
            dialects: config.dialects.clone(),
            _bus: bus,
            nats,
            nodes: OnceLock::new(),
            clock,
            last,
            store,
            unauthenticated: Arc::new(Semaphore::new(limits::UNAUTHENTICATED_MAX)),
            rates: Rates::default(),
        }))
    }

    /// Tells other nodes and writes what is left, and closes the store.
    pub async fn close(&self) {
        // While the bus stands: what was delivered is told, too.
        self.hub.write_all_delivered().await;
        if let Some(nats) = &self.nats {
            let all_told = nats.close().await;
            self.last.stop(Duration::from_secs(1)).await;
            if let Some(nodes) = self.nodes.get() {
                nodes.leave(all_told).await;
            }
        }
        self.hub.note_all_seen().await;
        match &self.store {
            Opened::Embedded(store) => store.close().await,
            // Its connections end with the last handle; nothing waits in the process.
            Opened::Postgres(_) => {}
        }
    }

    /// Counts as a node from now on, which others look after: for a server, not for a command that
    /// ends at once.
    pub fn live(&self) {
        if let Some(nats) = &self.nats {
            self.nodes.get_or_init(|| {
                let told = nats.clone();
                let parts = NodeParts {
                    store: self.store.port(),
                    bus: nats.clone(),
                    told_ago: Box::new(move || told.told_ago()),
                    clock: self.clock.clone(),
                    metrics: self.metrics.clone(),
                    name: nats.name(),
                };
                Nodes::start(parts, &self.last)
            });
        }
    }

    /// Resolves when the bus to other nodes stands; at once without one.
    pub async fn bus_stands(&self) {
        if let Some(nats) = &self.nats {
            nats.standing().await;
        }
    }

    /// A place for a connection without a token, if there is one.
    pub fn admit(&self) -> Option<Admitted> {
        self.unauthenticated.clone().try_acquire_owned().ok()
    }

    /// Refuses pages whose origin is not the app's, and says in the log what would allow it.
    ///
    /// # Errors
    /// [`Error::OriginRefused`].
    pub fn check_origin(&self, app: &model::App, origin: &str) -> Result<()> {
        if allows_origin(app, origin) {
            return Ok(());
        }
        self.metrics.refused_origins.inc();
        let mend = format!("add {origin:?} to the origins of the app in the panel");
        tracing::warn!(app = %app.id, origin, mend, "origin refused");
        Err(Error::OriginRefused { origin: origin.to_owned() })
    }

    /// Counts a session that is asked for with the site's own token.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check_verify_rate(&self, app: &AppId, from: Option<IpAddr>) -> Result<()> {
        if self.rates.verified.len() > 100_000 {
            self.rates.verified.retain_recent();
        }
        if self.rates.verified.check_key(&(app.clone(), from)).is_ok() {
            return Ok(());
        }
        let retry_after_ms = 1_000 / u64::from(limits::VERIFY_PER_SECOND) + 1;
        Err(Error::RateLimited { retry_after_ms })
    }

    /// Counts somebody unknown who asks to be let in.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check_guest_rate(&self, app: &AppId, from: Option<IpAddr>) -> Result<()> {
        self.rates.guests.check(app, from)
    }

    /// Counts that a user turns visible or invisible, if that is what is changed.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check_sight_rate(&self, client: &Client, patch: &UserPatch) -> Result<()> {
        if patch.invisible.is_none() {
            return Ok(());
        }
        if self.rates.sights.len() > 100_000 {
            self.rates.sights.retain_recent();
        }
        let user = (client.app.id.clone(), client.user().clone());
        if self.rates.sights.check_key(&user).is_ok() {
            return Ok(());
        }
        let retry_after_ms = 60_000 / u64::from(limits::SIGHT_CHANGES_PER_MINUTE) + 1;
        Err(Error::RateLimited { retry_after_ms })
    }

    /// Counts a session's REST request.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn check_rate(&self, session: &SessionId) -> Result<()> {
        if self.rates.sessions.len() > 100_000 {
            self.rates.sessions.retain_recent();
        }
        if self.rates.sessions.check_key(session).is_ok() {
            return Ok(());
        }
        Err(Error::RateLimited {
            retry_after_ms: 1_000 / u64::from(limits::REST_REQUESTS_PER_SECOND) + 1,
        })
    }
}

fn limiter<K: Clone + Eq + Hash>(per_second: u32, burst: u32) -> DefaultKeyedRateLimiter<K> {
    let nonzero =
        |number: u32| std::num::NonZeroU32::new(number).unwrap_or(std::num::NonZeroU32::MIN);
    let quota = Quota::per_second(nonzero(per_second)).allow_burst(nonzero(burst));
    DefaultKeyedRateLimiter::keyed(quota)
}

fn per_minute<K: Clone + Eq + Hash>(count: u32) -> DefaultKeyedRateLimiter<K> {
    let count = std::num::NonZeroU32::new(count).unwrap_or(std::num::NonZeroU32::MIN);
    DefaultKeyedRateLimiter::keyed(Quota::per_minute(count))
}

/// Joins the nodes of other processes, where the configuration names a way.
async fn join_nats(
    config: &Config,
    master_key: &MasterKey,
    local: &Arc<InProcessNode>,
    hub: &Arc<Hub>,
    metrics: &Arc<Metrics>,
    tasks: &Tasks,
) -> std::result::Result<Option<Arc<NatsNode>>, String> {
    let Some(url) = &config.bus else { return Ok(None) };
    let parts = NatsParts {
        cluster: master_key.cluster(),
        node: hub.node(),
        local: local.clone(),
        sink: hub.clone(),
        metrics: metrics.clone(),
        times: Times::default(),
    };
    NatsNode::join(url, parts, tasks).await.map(Some)
}

async fn open(config: &Config) -> std::result::Result<Opened, String> {
    let mut epoch_seed = [0; 16];
    SystemEntropy.fill(&mut epoch_seed);
    match &config.store {
        StoreConfig::Embedded => {
            let path = config.data.join("snug.sqlite");
            let config = SqliteConfig::file(path, epoch_seed);
            SqliteStore::open(config).map(Opened::Embedded).map_err(|error| error.to_string())
        }
        StoreConfig::Postgres { url } => {
            let config = PostgresConfig::new(url, epoch_seed);
            let opened = PostgresStore::connect(config).await;
            opened.map(Opened::Postgres).map_err(|error| error.to_string())
        }
    }
}

/// Which node says who is online: another number after each start.
fn node_number() -> u64 {
    let mut number = [0; 8];
    SystemEntropy.fill(&mut number);
    u64::from_be_bytes(number)
}
