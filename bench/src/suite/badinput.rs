//! Bad input: pairs keep chatting while others misbehave. For each kind: the pairs alone, then the
//! same beside it, in one process of the server; the ratio of the two p99 is the figure.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::fleets::Fleets;
use super::{Outline, Suite};
use crate::abuse::{self, Kind};
use crate::child::Running;
use crate::load::plan::{Credentials, Drive, Names, Plan, Report, RoomNames, Target};
use crate::machine::Meter;
use crate::preload::Wanted;
use crate::report::{Sample, Table};
use crate::stage::{Contender, Stage};

/// What the issue asks for.
const AIM: f64 = 1.5;
const PAIRS: u32 = 10;
const PERIOD_MS: u64 = 50;
const PATIENCE_MS: u64 = 60_000;
/// Cores that the host may take in a window that says something of who misbehaves. What else runs
/// here is no reason: the kernel's work for sockets is counted there.
const STOLEN_MAX: f64 = 0.02;
const PRELOAD_LIMIT: Duration = Duration::from_secs(60);

struct Sizes {
    idle: usize,
    others: usize,
    /// So long that a stall of the database's own, when it cleans up once in a minute, does not
    /// decide a window's p99.
    window_ms: u64,
    turns: u32,
    /// Windows of a kind that are tried again.
    spare: u32,
}

pub(super) fn run(suite: &Suite) -> Table {
    let sizes = suite.size(
        Sizes { idle: 10_000, others: 20, window_ms: 20_000, turns: 3, spare: 10 },
        Sizes { idle: 1_000, others: 20, window_ms: 2_000, turns: 1, spare: 0 },
    );
    let outline = Outline {
        name: "Bad input".to_owned(),
        note: format!(
            "{PAIRS} pairs chat, a message every {PERIOD_MS} ms each, {} s alone and {} s beside \
             each kind of bad input, {} times by turns (a window in which the host took more than \
             {} cores is put aside and tried again, up to {} of a kind): {} connections without a token at any time \
             (each closed after some time and opened again), {} with half a frame, with wrong frames, \
             with frames over the bound, flooding, not reading. Ratios of the pairs' p99, the \
             median of the windows, to that of the quiet windows between; the aim is {AIM}. Who misbehaves \
             runs on the same cores, behind everything else.",
            sizes.window_ms / 1_000,
            sizes.window_ms / 1_000,
            sizes.turns,
            STOLEN_MAX,
            sizes.spare,
            sizes.idle,
            sizes.others,
        ),
        headline: "quiet p99 ms",
        against: Contender::Floor,
    };
    let prepare = |contender| {
        let names = Names { prefix: "b".to_owned(), rooms: RoomNames::Direct };
        let stage = Stage::set(&suite.hall, contender, names)?;
        let pairs = (0..PAIRS).map(|room| Wanted::Direct { a: room * 2, b: room * 2 + 1 });
        stage.with_store(PRELOAD_LIMIT, async |preload| preload.rooms(pairs, false).await)?;
        Ok((stage, ()))
    };
    suite.measure(outline, &suite.contenders(&[]), prepare, |stage, ()| {
        sample(stage, &sizes, &suite.kinds)
    })
}

/// The figures' names: the ratio, the p99 beside it, and what was done meanwhile.
fn names(kind: Kind) -> [&'static str; 4] {
    match kind {
        Kind::Idle => [
            "without a token, x",
            "without a token, ms",
            "without a token, connects/s",
            "without a token, frames/s",
        ],
        Kind::Half => [
            "half a frame, x",
            "half a frame, ms",
            "half a frame, connects/s",
            "half a frame, frames/s",
        ],
        Kind::Wrong => [
            "wrong frames, x",
            "wrong frames, ms",
            "wrong frames, connects/s",
            "wrong frames, frames/s",
        ],
        Kind::Oversize => {
            ["too large, x", "too large, ms", "too large, connects/s", "too large, frames/s"]
        }
        Kind::Flood => ["flood, x", "flood, ms", "flood, connects/s", "flood, frames/s"],
        Kind::Deaf => [
            "not reading, x",
            "not reading, ms",
            "not reading, connects/s",
            "not reading, frames/s",
        ],
    }
}

/// A server, its pairs and those who misbehave.
struct Scene<'a> {
    address: SocketAddr,
    to: Credentials,
    sizes: &'a Sizes,
    server: u32,
    windows: Cell<u32>,
}

/// What the pairs saw, and the cores that the host took meanwhile.
struct Window {
    report: Report,
    stolen: f64,
}

