//! `files`: chunks, locks, and the names that are refused.

use serde_json::{Value, json};

use super::Facts;

/// Base names, without regard to case, that Windows takes for devices
/// (server lib/private/Files/FilenameValidator.php, `WindowsNameValidator`).
const WINDOWS_DEVICES: [&str; 32] = [
    "con",
    "prn",
    "aux",
    "nul",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "com\u{b9}",
    "com\u{b2}",
    "com\u{b3}",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "lpt\u{b9}",
    "lpt\u{b2}",
    "lpt\u{b3}",
    "conin$",
    "conout$",
];

/// The section.
///
/// Trash, versions and comments are said not to be there, rather than left out: Android and iOS
/// read them as booleans.
pub(super) fn section(facts: &Facts<'_>) -> Value {
    let windows = facts.settings.windows_compatible;
    let (basenames, characters, extensions) = match windows {
        true => (
            &WINDOWS_DEVICES[..],
            &["\\", "/", "<", ">", ":", "\"", "|", "?", "*"][..],
            &[" ", "."][..],
        ),
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
