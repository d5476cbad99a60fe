//! The checker by itself, fed by hand: what no break of the simulation reaches, and that what
//! is allowed stays allowed.

use snug_core::ids::{MessageId, RoomId, UserId};
use snug_core::model::{
    Mark, MarkedMessage, MemberState, Mentions, Message, MessageKind, Role, RoomPolicy, Ruled, Time,
};
use snug_verify::checker::{Ack, Checker, Facts, RoomAtRest, Seen, payload};

fn room() -> RoomId {
    RoomId::from_stored("r")
}

fn user(name: &str) -> UserId {
    UserId::from_stored(name)
}

fn body(id: &str) -> String {
    payload(Some("ann"), MessageKind::Text, Some(id), None, false)
}

/// Ann's message whose rev is one above its seq: the room's making took rev 1.
fn seen(id: &str, seq: u64) -> Seen {
    Seen {
        id: MessageId::from_stored(id),
        seq,
        first_rev: seq + 1,
        sender: Some(user("ann")),
        counts: true,
        gone: false,
        mentions: Mentions::default(),
        changed: false,
        at: Time(i64::try_from(seq).expect("a small seq")),
        body: body(id),
    }
}

/// A room of ann and bob, made at rev 1.
fn made() -> Checker {
    let mut checker = Checker::default();
    checker.accounted(&room(), 1);
    for name in ["ann", "bob"] {
        checker.member(&room(), &user(name), 1, true);
    }
    checker
}

fn ack(checker: &mut Checker, id: &str, seq: u64) {
    let began = checker.begin();
    ack_begun(checker, id, seq, began);
}

fn ack_begun(checker: &mut Checker, id: &str, seq: u64, began: u64) {
    checker.acked(&Ack {
        room: &room(),
        page_of: Some(&user("ann")),
        began,
        asked: &body(id),
        duplicate: false,
        answer: seen(id, seq),
    });
}

fn at_rest(checker: &mut Checker, history: &[Seen], head_seq: u64) {
    checker.at_rest(&RoomAtRest {
        room: &room(),
        min_seq: 1,
        min_rev: 0,
        head_seq,
        head_rev: head_seq + 1,
        history,
    });
}

#[track_caller]
fn lines(checker: &Checker, expected: &[u8]) {
    let lines: Vec<u8> = checker.violations().iter().map(|violation| violation.line).collect();
    assert_eq!(lines, expected, "{:?}", checker.violations());
}

#[test]
fn a_sound_history_is_not_complained_of() {
    let mut checker = made();
    ack(&mut checker, "a", 1);
    ack(&mut checker, "b", 2);
    ack(&mut checker, "a", 1);
    checker.saw_page("bob", &room(), &[seen("a", 1), seen("b", 2)]);
    checker.cursor(&room(), &user("bob"), 1);
    checker.cursor(&room(), &user("bob"), 1);
    checker.delivered(&user("bob"), &room(), 3);
    checker.unread((&room(), &user("bob")), 1, 1, &[seen("a", 1), seen("b", 2)]);
    checker.unread((&room(), &user("ann")), 0, 0, &[seen("a", 1), seen("b", 2)]);
    at_rest(&mut checker, &[seen("a", 1), seen("b", 2)], 2);
    lines(&checker, &[]);
}

#[test]
fn a_repeat_with_another_answer_is_seen() {
    let mut checker = made();
    ack(&mut checker, "a", 1);
    ack(&mut checker, "a", 2);
    lines(&checker, &[2, 3]);
}

#[test]
fn what_is_missing_at_rest_is_named_by_its_line() {
    let mut checker = made();
    ack(&mut checker, "a", 1);
    ack(&mut checker, "b", 2);
    at_rest(&mut checker, &[seen("b", 2)], 2);
    // The message, the rev that nothing explains, the hole.
    lines(&checker, &[1, 4, 3]);
}

