//! What a [`Store`] and a [`Bus`](crate::ports::Bus) are: plain functions over trait objects,
//! each holding one promise of the ports. A backend is a store when every case passes.
//!
//! Every case makes an app of its own, so one database serves all of [`CASES`], also at the
//! same time. [`FRESH_CASES`] speak of the whole install and need an empty one each;
//! [`BOUNDED_CASES`] need a store with a lower bound.
//!
//! A backend's test file holds one `#[tokio::test]` per section of [`SECTIONS`], each over a
//! list by hand, and one for the cases that need an empty install:
//!
//! ```ignore
//! use snug_core::conformance::{self, FRESH_CASES};
//!
//! #[tokio::test(flavor = "multi_thread")]
//! async fn rooms() {
//!     let store = open_store().await;
//!     conformance::run_each(conformance::section("rooms"), async || store.clone()).await;
//! }
//! // … apps, users, sessions, members, messages, cursors, lists, sync, catch_up, changes, extras, mentions, threads, own, marks, scheduled, receipts, updates, filters, records, outbox, jobs, nodes, races
//! #[tokio::test(flavor = "multi_thread")]
//! async fn empty_install() {
//!     conformance::run_each(FRESH_CASES.to_vec(), async || empty_store().await).await;
//! }
//! ```
//!
//! [`run_on_nodes`] gives races several handles of one database, as several servers hold them.
//! So that no section is forgotten, a backend may also run all of [`CASES`] in one test.
//!
//! Where the ports leave a word open, the suite takes it so:
//! - "Of others" is everything that is not the sender's own, a message without a sender too.
//! - Ids are ordered by their bytes.
//! - A first message is unread for every member but its sender.
//! - A room that was left is shown with the head it had at the leaving's rev, also to a sync, and
//!   without members.
//! - A room that is deleted and made anew was left by those of before: a sync shows it so, with
//!   nothing of the new one; a list has nothing to show.
//!
//! No SQL, no wire form and no concrete store may enter here.

pub mod apps;
pub mod bridge;
pub mod bus;
pub mod catch_up;
pub mod changes;
pub mod cursors;
pub mod extras;
pub mod filters;
mod fixtures;
pub mod invitations;
pub mod jobs;
pub mod lists;
pub mod marks;
pub mod members;
pub mod mentions;
pub mod messages;
pub mod nodes;
pub mod operators;
pub mod outbox;
pub mod own;
pub mod races;
pub mod receipts;
pub mod records;
pub mod rooms;
pub mod scheduled;
pub mod sessions;
pub mod sync;
pub mod threads;
pub mod updates;
pub mod users;

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::ports::Store;

/// What running a case gives: it panics when the promise is broken.
pub type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Handles of one database, as several servers hold them; at least one.
pub type Nodes = Vec<Arc<dyn Store>>;

/// One promise, by the path of its function in here.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// `section::function`.
    pub name: &'static str,
    pub run: fn(Nodes) -> CaseFuture,
}

/// A case over `&dyn Store`; only names it, the body is a function.
macro_rules! case {
    ($section:ident :: $name:ident) => {
        Case {
            name: concat!(stringify!($section), "::", stringify!($name)),
            run: |nodes| Box::pin(async move { $section::$name(nodes[0].as_ref()).await }),
        }
    };
}

/// A case whose tasks race, over all nodes.
macro_rules! race {
    ($section:ident :: $name:ident) => {
        Case {
            name: concat!(stringify!($section), "::", stringify!($name)),
            run: |nodes| Box::pin(async move { $section::$name(&nodes).await }),
        }
    };
}

/// The sections, one file each; a backend's tests name every one of them.
pub const SECTIONS: &[&str] = &[
    "apps",
    "users",
    "sessions",
    "rooms",
    "members",
    "invitations",
    "messages",
    "cursors",
    "lists",
    "sync",
    "catch_up",
    "changes",
    "extras",
    "mentions",
    "threads",
    "own",
    "marks",
    "scheduled",
    "receipts",
    "updates",
    "filters",
    "records",
    "bridge",
    "outbox",
    "jobs",
    "nodes",
    "races",
];

