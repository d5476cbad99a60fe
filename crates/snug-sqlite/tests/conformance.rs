//! The suite that defines what a store is, in memory and on a file.

use std::sync::Arc;

use snug_core::conformance::{
    self, BOUNDED_CASES, CASES, FRESH_CASES, SECTIONS, SMALL_ROOMS_PER_USER,
};
use snug_core::ports::Store;
use snug_sqlite::{SqliteConfig, SqliteStore};
use snug_testkit::{TempDir, temp_dir};

const SEED: [u8; 16] = [7; 16];

fn in_memory() -> Arc<dyn Store> {
    SqliteStore::open(SqliteConfig::memory(SEED)).expect("a store in memory opens")
}

/// Every case of a section on one database in memory, and on one in a file.
async fn section(name: &str) {
    let store = in_memory();
    conformance::run_each(conformance::section(name), async || store.clone()).await;
    let dir = temp_dir();
    let store = on_file(&dir, "snug.db");
    conformance::run_each(conformance::section(name), async || store.clone()).await;
}

fn on_file(dir: &TempDir, name: &str) -> Arc<dyn Store> {
    SqliteStore::open(SqliteConfig::file(dir.join(name), SEED)).expect("a store on a file opens")
}

#[tokio::test(flavor = "multi_thread")]
async fn apps() {
    section("apps").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users() {
    section("users").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions() {
    section("sessions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms() {
    section("rooms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members() {
    section("members").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations() {
    section("invitations").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages() {
    section("messages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors() {
    section("cursors").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists() {
    section("lists").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sync() {
    section("sync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catch_up() {
    section("catch_up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes() {
    section("changes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extras() {
    section("extras").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mentions() {
    section("mentions").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads() {
    section("threads").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own() {
    section("own").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks() {
    section("marks").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduled() {
    section("scheduled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts() {
    section("receipts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates() {
    section("updates").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters() {
    section("filters").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records() {
    section("records").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bridge() {
    section("bridge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outbox() {
    section("outbox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs() {
    section("jobs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes() {
    section("nodes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn races() {
    section("races").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_install() {
    conformance::run_each(FRESH_CASES.to_vec(), async || in_memory()).await;
    for (place, case) in FRESH_CASES.iter().enumerate() {
        let dir = temp_dir();
        let store = on_file(&dir, &format!("{place}.db"));
        conformance::run_each(vec![*case], async || store.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds() {
    let config =
        SqliteConfig { rooms_per_user_max: SMALL_ROOMS_PER_USER, ..SqliteConfig::memory(SEED) };
    let store = SqliteStore::open(config).expect("a store in memory opens");
    conformance::run_each(BOUNDED_CASES.to_vec(), async || store.clone() as Arc<dyn Store>).await;
}

#[test]
fn no_section_is_forgotten() {
    let ours = [
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
    assert_eq!(SECTIONS, ours);
    assert!(CASES.iter().all(|case| ours.contains(&case.section())));
}
