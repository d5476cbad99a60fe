//! Buses: how events travel between nodes. Nothing above the port may know which one runs.

mod in_process;

pub use in_process::{InProcessBus, InProcessNode};
