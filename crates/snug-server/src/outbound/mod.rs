//! The guarded client: the only code that calls a customer's URL. Private addresses are refused
//! where the connection is made, redirects are not followed, proxies of the environment are not
//! looked at, and time, size and the number of calls per app are bounded.

mod address;
mod connect;
mod key_sets;
mod places;
mod signed;
mod target;
#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue, USER_AGENT};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use snug_core::limits;
use snug_core::ports::{Outbound, OutboundAnswer, OutboundError, OutboundRequest};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

pub use address::{AllowedAddresses, Cidr};
pub use connect::{Bytes as ConnectedBytes, Resolve, SystemResolver};
pub use key_sets::PublishedKeys;
pub(crate) use places::Places;
pub use signed::signed_post;

use connect::Guard;

/// What may be called, from the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboundConfig {
    pub allow_private: AllowedAddresses,
    /// Certificates that are trusted besides the public ones, in PEM.
    pub ca_file: Option<std::path::PathBuf>,
}

/// The guarded client.
pub struct GuardedClient {
    guard: Guard,
    client: Client<Guard, Full<Bytes>>,
    everybody: Arc<Semaphore>,
    places: Places,
}

impl std::fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GuardedClient(..)")
    }
}

impl GuardedClient {
    /// A client with the machine's resolver.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn new(config: &OutboundConfig) -> Result<Self, String> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// A client with a resolver of one's own.
    ///
    /// # Errors
    /// As [`GuardedClient::new`].
    #[expect(clippy::disallowed_methods, reason = "this is the guarded client")]
    pub fn with_resolver(
        config: &OutboundConfig,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, String> {
        let guard =
            Guard { allowed: Arc::new(config.allow_private.clone()), resolver, tls: tls(config)? };
        // Idle connections are the client's own tasks: they end with it, not with a drain.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(limits::OUTBOUND_IDLE_MS))
            .pool_max_idle_per_host(limits::OUTBOUND_PER_APP_MAX)
            .http1_max_buf_size(limits::OUTBOUND_HEAD_BYTES_MAX)
            .build(guard.clone());
        Ok(Self {
            guard,
            client,
            everybody: Arc::new(Semaphore::new(limits::OUTBOUND_MAX)),
            places: Places::new(limits::OUTBOUND_PER_APP_MAX, limits::OUTBOUND_WAITING_MAX),
        })
    }

    /// A connection to where a URL of `http` or `https` leads, for what is no HTTP.
    ///
    /// # Errors
    /// As a call's.
    pub async fn connect(&self, url: &str) -> Result<connect::Bytes, OutboundError> {
        let uri = url.parse().map_err(|_| OutboundError::InvalidUrl("no URL".to_owned()))?;
        Ok(self.guard.connect(uri).await?.into_bytes())
    }

    async fn exchange(&self, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
        let most = request.answer_bytes_max;
        let answer =
            self.client.request(prepare(request)?).await.map_err(|error| explain(&error))?;
        let (head, body) = answer.into_parts();
        let body = match Limited::new(body, most).collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(OutboundError::TooLarge(most));
            }
            Err(error) => return Err(OutboundError::Broken(error.to_string())),
        };
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
        Ok(OutboundAnswer { status: head.status.as_u16(), headers: headers.collect(), body })
    }
}

#[async_trait]
impl Outbound for GuardedClient {
    async fn call(&self, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
        target::parse(&request.url, request.https_only)?;
        let millis = request.timeout_ms;
        let bound = Duration::from_millis(millis);
        // The wait is not the other side's: what ran out of time here was never asked.
        let app = self.places.take(&request.app, bound).await;
        let _app = app.ok_or(OutboundError::Busy)?;
        let everybody = tokio::time::timeout(bound, self.everybody.acquire()).await;
        let Ok(Ok(_everybody)) = everybody else { return Err(OutboundError::Busy) };
        let done = tokio::time::timeout(bound, self.exchange(request)).await;
        done.unwrap_or(Err(OutboundError::TimedOut(millis)))
    }

    fn check_url(&self, url: &str) -> Result<(), OutboundError> {
        target::parse(url, false).map(|_| ())
    }
}

fn prepare(request: OutboundRequest) -> Result<http::Request<Full<Bytes>>, OutboundError> {
    let broken = || OutboundError::InvalidUrl("the request cannot be written".to_owned());
    let mut prepared = http::Request::builder()
        .method(request.method.as_str())
        .uri(request.url)
        .header(USER_AGENT, concat!("Snug/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT_ENCODING, "identity");
    for (name, value) in request.headers {
        let name: HeaderName = name.parse().map_err(|_| broken())?;
        let value = HeaderValue::from_str(&value).map_err(|_| broken())?;
        prepared = prepared.header(name, value);
    }
    prepared.body(Full::new(Bytes::from(request.body))).map_err(|_| broken())
}

/// The guard's own refusal, where one stands behind the client's error.
fn explain(error: &hyper_util::client::legacy::Error) -> OutboundError {
    let mut cause = error.source();
    let mut last = error.to_string();
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<OutboundError>() {
            return refused.clone();
        }
        last = inner.to_string();
        cause = inner.source();
    }
    if error.is_connect() { OutboundError::Unreachable(last) } else { OutboundError::Broken(last) }
}

/// Mozilla's roots are compiled in, so that a container without a certificate store works and
/// every node trusts the same; a company's own authority comes by file.
fn tls(config: &OutboundConfig) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = &config.ca_file {
        let wrong = |why: String| format!("outbound.ca_file = {}: {why}", path.display());
        let all = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
        for certificate in all {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
