//! The delivery contract on real servers: the crowd of `snug verify` writes, reads, breaks off
//! and comes back, is let out and in and logged out, and everything that it did and saw is held
//! against the contract. Here on one node, on two, through kills and a stopped process; and with
//! a door that lies, so that it is known to see.

mod faults;
mod lies;
mod nodes;

use std::time::Duration;

use snug_server::verify::HttpDoor;
use snug_verify::{Door, Plan, Report, verify};

use crate::harness::{Backend, TestApp, TestServer};

fn door(nodes: &[&TestApp]) -> HttpDoor {
    let urls: Vec<String> = nodes.iter().map(|app| format!("http://{}", app.address)).collect();
    HttpDoor::new(&urls, None).expect("URLs")
}

fn plan(app: &TestApp, seed: u64, seconds: u64) -> Plan {
    Plan {
        server_key: app.key.clone(),
        run: format!("{seed:x}"),
        users: 8,
        rooms: 4,
        walk: Duration::from_secs(seconds),
        enough,
        patience: Duration::from_secs(30),
        seed,
    }
}

async fn walk<D: Door>(door: D, plan: Plan) -> Report {
    verify(door, plan).await.expect("the crowd walks to the end")
}

/// So much that a breach would have been seen.
fn enough(report: &Report) -> bool {
    report.acked > 100
        && report.events > 100
        && report.moves > 2
        && report.revokes > 0
        && report.changes > 5
        && report.repeats > 0
        && report.connects > 8
}

/// Nothing was broken, and enough was done to say so.
#[track_caller]
#[expect(clippy::print_stdout, reason = "the run says how much it has seen")]
fn kept(report: &Report) {
    let shown: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    println!("{report:?}");
    assert!(enough(report), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_the_embedded_store() {
    holds(Backend::Sqlite, 0x5eed_0001).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_postgres() {
    holds(Backend::Postgres, 0x5eed_0002).await;
}

async fn holds(backend: Backend, seed: u64) {
    let server = TestServer::start(backend).await;
    let app = server.app().await;
    kept(&walk(door(&[&app]), plan(&app, seed, 5)).await);
    assert!(server.stop().await);
}
