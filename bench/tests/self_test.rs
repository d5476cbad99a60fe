//! The generator against the floor, as processes: all is delivered by an honest floor, and each
//! fault that a bent one puts in is counted once, and nothing else.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_snug-bench"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Process {
    /// The end of standard input must be enough to end it.
    fn drop(&mut self) {
        drop(self.stdin.take());
        let ended = self.child.wait();
        assert!(std::thread::panicking() || ended.is_ok());
    }
}

/// The report of one generator on a floor started with `floor_args`.
fn drive(floor_args: &[&str], mut plan: Value) -> Value {
    let mut floor = Process::start(&[&["floor"], floor_args].concat());
    let port = floor.line()["port"].as_u64().unwrap();
    plan["address"] = json!(format!("127.0.0.1:{port}"));
    plan["target"] = json!("Floor");
    plan["first"] = json!(0);
    let mut load = Process::start(&["load"]);
    load.tell(&plan.to_string());
    assert_eq!(load.line()["connected"], plan["clients"]);
    load.tell("go");
    load.line()
}

fn paced() -> Value {
    json!({
        "clients": 12, "members": 4, "senders": 1, "drive": {"Pace": {"period_ms": 10}},
        "drive_ms": 400, "patience_ms": 1_000,
    })
}

fn faults(report: &Value) -> Vec<(String, u64)> {
    let faults = report["faults"].as_object().unwrap().iter();
    faults
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn one(name: &str) -> (String, u64) {
    (name.to_owned(), 1)
}

#[test]
fn an_honest_floor_delivers_everything_in_every_drive() {
    let pairs = json!({
        "clients": 20, "members": 2, "senders": 2, "drive": "PingPong",
        "drive_ms": 200, "patience_ms": 5_000,
    });
    let window = json!({
        "clients": 20, "members": 1, "senders": 1,
        "drive": {"Window": {"outstanding": 8, "rooms": 3}},
        "drive_ms": 200, "patience_ms": 5_000,
    });
    let folder = std::env::temp_dir();
    let log = folder.join(format!("snug-bench-self-test-{}", std::process::id()));
    let mut crowd = paced();
    crowd["patience_ms"] = json!(5_000);
    for (plan, per_send) in [(crowd, 4), (pairs, 2), (window, 1)] {
        for floor in [vec![], vec!["--log", log.to_str().unwrap()]] {
            let report = drive(&floor, plan.clone());
            assert_eq!(faults(&report), [], "{plan}");
            let sent = report["sent"].as_u64().unwrap();
            // How many is the machine's: a log whose disk stalls makes few in this time.
            assert!(sent > 0, "{report}");
            assert_eq!(report["deliveries"], sent * per_send);
        }
    }
    std::fs::remove_file(log).unwrap();
}

#[test]
fn a_loss_is_seen() {
    let report = drive(&["--bend", "lose"], paced());
    assert_eq!(faults(&report), [one("lost")]);
}

#[test]
fn a_double_is_seen() {
    let report = drive(&["--bend", "double"], paced());
    assert_eq!(faults(&report), [one("doubled")]);
}

#[test]
fn a_swap_is_seen() {
    let report = drive(&["--bend", "swap"], paced());
    assert_eq!(faults(&report), [one("order_differs"), one("out_of_order")]);
}
