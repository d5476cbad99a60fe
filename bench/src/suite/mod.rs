//! The scenarios, and how they are run: contenders side by side, round by round, each in a fresh
//! process, so that the machine's moods fall on all of them alike.

mod badinput;
mod fanout;
mod fleets;
mod idle;
mod reads;
mod send;

use std::io;
use std::path::PathBuf;
use std::process::Command;

use clap::ValueEnum;

use crate::abuse::Kind;
use crate::out;
use crate::report::{Entry, Results, Sample, Table};
use crate::stage::{Contender, Hall, Stage};

/// What can be measured; see `docs/bench.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Memory per idle session.
    Idle,
    /// 100 rooms of 100, a message per second each.
    B1,
    /// Pairs in a closed loop.
    C,
    /// Durable sends per second.
    Send,
    /// First page of a list of many rooms.
    Roomlist,
    /// Pages of a big room's history.
    History,
    /// A chatting pair beside clients that misbehave.
    Badinput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreName {
    Sqlite,
    Postgres,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SuiteArgs {
    /// Scenarios to run; all when none is named.
    scenarios: Vec<Scenario>,
    /// Small sizes and one run: a smoke, no measurement.
    #[arg(long)]
    quick: bool,
    /// Only this store.
    #[arg(long)]
    store: Option<StoreName>,
    /// Of the bad input only these kinds.
    #[arg(long)]
    kind: Vec<Kind>,
    /// Rounds; 3, or 1 when quick.
    #[arg(long)]
    runs: Option<usize>,
    /// The server's program; built from this checkout when absent.
    #[arg(long, env = "SNUG_BIN")]
    server: Option<PathBuf>,
    /// Where the results go; `bench/results`, or `target/bench` when quick.
    #[arg(long)]
    results: Option<PathBuf>,
}

/// What a scenario needs to know.
pub(crate) struct Suite {
    hall: Hall,
    quick: bool,
    runs: usize,
    store: Option<StoreName>,
    kinds: Vec<Kind>,
}

/// Runs the suite. `Ok(false)`: it ran, and something failed or was not delivered right.
pub(crate) fn run(args: SuiteArgs) -> io::Result<bool> {
    let server = args.server.map_or_else(build_server, Ok)?;
    let suite = Suite {
        hall: Hall::new(server),
        quick: args.quick,
        runs: args.runs.unwrap_or(if args.quick { 1 } else { 3 }),
        store: args.store,
        kinds: if args.kind.is_empty() { Kind::ALL.to_vec() } else { args.kind },
    };
    let mut scenarios = args.scenarios;
    if scenarios.is_empty() {
        scenarios = Scenario::value_variants().to_vec();
    }
    let mut tables = Vec::new();
    for scenario in scenarios {
        match scenario {
            Scenario::Idle => tables.extend(idle::run(&suite)),
            Scenario::B1 => tables.push(fanout::b1(&suite)),
            Scenario::C => tables.push(fanout::c(&suite)),
            Scenario::Send => tables.push(send::run(&suite)),
            Scenario::Roomlist => tables.push(reads::roomlist(&suite)),
            Scenario::History => tables.push(reads::history(&suite)),
            Scenario::Badinput => tables.push(badinput::run(&suite)),
        }
    }
    let results = Results::new(args.quick, tables);
    let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let folder = args.results.unwrap_or_else(|| {
        workspace.join(if args.quick { "target/bench" } else { "bench/results" })
    });
    let path = results.write(&folder)?;
    out::line(&results.markdown())?;
    out::note(&format!("written to {}", path.display()));
    Ok(results.is_clean())
}

/// Builds the server as we were built, and finds it beside us.
fn build_server() -> io::Result<PathBuf> {
    let me = std::env::current_exe()?;
    let folder = me.parent().ok_or_else(|| io::Error::other("no folder"))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "-p", "snug-server", "--bin", "snug"]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    // What it says goes to our standard error: standard output is for the tables.
    if !cargo.stdout(io::stderr()).status()?.success() {
        return Err(io::Error::other("the server could not be built"));
    }
    Ok(folder.join("snug"))
}

/// The fixed part of a table.
struct Outline {
    name: String,
    note: String,
    headline: &'static str,
    against: Contender,
}

impl Suite {
    /// `full`, or `quick` when quick.
    fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The floors, then Snug on the stores asked for.
    fn contenders(&self, floors: &[Contender]) -> Vec<Contender> {
        let mut all = floors.to_vec();
        if self.store != Some(StoreName::Postgres) {
            all.push(Contender::Sqlite);
        }
        if self.store != Some(StoreName::Sqlite) {
            all.push(Contender::Postgres);
        }
        all
    }

    /// Prepares every contender once, then measures all of them in every round. What fails is
    /// written into the table; the others go on.
    fn measure<'a, P>(
        &'a self,
        outline: Outline,
        contenders: &[Contender],
        prepare: impl Fn(Contender) -> io::Result<(Stage<'a>, P)>,
        sample: impl Fn(&Stage<'a>, &P) -> io::Result<Sample>,
    ) -> Table {
        out::note(&format!("{}: preparing", outline.name));
        let mut entries = Vec::new();
        let mut stages = Vec::new();
        for contender in contenders {
            let mut entry =
                Entry { contender: contender.name(), samples: Vec::new(), errors: Vec::new() };
            let stage = prepare(*contender);
            stages.push(stage.map_err(|e| entry.errors.push(e.to_string())).ok());
            entries.push(entry);
        }
        for round in 1..=self.runs {
            for (entry, stage) in entries.iter_mut().zip(&stages) {
                let Some((stage, prepared)) = stage else {
                    continue;
                };
                let (name, who) = (&outline.name, entry.contender);
                out::note(&format!("{name}: round {round} of {}, {who}", self.runs));
                match sample(stage, prepared) {
                    Ok(sample) => entry.samples.push(sample),
                    Err(error) => entry.errors.push(error.to_string()),
                }
            }
        }
        Table {
            name: outline.name,
            note: outline.note,
            headline: outline.headline,
            against: outline.against.name(),
            entries,
        }
    }
}
