//! What a reload (SIGHUP) can change, and what needs a restart.

use super::load::Loaded;

/// Keys, or sections with a dot behind, that a running server takes over.
const RELOADABLE: &[&str] = &["limits.", "tls."];

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
            let reloadable = RELOADABLE.iter().any(|prefix| new.key.starts_with(prefix));
            let list = if reloadable { &mut changes.reload } else { &mut changes.restart };
            list.push(new.key.clone());
        }
        changes
    }
}
