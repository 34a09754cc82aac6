//! [`FileStorage`] over a store of objects: what each call comes to.

use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::BoxFuture;

use super::draft::Draft;
use super::names::{Finished, Place, SYNCED};
use super::read::ObjectFile;
use super::{BlobFiles, Files, has_size};
use crate::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, Objects, ReadFile, StageFile, StagePath,
    Staged, StorageError, Tag,
};

/// Bytes copied at once where the store does not copy by itself.
const STEP: usize = 1 << 20;

impl Files {
    async fn put_small(&self, data: Bytes) -> Result<Staged, StorageError> {
        let place = Place::new()?;
        let (key, size) = (place.finished("0"), data.len() as u64);
        let info = self.store.put(&key, data).await?;
        has_size(&key, &info, size)?;
        self.staged(StagePath(place.id), &key, size)
    }

    fn staged(&self, at: StagePath, key: &str, size: u64) -> Result<Staged, StorageError> {
        let finished = Finished::of_key(key, size)
            .ok_or_else(|| StorageError::Internal(format!("{key} is no key of a file")))?;
        if !at.0.contains('/') {
            self.handed_over(&at, Some(&finished), false);
        } else if let Some(folder) = self.fresh().get_mut(at.key()) {
            folder.filled = true;
        }
        Ok(Staged { at, size, tag: finished.tag() })
    }

    /// A folder is a row of the index; here it is only a key for what is staged below it.
    fn stage_folder(&self, at: Option<StagePath>) -> Result<Staged, StorageError> {
        let at = match at {
            Some(at) => at,
            None => {
                let at = StagePath(Place::new()?.id);
                self.handed_over(&at, None, false);
                at
            }
        };
        let tag = Place::of(&at)?.folder_tag();
        Ok(Staged { at, size: 0, tag })
    }

    async fn copy(&self, from: &Finished, to: Option<StagePath>) -> Result<Staged, StorageError> {
        let (at, key) = target(to)?;
        let source = from.key();
        if self.store.abilities().server_copy {
            let info = self.store.copy(&source, &key).await?;
            has_size(&key, &info, from.size)?;
        } else {
            let file = ObjectFile::open(Arc::clone(&self.store), source, Some(from.size)).await?;
            self.write_all(&file, &key).await?;
        }
        self.staged(at, &key, from.size)
    }

    async fn copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
    ) -> Result<Staged, StorageError> {
        if let Some(finished) = self.finished_at(from) {
            return self.copy(&finished, to).await;
        }
        let file = self.read_staged(from).await?;
        let (at, key) = target(to)?;
        self.write_all(&*file, &key).await?;
        self.staged(at, &key, file.size())
    }

    async fn write_all(&self, file: &dyn ReadFile, key: &str) -> Result<(), StorageError> {
        let (mut at, size) = (0, file.size());
        if size <= STEP as u64 {
            let info = self.store.put(key, file.read_at(0, STEP).await?).await?;
            return has_size(key, &info, size);
        }
        let mut writer = self.store.begin(key).await?;
        while at < size {
            let bytes = file.read_at(at, STEP).await?;
            at += bytes.len() as u64;
            writer.write(bytes).await?;
        }
        has_size(key, &writer.commit().await?, size)
    }

    async fn open(&self, tag: &Tag) -> Result<Box<dyn ReadFile>, StorageError> {
        let finished =
            Finished::of_tag(tag).ok_or_else(|| StorageError::NotFound(tag.0.clone()))?;
        let (store, size) = (Arc::clone(&self.store), Some(finished.size));
        Ok(Box::new(ObjectFile::open(store, finished.key(), size).await?))
    }
}

/// Where a copy goes, and the key of its object.
fn target(to: Option<StagePath>) -> Result<(StagePath, String), StorageError> {
    let at = match to {
        Some(at) => at,
        None => StagePath(Place::new()?.id),
    };
    let key = Place::of(&at)?.finished("0");
    Ok((at, key))
}

impl BlobFiles {
    /// A decided operation: nothing moves. What has no row any more is condemned, and what a
    /// published file has left of the time when it was written goes.
    fn carry_out(&self, op: &DiskOp) {
        let gone = match op {
            DiskOp::Publish { stage, replaces, .. } => {
                self.published(stage);
                replaces.as_ref()
            }
            DiskOp::Remove { tag, .. } => Some(tag),
            DiskOp::Move { .. } | DiskOp::Touch { .. } => None,
        };
        if let Some(finished) = gone.and_then(Finished::of_tag) {
            self.condemned.push(&finished);
        }
    }

