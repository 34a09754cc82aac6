//! `files`: chunks, locks, and the names that are refused.

use serde_json::{Value, json};

use super::Facts;
use crate::names::{WINDOWS_CHARACTERS, WINDOWS_DEVICES, WINDOWS_ENDINGS};

/// The section.
///
/// Trash, versions and comments are said not to be there, rather than left out: Android and iOS
/// read them as booleans.
pub(super) fn section(facts: &Facts<'_>) -> Value {
    let windows = facts.settings.windows_compatible;
    let (basenames, characters, extensions) = match windows {
        true => (&WINDOWS_DEVICES[..], &WINDOWS_CHARACTERS[..], &WINDOWS_ENDINGS[..]),
        false => (&[][..], &["\\", "/"][..], &[][..]),
    };
    json!({
        "bigfilechunking": true,
        "chunked_upload": {
            "max_size": facts.settings.max_chunk_bytes,
            "max_parallel_count": facts.settings.parallel_chunks
        },
        // COMPAT(ios): text here, a boolean there; the other way round the whole document is lost.
        "locking": "1.0",
        "api-feature-lock-type": true,
        "blacklisted_files": [],
        "forbidden_filenames": [],
        "forbidden_filename_basenames": basenames,
        "forbidden_filename_characters": characters,
        "forbidden_filename_extensions": extensions,
        "windows_compatible_filenames": windows,
        "undelete": false,
        "versioning": false,
        "version_labeling": false,
        "version_deletion": false,
        "comments": false
    })
}
