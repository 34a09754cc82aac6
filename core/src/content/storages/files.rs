//! Staged files of a storage with a number.

use bytes::Bytes;
use moonsail_sdk::BoxFuture;

use crate::storage::{Durability, StageFile, StagePath, Staged, StorageError, StorageNo};

/// A staged file that says its storage.
pub(super) struct Numbered {
    pub(super) no: StorageNo,
    pub(super) file: Box<dyn StageFile>,
}

impl StageFile for Numbered {
    fn at(&self) -> StagePath {
        self.no.join_stage(self.file.at())
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        self.file.write_at(offset, data)
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), StorageError>> {
        self.file.sync()
    }

    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        self.file.read_at(offset, len)
    }

    fn finish(
        self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<Staged, StorageError>> {
        let Self { no, file } = *self;
        let finished = file.finish(size, mtime, durability);
        Box::pin(async move { Ok(numbered(no, finished.await?)) })
    }

    fn keep(self: Box<Self>) {
        self.file.keep();
    }
}

/// What was staged, as all else calls its place.
pub(super) fn numbered(no: StorageNo, staged: Staged) -> Staged {
    Staged { at: no.join_stage(staged.at), ..staged }
}
