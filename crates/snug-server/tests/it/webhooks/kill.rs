//! The real binary, killed between commit and delivery: what was committed is delivered after
//! the restart, in order, at least once.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::json;
use snug_testkit::{free_port, temp_dir};

use super::receiver::{Receiver, Reply};
use super::{hook, revs, say};
use crate::kill::{app_in, ended, serve};

#[tokio::test]
async fn line_16_nothing_committed_is_lost_by_kill_9() {
    let data = temp_dir();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let app = app_in(data.path(), address).await;
    let mut server = serve(data.path(), address).await;
    // Held at the door: committed, and not delivered.
    let receiver = Receiver::start(|came| {
        let reply = Reply::status(200);
        if came.rev() > 3 { reply.held() } else { reply }
    })
    .await;
    let secret = hook(&app, &receiver).await;
    let rooms = [app.group(&["anna"]).await, app.group(&["anna"]).await];
    for n in 2..=12 {
        for room in &rooms {
            say(&app, room, format!("m-{n}")).await;
        }
    }
    for room in &rooms {
        receiver.stands(room).await;
    }
    server.child.start_kill().expect("the process is there");
    assert!(!ended(&mut server.child).await.success());
    let before = receiver.came();
    assert_eq!(before.len(), 6, "three of each room were delivered");

    receiver.open();
    let mut server = serve(data.path(), address).await;
    let came = receiver
        .until("the rest", |came| {
            let seen: BTreeSet<_> = came.iter().map(|came| (came.room(), came.rev())).collect();
            seen.len() == 2 * 12
        })
        .await;
    assert!(came.iter().all(|came| came.is_signed_by(&secret)));
    for (room, mut revs) in revs(&came) {
        // At least once: a repeat is of what was just delivered, never out of order.
        assert!(revs.is_sorted(), "{room}: {revs:?}");
        revs.dedup();
        assert_eq!(revs, (1..=12).collect::<Vec<u64>>(), "{room}");
    }
    let body = json!({"sender": "anna", "id": "after", "text": "after"});
    app.backend_ok("POST", &format!("rooms/{}/messages", rooms[0]), body).await;
    receiver.until("what is said after", |came| came.iter().any(|c| c.rev() == 13)).await;
    server.child.kill().await.expect("the process is there");
}
