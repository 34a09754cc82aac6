//! `Destination` of COPY, MOVE and chunked uploads (RFC 4918 §10.3), in the four shapes that the
//! apps send (clients.md trap 16).
//!
//! | Shape                           | From                                    |
//! |---------------------------------|-----------------------------------------|
//! | `https://host/a%20b`            | Android, iOS, rclone                    |
//! | `/a%20b`                        | desktop, MOVE                           |
//! | `https://host/a b`, raw UTF-8   | desktop 3.16, chunk MKCOL and PUT       |
//! | `https%3A//host/a%20b`          | newer desktop, chunk MKCOL and PUT      |
//!
//! In each of them the path is percent-decoded exactly once, and not here: `DavPath` does it.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::error::HeaderError;
use super::host::parse_host;

/// Longest value in bytes: that of a URI (`threats` §2).
const MAX_BYTES: usize = 16 * 1024;

/// What cannot stand in an encoded path as it is.
const RAW: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'?').add(b'#');

/// Where a resource shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// `host[:port]` in lower case, if the field named one. The caller compares it with its own.
    pub host: Option<String>,
    /// Path: begins with `/`, ASCII, still percent-encoded, without query and fragment.
    pub path: String,
}

impl Destination {
    /// Reads the field's value, as bytes because the desktop sends raw UTF-8.
    ///
    /// # Errors
    /// [`HeaderError`] if it is not UTF-8, too long, holds control characters, or is neither an
    /// http(s) URL nor an absolute path.
    pub fn parse(value: &[u8]) -> Result<Self, HeaderError> {
        let text = std::str::from_utf8(value).map_err(|_| bad("not UTF-8"))?.trim();
        if text.len() > MAX_BYTES {
            return Err(bad("too long"));
        }
        if text.contains(|c: char| c.is_ascii_control()) {
            return Err(bad("a control character"));
        }
        if text.starts_with('/') && !names_host(text) {
            return Ok(Self { host: None, path: encoded_path(text) });
        }
        let rest = text.strip_prefix("//").or_else(|| after_scheme(text));
        let rest = rest.ok_or(bad("neither an http URL nor an absolute path"))?;
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        // The wholly encoded shape has `%3A` before the port too.
        let authority = percent_decode_str(authority).decode_utf8().map_err(|_| bad("host"))?;
        let host = parse_host(&authority).map_err(|_| bad("not a host name"))?;
        // Without a path it is the root (RFC 9110 §4.2.3), whatever query follows.
        let path = if path.starts_with('/') { encoded_path(path) } else { "/".to_owned() };
        Ok(Self { host: Some(host), path })
    }
}

/// Whether a value is `//host/path` (RFC 3986 §4.2). A client whose base URL ends in a slash sends
/// `//remote.php/…`, which no host is called.
fn names_host(text: &str) -> bool {
    let first = text.strip_prefix("//").and_then(|rest| rest.split('/').next());
    first.is_some_and(|first| !matches!(first, "" | "remote.php" | "index.php"))
}

/// What stands behind `http://` or `https://`, whose colon may be encoded.
fn after_scheme(text: &str) -> Option<&str> {
    ["https://", "http://", "https%3a//", "http%3a//"].into_iter().find_map(|scheme| {
        let start = text.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    })
}

/// The path without query and fragment, all ASCII. Escapes in it stay as they are.
fn encoded_path(text: &str) -> String {
    // COMPAT(desktop 3.16): in a raw path `?` and `#` are parts of names. Blanks and non-ASCII
    // characters show that it is raw.
    let raw = text.contains(|c: char| c == ' ' || !c.is_ascii());
    let end = if raw { text.len() } else { text.find(['?', '#']).unwrap_or(text.len()) };
    utf8_percent_encode(&text[..end], RAW).to_string()
}

fn bad(problem: &'static str) -> HeaderError {
    HeaderError::new("Destination", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_come_in_four_shapes() {
        let host = "h.example:8443";
        for (value, expected_host, path, source) in [
            (
                "https://H.example:8443/remote.php/dav/files/a/b%20%C3%BC",
                Some(host),
                "/remote.php/dav/files/a/b%20%C3%BC",
                "Android, iOS, rclone",
            ),
            ("/remote.php/dav/files/a/b%20c", None, "/remote.php/dav/files/a/b%20c", "desktop"),
            (
                "https://h.example:8443/files/a/b ü#1?.txt",
                Some(host),
                "/files/a/b%20%C3%BC%231%3F.txt",
                "desktop 3.16: raw",
            ),
            (
                "https%3A//h.example%3A8443/files/a/b%20%C3%BC%2525",
                Some(host),
                "/files/a/b%20%C3%BC%2525",
                "newer desktop: decoded once, by DavPath",
            ),
            ("http%3a//h/a", Some("h"), "/a", "lower-case hex"),
            ("HTTP://h/a?b#c", Some("h"), "/a", "RFC 3986 §3.1: any case; no query"),
            ("http://h", Some("h"), "/", "RFC 9110 §4.2.3"),
            ("http://h?a b", Some("h"), "/", "a query behind the host, raw"),
            ("/a//b/", None, "/a//b/", "clients.md §16: `//` is normalised later"),
            ("http://h/%2541", Some("h"), "/%2541", "decoded once"),
            ("//h:1/a", Some("h:1"), "/a", "RFC 3986 §4.2: a host without a scheme"),
            ("//remote.php/dav/a", None, "//remote.php/dav/a", "a slash too many"),
        ] {
            let got = Destination::parse(value.as_bytes()).expect(source);
            assert_eq!(
                (got.host.as_deref(), got.path.as_str()),
                (expected_host, path),
                "{value} ({source})"
            );
        }
        for bad in [
            &b""[..],
            b"a.txt",
            b"ftp://h/a",
            b"https%253A//h/a",
            b"http://u@h/a",
            b"http:///a",
            b"https%3A%2F%2Fh/a",
            b"/a\tb",
            b"/\xff",
            &[b'/'; MAX_BYTES + 1],
        ] {
            assert!(Destination::parse(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
