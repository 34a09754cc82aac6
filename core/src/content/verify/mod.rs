//! Comparing the index with the files, for `fsck`.
//!
//! | Compared | Where |
//! |---|---|
//! | each file: is there, kind, size, tag, SHA-1 of its bytes | `entry.rs` |
//! | each folder: is there, size is the sum of its members, names; nothing in it that the index does not know | `folder.rs` |
//! | on a storage of objects: each row's object, and objects without a row | `objects.rs` |
//! | rows that hang in no tree, decided changes that stay undone, the stage | `remains.rs` |
//!
//! It may run beside requests: what looks wrong is looked at again after all that was decided has
//! been published, and reported only if its row did not move meanwhile. Memory is that of the names
//! in one folder.

mod entry;
mod folder;
mod objects;
mod remains;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Content, ContentError};
use crate::storage::{StorageNo, Tag};
use crate::store::nodes::Home;
use crate::store::{self, StoreError};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);
/// How long decided changes may take to be published before they count as stuck.
const SETTLE: Duration = Duration::from_secs(10);

/// What a verification tells on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// How far it is.
    Progress(Progress),
    /// Something is wrong.
    Problem(Problem),
}

/// How far a verification is; at its end, what was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Files compared.
    pub files: u64,
    /// Folders compared.
    pub folders: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes to be read in all, as the index has it.
    pub bytes_in_all: u64,
    /// Problems found.
    pub problems: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where, below the folder of all files (`alice/Photos/a.jpg`), or what.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What can be done about it.
    pub remedy: String,
}

/// A problem of a known place.
struct Fault {
    what: String,
    remedy: &'static str,
}

impl Fault {
    fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { what: what.into(), remedy }
    }
}

/// A verification that runs.
struct Run<'a> {
    content: &'a Content,
    findings: &'a mpsc::Sender<Finding>,
    progress: Progress,
    told: Instant,
    /// Whether decided changes do not get published; waiting for them is pointless then.
    stuck: bool,
    /// Whether the home that is verified is on a storage of objects: the index alone has the names.
    has_objects: bool,
}

impl Content {
    /// Compares everything, and tells what it finds; ends early when nobody listens any more.
    ///
    /// # Errors
    /// [`ContentError`] if the index or the whole storage cannot be read. What is wrong with single
    /// files is told.
    pub async fn verify(&self, findings: &mpsc::Sender<Finding>) -> Result<Progress, ContentError> {
        let progress = Progress::default();
        let told = Instant::now();
        let mut run =
            Run { content: self, findings, progress, told, stuck: false, has_objects: false };
        run.all().await?;
        Ok(run.progress)
    }
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), ContentError> {
        self.pending().await?;
        let (homes, bytes) = store::read(&self.content.store, |tx| {
            let (mut homes, mut bytes) = (Vec::new(), 0);
            for home in tx.homes()? {
                let root = tx.node(home.root)?;
                bytes += root.as_ref().map_or(0, |root| root.size);
                // What is in a mount is not known before somebody looked into it.
                let known = root.is_none_or(|root| root.tag != Tag::default());
                if known || home.owner.is_person() {
                    homes.push(home);
                }
            }
            Ok::<_, ContentError>((homes, bytes))
        })
        .await?;
        self.progress.bytes_in_all = bytes;
        for home in &homes {
            if self.is_there(home).await {
                self.has_objects = self.content.storages().has_objects(home.storage()).await;
                self.home(home).await?;
            }
        }
        self.orphans().await?;
        if !self.content.storages().has_objects(StorageNo::DATA).await {
            self.strangers_among_homes().await?;
        }
        self.unreachable_rows().await?;
        self.stage().await
    }

    /// Whether the storage of a tree can be looked at. One that is not in the configuration any more is
    /// nobody's concern.
    async fn is_there(&mut self, home: &Home) -> bool {
        let (no, storages) = (home.storage(), self.content.storages().clone());
        if !storages.has(no) {
            return false;
        }
        match storages.require(no).await {
            Ok(()) => true,
            Err(error) => {
                let remedy = "mount its disk, or mend what it is on; nothing of it was looked at";
                let fault = Fault::new(format!("cannot be used: {error}"), remedy);
                self.report(storages.name(no).to_owned(), fault).await;
                false
            }
        }
    }

    /// Whether nobody listens any more.
    fn is_over(&self) -> bool {
        self.findings.is_closed()
    }

    async fn report(&mut self, path: impl Into<String>, fault: Fault) {
        self.progress.problems += 1;
        let problem =
            Problem { path: path.into(), what: fault.what, remedy: fault.remedy.to_owned() };
        // Who has gone is seen by `is_over`.
        let _gone = self.findings.send(Finding::Problem(problem)).await;
    }

    async fn tell_progress(&mut self) {
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            let _gone = self.findings.send(Finding::Progress(self.progress)).await;
        }
    }

    /// Waits until all that can be read in the index so far is published and recorded.
    async fn settle(&mut self) {
        if self.stuck {
            return;
        }
        let settled = timeout(SETTLE, async {
            // A commit can be read a moment before its disk operations are handed over. The index
            // takes this write after that.
            let passed = store::write(&self.content.store, |_| Ok::<_, StoreError>(())).await;
            if let Err(error) = passed {
                tracing::warn!(%error, "the index takes no writes while it is verified");
            }
            self.content.publisher.settle(true).await;
        });
        self.stuck = settled.await.is_err();
    }
}
