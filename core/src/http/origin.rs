//! Who asks, and by which URL: from the connection, or from a proxy that is trusted to say.
//!
//! | Peer            | Address                            | Host and scheme                    |
//! |-----------------|------------------------------------|------------------------------------|
//! | anybody         | the connection's                   | `Host` or `:authority`, TLS or not |
//! | a trusted proxy | right-most untrusted of its list   | what the proxy says, else as above |
//!
//! Fields: `X-Forwarded-For`, `-Proto`, `-Host`, else `Forwarded` (RFC 7239). Of a list the last
//! element counts: the ones before it came from somewhere else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{FORWARDED, HOST, HeaderMap};
use http::request::Parts;

use super::HttpOrigins;
use crate::wire::{Arrival, Peers};

/// What the pipeline knows about the sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) remote_ip: IpAddr,
    /// `https://cloud.example.org`
    pub(super) base_url: Arc<str>,
    /// Whether the client's own connection is encrypted.
    pub(super) secure: bool,
    /// Whether the peer may use plain HTTP: this machine, or a trusted proxy.
    pub(super) near: bool,
}

/// The request names no host, or not exactly one, or none that can be one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadHost;

pub(super) fn origin(
    settings: &HttpOrigins,
    arrival: &Arrival,
    parts: &Parts,
) -> Result<Origin, BadHost> {
    let peer = arrival.peer.ip();
    let host = host(parts, arrival)?;
    let trusted = settings.trusted_proxies.has(arrival);
    let said = if trusted { Said::parse(&parts.headers) } else { Said::default() };
    let secure = match said.proto.as_deref() {
        Some(proto) => proto.eq_ignore_ascii_case("https"),
        None => arrival.secure,
    };
    let base_url = match &settings.public_url {
        Some(url) => Arc::clone(url),
        None => {
            let host = said.host.as_deref().filter(|host| is_host(host)).unwrap_or(&host);
            let scheme = if secure { "https" } else { "http" };
            format!("{scheme}://{host}").into()
        }
    };
    let remote_ip = match trusted {
        true => right_most_untrusted(peer, &said.path, &settings.trusted_proxies),
        false => peer,
    };
    Ok(Origin { remote_ip, base_url, secure, near: trusted || peer.is_loopback() })
}

/// Walks from the trusted peer over the nearest hop to the farthest and stops at the first that is not trusted to say
/// what lies behind it. An element that is no address (`unknown`) ends the walk too.
fn right_most_untrusted(peer: IpAddr, path: &[Option<IpAddr>], trusted: &Peers) -> IpAddr {
    let mut nearest = peer;
    for hop in path.iter().rev() {
        let Some(hop) = hop else { break };
        nearest = *hop;
        if !trusted.has_ip(nearest) {
            break;
        }
    }
    nearest
}

/// The authority that the request names; lower case is not needed, clients send what they got.
fn host(parts: &Parts, arrival: &Arrival) -> Result<String, BadHost> {
    let mut fields = parts.headers.get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return Err(BadHost);
    }
    let field = field.map(|value| value.to_str().map_err(|_| BadHost)).transpose()?;
    // RFC 9112 §3.2.2: an absolute target overrides the field, which must be there all the same.
    let named = match (parts.uri.authority(), field) {
        (Some(authority), _) if parts.version == http::Version::HTTP_2 => authority.as_str(),
        (Some(authority), Some(_)) => authority.as_str(),
        (None, Some(field)) => field,
        // HTTP/1.0 knows no Host; simple health checks speak it.
        (_, None) if parts.version < http::Version::HTTP_11 => {
            let local = arrival.local.to_string();
            return Ok(if arrival.unix { "localhost".to_owned() } else { local });
        }
        (_, None) => return Err(BadHost),
    };
    if is_host(named) { Ok(named.to_owned()) } else { Err(BadHost) }
}

/// `name`, `address` or `[address]`, with an optional port. Nothing that means something in a URL
/// or in HTML, because this text ends up in both.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((ip, rest)) = rest.split_once(']') else { return false };
            if ip.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match rest.strip_prefix(':') {
                Some(port) => return is_port(port),
                None => return rest.is_empty(),
            }
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !name.is_empty() && name.len() <= 253 && name.bytes().all(good) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.starts_with('+') && text.parse::<u16>().is_ok()
}

/// What proxies say.
#[derive(Debug, Default)]
struct Said {
    /// Addresses from the farthest to the nearest; `None` for one that cannot be read.
    path: Vec<Option<IpAddr>>,
    host: Option<String>,
    proto: Option<String>,
}

impl Said {
    fn parse(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        let path: Vec<_> = elements(headers, "x-forwarded-for").map(address).collect();
        let last = |name| elements(headers, name).next_back().map(str::to_owned);
        said.host = last("x-forwarded-host");
        said.proto = last("x-forwarded-proto");
        if !path.is_empty() || said.host.is_some() || said.proto.is_some() {
            said.path = path;
            return said;
        }
        for element in elements(headers, FORWARDED.as_str()) {
            let mut hop = None;
            for pair in element.split(';') {
                let Some((name, value)) = pair.split_once('=') else { continue };
                let value = value.trim().trim_matches('"');
                match name.trim().to_ascii_lowercase().as_str() {
                    "for" => hop = address(value),
                    "host" => said.host = Some(value.to_owned()),
                    "proto" => said.proto = Some(value.to_owned()),
                    _ => {}
                }
            }
            said.path.push(hop);
        }
        said
    }
}

