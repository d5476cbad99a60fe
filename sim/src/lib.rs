//! The deterministic simulation: the real engine over the real embedded store in memory, with a
//! seeded clock, seeded randomness, a bus that loses, doubles and reorders, and clients that
//! keep their own state as a page would. Operations are issued one at a time, so one seed is
//! one history. The checker of `snug-verify` holds what every client did and saw against the
//! delivery contract. No wall clock, no randomness that is not the seed's, no thread of our own.

mod bus;
mod client;
mod dice;
mod hub;
mod ops;
mod rest;
mod run;
mod sim;
mod store;
mod sync;
mod world;

pub use run::{Plan, Run, run};
pub use store::Break;
