//! Deleting trees: at any depth, without following links, and resumable.
//!
//! A tree is deleted under a name that starts with [`REMOVED`] in the stage. Folders inside it are
//! first moved up, beside it, under such names too. So it takes one open folder at a time, no
//! recursion, and whatever a crash leaves is found again by its name.

use std::sync::Arc;

use moonsail_sdk::blocking::detached;
use moonsail_sdk::storage::{Kind, StorageError};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, linkat, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::areas::Areas;
use crate::fs::{FOLDER, failed, random_name};
use crate::tag::Meta;

/// How the names of things start that wait in the stage for being deleted.
pub(crate) const REMOVED: &str = "removed-";

/// Files up to this size are deleted at once: their blocks are freed as fast as a rename is.
const SMALL: u64 = 1 << 20;

/// Moves the member `name` of `dir` to a new place among the removed; `None` if it is not there.
pub(crate) fn set_removed(
    stage: impl AsFd,
    dir: impl AsFd,
    name: &str,
) -> Result<Option<String>, StorageError> {
    let doomed = format!("{REMOVED}{}", random_name()?);
    match renameat(dir, name, stage, &*doomed) {
        Ok(()) => Ok(Some(doomed)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(failed(name)(errno)),
    }
}

/// Gives the file `name` of `dir` a second name among the removed, by which it is known after another
/// took its first; `None` where that cannot be (no such file, no hard links, no room), and then what
/// is written to it in the moment of the rename is lost.
pub(crate) fn hold(
    stage: impl AsFd,
    dir: impl AsFd,
    name: &str,
) -> Result<Option<String>, StorageError> {
    let held = format!("{REMOVED}{}", random_name()?);
    Ok(linkat(dir, name, stage, &*held, AtFlags::empty()).is_ok().then_some(held))
}

/// Deletes what [`set_removed`] has moved away: at once if that is quick, else in the background.
pub(crate) fn dispose(areas: &Arc<Areas>, doomed: String, meta: &Meta) -> Result<(), StorageError> {
    let flags = match meta.kind {
        Some(Kind::Folder) => AtFlags::REMOVEDIR,
        Some(Kind::File) if meta.size > SMALL => return dispose_later(areas, doomed),
        _ => AtFlags::empty(),
    };
    match unlinkat(&areas.stage, &*doomed, flags) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(_) => dispose_later(areas, doomed),
    }
}

fn dispose_later(areas: &Arc<Areas>, doomed: String) -> Result<(), StorageError> {
    let areas = areas.clone();
    // What fails here is tried again at the next start, see `dispose_leftovers`.
    detached(move || drop(delete(&areas.stage, doomed)));
    Ok(())
}

/// Deletes in the background what an earlier run left among the removed.
pub(crate) fn dispose_leftovers(areas: &Arc<Areas>) -> Result<(), StorageError> {
    let mut leftovers = Vec::new();
    for entry in Dir::read_from(&areas.stage).map_err(failed("stage"))? {
        let entry = entry.map_err(failed("stage"))?;
        if let Ok(name) = entry.file_name().to_str()
            && name.starts_with(REMOVED)
        {
            leftovers.push(name.to_owned());
        }
    }
    if !leftovers.is_empty() {
        let areas = areas.clone();
        detached(move || {
            for doomed in leftovers {
                drop(delete(&areas.stage, doomed));
            }
        });
    }
    Ok(())
}

/// Deletes a member of the stage with all below it. Goes on after a failure and reports the first.
pub(crate) fn delete(stage: &OwnedFd, name: String) -> Result<(), StorageError> {
    let mut waiting = vec![name];
    let mut first_error = None;
    while let Some(name) = waiting.pop() {
        if let Err(errno) = delete_one(stage, &name, &mut waiting) {
            first_error.get_or_insert_with(|| failed(&name)(errno));
        }
    }
    first_error.map_or(Ok(()), Err)
}

fn delete_one(stage: &OwnedFd, name: &str, waiting: &mut Vec<String>) -> rustix::io::Result<()> {
    match unlinkat(stage, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let dir = openat(stage, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
    for entry in Dir::read_from(&dir)? {
        let entry = entry?;
        let member = entry.file_name();
        if matches!(member.to_bytes(), b"." | b"..") {
            continue;
        }
        match unlinkat(&dir, member, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => {
                let up = format!("{REMOVED}{}", random_name().map_err(|_| Errno::IO)?);
                renameat(&dir, member, stage, &*up)?;
                waiting.push(up);
            }
            Err(errno) => return Err(errno),
        }
    }
    unlinkat(stage, name, AtFlags::REMOVEDIR)
}
