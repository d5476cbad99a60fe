//! One seed from begin to end.

use std::collections::BTreeMap;

use crate::sim::Sim;
use crate::store::Break;
use snug_verify::checker::Violation;

/// How long a run is, and what is broken on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Operations between two rests.
    pub operations: u64,
    pub rests: u64,
    pub fault: Break,
}

impl Default for Plan {
    fn default() -> Self {
        Self { operations: 80, rests: 3, fault: Break::Nothing }
    }
}

/// What became of a seed.
#[derive(Debug)]
pub struct Run {
    pub seed: u64,
    pub trace: Vec<String>,
    pub violations: Vec<Violation>,
    /// How often each operation was answered well.
    pub done: BTreeMap<&'static str, u64>,
}

impl Run {
    /// Everything that a person needs to look into a failed seed.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.trace.join("\n");
        for violation in &self.violations {
            text.push_str(&format!("\n{violation}"));
        }
        text.push_str(&format!("\nagain: cargo xtask sim -- --seeds 1 --first-seed {}", self.seed));
        text
    }
}

/// Runs a seed until it ends or something is broken.
///
/// # Errors
/// When the world cannot be made.
pub fn run(seed: u64, plan: Plan) -> Result<Run, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut sim = Sim::new(seed, plan.fault).await?;
        drive(&mut sim, plan).await;
        Ok(Run {
            seed,
            violations: sim.checker.violations().to_vec(),
            trace: std::mem::take(&mut sim.trace),
            done: std::mem::take(&mut sim.done),
        })
    })
}

async fn drive(sim: &mut Sim, plan: Plan) {
    for c in 0..sim.clients.len() {
        sim.open_session(c).await;
        let connected = sim.connect(c).await;
        sim.note("connect", &connected);
    }
    for _ in 0..plan.rests {
        for _ in 0..plan.operations {
            if let Err(error) = sim.step().await {
                sim.checker.odd(format!("a client's own read was answered with: {error}"));
            }
            if !sim.checker.violations().is_empty() {
                return;
            }
        }
        if let Err(error) = sim.rest().await {
            sim.checker.odd(format!("at rest a read was answered with: {error}"));
        }
        if !sim.checker.violations().is_empty() {
            return;
        }
    }
}
