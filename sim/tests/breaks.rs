//! The checker sees what it is for: each promise broken on purpose turns a run red with the
//! line that was broken.

use snug_sim::{Break, Plan, run};

/// Some seed must come upon it; how soon differs, since a break needs its occasion.
const SEEDS: u64 = 24;

fn is_seen(fault: Break, line: u8) {
    let plan = Plan { fault, ..Plan::default() };
    let mut others = Vec::new();
    for seed in 0..SEEDS {
        let run = run(seed, plan).expect("the world can be made");
        if run.violations.iter().any(|violation| violation.line == line) {
            return;
        }
        others.extend(run.violations);
    }
    panic!("{fault:?}: no violation of line {line} in {SEEDS} seeds, but {others:?}");
}

#[test]
fn an_acked_message_that_is_gone_is_seen() {
    is_seen(Break::DropAcked, 1);
}

#[test]
fn a_conflict_that_is_acked_is_seen() {
    is_seen(Break::AckConflict, 2);
}

#[test]
fn a_seq_that_is_given_twice_is_seen() {
    is_seen(Break::ReuseSeq, 3);
}

#[test]
fn a_hole_is_seen() {
    is_seen(Break::DropSystem, 3);
}

#[test]
fn two_orders_are_seen() {
    is_seen(Break::SwapOrder, 3);
}

#[test]
fn a_resumed_client_that_misses_members_is_seen() {
    is_seen(Break::ForgetMembers, 5);
}

#[test]
fn a_user_sync_that_misses_a_room_is_seen() {
    is_seen(Break::ForgetRoom, 5);
}

#[test]
fn own_settings_that_other_devices_miss_are_seen() {
    is_seen(Break::ForgetOwn, 5);
}

#[test]
fn a_cursor_that_goes_back_is_seen() {
    is_seen(Break::CursorBack, 9);
}

#[test]
fn a_wrong_unread_is_seen() {
    is_seen(Break::MiscountUnread, 10);
}

#[test]
fn a_send_after_the_removal_is_seen() {
    is_seen(Break::TrustRemoved, 11);
}

#[test]
fn a_removed_user_who_is_told_is_seen() {
    is_seen(Break::TellRemoved, 12);
}

#[test]
fn an_ended_token_that_is_taken_is_seen() {
    is_seen(Break::KeepTokens, 12);
}

/// As `is_seen`, of what no line foresees: by what is said of it.
fn is_said(fault: Break, part: &str) {
    let plan = Plan { fault, ..Plan::default() };
    let mut others = Vec::new();
    for seed in 0..SEEDS {
        let run = run(seed, plan).expect("the world can be made");
        if run.violations.iter().any(|violation| violation.what.contains(part)) {
            return;
        }
        others.extend(run.violations);
    }
    panic!("{fault:?}: nothing of `{part}` in {SEEDS} seeds, but {others:?}");
}

#[test]
fn words_that_were_deleted_for_oneself_are_seen() {
    is_said(Break::ShowDeleted, "deleted for oneself");
}

#[test]
fn marks_that_other_devices_miss_are_seen() {
    is_seen(Break::ForgetMarks, 5);
}

#[test]
fn an_invitation_that_shows_the_room_is_seen() {
    is_seen(Break::ShowInvited, 12);
}

#[test]
fn a_rooms_policy_that_is_ignored_is_seen() {
    is_seen(Break::IgnorePolicy, 11);
}

#[test]
fn a_cursor_of_a_thread_that_goes_back_is_seen() {
    is_seen(Break::ThreadBack, 9);
}

#[test]
fn what_is_sent_although_it_was_taken_back_is_seen() {
    is_said(Break::KeepCancelled, "was sent after it was Cancelled");
}

#[test]
fn what_is_sent_before_its_time_is_seen() {
    is_said(Break::SendEarly, "was sent before its time");
}

#[test]
fn what_is_sent_twice_is_seen() {
    is_said(Break::KeepSent, "was sent after it was Sent");
}
