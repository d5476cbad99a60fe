//! Nodes: who is silent is found, by one, with the time up to which it has told.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::fixtures::Fixture;
use crate::model::Time;
use crate::ports::{LostNode, Store};

const LONG: u64 = 60_000;

async fn beat(f: &Fixture<'_>, node: &str, told_ms: u64) {
    f.store.beat_node(node, told_ms, f.now()).await.expect("beat_node");
}

async fn lost(f: &Fixture<'_>, silent_ms: u64) -> Option<LostNode> {
    f.store.lost_node(silent_ms, f.now()).await.expect("lost_node")
}

async fn forget(f: &Fixture<'_>, node: &str) {
    f.store.forget_node(node).await.expect("forget_node");
}

async fn position(f: &Fixture<'_>) -> Time {
    f.store.position(f.now()).await.expect("position").at
}

/// Who beats is not lost, whoever falls silent is until it is forgotten.
pub async fn the_silent_are_lost(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let before = position(&f).await;
    beat(&f, "one", 0).await;
    let after = position(&f).await;
    assert_eq!(lost(&f, LONG).await, None);
    let found = lost(&f, 0).await.expect("it beat before now");
    assert_eq!(found.node, "one");
    assert!((before..=after).contains(&found.told_at), "it had nothing to tell when it came");
    assert_eq!(lost(&f, LONG).await, None, "it is in somebody's hands");
    assert_eq!(lost(&f, 0).await.map(|lost| lost.node), Some("one".to_owned()), "who dies too");
    forget(&f, "one").await;
    assert_eq!(lost(&f, 0).await, None);
    forget(&f, "one").await;
}

/// What was told goes forward only.
pub async fn what_was_told_goes_forward(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let told = async || lost(&f, 0).await.expect("it is silent").told_at;
    let before = position(&f).await;
    beat(&f, "one", LONG).await;
    let first = told().await;
    assert!(first < before, "what it committed before it came");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let between = position(&f).await;
    beat(&f, "one", 0).await;
    let then = told().await;
    assert!(then >= between);
    beat(&f, "one", LONG).await;
    assert_eq!(told().await, then);
    forget(&f, "one").await;
}

/// Of many who look, one has it.
pub async fn one_announces(nodes: &[Arc<dyn Store>]) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    for round in 0..2 {
        beat(&f, "dead", 0).await;
        // As long as it is in somebody's hands: all must have looked by then, on any machine.
        tokio::time::sleep(Duration::from_millis(3_100)).await;
        let mut tasks = JoinSet::new();
        for n in 0..16 {
            let (node, now) = (nodes[n % nodes.len()].clone(), f.now());
            tasks.spawn(async move { node.lost_node(3_000, now).await.expect("lost_node") });
        }
        let got = tasks.join_all().await.into_iter().flatten().count();
        assert_eq!(got, 1, "round {round}");
        forget(&f, "dead").await;
    }
}

/// Rooms of every app that changed since, with where they stand.
pub async fn changed_rooms_are_found(store: &dyn Store) {
    let (f, other) = (Fixture::new(store).await, Fixture::new(store).await);
    let (quiet, room) = (f.group("quiet", &["anna"]).await, f.group("r", &["anna"]).await);
    let (gone, foreign) = (f.group("gone", &["anna"]).await, other.group("r", &["ben"]).await);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let since = position(&f).await;
    f.send(&room, "anna", "hi").await;
    other.send(&foreign, "ben", "hi").await;
    f.send(&gone, "anna", "hi").await;
    let deleted = store.delete_room(&f.app, &gone, f.now()).await;
    assert!(deleted.expect("delete_room").is_some());
    let found = store.rooms_changed(since, 1_000).await.expect("rooms_changed");
    let of = |app, room| {
        let found = found.iter().find(|changed| (&changed.app, &changed.room) == (app, room));
        found.map(|changed| (changed.head.clone(), changed.deleted))
    };
    assert_eq!(of(&f.app, &room), Some((f.head(&room).await, false)));
    assert_eq!(of(&other.app, &foreign), Some((other.head(&foreign).await, false)));
    assert_eq!(of(&f.app, &quiet), None);
    assert!(of(&f.app, &gone).is_some_and(|(_, deleted)| deleted));
    let few = store.rooms_changed(since, 1).await.expect("rooms_changed");
    assert_eq!(few.len(), 1);
    assert_eq!(few[0].room, gone, "what changed last");
}
