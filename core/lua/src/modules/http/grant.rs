//! Which hosts a script may call.

use url::Url;

use crate::services::Reach;
use crate::site::Grants;

/// Whether these grants allow a URL, and where its host may be. `Err` is the grant that is missing.
pub(super) fn reach(grants: &Grants, url: &Url) -> Result<Reach, String> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let port = url.port_or_known_default();
    let granted = |kind: &str| {
        grants.of(kind).any(|grant| {
            let (name, at) = split(grant);
            fits(name, host) && at.map_or(url.port().is_none(), |at| Some(at) == port)
        })
    };
    // An address in the URL itself never goes by a resolver, so it is looked at here.
    if granted("http-private") {
        return Ok(Reach::Anywhere);
    }
    let missing = |kind: &str| match url.port() {
        None => format!("{kind}:{host}"),
        Some(port) => format!("{kind}:{host}:{port}"),
    };
    let literal = match url.host() {
        Some(url::Host::Ipv4(address)) => Some(address.into()),
        Some(url::Host::Ipv6(address)) => Some(address.into()),
        _ => None,
    };
    if literal.is_some_and(|address| !crate::net::is_public(address)) {
        return Err(missing("http-private"));
    }
    match granted("http") {
        true => Ok(Reach::Public),
        false => Err(missing("http")),
    }
}

/// A grant's host, and its port if it names one. `[::1]:80` has one, `[::1]` has none.
fn split(grant: &str) -> (&str, Option<u16>) {
    match grant.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (grant, None),
        },
        _ => (grant, None),
    }
}

fn fits(granted: &str, host: &str) -> bool {
    match granted.strip_prefix("*.") {
        None => granted.eq_ignore_ascii_case(host),
        Some(domain) => {
            let host = host.to_ascii_lowercase();
            let below = host.strip_suffix(&domain.to_ascii_lowercase());
            below.and_then(|it| it.strip_suffix('.')).is_some_and(|it| !it.is_empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_granted_by_name_and_port() {
        let grants = Grants::new([
            "http:a.example",
            "http:b.example:8443",
            "http:*.c.example",
            "http-private:intern.example",
            "http-private:127.0.0.1:8080",
            "http:10.0.0.1",
            "http-private:[::1]",
        ]);
        for (url, expected) in [
            ("https://a.example/x", Ok(Reach::Public)),
            ("http://A.Example./x", Ok(Reach::Public)),
            ("https://a.example:444/", Err("http:a.example:444")),
            ("https://b.example:8443/", Ok(Reach::Public)),
            ("https://b.example/", Err("http:b.example")),
            ("https://x.c.example/", Ok(Reach::Public)),
            ("https://y.x.c.example/", Ok(Reach::Public)),
            ("https://c.example/", Err("http:c.example")),
            ("https://evilc.example/", Err("http:evilc.example")),
            ("https://a.example.evil/", Err("http:a.example.evil")),
            ("https://a.example@evil/", Err("http:evil")),
            ("https://intern.example/", Ok(Reach::Anywhere)),
            ("http://127.0.0.1:8080/", Ok(Reach::Anywhere)),
            ("http://0x7f.1:8080/", Ok(Reach::Anywhere)),
            ("http://127.0.0.1/", Err("http-private:127.0.0.1")),
            ("http://10.0.0.1/", Err("http-private:10.0.0.1")),
            ("http://[::ffff:10.0.0.1]/", Err("http-private:[::ffff:a00:1]")),
            ("http://[::1]/", Ok(Reach::Anywhere)),
            ("http://2130706433/", Err("http-private:127.0.0.1")),
        ] {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(reach(&grants, &parsed), expected.map_err(str::to_owned), "{url}");
        }
    }
}
