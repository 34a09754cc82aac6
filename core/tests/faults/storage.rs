//! A storage whose calls fail when told to.

use std::sync::Arc;

use bytes::Bytes;
use moonsail::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, ReadFile, StageFile, StagePath, Staged,
    StorageError, Tag,
};
use moonsail_sdk::BoxFuture;

use crate::fault::{Fault, Moment};

type Result<T> = std::result::Result<T, StorageError>;

#[derive(Clone)]
pub(crate) struct FaultyStorage {
    pub(crate) inner: Arc<dyn FileStorage>,
    pub(crate) fault: Arc<Fault>,
}

/// `call`, or its failure.
async fn around<T>(
    fault: &Fault,
    name: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    match fault.strike(name) {
        None => call.await,
        Some((kind, Moment::Before)) => Err(kind.storage().await),
        Some((kind, Moment::After)) => {
            let done = call.await;
            let error = kind.storage().await;
            done.and(Err(error))
        }
    }
}

impl FaultyStorage {
    /// The same for what stages an entry. A failed one leaves none behind: that is the port's
    /// promise, so a failure after the work takes the work back.
    async fn staging(
        &self,
        name: &'static str,
        to: Option<StagePath>,
        call: impl Future<Output = Result<Staged>>,
    ) -> Result<Staged> {
        match self.fault.strike(name) {
            None => call.await,
            Some((kind, Moment::Before)) => Err(kind.storage().await),
            Some((kind, Moment::After)) => {
                let staged = call.await?;
                if to.is_none() {
                    self.inner.discard(&staged.at).await?;
                }
                Err(kind.storage().await)
            }
        }
    }

    fn file(&self, inner: Box<dyn StageFile>, reopened: bool) -> Box<dyn StageFile> {
        Box::new(FaultyFile { inner, of: self.clone(), reopened })
    }

    fn read_file(&self, inner: Box<dyn ReadFile>) -> Box<dyn ReadFile> {
        Box::new(FaultyRead { inner, fault: Arc::clone(&self.fault) })
    }
}

impl FileStorage for FaultyStorage {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged>> {
        let call = self.inner.put_small(data, mtime, durability);
        Box::pin(self.staging("put_small", None, call))
    }

    fn begin_stage(&self, size_hint: Option<u64>) -> BoxFuture<'_, Result<Box<dyn StageFile>>> {
        let call = self.inner.begin_stage(size_hint);
        Box::pin(
            async move { Ok(self.file(around(&self.fault, "begin_stage", call).await?, false)) },
        )
    }

    fn reopen_stage(&self, at: &StagePath) -> BoxFuture<'_, Result<Box<dyn StageFile>>> {
        let at = at.clone();
        Box::pin(async move {
            // A file that was opened and is dropped would be removed: it fails before.
            match self.fault.strike("reopen_stage") {
                None => Ok(self.file(self.inner.reopen_stage(&at).await?, true)),
                Some((kind, _)) => Err(kind.storage().await),
            }
        })
    }

    fn stage_folder(&self, at: Option<StagePath>) -> BoxFuture<'_, Result<Staged>> {
        let call = self.inner.stage_folder(at.clone());
        Box::pin(self.staging("stage_folder", at, call))
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged>> {
        let (path, tag) = (path.to_owned(), tag.clone());
        Box::pin(async move {
            let call = self.inner.stage_copy(&path, &tag, to.clone(), durability);
            self.staging("stage_copy", to, call).await
        })
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged>> {
        let from = from.clone();
        Box::pin(async move {
            let call = self.inner.stage_copy_staged(&from, to.clone(), durability);
            self.staging("stage_copy_staged", to, call).await
        })
    }

    fn discard(&self, at: &StagePath) -> BoxFuture<'_, Result<()>> {
        let at = at.clone();
        Box::pin(async move { around(&self.fault, "discard", self.inner.discard(&at)).await })
    }

    fn list_stage(&self) -> BoxFuture<'_, Result<Vec<(StagePath, u64)>>> {
        Box::pin(around(&self.fault, "list_stage", self.inner.list_stage()))
    }

    fn open(&self, path: &str, tag: &Tag) -> BoxFuture<'_, Result<Box<dyn ReadFile>>> {
        let (path, tag) = (path.to_owned(), tag.clone());
        Box::pin(async move {
            let call = self.inner.open(&path, &tag);
            Ok(self.read_file(around(&self.fault, "open", call).await?))
        })
    }

    fn open_staged(&self, at: &StagePath) -> BoxFuture<'_, Result<Box<dyn ReadFile>>> {
        let at = at.clone();
        Box::pin(async move {
            let call = self.inner.open_staged(&at);
            Ok(self.read_file(around(&self.fault, "open_staged", call).await?))
        })
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied>>> {
        Box::pin(async move {
            match self.fault.strike("apply") {
                None => self.inner.apply(ops).await,
                Some((kind, Moment::Before)) => vec![Err(kind.storage().await)],
                Some((kind, Moment::After)) => {
                    let mut results = self.inner.apply(ops).await;
                    let error = kind.storage().await;
                    results.pop();
                    results.push(Err(error));
                    results
                }
            }
        })
    }

    fn sync(&self, paths: Vec<String>) -> BoxFuture<'_, Result<()>> {
        Box::pin(around(&self.fault, "sync", self.inner.sync(paths)))
    }

    fn stat(&self, path: &str) -> BoxFuture<'_, Result<Option<Entry>>> {
        let path = path.to_owned();
        Box::pin(async move { around(&self.fault, "stat", self.inner.stat(&path)).await })
    }

    fn list(&self, path: &str) -> BoxFuture<'_, Result<Vec<(String, Entry)>>> {
        let path = path.to_owned();
        Box::pin(async move { around(&self.fault, "list", self.inner.list(&path)).await })
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<u64>>> {
        Box::pin(around(&self.fault, "free_space", self.inner.free_space()))
    }
}

struct FaultyFile {
    inner: Box<dyn StageFile>,
    of: FaultyStorage,
    /// A `finish` that fails leaves it, as the port says.
    reopened: bool,
}

impl StageFile for FaultyFile {
    fn at(&self) -> StagePath {
        self.inner.at()
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(around(&self.of.fault, "write_at", self.inner.write_at(offset, data)))
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(around(&self.of.fault, "sync of a file", self.inner.sync()))
    }

    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(around(
            &self.of.fault,
            "read_at of a staged file",
            self.inner.read_at(offset, len),
        ))
    }

    fn finish(
        self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<Staged>> {
        Box::pin(async move {
            let Self { inner, of, reopened } = *self;
            match of.fault.strike("finish") {
                None => inner.finish(size, mtime, durability).await,
                Some((kind, moment)) => {
                    let at = inner.at();
                    match moment {
                        Moment::Before => inner.keep(),
                        Moment::After => drop(inner.finish(size, mtime, durability).await?),
                    }
                    if !reopened {
                        of.inner.discard(&at).await?;
                    }
                    Err(kind.storage().await)
                }
            }
        })
    }

    fn keep(self: Box<Self>) {
        self.inner.keep();
    }
}

struct FaultyRead {
    inner: Box<dyn ReadFile>,
    fault: Arc<Fault>,
}

impl ReadFile for FaultyRead {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(around(&self.fault, "read_at", self.inner.read_at(offset, len)))
    }
}
