//! The tasks of this repository, `cargo xtask <task>`: what a person or CI types.
//!
//! Nothing here is part of the product; the product's crates never see it. What a task needs
//! beyond the standard library is compiled before the first command does anything, so it is
//! next to nothing.

pub mod autobahn;
pub mod contract;
pub mod generate;
pub mod machine;
pub mod mutate;
pub mod repo;
pub mod report;
pub mod run;
pub mod say;
pub mod steps;
pub mod suite;
pub mod tidy;
