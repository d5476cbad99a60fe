//! `gen`: the files that are derived from the code and committed, so that a change of a promise
//! is seen in review.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use snug_testkit::temp_dir;

use crate::repo::{Repo, run};
use crate::run::install_web;

const MEND: &str = "cargo xtask gen";

/// Builds the server and writes the derived files, or with `check` compares them.
///
/// # Errors
/// When the generator fails or, with `check`, with one line for every stale file.
pub fn generate(repo: &Repo, check: bool) -> Result<(), String> {
    run(repo.cargo().args(["build", "--package", "snug-server", "--bin", "snug"]))?;
    derive(repo, check)
}

/// As `generate`, by the server that is built already.
///
/// # Errors
/// As `generate`.
pub fn derive(repo: &Repo, check: bool) -> Result<(), String> {
    let fresh = temp_dir();
    let snug = repo.built("debug", "snug");
    run(Command::new(&snug).current_dir(&repo.root).args(["gen", "--out"]).arg(fresh.path()))
        .map_err(|e| format!("{e}: `snug gen --out <folder>` writes the derived files of api/"))?;
    let api = repo.root.join("api");
    if check {
        let stale = stale(fresh.path(), &api)?;
        if !stale.is_empty() {
            return Err(format!("stale: {}. Type `{MEND}` and commit it", stale.join(", ")));
        }
    } else {
        replace(fresh.path(), &api)?;
    }
    if repo.has_script("gen") {
        install_web(repo)?;
        let check: &[&str] = if check { &["--", "--check"] } else { &[] };
        run(repo.npm().args(["run", "gen"]).args(check))
            .map_err(|e| format!("{e}. Type `{MEND}` and commit it"))?;
    }
    Ok(())
}

/// The files whose committed form in `api` differs from what was made in `fresh`.
///
/// # Errors
/// When the generator made nothing, or a folder cannot be read.
pub fn stale(fresh: &Path, api: &Path) -> Result<Vec<String>, String> {
    let made = derived(fresh)?;
    if made.is_empty() {
        return Err("`snug gen` succeeded and wrote nothing".to_owned());
    }
    let all = made.union(&derived(api)?).cloned().collect::<BTreeSet<_>>();
    let differs =
        |name: &String| std::fs::read(fresh.join(name)).ok() != std::fs::read(api.join(name)).ok();
    Ok(all.into_iter().filter(differs).map(|name| format!("api/{name}")).collect())
}

/// Makes `api` hold what `fresh` holds; what nothing generates any more is removed.
fn replace(fresh: &Path, api: &Path) -> Result<(), String> {
    for path in stale(fresh, api)? {
        let name = path.trim_start_matches("api/");
        let result = if fresh.join(name).exists() {
            std::fs::copy(fresh.join(name), api.join(name)).map(|_| ())
        } else {
            std::fs::remove_file(api.join(name))
        };
        result.map_err(|e| format!("{path}: {e}"))?;
        crate::say::say(&format!("wrote {path}"));
    }
    Ok(())
}

/// The derived files stand directly in the folder; its folders hold what is written by hand.
fn derived(folder: &Path) -> Result<BTreeSet<String>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let names = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    let is_derived = |name: &String| name.rsplit('.').next() == Some("json");
    Ok(names.filter(is_derived).collect())
}

#[cfg(test)]
mod tests {
    use super::{replace, stale};
    use snug_testkit::temp_dir;

    #[test]
    fn what_differs_is_stale_until_it_is_replaced() {
        let (fresh, api) = (temp_dir(), temp_dir());
        assert!(stale(fresh.path(), api.path()).is_err(), "nothing was made");
        for (name, text) in [("same.json", "1"), ("changed.json", "2"), ("new.json", "3")] {
            std::fs::write(fresh.join(name), text).unwrap();
        }
        for (name, text) in [("same.json", "1"), ("changed.json", "1"), ("gone.json", "4")] {
            std::fs::write(api.join(name), text).unwrap();
        }
        std::fs::write(api.join("README.md"), "by hand").unwrap();

        let want = ["api/changed.json", "api/gone.json", "api/new.json"];
        assert_eq!(stale(fresh.path(), api.path()).unwrap(), want);
        replace(fresh.path(), api.path()).unwrap();
        assert_eq!(stale(fresh.path(), api.path()).unwrap(), Vec::<String>::new());
        assert!(api.join("README.md").exists());
    }
}
