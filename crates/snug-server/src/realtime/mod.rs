//! The socket door: codec seam, session state machine, connections, hub, beacon.

mod arrivals;
mod attached;
mod beacon;
mod codec;
mod connection;
mod fanout;
mod foreign;
mod here;
mod hub;
mod kept;
mod listening;
mod mailbox;
mod outbox;
mod presence;
mod queue;
mod receipts;
mod requests;
mod room;
mod session;
mod turn;
mod upgrade;
mod watches;
mod wire;

pub use arrivals::Arrivals;
pub use beacon::BeaconBus;
pub use hub::{Hub, HubParts};
pub use listening::listen;
pub(crate) use requests::presences;
pub use session::{Action, Session};
pub use upgrade::{is_socket, routes, upgrade_foreign};
