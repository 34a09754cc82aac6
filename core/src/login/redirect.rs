//! Where a browser is sent on: local paths only (`threats` §4).

use http::StatusCode;

use crate::pages::base_path;
use crate::wire::{Reply, Request};

/// Longest target, in bytes.
const MAX_BYTES: usize = 2048;

/// `target` if it is a path on this server: no scheme, no host, nothing that a browser could read as one.
pub(super) fn local_path(target: &str) -> Option<&str> {
    let rest = target.strip_prefix('/')?;
    let good = target.len() <= MAX_BYTES
        && !rest.starts_with('/')
        && target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !target.split(['?', '#']).next().unwrap_or_default().split('/').any(|s| s == "..");
    good.then_some(target)
}

/// 303 to `path` below the base URL.
pub(super) fn see_other(request: &Request, path: &str) -> Reply {
    let path = format!("{}{path}", base_path(&request.base_url));
    to(local_path(&path).unwrap_or("/"))
}

/// 303 to a checked target.
pub(super) fn to(target: &str) -> Reply {
    Reply::empty(StatusCode::SEE_OTHER)
        .header("location", target)
        .header("cache-control", "no-store")
        .header("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
        .header("referrer-policy", "no-referrer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_on_this_server() {
        for (target, good) in [
            ("/", true),
            ("/index.php/login/v2/flow?user=a%40b", true),
            ("/a//b", true),
            ("", false),
            ("login", false),
            ("//evil.test", false),
            ("///evil.test", false),
            ("/\\evil.test", false),
            ("\\\\evil.test", false),
            ("/a\\b", false),
            ("https://evil.test", false),
            ("javascript:alert(1)", false),
            ("/a\nb", false),
            ("/\t/evil.test", false),
            (" /a", false),
            ("/a b", false),
            ("/é", false),
            ("/..//evil.test", false),
        ] {
            assert_eq!(local_path(target).is_some(), good, "{target:?}");
        }
        assert!(local_path(&format!("/{}", "x".repeat(MAX_BYTES))).is_none());
    }
}
