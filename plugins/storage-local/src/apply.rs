//! Carrying out decided changes of the live tree, each a rename or less.

use std::sync::Arc;

use moonsail_sdk::storage::{Applied, DiskOp, Kind, StagePath, StorageError, Tag};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, OFlags, RenameFlags, fsync, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use crate::areas::Areas;
use crate::aside::{self, Replay};
use crate::fs::{PLACE, failed, is_absent, open_file, open_folder, set_mtime, split};
use crate::remove::{dispose, hold, set_removed};
use crate::tag::{self, Ident, Meta};

/// One batch. The results are those of the operations that were tried: one each, the last of them
/// the failed one if there was one.
pub(crate) fn apply(areas: &Arc<Areas>, ops: Vec<DiskOp>) -> Vec<Result<Applied, StorageError>> {
    let mut batch = Batch { areas, replay: Replay::default() };
    let mut results = Vec::with_capacity(ops.len());
    // Without a move that another may undo there is nothing to find out.
    let to_and_fro =
        (0..ops.len()).any(|index| DiskOp::moved_back(&ops, index, ops.len().checked_sub(1)));
    let last = if to_and_fro { DiskOp::last_done(&ops, |op| done(areas, op)) } else { None };
    for index in 0..ops.len() {
        let result = match ops[index].clone() {
            DiskOp::Move { .. } if DiskOp::moved_back(&ops, index, last) => Ok(Applied::default()),
            DiskOp::Publish { stage, path, replaces } => batch.publish(&stage, &path, replaces),
            DiskOp::Move { from, to, tag } => batch.rename(&from, &to, &tag),
            DiskOp::Remove { path, tag } => batch.remove(&path, &tag),
            DiskOp::Touch { path, tag, mtime } => batch.touch(&path, &tag, mtime),
        };
        let failed = result.is_err();
        results.push(result);
        if failed {
            break;
        }
    }
    results
}

/// See [`DiskOp::last_done`].
fn done(areas: &Areas, op: &DiskOp) -> Option<bool> {
    match op {
        DiskOp::Publish { stage, .. } => Some(find(&areas.stage, &stage.0).ok()?.is_none()),
        DiskOp::Move { to, tag, .. } => {
            let there = find(&areas.files, to).ok()??;
            (Some(there.meta.ident()) == Ident::parse(tag)).then_some(true)
        }
        _ => None,
    }
}

struct Batch<'a> {
    areas: &'a Arc<Areas>,
    replay: Replay,
}

/// An entry that was found: its folder, open, and what is known of it.
struct Found {
    dir: OwnedFd,
    meta: Meta,
}

