//! A few short seeds hold the contract, every operation is among what they did, and a seed is
//! one history.

use std::collections::BTreeMap;

use snug_sim::{Break, Plan, run};

const SEEDS: u64 = 30;
/// Shorter than by command: this runs with every change.
const SHORT: Plan = Plan { operations: 60, rests: 2, fault: Break::Nothing };

/// Without these a green run would say nothing.
const MUST_HAPPEN: &[&str] = &[
    "accept",
    "add members",
    "archive",
    "backend send",
    "cancel",
    "conflict refused",
    "connect",
    "create direct",
    "create group",
    "deactivate",
    "decline",
    "delete",
    "delete for oneself",
    "ended token refused",
    "freeze",
    "gap synced",
    "invite",
    "leave",
    "log out",
    "look",
    "members reloaded",
    "open session",
    "own settings",
    "policy",
    "pry",
    "read",
    "read thread",
    "refresh",
    "remove members",
    "repeat",
    "reschedule",
    "revoke",
    "room reset",
    "say",
    "schedule",
    "scheduled open",
    "scheduled sent",
    "send",
    "star",
    "store answer lost",
    "token taken",
    "type",
    "unstar",
    "update",
];

#[test]
fn short_seeds_hold_the_contract() {
    let mut done = BTreeMap::new();
    for seed in 0..SEEDS {
        let run = run(seed, SHORT).expect("the world can be made");
        assert!(run.violations.is_empty(), "{}", run.report());
        for (what, times) in run.done {
            *done.entry(what).or_insert(0) += times;
        }
    }
    for what in MUST_HAPPEN {
        assert!(done.contains_key(what), "{what} was never done: {done:?}");
    }
}

#[test]
fn a_seed_is_one_history() {
    for seed in [3, 77] {
        let first = run(seed, SHORT).expect("the world can be made");
        let again = run(seed, SHORT).expect("the world can be made");
        assert!(first.trace.len() > 100, "seed {seed} did next to nothing");
        assert_eq!(first.trace, again.trace, "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_history() {
    let one = run(1, SHORT).expect("the world can be made");
    let other = run(2, SHORT).expect("the world can be made");
    assert_ne!(one.trace, other.trace);
}
