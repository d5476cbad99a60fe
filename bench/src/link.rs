//! A non-blocking TCP link without a buffer of its own while idle, and the readiness of many.
//! Used by the floor and by the load alike, so that neither gains from it. Knows no frames.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;

const READ_BYTES: usize = 64 * 1_024;
const EVENTS_PER_WAIT: usize = 1_024;

/// What became ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) token: u64,
    pub(crate) writable: bool,
    pub(crate) readable: bool,
}

/// An epoll set, level-triggered.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_PER_WAIT),
        })
    }

    pub(crate) fn add(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        let data = EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, source, data, EventFlags::IN)?)
    }

    pub(crate) fn watch_writes(
        &self,
        source: impl AsFd,
        token: u64,
        watch: bool,
    ) -> io::Result<()> {
        let out = if watch { EventFlags::OUT } else { EventFlags::empty() };
        self.watch(source, token, EventFlags::IN | out)
    }

    /// For who does not read: what waits to be read wakes nobody. An end still does, as readable.
    pub(crate) fn watch_only_writes(
        &self,
        source: impl AsFd,
        token: u64,
        watch: bool,
    ) -> io::Result<()> {
        let flags = if watch { EventFlags::OUT } else { EventFlags::empty() };
        self.watch(source, token, flags)
    }

    fn watch(&self, source: impl AsFd, token: u64, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, source, EventData::new_u64(token), flags)?)
    }

    /// Waits for readiness, at most `timeout`, and puts it into `ready`.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Ready>,
    ) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = timeout.map(|t| Timespec {
            tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: t.subsec_nanos().into(),
        });
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                token: data.u64(),
                writable: flags.contains(EventFlags::OUT),
                // Errors and hang-ups show themselves to a read.
                readable: flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP),
            }
        }));
        Ok(())
    }
}

/// The one buffer that all links of a process read into.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    /// The front of a frame whose rest has not come; no allocation between frames.
    carry: Vec<u8>,
    /// What the socket did not take; no allocation while it keeps up.
    unsent: Vec<u8>,
}

impl Link {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, carry: Vec::new(), unsent: Vec::new() })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads once. The answer is all that is there to be parsed: what was kept, then the new
    /// bytes. `None` when the other end is gone.
    pub(crate) fn read<'a>(&mut self, scratch: &'a mut Scratch) -> Option<&'a mut [u8]> {
        let kept = self.carry.len();
        if scratch.bytes.len() < kept + READ_BYTES {
            scratch.bytes.resize(kept + READ_BYTES, 0);
        }
        scratch.bytes[..kept].copy_from_slice(&self.carry);
        let read = match self.stream.read(&mut scratch.bytes[kept..]) {
            Ok(0) => return None,
            Ok(read) => read,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(_) => return None,
        };
        Some(&mut scratch.bytes[..kept + read])
    }

    /// Keeps what could not be parsed yet.
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.carry = Vec::new();
        } else {
            self.carry.clear();
            self.carry.extend_from_slice(rest);
        }
    }

    /// Writes now what the socket takes and keeps the rest. `true`: watch for writability.
    ///
    /// # Errors
    /// The other end is gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if self.unsent.is_empty() {
            let taken = self.write_some(bytes)?;
            self.unsent.extend_from_slice(&bytes[taken..]);
            return Ok(!self.unsent.is_empty());
        }
        self.unsent.extend_from_slice(bytes);
        Ok(false)
    }

    /// Goes on writing. `true`: nothing is left.
    ///
    /// # Errors
    /// The other end is gone.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let unsent = std::mem::take(&mut self.unsent);
        let taken = self.write_some(&unsent)?;
        if taken < unsent.len() {
            self.unsent = unsent[taken..].to_vec();
        }
        Ok(self.unsent.is_empty())
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Ok(taken) => Ok(taken),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(error),
        }
    }
}
