//! `X-Forwarded-For` and `Forwarded` (RFC 7239): who asks, behind configured proxies.
//!
//! Only what a trusted proxy wrote counts, so the lists are read from the right and the first
//! address that is not a trusted proxy wins (`threats` §4).

use std::net::IpAddr;

/// Most hops that are looked at.
const MAX_HOPS: usize = 32;

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    addr: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `address/prefix` or an address; `None` if it is neither, or bits behind the prefix
    /// are set, which is more often a typing error than a wish.
    pub fn parse(text: &str) -> Option<Self> {
        let (addr, prefix) = match text.trim().split_once('/') {
            Some((addr, prefix)) => (addr.parse::<IpAddr>().ok()?, Some(prefix)),
            None => (text.trim().parse::<IpAddr>().ok()?, None),
        };
        let width = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        let network = Self { addr, prefix };
        (prefix <= width && network.masked(addr) == network.bits(addr)).then_some(network)
    }

    /// Whether `addr` is in this network. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`), as
    /// dual-stack sockets give it, counts as IPv4.
    pub fn contains(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        addr.is_ipv4() == self.addr.is_ipv4() && self.masked(addr) == self.bits(self.addr)
    }

    /// The address's number, at the top of 128 bits.
    fn bits(&self, addr: IpAddr) -> u128 {
        match addr {
            IpAddr::V4(addr) => u128::from(addr.to_bits()) << 96,
            IpAddr::V6(addr) => addr.to_bits(),
        }
    }

    fn masked(&self, addr: IpAddr) -> u128 {
        let mask = match self.prefix {
            0 => 0,
            prefix => u128::MAX << (128 - u32::from(prefix.min(128))),
        };
        self.bits(addr) & mask
    }
}

/// The address that a request counts for: the connection's `peer` unless that is a trusted proxy,
/// else the right-most address in the fields that is not one.
///
/// Fields are given as all their lines joined with commas. `X-Forwarded-For` is read if there is
/// one, since that is what nearly every proxy writes; else `Forwarded`. At an entry that is no
/// address (`unknown`, `_hidden`) the walk ends at the proxy that wrote it.
pub fn client_address(
    peer: IpAddr,
    x_forwarded_for: Option<&str>,
    forwarded: Option<&str>,
    trusted: &[Network],
) -> IpAddr {
    let is_trusted = |addr: IpAddr| trusted.iter().any(|network| network.contains(addr));
    let mut client = peer.to_canonical();
    let mut hops = match (x_forwarded_for, forwarded) {
        (Some(list), _) => list.rsplit(',').map(parse_hop).take(MAX_HOPS).collect::<Vec<_>>(),
        (None, Some(list)) => {
            let hop = |element| forwarded_pair(element, "for").and_then(parse_hop);
            list.rsplit(',').map(hop).take(MAX_HOPS).collect()
        }
        (None, None) => Vec::new(),
    }
    .into_iter();
    while is_trusted(client) {
        match hops.next().flatten() {
            Some(addr) => client = addr,
            None => break,
        }
    }
    client
}

/// The value of a parameter (`for`, `proto`, `host`) in the last element of a `Forwarded` field:
/// the one that the nearest proxy wrote. Use it only if that proxy is trusted.
pub fn nearest_forwarded<'a>(forwarded: &'a str, parameter: &str) -> Option<&'a str> {
    forwarded_pair(forwarded.rsplit(',').next()?, parameter)
}

/// A parameter's value in one element, without quotes. Values with commas or semicolons in quotes
/// are not split rightly, and then are no address, host or scheme either.
fn forwarded_pair<'a>(element: &'a str, parameter: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        name.trim().eq_ignore_ascii_case(parameter).then_some(unquoted.unwrap_or(value))
    })
}

/// An address with or without port: `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let addr = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok()?,
        None => match text.parse::<IpAddr>() {
            Ok(addr) => addr,
            Err(_) => IpAddr::V4(text.split_once(':')?.0.parse().ok()?),
        },
    };
    Some(addr.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.6"),
            ("0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            let parsed = Network::parse(network).expect(network);
            assert!(parsed.contains(inside.parse().expect("an address")), "{inside} in {network}");
            assert!(!parsed.contains(outside.parse().expect("an address")), "{outside}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/", "10.0.0.0/+8", "host"] {
            assert!(Network::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_right_most_untrusted_address_wins() {
        let trusted = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).expect("a network"));
        for (peer, xff, forwarded, expected, source) in [
            ("1.1.1.1", Some("9.9.9.9"), None, "1.1.1.1", "threats §4: not from a proxy"),
            ("10.0.0.1", None, None, "10.0.0.1", "nothing was written"),
            ("10.0.0.1", Some("9.9.9.9"), None, "9.9.9.9", "one proxy"),
            ("10.0.0.1", Some("6.6.6.6, 9.9.9.9"), None, "9.9.9.9", "threats §4: forged entry"),
            ("10.0.0.1", Some("9.9.9.9, 10.0.0.2"), None, "9.9.9.9", "two proxies"),
            ("10.0.0.1", Some("10.0.0.3,10.0.0.2"), None, "10.0.0.3", "all trusted"),
            ("10.0.0.1", Some("9.9.9.9, unknown"), None, "10.0.0.1", "RFC 7239 §6.2"),
            ("::ffff:10.0.0.1", Some("9.9.9.9:81"), None, "9.9.9.9", "dual stack, port"),
            (
                "::1",
                None,
                Some("for=6.6.6.6, For=\"[2001:db8::7]:47\";proto=https"),
                "2001:db8::7",
                "RFC 7239 §4",
            ),
            ("::1", None, Some("for=_hidden"), "::1", "RFC 7239 §6.3"),
            ("::1", Some("9.9.9.9"), Some("for=6.6.6.6"), "9.9.9.9", "one field counts"),
            ("::1", Some(""), None, "::1", "empty"),
        ] {
            let peer = peer.parse().expect("an address");
            let got = client_address(peer, xff, forwarded, &trusted);
            assert_eq!(got.to_string(), expected, "{xff:?} {forwarded:?} ({source})");
        }
    }

    #[test]
    fn the_nearest_proxy_says_scheme_and_host() {
        let field = "for=a;proto=http, for=b; Proto=https;host=\"cloud.example:8443\"";
        assert_eq!(nearest_forwarded(field, "proto"), Some("https"));
        assert_eq!(nearest_forwarded(field, "host"), Some("cloud.example:8443"));
        assert_eq!(nearest_forwarded(field, "by"), None);
    }
}