#[test]
fn below_min_seq_nothing_is_missing() {
    let mut checker = made();
    ack(&mut checker, "a", 1);
    checker.deleted(&room(), 3);
    checker.accounted(&room(), 4);
    checker.at_rest(&RoomAtRest {
        room: &room(),
        min_seq: 2,
        min_rev: 4,
        head_seq: 1,
        head_rev: 4,
        history: &[],
    });
    lines(&checker, &[]);
}

#[test]
fn a_rev_that_two_changes_took_is_seen() {
    let mut checker = made();
    checker.committed(&room(), 2);
    checker.committed(&room(), 2);
    lines(&checker, &[4]);
}

#[test]
fn times_that_stand_still_are_seen() {
    let mut checker = made();
    let late = Seen { at: Time(1), ..seen("b", 2) };
    at_rest(&mut checker, &[seen("a", 1), late], 2);
    lines(&checker, &[3]);
}

#[test]
fn sends_are_judged_by_their_rev_not_by_when_the_answer_came() {
    let mut checker = made();
    checker.member(&room(), &user("ann"), 5, false);
    ack(&mut checker, "before", 3);
    lines(&checker, &[]);
    ack(&mut checker, "after", 6);
    lines(&checker, &[11]);
    checker.member(&room(), &user("ann"), 8, true);
    ack(&mut checker, "back", 8);
    lines(&checker, &[11]);
}

#[test]
fn a_send_into_a_frozen_room_is_seen() {
    let mut checker = made();
    checker.frozen(&room(), 3, true);
    ack(&mut checker, "a", 4);
    lines(&checker, &[11]);
    checker.frozen(&room(), 6, false);
    ack(&mut checker, "b", 6);
    lines(&checker, &[11]);
}

#[test]
fn only_a_send_that_began_after_the_deactivation_is_too_late() {
    let mut checker = made();
    let began = checker.begin();
    checker.deactivated(&user("ann"));
    ack_begun(&mut checker, "a", 1, began);
    lines(&checker, &[]);
    ack(&mut checker, "b", 2);
    lines(&checker, &[11]);
    checker.reactivated(&user("ann"));
    ack(&mut checker, "c", 3);
    lines(&checker, &[11]);
}

#[test]
fn the_removal_itself_may_be_heard_and_nothing_above() {
    let mut checker = made();
    checker.member(&room(), &user("bob"), 5, false);
    checker.delivered(&user("bob"), &room(), 5);
    checker.delivered(&user("ann"), &room(), 6);
    lines(&checker, &[]);
    checker.delivered(&user("bob"), &room(), 6);
    lines(&checker, &[12]);
}

#[test]
fn nobody_hears_of_a_deleted_room() {
    let mut checker = made();
    checker.deleted(&room(), 4);
    checker.delivered(&user("ann"), &room(), 4);
    lines(&checker, &[]);
    checker.delivered(&user("ann"), &room(), 5);
    lines(&checker, &[12]);
}

#[test]
fn ended_and_expired_tokens_are_seen() {
    let mut checker = Checker::default();
    checker.token_taken("one", false);
    lines(&checker, &[]);
    checker.token_taken("one", true);
    checker.token_ended("one");
    checker.token_taken("one", false);
    lines(&checker, &[12, 12]);
}

#[test]
fn a_pair_has_one_room_per_context() {
    let mut checker = Checker::default();
    let (ann, bob) = (user("ann"), user("bob"));
    checker.direct(&ann, &bob, "", &room());
    checker.direct(&bob, &ann, "", &room());
    checker.direct(&ann, &bob, "listing", &RoomId::from_stored("s"));
    lines(&checker, &[]);
    checker.direct(&bob, &ann, "", &RoomId::from_stored("t"));
    lines(&checker, &[14]);
}