/// Cases that share a database.
pub const CASES: &[Case] = &[
    case!(apps::create_stores_app_and_first_key),
    case!(apps::apps_are_listed_oldest_first),
    case!(apps::update_changes_the_given_fields),
    case!(apps::rotation_ends_the_other_keys),
    case!(apps::counts_are_of_the_living),
    case!(apps::the_store_is_there),
    case!(users::upsert_changes_the_given_fields),
    case!(users::an_empty_patch_only_makes),
    case!(users::several_at_once),
    case!(users::deactivate_and_reactivate),
    case!(users::a_session_brings_the_profile),
    case!(users::apps_never_meet),
    case!(users::the_last_time_online),
    case!(users::the_time_of_a_change_only_rises),
    case!(sessions::open_makes_session_and_user),
    case!(sessions::the_same_device_replaces),
    case!(sessions::a_token_shown_again_gives_its_session),
    case!(sessions::the_deactivated_open_nothing),
    case!(sessions::a_revoke_refuses_jwts_minted_before),
    case!(sessions::other_closes_refuse_no_jwt),
    case!(sessions::refresh_exchanges_the_token_once),
    case!(sessions::an_exchanged_jwt_opens_nothing_again),
    case!(sessions::the_closed_and_expired_are_not_refreshed),
    case!(sessions::selectors_close_what_they_name),
    case!(sessions::sessions_of_a_user_are_the_living),
    case!(sessions::who_arrives_hears_the_rooms_as_they_stand),
    case!(sessions::who_arrives_is_who_the_session_is_of),
    case!(sessions::apps_never_meet),
    case!(rooms::create_makes_room_members_and_bare_users),
    case!(rooms::create_stores_the_first_message_in_the_same_commit),
    case!(rooms::create_again_says_exists_and_stores_nothing),
    case!(rooms::creator_outside_is_no_member),
    case!(rooms::the_deactivated_make_no_room),
    case!(rooms::direct_key_is_kept),
    case!(rooms::update_changes_given_fields_and_takes_a_rev),
    case!(rooms::update_is_guarded),
    case!(rooms::facts_of_strangers_and_of_nothing),
    case!(rooms::ids_are_compared_byte_for_byte),
    case!(rooms::delete_ends_everything),
    case!(rooms::deleted_id_is_made_anew_on_the_same_counters),
    case!(rooms::a_room_made_anew_knows_no_old_message_id),
    case!(rooms::joined_rooms_are_the_active_ones),
    case!(rooms::apps_never_meet),
    case!(rooms::times_are_kept_to_the_nanosecond),
    case!(members::add_takes_one_rev),
    case!(members::remove_takes_one_rev_and_keeps_the_leaving),
    case!(members::announcement_follows_the_change),
    case!(members::already_active_stays_untouched),
    case!(members::nothing_changed_takes_no_rev),
    case!(members::rejoin_starts_anew),
    case!(members::removing_the_absent_passes_over),
    case!(members::change_is_guarded),
    case!(members::too_many_members_are_refused_whole),
    case!(members::members_are_paged_by_the_bytes_of_their_ids),
    case!(members::members_show_profile_and_cursor),
    case!(members::a_guard_notices_leaving_and_coming_back),
    case!(invitations::who_is_invited_is_no_member),
    case!(invitations::accepting_is_joining),
    case!(invitations::a_role_is_given_by_who_may),
    case!(invitations::what_ends_otherwise_shows_nothing),
    case!(invitations::who_comes_back_finds_their_own),
    case!(invitations::what_was_left_stays),
    case!(invitations::a_creator_outside_stays_one),
    case!(invitations::inviting_twice_changes_nothing),
    case!(invitations::a_room_is_made_by_invitation),
    case!(invitations::open_invitations_are_bounded),
    race!(invitations::accepting_races_with_taking_back),
    race!(invitations::an_invitation_ends_once),
    case!(messages::append_takes_the_next_seq_and_rev),
    case!(messages::a_message_comes_back_as_it_went_in),
    case!(messages::system_and_silent_do_not_count),
    case!(messages::times_strictly_increase),
    case!(messages::head_previews_the_newest_message),
    case!(messages::a_repeat_is_answered_alike),
    case!(messages::another_payload_or_sender_conflicts),
    case!(messages::an_id_is_a_key_of_its_room),
    case!(messages::a_guard_that_moved_stores_nothing),
    case!(messages::a_guard_stays_through_the_everyday),
    case!(messages::unknown_rooms_and_unknown_senders),
    case!(messages::only_an_active_sender_has_a_standing),
    case!(messages::history_pages_both_ways),
    case!(messages::rooms_count_for_themselves),
    case!(messages::the_longest_text_fits),
    case!(cursors::a_cursor_is_monotone_and_capped),
    case!(cursors::read_rev_tells_when_the_cursor_moved),
    case!(cursors::only_active_members_have_a_cursor),
    case!(cursors::a_send_moves_the_cursor_past_own_only),
    case!(cursors::counts_are_exact_at_every_cursor),
    case!(cursors::unread_equals_counting_the_history),
    case!(cursors::who_joins_late_counts_exactly),
    case!(cursors::a_repeat_reads_nothing),
    case!(receipts::a_delivered_cursor_is_monotone_and_capped),
    case!(receipts::receipts_are_of_those_who_were_there),
    case!(receipts::delivered_never_falls_and_is_never_below_read),
    race!(receipts::racing_deliveries_end_at_the_furthest),
    case!(receipts::a_cursor_said_twice_moves_once),
    case!(receipts::who_is_invisible_delivers_nothing),
    case!(receipts::a_room_made_anew_has_no_receipts),
    case!(lists::the_list_is_by_activity),
    case!(lists::pages_are_whole_under_ties),
    case!(lists::an_empty_room_is_its_creators),
    case!(lists::what_was_left_stays_as_it_was),
    case!(lists::what_was_left_shows_no_members),
    case!(lists::what_was_left_shows_no_words_that_are_gone),
    case!(lists::deleted_rooms_are_never_listed),
    case!(lists::a_room_made_anew_is_not_what_was_left),
    case!(lists::rows_show_members),
    case!(lists::apps_never_meet),
    case!(sync::changes_above_a_rev_are_all_that_is_newer),
    case!(sync::what_a_member_may_not_see_is_left_out),
    case!(sync::pages_are_complete_up_to_their_rev),
    case!(sync::cursors_that_moved_are_told),
    case!(sync::the_newest_cursors_win),
    case!(sync::from_any_rev_to_the_same_state),
    case!(sync::apps_never_meet),
    case!(catch_up::each_change_is_found),
    case!(catch_up::pages_are_whole),
    case!(catch_up::what_was_left_tells_nothing_newer),
    case!(catch_up::a_room_made_anew_was_left_by_those_of_before),
    case!(catch_up::a_clock_that_jumps_back_hides_nothing),
    case!(catch_up::from_sync_to_sync_nothing_is_missed),
    case!(catch_up::apps_never_meet),
    case!(changes::an_edit_takes_a_rev_and_keeps_the_place),
    case!(extras::extras_are_part_of_a_message),
    case!(extras::previews_have_no_marks),
    case!(extras::an_edit_gives_extras_whole),
    case!(extras::an_edit_of_a_message_that_moved_is_told),
    case!(mentions::who_is_called_is_counted),
    case!(mentions::reading_takes_calls_away),
    case!(mentions::changes_move_calls),
    case!(mentions::calls_are_for_who_is_there),
    case!(mentions::a_repeat_calls_once),
    case!(mentions::calls_are_counted_so_far),
    case!(mentions::a_room_made_anew_calls_nobody),
    case!(threads::a_reply_takes_its_place_and_counts_nowhere),
    case!(threads::a_reply_moves_no_list_and_no_preview),
    case!(threads::every_read_tells_the_summary),
    case!(threads::unsending_lowers_the_count),
    case!(threads::who_takes_part_follows),
    case!(threads::a_cursor_is_monotone_and_its_own),
    case!(threads::replies_are_paged),
    case!(threads::a_rooms_threads_are_listed),
    case!(threads::who_is_out_follows_nothing),
    case!(threads::a_room_made_anew_has_no_thread),
    case!(threads::from_any_rev_to_the_same_summary),
    race!(threads::racing_replies_are_all_counted),
    case!(changes::a_deletion_leaves_a_tombstone),
    case!(changes::a_hidden_message_comes_back_whole),
    case!(changes::reactions_are_counted),
    case!(changes::pins_are_the_rooms),
    case!(changes::versions_are_kept),
    case!(changes::a_change_is_guarded),
    case!(changes::gone_messages_are_not_unread),
    case!(changes::a_sync_returns_what_changed),
    case!(changes::times_name_messages),
    case!(changes::changes_since_a_time_are_whole),
    case!(changes::pages_of_changes_since_a_time_lose_nothing),
    case!(changes::channels_and_users_are_listed),
    race!(changes::racing_reactions_are_exact),
    race!(changes::racing_appends_share_no_time),
    case!(own::settings_are_the_members_alone),
    case!(own::hidden_until_the_next_message_that_counts),
    case!(own::settings_stay_whatever_happens),
    case!(own::coming_back_finds_settings_and_shows_the_room),
    case!(own::a_room_made_anew_is_kept_in_no_way),
    race!(own::devices_at_once_lose_nothing),
    case!(marks::marks_are_the_users_alone),
    case!(marks::marks_are_numbered),
    case!(marks::a_deletion_for_oneself_stays),
    case!(marks::the_deleted_are_not_unread),
    case!(marks::stars_are_listed),
    race!(marks::stars_are_bounded),
    case!(marks::stars_never_share_a_time),
    case!(marks::coming_back_finds_the_marks),
    case!(marks::who_is_asked_back_finds_the_marks),
    case!(marks::a_room_made_anew_has_no_mark),
    case!(marks::apps_never_meet),
    race!(marks::devices_at_once_lose_no_mark),
    case!(scheduled::what_is_scheduled_is_its_owners_alone),
    case!(scheduled::a_repeat_is_known),
    case!(scheduled::so_many_and_no_more),
    case!(scheduled::pages_are_by_time),
    case!(scheduled::a_change_holds_only_at_its_rev),
    case!(scheduled::what_is_due_is_found),
    case!(scheduled::a_look_says_when_the_next_is_due),
    case!(scheduled::what_cannot_be_read_stops_no_others),
    case!(scheduled::what_is_being_sent_is_not_changed),
    case!(scheduled::a_try_is_kept),
    case!(scheduled::an_open_try_stays_locked),
    case!(scheduled::what_failed_long_ago_goes),
    case!(scheduled::a_lost_lease_settles_nothing),
    race!(scheduled::racing_schedules_stay_within_the_bound),
    case!(updates::tags_are_kept),
    case!(updates::archiving_moves_the_policy),
    case!(updates::saying_who_may_moves_the_policy),
    case!(updates::a_change_holds_only_if_nobody_changed_the_room),
    case!(updates::custom_json_is_merged),
    race!(updates::changes_at_once_lose_nothing),
    case!(filters::pinned_rooms_come_first),
    case!(filters::a_list_leaves_out_the_archived_and_the_hidden),
    case!(filters::each_filter_is_its_predicate),
    case!(filters::filters_find_what_people_mean),
    case!(records::documents_are_kept_by_their_rev),
    case!(records::documents_expire),
    case!(records::a_lookup_finds_the_app),
    race!(records::racing_puts_make_one),
    case!(bridge::a_row_without_a_body_is_a_message),
    case!(bridge::a_backends_id_is_unique_in_its_room),
    race!(bridge::racing_rows_of_one_backends_id),
    case!(outbox::consumers_are_kept_by_their_rev),
    case!(outbox::who_is_not_heard_leaves_nothing),
    case!(outbox::every_rev_has_one_row),
    case!(outbox::no_row_without_a_commit),
    case!(outbox::a_row_tells_the_words_of_its_rev),
    case!(outbox::rows_are_paged_by_position),
    case!(outbox::attempts_are_kept),
    case!(outbox::a_lost_lease_settles_nothing),
    case!(outbox::work_is_due_until_somebody_has_it),
    case!(outbox::replay_makes_rows_wait_again),
    case!(outbox::clearing_keeps_what_waits_and_the_positions),
    case!(outbox::apps_never_meet),
    race!(outbox::racing_commits_are_read_without_a_gap),
    case!(jobs::one_at_a_time),
    case!(jobs::a_release_tells_that_it_was_asked_for),
    case!(jobs::a_lease_ends_by_itself),
    case!(jobs::a_renewed_lease_lives_on),
    race!(jobs::racing_workers_get_one_lease),
    case!(nodes::the_silent_are_lost),
    case!(nodes::what_was_told_goes_forward),
    case!(nodes::changed_rooms_are_found),
    race!(nodes::one_announces),
    race!(races::racing_creators_make_one_direct_room),
    race!(races::creators_with_the_same_people_do_not_block_each_other),
    race!(races::racing_senders_leave_no_hole),
    race!(races::retried_sends_are_stored_once),
    race!(races::nothing_is_stored_after_a_removal),
    race!(races::racing_adds_join_each_once),
    race!(races::racing_cursors_end_at_the_furthest),
    race!(races::a_raced_refresh_succeeds_once),
    race!(races::racing_opens_leave_one_session),
    race!(races::one_jwt_is_one_session),
    race!(races::a_revoke_leaves_no_old_jwt),
];

