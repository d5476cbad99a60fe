//! Finding PostgreSQL's programs, the account to run them under, and the first `initdb`.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const ABSENT: &str = "is not on this machine. PostgreSQL's server programs are needed for tests: \
    `cargo xtask test` as root installs them, or type: sudo apt-get install -y postgresql";

/// The user of the private servers: trusted from 127.0.0.1, owner of everything in them.
pub(crate) const SUPERUSER: &str = "snug";

/// `name` from PATH, else from Debian's folder of server programs, newest version first.
///
/// # Panics
/// When it is nowhere, with the line that installs it.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(debian_folders());
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("`{name}` {ABSENT}"))
}

fn debian_folders() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// The account that PostgreSQL runs under: ours, or `postgres` when we are root (it refuses root).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account(Option<(u32, u32)>);

impl Account {
    pub(crate) fn find() -> Self {
        if number("id", &["-u"]) != 0 {
            return Self(None);
        }
        Self(Some((number("id", &["-u", "postgres"]), number("id", &["-g", "postgres"]))))
    }

    /// A command run under this account, in `folder`, speaking English so that we can read it.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C").env("TZ", "UTC");
        // A PGHOST or PGDATA of the developer's must not lead a test to their own server.
        for name in ["PGHOST", "PGPORT", "PGDATA", "PGUSER", "PGDATABASE", "PGOPTIONS"] {
            command.env_remove(name);
        }
        if let Some((uid, gid)) = self.0 {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn give(self, folder: &Path) {
        if let Some((uid, gid)) = self.0 {
            chown(folder, Some(uid), Some(gid)).expect("root may give a folder away");
        }
    }
}

fn number(program: &str, args: &[&str]) -> u32 {
    let output = Command::new(program).args(args).output().expect("`id` is on every system");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| {
        panic!("there is no account `postgres` to run PostgreSQL under; the account {ABSENT}")
    })
}

/// Makes an empty cluster in `folder`/data.
///
/// # Panics
/// When `initdb` fails, with what it said.
pub(crate) fn init(account: Account, folder: &Path) {
    account.give(folder);
    // --no-sync spares the copy of the empty template only; the server itself runs with fsync.
    let output = account
        .command(&program("initdb"), folder)
        .args(["--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8"])
        .args(["--locale=C", "--username", SUPERUSER, "--pgdata"])
        .arg(folder.join("data"))
        .output()
        .expect("initdb can be started");
    assert!(
        output.status.success(),
        "initdb failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