#[test]
fn what_a_resumed_client_lacks_or_keeps_is_seen() {
    let facts = |names: &[&str]| -> Facts {
        names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect()
    };
    let mut checker = Checker::default();
    checker.same("ann", &room(), &facts(&["a"]), &facts(&["a"]));
    lines(&checker, &[]);
    checker.same("ann", &room(), &facts(&["a"]), &facts(&["a", "b"]));
    checker.same("ann", &room(), &facts(&["a", "b"]), &facts(&["a"]));
    checker.resumed_rooms("ann", &[], &[&room()]);
    checker.resumed_rooms("ann", &[&room()], &[]);
    lines(&checker, &[5, 5, 6, 6]);
}

/// As after an edit: other words, and a rev that says when they came.
fn edited(id: &str, seq: u64, rev: u64) -> Seen {
    Seen { first_rev: rev, changed: true, body: "other words".to_owned(), ..seen(id, seq) }
}

#[test]
fn a_change_is_no_contradiction_and_its_rev_is_explained() {
    let mut checker = made();
    ack(&mut checker, "a", 1);
    checker.saw("bob", &room(), &edited("a", 1, 3));
    checker.accounted(&room(), 3);
    checker.saw("a late sync", &room(), &seen("a", 1));
    // A repeat is answered with the message as it is, under the rev of then.
    let (began, answer) = (checker.begin(), edited("a", 1, 2));
    let (room, ann, asked) = (room(), user("ann"), body("a"));
    let page_of = Some(&ann);
    checker.acked(&Ack { room: &room, page_of, began, asked: &asked, duplicate: true, answer });
    let history = [edited("a", 1, 3)];
    let head_seq = 1;
    let (min_seq, min_rev) = (1, 0);
    checker.at_rest(&RoomAtRest {
        room: &room,
        min_seq,
        min_rev,
        head_seq,
        head_rev: 3,
        history: &history,
    });
    lines(&checker, &[]);
}

#[test]
fn a_change_that_moves_a_message_is_seen() {
    for moved in [
        edited("a", 2, 3),
        Seen { at: Time(9), ..edited("a", 1, 3) },
        Seen { sender: Some(user("bob")), ..edited("a", 1, 3) },
    ] {
        let mut checker = made();
        ack(&mut checker, "a", 1);
        checker.saw("bob", &room(), &moved);
        lines(&checker, &[3]);
    }
}

#[test]
fn one_rev_is_taken_on_trust_for_each_change_without_an_answer() {
    for (unsure, expected) in [(0, &[4][..]), (1, &[4]), (2, &[])] {
        let mut checker = made();
        ack(&mut checker, "a", 1);
        (0..unsure).for_each(|_| checker.unsure(&room()));
        let (room, history) = (room(), [edited("a", 1, 4)]);
        let (min_seq, min_rev, head_seq) = (1, 0, 1);
        checker.at_rest(&RoomAtRest {
            room: &room,
            min_seq,
            min_rev,
            head_seq,
            head_rev: 4,
            history: &history,
        });
        lines(&checker, expected);
    }
}

#[test]
fn what_is_gone_is_not_unread() {
    let mut checker = made();
    let history = [Seen { gone: true, ..edited("a", 1, 4) }, seen("b", 2)];
    checker.unread((&room(), &user("bob")), 0, 1, &history);
    lines(&checker, &[]);
    checker.unread((&room(), &user("bob")), 0, 2, &history);
    lines(&checker, &[10]);
}

#[test]
fn a_wrong_count_of_mentions_is_seen() {
    let mut checker = made();
    let named = Mentions { users: vec![user("bob")], ..Mentions::default() };
    let admins = Mentions { roles: vec![Role::Admin], ..Mentions::default() };
    let history = [
        Seen { mentions: named.clone(), ..seen("a", 1) },
        Seen { mentions: named.clone(), ..seen("b", 2) },
        Seen { mentions: named, gone: true, ..seen("c", 3) },
        Seen { mentions: admins, ..seen("d", 4) },
    ];
    checker.mentions(&room(), (&user("bob"), Role::Member), 1, 1, &history);
    checker.mentions(&room(), (&user("bob"), Role::Admin), 1, 2, &history);
    checker.mentions(&room(), (&user("ann"), Role::Admin), 0, 0, &history);
    lines(&checker, &[]);
    checker.mentions(&room(), (&user("bob"), Role::Member), 0, 1, &history);
    lines(&checker, &[10]);
}

