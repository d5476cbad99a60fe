//! `test` and `ci`: runs the steps one after another, timed, and counts them.

use std::time::{Duration, Instant};

use crate::machine::{self, Need, prepare};
use crate::repo::Repo;
use crate::report::{Line, Outcome, table};
use crate::say::say;
use crate::steps::{Context, STEPS, Step};

/// What was asked for on the command line.
#[derive(Debug, Default)]
pub struct Choice {
    /// The steps to run; all when empty.
    pub only: Vec<String>,
    /// Run the steps behind a failed one too.
    pub keep_going: bool,
}

/// The steps with what they do, for `--list`.
#[must_use]
pub fn list() -> String {
    let line = |step: &Step| format!("{:<14} {}\n", step.name, step.about);
    STEPS.iter().map(line).collect()
}

/// Makes the machine ready and runs the chosen steps.
///
/// # Errors
/// When a step is unknown, the machine cannot be made ready, or a step failed.
pub fn test(repo: &Repo, choice: &Choice) -> Result<(), String> {
    let steps = chosen(&choice.only)?;
    let needs = needs(&steps);
    let begun = Instant::now();
    say("== machine");
    let ready = prepare(repo, &needs)?;
    let (took, computed) = (begun.elapsed(), machine::computed());
    let mut lines = vec![Line { name: "machine", outcome: Outcome::Passed, took, computed }];
    let context = Context::new(repo.clone(), ready);
    let mut failed = None;
    for step in steps {
        let line = match failed {
            Some(_) if !choice.keep_going => not_run(step),
            _ => timed(step, &context),
        };
        if matches!(line.outcome, Outcome::Failed(_)) {
            failed = failed.or(Some(step.name));
        }
        lines.push(line);
    }
    drop(context);
    say(&table(&lines));
    match failed {
        None => Ok(()),
        Some(name) => Err(format!("again: cargo xtask test --only {name}")),
    }
}

fn not_run(step: &Step) -> Line {
    let (took, computed) = (Duration::ZERO, Duration::ZERO);
    Line { name: step.name, outcome: Outcome::NotRun, took, computed }
}

fn timed(step: &Step, context: &Context) -> Line {
    say(&format!("\n== {}: {}", step.name, step.about));
    let (begun, before) = (Instant::now(), machine::computed());
    let outcome = (step.run)(context);
    if let Outcome::Failed(reason) | Outcome::Skipped(reason) = &outcome {
        say(reason);
    }
    let computed = machine::computed().saturating_sub(before);
    Line { name: step.name, outcome, took: begun.elapsed(), computed }
}

fn chosen(only: &[String]) -> Result<Vec<&'static Step>, String> {
    if let Some(name) = only.iter().find(|name| STEPS.iter().all(|s| s.name != **name)) {
        return Err(format!("there is no step `{name}`. The steps:\n\n{}", list()));
    }
    let wanted = |step: &&Step| only.is_empty() || only.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(wanted).collect())
}

fn needs(steps: &[&Step]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for need in steps.iter().flat_map(|step| step.needs) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::{chosen, list, needs};
    use crate::machine::Need;
    use crate::steps::STEPS;

    #[test]
    fn only_chooses_and_refuses() {
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
        let some = chosen(&["tidy".to_owned(), "fmt".to_owned()]).unwrap();
        assert_eq!(some.iter().map(|s| s.name).collect::<Vec<_>>(), ["fmt", "tidy"]);
        assert!(needs(&some).is_empty());
        assert!(needs(&chosen(&[]).unwrap()).contains(&Need::Postgres));
        let Err(refused) = chosen(&["tests".to_owned()]) else { panic!("it is no step") };
        assert!(refused.contains(&list()), "{refused}");
    }
}
