//! `dav` and `checksums`: how uploads are made and verified.

use serde_json::{Value, json};

use super::Facts;

/// Without `chunking` the desktop sends large files by a protocol that nobody speaks any more.
pub(super) fn section(_: &Facts<'_>) -> Value {
    json!({ "chunking": "1.0" })
}

/// The algorithms of `OC-Checksum`. The preferred one is kept of every file anyway.
pub(super) fn checksums(_: &Facts<'_>) -> Value {
    json!({
        "supportedTypes": ["SHA1", "MD5", "SHA256", "SHA3-256", "ADLER32"],
        "preferredUploadType": "SHA1"
    })
}
