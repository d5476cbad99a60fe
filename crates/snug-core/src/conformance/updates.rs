//! Changes of the room itself: tags, archiving, merged custom JSON, and changes that hold only if
//! nobody else changed the room.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::{Fixture, json, text_message};
use crate::ids::RoomId;
use crate::model::{MergeError, Patch, Role, Room, RoomPatch, RoomPolicy, Ruled};
use crate::ports::{AppendOutcome, Store, UpdateRoomOutcome};

/// Handles of one database, as several servers hold them.
type Nodes = [Arc<dyn Store>];

async fn update(f: &Fixture<'_>, room: &RoomId, patch: RoomPatch) -> UpdateRoomOutcome {
    let guard = f.backend_guard(room).await;
    f.store.update_room(&f.app, room, patch, &guard, f.now()).await.expect("update_room")
}

/// The room after a change that nothing forbids.
pub(super) async fn patched(f: &Fixture<'_>, room: &RoomId, patch: RoomPatch) -> Room {
    match update(f, room, patch).await {
        UpdateRoomOutcome::Updated(room) => *room,
        other => panic!("an update that nothing forbids gave {other:?}"),
    }
}

fn merge(part: &str) -> RoomPatch {
    RoomPatch { custom_patch: Some(json(part)), ..RoomPatch::default() }
}

fn named(name: &str) -> RoomPatch {
    RoomPatch { name: Patch::Set(name.to_owned()), ..RoomPatch::default() }
}

fn tagged(tags: &[&str]) -> RoomPatch {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    RoomPatch { tags: Some(tags), ..RoomPatch::default() }
}

/// Tags come out as they went in, through a change, a leaving and a making anew.
pub async fn tags_are_kept(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna", "ben"]);
    new.tags = vec!["a \"b\"\\".to_owned(), "標籤".to_owned()];
    let made = f.create(new.clone()).await.room;
    assert_eq!(made.tags, new.tags);
    let room = made.id;
    assert_eq!(f.facts(&room, "anna").await.room.tags, new.tags);
    let after = patched(&f, &room, named("new")).await;
    assert_eq!(after.tags, new.tags, "a name is no tag");
    f.remove(&room, &["ben"]).await;
    let after = patched(&f, &room, tagged(&["x"])).await;
    assert_eq!(after.tags, ["x"]);
    assert_eq!(f.facts(&room, "anna").await.room, after);
    assert!(patched(&f, &room, tagged(&[])).await.tags.is_empty());
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let mut again = f.new_group("team", &["anna"]);
    again.tags = vec!["again".to_owned()];
    assert_eq!(f.create(again).await.room.tags, ["again"]);
}

/// Archiving moves the policy: what was decided before it is not stored.
pub async fn archiving_moves_the_policy(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna"]).await;
    let guard = f.guard(&room, "anna").await;
    let before = f.facts(&room, "anna").await.room;
    let archive = |on| RoomPatch { archived: Some(on), ..RoomPatch::default() };
    let after = patched(&f, &room, archive(true)).await;
    assert!(after.archived && after.policy_rev > before.policy_rev);
    assert_eq!(f.facts(&room, "anna").await.room, after);
    let message = text_message(f.message_id(), Some("anna"), "late");
    let late = f.try_append(&room, guard, message).await;
    assert_eq!(late, AppendOutcome::GuardMoved);
    let back = patched(&f, &room, archive(false)).await;
    assert!(!back.archived && back.policy_rev > after.policy_rev);
    patched(&f, &room, archive(true)).await;
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    assert!(!f.create(f.new_group("team", &["anna"])).await.room.archived, "made anew");
}

/// Who may do what is kept as it was said, and moves the policy: what was decided before it is not
/// stored.
pub async fn saying_who_may_moves_the_policy(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna", "ben"]);
    new.policy = RoomPolicy([(Ruled::React, Role::Owner), (Ruled::Pin, Role::Member)].into());
    let made = f.create(new.clone()).await.room;
    assert_eq!(made.policy, new.policy);
    let room = made.id;
    assert_eq!(f.facts(&room, "ben").await.room.policy, new.policy);
    let guard = f.guard(&room, "ben").await;
    let announcements = RoomPolicy([(Ruled::Send, Role::Admin)].into());
    let said =
        |policy: &RoomPolicy| RoomPatch { policy: Some(policy.clone()), ..RoomPatch::default() };
    let after = patched(&f, &room, said(&announcements)).await;
    assert_eq!(after.policy, announcements, "given whole");
    assert!(after.policy_rev > made.policy_rev);
    assert_eq!((after.head.rev, after.head.room_rev), (2, 2));
    assert_eq!(f.facts(&room, "anna").await.room, after);
    let message = text_message(f.message_id(), Some("ben"), "late");
    assert_eq!(f.try_append(&room, guard, message).await, AppendOutcome::GuardMoved);
    let named = patched(&f, &room, named("new")).await;
    assert_eq!((named.policy, named.policy_rev), (announcements, after.policy_rev));
    let none = patched(&f, &room, said(&RoomPolicy::default())).await;
    assert!(none.policy.is_empty() && none.policy_rev > after.policy_rev);
    patched(&f, &room, said(&new.policy)).await;
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let anew = f.create(f.new_group("team", &["anna"])).await.room;
    assert!(anew.policy.is_empty(), "another room, the table again");
}