/// Cases that speak of the whole install: each needs an empty database.
pub const FRESH_CASES: &[Case] = &[
    race!(races::racing_sign_ups_make_one_owner),
    case!(operators::sign_up_makes_one_owner),
    case!(operators::panel_sessions_end),
    case!(operators::audit_is_newest_first),
];

/// The bound on a user's rooms with which [`BOUNDED_CASES`] want a store opened.
pub const SMALL_ROOMS_PER_USER: usize = 3;

/// Cases that meet a bound: for a store opened with [`SMALL_ROOMS_PER_USER`].
pub const BOUNDED_CASES: &[Case] =
    &[case!(rooms::a_user_is_in_so_many_rooms_at_most), case!(invitations::accepting_is_bounded)];

/// The cases of one section that share a database.
///
/// # Panics
/// When there is no such section: a misspelt one would pass with nothing run.
#[must_use]
pub fn section(name: &str) -> Vec<Case> {
    assert!(SECTIONS.contains(&name), "no section {name:?}");
    CASES.iter().filter(|case| case.section() == name).copied().collect()
}

impl Case {
    /// The file that holds the case.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.name.split(':').next().unwrap_or(self.name)
    }
}

/// Runs every case, each on the store that `make` gives for it, and tells all that failed.
///
/// # Panics
/// When a case fails, after all have run.
pub async fn run_each(cases: Vec<Case>, make: impl AsyncFn() -> Arc<dyn Store>) {
    run_on_nodes(cases, async || vec![make().await]).await;
}

