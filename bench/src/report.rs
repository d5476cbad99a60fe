//! What was measured, as JSON for machines and as tables for people. Figures only: no judgement
//! whether a target is met.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::unix_seconds;
use crate::machine::Machine;
use crate::machine::Others;
use crate::spread::Median;
use crate::tally::Faults;

/// One run of one contender.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Sample {
    pub(crate) figures: BTreeMap<&'static str, f64>,
    pub(crate) faults: Faults,
    pub(crate) complaints: BTreeMap<String, u64>,
    #[serde(flatten)]
    pub(crate) others: Others,
}

/// All runs of one contender in a scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) contender: &'static str,
    pub(crate) samples: Vec<Sample>,
    /// Why a run could not be made.
    pub(crate) errors: Vec<String>,
}

/// A scenario's table.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// Sizes, and what was cut short.
    pub(crate) note: String,
    /// The figure whose ratio to the floor is formed.
    pub(crate) headline: &'static str,
    /// The contender that ratios are formed against.
    pub(crate) against: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// The whole of a suite's run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) at: String,
    pub(crate) commit: String,
    pub(crate) quick: bool,
    pub(crate) machine: Machine,
    pub(crate) tables: Vec<Table>,
}

impl Entry {
    pub(crate) fn faults(&self) -> Faults {
        let mut all = Faults::default();
        for sample in &self.samples {
            all.add(&sample.faults);
        }
        all
    }

    /// What went wrong, in words; empty when nothing did.
    fn troubles(&self) -> String {
        let mut text = String::new();
        for error in &self.errors {
            text.push_str(&format!("\n{} failed: {error}\n", self.contender));
        }
        if self.faults().sum() > 0 {
            text.push_str(&format!("\n{}: {:?}\n", self.contender, self.faults()));
        }
        for (said, times) in self.samples.iter().flat_map(|s| &s.complaints) {
            text.push_str(&format!("\n{} said {times} times: `{said}`\n", self.contender));
        }
        text
    }

    fn median(&self, figure: &str) -> Option<Median> {
        let values = self.samples.iter().filter_map(|s| s.figures.get(figure));
        Median::of(&values.copied().collect::<Vec<_>>())
    }

    /// Run by run, since only what ran side by side may be divided.
    fn ratio(&self, to: &Self, figure: &str) -> Option<Median> {
        let pairs = self.samples.iter().zip(&to.samples);
        let ratios: Vec<f64> = pairs
            .filter_map(|(mine, floor)| {
                let (mine, floor) = (mine.figures.get(figure)?, floor.figures.get(figure)?);
                (*floor > 0.0).then(|| mine / floor)
            })
            .collect();
        Median::of(&ratios)
    }
}

impl Table {
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n", self.name, self.note);
        let mut figures: Vec<&str> = Vec::new();
        for sample in self.entries.iter().flat_map(|entry| &entry.samples) {
            for figure in sample.figures.keys() {
                if !figures.contains(figure) {
                    figures.push(figure);
                }
            }
        }
        figures.sort_by_key(|figure| (*figure != self.headline, *figure));
        let floor = self.entries.iter().find(|e| e.contender == self.against);
        let mut head = vec!["".to_owned()];
        head.extend(figures.iter().map(|figure| (*figure).to_owned()));
        head.push(format!("{} / {}", self.headline, self.against));
        head.extend(["faults", "rest busy, cores", "stolen, cores"].map(str::to_owned));
        row(&mut text, &head);
        row(&mut text, &vec!["---".to_owned(); head.len()]);
        for entry in &self.entries {
            let mut cells = vec![entry.contender.to_owned()];
            cells.extend(figures.iter().map(|f| show(entry.median(f))));
            cells.push(show(floor.and_then(|f| entry.ratio(f, self.headline))));
            cells.push(entry.faults().sum().to_string());
            for of in [|o: &Others| o.rest_busy, |o: &Others| o.stolen] {
                let all: Vec<f64> = entry.samples.iter().map(|s| of(&s.others)).collect();
                cells.push(show(Median::of(&all)));
            }
            row(&mut text, &cells);
        }
        for entry in &self.entries {
            text.push_str(&entry.troubles());
        }
        text
    }
}

