//! The outbox: one row for each rev, in its commit, if anybody hears of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::{
    ALL, Fixture, hashed, json, message_id, room_id, stored, text_message, user, users,
};
use crate::ids::RoomId;
use crate::model::{
    DeliveryState, OutboxDetail, OutboxKind, OutboxRow, Patch, Role, RoomPatch, Time,
};
use crate::ports::{
    AppendOutcome, Attempted, ChangeMessage, ChangeMessageOutcome, Consumers, Guard, JobPlace,
    Lease, MemberChange, MessageChange, OutboxQuery, Store, UpdateRoomOutcome,
};

fn both() -> Consumers {
    Consumers { webhook: true, paused: false, pull: true, endpoint: Some("{}".to_owned()), rev: 0 }
}

async fn listen(f: &Fixture<'_>, consumers: &Consumers, expected: u64) -> Option<u64> {
    f.store.put_consumers(&f.app, consumers, expected).await.expect("put_consumers")
}

/// An app whose endpoint hears of everything.
async fn heard(store: &dyn Store) -> Fixture<'_> {
    let f = Fixture::new(store).await;
    assert_eq!(listen(&f, &both(), 0).await, Some(1));
    f
}

async fn rows(f: &Fixture<'_>, query: OutboxQuery) -> Vec<OutboxRow> {
    f.store.outbox(&f.app, &query).await.expect("outbox")
}

async fn all(f: &Fixture<'_>) -> Vec<OutboxRow> {
    rows(f, OutboxQuery { after: Some(0), limit: ALL, ..OutboxQuery::default() }).await
}

/// Revs of a room's waiting rows, once they have their positions.
async fn waiting(f: &Fixture<'_>, room: &RoomId, above_rev: u64) -> Vec<u64> {
    all(f).await;
    let found = f.store.outbox_of_room(&f.app, room, above_rev, ALL).await.expect("of_room");
    assert!(found.iter().all(|row| row.room == *room && row.position > 0));
    found.into_iter().map(|row| row.rev).collect()
}

async fn lease(f: &Fixture<'_>, owner: &str) -> Option<Lease> {
    let place = JobPlace::webhook(&f.app);
    f.store.lease_job(&place, owner, 60_000, f.now()).await.expect("lease_job")
}

/// Settles a row of which somebody has read the position.
async fn settle(f: &Fixture<'_>, lease: &Lease, position: u64, became: Attempted) -> bool {
    all(f).await;
    f.store.settle_outbox(lease, position, &became, f.now()).await.expect("settle_outbox")
}

async fn change(f: &Fixture<'_>, room: &RoomId, id: &str, change: MessageChange) {
    let wanted = ChangeMessage {
        app: f.app.clone(),
        room: room.clone(),
        id: message_id(id),
        guard: f.backend_guard(room).await,
        seen: None,
        change,
        by: Some(user("anna")),
        now: f.now(),
    };
    let outcome = f.store.change_message(wanted).await.expect("change_message");
    assert!(matches!(outcome, ChangeMessageOutcome::Changed(_)), "{outcome:?}");
}

fn edit(text: &str) -> MessageChange {
    MessageChange::Edit { text: Some(text.to_owned()), custom: None, extras: None }
}

fn detail(row: &OutboxRow) -> OutboxDetail {
    serde_json::from_str(row.detail.as_deref().expect("a detail")).expect("a document")
}

async fn rename(f: &Fixture<'_>, room: &RoomId, guard: Guard, name: &str) {
    let patch = RoomPatch { name: Patch::Set(name.to_owned()), ..RoomPatch::default() };
    let updated = f.store.update_room(&f.app, room, patch, &guard, f.now()).await;
    assert!(matches!(updated.expect("update_room"), UpdateRoomOutcome::Updated(_)));
}

