//! A network: an address and the length of its prefix (RFC 4632, RFC 4291 §2.3).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network such as `192.168.0.0/16`. An address alone is the network of just that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Parses `address` or `address/prefix`; `None` if it is neither. Bits behind the prefix are
    /// allowed and ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // `u8::from_str` takes a plus sign.
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => longest,
        };
        (prefix <= longest).then_some(Self { address, prefix })
    }

    /// Whether `ip` lies in this network. An IPv4 address that came in through an IPv6 socket
    /// (`::ffff:10.0.0.1`) counts as the IPv4 address.
    pub fn contains(self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let host_bits = 32 - u32::from(self.prefix);
                (net.to_bits() ^ ip.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => self.covers(net, ip),
            (IpAddr::V6(net), IpAddr::V4(ip)) => self.covers(net, ip.to_ipv6_mapped()),
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }

    fn covers(self, net: Ipv6Addr, ip: Ipv6Addr) -> bool {
        let host_bits = 128 - u32::from(self.prefix);
        (net.to_bits() ^ ip.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses_and_no_others() {
        for (network, ip, inside) in [
            ("10.0.0.2", "10.0.0.2", true),
            ("10.0.0.2", "10.0.0.3", false),
            ("10.0.0.2", "::ffff:10.0.0.2", true),
            ("192.168.0.0/16", "192.168.255.1", true),
            ("192.168.0.0/16", "192.169.0.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::/0", "fe80::1", true),
            ("::1/128", "::1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ] {
            let parsed = Cidr::parse(network).unwrap();
            assert_eq!(parsed.contains(ip.parse().unwrap()), inside, "{ip} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10/8"] {
            assert_eq!(Cidr::parse(text), None, "{text:?}");
        }
    }
}
