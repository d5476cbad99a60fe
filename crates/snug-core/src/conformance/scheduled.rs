//! Messages that are to be sent later: their owners' alone until their time, then the holder's of
//! the lease.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::fixtures::{ALL, Fixture, json, message_id, room_id, user};
use crate::ids::{AppId, MessageId};
use crate::limits::APPS_MAX;
use crate::model::{
    Card, Format, Mentions, MessageKind, Scheduled, ScheduledFailure, ScheduledForward,
    ScheduledWords, Time,
};
use crate::ports::{
    ChangeScheduled, JobPlace, Lease, NewScheduled, PayloadHash, ScheduleOutcome, ScheduledPlace,
    ScheduledQuery, Settled, Store,
};

/// Handles of one database, as several servers hold them.
type Nodes = [Arc<dyn Store>];

const LONG: u64 = 600_000;
/// Of no case's concern.
const MANY: usize = 1_000;

fn at(second: i64) -> Time {
    Time::from_seconds(1_900_000_000 + second)
}

fn words(text: &str) -> Box<ScheduledWords> {
    Box::new(ScheduledWords { text: Some(text.to_owned()), ..ScheduledWords::default() })
}

/// For the user, or without a name for the backend.
fn one(f: &Fixture<'_>, owner: &str, id: &str, when: Time) -> Scheduled {
    Scheduled {
        id: message_id(id),
        room: room_id("r"),
        owner: (!owner.is_empty()).then(|| user(owner)),
        at: when,
        words: words(id),
        rev: 1,
        created_at: f.now(),
        sending: false,
        attempts: 0,
        failed: None,
    }
}

fn hash(text: &str) -> PayloadHash {
    PayloadHash(Sha256::digest(text.as_bytes()).into())
}

fn new(app: &AppId, scheduled: &Scheduled, asked: &str, most: usize) -> NewScheduled {
    NewScheduled { app: app.clone(), scheduled: scheduled.clone(), hash: hash(asked), most }
}

async fn try_schedule(f: &Fixture<'_>, of: &Scheduled, asked: &str) -> ScheduleOutcome {
    f.store.schedule(new(&f.app, of, asked, MANY)).await.expect("schedule")
}

async fn schedule(f: &Fixture<'_>, owner: &str, id: &str, when: Time) -> Scheduled {
    let wanted = one(f, owner, id, when);
    assert_eq!(try_schedule(f, &wanted, id).await, ScheduleOutcome::Stored);
    wanted
}

async fn known(f: &Fixture<'_>, owner: &str, id: &str) -> Option<Scheduled> {
    let place = ScheduledPlace::of(&f.app, &one(f, owner, id, at(0)));
    let found = f.store.scheduled_one(&place).await.expect("scheduled_one");
    found.map(|(_, found)| found)
}

async fn list(f: &Fixture<'_>, owner: &str, query: ScheduledQuery) -> Vec<String> {
    let owner = (!owner.is_empty()).then(|| user(owner));
    let found = f.store.scheduled(&f.app, owner.as_ref(), &query).await.expect("scheduled");
    found.iter().map(|one| one.id.to_string()).collect()
}

fn all() -> ScheduledQuery {
    ScheduledQuery { limit: ALL, ..ScheduledQuery::default() }
}

fn change_of(f: &Fixture<'_>, of: &Scheduled, rev: u64, when: Time, text: &str) -> ChangeScheduled {
    let place = ScheduledPlace::of(&f.app, of);
    ChangeScheduled { place, rev, at: when, words: words(text) }
}

async fn due(f: &Fixture<'_>, now: Time) -> Vec<Scheduled> {
    f.store.scheduled_due(&f.app, now, ALL).await.expect("scheduled_due")
}

async fn lease(f: &Fixture<'_>) -> Lease {
    let place = JobPlace::scheduled(&f.app);
    let leased = f.store.lease_job(&place, "one", LONG, f.now()).await.expect("lease_job");
    leased.expect("it is free")
}

async fn settle(f: &Fixture<'_>, lease: &Lease, of: &Scheduled, rev: u64, became: Settled) -> bool {
    let place = ScheduledPlace::of(&f.app, of);
    f.store.settle_scheduled(lease, &place, rev, &became).await.expect("settle_scheduled")
}

fn failure(when: Time) -> ScheduledFailure {
    let (code, detail) = ("not_a_member".to_owned(), "not a member of this room".to_owned());
    ScheduledFailure { code, detail, at: when }
}

