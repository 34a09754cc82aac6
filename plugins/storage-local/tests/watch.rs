//! A watch with its thread, on a real folder.
#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moonsail_sdk::storage::{Entry, FileStorage, Kind, Seen, Tag, Watch};
use moonsail_storage_local::{LocalConfig, LocalStorage};

/// Nothing takes that long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Tree {
    root: tempfile::TempDir,
    storage: LocalStorage,
}

impl Tree {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let area = |name| root.path().join(name);
        let config = LocalConfig { files: area("files"), stage: area("stage"), kept: area("kept") };
        Self { storage: LocalStorage::open(config).unwrap(), root }
    }

    fn live(&self) -> PathBuf {
        self.root.path().join("files")
    }

    async fn watch(&self) -> Box<dyn Watch> {
        self.storage.watch().await.unwrap().unwrap()
    }
}

async fn next(watch: &mut Box<dyn Watch>) -> Vec<Seen> {
    let seen = tokio::time::timeout(PATIENCE, watch.next()).await.expect("something is seen");
    let seen = seen.expect("the watch goes on");
    assert!(!seen.is_empty(), "something or nothing yet");
    seen
}

/// Listens until all of `expected` were told.
async fn hear(watch: &mut Box<dyn Watch>, mut expected: Vec<Seen>) {
    while !expected.is_empty() {
        let seen = next(watch).await;
        expected.retain(|wanted| !seen.contains(wanted));
    }
}

fn member(folder: &str, name: &str) -> Seen {
    Seen::Member { folder: folder.into(), name: name.into() }
}

fn folder(path: &str) -> Seen {
    Seen::Folder { path: path.into(), watched: true }
}

#[tokio::test]
async fn changes_are_told_to_who_waits_for_them() {
    let tree = Tree::new();
    fs::create_dir(tree.live().join("d")).unwrap();
    let mut watch = tree.watch().await;
    hear(&mut watch, vec![folder(""), folder("d")]).await;
    assert_eq!((watch.counts(), watch.lost()), ((2, 0), 0));
    let path = tree.live().join("d/f");
    let writer = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(50));
        fs::write(path, "x").unwrap();
    });
    hear(&mut watch, vec![member("d", "f")]).await;
    writer.await.unwrap();
}

#[tokio::test]
async fn a_dropped_future_loses_nothing() {
    let tree = Tree::new();
    let mut watch = tree.watch().await;
    hear(&mut watch, vec![folder("")]).await;
    let mut expected = Vec::new();
    for number in 0..200 {
        let name = number.to_string();
        fs::write(tree.live().join(&name), "x").unwrap();
        expected.push(member("", &name));
        // Polled once and dropped.
        let seen = tokio::time::timeout(Duration::ZERO, watch.next()).await;
        let seen = seen.ok().flatten().unwrap_or_default();
        expected.retain(|wanted| !seen.contains(wanted));
        tokio::time::sleep(Duration::from_millis(number % 3)).await;
    }
    hear(&mut watch, expected).await;
}

#[tokio::test]
async fn a_thousand_folders_reach_a_slow_listener() {
    let tree = Tree::new();
    let mut expected = vec![folder("")];
    for number in 0..1000 {
        let path = format!("{}/{number}", number % 10);
        fs::create_dir_all(tree.live().join(&path)).unwrap();
        expected.push(folder(&path));
    }
    let mut watch = tree.watch().await;
    fs::write(tree.live().join("5/995/f"), "x").unwrap();
    while !expected.is_empty() {
        let seen = next(&mut watch).await;
        expected.retain(|wanted| !seen.contains(wanted));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(watch.counts(), (1011, 0));
}

/// What a listener knows: the members of each folder, by the folder's tag, which a rename keeps.
#[derive(Default)]
struct Mirror {
    folders: HashMap<Tag, BTreeMap<String, Entry>>,
}

impl Mirror {
    async fn learn(&mut self, storage: &LocalStorage, seen: Seen) {
        let path = match &seen {
            Seen::Folder { path, .. } => path,
            Seen::Member { folder, .. } => folder,
        };
        let Some(before) = storage.stat(path).await.unwrap() else { return };
        let change = match &seen {
            Seen::Folder { path, .. } => {
                let Ok(survey) = storage.survey(path).await else { return };
                Err(survey.members.into_iter().collect())
            }
            Seen::Member { folder, name } => {
                let found = storage.stat_members(folder, vec![name.clone()]).await.unwrap();
                Ok((name.clone(), found.into_iter().next().flatten()))
            }
        };
        // Another folder by now: its rename is told, and then this again.
        if storage.stat(path).await.unwrap().map(|entry| entry.tag) != Some(before.tag.clone()) {
            return;
        }
        let members = self.folders.entry(before.tag).or_default();
        match change {
            Err(all) => *members = all,
            Ok((name, Some(entry))) => drop(members.insert(name, entry)),
            Ok((name, None)) => drop(members.remove(&name)),
        }
    }

    fn tree(&self, root: &Tag) -> BTreeMap<String, Entry> {
        let mut all = BTreeMap::new();
        let mut waiting = vec![(String::new(), root.clone())];
        while let Some((path, tag)) = waiting.pop() {
            for (name, entry) in self.folders.get(&tag).into_iter().flatten() {
                let path = format!("{path}/{name}");
                if entry.kind == Kind::Folder {
                    waiting.push((path.clone(), entry.tag.clone()));
                }
                all.insert(path, comparable(entry));
            }
        }
        all
    }
}

/// Without the times of folders, which nobody is told of.
fn comparable(entry: &Entry) -> Entry {
    let mtime = if entry.kind == Kind::Folder { 0 } else { entry.mtime };
    Entry { mtime, ..entry.clone() }
}

async fn tree(storage: &LocalStorage) -> BTreeMap<String, Entry> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![String::new()];
    while let Some(path) = waiting.pop() {
        for (name, entry) in storage.list(path.trim_start_matches('/')).await.unwrap() {
            let path = format!("{path}/{name}");
            if entry.kind == Kind::Folder {
                waiting.push(path.clone());
            }
            all.insert(path, comparable(&entry));
        }
    }
    all
}

