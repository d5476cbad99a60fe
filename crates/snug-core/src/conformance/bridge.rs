//! Messages whose words the customer's backend keeps: rows without a body.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::{Fixture, hashed, stored, text_message, user};
use crate::ids::RoomId;
use crate::ports::{AppendOutcome, NewMessage, Store};

fn bodyless(f: &Fixture<'_>, external: &str) -> NewMessage {
    let mut message = hashed(text_message(f.message_id(), Some("anna"), "said elsewhere"));
    message.text = None;
    message.external = Some(external.to_owned());
    message
}

async fn known(f: &Fixture<'_>, room: &RoomId, wanted: &[&str]) -> Vec<String> {
    let wanted: Vec<String> = wanted.iter().map(|&one| one.to_owned()).collect();
    let found = f.store.externals(&f.app, room, &wanted).await.expect("externals");
    let mut found: Vec<String> = found.into_iter().map(|(external, _)| external).collect();
    found.sort();
    found
}

/// A row without a body takes its place like any other, and keeps the backend's id.
pub async fn a_row_without_a_body_is_a_message(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let room = f.group("team", &["anna", "ben"]).await;
    let new = bodyless(&f, "b/1 一");
    let got = f.append(&room, new.clone()).await;
    assert_eq!((got.message.seq, got.message.count, got.message.text.as_deref()), (1, 1, None));
    assert_eq!(got.message.external.as_deref(), Some("b/1 一"));
    assert_eq!(f.history(&room).await, std::slice::from_ref(&got.message));
    assert_eq!(got.head.preview.and_then(|preview| preview.text), None);
    let found = store.externals(&f.app, &room, &["b/1 一".to_owned(), "x".to_owned()]).await;
    assert_eq!(found.expect("externals"), [("b/1 一".to_owned(), new.id.clone())]);
    let plain = f.send(&room, "ben", "kept here").await;
    assert_eq!(plain.message.external, None);
    // The same again is a repeat, whatever it says of the backend's id.
    let mut again = new;
    again.external = Some("b/2".to_owned());
    let guard = f.guard(&room, "anna").await;
    match f.try_append(&room, guard, again).await {
        AppendOutcome::Duplicate(first) => assert_eq!(*first, got.message),
        other => panic!("a repeat: {other:?}"),
    }
    assert_eq!(known(&f, &room, &["b/2"]).await, [""; 0]);
}

/// The backend's id names one message of a room; another room is another matter.
pub async fn a_backends_id_is_unique_in_its_room(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let (room, other) = (f.group("a", &["anna"]).await, f.group("b", &["anna"]).await);
    f.append(&room, bodyless(&f, "1")).await;
    let guard = f.guard(&room, "anna").await;
    let outcome = f.try_append(&room, guard, bodyless(&f, "1")).await;
    assert_eq!(outcome, AppendOutcome::Conflict);
    let head = f.head(&room).await;
    assert_eq!((head.seq, head.rev), (1, 2), "nothing was stored");
    f.append(&other, bodyless(&f, "1")).await;
    let head = store.delete_room(&f.app, &room, f.now()).await.expect("delete_room");
    assert!(head.is_some());
    assert_eq!(known(&f, &room, &["1"]).await, [""; 0], "a deleted room has no messages");
    f.group("a", &["anna"]).await;
    let anew = f.append(&room, bodyless(&f, "1")).await;
    assert_eq!(anew.message.seq, 2, "what was before the deletion holds no id");
}

/// Many at once with one of the backend's ids: one is stored, and no place is lost.
pub async fn racing_rows_of_one_backends_id(nodes: &[Arc<dyn Store>]) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let room = f.group("team", &["anna"]).await;
    let guard = f.guard(&room, "anna").await;
    let mut tasks = JoinSet::new();
    for racer in 0..24 {
        let external = format!("m{}", racer % 3);
        let append = f.append_of(&room, guard.clone(), bodyless(&f, &external));
        let store = nodes[racer % nodes.len()].clone();
        tasks.spawn(async move { store.append_message(append).await.expect("append_message") });
    }
    let mut seqs = Vec::new();
    for outcome in tasks.join_all().await {
        match outcome {
            AppendOutcome::Conflict => {}
            done => {
                let message = stored(done).message;
                assert_eq!(message.sender, Some(user("anna")));
                seqs.push(message.seq);
            }
        }
    }
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3]);
}