/// It comes back as it went in, to its owner; an id is each owner's own.
pub async fn what_is_scheduled_is_its_owners_alone(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut full = one(&f, "anna", "m-1", at(10));
    full.words = Box::new(ScheduledWords {
        sender: Some(user("ben")),
        kind: Some(MessageKind::Card),
        text: Some("a\u{1}語 \"b\"".to_owned()),
        format: Some(Format::Markdown),
        custom: Some(json(r#"{"b": 1,"a":[2]}"#)),
        mentions: Mentions { users: vec![user("ben")], ..Mentions::default() },
        reply_to: Some(message_id("m-0")),
        card: Some(Card { title: Some("Bicycle".to_owned()), ..Card::default() }),
        location: None,
        forward: Some(ScheduledForward { room: room_id("x y"), id: message_id("m-2") }),
        thread: Some(message_id("m-3")),
        silent: true,
        unread: None,
    });
    assert_eq!(try_schedule(&f, &full, "full").await, ScheduleOutcome::Stored);
    assert_eq!(known(&f, "anna", "m-1").await, Some(full));
    for owner in ["ben", ""] {
        assert_eq!(known(&f, owner, "m-1").await, None, "{owner:?}");
        assert!(list(&f, owner, all()).await.is_empty(), "{owner:?}");
        let own = schedule(&f, owner, "m-1", at(20)).await;
        assert_eq!(known(&f, owner, "m-1").await, Some(own), "{owner:?}");
    }
    let other = Fixture::new(store).await;
    assert_eq!(known(&other, "anna", "m-1").await, None);
    assert!(list(&other, "anna", all()).await.is_empty());
    assert!(due(&other, at(1_000)).await.is_empty());
    let place = ScheduledPlace::of(&other.app, &one(&other, "anna", "m-1", at(0)));
    assert!(!store.unschedule(&place, 1).await.expect("unschedule"));
    assert_eq!(list(&f, "anna", all()).await, ["m-1"]);
}

/// The same asked again is answered with what it has become; anything else under the id conflicts.
pub async fn a_repeat_is_known(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    let again = Scheduled { created_at: f.now(), ..first.clone() };
    let existing = ScheduleOutcome::Existing(Box::new(first.clone()));
    assert_eq!(try_schedule(&f, &again, "m-1").await, existing);
    assert_eq!(try_schedule(&f, &again, "otherwise").await, ScheduleOutcome::Conflict);
    let changed = store.change_scheduled(change_of(&f, &first, 1, at(20), "new")).await;
    let changed = changed.expect("change_scheduled").expect("it is there");
    let existing = ScheduleOutcome::Existing(Box::new(changed.clone()));
    assert_eq!(try_schedule(&f, &again, "m-1").await, existing, "as it is now");
    let place = ScheduledPlace::of(&f.app, &first);
    let found = store.scheduled_one(&place).await.expect("scheduled_one");
    assert_eq!(found, Some((hash("m-1"), changed)));
    // A full house answers a repeat all the same.
    let full = store.schedule(new(&f.app, &again, "m-1", 1)).await.expect("schedule");
    assert_eq!(full, existing);
}

/// The bound counts an owner's, whatever their state, and each owner for itself.
pub async fn so_many_and_no_more(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    schedule(&f, "anna", "m-2", at(20)).await;
    schedule(&f, "ben", "m-1", at(10)).await;
    schedule(&f, "", "m-1", at(10)).await;
    let held = lease(&f).await;
    assert!(settle(&f, &held, &first, 1, Settled::Failed(failure(at(11)))).await);
    let third = one(&f, "anna", "m-3", at(30));
    let refused = store.schedule(new(&f.app, &third, "m-3", 2)).await.expect("schedule");
    assert_eq!(refused, ScheduleOutcome::TooMany);
    assert_eq!(known(&f, "anna", "m-3").await, None);
    let stored = store.schedule(new(&f.app, &third, "m-3", 3)).await.expect("schedule");
    assert_eq!(stored, ScheduleOutcome::Stored);
    assert!(store.unschedule(&ScheduledPlace::of(&f.app, &first), 2).await.expect("unschedule"));
    let fourth = one(&f, "anna", "m-4", at(40));
    let stored = store.schedule(new(&f.app, &fourth, "m-4", 3)).await.expect("schedule");
    assert_eq!(stored, ScheduleOutcome::Stored, "what was taken back makes room");
}

/// Lists are by time, then by id's bytes, in pages without holes, of one room or of all.
pub async fn pages_are_by_time(store: &dyn Store) {
    let f = Fixture::new(store).await;
    for (id, when) in [("c", 30), ("b", 10), ("B", 10), ("a", 20), ("d", 10)] {
        schedule(&f, "anna", id, at(when)).await;
    }
    let elsewhere = Scheduled { room: room_id("x"), ..one(&f, "anna", "e", at(15)) };
    assert_eq!(try_schedule(&f, &elsewhere, "e").await, ScheduleOutcome::Stored);
    schedule(&f, "ben", "z", at(1)).await;
    assert_eq!(list(&f, "anna", all()).await, ["B", "b", "d", "e", "a", "c"]);
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let query = ScheduledQuery { after: after.take(), limit: 2, room: None };
        let owner = user("anna");
        let page = store.scheduled(&f.app, Some(&owner), &query).await.expect("scheduled");
        let Some(last) = page.last() else { break };
        after = Some((last.at, last.id.clone()));
        paged.extend(page.into_iter().map(|one| one.id.to_string()));
    }
    assert_eq!(paged, ["B", "b", "d", "e", "a", "c"]);
    let of_room = |room: &str, limit| ScheduledQuery {
        room: Some(room_id(room)),
        after: Some((at(10), message_id("b"))),
        limit,
    };
    assert_eq!(list(&f, "anna", of_room("r", 2)).await, ["d", "a"]);
    assert_eq!(list(&f, "anna", of_room("x", ALL)).await, ["e"]);
    assert!(list(&f, "anna", of_room("nowhere", ALL)).await.is_empty());
}

/// A change and a cancellation hold only for the view that they were decided on.
pub async fn a_change_holds_only_at_its_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    let change = async |rev, when, text: &str| {
        let changed = store.change_scheduled(change_of(&f, &first, rev, when, text)).await;
        changed.expect("change_scheduled")
    };
    assert_eq!(change(2, at(20), "early").await, None);
    let second = change(1, at(20), "new").await.expect("it is there");
    let expected = Scheduled { at: at(20), words: words("new"), rev: 2, ..first.clone() };
    assert_eq!(second, expected);
    assert_eq!(change(1, at(30), "late").await, None);
    assert_eq!(known(&f, "anna", "m-1").await, Some(expected));
    let place = ScheduledPlace::of(&f.app, &first);
    assert!(!store.unschedule(&place, 1).await.expect("unschedule"));
    assert!(store.unschedule(&place, 2).await.expect("unschedule"));
    assert!(!store.unschedule(&place, 2).await.expect("unschedule"));
    assert_eq!(known(&f, "anna", "m-1").await, None);
    assert_eq!(change(2, at(30), "gone").await, None);
    assert!(due(&f, at(1_000)).await.is_empty());
}

