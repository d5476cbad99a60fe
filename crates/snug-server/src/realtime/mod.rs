//! The socket door: codec seam, session state machine, connections, hub, beacon.

mod arrivals;
mod beacon;
mod codec;
mod connection;
mod foreign;
mod hub;
mod listening;
mod mailbox;
mod outbox;
mod requests;
mod room;
mod session;
mod turn;
mod upgrade;

pub use arrivals::Arrivals;
pub use beacon::BeaconBus;
pub use hub::{Hub, HubParts};
pub use listening::listen;
pub use outbox::Outbox;
pub use session::{Action, Session};
pub use upgrade::{routes, upgrade_foreign};
