//! `snug-sim [--seeds N] [--first-seed S] [--operations N]`: runs seeds, stops at the first that
//! breaks the contract, and says how fast it was. The only wall clock is this stopwatch.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use snug_sim::{Plan, run};

const USAGE: &str = "snug-sim [--seeds N] [--first-seed S] [--operations N]";

struct Choice {
    seeds: u64,
    first: u64,
    plan: Plan,
}

fn main() -> ExitCode {
    match choice().and_then(|choice| simulate(&choice)) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            say(&reason);
            ExitCode::FAILURE
        }
    }
}

fn choice() -> Result<Choice, String> {
    let mut choice = Choice { seeds: 100, first: 0, plan: Plan::default() };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().and_then(|value| value.parse().ok());
        let value = value.ok_or_else(|| USAGE.to_owned())?;
        match name.as_str() {
            "--seeds" => choice.seeds = value,
            "--first-seed" => choice.first = value,
            "--operations" => choice.plan.operations = value,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(choice)
}

fn simulate(choice: &Choice) -> Result<String, String> {
    let begun = Instant::now();
    let mut done = BTreeMap::new();
    for seed in choice.first..choice.first.saturating_add(choice.seeds) {
        let run = run(seed, choice.plan)?;
        if !run.violations.is_empty() {
            return Err(format!("{}\nseed {seed} failed", run.report()));
        }
        for (what, times) in run.done {
            *done.entry(what).or_insert(0) += times;
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let mut text = String::new();
    for (what, times) in &done {
        text.push_str(&format!("{times:>10} {what}\n"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read by people")]
    let rate = choice.seeds as f64 / took.max(f64::EPSILON);
    let seeds = choice.seeds;
    Ok(format!("{text}{seeds} seeds hold the contract: {took:.1} s, {rate:.1} seeds/s"))
}

fn say(text: &str) {
    // A reader that went away does not make the result another.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}
