//! Buses: how events travel between nodes. Nothing above the port may know which one runs.

mod ears;
mod in_process;
mod nats;
mod window;
mod wire;

pub use in_process::{InProcessBus, InProcessNode};
pub use nats::{NatsNode, NatsParts, Times};
