//! Looking at the live tree, and making changes of it durable.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use moonsail_sdk::storage::{Entry, StorageError};
use rustix::fs::{Dir, FileType, fstatvfs, fsync};

use crate::areas::Areas;
use crate::fs::{FOLDER, PLACE, check, failed, is_absent, open_folder, split};
use crate::tag::Meta;

/// See [`moonsail_sdk::storage::FileStorage::stat`].
pub(crate) fn stat(areas: &Areas, path: &str) -> Result<Option<Entry>, StorageError> {
    if path.is_empty() {
        return Ok(Meta::of(&areas.files).map_err(failed("the root"))?.entry());
    }
    let (parent, name) = split(path)?;
    let found = open_folder(&areas.files, parent, PLACE).and_then(|dir| Meta::at(dir, name));
    match found {
        Ok(meta) => Ok(meta.and_then(|meta| meta.entry())),
        Err(errno) if is_absent(errno) => Ok(None),
        Err(errno) => Err(failed(path)(errno)),
    }
}

/// See [`moonsail_sdk::storage::FileStorage::list`].
pub(crate) fn list(areas: &Areas, path: &str) -> Result<Vec<(String, Entry)>, StorageError> {
    check(path)?;
    let dir = open_folder(&areas.files, path, FOLDER).map_err(failed(path))?;
    let mut members = Vec::new();
    for entry in Dir::read_from(&dir).map_err(failed(path))? {
        let entry = entry.map_err(failed(path))?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        let possible = matches!(
            entry.file_type(),
            FileType::RegularFile | FileType::Directory | FileType::Unknown
        );
        if !possible || matches!(name, "." | "..") {
            continue;
        }
        // One that has gone meanwhile is no member.
        if let Some(meta) = Meta::at(&dir, name).map_err(failed(path))?
            && let Some(found) = meta.entry()
        {
            members.push((name.to_owned(), found));
        }
    }
    Ok(members)
}

/// Makes the folders durable that hold (or held) `paths`, and what was renamed out of the stage.
pub(crate) fn sync(areas: &Areas, paths: &[String]) -> Result<(), StorageError> {
    let mut parents = BTreeSet::new();
    for path in paths {
        parents.insert(split(path)?.0);
    }
    for parent in parents {
        sync_nearest(areas, parent).map_err(failed(parent))?;
    }
    if areas.kept_dirty.swap(false, Ordering::Relaxed) {
        fsync(&areas.kept).map_err(failed("kept"))?;
    }
    fsync(&areas.stage).map_err(failed("stage"))
}

/// Syncs a folder, or the nearest one above it that is still there.
fn sync_nearest(areas: &Areas, mut path: &str) -> rustix::io::Result<()> {
    loop {
        match open_folder(&areas.files, path, FOLDER) {
            Ok(dir) => return fsync(dir),
            Err(errno) if is_absent(errno) && !path.is_empty() => {
                path = path.rsplit_once('/').map_or("", |(above, _)| above);
            }
            Err(errno) => return Err(errno),
        }
    }
}

/// Bytes that an ordinary user can still write.
pub(crate) fn free_space(areas: &Areas) -> Result<u64, StorageError> {
    let all = fstatvfs(&areas.files).map_err(failed("free space"))?;
    Ok(all.f_bavail.saturating_mul(all.f_frsize))
}
