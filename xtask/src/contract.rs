//! `contract`: runs the tests that are named after the lines of the delivery contract, and writes
//! down what came of them.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::repo::{Repo, commit};
use crate::say::say;

const TABLE: &str = "docs/contract-results.md";

/// Runs them and writes the table; a red one is written too, and is a failure.
///
/// # Errors
/// When they cannot be run, or one is red.
pub fn contract(repo: &Repo) -> Result<(), String> {
    let mut cargo = repo.cargo();
    cargo.args(["test", "--package", "snug-server", "--test", "it", "--", "line_"]);
    let output = cargo.stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| format!("cargo cannot be started: {e}"))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let results = results(&told);
    if results.is_empty() {
        return Err(format!("no test of the contract ran:\n{told}"));
    }
    let head = commit(repo)?;
    let mut table = format!(
        "# The delivery contract: last result\n\nWritten by `cargo xtask contract`, on {head}. \
         Line by line, on both stores; [which test holds which line](delivery-contract.md).\n\n\
         | test | result |\n|---|---|\n"
    );
    for (name, result) in &results {
        let _ = writeln!(table, "| `{name}` | {result} |");
    }
    let path = repo.root.join(TABLE);
    fs::write(&path, table).map_err(|e| format!("{TABLE} cannot be written: {e}"))?;
    let red = results.iter().filter(|(_, result)| result != "ok").count();
    say(&format!("{} tests, {red} red; written to {TABLE}", results.len()));
    if red > 0 {
        return Err(format!("{red} tests of the contract are red:\n{told}"));
    }
    Ok(())
}

/// Names and results, by line.
fn results(told: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = told
        .lines()
        .filter_map(|line| {
            let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
            let name = name.rsplit("::").next()?;
            name.starts_with("line_").then(|| (name.to_owned(), result.to_owned()))
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::results;

    #[test]
    fn results_are_read_by_line() {
        let told = "running 3 tests\ntest a::line_02_b ... FAILED\ntest line_01_a ... ok\n\
                    test a::other ... ok\n";
        let found = results(told);
        let pair = |name: &str, result: &str| (name.to_owned(), result.to_owned());
        assert_eq!(found, [pair("line_01_a", "ok"), pair("line_02_b", "FAILED")]);
    }
}
