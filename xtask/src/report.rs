//! What came of each step, and the table at the end.

use std::time::Duration;

/// What came of a step. A text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Passed,
    /// It found something wrong.
    Failed(String),
    /// It did not take place.
    Skipped(String),
    /// A step before it failed.
    NotRun,
}

/// A step that is over.
#[derive(Debug, Clone)]
pub struct Line {
    /// The name that `--only` takes.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// What it computed, in the programs that it started and that have ended; a browser's own
    /// processes outlive whoever waits for them and are not in it.
    pub computed: Duration,
}

/// The table of steps, the reasons, and the closing count.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    let mut text = String::from("\nstep            seconds  of a core  outcome\n");
    let mut reasons = String::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for line in lines {
        let (outcome, reason) = match &line.outcome {
            Outcome::Passed => ("passed", None),
            Outcome::Failed(reason) => ("FAILED", Some(reason)),
            Outcome::Skipped(reason) => ("skipped", Some(reason)),
            Outcome::NotRun => ("not run", None),
        };
        match line.outcome {
            Outcome::Passed => passed += 1,
            Outcome::Failed(_) => failed += 1,
            Outcome::Skipped(_) | Outcome::NotRun => skipped += 1,
        }
        let (took, computed) = (line.took.as_secs_f64(), line.computed.as_secs_f64());
        text += &format!("{:<14} {took:>8.1}  {computed:>9.1}  {outcome}\n", line.name);
        if let Some(reason) = reason {
            reasons += &format!("{} {outcome}: {reason}\n", line.name);
        }
    }
    let total: Duration = lines.iter().map(|line| line.took).sum();
    let computed: Duration = lines.iter().map(|line| line.computed).sum();
    let (took, computed) = (total.as_secs_f64(), computed.as_secs_f64());
    text += &format!("{:<14} {took:>8.1}  {computed:>9.1}\n", "total");
    if lines.iter().any(|line| line.outcome == Outcome::NotRun) {
        reasons += "not run: the steps behind the failed one; `--keep-going` runs them too\n";
    }
    if !reasons.is_empty() {
        text += &format!("\n{reasons}");
    }
    text + &format!("\n{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::{Line, Outcome, table};
    use std::time::Duration;

    #[test]
    fn every_step_is_shown_and_counted() {
        let (took, computed) = (Duration::from_millis(1_500), Duration::from_millis(2_300));
        let line = |name, outcome| Line { name, outcome, took, computed };
        let text = table(&[
            line("fmt", Outcome::Passed),
            line("clippy", Outcome::Failed("two lints".to_owned())),
            line("deny", Outcome::Skipped("not installed".to_owned())),
            line("rust", Outcome::NotRun),
        ]);
        assert!(text.contains("fmt                 1.5        2.3  passed"), "{text}");
        assert!(text.contains("total               6.0        9.2"), "{text}");
        assert!(text.contains("clippy FAILED: two lints"), "{text}");
        assert!(text.contains("deny skipped: not installed"), "{text}");
        assert!(text.contains("not run: the steps behind the failed one"), "{text}");
        assert!(text.ends_with("\n1 passed, 1 failed, 2 skipped"), "{text}");
    }
}
