//! What tests need from the machine: a private PostgreSQL and NATS, a free port, a bad network, a
//! folder that goes away.
//!
//! Standard library only, so that every crate can take it as a dev-dependency at no cost.
//! It knows no chat: schemas, apps and users are made by the crate whose tests need them.

mod kept;
mod nats;
mod pg;
mod pg_setup;
mod port;
mod proxy;
mod temp;

pub use nats::NatsServer;
pub use pg::PgServer;
pub use port::free_port;
pub use proxy::FaultProxy;
pub use temp::{TempDir, temp_dir};
