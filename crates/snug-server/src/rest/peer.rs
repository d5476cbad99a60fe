//! The address of the other side, for rate limits.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::outbound::Cidr;

/// Proxies whose word about whom they speak for is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<Cidr>);

impl Proxies {
    /// Who asks: the last address of `X-Forwarded-For` that is not a trusted proxy's, as each
    /// proxy appends whom it has seen. Without a trusted proxy the header says nothing.
    ///
    /// One customer of IPv6 has 2^64 addresses, so those of one /64 are one.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address| self.0.iter().any(|range| range.holds(address));
        let mut address = peer.to_canonical();
        let lists = headers.get_all("x-forwarded-for").into_iter().rev();
        let hops = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.rsplit(','));
        for hop in hops {
            let Some(before) = trusted(address).then(|| hop_address(hop)).flatten() else { break };
            address = before.to_canonical();
        }
        match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 64 << 64).into(),
        }
    }
}

/// An address, by some proxies with a port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let with_port = || hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(with_port)
}

/// Put into every request by the accept loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddress(pub(crate) IpAddr);

/// The address, where the request came over a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<PeerAddress>().map(|peer| peer.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_says_who_asks() {
        let ranges = ["10.0.0.0/8", "127.0.0.1"].map(|range| Cidr::parse(range).unwrap());
        let proxies = Proxies(ranges.to_vec());
        let asks = |peer: &str, lists: &[&str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append("x-forwarded-for", list.parse().unwrap());
            }
            proxies.client(peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(asks("10.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(asks("203.0.113.1", &["198.51.100.7"]), "203.0.113.1", "anybody may write it");
        assert_eq!(asks("10.0.0.1", &["6.6.6.6, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(asks("10.0.0.1", &["6.6.6.6", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(asks("::ffff:10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(asks("10.0.0.1", &["203.0.113.9, nobody"]), "10.0.0.1");
        assert_eq!(asks("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(asks("127.0.0.1", &["[2001:db8:1:2:3:4:5:6]:80"]), "2001:db8:1:2::");
        assert_eq!(asks("2001:db8:1:2:ffff::1", &["6.6.6.6"]), "2001:db8:1:2::");
    }
}
