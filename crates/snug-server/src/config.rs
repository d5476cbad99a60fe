//! Configuration: one TOML file, the environment and flags, in rising order; every key is
//! validated at start with a message that names it. Documented in `docs/configuration.md`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use snug_core::ids::AppId;

use crate::outbound::{AllowedAddresses, Cidr, OutboundConfig};
use crate::rest::Proxies;

/// Where truth is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// SQLite in the data directory.
    Embedded,
    /// A PostgreSQL server.
    Postgres { url: String },
}

/// A validated configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub store: StoreConfig,
    /// The NATS server that joins several nodes; none: this node is the only one.
    pub bus: Option<String>,
    /// 64 hexadecimal digits; else the file `master.key` in the data directory.
    pub master_key: Option<String>,
    /// Whether the panel's cookie is `Secure`: the panel is reached over https.
    pub https: bool,
    pub log_json: bool,
    pub dialects: DialectApps,
    /// Proxies before the server, which say who asks.
    pub proxies: Proxies,
    /// What of customers' URLs may be called.
    pub outbound: OutboundConfig,
}

/// Rocket.Chat's and ECB's requests name no app: host names and defaults that do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DialectApps {
    hosts: HashMap<(String, String), AppId>,
    defaults: HashMap<String, AppId>,
}

/// The dialects whose requests name no app.
const NAMELESS: [&str; 2] = ["rocketchat", "ecb"];

impl DialectApps {
    /// The app by host name (without its port), else the dialect's default.
    #[must_use]
    pub fn app_by_host(&self, dialect: &str, host: Option<&str>) -> Option<AppId> {
        let name = host.map(host_name).map(str::to_ascii_lowercase);
        let by_host = name.and_then(|name| self.hosts.get(&(dialect.to_owned(), name)));
        by_host.or_else(|| self.defaults.get(dialect)).cloned()
    }

    /// Lists of `rocketchat=app_..` and `rocketchat@chat.shop.example=app_..`.
    fn parse(entries: &[String]) -> Result<Self, String> {
        let mut apps = Self::default();
        for entry in entries {
            let wrong = || {
                format!(
                    "dialect_app = {entry:?}: expected rocketchat=<app id> or \
                     rocketchat@<host>=<app id> (or ecb)"
                )
            };
            let (which, app) = entry.split_once('=').ok_or_else(wrong)?;
            let app = AppId::new(app.trim()).map_err(|_| wrong())?;
            let (dialect, host) = match which.split_once('@') {
                Some((dialect, host)) => (dialect.trim(), Some(host.trim().to_ascii_lowercase())),
                None => (which.trim(), None),
            };
            if !NAMELESS.contains(&dialect) {
                return Err(wrong());
            }
            let before = match host {
                Some(host) => apps.hosts.insert((dialect.to_owned(), host), app),
                None => apps.defaults.insert(dialect.to_owned(), app),
            };
            if before.is_some() {
                return Err(format!("dialect_app = {entry:?}: this place names an app already"));
            }
        }
        Ok(apps)
    }

    /// Makes an app a dialect's default while nothing else is set; for the demo and tests.
    #[must_use]
    pub fn or_default(mut self, dialect: &str, app: AppId) -> Self {
        self.defaults.entry(dialect.to_owned()).or_insert(app);
        self
    }
}

/// `chat.example:8080` and `[::1]:8080` without their port.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => host.split(':').next().unwrap_or(host),
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The store's URL may hold a password, the master key is one.
        let store = match &self.store {
            StoreConfig::Embedded => "embedded",
            StoreConfig::Postgres { .. } => "postgres",
        };
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("store", &store)
            .finish_non_exhaustive()
    }
}

