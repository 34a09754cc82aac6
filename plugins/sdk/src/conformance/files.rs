//! What every [`FileStorage`] must do.
//!
//! | file         | cases about                                       |
//! |--------------|---------------------------------------------------|
//! | `stage.rs`   | writing to the stage                              |
//! | `copies.rs`  | copying into it, folders in it                    |
//! | `live.rs`    | reading the live tree, names                      |
//! | `looks.rs`   | comparing it with what is known                   |
//! | `publish.rs` | [`DiskOp::Publish`] and [`DiskOp::Touch`]         |
//! | `moves.rs`   | [`DiskOp::Move`] and [`DiskOp::Remove`]           |
//! | `replay.rs`  | what is applied again after a crash               |
//! | `objects.rs` | storages of objects, where the index has the names |
//!
//! A storage of objects ([`FileStorage::objects`]) has no live tree that could be looked at or edited
//! from outside, and lists in its stage only what is unfinished. [`objects_suite`] runs what does not
//! presuppose these.

mod copies;
mod live;
mod looks;
mod moves;
mod objects;
mod publish;
mod replay;
mod stage;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{passes, report};
use crate::BoxFuture;
use crate::storage::{
    Applied, DiskOp, Durability, FileStorage, Kind, ReadFile, StagePath, Staged, StorageError, Tag,
};

/// A case and its name.
type Case = (&'static str, for<'a> fn(Rig<'a>) -> BoxFuture<'a, ()>);

/// Lists functions as cases under their own names.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] =
            &[$((stringify!($case), |rig| Box::pin($case(rig)))),*];
    };
}
use cases;

/// Lists those of a file's cases that hold for storages of objects as well.
macro_rules! object_cases {
    ($($case:ident),* $(,)?) => {
        pub(super) const OBJECT_CASES: &[super::Case] =
            &[$((stringify!($case), |rig| Box::pin($case(rig)))),*];
    };
}
use object_cases;

/// Runs all cases, each on a new, empty storage. What `make` gives beside the storage lives as long
/// as its case: the folder that it lies in, or `()`. Needs a tokio runtime.
///
/// # Panics
/// If a case fails.
pub async fn files_suite<S: FileStorage, G>(make: impl Fn() -> (S, G)) {
    let groups = [
        stage::CASES,
        copies::CASES,
        live::CASES,
        looks::CASES,
        publish::CASES,
        moves::CASES,
        replay::CASES,
    ];
    run("files", groups.into_iter().flatten(), make).await;
}

/// The same for a storage of objects.
///
/// # Panics
/// If a case fails.
pub async fn objects_suite<S: FileStorage, G>(make: impl Fn() -> (S, G)) {
    let groups =
        [stage::OBJECT_CASES, copies::OBJECT_CASES, live::OBJECT_CASES, objects::OBJECT_CASES];
    run("objects", groups.into_iter().flatten(), make).await;
}

async fn run<S: FileStorage, G>(
    suite: &str,
    cases: impl Iterator<Item = &Case>,
    make: impl Fn() -> (S, G),
) {
    let mut failed = Vec::new();
    let mut count = 0;
    for (name, case) in cases {
        let (storage, guard) = make();
        count += 1;
        if !passes(case(Rig { storage: &storage })).await {
            failed.push(*name);
        }
        drop((storage, guard));
    }
    report(suite, count, &failed);
}

/// The storage under test, with the sentences that cases are made of.
#[derive(Clone, Copy)]
struct Rig<'a> {
    storage: &'a dyn FileStorage,
}

/// Paths of a tree with the content of files; `None` is a folder.
type Tree = BTreeMap<String, Option<String>>;

fn bytes(content: &str) -> Bytes {
    Bytes::copy_from_slice(content.as_bytes())
}

