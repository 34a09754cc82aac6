//! A [`FilesTable`] as a [`FileStorage`].
//!
//! | file      | what it does                                   |
//! |-----------|------------------------------------------------|
//! | `read.rs` | reading answers                                |
//! | `held.rs` | stage files, opened files and watches          |

mod held;
mod read;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::instance::{Callee, Instance};
use super::storage::Span;
use crate::BoxFuture;
use crate::abi::ask::{call_info, succeeded, tell};
use crate::abi::convert::borrowed;
use crate::abi::{
    Buf, EXTENSION_FILES, FILE_NO_SIZE, FILE_NO_TIME, FilesTable, List, Str, StrList,
};
use crate::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, ReadFile, StageFile, StagePath, Staged,
    StorageError, Survey, Tag, Watch, stat_each,
};
use held::{Opening, Unclaimed};

/// The storage of files of a plugin. Clones are one storage.
#[derive(Clone)]
pub struct PluginFiles(Arc<Callee<FilesTable>>);

impl PluginFiles {
    /// That of an instance; `None` if it offers none. Calls that move bytes may take ten times
    /// `timeout`, those that are about whole files a hundred times.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<FilesTable> = Callee::new(instance, EXTENSION_FILES, timeout)?;
        is_complete(&callee.table).then(|| Self(Arc::new(callee)))
    }

    fn table(&self) -> &FilesTable {
        &self.0.table
    }

    /// Removes what nobody waits for any more, some time.
    fn forget(&self, at: &StagePath) {
        let Some(discard) = self.table().discard else { return };
        let info = call_info(self.0.timeout, "", None, None);
        tell(Arc::clone(&self.0.instance), |done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { discard(self.table().this, &raw const info, Str::of(&at.0), done) }
        });
    }
}

/// Whether all functions are there that no storage can do without.
fn is_complete(table: &FilesTable) -> bool {
    table.put_small.is_some()
        && table.begin_stage.is_some()
        && table.reopen_stage.is_some()
        && table.stage_folder.is_some()
        && table.stage_copy.is_some()
        && table.stage_copy_staged.is_some()
        && table.discard.is_some()
        && table.list_stage.is_some()
        && table.open.is_some()
        && table.open_staged.is_some()
        && table.apply.is_some()
        && table.sync.is_some()
        && table.stat.is_some()
        && table.list.is_some()
        && table.stage_write.is_some()
        && table.stage_sync.is_some()
        && table.stage_read.is_some()
        && table.stage_finish.is_some()
        && table.stage_keep.is_some()
        && table.stage_release.is_some()
        && table.file_read.is_some()
        && table.file_release.is_some()
}

fn c_durability(durability: Durability) -> u32 {
    match durability {
        Durability::Full => crate::abi::FILE_DURABLE,
        Durability::Relaxed => crate::abi::FILE_RELAXED,
    }
}

fn option(at: Option<&StagePath>) -> Str {
    Str::option(at.map(|at| at.0.as_str()))
}