fn id(text: &str) -> MessageId {
    MessageId::from_stored(text)
}

fn message(text: Option<&str>, own: Option<Mark>) -> Message {
    Message {
        id: id("a"),
        external: None,
        room: room(),
        seq: 1,
        rev: 2,
        first_rev: 2,
        sender: Some(user("ann")),
        kind: MessageKind::Text,
        text: text.map(str::to_owned),
        custom: None,
        extras: None,
        silent: false,
        count: 1,
        created_at: Time(1),
        edited_at: None,
        deleted_at: None,
        hidden_at: None,
        pinned_at: None,
        reactions: Vec::new(),
        thread: None,
        thread_summary: None,
        own,
    }
}

#[test]
fn what_is_shown_is_held_against_the_own_marks() {
    let (bob, star) = (user("bob"), Mark { starred_at: Some(Time(3)), deleted: false, rev: 1 });
    let mut checker = made();
    checker.shown("bob", &bob, &message(Some("hi"), None));
    let marked = |mark| MarkedMessage { id: id("a"), seq: 1, mark };
    checker.marked(&room(), &bob, &marked(star));
    checker.shown("bob", &bob, &message(Some("hi"), Some(star)));
    lines(&checker, &[]);
    // A star that is not told, and one that nobody gave.
    checker.shown("bob", &bob, &message(Some("hi"), None));
    checker.shown("ann", &user("ann"), &message(Some("hi"), Some(star)));
    lines(&checker, &[6, 6]);
}

#[test]
fn what_was_deleted_for_oneself_has_no_words_and_stays() {
    let (bob, gone) = (user("bob"), Mark { starred_at: None, deleted: true, rev: 1 });
    let mut checker = made();
    let marked = |mark| MarkedMessage { id: id("a"), seq: 1, mark };
    checker.marked(&room(), &bob, &marked(gone));
    checker.shown("bob", &bob, &message(None, Some(gone)));
    checker.shown("ann", &user("ann"), &message(Some("hi"), None));
    lines(&checker, &[]);
    checker.shown("bob", &bob, &message(Some("hi"), Some(gone)));
    checker.marked(&room(), &bob, &marked(Mark { deleted: false, rev: 2, ..gone }));
    lines(&checker, &[0, 0]);
}

#[test]
fn what_a_room_says_of_who_may_send_holds_for_acks() {
    let mut checker = made();
    checker.stands(&room(), &user("ann"), 1, (MemberState::Active, Role::Member));
    checker.ruled(&room(), 1, &RoomPolicy::default());
    ack(&mut checker, "a", 1);
    assert_eq!(checker.may(&room(), &user("ann"), Ruled::Send), Some(true));
    checker.ruled(&room(), 3, &RoomPolicy([(Ruled::Send, Role::Admin)].into()));
    assert_eq!(checker.may(&room(), &user("ann"), Ruled::Send), Some(false));
    assert_eq!(checker.may(&room(), &user("bob"), Ruled::React), Some(false), "nothing is known");
    // A repeat of what was stored before.
    ack(&mut checker, "a", 1);
    lines(&checker, &[]);
    ack(&mut checker, "b", 3);
    checker.judged((&room(), &user("ann")), "send", Some(false), Some(true));
    checker.judged((&room(), &user("ann")), "send", Some(true), Some(false));
    checker.judged((&room(), &user("ann")), "send", Some(true), None);
    lines(&checker, &[11, 11, 11]);
}

