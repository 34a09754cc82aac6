//! The same as a shared library: its section of `server.toml` is a [`LocalConfig`].

use std::sync::Arc;

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};

use crate::{LocalConfig, LocalStorage};

/// An instance.
pub struct LocalPlugin(Arc<LocalStorage>);

impl Plugin for LocalPlugin {
    type Config = LocalConfig;

    const SCHEMA: &'static str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["files", "stage", "kept"],
  "properties": {
    "files": { "type": "string", "description": "What users see, as plain files" },
    "stage": { "type": "string", "description": "Files being written; on the same file system" },
    "kept": { "type": "string", "description": "What was found where the server wrote" }
  }
}"#;

    fn create(config: LocalConfig, _: Host) -> Result<Self, PluginError> {
        Ok(Self(Arc::new(LocalStorage::open(config)?)))
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.files(Arc::clone(&self.0));
    }
}
