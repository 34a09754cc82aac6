//! From a path on the storage to the folder in the index that lies there.

use super::TreeError;
use super::walk::Walk;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::StorageNo;
use crate::store::nodes::{Home, Located, NodesRead};

/// The folder that lies at a path on the storage, if the index has it.
///
/// # Errors
/// [`TreeError::Store`].
pub fn folder_on_disk(
    tx: &mut (impl NodesRead + ?Sized),
    disk_path: &str,
) -> Result<Option<Located>, TreeError> {
    let Some(home) = home_on_disk(tx, disk_path)? else { return Ok(None) };
    let rest = disk_path[home.base.len()..].trim_start_matches('/');
    let Ok(path) = DavPath::from_decoded(rest) else { return Ok(None) };
    let walk = match Walk::to(tx, &home.owner, &path) {
        Err(TreeError::NotFound(_)) => return Ok(None),
        walk => walk?,
    };
    let node = walk.target().filter(|node| node.is_folder()).cloned();
    Ok(node.map(|node| Located { home, path, node }))
}

fn home_on_disk(
    tx: &mut (impl NodesRead + ?Sized),
    disk_path: &str,
) -> Result<Option<Home>, TreeError> {
    let holds = |home: &Home| {
        let rest = disk_path.strip_prefix(home.base.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // A home is called as its owner, and a mount is a whole storage, as a rule; the rest is looked for
    // one by one.
    let (storage, below) = StorageNo::split(disk_path);
    let owner = below.split('/').next().and_then(Uid::parse);
    for owner in owner.into_iter().chain(Uid::of_mount(&storage.to_string())) {
        if let Some(home) = tx.home(&owner)?.filter(holds) {
            return Ok(Some(home));
        }
    }
    Ok(tx.homes()?.into_iter().find(holds))
}
