//! A [`FileStorage`] in memory, for tests of what uses one. Nothing of it is durable.
//!
//! It behaves as the trait says, passes [`files_suite`](crate::conformance::files::files_suite),
//! and can play the rest of the world: edits from outside, and a disk that fails.

mod apply;
pub mod blobs;
mod tree;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::BoxFuture;
use crate::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, Kind, ReadFile, StageFile, StagePath, Staged,
    StorageError, Tag,
};
use tree::{File, Folder, Node, State, not_found};

/// Offsets and sizes from here on are [`StorageError::Full`], before they eat the test's memory.
const CAPACITY: u64 = 1 << 32;

/// A storage whose clones share one tree.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    state: Arc<Mutex<State>>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a live file as somebody beside the server would: in place if a file is there (same
    /// identity, another tag), new otherwise. A folder at the path is replaced.
    pub fn write_outside(&self, path: &str, content: &[u8]) {
        let mut state = self.lock();
        if let Some(Node::File(file)) = state.live.find_mut(path) {
            file.content = Arc::new(content.to_vec());
            file.mtime = now();
            file.version += 1;
            return;
        }
        let file = state.new_file(content.to_vec(), now());
        let (parent, name) = split(path);
        state.make_folders(parent).0.insert(name, Node::File(file));
    }

    /// Removes a live entry as somebody beside the server would.
    pub fn remove_outside(&self, path: &str) {
        self.lock().live.take(path);
    }

    /// Names of what was kept aside, with the content of files, oldest first.
    pub fn kept(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let content = |node: &Node| match node {
            Node::File(file) => Some(file.content.to_vec()),
            Node::Folder(_) => None,
        };
        self.lock().kept.iter().map(|(name, node)| (name.clone(), content(node))).collect()
    }

    /// From now on every call that would write fails with this error; `None` ends it.
    pub fn fail_writes(&self, error: Option<StorageError>) {
        self.lock().failing = error;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Runs `work` on the state unless writes are to fail.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State) -> Result<T, StorageError>,
    ) -> BoxFuture<'_, Result<T, StorageError>> {
        let mut state = self.lock();
        let result = match &state.failing {
            Some(error) => Err(error.clone()),
            None => work(&mut state),
        };
        Box::pin(async { result })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A test that panicked elsewhere has failed already.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn check(path: &str) -> Result<(), StorageError> {
    let bad = |segment: &str| matches!(segment, "" | "." | "..");
    if path.contains('\0') || (!path.is_empty() && path.split('/').any(bad)) {
        return Err(StorageError::Internal(format!("not a relative path: {path:?}")));
    }
    Ok(())
}

