//! Other systems' published clients: installed once into a folder that outlives a run, from the
//! package index that this machine is set up for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `tests/foreign/<path>` of the repository.
pub(crate) fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign").join(path)
}

/// A Python with these packages, in an environment of its own.
pub(crate) fn python(name: &str, packages: &[&str]) -> PathBuf {
    let folder = format!("{name}-{}", packages.join("-").replace(['=', '/', '<', '>'], "_"));
    let home = home();
    let folder = home.join(folder);
    let (python, done) = (folder.join("bin/python"), folder.join("installed"));
    if done.exists() {
        return python;
    }
    std::fs::create_dir_all(&home).expect("a folder for foreign clients");
    run(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
        "python3 with its venv module (Debian: python3-venv) is needed for other systems' clients",
    );
    run(
        Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages),
        "the package index could not be reached for other systems' clients",
    );
    std::fs::write(done, "").expect("the folder is writable");
    python
}

/// The folder `tests/foreign/<name>` with its packages installed as they are pinned.
pub(crate) fn node(name: &str) -> PathBuf {
    let folder = home().join(name);
    std::fs::create_dir_all(&folder).expect("a folder for foreign clients");
    for file in ["package.json", "package-lock.json", "run.mjs"] {
        std::fs::copy(script(name).join(file), folder.join(file))
            .expect("a runner's file is there");
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--prefer-offline"]).current_dir(&folder);
    run(&mut npm, "npm could not install other systems' clients");
    folder
}

/// Runs a client's script; what it said.
pub(crate) fn said(command: &mut Command, needed: &str) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{needed}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{needed}:\n{said}\n{errors}");
    said
}

fn home() -> PathBuf {
    std::env::var_os("SNUG_TEST_CACHE").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign"),
        |cache| PathBuf::from(cache).join("foreign"),
    )
}

fn run(command: &mut Command, needed: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{needed}: {error}"));
    assert!(output.status.success(), "{needed}: {}", String::from_utf8_lossy(&output.stderr));
}