/// Who hears is kept by its rev; of two who change it at once one does.
pub async fn consumers_are_kept_by_their_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    assert_eq!(store.consumers(&f.app).await.expect("consumers"), None);
    assert_eq!(listen(&f, &both(), 1).await, None, "there is none at rev 1");
    assert_eq!(store.consumers(&f.app).await.expect("consumers"), None);
    assert_eq!(listen(&f, &both(), 0).await, Some(1));
    assert_eq!(listen(&f, &both(), 0).await, None, "there is one already");
    let off = Consumers { webhook: false, paused: true, pull: false, endpoint: None, rev: 0 };
    assert_eq!(listen(&f, &off, 1).await, Some(2));
    let found = store.consumers(&f.app).await.expect("consumers");
    assert_eq!(found, Some(Consumers { rev: 2, ..off }));
}

/// Apps without consumers pay nothing, before they have one and after.
pub async fn who_is_not_heard_leaves_nothing(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("r", &["anna"]).await;
    f.send(&room, "anna", "nobody hears").await;
    assert!(all(&f).await.is_empty());
    let pull = Consumers { webhook: false, ..both() };
    listen(&f, &pull, 0).await.expect("switched on");
    f.send(&room, "anna", "heard").await;
    let found = all(&f).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rev, found[0].delivery.state), (3, DeliveryState::Off));
    assert_eq!(waiting(&f, &room, 0).await, [] as [u64; 0], "it is there to be pulled only");
    let off = Consumers { pull: false, ..pull };
    listen(&f, &off, 1).await.expect("switched off");
    f.send(&room, "anna", "nobody hears").await;
    assert_eq!(all(&f).await, found);
}

