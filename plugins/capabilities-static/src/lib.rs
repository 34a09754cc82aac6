//! Moonsail capabilities: patches from the configuration, for all and by group.
//!
//! | file        | what it does                 |
//! |-------------|------------------------------|
//! | `config.rs` | what is patched for whom     |
//! | `patch.rs`  | several patches as one       |

mod config;
mod patch;

use std::sync::Arc;

use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::auth::Call;
use moonsail_sdk::capabilities::{CapabilityProvider, Patch, UserView};
use moonsail_sdk::error::Error;
use serde_json::Value;

pub use config::StaticConfig;
use patch::{lay_over, removal};

/// Says to everybody what its configuration says.
pub struct CapabilitiesStatic(StaticConfig);

impl CapabilityProvider for CapabilitiesStatic {
    async fn contribute(&self, _: &Call, user: Option<&UserView>, _: &str) -> Result<Patch, Error> {
        let Self(config) = self;
        let mut patch = config.all.clone();
        for (group, of_group) in &config.groups {
            if let (true, Value::Object(of_group)) =
                (user.is_some_and(|user| user.is_in(group)), of_group)
            {
                lay_over(&mut patch, of_group);
            }
        }
        for key in &config.remove {
            lay_over(&mut patch, &removal(key));
        }
        Ok(Patch { json: Value::Object(patch).to_string(), ttl: config.ttl() })
    }
}

impl Plugin for CapabilitiesStatic {
    type Config = StaticConfig;

    fn create(config: StaticConfig, _: Host) -> Result<Self, PluginError> {
        match config.fault() {
            Some(fault) => Err(PluginError::new(fault)),
            None => Ok(Self(config)),
        }
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.capabilities(Arc::clone(self));
    }
}

moonsail_sdk::export_plugin!(CapabilitiesStatic);
