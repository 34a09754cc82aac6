//! A storage in memory that fails, panics or hangs when it is told to, and counts what of it is alive.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::abi::guest::{Host, Offers, Plugin, PluginError};
use moonsail_sdk::abi::host::{PluginFiles, TestHost};
use moonsail_sdk::memory::MemoryStorage;
use moonsail_sdk::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, ReadFile, Seen, StageFile, StagePath, Staged,
    StorageError, Survey, Tag, Watch,
};

/// What every call does.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Well,
    Fails(StorageError),
    PanicsAtOnce,
    PanicsLater,
    Hangs,
}

/// The strings of one odd storage, on the test's side.
#[derive(Default)]
pub(crate) struct Control {
    mood: Mutex<Mood>,
    /// Stage files, opened files and watches that are alive, and buffers that were read.
    pub(crate) alive: Arc<AtomicUsize>,
    pub(crate) memory: MemoryStorage,
    pub(crate) seen: Mutex<Vec<Seen>>,
    /// Stands behind the places of stage files, unless it is 0.
    pub(crate) version: AtomicUsize,
    pub(crate) heard: tokio::sync::Notify,
}

impl Control {
    pub(crate) fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn fail(&self, error: StorageError) {
        self.be(Mood::Fails(error));
    }

    pub(crate) fn tell(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
        self.heard.notify_one();
    }

    fn mood(&self) -> Mood {
        self.mood.lock().unwrap().clone()
    }

    /// What every function does first.
    fn now(&self) {
        if self.mood() == Mood::PanicsAtOnce {
            panic!("at once");
        }
    }

    /// What every future does first.
    async fn gate(&self) -> Result<(), StorageError> {
        match self.mood() {
            Mood::Well | Mood::PanicsAtOnce => Ok(()),
            Mood::Fails(error) => Err(error),
            Mood::PanicsLater => {
                tokio::task::yield_now().await;
                panic!("later");
            }
            Mood::Hangs => pending().await,
        }
    }

    /// Waits until nothing is alive any more.
    pub(crate) async fn quiet(&self) {
        for _ in 0..2000 {
            if self.alive.load(Ordering::SeqCst) == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} things are alive", self.alive.load(Ordering::SeqCst));
    }
}

/// Counts itself.
pub(crate) struct Alive(Arc<AtomicUsize>, Bytes);

impl Alive {
    pub(crate) fn new(control: &Control) -> Self {
        Self::around(&control.alive, Bytes::new())
    }

    pub(crate) fn around(alive: &Arc<AtomicUsize>, bytes: Bytes) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive), bytes)
    }
}

impl AsRef<[u8]> for Alive {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

static CONTROLS: Mutex<Vec<Arc<Control>>> = Mutex::new(Vec::new());

/// A plugin with an odd storage, its control, and what the host makes of it.
pub(crate) struct Odd {
    pub(crate) control: Arc<Control>,
    pub(crate) files: PluginFiles,
    pub(crate) host: TestHost,
}

impl Odd {
    pub(crate) fn new() -> Self {
        let control = Arc::new(Control::default());
        let index = {
            let mut controls = CONTROLS.lock().unwrap();
            controls.push(Arc::clone(&control));
            controls.len() - 1
        };
        let host = TestHost::create::<OddPlugin>(&index.to_string()).unwrap();
        let files = host.files().unwrap();
        Self { control, files, host }
    }
}

pub(crate) fn removal() -> DiskOp {
    DiskOp::Remove { path: "a".into(), tag: Tag::default() }
}

pub(crate) struct OddPlugin(Arc<OddStorage>);

impl Plugin for OddPlugin {
    type Config = usize;

    fn create(index: usize, _: Host) -> Result<Self, PluginError> {
        let control = Arc::clone(&CONTROLS.lock().unwrap()[index]);
        Ok(Self(Arc::new(OddStorage(control))))
    }

    fn offer(self: &Arc<Self>, offers: &mut Offers) {
        offers.files(Arc::clone(&self.0));
    }
}

pub(crate) struct OddStorage(Arc<Control>);

type Answer<'a, T> = BoxFuture<'a, Result<T, StorageError>>;

impl OddStorage {
    /// Does as its mood is, and then what it is asked.
    fn then<'a, T: Send + 'a>(
        &'a self,
        call: impl Future<Output = T> + Send + 'a,
    ) -> Answer<'a, T> {
        self.0.now();
        Box::pin(async move {
            self.0.gate().await?;
            Ok(call.await)
        })
    }

    fn flat<'a, T: Send + 'a>(&'a self, call: Answer<'a, T>) -> Answer<'a, T> {
        let call = self.then(call);
        Box::pin(async { call.await? })
    }

    fn stage<'a>(&'a self, call: Answer<'a, Box<dyn StageFile>>) -> Answer<'a, Box<dyn StageFile>> {
        let call = self.flat(call);
        Box::pin(async {
            let file = call.await?;
            Ok(Box::new(OddStage(file, Arc::clone(&self.0), Alive::new(&self.0))) as _)
        })
    }

    fn file<'a>(&'a self, call: Answer<'a, Box<dyn ReadFile>>) -> Answer<'a, Box<dyn ReadFile>> {
        let call = self.flat(call);
        Box::pin(async {
            let file = call.await?;
            Ok(Box::new(OddFile(file, Arc::clone(&self.0), Alive::new(&self.0))) as _)
        })
    }
}

