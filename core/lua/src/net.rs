//! Internet addresses: networks, and which of them are public.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address; IPv4 in IPv6's clothes is IPv4.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// `10.0.0.0/8`, or an address alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((address, bits)) = text.split_once('/') else {
            let address = parse(text)?;
            return Some(Self::of(address, width(address)));
        };
        let address: IpAddr = address.parse().ok()?;
        let digits =
            !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit());
        let bits: u32 = digits.then(|| bits.parse().ok())??;
        (bits <= width(address)).then(|| Self::of(address, bits))
    }

    /// That of an address; `bits` at most its width.
    pub(crate) fn of(address: IpAddr, bits: u32) -> Self {
        let first = match address {
            IpAddr::V4(it) => {
                let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(it.to_bits() & mask))
            }
            IpAddr::V6(it) => {
                let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() & mask))
            }
        };
        Self { first, bits }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4()
            && Self::of(address, self.bits).first == self.first
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// What is not the public Internet (IANA's registries of special-purpose addresses), and the forms of
/// IPv6 that carry an IPv4 address and so could lead there.
const NOT_PUBLIC: [(IpAddr, u32); 27] = [
    v4(0, 0, 0, 0, 8),       // this network
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // carrier's
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local, where clouds keep their credentials
    v4(172, 16, 0, 0, 12),   // private
    v4(192, 0, 0, 0, 24),    // protocols
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // 6to4 relays
    v4(192, 168, 0, 0, 16),  // private
    v4(198, 18, 0, 0, 15),   // benchmarks
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 3),     // multicast, reserved, broadcast
    v6(0, 0, 96),            // unspecified, loopback, compatible IPv4
    v6(0x64_ff9b, 0, 96),    // NAT64
    v6(0x64_ff9b, 1, 48),    // local NAT64
    v6(0x100_0000, 0, 64),   // discard
    v6(0x2001_0000, 0, 32),  // Teredo
    v6(0x2001_0002, 0, 48),  // benchmarks
    v6(0x2001_0010, 0, 28),  // ORCHID
    v6(0x2001_0db8, 0, 32),  // documentation
    v6(0x2002_0000, 0, 16),  // 6to4
    v6(0x3fff_0000, 0, 20),  // documentation
    v6(0xfc00_0000, 0, 7),   // unique local
    v6(0xfe80_0000, 0, 9),   // link-local, site-local
    v6(0xff00_0000, 0, 8),   // multicast
];

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u32) -> (IpAddr, u32) {
    (IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

/// The first 32 bits, and the next 16.
const fn v6(first: u32, next: u16, bits: u32) -> (IpAddr, u32) {
    let (a, b) = ((first >> 16) as u16, first as u16);
    (IpAddr::V6(Ipv6Addr::new(a, b, next, 0, 0, 0, 0, 0)), bits)
}

/// Whether an address is one of the public Internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !NOT_PUBLIC.iter().any(|(first, bits)| Network::of(*first, *bits).contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for (text, expected) in [
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("127.0.0.1", false),
            ("127.1.2.3", false),
            ("0.0.0.0", false),
            ("10.255.255.255", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::7f00:1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            let address = text.parse().expect("an address");
            assert_eq!(is_public(address), expected, "{text}");
        }
    }
}