/// What is due is found by its app, longest due first; a change moves it.
pub async fn what_is_due_is_found(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let apps = async |now| {
        let found = store.scheduled_apps(now, APPS_MAX).await.expect("scheduled_apps");
        found.apps.iter().filter(|app| **app == f.app).count()
    };
    let ids =
        |found: Vec<Scheduled>| -> Vec<MessageId> { found.into_iter().map(|one| one.id).collect() };
    assert_eq!(apps(at(1_000)).await, 0);
    schedule(&f, "anna", "b", at(20)).await;
    schedule(&f, "", "a", at(30)).await;
    let moves = schedule(&f, "ben", "c", at(10)).await;
    assert_eq!(apps(Time(at(10).0 - 1)).await, 0);
    assert_eq!(apps(at(10)).await, 1, "at its time");
    assert_eq!(due(&f, at(10)).await, std::slice::from_ref(&moves));
    assert_eq!(apps(at(1_000)).await, 1, "each app once");
    assert_eq!(ids(due(&f, at(30)).await), ["c", "b", "a"].map(message_id));
    let some = store.scheduled_due(&f.app, at(30), 2).await.expect("scheduled_due");
    assert_eq!(ids(some), ["c", "b"].map(message_id));
    let changed = store.change_scheduled(change_of(&f, &moves, 1, at(25), "later")).await;
    assert!(changed.expect("change_scheduled").is_some());
    assert_eq!(ids(due(&f, at(30)).await), ["b", "c", "a"].map(message_id));
    for id in ["z", "y"] {
        schedule(&f, "anna", id, at(25)).await;
    }
    let all = ["b", "y", "z", "c", "a"].map(message_id);
    assert_eq!(ids(due(&f, at(30)).await), all, "of one time by owner, then by id");
}

