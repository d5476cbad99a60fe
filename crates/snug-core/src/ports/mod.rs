//! What the engine needs of the world, as traits. Implementations live in the store crates
//! and in the server; nothing in here does anything.

mod before_send;
mod bus;
mod clock;
mod minted;
mod outbound;
mod store;
mod vault;

pub use before_send::{
    BeforeSend, HookAnswer, HookEvent, HookFailure, HookOutcome, HookQuestion, HookRoom,
    HookTarget, NoBeforeSend,
};
pub use bus::{Bus, BusSink, Topic};
pub use clock::{Clock, Entropy};
pub use minted::{KeySets, MintedClaims, MintedTokens, NoKeySets, UnverifiedToken};
pub use outbound::{
    NoOutbound, Outbound, OutboundAnswer, OutboundError, OutboundMethod, OutboundRequest,
};
pub use store::*;
pub use vault::{Vault, VaultError};
