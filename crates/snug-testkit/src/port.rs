//! Free ports.

use std::net::{Ipv4Addr, TcpListener};

use crate::temp::random;

/// Below the range the kernel hands to outgoing connections, so that a port stays free between
/// a server's death and its restart.
const FIRST: u16 = 12_000;
const COUNT: u64 = 20_000;

/// A TCP port on 127.0.0.1 that nobody listens on now.
///
/// Nothing holds it: a server that can take port 0 and tell which it got should do that instead.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        let offset = u16::try_from(random() % COUNT).expect("COUNT fits in u16");
        let port = FIRST + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    #[test]
    fn the_port_can_be_taken() {
        let port = super::free_port();
        let _held = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        assert!((12_000..32_000).contains(&port));
    }
}
