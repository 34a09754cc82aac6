//! Moonsail storage backend: plain files in a folder.
//!
//! Three areas on one file system ([`LocalConfig`]): the live tree, the stage, and a folder for what
//! was found where the server was about to write. Everything becomes visible by a rename.
//!
//! | file        | what it does                                                        |
//! |-------------|---------------------------------------------------------------------|
//! | `areas.rs`  | opens and checks the areas                                          |
//! | `fs.rs`     | system calls: paths that cannot leave their folder, errno to error  |
//! | `tag.rs`    | identity and tags of inodes                                         |
//! | `stage.rs`, `copy.rs` | writing to the stage                                      |
//! | `read.rs`, `live.rs`  | reading, listing, syncing                                 |
//! | `apply.rs`, `aside.rs`, `remove.rs` | changing the live tree                      |
//! | `watch.rs`  | telling what others change                                          |
//! | `plugin.rs` | the same as a shared library                                        |
//!
//! Invariants: no path is resolved but through [`fs`], so no link is followed anywhere; no blocking
//! call outside a blocking job and the thread of a watch; one job per call of the port.

mod apply;
mod areas;
mod aside;
mod config;
mod copy;
mod fs;
mod live;
mod plugin;
mod read;
mod remove;
mod stage;
mod tag;
mod watch;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blocking::blocking;
use moonsail_sdk::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, ReadFile, StageFile, StagePath, Staged,
    StorageError, Survey, Tag, Watch,
};
use rustix::fs::OFlags;

use areas::Areas;
pub use config::LocalConfig;
pub use plugin::LocalPlugin;
use tag::Meta;

/// A [`FileStorage`] of plain files. Cheap to clone; all clones are one storage.
#[derive(Debug, Clone)]
pub struct LocalStorage {
    areas: Arc<Areas>,
}

impl LocalStorage {
    /// Opens the areas, making what is missing (mode 0700), and starts to delete in the background
    /// what an earlier run had removed. Blocks for a few system calls; outside a tokio runtime,
    /// until the deletion is done.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if a folder cannot be made or opened, if they lie on several
    /// file systems, or if stage or kept files lie inside the live tree.
    pub fn open(config: LocalConfig) -> Result<Self, StorageError> {
        let areas = Arc::new(Areas::open(&config)?);
        remove::dispose_leftovers(&areas)?;
        Ok(Self { areas })
    }

    /// Opens a folder that belongs to others, too, and must be there: all of it is the live tree, but
    /// for a folder `.moonsail` at its top, which is made for the stage and for kept files, and hidden.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if the folder is not there or cannot be written to.
    pub fn open_shared(folder: &std::path::Path) -> Result<Self, StorageError> {
        let areas = Arc::new(Areas::open_shared(folder)?);
        remove::dispose_leftovers(&areas)?;
        Ok(Self { areas })
    }

    /// The same to be read and never changed. Nothing is made in the folder; `scratch` is one that
    /// may be written to, on whatever file system.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if the folder is not there or cannot be read.
    pub fn open_read_only(
        folder: &std::path::Path,
        scratch: &std::path::Path,
    ) -> Result<Self, StorageError> {
        Ok(Self { areas: Arc::new(Areas::open_read_only(folder, scratch)?) })
    }

    fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Areas>) -> Result<T, StorageError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StorageError>> {
        let areas = self.areas.clone();
        Box::pin(blocking(move || work(&areas)))
    }
}

impl FileStorage for LocalStorage {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        Box::pin(stage::put_small(self.areas.clone(), data, mtime, durability))
    }

    fn begin_stage(
        &self,
        size_hint: Option<u64>,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        self.job(move |areas| Ok(Box::new(stage::begin(areas, size_hint)?) as Box<dyn StageFile>))
    }

    fn reopen_stage(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        let at = at.clone();
        self.job(move |areas| Ok(Box::new(stage::reopen(areas, at)?) as Box<dyn StageFile>))
    }

    fn stage_folder(&self, at: Option<StagePath>) -> BoxFuture<'_, Result<Staged, StorageError>> {
        self.job(move |areas| stage::folder(areas, at))
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let (live, tag) = (path.to_owned(), tag.clone());
        let source = move |areas: &Areas| read::open_live(areas, &live, &tag);
        Box::pin(copy::copy(self.areas.clone(), source, path.to_owned(), to, durability))
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let staged = from.clone();
        let source = move |areas: &Areas| {
            let fd = stage::open_staged(areas, &staged, OFlags::RDONLY)?;
            let meta = Meta::of(&fd).map_err(fs::failed(&staged.0))?;
            Ok((fd, meta))
        };
        Box::pin(copy::copy(self.areas.clone(), source, from.0.clone(), to, durability))
    }

    fn discard(&self, at: &StagePath) -> BoxFuture<'_, Result<(), StorageError>> {
        let at = at.clone();
        self.job(move |areas| stage::discard(areas, &at))
    }

    fn list_stage(&self) -> BoxFuture<'_, Result<Vec<(StagePath, u64)>, StorageError>> {
        self.job(|areas| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            stage::list(areas, i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
        })
    }

    fn open(
        &self,
        path: &str,
        tag: &Tag,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let (path, tag) = (path.to_owned(), tag.clone());
        self.job(move |areas| Ok(Box::new(read::live(areas, &path, &tag)?) as Box<dyn ReadFile>))
    }

    fn open_staged(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let at = at.clone();
        self.job(move |areas| Ok(Box::new(read::staged(areas, &at)?) as Box<dyn ReadFile>))
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        let job = self.job(move |areas| Ok(apply::apply(areas, ops)));
        Box::pin(async { job.await.unwrap_or_else(|error| vec![Err(error)]) })
    }

    fn sync(&self, paths: Vec<String>) -> BoxFuture<'_, Result<(), StorageError>> {
        self.job(move |areas| live::sync(areas, &paths))
    }

    fn stat(&self, path: &str) -> BoxFuture<'_, Result<Option<Entry>, StorageError>> {
        let path = path.to_owned();
        self.job(move |areas| live::stat(areas, &path))
    }

    fn list(&self, path: &str) -> BoxFuture<'_, Result<Vec<(String, Entry)>, StorageError>> {
        let path = path.to_owned();
        self.job(move |areas| Ok(live::survey(areas, &path)?.members))
    }

    fn survey(&self, path: &str) -> BoxFuture<'_, Result<Survey, StorageError>> {
        let path = path.to_owned();
        self.job(move |areas| live::survey(areas, &path))
    }

    fn stat_members(
        &self,
        folder: &str,
        names: Vec<String>,
    ) -> BoxFuture<'_, Result<Vec<Option<Entry>>, StorageError>> {
        let folder = folder.to_owned();
        self.job(move |areas| live::stat_members(areas, &folder, &names))
    }

    fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        tag::is_same(one, other)
    }

    fn watch(&self) -> BoxFuture<'_, Result<Option<Box<dyn Watch>>, StorageError>> {
        let watch = watch::begin(&self.areas, watch::Limits::default());
        Box::pin(async { watch.map(Some) })
    }

    fn may_change(&self, folder: &str) -> BoxFuture<'_, Result<bool, StorageError>> {
        let folder = folder.to_owned();
        self.job(move |areas| live::may_change(areas, &folder))
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<u64>, StorageError>> {
        self.job(|areas| live::free_space(areas).map(Some))
    }
}
