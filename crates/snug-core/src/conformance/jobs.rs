//! Leases: one at a time, and never for ever.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::fixtures::Fixture;
use crate::ports::{JobPlace, Lease, Released, Store};

const LONG: u64 = 60_000;

async fn take(f: &Fixture<'_>, place: &JobPlace, owner: &str, ttl_ms: u64) -> Option<Lease> {
    f.store.lease_job(place, owner, ttl_ms, f.now()).await.expect("lease_job")
}

/// Takes the job as soon as its lease has ended.
pub(super) async fn when_free(f: &Fixture<'_>, place: &JobPlace, owner: &str) -> Lease {
    loop {
        if let Some(lease) = take(f, place, owner, LONG).await {
            return lease;
        }
        tokio::task::yield_now().await;
    }
}

fn place(f: &Fixture<'_>, key: &str) -> JobPlace {
    JobPlace { app: f.app.clone(), kind: "webhook", key: key.to_owned() }
}

/// One has it; jobs of other keys and apps are others.
pub async fn one_at_a_time(store: &dyn Store) {
    let (f, other) = (Fixture::new(store).await, Fixture::new(store).await);
    let lease = take(&f, &place(&f, "a"), "one", LONG).await.expect("free");
    assert_eq!(take(&f, &place(&f, "a"), "two", LONG).await, None);
    assert_eq!(take(&f, &place(&f, "a"), "one", LONG).await, None, "nor to its holder again");
    assert!(take(&f, &place(&f, "b"), "two", LONG).await.is_some());
    assert!(take(&other, &place(&other, "a"), "two", LONG).await.is_some());
    assert!(store.renew_job(&lease, LONG, f.now()).await.expect("renew_job"));
}

/// Who was refused leaves word, and the holder hears it instead of putting the job down.
pub async fn a_release_tells_that_it_was_asked_for(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let release = async |lease: &Lease| store.release_job(lease).await.expect("release_job");
    let lease = take(&f, &place(&f, ""), "one", LONG).await.expect("free");
    assert_eq!(take(&f, &place(&f, ""), "two", LONG).await, None);
    assert_eq!(release(&lease).await, Released::AskedFor);
    assert_eq!(take(&f, &place(&f, ""), "two", LONG).await, None, "it is still one's");
    assert_eq!(release(&lease).await, Released::AskedFor);
    assert_eq!(release(&lease).await, Released::Free);
    assert_eq!(release(&lease).await, Released::Lost);
    let next = take(&f, &place(&f, ""), "two", LONG).await.expect("free");
    assert!(next.fence > lease.fence);
    assert_eq!(release(&lease).await, Released::Lost);
    assert_eq!(release(&next).await, Released::Free, "asking was the last holder's affair");
}

/// A holder that is gone is waited for no longer than its lease.
pub async fn a_lease_ends_by_itself(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let old = take(&f, &place(&f, ""), "one", 1).await.expect("free");
    let new = when_free(&f, &place(&f, ""), "two").await;
    assert!(new.fence > old.fence);
    assert!(!store.renew_job(&old, LONG, f.now()).await.expect("renew_job"), "it is another's");
    assert_eq!(store.release_job(&old).await.expect("release_job"), Released::Lost);
    assert!(store.renew_job(&new, LONG, f.now()).await.expect("renew_job"));
}

/// A renewed lease outlives its first end.
pub async fn a_renewed_lease_lives_on(store: &dyn Store) {
    let f = Fixture::new(store).await;
    let lease = take(&f, &place(&f, ""), "one", 1).await.expect("free");
    assert!(store.renew_job(&lease, LONG, f.now()).await.expect("renew_job"));
    let watch = take(&f, &place(&f, "watch"), "one", 1).await.expect("free");
    // When a lease of the same length has ended, the renewed one has not.
    when_free(&f, &watch.place, "two").await;
    assert_eq!(take(&f, &place(&f, ""), "two", LONG).await, None);
}

/// Of racing workers one gets it.
pub async fn racing_workers_get_one_lease(nodes: &[Arc<dyn Store>]) {
    let f = Fixture::new(nodes[0].as_ref()).await;
    for round in 0..8 {
        let mut tasks = JoinSet::new();
        for n in 0..16 {
            let (node, place, now) = (nodes[n % nodes.len()].clone(), place(&f, ""), f.now());
            tasks.spawn(async move {
                let owner = format!("node-{n}");
                node.lease_job(&place, &owner, LONG, now).await.expect("lease_job")
            });
        }
        let mut got = Vec::new();
        while let Some(lease) = tasks.join_next().await {
            got.extend(lease.expect("no task dies"));
        }
        assert_eq!(got.len(), 1, "round {round}");
        while nodes[0].release_job(&got[0]).await.expect("release_job") != Released::Free {}
    }
}
