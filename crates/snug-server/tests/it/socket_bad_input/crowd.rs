//! Ten thousand connections without a token. A process may have 20,000 files open on the
//! machines that we know, and each connection takes one on either side: so the crowd is a process
//! of its own, this test binary, started with [`a_crowd_in_its_own_process`] as its only test.

use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::raw::upgrade;
use crate::harness::within;

const SIZE: usize = 10_000;
/// Below what a listener's backlog takes.
const CONNECTING_MAX: usize = 200;
const AT: &str = "SNUG_CROWD_AT";
/// What the crowd says begins so; the test harness says other things on the same pipe.
const SAYS: &str = "crowd:";

/// Lets this process open as many files as it may, and fails if these are too few for a side.
pub(super) fn open_many_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if maximum.is_none_or(|maximum| current.is_some_and(|current| current < maximum)) {
        // Some systems say "without limit" and mean less.
        let most = Rlimit { current: maximum.or(Some(65_536)), maximum };
        // What it came to is looked at below.
        let _ = setrlimit(Resource::Nofile, most);
    }
    let may = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    assert!(may >= SIZE as u64 + 1_000, "this test opens {SIZE} files; `ulimit -n` says {may}");
}

/// The crowd, seen from the test. It goes when this does.
pub(super) struct Crowd {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Crowd {
    pub(super) fn start(address: SocketAddr) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this very program"))
            .args(["socket_bad_input::crowd::a_crowd_in_its_own_process", "--exact", "--nocapture"])
            .env(AT, address.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this very program starts");
        let stdout = child.stdout.take().expect("a pipe");
        Self { child, lines: Some(BufReader::new(stdout).lines()) }
    }

    /// Waits until the crowd says this.
    pub(super) async fn says(&mut self, what: &str) {
        let mut lines = self.lines.take().expect("one waits at a time");
        let wanted = format!("{SAYS}{what}");
        let look = move || {
            // The harness writes the test's name before the first.
            let found = lines.by_ref().any(|line| line.is_ok_and(|line| line.ends_with(&wanted)));
            (lines, found)
        };
        // Not bounded here: the crowd's own waits are, and a crowd that fails ends its pipe.
        let (lines, found) = tokio::task::spawn_blocking(look).await.expect("no panic");
        assert!(found, "the crowd ended and did not say {what}");
        self.lines = Some(lines);
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Opens a connection, tells `upgraded`, and reads to the end: the problem and the close code.
async fn idle(address: SocketAddr, gate: Arc<Semaphore>, upgraded: mpsc::Sender<()>) {
    let place = gate.acquire_owned().await.expect("the gate stays open");
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(upgrade("/v1/socket").as_bytes()).await.expect("room to write");
    let mut bytes = Vec::new();
    let head_end = |bytes: &[u8]| bytes.windows(4).position(|four| four == b"\r\n\r\n");
    while head_end(&bytes).is_none() {
        let read = within("the upgrade", stream.read_buf(&mut bytes)).await;
        assert!(read.is_ok_and(|count| count > 0), "closed before the upgrade");
    }
    assert!(bytes.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&bytes));
    drop(place);
    upgraded.send(()).await.expect("somebody counts");
    let rest = within("the end, unasked", stream.read_to_end(&mut bytes)).await;
    rest.expect("an orderly end");
    let told = String::from_utf8_lossy(&bytes);
    assert!(told.contains(r#""event":"error""#) && told.contains("token_missing"), "{told}");
    let close = bytes.windows(2).rposition(|two| two[0] == 0x88 && usize::from(two[1]) >= 2);
    let code = close.and_then(|at| bytes.get(at + 2..at + 4)).map(|two| [two[0], two[1]]);
    assert_eq!(code.map(u16::from_be_bytes), Some(4101), "{told}");
}

/// No test by itself: see the top.
#[tokio::test]
async fn a_crowd_in_its_own_process() {
    #[expect(clippy::disallowed_methods, reason = "how a test is told what to be")]
    let Ok(address) = std::env::var(AT) else { return };
    let address: SocketAddr = address.parse().expect("an address");
    open_many_files();
    let gate = Arc::new(Semaphore::new(CONNECTING_MAX));
    let (upgraded, mut count) = mpsc::channel(SIZE);
    let mut crowd = JoinSet::new();
    for _ in 0..SIZE {
        crowd.spawn(idle(address, gate.clone(), upgraded.clone()));
    }
    for _ in 0..SIZE {
        tokio::select! {
            told = count.recv() => told.expect("an idle one"),
            Some(Err(failed)) = crowd.join_next() => panic!("{failed}"),
        }
    }
    println!("{SAYS}upgraded");
    while let Some(ended) = crowd.join_next().await {
        ended.expect("each is told and closed as documented");
    }
    println!("{SAYS}ended");
}
