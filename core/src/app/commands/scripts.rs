//! `script …`: what runs, and loading it anew.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CommandError, House};
use crate::config::nearest;

/// A command about scripts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScriptCommand {
    /// All that run, with their last runs.
    List,
    /// Load one anew from its file.
    Reload {
        /// Its name.
        name: String,
    },
}

pub(super) async fn execute(house: &House, command: ScriptCommand) -> Result<Value, CommandError> {
    if let ScriptCommand::Reload { name } = command {
        let Some(slot) = house.scripts.find(&name) else {
            let names = house.scripts.slots().iter().map(|slot| slot.name());
            let near = nearest(&name, names);
            let hint = near.map(|near| format!("; perhaps {near:?} is meant")).unwrap_or_default();
            return Err(CommandError::Refused(format!("there is no script {name:?}{hint}")));
        };
        if let Err(error) = house.scripts.reload_files(slot).await {
            return Err(CommandError::Refused(error.to_string()));
        }
        house.guests_changed();
    }
    let states = serde_json::to_value(house.scripts.states());
    states.map_err(|error| CommandError::Failed(error.to_string()))
}
