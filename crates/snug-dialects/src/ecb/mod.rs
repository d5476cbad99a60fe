//! Enterprise Chat Bridge: REST under `/ecb/`, Socket.IO in the namespace `/ecb`. The app is a
//! bridged one: its backend keeps the conversations, signs the tokens and decides. What the
//! vendor leaves open (paths, fields, events, errors) is in `docs/dialects/ecb.md`.

mod answer;
mod door;
mod operations;
mod paging;
mod rest;
mod socket;
mod wire;

use std::sync::Arc;

use axum::Router;

pub use operations::OPERATIONS;

use crate::Host;
use crate::socketio::Namespace;
use door::Door;

/// The dialect's name in the configuration and in documents.
pub const DIALECT: &str = "ecb";

/// Its namespace of Socket.IO: `io("https://chat.example/ecb")`.
pub(crate) const NAMESPACE: &str = "/ecb";

/// What its namespace does with a connection.
pub(crate) fn namespace(host: &Arc<dyn Host>) -> Arc<dyn Namespace> {
    Arc::new(socket::Sockets(Arc::new(Door { host: host.clone() })))
}

/// The routes.
pub(crate) fn routes(host: &Arc<dyn Host>) -> Router {
    rest::routes(host)
}