/// The same with several handles of one database, which races spread over.
///
/// # Panics
/// When a case fails, after all have run.
pub async fn run_on_nodes(cases: Vec<Case>, make: impl AsyncFn() -> Nodes) {
    assert!(!cases.is_empty(), "no case was run");
    let mut failed = Vec::new();
    for case in cases {
        let mut task = JoinSet::new();
        task.spawn((case.run)(make().await));
        if let Some(Err(error)) = task.join_next().await {
            failed.push(format!("{}: {}", case.name, said_by(error)));
        }
    }
    assert!(failed.is_empty(), "broken promises:\n{}", failed.join("\n"));
}

/// What a task said when it panicked.
fn said_by(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "was cancelled".to_owned();
    };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic
            .downcast::<&str>()
            .map_or_else(|_| "panicked".to_owned(), |text| (*text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &[(&str, &str)] = &[
        ("apps", include_str!("apps.rs")),
        ("users", include_str!("users.rs")),
        ("sessions", include_str!("sessions.rs")),
        ("rooms", include_str!("rooms.rs")),
        ("members", include_str!("members.rs")),
        ("invitations", include_str!("invitations.rs")),
        ("messages", include_str!("messages.rs")),
        ("cursors", include_str!("cursors.rs")),
        ("receipts", include_str!("receipts.rs")),
        ("lists", include_str!("lists.rs")),
        ("sync", include_str!("sync.rs")),
        ("catch_up", include_str!("catch_up.rs")),
        ("changes", include_str!("changes.rs")),
        ("extras", include_str!("extras.rs")),
        ("mentions", include_str!("mentions.rs")),
        ("threads", include_str!("threads.rs")),
        ("own", include_str!("own.rs")),
        ("marks", include_str!("marks.rs")),
        ("scheduled", include_str!("scheduled.rs")),
        ("updates", include_str!("updates.rs")),
        ("filters", include_str!("filters.rs")),
        ("records", include_str!("records.rs")),
        ("bridge", include_str!("bridge.rs")),
        ("outbox", include_str!("outbox.rs")),
        ("jobs", include_str!("jobs.rs")),
        ("nodes", include_str!("nodes.rs")),
        ("races", include_str!("races.rs")),
        ("operators", include_str!("operators.rs")),
    ];

    #[test]
    fn every_public_case_is_listed() {
        let listed = CASES.iter().chain(FRESH_CASES).chain(BOUNDED_CASES);
        let listed: Vec<_> = listed.map(|case| case.name).collect();
        let mut found = Vec::new();
        for (section, source) in SOURCES {
            let names = source.lines().filter_map(|line| line.strip_prefix("pub async fn "));
            let names = names.filter_map(|rest| rest.split('(').next());
            found.extend(names.map(|name| format!("{section}::{name}")));
        }
        for name in &found {
            assert!(listed.contains(&name.as_str()), "{name} is in no list");
        }
        assert_eq!(found.len(), listed.len());
    }

    #[test]
    fn every_section_has_cases() {
        for name in SECTIONS {
            assert!(!section(name).is_empty(), "{name} is empty");
        }
        assert!(CASES.iter().all(|case| SECTIONS.contains(&case.section())));
    }
}