impl FileStorage for MemoryStorage {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        _durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        self.write(|state| {
            let file = state.new_file(data.to_vec(), mtime.unwrap_or_else(now));
            state.stage_new(Node::File(file), None)
        })
    }

    fn begin_stage(
        &self,
        size_hint: Option<u64>,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        let shared = self.state.clone();
        self.write(move |state| {
            if size_hint.is_some_and(|size| size > CAPACITY) {
                return Err(StorageError::Full);
            }
            let file = state.new_file(Vec::new(), now());
            let at = state.stage_new(Node::File(file), None)?.at;
            Ok(Box::new(MemoryStageFile::new(shared, at, false)) as Box<dyn StageFile>)
        })
    }

    fn reopen_stage(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>> {
        let shared = self.state.clone();
        self.write(|state| {
            state.staged_file(at)?;
            let at = at.clone();
            Ok(Box::new(MemoryStageFile::new(shared, at, true)) as Box<dyn StageFile>)
        })
    }

    fn stage_folder(&self, at: Option<StagePath>) -> BoxFuture<'_, Result<Staged, StorageError>> {
        self.write(|state| {
            if let Some(at) = &at
                && let Some(Node::Folder(there)) = state.stage.find(&at.0)
            {
                return Ok(Staged { at: at.clone(), size: 0, tag: there.tag() });
            }
            let folder = state.new_folder();
            state.stage_new(Node::Folder(folder), at)
        })
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        _durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        self.write(|state| {
            let file = state.live_file(path, tag)?.clone();
            let copy = state.new_file(file.content.to_vec(), file.mtime);
            state.stage_new(Node::File(copy), to)
        })
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        _durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>> {
        self.write(|state| {
            let file = state.staged_file(from)?.clone();
            let copy = state.new_file(file.content.to_vec(), file.mtime);
            state.stage_new(Node::File(copy), to)
        })
    }

    fn discard(&self, at: &StagePath) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(|state| {
            check(&at.0)?;
            state.stage.take(&at.0);
            Ok(())
        })
    }

    fn list_stage(&self) -> BoxFuture<'_, Result<Vec<(StagePath, u64)>, StorageError>> {
        let state = self.lock();
        let age =
            |key| state.changed.get(key).map_or(0, |changed: &Instant| changed.elapsed().as_secs());
        let keys = state.stage.members().map(|(key, _)| (StagePath(key.clone()), age(key)));
        let keys = Ok(keys.collect());
        Box::pin(async { keys })
    }

    fn open(
        &self,
        path: &str,
        tag: &Tag,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let content = self.lock().live_file(path, tag).map(|file| file.content.clone());
        Box::pin(async { Ok(Box::new(MemoryReadFile(content?)) as Box<dyn ReadFile>) })
    }

    fn open_staged(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>> {
        let content = self.lock().staged_file(at).map(|file| file.content.clone());
        Box::pin(async { Ok(Box::new(MemoryReadFile(content?)) as Box<dyn ReadFile>) })
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        let job = self.write(|state| Ok(apply::apply(state, ops)));
        Box::pin(async { job.await.unwrap_or_else(|error| vec![Err(error)]) })
    }

    fn sync(&self, paths: Vec<String>) -> BoxFuture<'_, Result<(), StorageError>> {
        self.write(|_| paths.iter().try_for_each(|path| check(path)))
    }

    fn stat(&self, path: &str) -> BoxFuture<'_, Result<Option<Entry>, StorageError>> {
        let found = check(path).map(|()| {
            let state = self.lock();
            match path {
                "" => Some(state.live.entry()),
                _ => state.live.find(path).map(Node::entry),
            }
        });
        Box::pin(async { found })
    }

    fn list(&self, path: &str) -> BoxFuture<'_, Result<Vec<(String, Entry)>, StorageError>> {
        let list = |folder: &Folder| {
            folder.members().map(|(name, node)| (name.clone(), node.entry())).collect()
        };
        let state = self.lock();
        let found = check(path).and_then(|()| match (path, state.live.find(path)) {
            ("", _) => Ok(list(&state.live)),
            (_, Some(Node::Folder(folder))) => Ok(list(folder)),
            _ => Err(not_found(path)),
        });
        Box::pin(async { found })
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<u64>, StorageError>> {
        Box::pin(async { Ok(None) })
    }
}

/// All of a file, as it was when it was opened.
struct MemoryReadFile(Arc<Vec<u8>>);

impl ReadFile for MemoryReadFile {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let part = part(&self.0, offset, len);
        Box::pin(async { Ok(part) })
    }
}

fn part(content: &[u8], offset: u64, len: usize) -> Bytes {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    let end = start.saturating_add(len).min(content.len());
    Bytes::copy_from_slice(&content[start..end])
}

/// A file of the stage being written.
struct MemoryStageFile {
    state: Arc<Mutex<State>>,
    at: StagePath,
    armed: bool,
    reopened: bool,
}

