//! Time and randomness are arguments, so that tests and the simulation own them.

use crate::model::Time;

/// The wall clock, UTC. May jump; nothing orders by it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;
}

/// Randomness fit for secrets.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}
