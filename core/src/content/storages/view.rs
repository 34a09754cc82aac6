//! All storages as one: each call goes to the storage that its path or stage place names.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::BoxFuture;

use super::Storages;
use super::files::{Numbered, numbered};
use super::watches::Watches;
use crate::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, ReadFile, StageFile, StagePath, Staged,
    StorageError, StorageNo, Survey, Tag, Watch, storage_of,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

/// See [`Storages::view`].
pub(super) struct View {
    pub(super) all: Storages,
    pub(super) stage_on: StorageNo,
}

impl View {
    fn data(&self) -> &dyn FileStorage {
        &*self.all.data
    }

    /// The storage of a live path, and the path there.
    async fn live(&self, path: &str) -> Result<(Arc<dyn FileStorage>, String), StorageError> {
        let (no, below) = StorageNo::split(path);
        Ok((self.all.storage(no).await?, below.to_owned()))
    }

    /// The storage of a place in the stage, and the place there.
    async fn staged(
        &self,
        at: &StagePath,
    ) -> Result<(StorageNo, Arc<dyn FileStorage>, StagePath), StorageError> {
        let (no, below) = StorageNo::split_stage(at);
        Ok((no, self.all.storage(no).await?, below))
    }

    /// Where something new is staged that has this place, or none yet.
    async fn target(
        &self,
        to: Option<&StagePath>,
    ) -> Result<(StorageNo, Arc<dyn FileStorage>, Option<StagePath>), StorageError> {
        match to {
            Some(to) => {
                let (no, storage, to) = self.staged(to).await?;
                Ok((no, storage, Some(to)))
            }
            None => Ok((self.stage_on, self.all.storage(self.stage_on).await?, None)),
        }
    }

    async fn apply_all(&self, ops: Vec<DiskOp>) -> Vec<Result<Applied, StorageError>> {
        let mut results = Vec::with_capacity(ops.len());
        let mut rest = &ops[..];
        while let Some(first) = rest.first() {
            let no = storage_of(first);
            let count = rest.iter().take_while(|op| storage_of(op) == no).count();
            let run = rest[..count].iter().map(below).collect();
            match self.all.storage(no).await {
                Ok(storage) => results.extend(storage.apply(run).await),
                Err(error) => results.push(Err(error)),
            }
            if results.len() < ops.len() - (rest.len() - count)
                || results.last().is_some_and(Result::is_err)
            {
                break;
            }
            rest = &rest[count..];
        }
        results
    }
}

/// The operation as its storage knows it.
fn below(op: &DiskOp) -> DiskOp {
    let path = |path: &str| StorageNo::split(path).1.to_owned();
    let mut op = op.clone();
    match &mut op {
        DiskOp::Publish { stage, path: at, .. } => {
            *stage = StorageNo::split_stage(stage).1;
            *at = path(at);
        }
        DiskOp::Move { from, to, .. } => {
            *from = path(from);
            *to = path(to);
        }
        DiskOp::Remove { path: at, .. } | DiskOp::Touch { path: at, .. } => *at = path(at),
    }
    op
}

/// A storage copies only its own files; `content` carries bytes from one to another.
fn one_storage(from: StorageNo, to: StorageNo) -> Result<(), StorageError> {
    match from == to {
        true => Ok(()),
        false => Err(StorageError::Internal("a copy between two storages".to_owned())),
    }
}

