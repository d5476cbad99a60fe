//! What the kernel knows: CPU seconds and memory of a process, and how busy the machine was with
//! others meanwhile. Everything is read from /proc, from outside the process measured.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use serde::Serialize;

/// CPU of some processes over a time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// The server's seconds, user and system.
    pub(crate) server: f64,
    /// The PostgreSQL processes' seconds.
    pub(crate) database: f64,
    pub(crate) seconds: f64,
    pub(crate) others: Others,
}

/// What took part of the machine meanwhile.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Others {
    /// Cores that neither the server, nor its database, nor the bench kept busy.
    pub(crate) rest_busy: f64,
    /// Cores that the hypervisor gave to other machines while this one wanted them.
    pub(crate) stolen: f64,
}

/// Begins when made.
#[derive(Debug)]
pub(crate) struct Meter {
    server: u32,
    begun: Instant,
    before: Reading,
}

impl Meter {
    pub(crate) fn begin(server: u32) -> Self {
        Self { server, begun: Instant::now(), before: Reading::take(server) }
    }

    pub(crate) fn end(self) -> Used {
        let after = Reading::take(self.server);
        let seconds = self.begun.elapsed().as_secs_f64();
        let (server, database) =
            (after.server - self.before.server, after.database - self.before.database);
        let bench = after.bench - self.before.bench;
        let rest = after.machine - self.before.machine - server - database - bench;
        let stolen = (after.stolen - self.before.stolen) / seconds;
        let others = Others { rest_busy: (rest / seconds).max(0.0), stolen };
        Used { server, database, seconds, others }
    }
}

/// Seconds of CPU since each began.
#[derive(Debug, Clone, Copy)]
struct Reading {
    server: f64,
    database: f64,
    bench: f64,
    machine: f64,
    stolen: f64,
}

impl Reading {
    fn take(server: u32) -> Self {
        let all = processes();
        let (mut database, mut bench) = (0.0, 0.0);
        for process in all.values() {
            if process.pid == server || !descends(process.pid, std::process::id(), &all) {
                continue;
            }
            if process.name == "postgres" {
                database += process.cpu + process.cpu_of_ended;
            } else {
                bench += process.cpu;
            }
        }
        Self {
            server: all.get(&server).map_or(0.0, |p| p.cpu),
            database,
            bench,
            machine: machine_cpu(),
            stolen: stolen_cpu(),
        }
    }
}

#[derive(Debug)]
struct Process {
    pid: u32,
    parent: u32,
    name: String,
    cpu: f64,
    /// Of children that ended and were waited for.
    cpu_of_ended: f64,
}

fn processes() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, read_process(pid)?)))
        .collect()
}

fn read_process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &stat)
}

/// The fields of proc(5); the name stands in brackets and may itself hold anything.
fn parse_stat(pid: u32, stat: &str) -> Option<Process> {
    let (front, fields) = stat.rsplit_once(')')?;
    let (_, name) = front.split_once('(')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |from: usize| -> Option<f64> {
        let user: f64 = fields.get(from)?.parse().ok()?;
        let system: f64 = fields.get(from + 1)?.parse().ok()?;
        Some((user + system) / ticks_per_second())
    };
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        name: name.to_owned(),
        cpu: ticks(11)?,
        cpu_of_ended: ticks(13)?,
    })
}

fn descends(pid: u32, from: u32, all: &HashMap<u32, Process>) -> bool {
    let mut pid = pid;
    while pid > 1 {
        if pid == from {
            return true;
        }
        pid = all.get(&pid).map_or(0, |process| process.parent);
    }
    false
}

fn machine_cpu() -> f64 {
    let ticks = machine_ticks();
    // user nice system idle iowait irq softirq; guests are counted in user already.
    let busy: f64 = ticks.iter().take(7).sum();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    (busy - idle) / ticks_per_second()
}

fn stolen_cpu() -> f64 {
    machine_ticks().get(7).copied().unwrap_or_default() / ticks_per_second()
}

/// The machine's first line of `/proc/stat`, in its order.
fn machine_ticks() -> Vec<f64> {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect()
}

fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Resident memory in bytes: all of it in user space, and the part that no file backs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    pub(crate) all: f64,
    pub(crate) anonymous: f64,
}

pub(crate) fn resident(pid: u32) -> Option<Resident> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1_024.0)
    };
    Some(Resident { all: field("VmRSS:")?, anonymous: field("RssAnon:")? })
}

/// Memory once it no longer moves (0.2 % over two seconds), or after `patience`.
pub(crate) fn settled(pid: u32, patience: Duration) -> Option<Resident> {
    const STILL: f64 = 0.002;
    let begun = Instant::now();
    let mut last = resident(pid)?;
    loop {
        std::thread::sleep(Duration::from_secs(2).min(patience));
        let now = resident(pid)?;
        if (now.all - last.all).abs() <= last.all * STILL || begun.elapsed() >= patience {
            return Some(now);
        }
        last = now;
    }
}

/// Where the figures come from.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) cpu: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| -> String {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map_or_else(String::new, |(_, v)| v.trim().to_owned())
        };
        let kib: f64 = value(&read("/proc/meminfo"), "MemTotal")
            .split_whitespace()
            .next()
            .and_then(|kib| kib.parse().ok())
            .unwrap_or(0.0);
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: (kib / 1_024.0 / 1_024.0 * 10.0).round() / 10.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cpu: value(&read("/proc/cpuinfo"), "model name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 7 1 1 0 -1 0 0 0 0 0 150 50 30 20 20 0";
        let process = parse_stat(42, stat).unwrap();
        let hz = ticks_per_second();
        assert_eq!((process.parent, process.name.as_str()), (7, "a) b (c"));
        assert!((process.cpu - 200.0 / hz).abs() < 1e-9);
        assert!((process.cpu_of_ended - 50.0 / hz).abs() < 1e-9);
    }

    #[test]
    fn what_a_process_uses_is_seen_from_outside() {
        let meter = Meter::begin(std::process::id());
        let before = Reading::take(std::process::id()).server;
        let mut spun = 0_u64;
        // Others may hold the cores: what counts is what we were given.
        while Reading::take(std::process::id()).server < before + 0.1 {
            (0..1_000_000).for_each(|_| spun = std::hint::black_box(spun + 1));
        }
        let used = meter.end();
        assert!(used.server >= 0.1, "{used:?}");
        assert!(resident(std::process::id()).unwrap().all > 1e6);
    }
}
