//! Generator processes of a scenario, seen from the suite.

use std::io;
use std::time::Duration;

use crate::child::Running;
use crate::load::plan::{Connected, Plan, Report};

/// A process may open 20,000 files here, and one thread has enough to do with these.
const CLIENTS_PER_PROCESS: u32 = 10_000;
/// For starting, printing and being scheduled, beyond the plan's own bounds.
const SLACK: Duration = Duration::from_secs(10);

pub(super) struct Fleets {
    running: Vec<Running>,
    patience: Duration,
}

impl Fleets {
    /// Starts as many processes as the plan's clients need, and waits until all are connected.
    pub(super) fn connect(plan: &Plan) -> io::Result<Self> {
        let members = plan.members.max(1);
        let per_process = CLIENTS_PER_PROCESS / members * members;
        let (mut first, end) = (plan.first, plan.first + plan.clients);
        let mut running = Vec::new();
        while first < end {
            let clients = per_process.min(end - first);
            let plan = Plan { first, clients, ..plan.clone() };
            let mut load = Running::start_self("load", &["load"])?;
            load.tell(&serde_json::to_string(&plan)?)?;
            running.push(load);
            first += clients;
        }
        let patience = Duration::from_millis(plan.drive_ms + 2 * plan.patience_ms) + SLACK;
        for load in &running {
            let _: Connected = load.answer(patience)?;
        }
        Ok(Self { running, patience })
    }

    /// Lets all of them drive, and waits for the last report.
    pub(super) fn drive(&mut self) -> io::Result<Report> {
        for load in &mut self.running {
            load.tell("go")?;
        }
        let mut all = Report::default();
        for load in &self.running {
            all.merge(&load.answer(self.patience)?);
        }
        Ok(all)
    }
}
