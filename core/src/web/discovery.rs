//! What apps ask before they know anything (clients.md §3; trace `server-discovery`).

use http::StatusCode;
use serde_json::json;

use crate::pages::base_path;
use crate::version::{PRODUCT, VERSION, VERSION_STRING};
use crate::wire::{Reply, Request};

/// `/status.php`. Compact JSON with the keys in the order of the trace.
pub(super) fn status() -> Reply {
    let body = json!({
        "installed": true,
        "maintenance": false,
        "needsDbUpgrade": false,
        "version": VERSION,
        "versionstring": VERSION_STRING,
        "edition": "",
        "productname": PRODUCT,
        "extendedSupport": false,
    });
    Reply::with_body(StatusCode::OK, "application/json", body.to_string())
        .header("cache-control", "no-store")
}

/// `/.well-known/caldav` and `carddav`: where DAV is (RFC 6764 §5).
pub(super) fn to_dav(request: &Request) -> Reply {
    let location = format!("{}/remote.php/dav/", base_path(&request.base_url));
    Reply::empty(StatusCode::MOVED_PERMANENTLY).header("location", location)
}

/// A well-known service that is not offered.
pub(super) fn unsupported(body: &'static str) -> Reply {
    Reply::with_body(StatusCode::NOT_FOUND, "application/json; charset=utf-8", body)
}

/// `/ocs-provider/`: the OCS services of this server, by their version.
pub(super) fn ocs_provider() -> Reply {
    let body = json!({ "version": 2, "services": {} });
    Reply::with_body(StatusCode::OK, "application/json", body.to_string())
}
