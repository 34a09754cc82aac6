//! `Destination` and `Host`: what is understood is plain, and is understood the same again.

use moonsail::path::DavPath;
use moonsail::proto::destination::Destination;
use moonsail::proto::host::parse_host;

use super::text;

pub(super) fn target(input: &[u8]) {
    if let Ok(destination) = Destination::parse(input) {
        let Destination { host, path } = &destination;
        assert!(path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()), "{path}");
        assert!(!path.contains(['?', '#', '"', '<', '>']), "{path}");
        // By itself it may name a host (RFC 3986 §4.2).
        if host.is_none() || !path.starts_with("//") {
            let alone = Destination { host: None, path: path.clone() };
            assert_eq!(Destination::parse(path.as_bytes()), Ok(alone));
        }
        if let Some(host) = host {
            let whole = format!("https://{host}{path}");
            assert_eq!(Destination::parse(whole.as_bytes()).as_ref(), Ok(&destination));
        }
        let _checked_elsewhere = DavPath::parse(path);
    }
    if let Ok(host) = parse_host(&text(input)) {
        assert!(host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b)));
        assert!(!host.bytes().any(|b| b.is_ascii_uppercase()));
        assert_eq!(parse_host(&host).as_ref(), Ok(&host));
    }
}