/// Each rev of a room has one row, which says what happened.
pub async fn every_rev_has_one_row(store: &dyn Store) {
    let f = heard(store).await;
    let mut new = f.new_group("r", &["anna", "ben"]);
    new.message = Some(text_message(message_id("m-first"), Some("anna"), "hello"));
    new.custom = Some(json(r#"{"b": 1,"a":2}"#));
    let room = f.create(new).await.room.id;
    let guard = f.guard(&room, "anna").await;
    rename(&f, &room, guard, "Renamed").await;
    let add = MemberChange::Add { users: users(&["cho", "ben"]), role: Role::Admin };
    let said = super::fixtures::system_message(message_id("m-said"), r#"{"joined":["cho"]}"#);
    f.change(&room, add, Some(said)).await;
    f.remove(&room, &["cho"]).await;
    change(&f, &room, "m-first", edit("hello!")).await;
    let react = |on| MessageChange::React { user: user("ben"), key: "+1".to_owned(), on };
    change(&f, &room, "m-first", react(true)).await;
    change(&f, &room, "m-first", react(false)).await;
    change(&f, &room, "m-first", MessageChange::Hide(true)).await;
    change(&f, &room, "m-first", MessageChange::Hide(false)).await;
    change(&f, &room, "m-first", MessageChange::Delete).await;
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");

    let found = all(&f).await;
    let told: Vec<_> = found.iter().map(|row| (row.position, row.rev, row.kind)).collect();
    let kinds = [
        OutboxKind::RoomCreated,
        OutboxKind::MessageNew,
        OutboxKind::RoomChanged,
        OutboxKind::MembersAdded,
        OutboxKind::MessageNew,
        OutboxKind::MembersRemoved,
        OutboxKind::MessageEdited,
        OutboxKind::ReactionAdded,
        OutboxKind::ReactionRemoved,
        OutboxKind::MessageHidden,
        OutboxKind::MessageShown,
        OutboxKind::MessageDeleted,
        OutboxKind::RoomDeleted,
    ];
    let expected: Vec<_> = (1..).zip(kinds).map(|(n, kind)| (n, n, kind)).collect();
    assert_eq!(told, expected);
    assert!(found.iter().all(|row| row.room == room && row.at > Time(0)));
    assert!(found.iter().all(|row| row.delivery.state == DeliveryState::Waiting));
    check_details(&found);
}

fn check_details(found: &[OutboxRow]) {
    let made = detail(&found[0]);
    let names: Vec<_> = made.members.iter().map(|m| (m.user.as_str(), m.role.as_deref())).collect();
    assert_eq!(names, [("anna", Some("owner")), ("ben", Some("member"))]);
    let made = made.room.expect("the room");
    assert_eq!((made.kind.as_str(), made.member_count, made.name), ("group", 2, None));
    assert_eq!(made.custom.expect("custom").get(), r#"{"b": 1,"a":2}"#, "as it came");
    let renamed = detail(&found[2]);
    assert_eq!(renamed.by, Some(user("anna")));
    assert_eq!(renamed.room.expect("the room").name.as_deref(), Some("Renamed"));
    let added = detail(&found[3]);
    assert_eq!((added.v, added.by), (1, None), "the backend did it");
    let names: Vec<_> = added.members.iter().map(|m| m.user.as_str()).collect();
    assert_eq!(names, ["cho"], "ben was there");
    assert_eq!(added.members[0].role.as_deref(), Some("admin"));
    assert_eq!(detail(&found[5]).members[0].user, user("cho"));
    let reaction = detail(&found[7]).reaction.expect("the reaction");
    assert_eq!((reaction.user.as_str(), reaction.key.as_str()), ("ben", "+1"));
    let seqs: Vec<_> = found.iter().map(|row| row.seq).collect();
    let first = Some(1);
    let expected =
        [None, first, None, None, Some(2), None, first, first, first, first, first, first, None];
    assert_eq!(seqs, expected);
}

/// What is refused, or was there, leaves no row.
pub async fn no_row_without_a_commit(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna"]).await;
    let first = text_message(message_id("m-first"), Some("anna"), "hello");
    f.append(&room, first.clone()).await;
    let before = all(&f).await;
    let guard = f.guard(&room, "anna").await;
    let again = f.try_append(&room, guard.clone(), first).await;
    assert!(matches!(again, AppendOutcome::Duplicate(_)), "{again:?}");
    let other = text_message(message_id("m-first"), Some("anna"), "another");
    assert_eq!(f.try_append(&room, guard.clone(), other).await, AppendOutcome::Conflict);
    let stale = Guard { room_policy_rev: guard.room_policy_rev + 1, ..guard };
    let late = text_message(message_id("m-late"), Some("anna"), "late");
    assert_eq!(f.try_append(&room, stale, late).await, AppendOutcome::GuardMoved);
    f.add(&room, &["anna"]).await;
    store.create_room(f.new_group("r", &["ben"])).await.expect("create_room");
    assert_eq!(all(&f).await, before);
}

/// Later edits do not change what an earlier row says; erasing does.
pub async fn a_row_tells_the_words_of_its_rev(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna", "ben"]).await;
    let mut first = text_message(message_id("m"), Some("anna"), "one");
    first.custom = Some(json(r#"{"n": 1}"#));
    f.append(&room, hashed(first)).await;
    change(&f, &room, "m", edit("two")).await;
    let react = MessageChange::React { user: user("ben"), key: "+1".to_owned(), on: true };
    change(&f, &room, "m", react).await;
    let both =
        MessageChange::Edit { text: Some("three".into()), custom: Some(json("{}")), extras: None };
    change(&f, &room, "m", both).await;
    let told = |row: &OutboxRow| {
        let message = row.message.clone().expect("the message");
        assert_eq!((message.rev, message.reactions.len()), (row.rev, 0));
        let custom = message.custom.map(|custom| custom.as_str().to_owned());
        (message.text, custom, message.edited_at.is_some())
    };
    let found = all(&f).await;
    let of =
        |text: &str, custom: &str, edited| (Some(text.to_owned()), Some(custom.to_owned()), edited);
    assert_eq!(told(&found[1]), of("one", r#"{"n": 1}"#, false));
    assert_eq!(told(&found[2]), of("two", r#"{"n": 1}"#, true));
    assert_eq!(told(&found[3]), of("two", r#"{"n": 1}"#, true), "what was reacted to");
    assert_eq!(told(&found[4]), of("three", "{}", true));
    assert_eq!(waiting(&f, &room, 1).await, [2, 3, 4, 5]);

    change(&f, &room, "m", MessageChange::Delete).await;
    for row in &all(&f).await[1..] {
        let message = row.message.clone().expect("the tombstone");
        assert!(message.deleted_at.is_some(), "an erased message says so");
        assert_eq!((message.text, message.custom), (None, None));
    }
    f.send(&room, "anna", "in a room that goes").await;
    store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    for row in &all(&f).await {
        let words = row.message.as_ref().and_then(|message| message.text.as_ref());
        assert_eq!(words, None, "a deleted room's words are nobody's any more");
    }
}

/// Pages both ways, and by state.
pub async fn rows_are_paged_by_position(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna"]).await;
    for n in 2..=5 {
        f.send(&room, "anna", &format!("{n}")).await;
    }
    let places = async |query| -> Vec<u64> {
        rows(&f, query).await.into_iter().map(|row| row.position).collect()
    };
    let none = OutboxQuery::default();
    assert_eq!(places(OutboxQuery { after: Some(2), limit: 2, ..none.clone() }).await, [3, 4]);
    assert_eq!(places(OutboxQuery { before: Some(3), limit: 9, ..none.clone() }).await, [2, 1]);
    assert_eq!(places(OutboxQuery { limit: 2, ..none.clone() }).await, [5, 4]);
    let lease = lease(&f, "a").await.expect("a lease");
    let error = "no".to_owned();
    settle(&f, &lease, 2, Attempted::Delivered { status: 204 }).await;
    settle(&f, &lease, 4, Attempted::Parked { status: None, error }).await;
    let of = async |state, after| {
        places(OutboxQuery { after, state: Some(state), limit: 9, ..OutboxQuery::default() }).await
    };
    assert_eq!(of(DeliveryState::Waiting, Some(0)).await, [1, 3, 5]);
    assert_eq!(of(DeliveryState::Waiting, None).await, [5, 3, 1]);
    assert_eq!(of(DeliveryState::Delivered, Some(0)).await, [2]);
    assert_eq!(of(DeliveryState::Parked, None).await, [4]);
    assert_eq!(of(DeliveryState::Parked, Some(4)).await, [] as [u64; 0]);
}

/// Attempts are counted; a failure is kept with the time of the next try.
pub async fn attempts_are_kept(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna"]).await;
    f.send(&room, "anna", "two").await;
    let lease = lease(&f, "a").await.expect("a lease");
    let next_at = f.now();
    let failed = Attempted::Failed { status: Some(500), error: "down".to_owned(), next_at };
    assert!(settle(&f, &lease, 1, failed.clone()).await);
    assert!(settle(&f, &lease, 1, failed).await);
    let delivery = all(&f).await[0].delivery.clone();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Waiting, 2));
    assert_eq!((delivery.next_at, delivery.status), (Some(next_at), Some(500)));
    assert_eq!((delivery.error.as_deref(), delivery.done_at), (Some("down"), None));
    assert_eq!(waiting(&f, &room, 0).await, [1, 2], "it stays the room's first");

    assert!(settle(&f, &lease, 1, Attempted::Delivered { status: 204 }).await);
    let delivery = all(&f).await[0].delivery.clone();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 3));
    assert_eq!((delivery.next_at, delivery.error, delivery.status), (None, None, Some(204)));
    assert!(delivery.done_at.is_some());
    let late = Attempted::Parked { status: None, error: "late".to_owned() };
    assert!(settle(&f, &lease, 1, late.clone()).await, "the lease is held");
    let state = all(&f).await[0].delivery.state;
    assert_eq!(state, DeliveryState::Delivered, "what is done stays done");
    assert!(settle(&f, &lease, 2, late).await);
    assert_eq!(waiting(&f, &room, 0).await, [] as [u64; 0], "a parked row holds nothing up");
}

/// A node that lost its lease writes nothing over what the next one did.
pub async fn a_lost_lease_settles_nothing(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna"]).await;
    let place = JobPlace::webhook(&f.app);
    let old = store.lease_job(&place, "a", 1, f.now()).await.expect("lease_job").expect("free");
    let new = super::jobs::when_free(&f, &place, "b").await;
    assert!(!settle(&f, &old, 1, Attempted::Delivered { status: 200 }).await);
    assert_eq!(waiting(&f, &room, 0).await, [1]);
    assert!(settle(&f, &new, 1, Attempted::Delivered { status: 200 }).await);
    assert_eq!(waiting(&f, &room, 0).await, [] as [u64; 0]);
}

/// Work is due while a row waits and nobody has it in hand.
pub async fn work_is_due_until_somebody_has_it(store: &dyn Store) {
    let f = heard(store).await;
    let due = async || {
        let due = store.outbox_due(f.now(), ALL).await.expect("outbox_due");
        due.contains(&f.app)
    };
    assert!(!due().await, "nothing waits");
    f.group("r", &["anna"]).await;
    assert!(due().await);
    let lease = lease(&f, "a").await.expect("a lease");
    assert!(!due().await, "it is in hand");
    store.release_job(&lease).await.expect("release_job");
    assert!(due().await, "it was put down undone");
    listen(&f, &Consumers { paused: true, ..both() }, 1).await.expect("paused");
    assert!(!due().await, "nothing is delivered");
    f.group("more", &["anna"]).await;
    assert_eq!(all(&f).await[1].delivery.state, DeliveryState::Waiting, "but it waits");
    let apps = store.outbox_apps(100_000).await.expect("outbox_apps");
    assert!(apps.contains(&(f.app.clone(), false)));
    listen(&f, &both(), 2).await.expect("goes on");
    let lease = self::lease(&f, "b").await.expect("a lease");
    let waits = store.outbox_rooms(&f.app, 0, ALL).await.expect("outbox_rooms");
    assert_eq!(waits, [(1, room_id("r"), 1), (2, room_id("more"), 1)]);
    let more = store.outbox_rooms(&f.app, 1, ALL).await.expect("outbox_rooms");
    assert_eq!(more, waits[1..]);
    for (position, _, _) in waits {
        settle(&f, &lease, position, Attempted::Delivered { status: 200 }).await;
    }
    store.release_job(&lease).await.expect("release_job");
    assert!(!due().await, "it is done");
}

/// Replay makes rows wait as if never tried, the oldest first.
pub async fn replay_makes_rows_wait_again(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna"]).await;
    for _ in 2..=6 {
        f.send(&room, "anna", "again").await;
    }
    let lease = lease(&f, "a").await.expect("a lease");
    for position in 1..=5 {
        settle(&f, &lease, position, Attempted::Delivered { status: 200 }).await;
    }
    let replay = async |from, to, limit| {
        store.replay_outbox(&f.app, (from, to), limit).await.expect("replay_outbox")
    };
    assert_eq!(replay(2, 6, 2).await, (2, 3));
    assert_eq!(waiting(&f, &room, 0).await, [2, 3, 6]);
    assert_eq!(replay(2, 9, 9).await, (2, 5), "those that wait are passed over");
    assert_eq!(waiting(&f, &room, 0).await, [2, 3, 4, 5, 6]);
    assert_eq!(replay(7, 9, 9).await, (0, 0));
    let delivery = all(&f).await[1].delivery.clone();
    assert_eq!((delivery.attempts, delivery.status, delivery.done_at), (0, None, None));
}

/// Old rows are parked and, done, cleared away from the oldest on; positions go on.
pub async fn clearing_keeps_what_waits_and_the_positions(store: &dyn Store) {
    let f = heard(store).await;
    let room = f.group("r", &["anna"]).await;
    for _ in 2..=4 {
        f.send(&room, "anna", "old").await;
    }
    let lease = lease(&f, "a").await.expect("a lease");
    for position in [1, 2, 4] {
        settle(&f, &lease, position, Attempted::Delivered { status: 200 }).await;
    }
    let later = Time(f.now().0 + 60_000_000_000);
    let clear = async |waiting, kept| {
        store.clear_outbox(&f.app, waiting, kept, ALL).await.expect("clear_outbox")
    };
    assert_eq!(clear(Time(0), Time(0)).await, 0);
    assert_eq!(clear(Time(0), later).await, 2, "not past one that waits");
    assert_eq!(waiting(&f, &room, 0).await, [3]);
    assert_eq!(clear(later, Time(0)).await, 0);
    let found = all(&f).await;
    assert_eq!(found[0].delivery.state, DeliveryState::Parked, "it was too old");
    assert!(found[0].delivery.error.is_some());
    assert_eq!(clear(later, later).await, 2);
    assert!(all(&f).await.is_empty());
    f.send(&room, "anna", "new").await;
    assert_eq!(all(&f).await[0].position, 5, "no position is given twice");
    // Of what nobody has read since it was written.
    f.send(&room, "anna", "unread").await;
    assert_eq!(clear(later, later).await, 2);
}

/// No app's rows, positions or replays touch another's.
pub async fn apps_never_meet(store: &dyn Store) {
    let (f, other) = (heard(store).await, heard(store).await);
    let (room, theirs) = (f.group("r", &["anna"]).await, other.group("r", &["anna"]).await);
    f.send(&room, "anna", "ours").await;
    assert_eq!(all(&f).await.len(), 2);
    assert_eq!(all(&other).await.len(), 1, "positions are each app's own");
    let lease = lease(&f, "a").await.expect("a lease");
    settle(&f, &lease, 1, Attempted::Delivered { status: 200 }).await;
    assert_eq!(waiting(&other, &theirs, 0).await, [1]);
    all(&other).await;
    let later = Time(f.now().0 + 60_000_000_000);
    store.clear_outbox(&other.app, later, later, ALL).await.expect("clear_outbox");
    assert_eq!(all(&f).await.len(), 2);
    store.replay_outbox(&other.app, (0, 9), ALL).await.expect("replay_outbox");
    assert_eq!(waiting(&f, &room, 0).await, [2]);
}

/// Whoever reads on from the last position misses nothing, whatever order commits take.
pub async fn racing_commits_are_read_without_a_gap(nodes: &[Arc<dyn Store>]) {
    const ROOMS: usize = 4;
    const EACH: usize = 40;
    let f = heard(nodes[0].as_ref()).await;
    let mut rooms = Vec::new();
    for n in 0..ROOMS {
        rooms.push(f.group(&format!("r{n}"), &["anna"]).await);
    }
    let mut writers = JoinSet::new();
    for n in 0..ROOMS * EACH {
        let (node, app, at) = (nodes[n % nodes.len()].clone(), f.app.clone(), f.now());
        let room = room_id(&format!("r{}", n % ROOMS));
        writers.spawn(async move {
            let f = Fixture::in_app(node.as_ref(), app);
            let guard = f.backend_guard(&room).await;
            let message = text_message(message_id(&format!("m-{n}")), Some("anna"), "race");
            let mut append = f.append_of(&room, guard, message);
            append.now = at;
            stored(node.append_message(append).await.expect("append_message"));
        });
    }
    let mut readers = JoinSet::new();
    for node in nodes.iter().cycle().take(2) {
        let (node, app) = (node.clone(), f.app.clone());
        readers.spawn(async move { read_all(node.as_ref(), app, ROOMS * (EACH + 1)).await });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("no writer dies");
    }
    while let Some(read) = readers.join_next().await {
        let mut last: BTreeMap<RoomId, u64> = BTreeMap::new();
        let read = read.expect("no reader dies");
        for (n, row) in (1..).zip(&read) {
            assert_eq!(row.position, n, "positions have no hole");
            let rev = last.entry(row.room.clone()).or_default();
            assert_eq!(row.rev, *rev + 1, "each room's revs come in order");
            *rev = row.rev;
        }
        assert_eq!(last.len(), rooms.len());
    }
}

/// Reads on from the last position until so many rows were seen.
async fn read_all(store: &dyn Store, app: crate::ids::AppId, rows: usize) -> Vec<OutboxRow> {
    let mut read: Vec<OutboxRow> = Vec::new();
    while read.len() < rows {
        let after = read.last().map_or(0, |row| row.position);
        let query = OutboxQuery { after: Some(after), limit: 7, ..OutboxQuery::default() };
        read.extend(store.outbox(&app, &query).await.expect("outbox"));
        tokio::task::yield_now().await;
    }
    read
}