    fn published(&self, stage: &StagePath) {
        let fresh = self.files.fresh().remove(stage.key());
        let Ok(place) = Place::of(stage) else { return };
        // Of what an earlier process has finished it is not known.
        if !fresh.as_ref().map_or(place.version.is_some(), |fresh| fresh.leftovers) {
            return;
        }
        let files = Arc::clone(&self.files);
        let finished = fresh.and_then(|fresh| fresh.finished);
        tokio::spawn(async move {
            if let Err(error) = files.forget_written(&place, finished.as_ref()).await {
                tracing::debug!(id = place.id, %error, "notes of a finished upload stay for now");
            }
        });
    }
}

impl Files {
    /// Removes what a file that is finished and published has left of its time as a draft: notes,
    /// pieces, and objects that it was before, if it is known which one it is. Its upload is closed,
    /// so there is nothing to abort.
    async fn forget_written(
        &self,
        place: &Place,
        finished: Option<&Finished>,
    ) -> Result<(), StorageError> {
        let first = place.finished("0");
        if finished.is_some_and(|finished| finished.key() != first) {
            self.store.delete(&first).await?;
        }
        self.delete_all(&place.prefix(super::PIECES)).await?;
        self.delete_all(&place.prefix(SYNCED)).await
    }
}

/// The answer to all who want to look at the live tree.
fn no_tree<T>() -> BoxFuture<'static, Result<T, StorageError>> {
    let text = "the index has the names of a storage of objects; there is no tree to look at";
    Box::pin(async { Err(StorageError::Internal(text.to_owned())) })
}

impl FileStorage for BlobFiles {
    fn put_small(
        &self,
        data: Bytes,
        _mtime: Option<i64>,
        _durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        Box::pin(self.files.put_small(data))
    }

    fn begin_stage(
        &self,
        size_hint: Option<u64>,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        Box::pin(async move {
            self.files.within_limits(Some(size_hint.unwrap_or_default()))?;
            Ok(Box::new(Draft::new(Arc::clone(&self.files))?) as Box<dyn StageFile>)
        })
    }

    fn reopen_stage(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        let at = at.clone();
        Box::pin(async move { Ok(Box::new(self.files.reopen(&at).await?) as Box<dyn StageFile>) })
    }

    fn stage_folder(&self, at: Option<StagePath>) -> BoxFuture<'_, Result<Staged, StorageError>> {
        Box::pin(async move { self.files.stage_folder(at) })
    }

    fn stage_copy(
        &self,
        _path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        _durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let from = Finished::of_tag(tag).ok_or_else(|| StorageError::NotFound(tag.0.clone()));
        Box::pin(async move { self.files.copy(&from?, to).await })
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        _durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let from = from.clone();
        Box::pin(async move { self.files.copy_staged(&from, to).await })
    }

    fn discard(&self, at: &StagePath) -> BoxFuture<'_, Result<(), StorageError>> {
        let place = Place::of(at);
        Box::pin(async move {
            match place {
                Ok(place) => self.files.discard(&place, false).await,
                Err(_) => Ok(()), // nothing of this storage
            }
        })
    }

    fn list_stage(&self) -> BoxFuture<'_, Result<Vec<(StagePath, u64)>, StorageError>> {
        Box::pin(async move {
            let ids = self.files.unfinished(SYNCED).await?;
            Ok(ids.into_iter().map(|(id, age)| (StagePath(id), age)).collect())
        })
    }

    fn open(
        &self,
        _path: &str,
        tag: &Tag,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let tag = tag.clone();
        Box::pin(async move { self.files.open(&tag).await })
    }

    fn open_staged(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let at = at.clone();
        Box::pin(async move { self.files.read_staged(&at).await })
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        Box::pin(async move {
            ops.iter().for_each(|op| self.carry_out(op));
            ops.iter().map(|_| Ok(Applied::default())).collect()
        })
    }

    fn sync(&self, _paths: Vec<String>) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }

    fn stat(&self, _path: &str) -> BoxFuture<'_, Result<Option<Entry>, StorageError>> {
        no_tree()
    }

    fn list(&self, _path: &str) -> BoxFuture<'_, Result<Vec<(String, Entry)>, StorageError>> {
        no_tree()
    }

    fn stat_members(
        &self,
        _folder: &str,
        _names: Vec<String>,
    ) -> BoxFuture<'_, Result<Vec<Option<Entry>>, StorageError>> {
        no_tree()
    }

    fn may_change(&self, _folder: &str) -> BoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async { Ok(true) })
    }

    /// The index alone has the names.
    fn changes_outside(&self) -> bool {
        false
    }

    fn objects(&self) -> Option<&dyn Objects> {
        Some(self)
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<u64>, StorageError>> {
        Box::pin(async { Ok(None) })
    }
}
