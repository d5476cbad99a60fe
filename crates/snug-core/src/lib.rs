//! The rules of chat. No socket, SQL, HTTP, environment, wall clock or spawn may enter here:
//! stores, bus, clock and randomness come in through [`ports`].

pub mod engine;
pub mod error;
pub mod event;
pub mod ids;
pub mod limits;
pub mod model;
pub mod policy;
pub mod ports;

#[cfg(feature = "conformance")]
pub mod conformance;