impl Rig<'_> {
    async fn put(&self, content: &str) -> Staged {
        let put = self.storage.put_small(bytes(content), None, Durability::Relaxed).await;
        put.expect("put_small")
    }

    async fn folder(&self) -> Staged {
        self.storage.stage_folder(None).await.expect("stage_folder")
    }

    /// Applies one operation, which must succeed.
    async fn apply(&self, op: DiskOp) -> Applied {
        let mut results = self.storage.apply(vec![op.clone()]).await;
        assert_eq!(results.len(), 1, "one result for one operation");
        match results.remove(0) {
            Ok(applied) => applied,
            Err(error) => panic!("{op:?}: {error}"),
        }
    }

    /// Applies operations in one call, all of which must succeed.
    async fn apply_all(&self, ops: &[DiskOp]) {
        let results = self.storage.apply(ops.to_vec()).await;
        assert_eq!(results.len(), ops.len(), "one result for each: {results:?}");
        for (op, result) in ops.iter().zip(results) {
            assert!(result.is_ok(), "{op:?}: {result:?}");
        }
    }

    /// Publishes a new file where nothing is.
    async fn file(&self, path: &str, content: &str) -> Tag {
        let staged = self.put(content).await;
        let applied = self.apply(publish(&staged, path, None)).await;
        assert_eq!(applied, Applied::default(), "nothing was there");
        staged.tag
    }

    /// Publishes a new folder where nothing is.
    async fn dir(&self, path: &str) -> Tag {
        let staged = self.folder().await;
        let applied = self.apply(publish(&staged, path, None)).await;
        assert_eq!(applied, Applied::default(), "nothing was there");
        staged.tag
    }

    async fn tag(&self, path: &str) -> Option<Tag> {
        self.storage.stat(path).await.expect("stat").map(|entry| entry.tag)
    }

    async fn content(&self, file: Result<Box<dyn ReadFile>, StorageError>) -> String {
        let file = file.expect("opens");
        let len = usize::try_from(file.size()).expect("fits");
        let read = file.read_at(0, len + 1).await.expect("reads");
        assert_eq!(read.len(), len, "all of it");
        String::from_utf8_lossy(&read).into_owned()
    }

    async fn staged_content(&self, at: &StagePath) -> String {
        self.content(self.storage.open_staged(at).await).await
    }

    /// The whole live tree.
    async fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut waiting = vec![String::new()];
        while let Some(folder) = waiting.pop() {
            for (name, entry) in self.storage.list(&folder).await.expect("list") {
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let content = match entry.kind {
                    Kind::File => {
                        let open = self.storage.open(&path, &entry.tag).await;
                        Some(self.content(open).await)
                    }
                    Kind::Folder => {
                        waiting.push(path.clone());
                        None
                    }
                };
                assert!(tree.insert(path, content).is_none(), "listed once");
            }
        }
        tree
    }

    /// Checks the whole live tree; folders are written `("a", "/")`.
    #[track_caller]
    fn check<'a>(&'a self, expected: &'a [(&'a str, &'a str)]) -> BoxFuture<'a, ()> {
        let caller = std::panic::Location::caller();
        Box::pin(async move {
            let content = |content: &str| (content != "/").then(|| content.to_owned());
            let expected =
                expected.iter().map(|(path, wanted)| ((*path).to_owned(), content(wanted)));
            assert_eq!(self.tree().await, expected.collect::<Tree>(), "at {caller}");
        })
    }

    /// Waits until the stage holds only these keys: clean-up may happen a moment later.
    async fn stage_becomes(&self, expected: &[&StagePath]) {
        let mut keys = Vec::new();
        for _ in 0..500 {
            keys = self.storage.list_stage().await.expect("list_stage");
            let is_expected = |at: &StagePath| expected.iter().any(|it| it.key() == at.key());
            if keys.len() == expected.len() && keys.iter().all(|(key, _)| is_expected(key)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the stage holds {keys:?}, and not {expected:?}");
    }
}

fn publish(staged: &Staged, path: &str, replaces: Option<&Tag>) -> DiskOp {
    DiskOp::Publish { stage: staged.at.clone(), path: path.into(), replaces: replaces.cloned() }
}

fn rename(from: &str, to: &str, tag: &Tag) -> DiskOp {
    DiskOp::Move { from: from.into(), to: to.into(), tag: tag.clone() }
}

fn remove(path: &str, tag: &Tag) -> DiskOp {
    DiskOp::Remove { path: path.into(), tag: tag.clone() }
}

fn touch(path: &str, tag: &Tag, mtime: i64) -> DiskOp {
    DiskOp::Touch { path: path.into(), tag: tag.clone(), mtime }
}
