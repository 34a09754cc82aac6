//! Reading files.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blocking::blocking;
use moonsail_sdk::storage::{Kind, ReadFile, StagePath, StorageError, Tag};
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;

use crate::areas::Areas;
use crate::fs::{PLACE, failed, open_file, open_folder, read_full, split};
use crate::stage::open_staged;
use crate::tag::Meta;

/// Files up to this size are read when they are opened, in the same blocking job.
const SMALL: u64 = 64 << 10;

/// Opens the live file at `path` if it is the one that `tag` describes.
pub(crate) fn open_live(
    areas: &Areas,
    path: &str,
    tag: &Tag,
) -> Result<(OwnedFd, Meta), StorageError> {
    let (parent, name) = split(path)?;
    let dir = open_folder(&areas.files, parent, PLACE).map_err(failed(path))?;
    let Some(seen) = Meta::at(&dir, name).map_err(failed(path))? else {
        return Err(StorageError::NotFound(path.to_owned()));
    };
    if seen.kind != Some(Kind::File) || seen.tag() != *tag {
        return Err(StorageError::Changed(path.to_owned()));
    }
    let fd = open_file(&dir, name, OFlags::RDONLY).map_err(failed(path))?;
    let meta = Meta::of(&fd).map_err(failed(path))?;
    if meta.kind != Some(Kind::File) || meta.tag() != *tag {
        return Err(StorageError::Changed(path.to_owned()));
    }
    Ok((fd, meta))
}

/// See [`moonsail_sdk::storage::FileStorage::open`].
pub(crate) fn live(areas: &Areas, path: &str, tag: &Tag) -> Result<LocalReadFile, StorageError> {
    let (fd, meta) = open_live(areas, path, tag)?;
    LocalReadFile::new(fd, meta.size).map_err(failed(path))
}

/// See [`moonsail_sdk::storage::FileStorage::open_staged`].
pub(crate) fn staged(areas: &Areas, at: &StagePath) -> Result<LocalReadFile, StorageError> {
    let fd = open_staged(areas, at, OFlags::RDONLY)?;
    let meta = Meta::of(&fd).map_err(failed(&at.0))?;
    LocalReadFile::new(fd, meta.size).map_err(failed(&at.0))
}

/// An open file, or all that a small one holds.
pub(crate) struct LocalReadFile {
    size: u64,
    content: Content,
}

enum Content {
    Whole(Bytes),
    OnDisk(Arc<OwnedFd>),
}

impl LocalReadFile {
    fn new(fd: OwnedFd, size: u64) -> rustix::io::Result<Self> {
        let content = match usize::try_from(size) {
            Ok(len) if size <= SMALL => Content::Whole(read_full(&fd, 0, len)?.into()),
            _ => Content::OnDisk(Arc::new(fd)),
        };
        Ok(Self { size, content })
    }
}

impl ReadFile for LocalReadFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(left);
        match &self.content {
            _ if len == 0 => Box::pin(async { Ok(Bytes::new()) }),
            Content::Whole(content) => {
                // Within the size, which is that of a small content, unless the file shrank.
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
                let end = start.saturating_add(len).min(content.len());
                let part = content.slice(start..end);
                Box::pin(async { Ok(part) })
            }
            Content::OnDisk(fd) => {
                let fd = fd.clone();
                Box::pin(blocking(move || {
                    read_full(&fd, offset, len).map(Bytes::from).map_err(failed("reading"))
                }))
            }
        }
    }
}
