//! A plugin that stores files.

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::host::PluginFiles;

use super::{CLOSED, Slot};
use crate::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, ReadFile, StageFile, StagePath, Staged,
    StorageError, Survey, Tag, Watch,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

impl Slot {
    fn files(&self) -> Result<PluginFiles, StorageError> {
        let files = self.part(|offered| &offered.files);
        files.ok_or_else(|| StorageError::Unavailable(CLOSED.to_owned()))
    }
}

impl FileStorage for Slot {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        let files = self.files();
        Box::pin(async move { files?.put_small(data, mtime, durability).await })
    }

    fn begin_stage(&self, size_hint: Option<u64>) -> Answer<'_, Box<dyn StageFile>> {
        let files = self.files();
        Box::pin(async move { files?.begin_stage(size_hint).await })
    }

    fn reopen_stage(&self, at: &StagePath) -> Answer<'_, Box<dyn StageFile>> {
        let (files, at) = (self.files(), at.clone());
        Box::pin(async move { files?.reopen_stage(&at).await })
    }

    fn stage_folder(&self, at: Option<StagePath>) -> Answer<'_, Staged> {
        let files = self.files();
        Box::pin(async move { files?.stage_folder(at).await })
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        let (files, path, tag) = (self.files(), path.to_owned(), tag.clone());
        Box::pin(async move { files?.stage_copy(&path, &tag, to, durability).await })
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        let (files, from) = (self.files(), from.clone());
        Box::pin(async move { files?.stage_copy_staged(&from, to, durability).await })
    }

    fn discard(&self, at: &StagePath) -> Answer<'_, ()> {
        let (files, at) = (self.files(), at.clone());
        Box::pin(async move { files?.discard(&at).await })
    }

    fn list_stage(&self) -> Answer<'_, Vec<(StagePath, u64)>> {
        let files = self.files();
        Box::pin(async move { files?.list_stage().await })
    }

    fn open(&self, path: &str, tag: &Tag) -> Answer<'_, Box<dyn ReadFile>> {
        let (files, path, tag) = (self.files(), path.to_owned(), tag.clone());
        Box::pin(async move { files?.open(&path, &tag).await })
    }

    fn open_staged(&self, at: &StagePath) -> Answer<'_, Box<dyn ReadFile>> {
        let (files, at) = (self.files(), at.clone());
        Box::pin(async move { files?.open_staged(&at).await })
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        let files = self.files();
        Box::pin(async move {
            match files {
                Ok(files) => files.apply(ops).await,
                Err(error) => vec![Err(error)],
            }
        })
    }

    fn sync(&self, paths: Vec<String>) -> Answer<'_, ()> {
        let files = self.files();
        Box::pin(async move { files?.sync(paths).await })
    }

    fn stat(&self, path: &str) -> Answer<'_, Option<Entry>> {
        let (files, path) = (self.files(), path.to_owned());
        Box::pin(async move { files?.stat(&path).await })
    }

    fn list(&self, path: &str) -> Answer<'_, Vec<(String, Entry)>> {
        let (files, path) = (self.files(), path.to_owned());
        Box::pin(async move { files?.list(&path).await })
    }

    fn survey(&self, path: &str) -> Answer<'_, Survey> {
        let (files, path) = (self.files(), path.to_owned());
        Box::pin(async move { files?.survey(&path).await })
    }

    fn stat_members(&self, folder: &str, names: Vec<String>) -> Answer<'_, Vec<Option<Entry>>> {
        let (files, folder) = (self.files(), folder.to_owned());
        Box::pin(async move { files?.stat_members(&folder, names).await })
    }

    fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        self.files().map_or(one == other, |files| files.is_same(one, other))
    }

    fn may_change(&self, folder: &str) -> Answer<'_, bool> {
        let (files, folder) = (self.files(), folder.to_owned());
        Box::pin(async move { files?.may_change(&folder).await })
    }

    fn watch(&self) -> Answer<'_, Option<Box<dyn Watch>>> {
        let files = self.files();
        Box::pin(async move { files?.watch().await })
    }

    fn free_space(&self) -> Answer<'_, Option<u64>> {
        let files = self.files();
        Box::pin(async move { files?.free_space().await })
    }
}
