//! Autobahn's test suite against the codec of `snug-ws`. It stands on Python 2.7, which few
//! machines have: where it is not there, the run says so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::repo::{Repo, commit, in_path, run, works};
use crate::say::say;
use crate::steps::build_all;

const REPORT: &str = "docs/autobahn.md";
/// Frames, pings, reserved bits, opcodes, fragments, UTF-8, closing, and parts of frames.
const SHORT: &[&str] = &["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];
/// How many these are: the suite ends without an error when the server does not answer any more.
const SHORT_CASES: usize = 247;
/// Also sizes and speed, and compression: these take a quarter of an hour.
const ALL: &[&str] = &["*"];

/// Python 2.7 with pip, if it is somewhere where people keep it.
#[must_use]
pub fn python() -> Option<PathBuf> {
    let named = std::env::var_os("SNUG_PYTHON27").map(PathBuf::from);
    let versions = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv/versions"));
    let kept = versions.and_then(|folder| fs::read_dir(folder).ok()).and_then(|found| {
        let folders = found.filter_map(|entry| Some(entry.ok()?.path()));
        let mut pythons = folders.map(|folder| folder.join("bin/python2.7"));
        pythons.find(|python| python.is_file())
    });
    let found = [named, in_path("python2.7"), kept].into_iter().flatten();
    let has_pip = |python: &PathBuf| works(Command::new(python).args(["-m", "pip", "--version"]));
    found.into_iter().find(has_pip)
}

/// What came of one case.
#[derive(Debug, PartialEq, Eq)]
struct Case {
    /// As in `6.4.2`.
    name: String,
    behavior: String,
    closing: String,
}

impl Case {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("case ")?.split(' ').map(str::to_owned);
        Some(Self { name: words.next()?, behavior: words.next()?, closing: words.next()? })
    }

    /// Strictly: what Autobahn lets pass as "not strict" is not good here. Some cases only look.
    fn is_good(&self) -> bool {
        [&self.behavior, &self.closing].iter().all(|came| *came == "OK" || *came == "INFORMATIONAL")
    }

    fn section(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

/// The short sections, on what was built for tests.
///
/// # Errors
/// When a case failed, or nothing could be run.
pub fn short(repo: &Repo, python: &Path) -> Result<(), String> {
    let cases = cases(repo, python, "debug", SHORT)?;
    say(&format!("{} cases", cases.len()));
    if cases.len() != SHORT_CASES {
        return Err(format!("{} cases ran, expected {SHORT_CASES}", cases.len()));
    }
    judged(&cases)
}

/// All sections, on a release build; writes the report.
///
/// # Errors
/// As `short`; also when there is no Python 2.7.
pub fn all(repo: &Repo) -> Result<(), String> {
    let python = python().ok_or(
        "Autobahn's suite needs Python 2.7: put one into PATH or name it in SNUG_PYTHON27",
    )?;
    let cases = cases(repo, &python, "release", ALL)?;
    let mut sections: BTreeMap<u32, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        sections.entry(case.section().parse().unwrap_or(0)).or_default().push(case);
    }
    let mut report = format!(
        "# Autobahn: last report\n\nWritten by `cargo xtask autobahn`, on {}: the fuzzing client \
         of autobahntestsuite 0.8.2 against `crates/snug-ws/examples/echo.rs`. Strict: a case \
         that Autobahn calls \"non-strict\" counts as failed. Informational ones have no right \
         answer.\n\n| section | cases | ok | informational | failed |\n|---|---|---|---|---|\n",
        commit(repo)?
    );
    for (section, cases) in sections {
        let count = |wanted: &str| cases.iter().filter(|case| case.behavior == wanted).count();
        let failed = cases.iter().filter(|case| !case.is_good()).count();
        let (all, ok, informational) = (cases.len(), count("OK"), count("INFORMATIONAL"));
        let _ = writeln!(report, "| {section} | {all} | {ok} | {informational} | {failed} |");
    }
    fs::write(repo.root.join(REPORT), report).map_err(|e| format!("{REPORT}: {e}"))?;
    say(&format!("{} cases, written to {REPORT}", cases.len()));
    judged(&cases)
}

fn judged(cases: &[Case]) -> Result<(), String> {
    let bad: Vec<String> = cases
        .iter()
        .filter(|case| !case.is_good())
        .map(|case| format!("{}: {}, closing {}", case.name, case.behavior, case.closing))
        .collect();
    if bad.is_empty() { Ok(()) } else { Err(bad.join("\n")) }
}

fn cases(repo: &Repo, python: &Path, profile: &str, which: &[&str]) -> Result<Vec<Case>, String> {
    let packages = packages(repo, python)?;
    let mut cargo = repo.cargo();
    run(match profile {
        "release" => {
            cargo.args(["build", "--release", "--package", "snug-ws", "--example", "echo"])
        }
        _ => build_all(&mut cargo),
    })?;
    let (mut server, url) = serve(&repo.target.join(profile).join("examples/echo"))?;
    let folder = repo.target.join("autobahn");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut tool = Command::new(python);
    tool.arg(repo.root.join("tests/foreign/autobahn/run.py")).arg(packages);
    tool.arg(url).arg(&folder).args(which);
    let output = tool.output().map_err(|e| format!("{}: {e}", python.display()))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let cases: Vec<Case> = told.lines().filter_map(Case::read).collect();
    let lives = server.0.try_wait().is_ok_and(|ended| ended.is_none());
    if !output.status.success() || cases.is_empty() || !lives {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("Autobahn's suite did not run to its end:\n{errors}"));
    }
    Ok(cases)
}

/// The suite's packages, installed once into a folder that outlives a run.
fn packages(repo: &Repo, python: &Path) -> Result<PathBuf, String> {
    let wanted = repo.root.join("tests/foreign/autobahn/requirements.txt");
    let wanted_text = fs::read_to_string(&wanted).map_err(|e| format!("{e}"))?;
    let cache = std::env::var_os("SNUG_TEST_CACHE").map_or_else(|| repo.target.clone(), Into::into);
    let folder = cache.join("foreign/autobahn");
    let done = folder.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted_text) {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]);
    pip.arg("--target").arg(&folder).arg("--requirement").arg(&wanted);
    run(&mut pip)?;
    fs::write(&done, wanted_text).map_err(|e| format!("{}: {e}", done.display()))?;
    Ok(folder)
}

/// Ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that says everything back, on a free port, and its URL.
fn serve(program: &Path) -> Result<(Server, String), String> {
    let started = Command::new(program).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn();
    let mut server = Server(started.map_err(|e| format!("{}: {e}", program.display()))?);
    let said = server.0.stdout.take().ok_or("the server says nothing")?;
    let mut line = String::new();
    BufReader::new(said).read_line(&mut line).map_err(|e| format!("the server: {e}"))?;
    Ok((server, line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Case, judged};

    #[test]
    fn a_case_that_is_not_strictly_good_is_named() {
        let read = |line| Case::read(line).expect("a case");
        let good = [read("case 1.1.1 OK OK 3"), read("case 7.1.6 INFORMATIONAL OK 3")];
        assert_eq!((judged(&good), good[0].section()), (Ok(()), "1"));
        for bad in ["case 6.4.2 NON-STRICT OK 3", "case 6.4.2 OK UNCLEAN 3"] {
            assert!(judged(&[read(bad)]).is_err_and(|reason| reason.starts_with("6.4.2")));
        }
        assert_eq!(Case::read("Running test case ID 1.1.1"), None);
    }
}
