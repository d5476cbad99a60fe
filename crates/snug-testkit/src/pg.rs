//! A private PostgreSQL server in a temporary folder.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::kept::Kept;
use crate::pg_setup::{Account, SUPERUSER, init, program};
use crate::port::free_port;
use crate::temp::{TempDir, random, temp_dir_in};

/// Names a server that outlives this process; `cargo xtask test` sets it to one it started.
const SHARED_URL: &str = "SNUG_TEST_PG_URL";
const READY: &str = "database system is ready to accept connections";

/// A PostgreSQL server: one that this process started, or the one of `SNUG_TEST_PG_URL`.
///
/// It runs with PostgreSQL's own defaults for durability (`fsync` on), listens on 127.0.0.1 and
/// is gone, with its files, when this value is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct PgServer {
    url: String,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    account: Account,
    /// Before the folder: it ends first.
    running: Option<Kept>,
    folder: TempDir,
    port: u16,
}

impl PgServer {
    /// Starts a server of its own on a free port and waits until it accepts connections.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start, with the reason.
    #[must_use]
    pub fn start() -> Self {
        Self::start_in(&std::env::temp_dir())
    }

    /// The same with its files below `root`, which everybody may write to.
    ///
    /// # Panics
    /// As `start`.
    #[must_use]
    pub fn start_in(root: &Path) -> Self {
        let account = Account::find();
        let folder = temp_dir_in(root);
        init(account, folder.path());
        let mut own = Own { account, folder, port: 0, running: None };
        let mut said = String::new();
        // Somebody may take the port between our look and the server's bind.
        for _ in 0..5 {
            own.port = free_port();
            match own.run() {
                Ok(()) => {
                    let url = format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", own.port);
                    return Self { url, own: Some(own) };
                }
                Err(log) => said = log,
            }
        }
        panic!("PostgreSQL did not start: {said}");
    }

    /// The server that all tests of this process share, or of the whole run when
    /// `SNUG_TEST_PG_URL` names one.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PgServer> = OnceLock::new();
        SHARED.get_or_init(|| {
            #[expect(clippy::disallowed_methods, reason = "tests have no config to read it from")]
            let given = std::env::var(SHARED_URL).ok().filter(|url| !url.is_empty());
            match given {
                Some(url) => Self { url, own: None },
                None => Self::start(),
            }
        })
    }

    /// Where the server is; names the maintenance database `postgres` on a server of our own.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes an empty database with a name of its own and returns its URL.
    ///
    /// # Panics
    /// When the server refuses, with what it said.
    #[must_use]
    pub fn create_database(&self) -> String {
        let name = format!("t{}_{:012x}", std::process::id(), random() >> 16);
        self.execute(&format!("CREATE DATABASE {name}"));
        with_database(&self.url, &name)
    }

    /// Drops a database that `create_database` made, closing whatever is connected to it.
    ///
    /// # Panics
    /// When the server refuses, with what it said.
    pub fn drop_database(&self, url: &str) {
        let name = database_of(url);
        self.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// Stops the server in order: sessions are cut, everything is written out.
    ///
    /// # Panics
    /// When the server is not one that this value started.
    pub fn stop(&mut self) {
        self.own().end("INT");
    }

    /// Kills every process of the server at once with SIGKILL, as a power cut would.
    ///
    /// # Panics
    /// When the server is not one that this value started.
    pub fn kill(&mut self) {
        self.own().end("KILL");
    }

    /// Starts the server again on the same port and files, killing it first if it still runs.
    ///
    /// # Panics
    /// When the server does not come back, with what it said, or is not one that we started.
    pub fn restart(&mut self) {
        let own = self.own();
        own.end("KILL");
        if let Err(log) = own.run() {
            panic!("PostgreSQL did not start again: {log}");
        }
    }

    fn own(&mut self) -> &mut Own {
        self.own.as_mut().expect("a server given by SNUG_TEST_PG_URL is not ours to stop")
    }

    fn execute(&self, sql: &str) {
        let output = Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-password"])
            .args(["--dbname", &self.url, "--command", sql])
            .stdin(Stdio::null())
            .output()
            .expect("psql can be started");
        assert!(
            output.status.success(),
            "`{sql}` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Own {
    /// Runs the server until it says that it is ready, or returns the end of its log.
    fn run(&mut self) -> Result<(), String> {
        let folder = self.folder.path();
        let shell = self.account.command("/bin/sh".as_ref(), folder);
        let kept = Kept::start(shell, READY, |server| {
            server
                .arg(program("postgres"))
                .arg("-D")
                .arg(folder.join("data"))
                .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-N", "400", "-k"])
                .arg(folder)
                .args(["-c", "lc_messages=C", "-c", "log_min_messages=warning"]);
        });
        self.running = Some(kept?);
        Ok(())
    }

    /// Sends `signal`, waits until the last process of the server is gone.
    fn end(&mut self, signal: &str) {
        let others =
            if signal == "KILL" { self.pid().map_or_else(Vec::new, children) } else { Vec::new() };
        if let Some(running) = self.running.take() {
            running.end(signal, &others);
        }
    }

    /// The server's first process, as it wrote it down itself.
    fn pid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

/// The processes whose parent is `parent`; none where there is no /proc, then they end by
/// themselves when they see that their parent is gone.
fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter(is_child)
        .collect()
}

fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(a, q)| (a, Some(q)));
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let end = address[after_scheme..].find('/').map_or(address.len(), |at| after_scheme + at);
    let query = query.map(|q| format!("?{q}")).unwrap_or_default();
    format!("{}/{name}{query}", &address[..end])
}

fn database_of(url: &str) -> &str {
    let address = url.split('?').next().unwrap_or(url);
    address.rsplit('/').next().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::{database_of, with_database};

    #[test]
    fn the_database_of_a_url_is_replaced() {
        let got = with_database("postgres://u:p@h:1/postgres?sslmode=disable", "t1");
        assert_eq!(got, "postgres://u:p@h:1/t1?sslmode=disable");
        assert_eq!(database_of(&got), "t1");
        assert_eq!(with_database("postgres://u@h", "t2"), "postgres://u@h/t2");
    }
}
