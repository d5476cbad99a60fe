//! Listening: the accept loop, one HTTP/1.1 connection per task, and a drain in the end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use snug_core::limits;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::Config;
use crate::rest::{PeerAddress, Proxies};
use crate::tasks::Tasks;
use crate::wiring::{App, Given};
use crate::{dialects, docs, embed, panel, realtime, rest};

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    app: Arc<App>,
    tasks: Tasks,
}

impl Server {
    /// Opens the store, binds, and serves until [`Server::stop`].
    ///
    /// # Errors
    /// A sentence that says what failed and, where it is one, which key to change.
    pub async fn start(config: Config) -> Result<Self, String> {
        Self::start_with(config, Given::default()).await
    }

    /// As `start`, with some parts given.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_with(config: Config, given: Given) -> Result<Self, String> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| format!("listen = {}: {error}", config.listen))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let tasks = Tasks::default();
        let app = App::build_with(&config, given, tasks.clone()).await?;
        app.live();
        let router = router(&app);
        let proxies = Arc::new(config.proxies);
        tasks.spawn(accept(listener, router, proxies, tasks.clone()));
        Ok(Self { address, app, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engine and what stands around it, for commands that run beside the doors.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Stops accepting, tells every connection to go, waits for requests under way, closes the
    /// store. Says whether everything ended in time.
    pub async fn stop(self) -> bool {
        self.app.hub.drain();
        let clean = self.tasks.stop(Duration::from_millis(limits::DRAIN_MS)).await;
        self.app.close().await;
        clean
    }
}

/// All doors.
fn router(app: &Arc<App>) -> Router {
    Router::new()
        .merge(rest::routes(app))
        .merge(realtime::routes())
        .merge(panel::routes())
        .merge(docs::routes())
        .merge(embed::routes())
        .merge(dialects::routes(app))
        .fallback(rest::unknown_route)
        .layer(axum::middleware::from_fn_with_state(app.clone(), rest::around))
        .with_state(app.clone())
}

async fn accept(listener: TcpListener, router: Router, proxies: Arc<Proxies>, tasks: Tasks) {
    let stopping = tasks.stopping();
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, stop) = (router.clone(), tasks.stopping());
                let serving = serve(stream, peer.ip(), proxies.clone(), router, stop);
                tasks.spawn(serving);
            }
            Err(error) => {
                // Out of file descriptors, most likely: the ones that close make room.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    proxies: Arc<Proxies>,
    router: Router,
    stop: CancellationToken,
) {
    // Small frames must not wait for each other.
    let _ = stream.set_nodelay(true);
    // Nor does the system hold megabytes for who reads nothing: a write waits instead, and what
    // waits here is bounded.
    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(limits::SOCKET_UNSENT_BYTES);
    let service = router.map_request(move |mut request: http::Request<Incoming>| {
        let address = proxies.client(peer, request.headers());
        request.extensions_mut().insert(PeerAddress(address));
        request.extensions_mut().insert(snug_dialects::Peer(address));
        request.map(Body::new)
    });
    let service = TowerToHyperService::new(service);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::HEADERS_MS_MAX))
        .max_buf_size(limits::HEADERS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
