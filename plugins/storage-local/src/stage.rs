//! Writing to the stage.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blocking::{blocking, detached};
use moonsail_sdk::storage::{Durability, Kind, StageFile, StagePath, Staged, StorageError};
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, Dir, FallocateFlags, OFlags, fallocate, fsync, ftruncate, mkdirat, openat, unlinkat,
};
use rustix::io::Errno;

use crate::areas::Areas;
use crate::fs::{
    FILE_MODE, FOLDER, FOLDER_MODE, PLACE, failed, open_file, open_folder, random_name, read_full,
    set_mtime, split, write_all,
};
use crate::remove::{self, REMOVED};
use crate::tag::Meta;

/// A stage file that is deleted when this is dropped, unless it was handed over.
///
/// It travels into the blocking job and back, so that a caller who stops waiting for the job
/// leaves nothing behind.
pub(crate) struct Scrap {
    areas: Arc<Areas>,
    at: StagePath,
    armed: bool,
}

impl Scrap {
    /// Its place, now somebody else's to look after.
    pub(crate) fn hand_over(mut self) -> StagePath {
        self.armed = false;
        self.at.clone()
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        if self.armed {
            let (areas, at) = (self.areas.clone(), self.at.clone());
            // What fails here is found by age, see `list`.
            detached(move || drop(unlink(&areas, &at)));
        }
    }
}

fn unlink(areas: &Areas, at: &StagePath) -> Result<(), StorageError> {
    let (parent, name) = split(&at.0)?;
    let dir = open_folder(&areas.stage, parent, PLACE).map_err(failed(&at.0))?;
    unlinkat(dir, name, AtFlags::empty()).map_err(failed(&at.0))
}

/// Makes an empty file: a new key if `at` is `None`.
pub(crate) fn create(
    areas: &Arc<Areas>,
    at: Option<StagePath>,
) -> Result<(OwnedFd, Scrap), StorageError> {
    let at = match at {
        Some(at) => at,
        None => StagePath(random_name()?),
    };
    let (parent, name) = split(&at.0)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = if parent.is_empty() {
        openat(&areas.stage, name, flags, FILE_MODE)
    } else {
        open_folder(&areas.stage, parent, PLACE).and_then(|dir| openat(dir, name, flags, FILE_MODE))
    };
    let fd = fd.map_err(failed(&at.0))?;
    Ok((fd, Scrap { areas: areas.clone(), at, armed: true }))
}

/// Writes a small file; one job, and the descriptor does not leave it.
pub(crate) async fn put_small(
    areas: Arc<Areas>,
    data: Bytes,
    mtime: Option<i64>,
    durability: Durability,
) -> Result<Staged, StorageError> {
    let (meta, scrap) = blocking(move || {
        let (fd, scrap) = create(&areas, None)?;
        let written = write_all(&fd, &data, 0)
            .and_then(|()| mtime.map_or(Ok(()), |seconds| set_mtime(&fd, seconds, 0)));
        written.map_err(failed(&scrap.at.0))?;
        Ok((close(&fd, durability, &scrap.at)?, scrap))
    })
    .await?;
    Ok(Staged { at: scrap.hand_over(), size: meta.size, tag: meta.tag() })
}

/// Makes a finished file durable as asked. After a failed `fsync` nothing more is tried: the kernel
/// may have dropped the pages and would call the next one a success.
pub(crate) fn close(
    fd: &OwnedFd,
    durability: Durability,
    at: &StagePath,
) -> Result<Meta, StorageError> {
    let meta = Meta::of(fd).map_err(failed(&at.0))?;
    if durability == Durability::Full {
        fsync(fd).map_err(failed(&at.0))?;
    }
    Ok(meta)
}

/// See [`moonsail_sdk::storage::FileStorage::begin_stage`].
pub(crate) fn begin(
    areas: &Arc<Areas>,
    size_hint: Option<u64>,
) -> Result<LocalStageFile, StorageError> {
    let (fd, scrap) = create(areas, None)?;
    if let Some(size) = size_hint.filter(|size| *size > 0) {
        match fallocate(&fd, FallocateFlags::KEEP_SIZE, 0, size) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(errno) => return Err(failed(&scrap.at.0)(errno)),
        }
    }
    Ok(LocalStageFile { fd: Arc::new(fd), scrap, reopened: false })
}

/// See [`moonsail_sdk::storage::FileStorage::reopen_stage`].
pub(crate) fn reopen(areas: &Arc<Areas>, at: StagePath) -> Result<LocalStageFile, StorageError> {
    let fd = open_staged(areas, &at, OFlags::RDWR)?;
    let scrap = Scrap { areas: areas.clone(), at, armed: true };
    Ok(LocalStageFile { fd: Arc::new(fd), scrap, reopened: true })
}

