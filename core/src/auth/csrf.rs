//! Whether a request that a browser's cookie vouches for was really meant by its user (`threats` §4).
//!
//! | Request                                        | Taken |
//! |------------------------------------------------|-------|
//! | GET, HEAD, OPTIONS                             | yes: they change nothing |
//! | `requesttoken` equals the session's            | yes   |
//! | `Origin` is ours                               | yes   |
//! | `Origin` is somebody else's, or `null`         | no, whatever else it says |
//! | no `Origin`, `Sec-Fetch-Site: same-origin`     | yes   |
//! | nothing of this                                | no    |

use http::Method;

use super::keyed::same;
use crate::wire::Request;

/// Whether the request is ours; `expected` is the session's token.
pub(crate) fn is_meant(request: &Request, expected: &str) -> bool {
    if matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    match origin(request) {
        Some(ours) => ours,
        None => {
            request.header("requesttoken").is_some_and(|token| same(token, expected))
                || request.header("sec-fetch-site") == Some("same-origin")
        }
    }
}

/// Whether `Origin` is this server's; `None` if there is none.
pub(crate) fn origin(request: &Request) -> Option<bool> {
    let origin = request.headers.get(http::header::ORIGIN)?;
    let ours = origin_of(&request.base_url);
    Some(origin.as_bytes().eq_ignore_ascii_case(ours.as_bytes()))
}

/// Scheme, host and port of a base URL that may have a path.
fn origin_of(base: &str) -> &str {
    let host = base.find("://").map_or(0, |at| at + 3);
    base[host..].find('/').map_or(base, |slash| &base[..host + slash])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::tests::request;

    #[test]
    fn the_table_above_holds() {
        let own = "http://cloud.test";
        for (method, fields, expected) in [
            ("GET", &[][..], true),
            ("HEAD", &[("origin", "http://evil.test")], true),
            ("POST", &[("requesttoken", "right")], true),
            ("POST", &[("requesttoken", "wrong")], false),
            ("PUT", &[("origin", own)], true),
            ("PUT", &[("origin", "HTTP://Cloud.Test")], true),
            ("PUT", &[("origin", "http://cloud.test.evil.test")], false),
            ("POST", &[("origin", "null"), ("requesttoken", "right")], false),
            ("POST", &[("origin", "http://evil.test"), ("sec-fetch-site", "same-origin")], false),
            ("DELETE", &[("sec-fetch-site", "same-origin")], true),
            ("DELETE", &[("sec-fetch-site", "same-site")], false),
            ("PROPFIND", &[], false),
        ] {
            let request = request(method, "/", fields);
            assert_eq!(is_meant(&request, "right"), expected, "{method} {fields:?}");
        }
    }

    #[test]
    fn the_origin_is_the_base_without_its_path() {
        for (base, origin) in [
            ("https://a.test", "https://a.test"),
            ("https://a.test:8443/nc", "https://a.test:8443"),
            ("http://[::1]:80/x/y", "http://[::1]:80"),
        ] {
            assert_eq!(origin_of(base), origin);
        }
    }
}
