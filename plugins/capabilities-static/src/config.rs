//! What is patched for whom.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The plugin's section of `server.toml`.
///
/// ```toml
/// [plugin.config.all.theming]
/// slogan = "Files of the town hall"
///
/// [plugin.config.groups.guests.files_sharing.public]
/// enabled = false
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticConfig {
    /// For everybody, also for who has not logged in.
    #[serde(default)]
    pub all: Map<String, Value>,
    /// For who is in a group, above what is for all. Of somebody who is in several of them, the later
    /// one has the last word.
    #[serde(default)]
    pub groups: Map<String, Value>,
    /// Keys that are taken away from everybody, with dots: `"files.locking"`. TOML has no null.
    #[serde(default)]
    pub remove: Vec<String>,
    /// How long an answer counts for a user, in seconds. The server asks anew in any case when the
    /// user's groups change.
    #[serde(default = "five_minutes")]
    pub ttl_secs: u64,
}

fn five_minutes() -> u64 {
    300
}

impl StaticConfig {
    /// What is wrong with it, in words for the administrator.
    pub(crate) fn fault(&self) -> Option<String> {
        let mut groups = self.groups.iter();
        if let Some((group, _)) = groups.find(|(_, patch)| !patch.is_object()) {
            return Some(format!("groups.{group}: expected a table"));
        }
        let mut keys = self.remove.iter();
        let bad = keys.find(|key| key.split('.').any(str::is_empty))?;
        Some(format!("remove: {bad:?} is no key; it should look like \"files.locking\""))
    }

    /// How long an answer counts.
    pub(crate) fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_secs)
    }
}
