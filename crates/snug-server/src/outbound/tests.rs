//! The guarded client against customers that misbehave.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use snug_core::ids::AppId;
use snug_core::ports::{Outbound, OutboundAnswer, OutboundError, OutboundRequest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{AllowedAddresses, Cidr, GuardedClient, OutboundConfig, Resolve};
use rustls::pki_types::CertificateDer;

/// A customer that answers every connection once with the same bytes, and then closes it.
struct Customer {
    address: SocketAddr,
    met: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Drop for Customer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Customer {
    /// An empty answer is never given: the connection stays silent.
    async fn at(address: &str, answer: &'static str, tls: bool) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (met, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let customer =
            Self { address: listener.local_addr().unwrap(), met: met.clone(), stop: stop.clone() };
        let tracker = TaskTracker::new();
        let accept = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                met.fetch_add(1, Ordering::SeqCst);
                TaskTracker::new().spawn(async move {
                    if !tls {
                        return speak(stream, answer).await;
                    }
                    if let Ok(stream) = acceptor().accept(stream).await {
                        speak(stream, answer).await;
                    }
                });
            }
        };
        tracker.spawn(async move {
            tokio::select! { () = stop.cancelled() => {}, () = accept => {} }
        });
        customer
    }

    async fn on_loopback(answer: &'static str) -> Self {
        Self::at("127.0.0.1:0", answer, false).await
    }

    fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &str) {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        read.push(byte);
    }
    if answer.is_empty() {
        return std::future::pending().await;
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/key.pem");

fn acceptor() -> tokio_rustls::TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config).into()
}

/// Answers the n-th question with the n-th list, and the last one from then on.
struct Names {
    lists: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

impl Names {
    fn of(lists: &[&[SocketAddr]]) -> Arc<Self> {
        let lists = lists.iter().map(|list| list.to_vec()).collect();
        Arc::new(Self { lists, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.lists[asked.min(self.lists.len() - 1)].clone())
    }
}

fn only_127_0_0_1() -> OutboundConfig {
    let allow_private = AllowedAddresses(vec![Cidr::parse("127.0.0.1/32").unwrap()]);
    OutboundConfig { allow_private, ..OutboundConfig::default() }
}

fn app() -> AppId {
    AppId::new("app_0123456789abcdefghij").unwrap()
}

fn get(url: &str) -> OutboundRequest {
    OutboundRequest::get(&app(), url)
}

async fn call(config: &OutboundConfig, url: &str) -> Result<OutboundAnswer, OutboundError> {
    GuardedClient::new(config).unwrap().call(get(url)).await
}

const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi";

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let customer = Customer::on_loopback(OK).await;
    let url = format!("http://{}/x?y", customer.address);
    let answer = call(&only_127_0_0_1(), &url).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hi".as_slice()));
    assert!(answer.headers.contains(&("x-a".to_owned(), "b".to_owned())), "{answer:?}");
}

#[tokio::test]
async fn a_private_address_is_refused_however_it_is_named() {
    let customer = Customer::on_loopback(OK).await;
    let port = customer.address.port();
    let nothing = OutboundConfig::default();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"] {
        let refused = call(&nothing, &format!("http://{host}:{port}/")).await;
        assert!(matches!(refused, Err(OutboundError::Refused(_))), "{host}: {refused:?}");
    }
    for host in ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"] {
        let refused = call(&only_127_0_0_1(), &format!("http://{host}:{port}/")).await;
        assert!(matches!(refused, Err(OutboundError::InvalidUrl(_))), "{host}: {refused:?}");
    }
    assert_eq!(customer.met(), 0);
}

#[tokio::test]
async fn a_name_that_changes_leads_nowhere_else() {
    let outside = Customer::on_loopback(OK).await;
    let port = outside.address.port();
    let inside = Customer::at(&format!("127.0.0.2:{port}"), OK, false).await;
    let names = Names::of(&[&[outside.address], &[inside.address]]);
    let client = GuardedClient::with_resolver(&only_127_0_0_1(), names.clone()).unwrap();
    let url = format!("http://rebind.example:{port}/");
    assert_eq!(client.call(get(&url)).await.unwrap().status, 200);
    // One question for one connection: what was checked is what was connected to.
    assert_eq!((names.asked.load(Ordering::SeqCst), outside.met()), (1, 1));
    let refused = client.call(get(&url)).await.unwrap_err();
    assert!(matches!(refused, OutboundError::Refused(_)) && refused.never_sent(), "{refused:?}");
    assert_eq!((outside.met(), inside.met()), (1, 0));
    // Of several addresses only the checked ones are tried.
    let names = Names::of(&[&[inside.address, outside.address]]);
    let client = GuardedClient::with_resolver(&only_127_0_0_1(), names).unwrap();
    assert_eq!(client.call(get(&url)).await.unwrap().status, 200);
    assert_eq!((outside.met(), inside.met()), (2, 0));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let target = Customer::on_loopback(OK).await;
    let location = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nConnection: close\r\n\
         Content-Length: 0\r\n\r\n",
        target.address
    );
    let customer = Customer::on_loopback(location.leak()).await;
    let answer = call(&only_127_0_0_1(), &format!("http://{}/", customer.address)).await.unwrap();
    assert_eq!((answer.status, target.met()), (302, 0));
}

