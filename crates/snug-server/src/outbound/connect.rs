//! Connections to customers: a name is resolved, its addresses are checked, and one of the
//! checked addresses is connected to, so that a name which changes in between (DNS rebinding)
//! leads nowhere else.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use snug_core::limits;
use snug_core::ports::OutboundError;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::address::AllowedAddresses;
use super::target::{self, Host};

/// Finds the addresses of a name; tests bring their own.
#[async_trait]
pub trait Resolve: Send + Sync {
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The machine's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}

/// Makes checked connections.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) allowed: Arc<AllowedAddresses>,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) tls: TlsConnector,
}

impl Guard {
    pub(super) async fn connect(&self, uri: Uri) -> Result<Line, OutboundError> {
        let (_, host) = target::parse(&uri.to_string(), false)?;
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.open(&host, port).await?;
        // A small request must not wait for anything.
        let _ = stream.set_nodelay(true);
        if !secure {
            return Ok(Line(TokioIo::new(Either::Left(stream))));
        }
        let name = match host {
            Host::Address(address) => ServerName::from(address),
            Host::Name(name) => ServerName::try_from(name)
                .map_err(|_| OutboundError::InvalidUrl("its host is no plain name".to_owned()))?,
        };
        match self.tls.connect(name, stream).await {
            Ok(stream) => Ok(Line(TokioIo::new(Either::Right(stream)))),
            Err(error) => Err(OutboundError::Unreachable(format!("TLS: {error}"))),
        }
    }

    async fn open(&self, host: &Host, port: u16) -> Result<TcpStream, OutboundError> {
        let (name, found) = match host {
            Host::Address(address) => (address.to_string(), vec![(*address, port).into()]),
            Host::Name(name) => {
                let found = self.resolver.resolve(name, port).await;
                let unreachable = |error| OutboundError::Unreachable(format!("{name}: {error}"));
                (name.clone(), found.map_err(unreachable)?)
            }
        };
        let checked: Vec<_> =
            found.iter().filter(|address| self.allowed.allow(address.ip())).collect();
        if checked.is_empty() && !found.is_empty() {
            tracing::warn!(
                host = name,
                mend = "outbound.allow_private in the configuration, if it may be called",
                "a customer's URL leads to a private address"
            );
            let sentence = format!("{name} is a private address, which this server does not call");
            return Err(OutboundError::Refused(sentence));
        }
        let mut failed = "it has no address".to_owned();
        for address in checked.into_iter().take(limits::OUTBOUND_ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error.to_string(),
            }
        }
        Err(OutboundError::Unreachable(format!("{name}: {failed}")))
    }
}

impl tower_service::Service<Uri> for Guard {
    type Response = Line;
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<Line, OutboundError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OutboundError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move { guard.connect(uri).await })
    }
}

/// A connection's bytes, in clear or under TLS.
pub type Bytes = Either<TcpStream, TlsStream<TcpStream>>;

/// A connection.
pub(super) struct Line(TokioIo<Bytes>);

impl Line {
    pub(super) fn into_bytes(self) -> Bytes {
        self.0.into_inner()
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