/// The same keys from flags and environment.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, env = "SNUG_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, env = "SNUG_LISTEN", global = true)]
    pub listen: Option<String>,
    /// Data directory
    #[arg(long, env = "SNUG_DATA", global = true)]
    pub data: Option<PathBuf>,
    /// `embedded`, or a PostgreSQL URL
    #[arg(long, env = "SNUG_STORE", global = true, hide_env_values = true)]
    pub store: Option<String>,
    /// NATS servers that join several nodes: `nats://host:4222`, several parted by commas
    #[arg(long, env = "SNUG_BUS", global = true, hide_env_values = true)]
    pub bus: Option<String>,
    /// Master key, 64 hexadecimal digits
    #[arg(long, env = "SNUG_MASTER_KEY", global = true, hide_env_values = true)]
    pub master_key: Option<String>,
    /// The panel is reached over https: its cookie is Secure
    #[arg(long, env = "SNUG_HTTPS", global = true)]
    pub https: Option<bool>,
    /// App of a wire that names none: `rocketchat=<app>` or `rocketchat@<host>=<app>`, repeatable
    #[arg(long, env = "SNUG_DIALECT_APP", global = true, value_delimiter = ',')]
    pub dialect_app: Vec<String>,
    /// Addresses of proxies before the server, such as 10.0.0.0/8: their X-Forwarded-For is taken
    #[arg(long, env = "SNUG_TRUSTED_PROXIES", global = true, value_delimiter = ',')]
    pub trusted_proxies: Vec<String>,
    /// Private ranges that customers' URLs may lead to, such as 10.1.0.0/16
    #[arg(long, env = "SNUG_OUTBOUND_ALLOW_PRIVATE", global = true, value_delimiter = ',')]
    pub outbound_allow_private: Vec<String>,
    /// Certificates (PEM) trusted for customers' URLs besides the public ones
    #[arg(long, env = "SNUG_OUTBOUND_CA_FILE", global = true)]
    pub outbound_ca_file: Option<PathBuf>,
    /// Log as JSON lines
    #[arg(long, env = "SNUG_LOG_JSON", global = true)]
    pub log_json: Option<bool>,
}

/// The file's keys. An unknown one is a mistake and is named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    listen: Option<String>,
    data: Option<PathBuf>,
    store: Option<String>,
    bus: Option<String>,
    master_key: Option<String>,
    https: Option<bool>,
    log_json: Option<bool>,
    #[serde(default)]
    dialect_app: Vec<String>,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    #[serde(default)]
    outbound: OutboundFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundFile {
    #[serde(default)]
    allow_private: Vec<String>,
    ca_file: Option<PathBuf>,
}

impl Config {
    /// Puts file, environment and flags together and checks every key.
    ///
    /// # Errors
    /// A sentence that names the key, what it holds and what is expected.
    pub fn load(args: ConfigArgs) -> Result<Self, String> {
        let file = match &args.config {
            Some(path) => read_file(path)?,
            None => ConfigFile::default(),
        };
        let listen = args.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen = listen.parse().map_err(|_| {
            format!("listen = {listen:?}: expected an address and port such as 127.0.0.1:8080")
        })?;
        let store = match args.store.or(file.store).as_deref() {
            None | Some("embedded") => StoreConfig::Embedded,
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                StoreConfig::Postgres { url: url.to_owned() }
            }
            Some(_) => {
                return Err("store: expected \"embedded\" or a postgres:// URL".to_owned());
            }
        };
        let bus = args.bus.or(file.bus);
        let master_key = args.master_key.or(file.master_key);
        check_bus(bus.as_deref(), &store, master_key.is_some())?;
        if let Some(key) = &master_key
            && crate::secrets::MasterKey::parse(key).is_none()
        {
            return Err("master_key: expected 64 hexadecimal digits".to_owned());
        }
        Ok(Self {
            listen,
            data: args.data.or(file.data).unwrap_or_else(|| PathBuf::from("snug-data")),
            store,
            bus,
            master_key,
            https: args.https.or(file.https).unwrap_or(false),
            log_json: args.log_json.or(file.log_json).unwrap_or(false),
            dialects: DialectApps::parse(either(&args.dialect_app, &file.dialect_app))?,
            proxies: Proxies(ranges(
                "trusted_proxies",
                either(&args.trusted_proxies, &file.trusted_proxies),
            )?),
            outbound: OutboundConfig {
                allow_private: AllowedAddresses(ranges(
                    "outbound.allow_private",
                    either(&args.outbound_allow_private, &file.outbound.allow_private),
                )?),
                ca_file: args.outbound_ca_file.or(file.outbound.ca_file),
            },
        })
    }
}