impl MemoryStageFile {
    fn new(state: Arc<Mutex<State>>, at: StagePath, reopened: bool) -> Self {
        Self { state, at, armed: true, reopened }
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&mut File) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = lock(&self.state);
        if let Some(error) = &state.failing {
            return Err(error.clone());
        }
        state.changed.insert(self.at.key().to_owned(), Instant::now());
        match state.stage.find_mut(&self.at.0) {
            Some(Node::File(file)) => work(file),
            _ => Err(not_found(&self.at.0)),
        }
    }
}

fn within_capacity(end: Option<u64>) -> Result<usize, StorageError> {
    let end = end.filter(|end| *end <= CAPACITY).ok_or(StorageError::Full)?;
    usize::try_from(end).map_err(|_| StorageError::Full)
}

impl StageFile for MemoryStageFile {
    fn at(&self) -> StagePath {
        self.at.clone()
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        let written = self.write(|file| {
            let end = within_capacity(offset.checked_add(data.len() as u64))?;
            let start = end - data.len();
            let content = Arc::make_mut(&mut file.content);
            content.resize(content.len().max(end), 0);
            content[start..end].copy_from_slice(&data);
            file.version += 1;
            Ok(())
        });
        Box::pin(async { written })
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), StorageError>> {
        let synced = self.write(|_| Ok(()));
        Box::pin(async { synced })
    }

    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let state = lock(&self.state);
        let read = state.staged_file(&self.at).map(|file| part(&file.content, offset, len));
        Box::pin(async { read })
    }

    fn finish(
        mut self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        _durability: Durability,
    ) -> BoxFuture<'static, Result<Staged, StorageError>> {
        let finished = self.write(|file| {
            let len = within_capacity(Some(size))?;
            Arc::make_mut(&mut file.content).resize(len, 0);
            file.mtime = mtime.unwrap_or_else(now);
            file.version += 1;
            Ok(file.tag())
        });
        self.armed = finished.is_err() && !self.reopened;
        let finished = finished.map(|tag| Staged { at: self.at.clone(), size, tag });
        Box::pin(async { finished })
    }

    fn keep(mut self: Box<Self>) {
        self.armed = false;
    }
}

impl Drop for MemoryStageFile {
    fn drop(&mut self) {
        if self.armed {
            lock(&self.state).stage.take(&self.at.0);
        }
    }
}

/// Kind of a node, as the port names it.
fn kind(node: &Node) -> Kind {
    match node {
        Node::File(_) => Kind::File,
        Node::Folder(_) => Kind::Folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::files::files_suite;

    #[tokio::test]
    async fn memory_passes_the_suite() {
        files_suite(|| (MemoryStorage::new(), ())).await;
    }

    #[tokio::test]
    async fn an_edit_from_outside_changes_the_tag_and_is_kept() {
        let storage = MemoryStorage::new();
        storage.write_outside("a/b", b"one");
        let known = storage.stat("a/b").await.unwrap().unwrap().tag;
        storage.write_outside("a/b", b"two");
        assert!(matches!(storage.open("a/b", &known).await.err(), Some(StorageError::Changed(_))));
        let remove = DiskOp::Remove { path: "a/b".into(), tag: known };
        let applied = storage.apply(vec![remove]).await.remove(0).unwrap();
        assert_eq!(storage.kept(), [(applied.kept.unwrap(), Some(b"two".to_vec()))]);
        storage.remove_outside("a");
        assert_eq!(storage.list("").await.unwrap(), vec![]);
    }

    #[tokio::test]
    async fn writes_fail_while_they_are_told_to() {
        let storage = MemoryStorage::new();
        storage.fail_writes(Some(StorageError::Full));
        let put = || storage.put_small(Bytes::new(), None, Durability::Full);
        assert_eq!(put().await, Err(StorageError::Full));
        let remove = DiskOp::Remove { path: "a".into(), tag: Tag::default() };
        assert_eq!(storage.apply(vec![remove]).await, [Err(StorageError::Full)]);
        storage.fail_writes(None);
        assert!(put().await.is_ok());
    }
}
