//! Latencies in few bytes, and medians over runs.

use serde::{Deserialize, Serialize};

/// 16 steps per doubling: an answer is at most 6 % too high.
const STEPS: u32 = 16;

/// A histogram of microseconds with logarithmic steps; merges across processes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
}

impl Latencies {
    pub(crate) fn add_nanos(&mut self, nanos: u64) {
        let slot = slot_of(nanos / 1_000);
        if self.counts.len() <= slot {
            self.counts.resize(slot + 1, 0);
        }
        self.counts[slot] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// The upper edge of the step that holds the given share (0 to 1), in milliseconds.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let all: u64 = self.counts.iter().sum();
        let wanted = share * all as f64;
        let mut below = 0_u64;
        for (slot, count) in self.counts.iter().enumerate() {
            below += count;
            if *count > 0 && below as f64 >= wanted {
                return upper_micros(slot) as f64 / 1_000.0;
            }
        }
        0.0
    }
}

fn slot_of(micros: u64) -> usize {
    let steps = u64::from(STEPS);
    if micros < steps {
        return usize::try_from(micros).unwrap_or(0);
    }
    let shift = micros.ilog2() - STEPS.ilog2();
    let step = (micros >> shift) - steps;
    usize::try_from(u64::from(shift + 1) * steps + step).unwrap_or(usize::MAX)
}

fn upper_micros(slot: usize) -> u64 {
    let (slot, steps) = (slot as u64, u64::from(STEPS));
    if slot < steps {
        return slot + 1;
    }
    let shift = slot / steps - 1;
    (steps + slot % steps + 1) << shift
}

/// The middle of some runs, with the lowest and the highest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Median {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Median {
    /// `None` of nothing.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[half]
        } else {
            f64::midpoint(sorted[half - 1], sorted[half])
        };
        Some(Self { median, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_step() {
        let mut all = Latencies::default();
        for micros in 1..=10_000_u64 {
            all.add_nanos(micros * 1_000);
        }
        for (share, exact) in [(0.5, 5.0), (0.95, 9.5), (0.99, 9.9)] {
            let got = all.quantile_ms(share);
            assert!(got >= exact && got <= exact * 1.07, "{share}: {got}");
        }
        let mut twice = all.clone();
        twice.merge(&all);
        assert!((twice.quantile_ms(0.5) - all.quantile_ms(0.5)).abs() < 1e-9);
        assert!(Latencies::default().quantile_ms(0.5).abs() < 1e-9);
    }

    #[test]
    fn every_slot_ends_where_the_next_begins() {
        for micros in [0, 1, 15, 16, 17, 31, 32, 33, 1_000, 65_535, 65_536, 10_000_000] {
            let upper = upper_micros(slot_of(micros));
            assert!(upper > micros, "{micros}");
            assert_eq!(slot_of(upper), slot_of(micros) + 1, "{micros}");
        }
    }

    #[test]
    fn the_middle_of_three_and_of_two() {
        let three = Median::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((three.median, three.low, three.high), (2.0, 1.0, 3.0));
        assert!((Median::of(&[1.0, 2.0]).unwrap().median - 1.5).abs() < 1e-9);
        assert!(Median::of(&[]).is_none());
    }
}
