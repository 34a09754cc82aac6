//! `scan`: the index follows the disk, everywhere and now.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{CommandError, House};
use crate::content::{Finding, Problem, Progress};
use crate::ids::Uid;
use crate::outside::{Counts, Scan, ScanNote};

/// What a scan has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// What the index took over.
    pub changes: Counts,
    /// Folders that were looked at.
    pub folders: u64,
    /// Files and folders in them.
    pub members: u64,
    /// Things that cannot be served.
    pub unserved: u64,
}

pub(super) async fn execute(
    house: &House,
    user: Option<String>,
    findings: mpsc::Sender<Finding>,
) -> Result<Value, CommandError> {
    let owner = match user {
        None => None,
        Some(name) => Some(house.require_user(&name).await?.uid),
    };
    take_over_homes(house, owner.as_ref()).await?;
    let mut scan = Scan::begin(house.content.apart(), house.tree.clone(), owner).await?;
    let mut done = Scanned::default();
    while let Some(notes) = scan.step().await.map_err(CommandError::Failed)? {
        for note in notes {
            let finding = match note {
                ScanNote::Progress { folders, members } => {
                    (done.folders, done.members) = (folders, members);
                    let problems = done.unserved;
                    let (files, bytes, bytes_in_all) = (members, 0, 0);
                    Finding::Progress(Progress { files, folders, bytes, bytes_in_all, problems })
                }
                ScanNote::Unserved { path, why, remedy } => {
                    done.unserved += 1;
                    let (what, remedy) = (why.to_owned(), remedy.to_owned());
                    Finding::Problem(Problem { path, what, remedy })
                }
            };
            if findings.send(finding).await.is_err() {
                return Err(CommandError::Failed("nobody listens any more".to_owned()));
            }
        }
    }
    done.changes = scan.counts;
    serde_json::to_value(done).map_err(|error| CommandError::Failed(error.to_string()))
}

/// Users whose folder was there before they were, and who have not come yet.
async fn take_over_homes(house: &House, owner: Option<&Uid>) -> Result<(), CommandError> {
    let Some(survey) = house.content.survey("").await? else { return Ok(()) };
    for (name, _) in survey.members {
        let Some(uid) = Uid::parse(&name).filter(|uid| owner.is_none_or(|owner| owner == uid))
        else {
            continue;
        };
        let finished = house.tree.home_is_finished(&uid).await?;
        let is_user = house.auth.find_user(&name).await.is_ok_and(|user| user.is_some());
        if finished != Some(true) && is_user {
            house.keeper.index_home(&uid).await.map_err(CommandError::Failed)?;
        }
    }
    Ok(())
}
