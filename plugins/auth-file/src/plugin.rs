//! The same as a shared library: its section of `server.toml` is an [`AuthFileConfig`].

use std::sync::Arc;

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};

use crate::{AuthFile, AuthFileConfig};

/// An instance.
pub struct AuthFilePlugin(Arc<AuthFile>);

impl Plugin for AuthFilePlugin {
    type Config = AuthFileConfig;

    const SCHEMA: &'static str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["path"],
  "properties": {
    "path": { "type": "string", "description": "The htpasswd file, read again when it changes" }
  }
}"#;

    fn create(config: AuthFileConfig, _: Host) -> Result<Self, PluginError> {
        Ok(Self(Arc::new(AuthFile::open(config)?)))
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.auth(Arc::clone(&self.0));
    }
}
