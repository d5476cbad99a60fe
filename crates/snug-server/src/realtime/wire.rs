//! The stream under a socket, as two use it: the connection's task, which reads, and waits where it
//! must, and the hub, which writes when it can be done at once.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::net::TcpStream;

/// Bytes to and from one client. Only one task may wait for each of the two directions.
pub(super) trait Wire: Send + Sync {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// `WouldBlock` when there is nothing to read; 0 at the end.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Takes as much of `parts` as there is room for; `WouldBlock` when there is none.
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Nothing more will be written, and, where not `reads_on`, read.
    fn end(&self, reads_on: bool) -> io::Result<()>;
}

fn shutdown(reads_on: bool) -> Shutdown {
    if reads_on { Shutdown::Write } else { Shutdown::Both }
}

/// Tokio's streams have the same methods and no trait for them.
macro_rules! stream {
    ($stream:ty) => {
        impl Wire for $stream {
            fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_read_ready(cx)
            }

            fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
                Self::try_read(self, into)
            }

            fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_write_ready(cx)
            }

            fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
                match parts {
                    [one] => Self::try_write(self, one),
                    _ => self.try_write_vectored(parts),
                }
            }

            fn end(&self, reads_on: bool) -> io::Result<()> {
                SockRef::from(self).shutdown(shutdown(reads_on))
            }
        }
    };
}

stream!(TcpStream);

/// For a connection that speaks another wire: nothing is ever queued for it.
pub(super) struct Nowhere;

impl Wire for Nowhere {
    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn try_read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn end(&self, _: bool) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::UnixStream;

    use super::*;

    stream!(UnixStream);

    /// Takes seven bytes, and every other time none.
    pub(in super::super) struct Narrow(pub UnixStream, pub AtomicUsize);

    impl Wire for Narrow {
        fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_readable(cx)
        }

        fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
            self.0.try_read(into)
        }

        fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_writable(cx)
        }

        fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
            if self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let first = &parts[0];
            self.0.try_write(&first[..first.len().min(7)])
        }

        fn end(&self, reads_on: bool) -> io::Result<()> {
            self.0.end(reads_on)
        }
    }
}