/// Opens a staged file, which must be one.
pub(crate) fn open_staged(
    areas: &Areas,
    at: &StagePath,
    flags: OFlags,
) -> Result<OwnedFd, StorageError> {
    let (parent, name) = split(&at.0)?;
    let dir = open_folder(&areas.stage, parent, PLACE).map_err(failed(&at.0))?;
    match Meta::at(&dir, name).map_err(failed(&at.0))? {
        Some(meta) if meta.kind == Some(Kind::File) => {
            open_file(dir, name, flags).map_err(failed(&at.0))
        }
        _ => Err(StorageError::NotFound(at.0.clone())),
    }
}

/// Makes a folder durable in the stage; one that is there already is a success.
pub(crate) fn folder(areas: &Areas, at: Option<StagePath>) -> Result<Staged, StorageError> {
    let at = match at {
        Some(at) => at,
        None => StagePath(random_name()?),
    };
    let (parent, name) = split(&at.0)?;
    let parent = open_folder(&areas.stage, parent, PLACE).map_err(failed(&at.0))?;
    match mkdirat(&parent, name, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed(&at.0)(errno)),
    }
    let made = openat(&parent, name, FOLDER | OFlags::NOFOLLOW, FOLDER_MODE);
    let meta = made.and_then(|dir| fsync(&dir).and_then(|()| Meta::of(&dir)));
    let meta = meta.map_err(failed(&at.0))?;
    Ok(Staged { at, size: 0, tag: meta.tag() })
}

/// Removes a stage entry with all below it.
pub(crate) fn discard(areas: &Areas, at: &StagePath) -> Result<(), StorageError> {
    let (parent, name) = split(&at.0)?;
    let dir = match open_folder(&areas.stage, parent, PLACE) {
        Ok(dir) => dir,
        Err(errno) if crate::fs::is_absent(errno) => return Ok(()),
        Err(errno) => return Err(failed(&at.0)(errno)),
    };
    match unlinkat(&dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => match remove::set_removed(&areas.stage, &dir, name)? {
            Some(doomed) => remove::delete(&areas.stage, doomed),
            None => Ok(()),
        },
        Err(errno) => Err(failed(&at.0)(errno)),
    }
}

/// The keys and the seconds since their inode last changed.
pub(crate) fn list(areas: &Areas, now: i64) -> Result<Vec<(StagePath, u64)>, StorageError> {
    let mut keys = Vec::new();
    for entry in Dir::read_from(&areas.stage).map_err(failed("stage"))? {
        let entry = entry.map_err(failed("stage"))?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") || name.starts_with(REMOVED) {
            continue;
        }
        if let Some(meta) = Meta::at(&areas.stage, name).map_err(failed(name))? {
            let age = u64::try_from(now.saturating_sub(meta.ctime)).unwrap_or(0);
            keys.push((StagePath(name.to_owned()), age));
        }
    }
    Ok(keys)
}

/// A file being written.
pub(crate) struct LocalStageFile {
    fd: Arc<OwnedFd>,
    scrap: Scrap,
    reopened: bool,
}

impl LocalStageFile {
    fn on_fd<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OwnedFd) -> rustix::io::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StorageError>> {
        let (fd, at) = (self.fd.clone(), self.scrap.at.clone());
        Box::pin(blocking(move || work(&fd).map_err(failed(&at.0))))
    }
}

impl StageFile for LocalStageFile {
    fn at(&self) -> StagePath {
        self.scrap.at.clone()
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        self.on_fd(move |fd| {
            let end = offset.checked_add(data.len() as u64).filter(|end| *end <= i64::MAX as u64);
            end.ok_or(Errno::FBIG)?;
            write_all(fd, &data, offset)
        })
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.on_fd(|fd| fsync(fd))
    }

    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        self.on_fd(move |fd| {
            let left = Meta::of(fd)?.size.saturating_sub(offset);
            let len = usize::try_from(left).map_or(len, |left| left.min(len));
            Ok(Bytes::from(read_full(fd, offset, len)?))
        })
    }

    fn finish(
        self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<Staged, StorageError>> {
        Box::pin(async move {
            let Self { fd, scrap, reopened } = *self;
            let (meta, scrap) = blocking(move || {
                let (seconds, nanos) = match mtime {
                    Some(seconds) => (seconds, 0),
                    None => (0, rustix::fs::UTIME_NOW),
                };
                // Also at the right size: it gives back what was preallocated beyond.
                let meta = ftruncate(&fd, size)
                    .and_then(|()| set_mtime(&fd, seconds, nanos))
                    .map_err(failed(&scrap.at.0))
                    .and_then(|()| close(&fd, durability, &scrap.at));
                match meta {
                    Ok(meta) => Ok((meta, scrap)),
                    Err(error) => {
                        if reopened {
                            scrap.hand_over();
                        }
                        Err(error)
                    }
                }
            })
            .await?;
            Ok(Staged { at: scrap.hand_over(), size: meta.size, tag: meta.tag() })
        })
    }

    fn keep(self: Box<Self>) {
        self.scrap.hand_over();
    }
}
