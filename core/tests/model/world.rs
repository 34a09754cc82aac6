//! A server's services in a folder of their own, which can be stopped, killed and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moonsail::clock::Clock;
use moonsail::content::{Content, Publisher};
use moonsail::ids::Uid;
use moonsail::storage::{self, FileStorage, Kind};
use moonsail::store::sqlite::{Durability, SqliteOptions, SqliteStore};
use moonsail::store::{self, Store};
use moonsail::tree::{Actor, Tree};
use moonsail_sdk::memory::MemoryStorage;
use moonsail_storage_local::{LocalConfig, LocalStorage};

/// Which storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Local,
    Memory,
}

/// What outlives a process.
pub(crate) struct World {
    folder: tempfile::TempDir,
    memory: Option<MemoryStorage>,
    pub(crate) clock: Clock,
    live: Option<Live>,
}

/// A process.
pub(crate) struct Live {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) storage: Arc<dyn FileStorage>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) content: Content,
    pub(crate) tree: Tree,
    /// Decided disk operations do not reach the disk any more: the process is as good as dead.
    pub(crate) stalled: Arc<AtomicBool>,
}

pub(crate) fn alice() -> Uid {
    Uid::parse("alice").unwrap()
}

pub(crate) fn actor(quota: Option<u64>) -> Actor {
    Actor { uid: alice(), origin: "dav", request_id: Arc::from("test"), quota }
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        let mut world = Self {
            folder: tempfile::tempdir().unwrap(),
            memory: (backend == Backend::Memory).then(MemoryStorage::new),
            clock: Clock::fixed(1_800_000_000_000),
            live: None,
        };
        world.start().await;
        let live = world.live();
        let staged = live.content.stage_folder().await.unwrap();
        assert!(live.tree.make_home(&alice(), staged).await.unwrap().1);
        live.publisher.settle(true).await;
        world
    }

    pub(crate) fn live(&self) -> &Live {
        self.live.as_ref().unwrap()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn start(&mut self) {
        let options = SqliteOptions { durability: Durability::None };
        let path = self.path().join("moonsail.db");
        let store: Arc<dyn Store> = SqliteStore::open(&path, options, self.clock.clone()).unwrap();
        let storage: Arc<dyn FileStorage> = match &self.memory {
            Some(memory) => Arc::new(memory.clone()),
            None => {
                let config = LocalConfig {
                    files: self.path().join("files"),
                    stage: self.path().join("stage"),
                    kept: self.path().join("kept"),
                };
                Arc::new(LocalStorage::open(config).unwrap())
            }
        };
        let publisher = Publisher::start(Arc::clone(&storage), Arc::clone(&store));
        let stalled = Arc::new(AtomicBool::new(false));
        // Weakly: else the index and its publisher keep each other alive, world after world.
        let (sink, stop) = (Arc::downgrade(&publisher), Arc::clone(&stalled));
        store.set_disk_sink(Box::new(move |ops| {
            if let Some(sink) = sink.upgrade().filter(|_| !stop.load(Ordering::SeqCst)) {
                sink.push(ops);
            }
        }));
        publisher.recover(&store).await.unwrap();
        let content = Content::new(
            Arc::clone(&storage),
            Arc::clone(&store),
            Arc::clone(&publisher),
            storage::Durability::Relaxed,
            self.clock.clone(),
        );
        content.sweep_stage().await.unwrap();
        let tree = Tree::new(Arc::clone(&store), self.clock.clone());
        self.live = Some(Live { store, storage, publisher, content, tree, stalled });
    }

    /// Stops, orderly or by a kill after which nothing more is applied or recorded, and starts.
    pub(crate) async fn restart(&mut self, orderly: bool) {
        let live = self.live.take().unwrap();
        if orderly && !live.stalled.load(Ordering::SeqCst) {
            live.publisher.settle(true).await;
        } else {
            live.stalled.store(true, Ordering::SeqCst);
            // What was handed over is applied, but nothing of it will be recorded.
            live.publisher.settle(false).await;
        }
        let store = Arc::clone(&live.store);
        tokio::task::spawn_blocking(move || store.close()).await.unwrap();
        drop(live);
        self.start().await;
    }

    /// All of the live tree: path to bytes and modification time, `None` for folders.
    pub(crate) async fn disk(&self) -> BTreeMap<String, Option<(Vec<u8>, i64)>> {
        match &self.memory {
            None => plain_files(&self.path().join("files")),
            Some(memory) => through_the_port(memory).await,
        }
    }

    /// Names of what was kept aside. Nobody writes from outside, so there is nothing.
    pub(crate) fn kept(&self) -> Vec<String> {
        match &self.memory {
            Some(memory) => memory.kept().into_iter().map(|(name, _)| name).collect(),
            None => plain_files(&self.path().join("kept")).into_keys().collect(),
        }
    }

    /// Stage keys that belong to no transfer, once all is published.
    pub(crate) async fn strays(&self) -> Vec<String> {
        let live = self.live();
        let used = store::read(&live.store, |tx| tx.upload_stage_keys()).await.unwrap();
        let used: BTreeSet<String> = used.iter().map(|at| at.key().to_owned()).collect();
        // Dropped stage files are deleted in the background.
        for _ in 0..200 {
            if self.keys().await.is_subset(&used) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.keys().await.difference(&used).cloned().collect()
    }

    async fn keys(&self) -> BTreeSet<String> {
        let keys = self.live().storage.list_stage().await.unwrap();
        keys.into_iter().map(|(at, _)| at.0).collect()
    }
}

fn plain_files(root: &Path) -> BTreeMap<String, Option<(Vec<u8>, i64)>> {
    use std::os::unix::fs::MetadataExt;
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(name, None);
                waiting.push(path);
            } else {
                let mtime = std::fs::metadata(&path).unwrap().mtime();
                found.insert(name, Some((std::fs::read(&path).unwrap(), mtime)));
            }
        }
    }
    found
}

async fn through_the_port(storage: &dyn FileStorage) -> BTreeMap<String, Option<(Vec<u8>, i64)>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![String::new()];
    while let Some(folder) = waiting.pop() {
        for (name, entry) in storage.list(&folder).await.unwrap() {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry.kind == Kind::Folder {
                waiting.push(path.clone());
                found.insert(path, None);
            } else {
                let file = storage.open(&path, &entry.tag).await.unwrap();
                let bytes = file.read_at(0, entry.size as usize).await.unwrap();
                found.insert(path, Some((bytes.to_vec(), entry.mtime)));
            }
        }
    }
    found
}