#[tokio::test]
async fn time_and_size_are_bounded() {
    let client = GuardedClient::new(&only_127_0_0_1()).unwrap();
    let silent = Customer::on_loopback("").await;
    let mut request = get(&format!("http://{}/", silent.address));
    request.timeout_ms = 50;
    assert_eq!(client.call(request).await, Err(OutboundError::TimedOut(50)));
    let customer = Customer::on_loopback(OK).await;
    let mut request = get(&format!("http://{}/", customer.address));
    request.answer_bytes_max = 1;
    assert_eq!(client.call(request).await, Err(OutboundError::TooLarge(1)));
    for broken in ["garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"] {
        let customer = Customer::on_loopback(broken).await;
        let met = client.call(get(&format!("http://{}/", customer.address))).await;
        assert!(matches!(met, Err(OutboundError::Broken(_))), "{met:?}");
    }
    let address = customer.address;
    drop(TcpListener::bind("127.0.0.1:0").await.unwrap());
    drop(customer);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_ne!(gone, address);
    let met = client.call(get(&format!("http://{gone}/"))).await;
    assert!(matches!(met, Err(OutboundError::Unreachable(_))), "{met:?}");
}

#[tokio::test]
async fn one_app_does_not_take_every_place() {
    let client = Arc::new(GuardedClient::new(&only_127_0_0_1()).unwrap());
    let silent = Customer::on_loopback("").await;
    let url = format!("http://{}/", silent.address);
    let most = snug_core::limits::OUTBOUND_PER_APP_MAX + snug_core::limits::OUTBOUND_WAITING_MAX;
    let mut waiting: Vec<_> = (0..most).map(|_| client.call(get(&url))).collect();
    for call in &mut waiting {
        assert!(futures_util::poll!(call).is_pending());
    }
    assert_eq!(client.call(get(&url)).await, Err(OutboundError::Busy));
    let customer = Customer::on_loopback(OK).await;
    let mut other = get(&format!("http://{}/", customer.address));
    other.app = AppId::new("app_zzzzzzzzzzzzzzzzzzzz").unwrap();
    assert_eq!(client.call(other).await.unwrap().status, 200);
    drop(waiting);
    let freed = client.call(get(&format!("http://{}/", customer.address))).await;
    assert_eq!(freed.unwrap().status, 200);
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_of_the_host() {
    let customer = Customer::at("127.0.0.1:0", OK, true).await;
    let port = customer.address.port();
    let names = Names::of(&[&[customer.address]]);
    let unknown = GuardedClient::with_resolver(&only_127_0_0_1(), names.clone()).unwrap();
    let url = format!("https://customer.example:{port}/");
    let refused = unknown.call(get(&url)).await;
    assert!(matches!(refused, Err(OutboundError::Unreachable(_))), "{refused:?}");
    let ca_file = Some(Path::new(CERTIFICATE).to_owned());
    let config = OutboundConfig { ca_file, ..only_127_0_0_1() };
    let client = GuardedClient::with_resolver(&config, names).unwrap();
    assert_eq!(client.call(get(&url)).await.unwrap().status, 200);
    let by_address = get(&format!("https://127.0.0.1:{port}/"));
    assert_eq!(client.call(by_address).await.unwrap().status, 200);
    let other = client.call(get(&format!("https://other.example:{port}/"))).await;
    assert!(matches!(other, Err(OutboundError::Unreachable(_))), "{other:?}");
    let missing = OutboundConfig { ca_file: Some("/nowhere.pem".into()), ..only_127_0_0_1() };
    assert!(GuardedClient::new(&missing).unwrap_err().starts_with("outbound.ca_file"));
}
