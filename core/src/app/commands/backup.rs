//! `backup`: what else of the data folder belongs into one, and where it must not go.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{CommandError, House};
use crate::content::Finding;
use crate::content::backup::{BackupError, Plan};

/// What of the data folder is neither index nor users' files, and cannot be made again.
const EXTRA: [&str; 2] = ["tls", "versions/kept"];

/// A backup to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupCommand {
    /// The folder of backups, an absolute path.
    pub to: PathBuf,
    /// How many generations to keep; all if `None`.
    pub keep: Option<usize>,
}

/// Makes a backup; gives its [`Done`].
///
/// [`Done`]: crate::content::backup::Done
pub(super) async fn execute(
    house: &House,
    command: BackupCommand,
    findings: mpsc::Sender<Finding>,
) -> Result<Value, CommandError> {
    let data = house.folder().path();
    if is_inside(&command.to, data) {
        let (to, data) = (command.to.display(), data.display());
        let text = format!("{to} lies inside the data folder {data}; choose another disk for it");
        return Err(CommandError::Refused(text));
    }
    let extra = EXTRA.map(|name| (name.to_owned(), data.join(name))).to_vec();
    let plan = Plan { to: command.to, keep: command.keep, extra };
    let done = house.content.back_up(plan, &findings).await?;
    serde_json::to_value(done).map_err(|error| CommandError::Failed(error.to_string()))
}

/// Whether a folder, which need not be there yet, lies inside another one.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let nearest = path.ancestors().find_map(|above| above.canonicalize().ok());
    nearest.is_some_and(|nearest| nearest.starts_with(folder))
}

impl From<BackupError> for CommandError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::NotOurs(_) | BackupError::OtherServer(_) | BackupError::InUse(_) => {
                Self::Refused(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}
