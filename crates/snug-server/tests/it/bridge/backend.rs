//! A door before the customer's backend that can be held shut.

use std::net::SocketAddr;
use std::sync::Arc;

use snug_core::engine::EnableBridge;
use snug_core::ids::AppId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::site::Site;
use crate::harness::{TestApp, TestServer};

pub(crate) struct Slow {
    address: SocketAddr,
    held: Arc<watch::Sender<bool>>,
    waiting: watch::Receiver<usize>,
    _serving: AbortOnDropHandle<()>,
}

/// What is said while it is held gets through when it is released.
pub(crate) async fn slow(site: &Site) -> Slow {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let to = site.customer.address;
    let (held, _) = watch::channel(false);
    let held = Arc::new(held);
    let watched = held.clone();
    let (arrived, waiting) = watch::channel(0);
    let arrived = Arc::new(arrived);
    let tasks = TaskTracker::new();
    let inner = tasks.clone();
    let serving = tasks.spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let (held, arrived) = (watched.subscribe(), arrived.clone());
            inner.spawn(async move {
                let there = TcpStream::connect(to).await.expect("the backend");
                // Either side may hang up at any time.
                let _ = carry(from, there, held, &arrived).await;
            });
        }
    });
    Slow { address, held, waiting, _serving: AbortOnDropHandle::new(serving) }
}

/// Carries a connection; what the caller says waits while the door is held.
async fn carry(
    from: TcpStream,
    there: TcpStream,
    mut held: watch::Receiver<bool>,
    arrived: &watch::Sender<usize>,
) -> std::io::Result<()> {
    let (mut said, mut back) = from.into_split();
    let (mut answered, mut on) = there.into_split();
    let up = async {
        let mut bytes = vec![0; 16_384];
        loop {
            let many = said.read(&mut bytes).await?;
            if many == 0 {
                return on.shutdown().await;
            }
            if *held.borrow() {
                arrived.send_modify(|calls| *calls += 1);
            }
            let _ = held.wait_for(|held| !held).await;
            on.write_all(&bytes[..many]).await?;
        }
    };
    let (up, down) = tokio::join!(up, tokio::io::copy(&mut answered, &mut back));
    up.and(down.map(|_| ()))
}

impl Slow {
    pub(crate) async fn bridge(&self, server: &TestServer, app: &TestApp, site: &Site) {
        let id = AppId::new(&app.id).expect("an id");
        let base_url = format!("http://{}/bridge", self.address);
        let enable = EnableBridge { base_url, public_key: site.signer.pem(), members_only: true };
        let engine = &server.server().app().engine;
        engine.enable_bridge(&id, enable).await.expect("bridged");
        engine.settle_bridge(&id).await.expect("settled");
    }

    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Waits until a call stands at the door.
    pub(crate) async fn held(&self) {
        let mut waiting = self.waiting.clone();
        let came = waiting.wait_for(|many| *many > 0);
        crate::harness::within("a call at the door", came).await.expect("the door is there");
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }
}
