//! The load generator: thousands of clients in one thread, each a few dozen bytes while idle.
//! It judges what it receives and measures latency; CPU and memory of the server are read by the
//! suite, from outside.

mod drive;
mod fleet;
pub(crate) mod plan;

use std::io::{self, BufRead, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fleet::Fleet;
use plan::{Drive, Plan};

/// Reads a plan from standard input, connects, waits for a further line, drives, reports, and
/// holds its connections until standard input ends.
pub(crate) fn run() -> io::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let plan: Plan = serde_json::from_str(&line).map_err(|e| wrong(&e.to_string()))?;
    let go = go_line();
    let drive = plan.drive;
    let (mut fleet, connected) = Fleet::connect(plan)?;
    print(&connected)?;
    let mut heard = Vec::new();
    while !go.load(Ordering::Acquire) {
        // Pings must be answered while we wait.
        fleet.turn(Duration::from_millis(20), &mut heard)?;
        heard.clear();
    }
    if matches!(drive, Drive::Hold) {
        return hold(&mut fleet);
    }
    let report = drive::run(&mut fleet)?;
    print(&report)?;
    hold(&mut fleet)
}

/// Stays connected; the end of standard input ends the process.
fn hold(fleet: &mut Fleet) -> io::Result<()> {
    let mut heard = Vec::new();
    loop {
        fleet.turn(Duration::from_millis(500), &mut heard)?;
        heard.clear();
    }
}

fn go_line() -> Arc<AtomicBool> {
    let go = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&go);
    std::thread::spawn(move || {
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line).is_ok_and(|n| n > 0) {
            set.store(true, Ordering::Release);
        }
        crate::child::exit_with_parent_here();
    });
    go
}

fn print(value: &impl serde::Serialize) -> io::Result<()> {
    crate::out::line(&serde_json::to_string(value)?)
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, text.to_owned())
}