fn row(text: &mut String, cells: &[String]) {
    text.push_str(&format!("| {} |\n", cells.join(" | ")));
}

/// `median (low to high)` with three figures that count.
fn show(median: Option<Median>) -> String {
    let Some(Median { median, low, high }) = median else {
        return "–".to_owned();
    };
    if (high - low).abs() < f64::EPSILON {
        return figure(median);
    }
    format!("{} ({} to {})", figure(median), figure(low), figure(high))
}

fn figure(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 || size == 0.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

impl Results {
    pub(crate) fn new(quick: bool, tables: Vec<Table>) -> Self {
        let now = OffsetDateTime::from_unix_timestamp(unix_seconds());
        let at = now.ok().and_then(|now| now.format(&Rfc3339).ok());
        Self {
            at: at.unwrap_or_default(),
            commit: commit(),
            quick,
            machine: Machine::here(),
            tables,
        }
    }

    /// Nothing failed and nothing was lost, doubled or out of order.
    pub(crate) fn is_clean(&self) -> bool {
        let mut entries = self.tables.iter().flat_map(|table| &table.entries);
        entries.all(|entry| entry.errors.is_empty() && entry.faults().sum() == 0)
    }

    pub(crate) fn markdown(&self) -> String {
        let Machine { cores, memory_gib, kernel, cpu } = &self.machine;
        let mut text = format!(
            "Measured {} at commit {}, {cores} cores ({cpu}), {memory_gib} GiB, kernel {kernel}, \
             loopback, no TLS, texts of 200 bytes. Median (low to high).",
            self.at, self.commit
        );
        if self.quick {
            text.push_str(" **Quick: one small run, a smoke and no measurement.**");
        }
        for table in &self.tables {
            text.push_str("\n\n");
            text.push_str(table.markdown().trim_end());
        }
        text
    }

    /// Writes `<folder>/<time>.json`.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let kind = if self.quick { "quick" } else { "full" };
        let name = format!("{}-{kind}.json", self.at.replace(':', ""));
        let path = folder.join(name);
        fs::write(&path, serde_json::to_vec_pretty(self)?)?;
        Ok(path)
    }
}

fn commit() -> String {
    let output =
        std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let name = output.ok().filter(|output| output.status.success());
    name.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(contender: &'static str, values: &[f64], lost: u64) -> Entry {
        let samples = values.iter().map(|value| Sample {
            figures: BTreeMap::from([("cost", *value)]),
            faults: Faults { lost, ..Faults::default() },
            ..Sample::default()
        });
        Entry { contender, samples: samples.collect(), errors: Vec::new() }
    }

    fn table(lost: u64) -> Table {
        Table {
            name: "t".into(),
            note: "n".into(),
            headline: "cost",
            against: "floor",
            entries: vec![
                entry("floor", &[10.0, 20.0, 40.0], 0),
                entry("snug", &[20.0, 30.0, 40.0], lost),
            ],
        }
    }

    #[test]
    fn ratios_are_formed_run_by_run() {
        let text = table(0).markdown();
        // 20/10, 30/20, 40/40: the middle is 1.5, and 30/20 of the medians would hide that.
        assert!(
            text.contains("| snug | 30.0 (20.0 to 40.0) | 1.50 (1.00 to 2.00) | 0 |"),
            "{text}"
        );
    }

    #[test]
    fn a_fault_and_an_error_make_the_run_unclean() {
        assert!(Results::new(true, vec![table(0)]).is_clean());
        assert!(!Results::new(true, vec![table(1)]).is_clean());
        let mut failed = table(0);
        failed.entries[1].errors.push("no".into());
        assert!(!Results::new(true, vec![failed]).is_clean());
    }
}
