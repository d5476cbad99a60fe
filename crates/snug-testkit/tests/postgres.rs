//! The private PostgreSQL: it starts, keeps what was committed through a kill, and goes away.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use snug_testkit::PgServer;

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--dbname", url, "--command", sql])
        .output()
        .expect("psql can be started");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_commit_outlives_a_kill_and_the_files_go_with_the_server() {
    let mut server = PgServer::start();
    assert_eq!(psql(server.url(), "SHOW fsync").unwrap(), "on");
    let folder = PathBuf::from(psql(server.url(), "SHOW data_directory").unwrap());
    let url = server.create_database();
    psql(&url, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)").unwrap();

    server.kill();
    assert!(psql(&url, "SELECT 1").is_err(), "killed means gone");
    server.restart();
    assert_eq!(psql(&url, "SELECT n FROM t").unwrap(), "7");

    server.stop();
    assert!(psql(&url, "SELECT 1").is_err(), "stopped means gone");
    server.restart();
    assert_eq!(psql(&url, "SELECT n FROM t").unwrap(), "7");

    drop(server);
    assert!(!folder.exists(), "the files are gone with the server");
    assert!(psql(&url, "SELECT 1").is_err());
}

#[test]
fn databases_of_the_shared_server_are_apart() {
    let server = PgServer::shared();
    let (a, b) = (server.create_database(), server.create_database());
    assert_ne!(a, b);
    psql(&a, "CREATE TABLE only_in_a ()").unwrap();
    assert!(psql(&b, "SELECT * FROM only_in_a").is_err());
    server.drop_database(&a);
    assert!(psql(&a, "SELECT 1").is_err());
    server.drop_database(&b);
}

#[test]
fn a_server_dies_with_the_process_that_started_it() {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_snug-test-pg"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();
    let data = PathBuf::from(psql(url, "SHOW data_directory").unwrap());

    holder.kill().unwrap();
    holder.wait().unwrap();

    assert!(goes_away(data.parent().unwrap()), "the files stay behind");
    assert!(psql(url, "SELECT 1").is_err(), "the server stays behind");
}

/// Nobody tells us when somebody else's folder goes: look until it does, within a bound.
fn goes_away(folder: &Path) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if !folder.exists() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
