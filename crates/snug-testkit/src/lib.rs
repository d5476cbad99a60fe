//! What tests need from the machine: a private PostgreSQL, a free port, a folder that goes away.
//!
//! Standard library only, so that every crate can take it as a dev-dependency at no cost.
//! It knows no chat: schemas, apps and users are made by the crate whose tests need them.

mod pg;
mod pg_setup;
mod port;
mod temp;

pub use pg::PgServer;
pub use port::free_port;
pub use temp::{TempDir, temp_dir};
