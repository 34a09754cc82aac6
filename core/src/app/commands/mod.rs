//! What an administrator asks for on the command line, as data.
//!
//! A [`Command`] travels over the control socket to the running server, or is carried out by the
//! command line itself when none runs; [`execute`] does it in both cases, over the same [`House`].
//! One file a group of verbs. Results are JSON: `cli` shows them to people or prints them as they
//! are.

mod backup;
mod capabilities;
mod error;
mod groups;
mod plugins;
mod scan;
mod scripts;
mod tokens;
mod users;
mod wire_secret;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

pub use backup::BackupCommand;
pub use error::CommandError;
pub use groups::GroupCommand;
pub use plugins::PluginCommand;
pub use scan::Scanned;
pub use scripts::ScriptCommand;
pub use tokens::{NewAppPassword, TokenCommand};
pub use users::{NewAccount, NewQuota, UserCommand};

use super::House;
use crate::content::Finding;

/// Something to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// About users.
    User(UserCommand),
    /// About groups.
    Group(GroupCommand),
    /// About app passwords.
    Token(TokenCommand),
    /// Compare the index with the files. Gives a [`Progress`]; problems are told on the way.
    ///
    /// [`Progress`]: crate::content::Progress
    Fsck,
    /// Take over what others have changed on the disk. Gives [`Scanned`]; what cannot be served is
    /// told on the way.
    Scan {
        /// Only this user's files.
        user: Option<String>,
    },
    /// What the apps are told that the server can do, with the extension of each key.
    Capabilities {
        /// Whose apps; `None` for everybody's.
        user: Option<String>,
    },
    /// Make a backup.
    Backup(BackupCommand),
    /// About plugins.
    Plugin(PluginCommand),
    /// About scripts.
    Script(ScriptCommand),
}

/// Carries out a command. Its effects hold for the next request of a running server.
///
/// `findings` takes what long work finds on its way; it stops when nobody listens any more.
///
/// # Errors
/// [`CommandError`]; nothing was changed then, unless its text says so.
pub async fn execute(
    house: &House,
    command: Command,
    findings: mpsc::Sender<Finding>,
) -> Result<Value, CommandError> {
    match command {
        Command::User(command) => users::execute(house, command).await,
        Command::Group(command) => groups::execute(house, command).await,
        Command::Token(command) => tokens::execute(house, command).await,
        Command::Scan { user } => scan::execute(house, user, findings).await,
        Command::Plugin(command) => plugins::execute(house, command).await,
        Command::Script(command) => scripts::execute(house, command).await,
        Command::Capabilities { user } => capabilities::execute(house, user).await,
        Command::Backup(command) => backup::execute(house, command, findings).await,
        Command::Fsck => {
            let done = house.content.verify(&findings).await?;
            serde_json::to_value(done).map_err(|error| CommandError::Failed(error.to_string()))
        }
    }
}