#[test]
fn who_is_only_invited_is_not_in() {
    let (eve, invited) = (user("eve"), (MemberState::Invited, Role::Member));
    let mut checker = made();
    checker.stands(&room(), &eve, 2, invited);
    checker.looked(&room(), &eve, false);
    lines(&checker, &[]);
    checker.looked(&room(), &eve, true);
    checker.delivered(&eve, &room(), 3);
    checker.invitations(&eve, &[]);
    lines(&checker, &[12, 12, 6]);
    checker.stands(&room(), &eve, 4, (MemberState::Active, Role::Member));
    checker.answered_invitation((&room(), &eve), true, Some(invited), true);
    checker.looked(&room(), &eve, true);
    checker.invitations(&eve, &[]);
    lines(&checker, &[12, 12, 6]);
    checker.answered_invitation(
        (&room(), &eve),
        true,
        Some((MemberState::Left, Role::Member)),
        true,
    );
    lines(&checker, &[12, 12, 6, 11]);
}

#[test]
fn an_invitation_covers_up_nothing_that_was_told_before_it() {
    let mut checker = made();
    checker.stands(&room(), &user("bob"), 5, (MemberState::Left, Role::Member));
    checker.stands(&room(), &user("bob"), 9, (MemberState::Invited, Role::Member));
    checker.delivered(&user("bob"), &room(), 5);
    lines(&checker, &[]);
    checker.delivered(&user("bob"), &room(), 7);
    lines(&checker, &[12]);
}

#[test]
fn a_threads_cursor_stays_until_its_user_goes() {
    let (bob, root) = (user("bob"), id("a"));
    let mut checker = made();
    checker.thread_cursor(&room(), &bob, &root, 5);
    checker.thread_cursor(&room(), &bob, &root, 4);
    checker.thread_unread(&room(), &bob, &root, (2, 2));
    checker.thread_unread(&room(), &bob, &root, (2, 3));
    lines(&checker, &[9, 10]);
    checker.member(&room(), &bob, 6, false);
    checker.thread_cursor(&room(), &bob, &root, 0);
    lines(&checker, &[9, 10]);
}

#[test]
fn what_was_said_to_be_kept_nowhere_is_nowhere() {
    let mut checker = made();
    checker.said(&id("a"));
    checker.saw("bob", &room(), &seen("b", 1));
    lines(&checker, &[]);
    checker.saw("bob", &room(), &seen("a", 2));
    lines(&checker, &[0]);
}

#[test]
fn what_is_scheduled_is_sent_once_at_its_time() {
    let ann = user("ann");
    let mut checker = made();
    checker.planned(&id("a"), Some(&ann), Time(10));
    checker.planned(&id("b"), Some(&ann), Time(20));
    checker.plans_listed(Some(&ann), Time(9), &[(id("a"), false), (id("b"), false)]);
    checker.plan_sent(&room(), &seen("a", 1), Time(10));
    checker.plan_failed(&id("b"));
    checker.plans_listed(Some(&ann), Time(20), &[(id("b"), true)]);
    checker.plan_cancelled(&id("b"));
    checker.plans_listed(Some(&ann), Time(20), &[]);
    at_rest(&mut checker, &[seen("a", 1)], 1);
    lines(&checker, &[]);
    // Twice, after it was taken back, too early, and not at all.
    checker.plan_sent(&room(), &seen("a", 1), Time(11));
    lines(&checker, &[0]);
    checker.plan_sent(&room(), &seen("b", 2), Time(20));
    lines(&checker, &[0, 0]);
    checker.planned(&id("c"), Some(&ann), Time(30));
    checker.plan_sent(&room(), &seen("c", 3), Time(29));
    lines(&checker, &[0, 0, 0]);
    checker.planned(&id("d"), None, Time(30));
    checker.plans_listed(None, Time(30), &[]);
    lines(&checker, &[0, 0, 0, 0]);
}

#[test]
fn what_was_taken_back_is_in_no_history() {
    let mut checker = made();
    checker.planned(&id("a"), Some(&user("ann")), Time(10));
    checker.plan_cancelled(&id("a"));
    at_rest(&mut checker, &[seen("a", 1)], 1);
    lines(&checker, &[0]);
}
