//! A TCP proxy that stands between two programs and does what bad networks do.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often a connection looks whether its fate has changed.
const LOOK: Duration = Duration::from_millis(10);

/// What a proxy does; any of it can be changed while connections stand.
#[derive(Debug, Default)]
struct Faults {
    /// Bytes of who connects are swallowed; the connection stands.
    deaf: AtomicBool,
    /// Bytes for who connects are swallowed.
    mute: AtomicBool,
    /// Nobody gets through, and connections end.
    cut: AtomicBool,
    /// Each piece waits so long before it goes on, in milliseconds.
    delay: AtomicU64,
    /// Pieces that were swallowed, either way.
    swallowed: AtomicU64,
    ended: AtomicBool,
}

/// A proxy to one port of 127.0.0.1. It ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    faults: Arc<Faults>,
}

impl FaultProxy {
    /// Listens on a free port and passes everything on to `target`.
    ///
    /// # Panics
    /// When the machine has no port left.
    #[must_use]
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener that does not wait");
        let port = listener.local_addr().expect("an address").port();
        let faults = Arc::new(Faults::default());
        let all = faults.clone();
        std::thread::spawn(move || {
            while !all.ended.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((near, _)) => pass(near, target, &all),
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Self { port, faults }
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection and lets nobody through; or lets them again.
    pub fn cut(&self, on: bool) {
        self.faults.cut.store(on, Ordering::SeqCst);
    }

    /// Swallows what who connects says, and what is said to them; nobody is told.
    pub fn swallow(&self, said: bool, heard: bool) {
        self.faults.deaf.store(said, Ordering::SeqCst);
        self.faults.mute.store(heard, Ordering::SeqCst);
    }

    /// Pieces that were swallowed since it started, either way.
    #[must_use]
    pub fn swallowed(&self) -> u64 {
        self.faults.swallowed.load(Ordering::SeqCst)
    }

    /// Keeps each piece for so many milliseconds.
    pub fn delay(&self, millis: u64) {
        self.faults.delay.store(millis, Ordering::SeqCst);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.faults.ended.store(true, Ordering::SeqCst);
    }
}

fn pass(near: TcpStream, target: u16, faults: &Arc<Faults>) {
    if faults.cut.load(Ordering::SeqCst) {
        return;
    }
    // Whoever listens may be down as well: then who connects is told by the end.
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else { return };
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
    for (from, to, says) in [(near, far, true), (far_too, near_too, false)] {
        let faults = faults.clone();
        std::thread::spawn(move || carry(from, to, &faults, says));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, faults: &Faults, says: bool) {
    let swallows = if says { &faults.deaf } else { &faults.mute };
    let _ = from.set_nonblocking(false);
    let _ = from.set_read_timeout(Some(LOOK));
    let _ = to.set_nodelay(true);
    let mut piece = vec![0; 64 * 1_024];
    loop {
        let over = faults.cut.load(Ordering::SeqCst) || faults.ended.load(Ordering::SeqCst);
        let read = if over { Ok(0) } else { from.read(&mut piece) };
        match read {
            Ok(0) => break,
            Ok(_) if swallows.load(Ordering::SeqCst) => {
                faults.swallowed.fetch_add(1, Ordering::SeqCst);
            }
            Ok(length) => {
                std::thread::sleep(Duration::from_millis(faults.delay.load(Ordering::SeqCst)));
                if to.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_passes_swallows_and_cuts() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = FaultProxy::start(listener.local_addr().unwrap().port());
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let mut got = [0; 1];
        near.write_all(b"a").unwrap();
        far.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"a");
        proxy.swallow(true, false);
        near.write_all(b"b").unwrap();
        far.write_all(b"c").unwrap();
        near.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"c", "the other way is open");
        far.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert!(far.read(&mut got).is_err(), "swallowed");
        assert_eq!(proxy.swallowed(), 1);
        proxy.cut(true);
        assert_eq!(near.read(&mut got).unwrap(), 0);
        let mut refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        assert_eq!(refused.read(&mut got).unwrap_or(0), 0);
    }
}
