//! `run`: from a fresh clone to a server, its panel and the demo site. `bench` and `sim` likewise
//! hand over to the program they build.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::machine::{Need, prepare};
use crate::repo::{Repo, run};

/// Builds the web packages and the server, then becomes `snug demo`.
///
/// # Errors
/// When something is missing on the machine or does not build, in a sentence.
pub fn demo(repo: &Repo, profile: &str, args: &[String]) -> Result<(), String> {
    prepare(repo, &[Need::Node, Need::Compiler])?;
    install_web(repo)?;
    run(repo.npm().args(["run", "build"]))?;
    run(repo
        .cargo()
        .args(["build", "--package", "snug-server", "--bin", "snug"])
        .args(["--profile", profile]))?;
    // Cargo calls the folder of the profile `dev` otherwise.
    let folder = if profile == "dev" { "debug" } else { profile };
    let mut snug = Command::new(repo.built(folder, "snug"));
    Err(become_program(snug.current_dir(&repo.root).arg("demo").args(args)))
}

/// Builds a program of the workspace in release and becomes it.
///
/// # Errors
/// When it does not build or start.
pub fn release(repo: &Repo, package: &str, args: &[String]) -> Result<(), String> {
    run(repo.cargo().args(["build", "--release", "--package", package]))?;
    let mut program = Command::new(repo.built("release", package));
    Err(become_program(program.current_dir(&repo.root).args(args)))
}

/// Installs what the web packages need, unless it is there as the lock file says.
///
/// # Errors
/// When npm fails.
pub fn install_web(repo: &Repo) -> Result<(), String> {
    let changed = |path: &str| std::fs::metadata(repo.web().join(path))?.modified();
    let lock = changed("package-lock.json")
        .map_err(|e| format!("web/package-lock.json cannot be read: {e}"))?;
    if changed("node_modules/.package-lock.json").is_ok_and(|installed| installed >= lock) {
        return Ok(());
    }
    run(repo.npm().arg("ci"))
}

/// The signals of the terminal then reach the program itself, not us.
fn become_program(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    format!("`{name}` cannot be started: {}", command.exec())
}
