//! What a reload (SIGHUP) can change, and what needs a restart.

use super::load::Loaded;

/// Keys, or sections with a dot behind, that a running server takes over.
const RELOADABLE: &[&str] = &[
    "limits.",
    "tls.",
    "server.public_url",
    "server.trusted_proxies",
    "storage.min_free_bytes",
    "storage.default_quota_bytes",
    "storage.max_file_bytes",
    "storage.max_chunk_bytes",
    "apps.",
    "theme.",
    "names.",
    "plugin",
    "hooks.",
    "script",
];
/// Keys in those sections that it does not: what listeners and connections are made with.
const AT_START: &[&str] = &[
    "scripts.vms",
    "scripts.watch",
    "limits.header_timeout_secs",
    "limits.idle_timeout_secs",
    "limits.max_uri_bytes",
    "limits.max_header_bytes",
    "limits.max_headers",
    "limits.max_connections",
    "limits.max_connections_per_address",
    "limits.http2_max_streams",
    "limits.http2_max_pending_resets",
    "limits.http2_max_local_resets",
];

/// The keys that differ between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// In force as soon as the settings are handed over.
    pub reload: Vec<String>,
    /// Without effect until the next start; the log should say so.
    pub restart: Vec<String>,
}

impl Loaded {
    /// What changes when `newer` takes the place of this configuration. Files that keys point to
    /// (certificates) are not compared: read them again at each reload.
    pub fn changes(&self, newer: &Self) -> Changes {
        let mut changes = Changes::default();
        for (old, new) in self.values.iter().zip(&newer.values) {
            debug_assert_eq!(old.key, new.key, "both list every key in one order");
            if old.value == new.value {
                continue;
            }
            let reloadable = RELOADABLE.iter().any(|prefix| new.key.starts_with(prefix))
                && !AT_START.contains(&new.key.as_str());
            let list = if reloadable { &mut changes.reload } else { &mut changes.restart };
            list.push(new.key.clone());
        }
        changes
    }
}