impl FileStorage for PluginFiles {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let FilesTable { this, put_small, .. } = *self.table();
        let (mtime, durability) = (mtime.unwrap_or(FILE_NO_TIME), c_durability(durability));
        let read = Unclaimed::reader(Some(self));
        let asked = self.0.storage(Span::Data, (), put_small, read, |put, info, done| {
            // SAFETY: what is borrowed lives until the call returns, and the buffer goes over.
            unsafe { put(this, info, Buf::of(data), mtime, durability, done) }
        });
        Box::pin(async { asked.await.map(Unclaimed::claim) })
    }

    fn begin_stage(
        &self,
        size_hint: Option<u64>,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        let FilesTable { this, begin_stage, .. } = *self.table();
        let hint = size_hint.unwrap_or(FILE_NO_SIZE);
        let read = held::stage(self, Opening::New);
        let asked = self.0.storage(Span::Data, (), begin_stage, read, |begin, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { begin(this, info, hint, done) }
        });
        Box::pin(async { asked.await?.claim() })
    }

    fn reopen_stage(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        let FilesTable { this, reopen_stage, .. } = *self.table();
        let read = held::stage(self, Opening::Again);
        let asked = self.0.storage(Span::Quick, (), reopen_stage, read, |reopen, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { reopen(this, info, Str::of(&at.0), done) }
        });
        Box::pin(async { asked.await?.claim() })
    }

    fn stage_folder(&self, at: Option<StagePath>) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let FilesTable { this, stage_folder, .. } = *self.table();
        let read = Unclaimed::reader(at.is_none().then_some(self));
        let asked = self.0.storage(Span::Quick, (), stage_folder, read, |make, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { make(this, info, option(at.as_ref()), done) }
        });
        Box::pin(async { asked.await.map(Unclaimed::claim) })
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let FilesTable { this, stage_copy, .. } = *self.table();
        let (path, tag, durability) = (Str::of(path), Str::of(&tag.0), c_durability(durability));
        let read = Unclaimed::reader(to.is_none().then_some(self));
        let asked = self.0.storage(Span::Whole, (), stage_copy, read, |copy, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { copy(this, info, path, tag, option(to.as_ref()), durability, done) }
        });
        Box::pin(async { asked.await.map(Unclaimed::claim) })
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        let FilesTable { this, stage_copy_staged, .. } = *self.table();
        let (from, durability) = (Str::of(&from.0), c_durability(durability));
        let read = Unclaimed::reader(to.is_none().then_some(self));
        let asked = self.0.storage(Span::Whole, (), stage_copy_staged, read, |copy, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { copy(this, info, from, option(to.as_ref()), durability, done) }
        });
        Box::pin(async { asked.await.map(Unclaimed::claim) })
    }

    fn discard(&self, at: &StagePath) -> BoxFuture<'_, Result<(), StorageError>> {
        let FilesTable { this, discard, .. } = *self.table();
        self.0.storage(Span::Data, (), discard, succeeded, |discard, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { discard(this, info, Str::of(&at.0), done) }
        })
    }

    fn list_stage(&self) -> BoxFuture<'_, Result<Vec<(StagePath, u64)>, StorageError>> {
        let FilesTable { this, list_stage, .. } = *self.table();
        self.0.storage(Span::Data, (), list_stage, read::stage_keys, |list, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { list(this, info, done) }
        })
    }

    fn open(
        &self,
        path: &str,
        tag: &Tag,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let FilesTable { this, open, .. } = *self.table();
        self.0.storage(Span::Quick, (), open, held::file(self), |open, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { open(this, info, Str::of(path), Str::of(&tag.0), done) }
        })
    }

    fn open_staged(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let FilesTable { this, open_staged, .. } = *self.table();
        self.0.storage(Span::Quick, (), open_staged, held::file(self), |open, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { open(this, info, Str::of(&at.0), done) }
        })
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        let FilesTable { this, apply, .. } = *self.table();
        let c_ops: Vec<_> = ops.iter().map(read::c_op).collect();
        let read = read::applied(ops.len());
        let asked = self.0.storage(Span::Data, (), apply, read, |apply, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { apply(this, info, List::of(&c_ops), done) }
        });
        Box::pin(async { asked.await.unwrap_or_else(|error| vec![Err(error)]) })
    }

    fn sync(&self, paths: Vec<String>) -> BoxFuture<'_, Result<(), StorageError>> {
        let FilesTable { this, sync, .. } = *self.table();
        let paths = borrowed(&paths);
        self.0.storage(Span::Whole, (), sync, succeeded, |sync, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { sync(this, info, StrList::of(&paths), done) }
        })
    }

    fn stat(&self, path: &str) -> BoxFuture<'_, Result<Option<Entry>, StorageError>> {
        let FilesTable { this, stat, .. } = *self.table();
        self.0.storage(Span::Quick, (), stat, read::entry, |stat, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { stat(this, info, Str::of(path), done) }
        })
    }

    fn list(&self, path: &str) -> BoxFuture<'_, Result<Vec<(String, Entry)>, StorageError>> {
        let FilesTable { this, list, .. } = *self.table();
        let asked = self.0.storage(Span::Data, (), list, read::listing, |list, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { list(this, info, Str::of(path), done) }
        });
        Box::pin(async { Ok(asked.await?.members) })
    }

    fn survey(&self, path: &str) -> BoxFuture<'_, Result<Survey, StorageError>> {
        let FilesTable { this, list, survey, .. } = *self.table();
        self.0.storage(Span::Data, (), survey.or(list), read::listing, |survey, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { survey(this, info, Str::of(path), done) }
        })
    }

    fn stat_members(
        &self,
        folder: &str,
        names: Vec<String>,
    ) -> BoxFuture<'_, Result<Vec<Option<Entry>>, StorageError>> {
        let FilesTable { this, stat_members, .. } = *self.table();
        if stat_members.is_none() {
            return stat_each(self, folder, names);
        }
        let texts = borrowed(&names);
        let read = read::entries(names.len());
        self.0.storage(Span::Data, (), stat_members, read, |stat, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { stat(this, info, Str::of(folder), StrList::of(&texts), done) }
        })
    }

    fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        let FilesTable { this, is_same, .. } = *self.table();
        match is_same {
            // SAFETY: what is borrowed lives until the call returns.
            Some(is_same) => unsafe { is_same(this, Str::of(&one.0), Str::of(&other.0)) != 0 },
            None => one == other,
        }
    }

    fn may_change(&self, folder: &str) -> BoxFuture<'_, Result<bool, StorageError>> {
        let FilesTable { this, may_change, .. } = *self.table();
        if may_change.is_none() {
            let folder = self.stat(folder);
            return Box::pin(async { Ok(folder.await?.is_some()) });
        }
        self.0.storage(Span::Quick, (), may_change, read::may_change, |may, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { may(this, info, Str::of(folder), done) }
        })
    }

    fn watch(&self) -> BoxFuture<'_, Result<Option<Box<dyn Watch>>, StorageError>> {
        let FilesTable { this, watch, watch_next, watch_release, .. } = *self.table();
        if watch.is_none() || watch_next.is_none() || watch_release.is_none() {
            return Box::pin(async { Ok(None) });
        }
        self.0.storage(Span::Quick, (), watch, held::watch(self), |watch, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { watch(this, info, done) }
        })
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<u64>, StorageError>> {
        let FilesTable { this, free_space, .. } = *self.table();
        if free_space.is_none() {
            return Box::pin(async { Ok(None) });
        }
        self.0.storage(Span::Quick, (), free_space, read::space, |space, info, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { space(this, info, done) }
        })
    }
}