/// Does all kinds of things to a tree of few names, so that they meet. Errors are part of it.
fn stir(live: &Path, outside: &Path, mut seed: u64, steps: u32) {
    let mut below = move |bound: u64| {
        // xorshift64*
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        (seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    };
    for step in 0..steps {
        let mut path = |root: &Path| {
            let mut path = root.to_owned();
            for _ in 0..=below(4) {
                path.push(["a", "b", "c", "d"][usize::try_from(below(4)).unwrap()]);
            }
            path
        };
        let (one, other, out) = (path(live), path(live), path(outside));
        let _ = match below(12) {
            0..=2 => fs::create_dir_all(&one),
            3..=4 => fs::write(one.join(format!("f{}", below(3))), format!("{step}")),
            5 => fs::remove_file(one.join(format!("f{}", below(3)))),
            6 => fs::rename(one.join(format!("f{}", below(3))), other.join("f0")),
            7..=8 => fs::rename(&one, &other),
            9 => fs::remove_dir_all(&one),
            10 => fs::create_dir_all(out.parent().unwrap()).and_then(|()| fs::rename(&one, &out)),
            _ => fs::rename(&out, &one),
        };
        if below(50) == 0 {
            std::thread::sleep(Duration::from_millis(below(30)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_knows_the_tree_whatever_happens_to_it() {
    let tree_under_test = Tree::new();
    let storage = tree_under_test.storage.clone();
    let (live, outside) = (tree_under_test.live(), tree_under_test.root.path().join("outside"));
    stir(&live, &outside, 7, 2000);
    let mut watch = tree_under_test.watch().await;
    let mut mirror = Mirror::default();
    for round in 1..=3 {
        let writers: Vec<_> = (1..=3)
            .map(|writer| {
                let (live, outside) = (live.clone(), outside.clone());
                std::thread::spawn(move || stir(&live, &outside, round * 10 + writer, 2000))
            })
            .collect();
        let mut quiet = 0;
        let start = std::time::Instant::now();
        loop {
            match tokio::time::timeout(Duration::from_millis(100), watch.next()).await {
                Ok(seen) => {
                    quiet = 0;
                    for seen in seen.unwrap() {
                        mirror.learn(&storage, seen).await;
                    }
                    continue;
                }
                Err(_) if writers.iter().all(|writer| writer.is_finished()) => quiet += 1,
                Err(_) => {}
            }
            // A folder that went away is given up after a second, and is not told by then.
            if quiet < 15 {
                continue;
            }
            let root = storage.stat("").await.unwrap().unwrap().tag;
            let (known, found) = (mirror.tree(&root), tree(&storage).await);
            let folders = found.values().filter(|entry| entry.kind == Kind::Folder).count() as u64;
            if known == found && watch.counts() == (folders + 1, 0) {
                break;
            }
            let missed: Vec<_> = found.iter().filter(|(p, e)| known.get(*p) != Some(e)).collect();
            let gone: Vec<_> = known.keys().filter(|path| !found.contains_key(*path)).collect();
            assert!(
                start.elapsed() < PATIENCE,
                "round {round}: {missed:?}, gone: {gone:?}, {:?} watched of {}",
                watch.counts(),
                folders + 1
            );
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    }
}