/// `room_rev` moves with the room's own changes only, and `if_rev` is held against it.
pub async fn a_change_holds_only_if_nobody_changed_the_room(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    assert_eq!(f.head(&room).await.room_rev, 1, "the making's rev");
    f.send(&room, "anna", "hi").await;
    f.add(&room, &["cleo"]).await;
    f.remove(&room, &["ben"]).await;
    let head = f.head(&room).await;
    assert_eq!((head.room_rev, head.rev), (1, 4), "messages and members are no conflict");
    let first = patched(&f, &room, RoomPatch { if_rev: Some(1), ..named("first") }).await;
    assert_eq!((first.head.rev, first.head.room_rev), (5, 5));
    let sent = f.send(&room, "anna", "hi").await;
    assert_eq!(sent.head.room_rev, 5, "a message's head says it, too");
    let second = RoomPatch { if_rev: Some(1), archived: Some(true), ..named("second") };
    let outcome = update(&f, &room, second).await;
    assert_eq!(outcome, UpdateRoomOutcome::RevMoved { room_rev: 5 });
    let now = f.facts(&room, "anna").await.room;
    assert_eq!(now.name.as_deref(), Some("first"), "nothing of it was stored");
    assert_eq!((now.head.rev, now.policy_rev), (6, first.policy_rev));
    let third = patched(&f, &room, RoomPatch { if_rev: Some(5), ..merge(r#"{"a":1}"#) }).await;
    assert_eq!(third.head.room_rev, 7);
    let deleted = store.delete_room(&f.app, &room, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let anew = f.create(f.new_group("team", &["anna"])).await.room;
    assert_eq!(anew.head.room_rev, anew.head.rev, "another room, another rev");
}

/// A merge patch changes the members that it names, and is refused whole when it cannot be made.
pub async fn custom_json_is_merged(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let mut new = f.new_group("team", &["anna"]);
    new.custom = Some(json(r#"{"n": 1.50,"gone":0,"in":{"x":[1],"y":"é"}}"#));
    let room = f.create(new).await.room.id;
    let part = r#"{"gone":null,"in":{"x":null,"z":{}},"new":"字"}"#;
    let after = patched(&f, &room, merge(part)).await;
    let expected = r#"{"n":1.50,"in":{"y":"é","z":{}},"new":"字"}"#;
    assert_eq!(after.custom, Some(json(expected)));
    assert_eq!(f.facts(&room, "anna").await.room, after);
    let large = format!(r#"{{"large":"{}"}}"#, "x".repeat(16_360));
    let outcome = update(&f, &room, merge(&large)).await;
    assert_eq!(outcome, UpdateRoomOutcome::NotMerged(MergeError::TooLarge));
    assert_eq!(f.facts(&room, "anna").await.room, after, "a refused merge stores nothing");
    assert_eq!(patched(&f, &room, merge("null")).await.custom, None);
    assert_eq!(patched(&f, &room, merge(r#"{"a":1}"#)).await.custom, Some(json(r#"{"a":1}"#)));
}

const RACERS: usize = 12;

/// Every racer's change at once, over all nodes.
async fn race(
    nodes: &Nodes,
    f: &Fixture<'_>,
    room: &RoomId,
    patch: impl Fn(usize) -> RoomPatch,
) -> Vec<UpdateRoomOutcome> {
    let guard = f.backend_guard(room).await;
    let mut tasks = JoinSet::new();
    for racer in 0..RACERS {
        let (store, patch, now) = (nodes[racer % nodes.len()].clone(), patch(racer), f.now());
        let (app, room, guard) = (f.app.clone(), room.clone(), guard.clone());
        tasks.spawn(async move {
            store.update_room(&app, &room, patch, &guard, now).await.expect("update_room")
        });
    }
    tasks.join_all().await
}

/// Merges at once lose nothing of each other; of changes that name a rev one is made.
pub async fn changes_at_once_lose_nothing(nodes: &Nodes) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let room = f.group("team", &["anna"]).await;
    let merged = race(nodes, &f, &room, |n| merge(&format!(r#"{{"k{n}":{n}}}"#))).await;
    assert!(merged.iter().all(|one| matches!(one, UpdateRoomOutcome::Updated(_))));
    let now = f.facts(&room, "anna").await.room;
    let custom = now.custom.expect("custom JSON");
    let all: std::collections::BTreeMap<String, usize> =
        serde_json::from_str(custom.as_str()).expect("numbers by name");
    assert_eq!(all.len(), RACERS, "every merge is there: {all:?}");
    let if_rev = Some(now.head.room_rev);
    let one = |n: usize| RoomPatch { if_rev, ..named(&format!("{n}")) };
    let outcomes = race(nodes, &f, &room, one).await;
    let room_rev = now.head.room_rev + 1;
    let told = UpdateRoomOutcome::RevMoved { room_rev };
    let refused = outcomes.iter().filter(|outcome| **outcome == told).count();
    let made = |outcome: &&UpdateRoomOutcome| matches!(outcome, UpdateRoomOutcome::Updated(_));
    let made = outcomes.iter().filter(made).count();
    assert_eq!((made, refused), (1, RACERS - 1), "one is made, the others are told");
}
