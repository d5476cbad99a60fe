//! The benchmark suite: `snug-bench [scenario…] [--quick]`, run by `cargo xtask bench`.
//!
//! Every scenario drives the real server and, in the same run, the least that could do the same
//! (`floor`), with one generator (`load`), and counts what went wrong beside what it cost.
//! Method and tables: `docs/bench.md`. Nothing here may be seen by the product's crates.

mod abuse;
mod child;
mod clock;
mod floor;
mod link;
mod load;
mod machine;
mod out;
mod preload;
mod report;
mod rest;
mod spread;
mod stage;
mod stamp;
mod stores;
mod suite;
mod tally;
mod token;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Snug beside its floors.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    suite: suite::SuiteArgs,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The bare server that every figure is set beside.
    Floor(floor::FloorArgs),
    /// A generator process; takes its plan from standard input.
    Load,
    /// Clients that misbehave; takes its plan from standard input.
    Abuse,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.role {
        Some(Role::Floor(args)) => floor::run(&args).map(|()| true),
        Some(Role::Load) => load::run().map(|()| true),
        Some(Role::Abuse) => abuse::run().map(|()| true),
        None => suite::run(cli.suite),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            out::note("snug-bench: not all ran, or not all was delivered right: see the tables");
            ExitCode::FAILURE
        }
        Err(error) => {
            out::note(&format!("snug-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}