impl Batch<'_> {
    fn publish(
        &mut self,
        stage: &StagePath,
        path: &str,
        replaces: Option<Tag>,
    ) -> Result<Applied, StorageError> {
        let (_, staged_name) = split(&stage.0)?;
        let (parent, name) = split(path)?;
        let Some(staged) = find(&self.areas.stage, &stage.0)? else {
            return self.published_before(path);
        };
        let dir = aside::make_folders(self.areas, parent, &mut self.replay)?;
        let mut applied = Applied::default();
        if let Some(live) = Meta::at(&dir, name).map_err(failed(path))? {
            if live.ident() == staged.meta.ident() {
                // Two names of one file: a rename would do nothing.
                unlinkat(&staged.dir, staged_name, AtFlags::empty()).map_err(failed(path))?;
                return Ok(applied);
            }
            let file_over_file =
                live.kind == Some(Kind::File) && staged.meta.kind == Some(Kind::File);
            let known = live.kind == Some(Kind::File)
                && replaces.is_some_and(|tag| *self.replay.current(&tag) == live.tag());
            if !known {
                let linked = file_over_file;
                applied.kept = aside::keep(self.areas, &dir, path, linked, &mut self.replay)?;
            } else if !file_over_file {
                self.discard(&dir, name, &live)?;
            }
            if file_over_file {
                let held = if known { hold(&self.areas.stage, &dir, name)? } else { None };
                renameat(&staged.dir, staged_name, &dir, name).map_err(failed(path))?;
                if let Some(held) = held {
                    applied.kept = self.let_go(&held, name, &live)?;
                }
                return Ok(applied);
            }
        }
        let kept = self.rename_to_free(&staged.dir, staged_name, &dir, path)?;
        applied.kept = applied.kept.or(kept);
        Ok(applied)
    }

    /// Removes the second name of a file that was replaced; if somebody wrote to it after it was seen
    /// as `expected`, it goes among the kept.
    fn let_go(
        &self,
        held: &str,
        name: &str,
        expected: &Meta,
    ) -> Result<Option<String>, StorageError> {
        match Meta::at(&self.areas.stage, held).map_err(failed(name))? {
            Some(meta) if meta.tag() != expected.tag() => {
                aside::keep_removed(self.areas, held, name).map(Some)
            }
            Some(meta) => dispose(self.areas, held.to_owned(), &meta).map(|()| None),
            None => Ok(None),
        }
    }

    /// The staged entry is gone, so it has been where it was to go. It may have been pushed away
    /// by an operation of this batch that is repeated.
    fn published_before(&mut self, path: &str) -> Result<Applied, StorageError> {
        self.restore(path, None)?;
        Ok(Applied::default())
    }

    fn restore(&mut self, path: &str, ident: Option<Ident>) -> Result<(), StorageError> {
        self.replay.restore(self.areas, path, ident)
    }

    fn rename(&mut self, from: &str, to: &str, tag: &Tag) -> Result<Applied, StorageError> {
        let (_, from_name) = split(from)?;
        let (to_parent, to_name) = split(to)?;
        let ident = Ident::parse(tag);
        let source = match find(&self.areas.files, from)? {
            Some(found) if Some(found.meta.ident()) == ident => found,
            other => {
                if let Some(found) = other {
                    self.replay.drop_made(&found.dir, from_name)?;
                }
                if ident.is_some() {
                    self.restore(to, ident)?;
                }
                return Ok(Applied::default());
            }
        };
        if from == to {
            return Ok(Applied::default());
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(StorageError::Internal(format!("{from} cannot go below itself, to {to}")));
        }
        let dir = aside::make_folders(self.areas, to_parent, &mut self.replay)?;
        let mut applied = Applied::default();
        match Meta::at(&dir, to_name).map_err(failed(to))? {
            // Another spelling of its own name, or a second name of the same file.
            Some(there) if there.ident() == source.meta.ident() => {
                renameat(&source.dir, from_name, &dir, to_name).map_err(failed(to))?;
                if there.links > 1 && from.to_lowercase() != to.to_lowercase() {
                    unlinkat(&source.dir, from_name, AtFlags::empty()).map_err(failed(from))?;
                }
                return Ok(applied);
            }
            Some(_) => {
                self.replay.drop_made(&dir, to_name)?;
                applied.kept = aside::keep(self.areas, &dir, to, false, &mut self.replay)?;
            }
            None => {}
        }
        let kept = self.rename_to_free(&source.dir, from_name, &dir, to)?;
        applied.kept = applied.kept.or(kept);
        Ok(applied)
    }

    /// Renames to a name that was free a moment ago; what came there since is kept aside.
    fn rename_to_free(
        &mut self,
        from_dir: impl AsFd,
        from_name: &str,
        dir: &OwnedFd,
        path: &str,
    ) -> Result<Option<String>, StorageError> {
        let (_, name) = split(path)?;
        let mut kept = None;
        for _ in 0..8 {
            match renameat_with(&from_dir, from_name, dir, name, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(kept),
                Err(Errno::EXIST) => {
                    kept = aside::keep(self.areas, dir, path, false, &mut self.replay)?;
                }
                // A file system without the flag: the check before has to do.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    renameat(&from_dir, from_name, dir, name).map_err(failed(path))?;
                    return Ok(kept);
                }
                Err(errno) => return Err(failed(path)(errno)),
            }
        }
        Err(StorageError::Internal(format!("{path}: taken faster than it can be freed")))
    }

    fn remove(&mut self, path: &str, tag: &Tag) -> Result<Applied, StorageError> {
        let (_, name) = split(path)?;
        let Some(found) = find(&self.areas.files, path)? else { return Ok(Applied::default()) };
        if Some(found.meta.ident()) != Ident::parse(tag) {
            self.replay.drop_made(&found.dir, name)?;
            return Ok(Applied::default());
        }
        if found.meta.tag() != *self.replay.current(tag) {
            // The same file, written to from outside.
            let kept = aside::keep(self.areas, &found.dir, path, false, &mut self.replay)?;
            return Ok(Applied { kept, tag: None });
        }
        self.discard(&found.dir, name, &found.meta)?;
        Ok(Applied::default())
    }

    /// Takes away an entry that was seen as `expected`. Should it be another by now, that one goes
    /// among the kept instead.
    fn discard(&mut self, dir: impl AsFd, name: &str, expected: &Meta) -> Result<(), StorageError> {
        let Some(doomed) = set_removed(&self.areas.stage, dir, name)? else { return Ok(()) };
        let taken = Meta::at(&self.areas.stage, &doomed).map_err(failed(name))?;
        match taken {
            Some(meta) if meta.tag() != expected.tag() => {
                aside::keep_removed(self.areas, &doomed, name).map(drop)
            }
            Some(meta) => dispose(self.areas, doomed, &meta),
            None => Ok(()),
        }
    }

    fn touch(&mut self, path: &str, tag: &Tag, mtime: i64) -> Result<Applied, StorageError> {
        let (_, name) = split(path)?;
        let tag = self.replay.current(tag).clone();
        let unchanged = Ok(Applied::default());
        let Some(found) = find(&self.areas.files, path)? else { return unchanged };
        if tag::touched(&tag, mtime) == Some(found.meta.tag()) {
            // It was touched before; the caller may not have learnt its tag.
            let touched = found.meta.tag();
            self.replay.touched(&tag, &touched);
            return Ok(Applied { tag: Some(touched), kept: None });
        }
        if found.meta.tag() != tag || found.meta.kind != Some(Kind::File) {
            return unchanged;
        }
        let fd = match open_file(&found.dir, name, OFlags::RDONLY) {
            // Somebody else's file, as below.
            Err(Errno::PERM | Errno::ACCESS) => return unchanged,
            fd => fd.map_err(failed(path))?,
        };
        if Meta::of(&fd).map_err(failed(path))?.tag() != tag {
            return unchanged;
        }
        // Synced here: `sync` knows folders only, and this is rare.
        let touched =
            set_mtime(&fd, mtime, 0).and_then(|()| fsync(&fd)).and_then(|()| Meta::of(&fd));
        if matches!(touched, Err(Errno::PERM | Errno::ACCESS)) {
            // Somebody else's file: only its owner sets its time. The index has it, which is shown.
            return unchanged;
        }
        let touched = touched.map_err(failed(path))?.tag();
        self.replay.touched(&tag, &touched);
        Ok(Applied { tag: Some(touched), kept: None })
    }
}

/// Looks an entry up; `None` if it, or a folder on the way, is not there.
fn find(root: &OwnedFd, path: &str) -> Result<Option<Found>, StorageError> {
    let (parent, name) = split(path)?;
    let dir = match open_folder(root, parent, PLACE) {
        Ok(dir) => dir,
        Err(errno) if is_absent(errno) => return Ok(None),
        Err(errno) => return Err(failed(path)(errno)),
    };
    let meta = Meta::at(&dir, name).map_err(failed(path))?;
    Ok(meta.map(|meta| Found { dir, meta }))
}
