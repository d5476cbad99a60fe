//! The Snug server: doors (REST, socket, panel), the bus, the wiring and the command line.
//! Doors translate onto `snug_core::engine::Engine` and nothing else; only `wiring` names a
//! concrete store or bus. Several servers run in one process: no process-global state.

pub mod assets;
pub mod before_send;
pub mod bus;
pub mod cli;
pub mod config;
pub mod dialects;
pub mod dispatch;
pub mod docs;
pub mod embed;
pub mod jwt;
pub mod metrics;
mod nodes;
pub mod outbound;
pub mod panel;
pub mod realtime;
pub mod rest;
pub mod secrets;
pub mod serve;
pub mod tasks;
pub mod verify;
pub mod wiring;

pub use config::{Config, StoreConfig};
pub use rest::Proxies;
pub use serve::Server;
