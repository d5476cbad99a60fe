//! Clients that misbehave, in a process of their own: what `badinput` sets beside a pair that
//! keeps chatting. They come back when they are closed, and count how they were.

mod crowd;

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::load::plan::Credentials;
use crowd::Crowd;

/// How they misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Connected, and without a token ever.
    Idle,
    /// With a token, and half a frame that never ends.
    Half,
    /// Frames that are no request, or one that must be refused; within the rate.
    Wrong,
    /// Frames beyond the bound.
    Oversize,
    /// Pings as fast as they go out.
    Flood,
    /// Asks for pages of history and reads none.
    Deaf,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Idle, Self::Half, Self::Wrong, Self::Oversize, Self::Flood, Self::Deaf];

    /// The codes that `docs/protocol.md` names for what they do.
    fn codes(self) -> &'static [u16] {
        match self {
            Self::Idle => &[4101],
            Self::Half => &[],
            Self::Wrong => &[4206],
            Self::Oversize => &[4207],
            Self::Flood => &[4208],
            Self::Deaf => &[4001, 4002],
        }
    }
}

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) to: Credentials,
    pub(crate) kind: Kind,
    pub(crate) connections: usize,
    pub(crate) patience_ms: u64,
}

/// The first line it prints, when so many are open at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) open: usize,
}

/// The second line, after it was told to end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The fewest that were open at one time since the first line.
    pub(crate) open_least: usize,
    pub(crate) connects: u64,
    pub(crate) frames: u64,
    /// Since the first line.
    pub(crate) connects_per_second: f64,
    pub(crate) frames_per_second: f64,
    /// How often each close code came; 0 is an end without one.
    pub(crate) closed: BTreeMap<u16, u64>,
}

impl Report {
    /// Takes in a further turn: what was done is summed, of what was held or reached the least
    /// stays.
    pub(crate) fn add(&mut self, turn: &Self) {
        if self.connects == 0 {
            *self = turn.clone();
            return;
        }
        self.open_least = self.open_least.min(turn.open_least);
        self.connects += turn.connects;
        self.frames += turn.frames;
        self.connects_per_second = self.connects_per_second.min(turn.connects_per_second);
        self.frames_per_second = self.frames_per_second.min(turn.frames_per_second);
        for (code, times) in &turn.closed {
            *self.closed.entry(*code).or_default() += times;
        }
    }

    /// Ends that the documents do not name.
    pub(crate) fn odd(&self, kind: Kind) -> BTreeMap<u16, u64> {
        // Without a code: the goodbye was lost in what the client was still writing.
        let odd =
            self.closed.iter().filter(|(code, _)| **code != 0 && !kind.codes().contains(code));
        odd.map(|(code, times)| (*code, *times)).collect()
    }
}

/// Reads a plan from standard input, misbehaves until a further line, reports.
pub(crate) fn run() -> io::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let plan: Plan = serde_json::from_str(&line)?;
    let end = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&end);
    std::thread::spawn(move || {
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line).is_ok_and(|n| n > 0) {
            ended.store(true, Ordering::Release);
        }
        crate::child::exit_with_parent_here();
    });
    let mut crowd = Crowd::new(plan)?;
    let open = crowd.gather()?;
    crate::out::line(&serde_json::to_string(&Open { open })?)?;
    while !end.load(Ordering::Acquire) {
        crowd.turn()?;
    }
    crate::out::line(&serde_json::to_string(&crowd.report())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_no_document_names_is_odd() {
        let closed = BTreeMap::from([(0, 3), (4101, 2), (4206, 1)]);
        let report = Report { closed, ..Report::default() };
        assert_eq!(report.odd(Kind::Idle), BTreeMap::from([(4206, 1)]));
        assert_eq!(report.odd(Kind::Wrong), BTreeMap::from([(4101, 2)]));
    }
}