impl FileStorage for View {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        if self.stage_on == StorageNo::DATA {
            return self.data().put_small(data, mtime, durability);
        }
        Box::pin(async move {
            let (no, storage, _) = self.target(None).await?;
            Ok(numbered(no, storage.put_small(data, mtime, durability).await?))
        })
    }

    fn begin_stage(&self, size_hint: Option<u64>) -> Answer<'_, Box<dyn StageFile>> {
        if self.stage_on == StorageNo::DATA {
            return self.data().begin_stage(size_hint);
        }
        Box::pin(async move {
            let (no, storage, _) = self.target(None).await?;
            let file = storage.begin_stage(size_hint).await?;
            Ok(Box::new(Numbered { no, file }) as Box<dyn StageFile>)
        })
    }

    fn reopen_stage(&self, at: &StagePath) -> Answer<'_, Box<dyn StageFile>> {
        if StorageNo::of_stage(at) == StorageNo::DATA {
            return self.data().reopen_stage(at);
        }
        let at = at.clone();
        Box::pin(async move {
            let (no, storage, at) = self.staged(&at).await?;
            let file = storage.reopen_stage(&at).await?;
            Ok(Box::new(Numbered { no, file }) as Box<dyn StageFile>)
        })
    }

    fn stage_folder(&self, at: Option<StagePath>) -> Answer<'_, Staged> {
        let no = at.as_ref().map_or(self.stage_on, StorageNo::of_stage);
        if no == StorageNo::DATA {
            return self.data().stage_folder(at);
        }
        Box::pin(async move {
            let (no, storage, at) = self.target(at.as_ref()).await?;
            Ok(numbered(no, storage.stage_folder(at).await?))
        })
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        let no = to.as_ref().map_or(self.stage_on, StorageNo::of_stage);
        if no == StorageNo::DATA && StorageNo::of(path) == StorageNo::DATA {
            return self.data().stage_copy(path, tag, to, durability);
        }
        let (path, tag) = (path.to_owned(), tag.clone());
        Box::pin(async move {
            let (from, below) = StorageNo::split(&path);
            let (no, storage, to) = self.target(to.as_ref()).await?;
            one_storage(from, no)?;
            Ok(numbered(no, storage.stage_copy(below, &tag, to, durability).await?))
        })
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        let no = to.as_ref().map_or(self.stage_on, StorageNo::of_stage);
        if no == StorageNo::DATA && StorageNo::of_stage(from) == StorageNo::DATA {
            return self.data().stage_copy_staged(from, to, durability);
        }
        let from = from.clone();
        Box::pin(async move {
            let (source, from) = StorageNo::split_stage(&from);
            let (no, storage, to) = self.target(to.as_ref()).await?;
            one_storage(source, no)?;
            Ok(numbered(no, storage.stage_copy_staged(&from, to, durability).await?))
        })
    }

    fn discard(&self, at: &StagePath) -> Answer<'_, ()> {
        if StorageNo::of_stage(at) == StorageNo::DATA {
            return self.data().discard(at);
        }
        let at = at.clone();
        Box::pin(async move {
            let (_, storage, at) = self.staged(&at).await?;
            storage.discard(&at).await
        })
    }

    /// Of all storages that are there.
    fn list_stage(&self) -> Answer<'_, Vec<(StagePath, u64)>> {
        Box::pin(async move {
            let mut list = self.data().list_stage().await?;
            for slot in self.all.others.iter() {
                let Ok(storage) = slot.storage().await else { continue };
                let keys = storage.list_stage().await?.into_iter();
                list.extend(keys.map(|(at, age)| (slot.no.join_stage(at), age)));
            }
            Ok(list)
        })
    }

    fn open(&self, path: &str, tag: &Tag) -> Answer<'_, Box<dyn ReadFile>> {
        if StorageNo::of(path) == StorageNo::DATA {
            return self.data().open(path, tag);
        }
        let (path, tag) = (path.to_owned(), tag.clone());
        Box::pin(async move {
            let (storage, path) = self.live(&path).await?;
            storage.open(&path, &tag).await
        })
    }

    fn open_staged(&self, at: &StagePath) -> Answer<'_, Box<dyn ReadFile>> {
        if StorageNo::of_stage(at) == StorageNo::DATA {
            return self.data().open_staged(at);
        }
        let at = at.clone();
        Box::pin(async move {
            let (_, storage, at) = self.staged(&at).await?;
            storage.open_staged(&at).await
        })
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        match ops.iter().all(|op| storage_of(op) == StorageNo::DATA) {
            true => self.data().apply(ops),
            false => Box::pin(self.apply_all(ops)),
        }
    }

    fn sync(&self, paths: Vec<String>) -> Answer<'_, ()> {
        if paths.iter().all(|path| StorageNo::of(path) == StorageNo::DATA) {
            return self.data().sync(paths);
        }
        Box::pin(async move {
            let mut by_storage = std::collections::BTreeMap::<StorageNo, Vec<String>>::new();
            for path in paths {
                let (no, below) = StorageNo::split(&path);
                by_storage.entry(no).or_default().push(below.to_owned());
            }
            for (no, paths) in by_storage {
                self.all.storage(no).await?.sync(paths).await?;
            }
            Ok(())
        })
    }

    fn stat(&self, path: &str) -> Answer<'_, Option<Entry>> {
        if StorageNo::of(path) == StorageNo::DATA {
            return self.data().stat(path);
        }
        let path = path.to_owned();
        Box::pin(async move {
            let (storage, path) = self.live(&path).await?;
            storage.stat(&path).await
        })
    }

    fn list(&self, path: &str) -> Answer<'_, Vec<(String, Entry)>> {
        if StorageNo::of(path) == StorageNo::DATA {
            return self.data().list(path);
        }
        let path = path.to_owned();
        Box::pin(async move {
            let (storage, path) = self.live(&path).await?;
            storage.list(&path).await
        })
    }

    fn survey(&self, path: &str) -> Answer<'_, Survey> {
        if StorageNo::of(path) == StorageNo::DATA {
            return self.data().survey(path);
        }
        let path = path.to_owned();
        Box::pin(async move {
            let (storage, path) = self.live(&path).await?;
            storage.survey(&path).await
        })
    }

    fn stat_members(&self, folder: &str, names: Vec<String>) -> Answer<'_, Vec<Option<Entry>>> {
        if StorageNo::of(folder) == StorageNo::DATA {
            return self.data().stat_members(folder, names);
        }
        let folder = folder.to_owned();
        Box::pin(async move {
            let (storage, folder) = self.live(&folder).await?;
            storage.stat_members(&folder, names).await
        })
    }

    /// A tag does not say its storage. Each knows only its own tags, and no two files are one by the
    /// word of a storage that does not know them.
    fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        one == other
            || self.data().is_same(one, other)
            || self.all.others.iter().any(|slot| slot.is_same(one, other))
    }

    fn may_change(&self, folder: &str) -> Answer<'_, bool> {
        if StorageNo::of(folder) == StorageNo::DATA {
            return self.data().may_change(folder);
        }
        let folder = folder.to_owned();
        Box::pin(async move {
            let (storage, folder) = self.live(&folder).await?;
            storage.may_change(&folder).await
        })
    }

    fn watch(&self) -> Answer<'_, Option<Box<dyn Watch>>> {
        Box::pin(async move {
            let watches = Watches::begin(&self.all).await?;
            Ok(Some(Box::new(watches) as Box<dyn Watch>))
        })
    }

    fn free_space(&self) -> Answer<'_, Option<u64>> {
        if self.stage_on == StorageNo::DATA {
            return self.data().free_space();
        }
        Box::pin(async move { self.all.storage(self.stage_on).await?.free_space().await })
    }
}
