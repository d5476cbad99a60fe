//! Dialects' documents.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::Fixture;
use crate::model::Time;
use crate::ports::{PutRecord, PutRecordOutcome, RecordPlace, Store};

fn place(f: &Fixture<'_>) -> RecordPlace {
    RecordPlace { app: f.app.clone(), dialect: "i2a", kind: "note" }
}

fn put_of(f: &Fixture<'_>, key: &str, value: &str, expected: Option<u64>) -> PutRecord {
    PutRecord {
        place: place(f),
        key: key.to_owned(),
        value: value.to_owned(),
        expected,
        lookup: None,
        expires_at: None,
        now: f.now(),
    }
}

async fn put(store: &dyn Store, wanted: PutRecord) -> PutRecordOutcome {
    store.put_record(wanted).await.expect("put_record")
}

/// A document is made, replaced only at the rev that is expected, listed and removed.
pub async fn documents_are_kept_by_their_rev(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let at = place(&f);
    let get = async |key: &str| store.record(&at, key, f.now()).await.expect("record");
    assert_eq!(get("a").await, None);
    assert_eq!(put(store, put_of(&f, "a", "1", Some(0))).await, PutRecordOutcome::Put(1));
    let known = get("a").await.expect("it is there");
    assert_eq!((known.value.as_str(), known.rev), ("1", 1));
    let refused = put(store, put_of(&f, "a", "2", Some(0))).await;
    assert_eq!(refused, PutRecordOutcome::Conflict(Some(known)));
    assert_eq!(put(store, put_of(&f, "a", "2", Some(1))).await, PutRecordOutcome::Put(2));
    assert_eq!(put(store, put_of(&f, "a", "3", None)).await, PutRecordOutcome::Put(3));
    let none = put(store, put_of(&f, "b", "x", Some(1))).await;
    assert_eq!(none, PutRecordOutcome::Conflict(None), "nothing is there to replace");
    for key in ["字", "B", "b"] {
        put(store, put_of(&f, key, "{}", None)).await;
    }
    let list = async |after: Option<&str>, limit| -> Vec<String> {
        let page = store.records(&at, after, limit, f.now()).await.expect("records");
        page.into_iter().map(|record| record.key).collect()
    };
    assert_eq!(list(None, 10).await, ["B", "a", "b", "字"]);
    assert_eq!(list(Some("a"), 1).await, ["b"]);
    assert!(store.delete_record(&at, "a", f.now()).await.expect("delete_record"));
    assert!(!store.delete_record(&at, "a", f.now()).await.expect("delete_record"));
    let elsewhere = RecordPlace { kind: "other", ..at.clone() };
    assert_eq!(store.record(&elsewhere, "b", f.now()).await.expect("record"), None);
    let other = Fixture::new(store).await;
    let theirs = store.record(&place(&other), "b", f.now()).await.expect("record");
    assert_eq!(theirs, None, "apps never meet");
}

/// From its end on a document is not there, and its key and lookup are free.
pub async fn documents_expire(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let at = place(&f);
    let now = f.now();
    let lookup = random_lookup();
    let mut wanted = put_of(&f, "a", "1", Some(0));
    wanted.expires_at = Some(Time(now.0 + 1_000));
    wanted.lookup = Some(lookup);
    wanted.now = now;
    assert_eq!(put(store, wanted.clone()).await, PutRecordOutcome::Put(1));
    assert!(store.record(&at, "a", Time(now.0 + 999)).await.expect("record").is_some());
    let later = Time(now.0 + 1_000);
    assert_eq!(store.record(&at, "a", later).await.expect("record"), None);
    assert!(store.records(&at, None, 10, later).await.expect("records").is_empty());
    let found = store.record_by_lookup("i2a", "note", &lookup, later).await.expect("by lookup");
    assert_eq!(found, None);
    let mut again = put_of(&f, "b", "2", Some(0));
    (again.lookup, again.now) = (Some(lookup), later);
    assert_eq!(put(store, again).await, PutRecordOutcome::Put(1), "the lookup is free");
    let mut again = put_of(&f, "a", "3", Some(0));
    again.now = later;
    assert_eq!(put(store, again).await, PutRecordOutcome::Put(1), "the key is free");
}

/// A secret's hash finds its document and app; no two documents of a kind have one hash.
pub async fn a_lookup_finds_the_app(store: &dyn Store) {
    let (f, other) = (Fixture::new(store).await, Fixture::new(store).await);
    let hash = random_lookup();
    let find = async |kind: &'static str| {
        store.record_by_lookup("i2a", kind, &hash, f.now()).await.expect("by lookup")
    };
    assert_eq!(find("note").await, None);
    let mut wanted = put_of(&f, "a", "1", None);
    wanted.lookup = Some(hash);
    put(store, wanted.clone()).await;
    let (app, record) = find("note").await.expect("it is there");
    assert_eq!((app, record.key.as_str()), (f.app.clone(), "a"));
    assert_eq!(find("other").await, None);
    assert_eq!(put(store, wanted).await, PutRecordOutcome::Put(2), "its own stays");
    let mut theirs = put_of(&other, "a", "1", None);
    theirs.lookup = Some(hash);
    assert_eq!(put(store, theirs).await, PutRecordOutcome::LookupTaken);
}

/// Of racing makers one makes.
pub async fn racing_puts_make_one(nodes: &[Arc<dyn Store>]) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    let mut tasks = JoinSet::new();
    for n in 0..32 {
        let node = nodes[n % nodes.len()].clone();
        let wanted = put_of(&f, "one", &n.to_string(), Some(0));
        tasks.spawn(async move { node.put_record(wanted).await.expect("put_record") });
    }
    let mut made = 0;
    while let Some(done) = tasks.join_next().await {
        match done.expect("no task dies") {
            PutRecordOutcome::Put(rev) => {
                assert_eq!(rev, 1);
                made += 1;
            }
            PutRecordOutcome::Conflict(Some(_)) => {}
            other => panic!("a race gave {other:?}"),
        }
    }
    assert_eq!(made, 1);
}

fn random_lookup() -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(super::fixtures::random_text().as_bytes()).into()
}
