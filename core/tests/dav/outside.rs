//! What others change on the disk, as the apps see it.

#[path = "outside/changes.rs"]
mod changes;
#[path = "outside/histories.rs"]
mod histories;
#[path = "outside/homes.rs"]
mod homes;
#[path = "outside/names.rs"]
mod names;
#[path = "outside/unreadable.rs"]
mod unreadable;
#[path = "outside/watched.rs"]
mod watched;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use moonsail::content::{Finding, Problem};
use moonsail::ids::Uid;
use moonsail::outside::{Counts, Scan, ScanNote};
use moonsail::store;
use moonsail::store::nodes::{Change, Node};

use crate::house::House;

impl House {
    /// A house that looks at its disk when a request needs it.
    async fn seeing() -> Self {
        let house = Self::new().await;
        house.content.set_freshness(Arc::new(house.keeper.clone()));
        house
    }

    /// Where alice's file lies on the disk.
    fn on_disk(&self, path: &str) -> PathBuf {
        self.folder.path().join("files/alice").join(path)
    }

    /// Writes a file as somebody else would.
    fn write_outside(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let at = self.on_disk(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, bytes).unwrap();
    }

    /// Looks at everything; gives what the index took over and what cannot be served.
    async fn scan(&self) -> (Counts, Vec<(String, &'static str)>) {
        let (content, tree) = (self.content.apart(), self.tree.clone());
        let mut scan = Scan::begin(content, tree, None).await.unwrap();
        let mut unserved = Vec::new();
        while let Some(notes) = scan.step().await.unwrap() {
            for note in notes {
                if let ScanNote::Unserved { path, why, .. } = note {
                    unserved.push((path, why));
                }
            }
        }
        unserved.sort();
        (scan.counts, unserved)
    }

    /// What `fsck` complains of.
    async fn problems(&self) -> Vec<Problem> {
        self.publisher.settle(true).await;
        let (findings, mut found) = tokio::sync::mpsc::channel(10_000);
        self.content.verify(&findings).await.unwrap();
        drop(findings);
        let mut problems = Vec::new();
        while let Some(finding) = found.recv().await {
            if let Finding::Problem(problem) = finding {
                problems.push(problem);
            }
        }
        problems
    }

    /// alice's rows by path; the root is the empty path.
    async fn rows(&self) -> BTreeMap<String, Node> {
        let rows = store::read(&self.store, |tx| {
            let home = tx.home(&Uid::parse("alice").unwrap())?.unwrap();
            let mut waiting = vec![(String::new(), tx.node(home.root)?.unwrap())];
            let mut rows = BTreeMap::new();
            while let Some((path, node)) = waiting.pop() {
                for child in tx.children(node.id, None, 100_000)? {
                    waiting.push((format!("{path}/{}", child.name), child));
                }
                rows.insert(path, node);
            }
            Ok::<_, moonsail::store::StoreError>(rows)
        });
        rows.await.unwrap()
    }

    /// The feed since it had `skip` rows.
    async fn feed(&self, skip: usize) -> Vec<Change> {
        let feed = store::read(&self.store, |tx| tx.changes(moonsail::etag::Stamp(0), 1_000_000));
        feed.await.unwrap().split_off(skip)
    }
}