/// The elements of a list field, over all its lines.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
) -> impl DoubleEndedIterator<Item = &'a str> + 'a {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let elements = lines.flat_map(|line| line.split(',').map(str::trim));
    elements.filter(|element| !element.is_empty())
}

/// An address, with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(fields: &[(&'static str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn arrival(peer: &str, secure: bool) -> Arrival {
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        Arrival { peer, local: "192.0.2.1:8080".parse().unwrap(), secure, unix: false }
    }

    #[test]
    fn who_comes_through_a_unix_socket_is_believed_only_if_the_owner_says_so() {
        let arrival = Arrival { unix: true, ..arrival("127.0.0.1", false) };
        let fields = [("host", "inner"), ("x-forwarded-for", "198.51.100.1")];
        let fields = [&fields[..], &[("x-forwarded-proto", "https")]].concat();
        let loopback = vec!["127.0.0.0/8".parse().unwrap()];
        for (networks, unix, ip, url) in [
            (vec![], false, "127.0.0.1", "http://inner"),
            (loopback, false, "127.0.0.1", "http://inner"),
            (vec![], true, "198.51.100.1", "https://inner"),
        ] {
            let trusted_proxies = Peers { networks, unix };
            let settings = HttpOrigins { trusted_proxies, ..HttpOrigins::default() };
            let found = origin(&settings, &arrival, &parts(&fields)).unwrap();
            assert_eq!(found.remote_ip, ip.parse::<IpAddr>().unwrap(), "{settings:?}");
            assert_eq!((&*found.base_url, found.near), (url, true), "{settings:?}");
        }
        let old = http::Request::builder().version(http::Version::HTTP_10).uri("/").body(());
        let found = origin(&HttpOrigins::default(), &arrival, &old.unwrap().into_parts().0);
        assert_eq!(&*found.unwrap().base_url, "http://localhost");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let settings = HttpOrigins {
            trusted_proxies: Peers { networks: vec!["10.0.0.0/8".parse().unwrap()], unix: false },
            ..HttpOrigins::default()
        };
        let forged = ("x-forwarded-for", "198.51.100.1");
        for (peer, fields, ip, url) in [
            ("203.0.113.5", vec![("host", "a.org"), forged], "203.0.113.5", "http://a.org"),
            ("10.0.0.1", vec![("host", "a.org"), forged], "198.51.100.1", "http://a.org"),
            (
                "10.0.0.1",
                vec![("host", "a.org"), ("x-forwarded-for", "6.6.6.6, 198.51.100.1, 10.0.0.2")],
                "198.51.100.1",
                "http://a.org",
            ),
            (
                "10.0.0.1",
                vec![("host", "a.org"), ("x-forwarded-for", "6.6.6.6, unknown")],
                "10.0.0.1",
                "http://a.org",
            ),
            (
                "10.0.0.1",
                vec![
                    ("host", "inner:8080"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "cloud.example.org"),
                ],
                "10.0.0.1",
                "https://cloud.example.org",
            ),
            (
                "10.0.0.1",
                vec![
                    ("host", "inner"),
                    ("forwarded", "for=6.6.6.6"),
                    ("forwarded", r#"for="[2001:db8::1]:47";proto=https;host=b.org"#),
                ],
                "2001:db8::1",
                "https://b.org",
            ),
            (
                "10.0.0.1",
                vec![("host", "inner"), ("x-forwarded-host", "evil\"><script>")],
                "10.0.0.1",
                "http://inner",
            ),
        ] {
            let found = origin(&settings, &arrival(peer, false), &parts(&fields)).unwrap();
            assert_eq!(found.remote_ip, ip.parse::<IpAddr>().unwrap(), "{fields:?}");
            assert_eq!(&*found.base_url, url, "{fields:?}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_a_port() {
        for (text, good) in [
            ("cloud.example.org", true),
            ("cloud.example.org:8443", true),
            ("127.0.0.1:80", true),
            ("[::1]", true),
            ("[::1]:8443", true),
            ("under_score", true),
            ("", false),
            (":80", false),
            ("a:b", false),
            ("a:+80", false),
            ("a:99999", false),
            ("a b", false),
            ("user@a", false),
            ("a/b", false),
            ("[::1", false),
            ("[x]", false),
            ("a,b", false),
        ] {
            assert_eq!(is_host(text), good, "{text:?}");
        }
    }

    #[test]
    fn public_url_overrides_every_host() {
        let settings =
            HttpOrigins { public_url: Some("https://c.org".into()), ..HttpOrigins::default() };
        let found = origin(&settings, &arrival("203.0.113.5", true), &parts(&[("host", "x")]));
        assert_eq!(&*found.unwrap().base_url, "https://c.org");
        let double = parts(&[("host", "x"), ("host", "x")]);
        assert_eq!(origin(&settings, &arrival("203.0.113.5", true), &double), Err(BadHost));
        assert_eq!(origin(&settings, &arrival("203.0.113.5", true), &parts(&[])), Err(BadHost));
    }
}
