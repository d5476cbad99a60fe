//! Which addresses may be called: public unicast, and what the operator allows besides. A new
//! kind of address is refused until it is known: of IPv6 only what is handed out as global.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// `10.0.0.0/8`, `fd00::/8`, or one address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => {
                let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
                (address, Some(digits.then(|| bits.parse().ok()).flatten()?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether the address is of this range.
    #[must_use]
    pub fn holds(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(range), IpAddr::V4(other)) => in_v4(other, range, u32::from(self.bits)),
            (IpAddr::V6(range), IpAddr::V6(other)) => in_v6(other, range, u32::from(self.bits)),
            _ => false,
        }
    }
}

/// What may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedAddresses(pub Vec<Cidr>);

impl AllowedAddresses {
    /// The machine itself, for development and tests.
    #[must_use]
    pub fn loopback() -> Self {
        let loopback = [
            Cidr { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
            Cidr { address: IpAddr::V6(Ipv6Addr::LOCALHOST), bits: 128 },
        ];
        Self(loopback.to_vec())
    }

    /// Everything, for a command whose user names the address.
    #[must_use]
    pub fn everywhere() -> Self {
        let all = [
            Cidr { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), bits: 0 },
            Cidr { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), bits: 0 },
        ];
        Self(all.to_vec())
    }

    /// Whether a connection to this address may be made.
    #[must_use]
    pub fn allow(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.holds(address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !REFUSED_V4.iter().any(|(range, bits)| in_v4(address, Ipv4Addr::from(*range), *bits))
        }
        // An IPv4 address in an IPv6 one (mapped, compatible, NAT64) lies outside 2000::/3 or in
        // a range of the list, so that no other spelling leads to a private one.
        IpAddr::V6(address) => {
            in_v6(address, v6(0x2000, 0), 3)
                && !REFUSED_V6.iter().any(|(a, b, bits)| in_v6(address, v6(*a, *b), *bits))
        }
    }
}

const REFUSED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by carriers
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, cloud metadata
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // 6to4 relays
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, broadcast
];

/// Inside 2000::/3, by their first two groups.
const REFUSED_V6: &[(u16, u16, u32)] = &[
    (0x2001, 0x0000, 23), // protocol assignments, Teredo, ORCHID
    (0x2001, 0x0db8, 32), // documentation
    (0x2002, 0x0000, 16), // 6to4: carries any IPv4 address
    (0x3fff, 0x0000, 20), // documentation
];

fn v6(a: u16, b: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0)
}

fn in_v4(address: Ipv4Addr, range: Ipv4Addr, bits: u32) -> bool {
    let differ = address.to_bits() ^ range.to_bits();
    differ.checked_shr(32 - bits).unwrap_or(0) == 0
}

fn in_v6(address: Ipv6Addr, range: Ipv6Addr, bits: u32) -> bool {
    let differ = address.to_bits() ^ range.to_bits();
    differ.checked_shr(128 - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const REFUSED: &[&str] = &[
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
        "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::7f00:1", "::127.0.0.1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1",
        "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "3fff:fff::1",
        "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
        "ff0e::1", "4000::1", "1fff::1",
    ];
    #[rustfmt::skip]
    const PUBLIC: &[&str] = &[
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1",
        "126.0.0.1", "128.0.0.1", "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1",
        "192.167.0.1", "192.169.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
        "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "3ffe::1",
    ];

    #[test]
    fn only_public_unicast_is_called() {
        let allowed = AllowedAddresses::default();
        for no in REFUSED {
            assert!(!allowed.allow(no.parse().unwrap()), "{no}");
        }
        for yes in PUBLIC {
            assert!(allowed.allow(yes.parse().unwrap()), "{yes}");
        }
    }

    #[test]
    fn an_operator_allows_ranges_exactly() {
        let range = |text| Cidr::parse(text).unwrap();
        let allowed = AllowedAddresses(vec![range("10.1.0.0/16"), range("fd00:1::/32")]);
        for yes in ["10.1.0.1", "10.1.255.255", "fd00:1::5"] {
            assert!(allowed.allow(yes.parse().unwrap()), "{yes}");
        }
        for no in ["10.2.0.1", "10.0.255.255", "::ffff:10.1.0.1", "fd00:2::1", "127.0.0.1"] {
            assert!(!allowed.allow(no.parse().unwrap()), "{no}");
        }
        let all = AllowedAddresses(vec![range("0.0.0.0/0")]);
        assert!(all.allow("127.0.0.1".parse().unwrap()) && !all.allow("::1".parse().unwrap()));
        assert!(AllowedAddresses::loopback().allow("::1".parse().unwrap()));
    }

    #[test]
    fn a_range_is_an_address_and_bits() {
        assert_eq!(Cidr::parse("127.0.0.1"), Cidr::parse("127.0.0.1/32"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10/8", "10.0.0.0/", "10.0.0.0/+8", "a/8"] {
            assert_eq!(Cidr::parse(wrong), None, "{wrong}");
        }
    }
}