fn sample(stage: &Stage<'_>, sizes: &Sizes, kinds: &[Kind]) -> io::Result<Sample> {
    let stand = stage.open()?;
    let Target::Snug(to) = stage.target(true) else {
        return Err(io::Error::other("a floor has no rules to break"));
    };
    let scene =
        Scene { address: stand.address, to, sizes, server: stand.pid(), windows: Cell::new(0) };
    let meter = Meter::begin(stand.pid());
    let mut sample = Sample::default();
    let mut quiet_worst: f64 = 0.0;
    for &kind in kinds {
        let Windows { quiet, loud, bad, aside } = scene.windows(kind, &mut sample)?;
        for (code, times) in bad.odd(kind) {
            sample.faults.refused += times;
            sample.complaints.insert(format!("{kind:?}: closed with {code}"), times);
        }
        crate::out::note(&format!(
            "  {kind:?}: windows {quiet:.2?}, beside it {loud:.2?}, put aside {aside}"
        ));
        let (quiet, loud) = (median(quiet), median(loud));
        let ratio = loud / quiet.max(f64::MIN_POSITIVE);
        let figures = [ratio, loud, bad.connects_per_second, bad.frames_per_second];
        sample.figures.extend(names(kind).into_iter().zip(figures));
        *sample.figures.entry("windows put aside").or_default() += f64::from(aside);
        quiet_worst = quiet_worst.max(quiet);
        if kind == Kind::Idle {
            sample.figures.insert("open without a token, least", bad.open_least as f64);
        }
        let verdict = if loud <= quiet * AIM { "within" } else { "over" };
        crate::out::note(&format!(
            "  {kind:?}: p99 {quiet:.2} ms, then {loud:.2} ms, {verdict} {AIM}; {bad:?}"
        ));
    }
    sample.figures.insert("quiet p99 ms", quiet_worst);
    sample.others = meter.end().others;
    Ok(sample)
}

/// The p99 of each window of a kind, in milliseconds.
#[derive(Default)]
struct Windows {
    quiet: Vec<f64>,
    loud: Vec<f64>,
    bad: abuse::Report,
    aside: u32,
}

impl Scene<'_> {
    /// By turns, so that a mood of the machine's falls on both.
    fn windows(&self, kind: Kind, sample: &mut Sample) -> io::Result<Windows> {
        let mut all = Windows::default();
        let mut counts = |window: Window, aside: &mut u32| {
            add(sample, &window.report);
            let again = window.stolen > STOLEN_MAX && *aside < self.sizes.spare;
            *aside += u32::from(again);
            (!again).then(|| window.report.latencies.quantile_ms(0.99))
        };
        for _ in 0..self.sizes.turns {
            all.quiet.push(loop {
                if let Some(p99) = counts(self.chat(|| Ok(()))?, &mut all.aside) {
                    break p99;
                }
            });
            all.loud.push(loop {
                let (window, was) = self.chat_beside(kind)?;
                all.bad.add(&was);
                if let Some(p99) = counts(window, &mut all.aside) {
                    break p99;
                }
            });
        }
        Ok(all)
    }

    /// The pairs chat for a window, which begins when `then` returns.
    fn chat(&self, then: impl FnOnce() -> io::Result<()>) -> io::Result<Window> {
        // No two windows send the same message.
        self.windows.set(self.windows.get() + 1);
        let run = format!("{}w{}", self.to.run, self.windows.get());
        let mut fleets = Fleets::connect(&Plan {
            address: self.address,
            target: Target::Snug(Credentials { run, ..self.to.clone() }),
            first: 0,
            clients: PAIRS * 2,
            members: 2,
            senders: 2,
            drive: Drive::Pace { period_ms: PERIOD_MS },
            drive_ms: self.sizes.window_ms,
            patience_ms: PATIENCE_MS,
        })?;
        then()?;
        let meter = Meter::begin(self.server);
        let report = fleets.drive()?;
        Ok(Window { report, stolen: meter.end().others.stolen })
    }

    fn chat_beside(&self, kind: Kind) -> io::Result<(Window, abuse::Report)> {
        let sizes = self.sizes;
        let plan = abuse::Plan {
            address: self.address,
            to: self.to.clone(),
            kind,
            connections: if kind == Kind::Idle { sizes.idle } else { sizes.others },
            patience_ms: PATIENCE_MS,
        };
        let patience = Duration::from_millis(PATIENCE_MS);
        let mut bad = Running::start_self_behind("abuse", &["abuse"])?;
        bad.tell(&serde_json::to_string(&plan)?)?;
        let loud = self.chat(|| bad.answer(patience).map(|abuse::Open { .. }| ()))?;
        bad.tell("end")?;
        Ok((loud, bad.answer(patience)?))
    }
}

/// Of the windows: one in which the disk stood still says nothing of who misbehaves.
fn median(mut windows: Vec<f64>) -> f64 {
    windows.sort_by(f64::total_cmp);
    windows.get(windows.len() / 2).copied().unwrap_or(0.0)
}

fn add(sample: &mut Sample, report: &Report) {
    sample.faults.add(&report.faults);
    for (said, times) in &report.complaints {
        *sample.complaints.entry(said.clone()).or_default() += times;
    }
}
