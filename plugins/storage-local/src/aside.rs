//! Keeping aside what the core does not know of, and bringing it back when a replay explains it.
//!
//! After a crash the core applies again what may not have been durable. A move that is repeated can
//! find its target taken by what a later change of the same batch put there, or its target's folder
//! gone by one: `a` went to `b` and back, then `b` was published. The tree gets through such states
//! again on its way to the same end; the [`Replay`] remembers what was pushed away for them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use moonsail_sdk::storage::{Kind, StorageError, Tag};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, linkat, mkdirat, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use crate::areas::Areas;
use crate::fs::{
    FOLDER_MODE, PLACE, check, failed, is_absent, open_folder, random_name, sync_folder,
};
use crate::tag::{Ident, Meta};

/// Bytes of the original name that the name of a kept file repeats.
const NAME_BYTES: usize = 200;

/// What one batch has pushed away or made on its way.
#[derive(Default)]
pub(crate) struct Replay {
    /// Kept-aside entries by their live path.
    displaced: HashMap<String, (String, Ident)>,
    /// Folders that were made because something had to go below them.
    made: HashSet<Ident>,
    /// Tags that a touch of this batch has replaced.
    touched: HashMap<Tag, Tag>,
}

impl Replay {
    /// Notes that a touch gave a file another tag.
    pub(crate) fn touched(&mut self, old: &Tag, new: &Tag) {
        self.touched.insert(old.clone(), new.clone());
    }

    /// The tag that the file of `tag` has after the touches of this batch.
    pub(crate) fn current<'a>(&'a self, mut tag: &'a Tag) -> &'a Tag {
        // A touch to and fro makes a circle; no more steps than touches.
        for _ in 0..self.touched.len() {
            match self.touched.get(tag) {
                Some(newer) => tag = newer,
                None => break,
            }
        }
        tag
    }

    /// Brings back what was kept aside from `path`, where nothing may be now. `ident` restricts it
    /// to one entry, wherever it was.
    pub(crate) fn restore(
        &mut self,
        areas: &Areas,
        path: &str,
        ident: Option<Ident>,
    ) -> Result<(), StorageError> {
        let from = match ident {
            None => Some(path.to_owned()),
            Some(ident) => {
                let mut all = self.displaced.iter();
                all.find(|(_, (_, displaced))| *displaced == ident).map(|(path, _)| path.clone())
            }
        };
        let Some((kept, ident)) = from.and_then(|from| self.displaced.remove(&from)) else {
            return Ok(());
        };
        let (parent, name) = crate::fs::split(path)?;
        let dir = make_folders(areas, parent, self)?;
        self.drop_made(&dir, name)?;
        match renameat_with(&areas.kept, &*kept, dir, name, RenameFlags::NOREPLACE) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::EXIST) => {
                self.displaced.insert(path.to_owned(), (kept, ident));
                Ok(())
            }
            Err(errno) => Err(failed(path)(errno)),
        }
    }

    /// Removes an empty folder that this batch made on its way and nobody decided on.
    pub(crate) fn drop_made(&self, dir: impl AsFd, name: &str) -> Result<(), StorageError> {
        if self.made.is_empty() {
            return Ok(());
        }
        match Meta::at(&dir, name).map_err(failed(name))? {
            Some(meta) if self.made.contains(&meta.ident()) => {
                // Not empty: then it is needed.
                let _ = unlinkat(dir, name, AtFlags::REMOVEDIR);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Moves a live entry among the kept ones and returns its name there. A `linked` file stays in
/// place as well, for the rename that replaces it, so that the name is never absent.
pub(crate) fn keep(
    areas: &Areas,
    dir: impl AsFd,
    path: &str,
    linked: bool,
    replay: &mut Replay,
) -> Result<Option<String>, StorageError> {
    let (_, name) = crate::fs::split(path)?;
    let Some(meta) = Meta::at(&dir, name).map_err(failed(path))? else { return Ok(None) };
    let kept = kept_name(name)?;
    let as_link = linked
        && meta.kind == Some(Kind::File)
        && linkat(&dir, name, &areas.kept, &*kept, AtFlags::empty()).is_ok();
    if !as_link {
        match renameat(&dir, name, &areas.kept, &*kept) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(None),
            // A folder that we may not write to leaves its own folder only by its owner's hand. It
            // stays there, under the other name.
            Err(Errno::ACCESS | Errno::PERM) if meta.kind == Some(Kind::Folder) => {
                renameat(&dir, name, &dir, &*kept).map_err(failed(path))?;
                return Ok(Some(kept));
            }
            Err(errno) => return Err(failed(path)(errno)),
        }
    }
    areas.kept_dirty.store(true, Ordering::Relaxed);
    replay.displaced.insert(path.to_owned(), (kept.clone(), meta.ident()));
    Ok(Some(kept))
}

/// Moves what was taken away by mistake from the removed to the kept; gives its name there.
pub(crate) fn keep_removed(
    areas: &Areas,
    doomed: &str,
    name: &str,
) -> Result<String, StorageError> {
    let kept = kept_name(name)?;
    renameat(&areas.stage, doomed, &areas.kept, &*kept).map_err(failed(name))?;
    areas.kept_dirty.store(true, Ordering::Relaxed);
    Ok(kept)
}

fn kept_name(name: &str) -> Result<String, StorageError> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let random = random_name()?;
    let name = &name[..name.floor_char_boundary(NAME_BYTES)];
    Ok(format!("{nanos}-{}-{name}", &random[..12]))
}

/// Opens the live folder at `path`, making what is missing and keeping aside what is in the way.
pub(crate) fn make_folders(
    areas: &Areas,
    path: &str,
    replay: &mut Replay,
) -> Result<OwnedFd, StorageError> {
    check(path)?;
    match open_folder(&areas.files, path, PLACE) {
        Err(errno) if is_absent(errno) => {}
        result => return result.map_err(failed(path)),
    }
    let mut dir = open_folder(&areas.files, "", PLACE).map_err(failed(path))?;
    let mut end = 0;
    for segment in path.split('/') {
        end += segment.len();
        dir = make_folder(areas, dir, &path[..end], segment, replay)?;
        end += 1;
    }
    Ok(dir)
}

fn make_folder(
    areas: &Areas,
    dir: OwnedFd,
    path: &str,
    name: &str,
    replay: &mut Replay,
) -> Result<OwnedFd, StorageError> {
    // More than a few rounds only if somebody outside makes and removes it all the time.
    for _ in 0..8 {
        match openat(&dir, name, PLACE | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Errno::NOENT) => {
                match mkdirat(&dir, name, FOLDER_MODE) {
                    Ok(()) => {}
                    Err(Errno::EXIST) => continue,
                    Err(errno) => return Err(failed(path)(errno)),
                }
                // `sync` is told of the entry that goes below, and syncs only its own folder.
                sync_folder(&dir).map_err(failed(path))?;
                if let Some(meta) = Meta::at(&dir, name).map_err(failed(path))? {
                    replay.made.insert(meta.ident());
                }
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                keep(areas, &dir, path, false, replay)?;
            }
            result => return result.map_err(failed(path)),
        }
    }
    Err(StorageError::Internal(format!("{path}: changes faster than it can be made")))
}
