//! Other systems' wires, one folder each: their requests become Engine commands, the Engine's
//! events become their frames. No store, no bus and no socket library may enter here: what a
//! dialect needs of the server comes in through [`Host`].
//!
//! A request that a dialect does not carry yet is answered 501 in the vendor's error form and
//! stands in its list of operations, from which the compatibility table is written.

mod cors;
mod custom;
pub mod ecb;
mod entry;
pub mod host;
pub mod i2a;
pub mod imkit;
mod listed;
pub mod operations;
mod people;
mod query;
pub mod rocketchat;
mod socketio;
mod times;

pub use host::{Ended, Heard, Host, Listening, Peer, Place, Presence, Socket, Work};
pub use operations::{Carried, OperationRow};

use std::sync::Arc;

use axum::Router;

/// The routes of every dialect.
pub fn routes(host: &Arc<dyn Host>) -> Router {
    // One path for all who speak Socket.IO: its clients take it unasked.
    let namespaces = vec![("/", imkit::namespace(host)), (ecb::NAMESPACE, ecb::namespace(host))];
    Router::new()
        .merge(i2a::routes(host))
        .merge(imkit::routes(host))
        .merge(rocketchat::routes(host))
        .merge(ecb::routes(host))
        .merge(socketio::routes(host, "/socket.io/", namespaces))
}

/// Every operation of every dialect: (dialect, its rows), for the documents.
#[must_use]
pub fn operations() -> Vec<(&'static str, &'static [OperationRow])> {
    vec![
        (i2a::DIALECT, i2a::OPERATIONS),
        (imkit::DIALECT, imkit::OPERATIONS),
        (rocketchat::DIALECT, rocketchat::OPERATIONS),
        (ecb::DIALECT, ecb::OPERATIONS),
    ]
}
