//! Wire shapes of the native API, one per resource, shared by REST and socket, and their
//! conversions: core -> wire by exhaustive destructuring, so that a new field does not compile
//! until the wire decides; wire -> core with the field's path in every refusal.
//! No store, socket or HTTP may enter here. Described in `docs/protocol.md`.

pub mod before_send;
pub mod body;
pub mod changes;
pub mod codes;
pub mod contacts;
pub mod ephemeral;
pub mod event;
pub mod extras;
pub mod frame;
pub mod marks;
pub mod object;
pub mod outbox;
pub mod policy;
pub mod presence;
pub mod problem;
pub mod receipts;
pub mod rest;
pub mod rooms;
pub mod scheduled;
pub mod signed;
pub mod threads;
pub mod value;
pub mod verified;

pub use body::parse_body;
pub use codes::{CloseCode, ErrorCode};
pub use problem::Problem;
