//! `Host`: a name or address and perhaps a port (RFC 9110 §7.2), before it becomes part of a URL.

use std::net::Ipv6Addr;

use super::error::HeaderError;

/// Longest `host:port`: a DNS name has at most 253 characters.
const MAX_BYTES: usize = 260;

/// Checks `host`, `host:port`, `[v6]` or `[v6]:port`, and gives it in lower case. What passes can
/// stand in a URL, a header and HTML without escaping.
///
/// # Errors
/// [`HeaderError`] for anything else: user info, paths, blanks, an empty name, a port of 0 or
/// above 65535.
pub fn parse_host(value: &str) -> Result<String, HeaderError> {
    let bad = HeaderError::new("Host", "not a host name or address with an optional port");
    let value = value.trim();
    if value.is_empty() || value.len() > MAX_BYTES {
        return Err(bad);
    }
    let port = match value.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']').ok_or(bad)?;
            address.parse::<Ipv6Addr>().map_err(|_| bad)?;
            match behind.strip_prefix(':') {
                Some(port) => Some(port),
                None if behind.is_empty() => None,
                None => return Err(bad),
            }
        }
        None => {
            let (name, port) = match value.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (value, None),
            };
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            if name.is_empty() || name.starts_with('.') || !name.bytes().all(good) {
                return Err(bad);
            }
            port
        }
    };
    if let Some(port) = port {
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        if !digits || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(bad);
        }
    }
    Ok(value.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_can_stand_in_a_url() {
        for (value, expected, source) in [
            ("cloud.example.org", Some("cloud.example.org"), "RFC 9110 §7.2"),
            ("Cloud.Example.org:8443", Some("cloud.example.org:8443"), "RFC 9110 §4.2.3: case"),
            ("127.0.0.1:8182", Some("127.0.0.1:8182"), "the traces"),
            ("[::1]:80", Some("[::1]:80"), "RFC 3986 §3.2.2"),
            ("[::1]", Some("[::1]"), "RFC 3986 §3.2.2"),
            ("my_host", Some("my_host"), "container names"),
            ("", None, "empty"),
            (":80", None, "no name"),
            ("a:0", None, "port"),
            ("a:65536", None, "port"),
            ("a:", None, "no port"),
            ("a:+1", None, "port"),
            ("a:b:c", None, "an address without brackets"),
            ("[::1", None, "bracket"),
            ("[::1]x", None, "bracket"),
            ("[evil]", None, "not an address"),
            ("user@host", None, "threats §4: forged Host"),
            ("a/b", None, "threats §4"),
            ("a\"><script>", None, "threats §4"),
            ("a b", None, "blank"),
            ("bücher.example", None, "IDNs come as xn--"),
        ] {
            assert_eq!(parse_host(value).ok().as_deref(), expected, "{value:?} ({source})");
        }
        assert!(parse_host(&"a".repeat(261)).is_err());
    }
}
