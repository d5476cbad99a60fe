//! Where the repository and its built files are, and how programs are run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say::say;

/// The checkout that a task works on.
#[derive(Debug, Clone)]
pub struct Repo {
    /// The folder with the workspace's manifest.
    pub root: PathBuf,
    /// Where cargo puts what it builds, by whatever setting.
    pub target: PathBuf,
}

impl Repo {
    /// The checkout that this program was built from.
    ///
    /// # Errors
    /// When the program was moved away from where cargo built it.
    pub fn find() -> Result<Self, String> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().ok_or("xtask stands in no repository")?.to_owned();
        let me = std::env::current_exe().map_err(|e| format!("where am I? {e}"))?;
        // <target>/<profile>/xtask: true for every setting of the target folder there is.
        let target = me.ancestors().nth(2).ok_or("xtask was not built by cargo")?.to_owned();
        Ok(Self { root, target })
    }

    /// The web workspace.
    #[must_use]
    pub fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// A built program of the workspace; `profile` is a folder under the target.
    #[must_use]
    pub fn built(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// Cargo, in the root.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        // What cargo told us about ourselves is not true of what it builds next.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name.as_ref());
            }
        }
        command
    }

    /// npm, in the web workspace.
    #[must_use]
    pub fn npm(&self) -> Command {
        let mut command = Command::new("npm");
        command.current_dir(self.web()).env("npm_config_update_notifier", "false");
        command.env("npm_config_fund", "false").env("npm_config_audit", "false");
        command
    }

    /// Whether the web workspace defines an npm script of this name.
    #[must_use]
    pub fn has_script(&self, name: &str) -> bool {
        let manifest = std::fs::read_to_string(self.web().join("package.json"));
        manifest.is_ok_and(|text| defines_script(&text, name))
    }
}

fn defines_script(manifest: &str, name: &str) -> bool {
    let scripts = manifest.split_once("\"scripts\"").map_or("", |(_, rest)| rest);
    let scripts = scripts.split_once('}').map_or("", |(block, _)| block);
    scripts.contains(&format!("\"{name}\":"))
}

/// Runs a command, showing it first; its output goes to the terminal.
///
/// # Errors
/// When it cannot be started or fails, as a sentence.
pub fn run(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    say(&format!("$ {shown}"));
    let status = command.status().map_err(|e| format!("`{shown}` cannot be started: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// Whether a command can be started and succeeds; nothing is shown.
#[must_use]
pub fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A program's path, when it is in PATH.
#[must_use]
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The commit that is checked out, with its day.
///
/// # Errors
/// When git cannot be started.
pub fn commit(repo: &Repo) -> Result<String, String> {
    let mut git = Command::new("git");
    git.current_dir(&repo.root).args(["log", "-1", "--format=%h of %cs"]);
    let output = git.output().map_err(|e| format!("git cannot be started: {e}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::defines_script;

    #[test]
    fn scripts_are_told_from_other_keys() {
        let manifest = "{\"name\": \"x\", \"scripts\": {\"gen\": \"x\"}, \"size\": 1}";
        assert!(defines_script(manifest, "gen"));
        assert!(!defines_script(manifest, "size"));
        assert!(!defines_script(manifest, "name"));
    }
}
