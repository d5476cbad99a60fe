//! The suite that says what a store is, on PostgreSQL.

use std::sync::Arc;

use snug_core::conformance;
use snug_core::ports::Store;
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_testkit::PgServer;

async fn open(url: &str) -> Arc<dyn Store> {
    let config = PostgresConfig { pool_size: 8, ..PostgresConfig::new(url, [7; 16]) };
    PostgresStore::connect(config).await.expect("connect")
}

/// A store on an empty database of its own.
async fn empty_store() -> Arc<dyn Store> {
    open(&PgServer::shared().create_database()).await
}

async fn run(section: &str) {
    let store = empty_store().await;
    conformance::run_each(conformance::section(section), async || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apps() {
    run("apps").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users() {
    run("users").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions() {
    run("sessions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms() {
    run("rooms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members() {
    run("members").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations() {
    run("invitations").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages() {
    run("messages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors() {
    run("cursors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists() {
    run("lists").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sync() {
    run("sync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catch_up() {
    run("catch_up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes() {
    run("changes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extras() {
    run("extras").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mentions() {
    run("mentions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads() {
    run("threads").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own() {
    run("own").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks() {
    run("marks").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled() {
    run("scheduled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts() {
    run("receipts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates() {
    run("updates").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters() {
    run("filters").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records() {
    run("records").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bridge() {
    run("bridge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outbox() {
    run("outbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs() {
    run("jobs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes() {
    run("nodes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn races() {
    run("races").await;
}

/// The same on three nodes, each with its own connections and workers.
#[tokio::test(flavor = "multi_thread")]
async fn races_between_nodes() {
    let url = PgServer::shared().create_database();
    let nodes = vec![open(&url).await, open(&url).await, open(&url).await];
    let sections = [
        "races",
        "outbox",
        "jobs",
        "nodes",
        "own",
        "marks",
        "scheduled",
        "receipts",
        "updates",
        "invitations",
    ];
    for section in sections {
        conformance::run_on_nodes(conformance::section(section), async || nodes.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds() {
    let url = PgServer::shared().create_database();
    let rooms_per_user_max = conformance::SMALL_ROOMS_PER_USER;
    let config = PostgresConfig { rooms_per_user_max, ..PostgresConfig::new(&url, [7; 16]) };
    let store = PostgresStore::connect(config).await.expect("connect");
    let cases = conformance::BOUNDED_CASES.to_vec();
    conformance::run_each(cases, async || store.clone() as Arc<dyn Store>).await;
}

/// These speak of the whole install: an empty one each.
#[tokio::test(flavor = "multi_thread")]
async fn operators() {
    conformance::run_each(conformance::FRESH_CASES.to_vec(), empty_store).await;
}
