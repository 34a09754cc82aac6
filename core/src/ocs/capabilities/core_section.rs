//! `core`: where WebDAV is, how often to look, which version answers.

use serde_json::{Value, json};

use super::Facts;
use crate::version;

/// How often a client that polls by this value looks for changes, in seconds. The desktop does not
/// read it (clients.md §39).
const POLL_INTERVAL_SECS: u32 = 60;

/// The section.
pub(super) fn section(_: &Facts<'_>) -> Value {
    json!({
        "pollinterval": POLL_INTERVAL_SECS,
        "webdav-root": "remote.php/webdav",
        "mod-rewrite-working": true,
        // COMPAT(desktop): compared with `version` of status.php; another value asks for a new check.
        "status": { "version": version::VERSION, "versionstring": version::VERSION_STRING }
    })
}
