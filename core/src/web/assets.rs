//! Static files: the stylesheet, the mark, `robots.txt`.

use http::StatusCode;

use crate::pages::{LOGO, LOGO_PATH, STYLESHEET, STYLESHEET_PATH};
use crate::wire::Reply;

/// Names with a hash of the content never change what they mean.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The file at `path`.
pub(super) fn find(path: &str) -> Option<Reply> {
    if path == *STYLESHEET_PATH {
        return Some(file("text/css; charset=utf-8", STYLESHEET, FOR_EVER));
    }
    if path == *LOGO_PATH {
        return Some(file("image/svg+xml", LOGO, FOR_EVER));
    }
    // Browsers ask for it by this name on answers that are no pages of ours.
    (path == "/favicon.ico").then(|| file("image/svg+xml", LOGO, "public, max-age=86400"))
}

/// Nothing here is for search engines.
pub(super) fn robots() -> Reply {
    file("text/plain; charset=utf-8", "User-agent: *\nDisallow: /\n", "public, max-age=86400")
}

fn file(media_type: &'static str, content: &'static str, cache: &str) -> Reply {
    Reply::with_body(StatusCode::OK, media_type, content)
        .header("cache-control", cache)
        .header("x-content-type-options", "nosniff")
        .header("content-security-policy", "default-src 'none'; sandbox")
}
