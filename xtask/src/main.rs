//! `cargo xtask <task>`.

use std::process::ExitCode;

use xtask::repo::Repo;
use xtask::say::{say, warn};
use xtask::suite::Choice;
use xtask::{autobahn, contract, generate, mutate, run, steps, suite};

const USAGE: &str = "\
cargo xtask <task>

  run [--profile dev] [args]   build everything and start the server, its panel and a demo site;
                               args go to `snug demo`
  test [--only STEP]...        make the machine ready and run every check there is
       [--keep-going] [--list]
  ci                           what .ci/run runs once it has set CI up: the same as `test`
  gen [--check]                write the derived files of api/ and web/, or say which are stale
  tidy                         the house rules
  contract                     run the tests of the delivery contract and write down the result
  mutate [NAME]...             break promises in a copy of the source, and list what no test
                               noticed; all of them take about half an hour
  autobahn                     Autobahn's whole suite against the WebSocket codec; takes a quarter
                               of an hour and a Python 2.7
  bench [args]                 build and run the benchmarks
  sim [args]                   build and run the simulation
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match task(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            warn(&reason);
            ExitCode::FAILURE
        }
    }
}

fn task(args: &[String]) -> Result<(), String> {
    let (name, rest) = args.split_first().ok_or(USAGE)?;
    let repo = Repo::find()?;
    match name.as_str() {
        "run" => start(&repo, rest),
        "test" | "ci" => test(&repo, rest),
        "gen" => match rest {
            [] => generate::generate(&repo, false),
            [flag] if flag == "--check" => generate::generate(&repo, true),
            _ => Err(USAGE.to_owned()),
        },
        "tidy" => steps::tidy_all(&repo),
        "autobahn" => autobahn::all(&repo),
        "contract" => contract::contract(&repo),
        "mutate" => mutate::mutate(&repo, rest),
        "bench" => run::release(&repo, "snug-bench", after_dashes(rest)),
        "sim" => run::release(&repo, "snug-sim", after_dashes(rest)),
        "help" | "--help" | "-h" => {
            say(USAGE);
            Ok(())
        }
        _ => Err(format!("there is no task `{name}`\n\n{USAGE}")),
    }
}

fn start(repo: &Repo, args: &[String]) -> Result<(), String> {
    match args {
        [flag, profile, rest @ ..] if flag == "--profile" => {
            run::demo(repo, profile, after_dashes(rest))
        }
        _ => run::demo(repo, "demo", after_dashes(args)),
    }
}

fn test(repo: &Repo, args: &[String]) -> Result<(), String> {
    let mut choice = Choice::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--only" => choice.only.push(args.next().ok_or(USAGE)?.clone()),
            "--keep-going" => choice.keep_going = true,
            "--list" => {
                say(&suite::list());
                return Ok(());
            }
            _ => return Err(format!("`{arg}` is not understood\n\n{USAGE}")),
        }
    }
    suite::test(repo, &choice)
}

fn after_dashes(args: &[String]) -> &[String] {
    match args {
        [dashes, rest @ ..] if dashes == "--" => rest,
        all => all,
    }
}
