//! The delivery contract, checked from outside: the `checker` holds what every client did and
//! saw against it, and [`verify`] is a crowd of clients and a backend that give it something to
//! look at on a running install, through the doors that everybody has. It knows nothing of the
//! engine or a store, so the simulation feeds the same checker.

mod backend;
pub mod checker;
mod client;
mod dice;
mod door;
mod known;
mod rest;
mod walk;

pub use door::{Answer, Came, Door, Line, Request};
pub use walk::{Plan, Report, verify};
