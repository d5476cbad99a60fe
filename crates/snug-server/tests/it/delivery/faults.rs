//! The crowd beside a process that is killed or stands still.

use std::net::SocketAddr;
use std::time::Duration;

use snug_testkit::{free_port, temp_dir};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::{door, kept, plan, walk};
use crate::kill::{Running, app_in, ended, serve};

async fn signal(child: &Child, name: &str) {
    let number = child.id().expect("it runs").to_string();
    let told = Command::new("kill").args([name, &number]).status().await.expect("kill runs");
    assert!(told.success());
}

/// What happens between two moments of a walk; the crowd knows nothing of it.
async fn faults(mut server: Running, data: &std::path::Path, address: SocketAddr) -> Running {
    for round in 0..3 {
        sleep(Duration::from_millis(900 + 300 * round)).await;
        server.child.start_kill().expect("the process is there");
        assert!(!ended(&mut server.child).await.success());
        server = serve(data, address).await;
    }
    sleep(Duration::from_millis(500)).await;
    // Connections stay open and nothing moves.
    signal(&server.child, "-STOP").await;
    sleep(Duration::from_millis(1_500)).await;
    signal(&server.child, "-CONT").await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_through_kills_and_a_standstill() {
    let data = temp_dir();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let app = app_in(data.path(), address).await;
    let server = serve(data.path(), address).await;
    let crowd = walk(door(&[&app]), plan(&app, 0x5eed_0004, 8));
    let (report, mut server) = tokio::join!(crowd, faults(server, data.path(), address));
    kept(&report);
    assert!(report.retries > 0, "nobody noticed a fault: {report:?}");
    server.child.kill().await.expect("the process is there");
}
