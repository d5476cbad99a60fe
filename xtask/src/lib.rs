//! The tasks of this repository, `cargo xtask <task>`: what a person or CI types.
//!
//! Nothing here is part of the product; the product's crates never see it.

pub mod tidy;