/// A look names those apps first whose messages wait longest, and says when the next is due.
pub async fn a_look_says_when_the_next_is_due(store: &dyn Store) {
    // Before whatever other cases schedule.
    let early = |second: i64| Time::from_seconds(1_000 + second);
    let (f, other) = (Fixture::new(store).await, Fixture::new(store).await);
    let look = async |now| {
        let mut found = store.scheduled_apps(now, APPS_MAX).await.expect("scheduled_apps");
        found.apps.retain(|app| *app == f.app || *app == other.app);
        (found.apps, found.next)
    };
    let late = schedule(&f, "anna", "m-1", early(20)).await;
    let soon = schedule(&other, "anna", "m-1", early(10)).await;
    assert_eq!(look(early(9)).await, (vec![], Some(early(10))));
    assert_eq!(look(early(10)).await, (vec![other.app.clone()], Some(early(20))));
    let (apps, next) = look(early(20)).await;
    assert_eq!(apps, [other.app.clone(), f.app.clone()]);
    assert!(next.is_none_or(|next| next > early(20)));
    for (of, one) in [(&f, &late), (&other, &soon)] {
        let place = ScheduledPlace::of(&of.app, one);
        assert!(store.unschedule(&place, 1).await.expect("unschedule"));
    }
}

/// Words of a later build come back as they are, and stop no others.
pub async fn what_cannot_be_read_stops_no_others(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let later = r#"{"kind":"hologram","text":"hi"}"#.to_owned();
    let mut unread = one(&f, "anna", "m-1", at(10));
    *unread.words = ScheduledWords { unread: Some(later), ..ScheduledWords::default() };
    assert_eq!(try_schedule(&f, &unread, "later").await, ScheduleOutcome::Stored);
    let next = schedule(&f, "anna", "m-2", at(20)).await;
    assert_eq!(due(&f, at(20)).await, [unread.clone(), next]);
    assert_eq!(list(&f, "anna", all()).await, ["m-1", "m-2"]);
    assert_eq!(known(&f, "anna", "m-1").await, Some(unread.clone()));
    let place = ScheduledPlace::of(&f.app, &unread);
    assert!(store.unschedule(&place, 1).await.expect("unschedule"), "it is taken back unread");
}

/// Of an open try nobody knows what it came to: nothing is changed until another one says.
pub async fn an_open_try_stays_locked(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    let held = lease(&f).await;
    assert!(settle(&f, &held, &first, 1, Settled::Sending).await);
    assert!(settle(&f, &held, &first, 1, Settled::Again { due_at: at(15), open: true }).await);
    let open = Scheduled { rev: 2, attempts: 1, sending: true, ..first.clone() };
    assert_eq!(known(&f, "anna", "m-1").await, Some(open.clone()));
    let changed = store.change_scheduled(change_of(&f, &first, 2, at(20), "late")).await;
    assert_eq!(changed.expect("change_scheduled"), None);
    let place = ScheduledPlace::of(&f.app, &first);
    assert!(!store.unschedule(&place, 2).await.expect("unschedule"));
    assert!(due(&f, at(14)).await.is_empty());
    assert_eq!(due(&f, at(15)).await, [open]);
    assert!(settle(&f, &held, &first, 2, Settled::Sending).await);
    assert!(settle(&f, &held, &first, 2, Settled::Again { due_at: at(20), open: false }).await);
    assert!(store.unschedule(&place, 3).await.expect("unschedule"), "it is its owner's again");
}

/// What failed before a time goes, the oldest first; what failed later, or waits, stays.
pub async fn what_failed_long_ago_goes(store: &dyn Store) {
    // Before whatever fails in other cases.
    let early = |second: i64| Time::from_seconds(1_000 + second);
    let f = Fixture::new(store).await;
    let held = lease(&f).await;
    for (id, failed_at) in [("b", 2), ("a", 1), ("kept", 10)] {
        let one = schedule(&f, "anna", id, at(10)).await;
        let failed = Settled::Failed(failure(early(failed_at)));
        assert!(settle(&f, &held, &one, 1, failed).await);
    }
    schedule(&f, "anna", "waits", at(10)).await;
    let clear =
        async |limit| store.clear_scheduled(early(10), limit).await.expect("clear_scheduled");
    assert_eq!(clear(1).await, 1);
    assert_eq!(list(&f, "anna", all()).await, ["b", "kept", "waits"]);
    assert_eq!(clear(ALL).await, 1);
    assert_eq!(clear(ALL).await, 0);
    assert_eq!(list(&f, "anna", all()).await, ["kept", "waits"]);
}

