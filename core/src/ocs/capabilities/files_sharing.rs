//! `files_sharing`: there is no sharing yet. It has to be said: without this block the desktop takes
//! the sharing API to be there, and Android wants `public` and `resharing` once the block is.

use serde_json::{Value, json};

use super::Facts;

/// The section.
pub(super) fn section(_: &Facts<'_>) -> Value {
    json!({
        "api_enabled": false,
        "public": {
            "enabled": false,
            "password": { "enforced": false, "askForOptionalPassword": false },
            "expire_date": { "enabled": false },
            "multiple_links": false,
            "expire_date_internal": { "enabled": false },
            "expire_date_remote": { "enabled": false },
            "send_mail": false,
            "upload": false,
            "upload_files_drop": false
        },
        "resharing": false,
        "user": { "send_mail": false, "expire_date": { "enabled": false } },
        "group_sharing": false,
        "group": { "enabled": false, "expire_date": { "enabled": false } },
        "default_permissions": 31,
        "federation": { "outgoing": false, "incoming": false, "expire_date": { "enabled": false } }
    })
}