impl FileStorage for OddStorage {
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        self.flat(Box::pin(async move { self.0.memory.put_small(data, mtime, durability).await }))
    }

    fn begin_stage(&self, size_hint: Option<u64>) -> Answer<'_, Box<dyn StageFile>> {
        self.stage(Box::pin(async move { self.0.memory.begin_stage(size_hint).await }))
    }

    fn reopen_stage(&self, at: &StagePath) -> Answer<'_, Box<dyn StageFile>> {
        let at = at.clone();
        self.stage(Box::pin(async move { self.0.memory.reopen_stage(&at).await }))
    }

    fn stage_folder(&self, at: Option<StagePath>) -> Answer<'_, Staged> {
        self.flat(Box::pin(async move { self.0.memory.stage_folder(at).await }))
    }

    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        self.flat(self.0.memory.stage_copy(path, tag, to, durability))
    }

    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> Answer<'_, Staged> {
        self.flat(self.0.memory.stage_copy_staged(from, to, durability))
    }

    fn discard(&self, at: &StagePath) -> Answer<'_, ()> {
        self.flat(self.0.memory.discard(at))
    }

    fn list_stage(&self) -> Answer<'_, Vec<(StagePath, u64)>> {
        self.flat(self.0.memory.list_stage())
    }

    fn open(&self, path: &str, tag: &Tag) -> Answer<'_, Box<dyn ReadFile>> {
        self.file(self.0.memory.open(path, tag))
    }

    fn open_staged(&self, at: &StagePath) -> Answer<'_, Box<dyn ReadFile>> {
        self.file(self.0.memory.open_staged(at))
    }

    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>> {
        let call = self.then(async move { self.0.memory.apply(ops).await });
        Box::pin(async { call.await.unwrap_or_else(|error| vec![Err(error)]) })
    }

    fn sync(&self, paths: Vec<String>) -> Answer<'_, ()> {
        self.flat(self.0.memory.sync(paths))
    }

    fn stat(&self, path: &str) -> Answer<'_, Option<Entry>> {
        self.flat(self.0.memory.stat(path))
    }

    fn list(&self, path: &str) -> Answer<'_, Vec<(String, Entry)>> {
        self.flat(self.0.memory.list(path))
    }

    fn survey(&self, path: &str) -> Answer<'_, Survey> {
        self.flat(self.0.memory.survey(path))
    }

    fn stat_members(&self, folder: &str, names: Vec<String>) -> Answer<'_, Vec<Option<Entry>>> {
        self.flat(self.0.memory.stat_members(folder, names))
    }

    fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        self.0.now();
        one.0.as_bytes().first() == other.0.as_bytes().first()
    }

    fn may_change(&self, folder: &str) -> Answer<'_, bool> {
        self.flat(self.0.memory.may_change(folder))
    }

    fn watch(&self) -> Answer<'_, Option<Box<dyn Watch>>> {
        let watch = async {
            let alive = Alive::new(&self.0);
            Some(Box::new(OddWatch(Arc::clone(&self.0), 0, alive)) as Box<dyn Watch>)
        };
        self.then(watch)
    }

    fn free_space(&self) -> Answer<'_, Option<u64>> {
        self.then(async { Some(7) })
    }
}

struct OddStage(Box<dyn StageFile>, Arc<Control>, Alive);

impl StageFile for OddStage {
    fn at(&self) -> StagePath {
        match self.1.version.load(Ordering::SeqCst) {
            0 => self.0.at(),
            version => StagePath(format!("{}@{version}", self.0.at().0)),
        }
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> Answer<'_, ()> {
        self.1.now();
        Box::pin(async move {
            self.1.gate().await?;
            self.0.write_at(offset, data).await
        })
    }

    fn sync(&mut self) -> Answer<'_, ()> {
        self.1.now();
        Box::pin(async move {
            self.1.gate().await?;
            self.0.sync().await
        })
    }

    fn read_at(&mut self, offset: u64, len: usize) -> Answer<'_, Bytes> {
        self.1.now();
        Box::pin(async move {
            self.1.gate().await?;
            self.0.read_at(offset, len).await
        })
    }

    fn finish(
        self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        durability: Durability,
    ) -> Answer<'static, Staged> {
        self.1.now();
        let Self(file, control, alive) = *self;
        Box::pin(async move {
            let _alive = alive;
            control.gate().await?;
            file.finish(size, mtime, durability).await
        })
    }

    fn keep(self: Box<Self>) {
        self.0.keep();
    }
}

struct OddFile(Box<dyn ReadFile>, Arc<Control>, #[expect(dead_code, reason = "counts")] Alive);

impl ReadFile for OddFile {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, len: usize) -> Answer<'_, Bytes> {
        self.1.now();
        Box::pin(async move {
            self.1.gate().await?;
            let read = self.0.read_at(offset, len).await?;
            Ok(Bytes::from_owner(Alive::around(&self.1.alive, read)))
        })
    }
}

/// Tells what its control is told, one at a time.
struct OddWatch(Arc<Control>, u64, #[expect(dead_code, reason = "counts")] Alive);

impl Watch for OddWatch {
    fn next(&mut self) -> BoxFuture<'_, Option<Vec<Seen>>> {
        self.0.now();
        Box::pin(async {
            loop {
                if self.0.gate().await.is_err() {
                    return None;
                }
                let seen = std::mem::take(&mut *self.0.seen.lock().unwrap());
                if !seen.is_empty() {
                    self.1 += seen.len() as u64;
                    return Some(seen);
                }
                self.0.heard.notified().await;
            }
        })
    }

    fn counts(&self) -> (u64, u64) {
        (self.1, 1)
    }

    fn lost(&self) -> u64 {
        2
    }
}