/// From the moment when its sending begins its owner changes nothing; who takes the work over finds
/// it.
pub async fn what_is_being_sent_is_not_changed(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    let held = lease(&f).await;
    assert!(!settle(&f, &held, &first, 2, Settled::Sending).await, "of another rev");
    assert!(settle(&f, &held, &first, 1, Settled::Sending).await);
    let place = ScheduledPlace::of(&f.app, &first);
    assert!(!store.unschedule(&place, 1).await.expect("unschedule"));
    let changed = store.change_scheduled(change_of(&f, &first, 1, at(20), "late")).await;
    assert_eq!(changed.expect("change_scheduled"), None);
    let sending = Scheduled { sending: true, ..first.clone() };
    assert_eq!(known(&f, "anna", "m-1").await, Some(sending.clone()));
    assert_eq!(due(&f, at(10)).await, [sending], "its sender may have died");
    assert!(settle(&f, &held, &first, 1, Settled::Sending).await, "it is begun anew");
    assert!(settle(&f, &held, &first, 1, Settled::Sent).await);
    assert_eq!(known(&f, "anna", "m-1").await, None);
    assert!(!settle(&f, &held, &first, 1, Settled::Sent).await);
    assert!(!settle(&f, &held, &first, 1, Settled::Sending).await);
}

/// A try that may pass makes it due again later, one that failed never, until it is changed.
pub async fn a_try_is_kept(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    let held = lease(&f).await;
    assert!(settle(&f, &held, &first, 1, Settled::Sending).await);
    assert!(settle(&f, &held, &first, 1, Settled::Again { due_at: at(15), open: false }).await);
    let again = Scheduled { rev: 2, attempts: 1, ..first.clone() };
    assert_eq!(known(&f, "anna", "m-1").await, Some(again.clone()), "its time stays");
    assert!(due(&f, at(14)).await.is_empty());
    assert_eq!(due(&f, at(15)).await, [again]);
    assert!(settle(&f, &held, &first, 2, Settled::Sending).await);
    assert!(settle(&f, &held, &first, 2, Settled::Failed(failure(at(16)))).await);
    let failed = Scheduled { rev: 3, attempts: 0, failed: Some(failure(at(16))), ..first.clone() };
    assert_eq!(known(&f, "anna", "m-1").await, Some(failed));
    assert!(due(&f, at(1_000)).await.is_empty());
    assert_eq!(list(&f, "anna", all()).await, ["m-1"]);
    let changed = store.change_scheduled(change_of(&f, &first, 3, at(50), "m-1")).await;
    let waits = Scheduled { rev: 4, at: at(50), ..first.clone() };
    assert_eq!(changed.expect("change_scheduled"), Some(waits.clone()), "it waits again");
    assert_eq!(due(&f, at(50)).await, [waits]);
}

/// Who has the lease no more keeps nothing.
pub async fn a_lost_lease_settles_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let first = schedule(&f, "anna", "m-1", at(10)).await;
    let lost = lease(&f).await;
    while store.release_job(&lost).await.expect("release_job") != crate::ports::Released::Free {}
    let held = lease(&f).await;
    assert_ne!(held.fence, lost.fence);
    let tries = [
        Settled::Sending,
        Settled::Sent,
        Settled::Again { due_at: at(99), open: true },
        Settled::Failed(failure(at(11))),
    ];
    for tried in tries {
        assert!(!settle(&f, &lost, &first, 1, tried.clone()).await, "{tried:?}");
        assert_eq!(known(&f, "anna", "m-1").await, Some(first.clone()), "{tried:?}");
    }
    assert!(settle(&f, &held, &first, 1, Settled::Sent).await);
}

/// Of devices that schedule at once none passes the bound, and one id is one message.
pub async fn racing_schedules_stay_within_the_bound(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let mut tasks = JoinSet::new();
    for n in 0..24 {
        // Each id is asked for twice.
        let id = format!("m-{}", n / 2);
        let wanted = new(&f.app, &one(&f, "anna", &id, at(10)), &id, 5);
        let node = nodes[n % nodes.len()].clone();
        tasks.spawn(async move { node.schedule(wanted).await.expect("schedule") });
    }
    let mut stored = 0;
    while let Some(outcome) = tasks.join_next().await {
        match outcome.expect("no task dies") {
            ScheduleOutcome::Stored => stored += 1,
            ScheduleOutcome::Existing(_) | ScheduleOutcome::TooMany => {}
            ScheduleOutcome::Conflict => panic!("the same was asked"),
        }
    }
    assert_eq!(stored, 5);
    assert_eq!(list(&f, "anna", all()).await.len(), 5);
}