/// The message quotes nothing: the URL may hold a password.
fn check_bus(bus: Option<&str>, store: &StoreConfig, has_key: bool) -> Result<(), String> {
    let Some(servers) = bus else { return Ok(()) };
    let is_server = |server: &str| {
        let name = server.strip_prefix("nats://").or_else(|| server.strip_prefix("tls://"));
        name.is_some_and(|name| !name.is_empty())
    };
    if !servers.split(',').map(str::trim).all(is_server) {
        return Err("bus: expected nats://host:4222 or tls://host:4222".to_owned());
    }
    if *store == StoreConfig::Embedded {
        let why = "bus: several nodes need a store that they share: set store to a \
                   postgres:// URL, or leave bus out";
        return Err(why.to_owned());
    }
    if !has_key {
        let why = "bus: several nodes need one master key, or none could read what another has \
                   sealed: set master_key";
        return Err(why.to_owned());
    }
    Ok(())
}

/// A list on the command line goes before the file's.
fn either<'a>(given: &'a [String], file: &'a [String]) -> &'a [String] {
    if given.is_empty() { file } else { given }
}

fn ranges(key: &str, texts: &[String]) -> Result<Vec<Cidr>, String> {
    let range = |text: &String| {
        let wrong = || format!("{key} = {text:?}: expected 127.0.0.1/32 or such");
        Cidr::parse(text.trim()).ok_or_else(wrong)
    };
    texts.iter().map(range).collect()
}

fn read_file(path: &Path) -> Result<ConfigFile, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        // The message quotes the line; a line may hold a secret, so only the reason is kept.
        format!("{}: {}", path.display(), error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_named() {
        let load = |args| Config::load(args).unwrap_err();
        let listen = Some("nowhere".to_owned());
        assert!(load(ConfigArgs { listen, ..ConfigArgs::default() }).starts_with("listen"));
        let store = Some("mysql://x".to_owned());
        assert!(load(ConfigArgs { store, ..ConfigArgs::default() }).starts_with("store"));
        let master_key = Some("short".to_owned());
        assert!(load(ConfigArgs { master_key, ..ConfigArgs::default() }).starts_with("master_key"));
        let outbound_allow_private = vec!["everything".to_owned()];
        let error = load(ConfigArgs { outbound_allow_private, ..ConfigArgs::default() });
        assert!(error.starts_with("outbound.allow_private"), "{error}");
        let trusted_proxies = vec!["all".to_owned()];
        let error = load(ConfigArgs { trusted_proxies, ..ConfigArgs::default() });
        assert!(error.starts_with("trusted_proxies"), "{error}");
    }

    #[test]
    fn a_bus_needs_what_nodes_share() {
        let load = |bus: &str, store: Option<&str>, master_key: Option<&str>| {
            let text = |text: &str| Some(text.to_owned());
            Config::load(ConfigArgs {
                bus: text(bus),
                store: store.and_then(text),
                master_key: master_key.and_then(text),
                ..ConfigArgs::default()
            })
        };
        let (store, key) = (Some("postgres://h/d"), "7".repeat(64));
        let nats = "nats://a:secret@h:4222, tls://i";
        assert_eq!(load(nats, store, Some(&key)).unwrap().bus.as_deref(), Some(nats));
        for (bus, store, key, word) in [
            ("amqp://a:secret@h", store, Some(&*key), "nats://"),
            ("nats://h,", store, Some(&*key), "nats://"),
            (nats, None, Some(&*key), "store"),
            (nats, store, None, "master_key"),
        ] {
            let error = load(bus, store, key).unwrap_err();
            assert!(error.starts_with("bus: ") && error.contains(word), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_in_the_file_is_named() {
        let error = toml::from_str::<ConfigFile>("listne = \"x\"").unwrap_err();
        assert!(error.message().contains("listne"), "{error}");
    }
}
