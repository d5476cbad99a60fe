//! `mutate`: breaks the product on purpose, one promise at a time, in a copy of the checkout, and
//! says which breaks no test noticed. What survives is listed, never left out.

mod breaks;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::repo::{Repo, run};
use crate::say::say;
use breaks::{BREAKS, Break};

const TABLE: &str = "docs/mutation-check.md";

/// What became of a break.
enum Fate {
    /// A test turned red.
    Caught,
    Survived,
    /// The broken program does not build, so nothing was tried.
    Broken(String),
}

/// Runs all breaks, or those whose names contain one of `only`; all of them write the table.
///
/// # Errors
/// When the copy cannot be made, the tests are red without a break, or a break survives.
pub fn mutate(repo: &Repo, only: &[String]) -> Result<(), String> {
    let wanted: Vec<&Break> = BREAKS
        .iter()
        .filter(|one| only.is_empty() || only.iter().any(|part| one.name.contains(part.as_str())))
        .collect();
    let copy = Copy::of(repo)?;
    copy.green(&wanted)?;
    let mut lines = Vec::new();
    let mut bad = 0;
    for one in &wanted {
        let begun = Instant::now();
        let fate = copy.fate(one)?;
        let word = match &fate {
            Fate::Caught => "caught".to_owned(),
            Fate::Survived => "**survived**".to_owned(),
            Fate::Broken(why) => format!("**does not build**: {why}"),
        };
        bad += usize::from(!matches!(fate, Fate::Caught));
        say(&format!("{}: {word} ({} s)", one.name, begun.elapsed().as_secs()));
        let tests = one.tests.replace('|', "\\|");
        lines.push(format!("| {} | {} | `{tests}` | {word} |", one.line, one.name));
    }
    if only.is_empty() {
        write_table(repo, &copy, &lines, bad)?;
    }
    if bad > 0 {
        return Err(format!("{bad} of {} breaks were not caught", wanted.len()));
    }
    say(&format!("all {} breaks were caught", wanted.len()));
    Ok(())
}

fn write_table(repo: &Repo, copy: &Copy, lines: &[String], bad: usize) -> Result<(), String> {
    let mut table = format!(
        "# The mutation check: last result\n\nWritten by `cargo xtask mutate`, on {}. Each row \
         breaks one promise of the [delivery contract](delivery-contract.md) in a copy of the \
         source (`xtask/src/mutate/breaks.rs`) and runs the tests that should notice. {} breaks, \
         {bad} not caught.\n\n| line | break | tests | result |\n|---|---|---|---|\n",
        head(&copy.root)?,
        lines.len(),
    );
    for line in lines {
        let _ = writeln!(table, "{line}");
    }
    fs::write(repo.root.join(TABLE), table).map_err(|e| format!("{TABLE} cannot be written: {e}"))
}

/// A checkout of what is committed, with a build folder that later runs use again.
struct Copy {
    root: PathBuf,
    repo: Repo,
}

impl Copy {
    fn of(repo: &Repo) -> Result<Self, String> {
        let folder = repo.target.join("mutate");
        let root = folder.join("tree");
        if root.join("Cargo.toml").is_file() {
            let head = git(&repo.root, &["rev-parse", "HEAD"])?;
            git(&root, &["checkout", "--quiet", "--force", "--detach", &head])?;
        } else {
            fs::create_dir_all(&folder).map_err(|e| format!("no folder for the copy: {e}"))?;
            git(&repo.root, &["worktree", "prune"])?;
            let path = root.to_string_lossy();
            git(&repo.root, &["worktree", "add", "--quiet", "--force", "--detach", &path])?;
        }
        Ok(Self { root, repo: repo.clone() })
    }

    fn nextest(&self, tests: &str, more: &[&str]) -> Command {
        let mut cargo = self.repo.cargo();
        cargo.current_dir(&self.root).args(["nextest", "run"]).args(tests.split(' '));
        cargo.args(more).env("CARGO_TARGET_DIR", self.repo.target.join("mutate/target"));
        cargo.env("RUST_BACKTRACE", "0");
        cargo
    }

    /// A break proves nothing when its tests are red without it, or when there are none.
    fn green(&self, wanted: &[&Break]) -> Result<(), String> {
        let mut tests: Vec<&str> = wanted.iter().map(|one| one.tests).collect();
        tests.sort_unstable();
        tests.dedup();
        for tests in tests {
            run(&mut self.nextest(tests, &[])).map_err(|e| format!("without a break: {e}"))?;
        }
        Ok(())
    }

    fn fate(&self, one: &Break) -> Result<Fate, String> {
        let path = self.root.join(one.file);
        let whole = read(&path)?;
        write(&path, &one.broken(&whole)?)?;
        let fate = self.tried(one);
        write(&path, &whole)?;
        fate
    }

    fn tried(&self, one: &Break) -> Result<Fate, String> {
        let built = output(&mut self.nextest(one.tests, &["--no-run"]))?;
        if !built.0 {
            let why = built.1.lines().find(|line| line.starts_with("error"));
            return Ok(Fate::Broken(why.unwrap_or("no error line").to_owned()));
        }
        let (green, _) = output(&mut self.nextest(one.tests, &[]))?;
        Ok(if green { Fate::Survived } else { Fate::Caught })
    }
}

fn output(command: &mut Command) -> Result<(bool, String), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("cargo cannot be started: {e}"))?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{} cannot be written: {e}", path.display()))
}

fn git(folder: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("git").current_dir(folder).args(args).output();
    let output = output.map_err(|e| format!("git cannot be started: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git {}: {}", args.join(" "), said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn head(root: &Path) -> Result<String, String> {
    git(root, &["log", "-1", "--format=%h of %cs"])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A break whose place was rewritten would break nothing, and nobody would know.
    #[test]
    fn every_break_still_has_its_place() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for one in &BREAKS {
            let whole = read(&root.join(one.file)).unwrap();
            let broken = one.broken(&whole).unwrap();
            assert_ne!(broken, whole, "{}", one.name);
        }
        assert!(BREAKS.len() >= 20);
        let mut names: Vec<&str> = BREAKS.iter().map(|one| one.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BREAKS.len(), "each has a name of its own");
    }
}
