//! `plugin …`: what runs, and loading it anew.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CommandError, House};

/// A command about plugins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginCommand {
    /// All that run.
    List,
    /// Load one anew, beside the copy in use.
    Reload {
        /// Name of the instance.
        name: String,
    },
}

pub(super) async fn execute(house: &House, command: PluginCommand) -> Result<Value, CommandError> {
    let value = match command {
        PluginCommand::List => serde_json::to_value(house.plugins.states()),
        PluginCommand::Reload { name } => match house.plugins.reload(&name, None).await {
            Ok(state) => {
                house.guests_changed();
                serde_json::to_value(state)
            }
            Err(error) => return Err(CommandError::Refused(error.to_string())),
        },
    };
    value.map_err(|error| CommandError::Failed(error.to_string()))
}
