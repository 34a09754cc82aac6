//! Making a backup while clients write (ADR 6): the passes in which nobody waits.
//!
//! All rows are looked at, page by page, and the bytes that the pool does not have are taken in,
//! under the etag of the row that describes exactly them. What changes meanwhile is for the next
//! pass, until little is left for the last one (`last.rs`).

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::pool::{Intake, sha1};
use super::shelf::Shelf;
use super::walk::{PAGE, homes};
use super::{BackupError, Done, off};
use crate::content::read::{OpenFile, PIECE};
use crate::content::stage::digest;
use crate::content::verify::{Finding, Progress};
use crate::content::{Content, ContentError};
use crate::ids::NodeId;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::store;
use crate::store::nodes::{Located, Node, locate};

/// Passes after which it is time for the last one, whatever is left.
const PASSES: usize = 5;
/// So few files that the last pass can begin.
const FEW: u64 = 64;
/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);

/// What a backup is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The folder of backups.
    pub to: PathBuf,
    /// How many generations to keep; all if `None`.
    pub keep: Option<usize>,
    /// Folders that belong to the server and are no user's files, by name.
    pub extra: Vec<(String, PathBuf)>,
}

/// Why a file could not be taken in.
pub(super) enum Refusal {
    /// The row has moved on: the next pass finds a newer one.
    Moved,
    /// Something is wrong with the file.
    Fault(String),
    /// The backup cannot go on.
    Fatal(BackupError),
}

impl From<BackupError> for Refusal {
    fn from(error: BackupError) -> Self {
        Self::Fatal(error)
    }
}

/// A backup that runs.
pub(super) struct Run {
    pub(super) content: Content,
    pub(super) shelf: Shelf,
    pub(super) findings: mpsc::Sender<Finding>,
    /// Files that had moved on when a snapshot was completed.
    pub(super) moved: HashSet<NodeId>,
    pub(super) progress: Progress,
    pub(super) told: Instant,
    pub(super) done: Done,
}

impl Content {
    /// Makes a backup, and tells how far it is and what could not be backed up; ends early when
    /// nobody listens any more.
    ///
    /// # Errors
    /// [`BackupError`]; there is no new generation then.
    pub async fn back_up(
        &self,
        plan: Plan,
        findings: &mpsc::Sender<Finding>,
    ) -> Result<Done, BackupError> {
        let instance = self.store.installation().instance.0.clone();
        let to = plan.to.clone();
        let shelf = off(move || Shelf::open(&to, &instance)).await?;
        let mut run = Run {
            content: self.clone(),
            shelf,
            findings: findings.clone(),
            moved: HashSet::new(),
            progress: Progress::default(),
            told: Instant::now(),
            done: Done::default(),
        };
        let mut since = 0;
        for pass in 0..PASSES {
            since = run.begin_pass(pass == 0).await?;
            let copied = run.done.copied_files;
            run.pass(pass == 0).await?;
            if run.done.copied_files - copied <= FEW {
                break;
            }
        }
        // The snapshot of the last pass must stay on one thread, which asks this one's runtime for
        // the bytes.
        let runtime = Handle::current();
        off(move || run.finish(&runtime, &plan, since)).await
    }
}

impl Run {
    /// The newest sequence number that all files had at the beginning of a pass.
    pub(super) async fn begin_pass(&mut self, first: bool) -> Result<u64, BackupError> {
        let (seq, bytes) = store::read(&self.content.store, |tx| {
            let (mut seq, mut bytes) = (0, 0);
            for home in homes(tx)? {
                // Whatever changes in a tree raises its root.
                let root = tx.node(home.root)?;
                seq = seq.max(root.as_ref().map_or(0, |root| root.tree.seq()));
                bytes += root.map_or(0, |root| root.size);
            }
            Ok::<_, BackupError>((seq, bytes))
        })
        .await?;
        if first {
            self.progress.bytes_in_all = bytes;
        }
        Ok(seq)
    }

    /// Takes in what the pool does not have, while all goes on.
    pub(super) async fn pass(&mut self, first: bool) -> Result<(), BackupError> {
        let homes = store::read(&self.content.store, |tx| Ok::<_, BackupError>(homes(tx)?)).await?;
        for home in homes {
            let mut folders = vec![(home.root, home.base)];
            while let Some((folder, path)) = folders.pop() {
                let mut after: Option<String> = None;
                loop {
                    let from = after.take();
                    let page = store::read(&self.content.store, move |tx| {
                        Ok::<_, BackupError>(tx.children(folder, from.as_deref(), PAGE)?)
                    })
                    .await?;
                    after = page.last().filter(|_| page.len() == PAGE).map(|it| it.name.clone());
                    self.page(page, &path, &mut folders, first).await?;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn page(
        &mut self,
        page: Vec<Node>,
        folder: &str,
        folders: &mut Vec<(NodeId, String)>,
        first: bool,
    ) -> Result<(), BackupError> {
        let pool = Arc::clone(&self.shelf.pool);
        let page = off(move || {
            let has = |node: Node| {
                let has = node.is_folder() || pool.has(&node)?;
                Ok::<_, BackupError>((node, has))
            };
            page.into_iter().map(has).collect::<Result<Vec<_>, _>>()
        })
        .await?;
        for (node, has) in page {
            let path = format!("{folder}/{}", node.name);
            if node.is_folder() {
                self.progress.folders += u64::from(first);
                folders.push((node.id, path));
                continue;
            }
            let size = node.size;
            if !has {
                let opened = self.content.open(node, path).await;
                match opened.map_err(refusal) {
                    Ok(opened) => self.try_to_take_in(opened).await?,
                    Err(Refusal::Fatal(error)) => return Err(error),
                    Err(_) => {}
                }
            }
            if first {
                self.progress.files += 1;
                self.progress.bytes += size;
            }
            self.tell().await?;
        }
        Ok(())
    }

    /// Copies an open file into the pool, if its bytes are those of its row. Where the index has no
    /// checksum, since a file came on the disk and was not read yet, its size and tag must do.
    pub(super) async fn take_in(&mut self, opened: OpenFile) -> Result<(), Refusal> {
        let OpenFile { node, file } = opened;
        let pool = Arc::clone(&self.shelf.pool);
        let mut digester = Digester::new(&[ChecksumKind::Sha1]);
        let mut intake: Option<Intake> = None;
        let mut at = 0;
        while at < node.size {
            let piece = file.read_at(at, PIECE).await;
            let piece = piece.map_err(|error| refusal(error.into()))?;
            if piece.is_empty() {
                break;
            }
            at += piece.len() as u64;
            let (pool, row) = (Arc::clone(&pool), node.clone());
            let written = async {
                let bytes = piece.clone();
                off(move || {
                    let mut into = match intake {
                        Some(into) => into,
                        None => pool.begin(&row)?,
                    };
                    into.write(&bytes)?;
                    Ok(into)
                })
                .await
            };
            let (written, hashed) = tokio::join!(written, digest(digester, piece.clone()));
            intake = Some(written?);
            digester = hashed.map_err(BackupError::from)?;
            self.tell().await?;
        }
        let hash = digester.finish().pop().map(|sum| sum.hex).unwrap_or_default();
        if at != node.size || file.size() != node.size {
            let sizes = format!("{} bytes on the disk and {} in the index", file.size(), node.size);
            return Err(Refusal::Fault(format!("has {sizes}")));
        }
        if let Some(expected) = sha1(&node).filter(|expected| *expected != hash) {
            return Err(Refusal::Fault(format!(
                "has other bytes than were stored: SHA1 {hash}, not {expected}"
            )));
        }
        if sha1(&node).is_none() && !self.is_untouched(&node).await? {
            return Err(Refusal::Fault("is being written to on the disk".to_owned()));
        }
        let row = node.clone();
        off(move || match intake {
            Some(intake) => intake.keep(),
            None => pool.begin(&row)?.keep(),
        })
        .await?;
        self.done.copied_files += 1;
        self.done.copied_bytes += node.size;
        Ok(())
    }

    /// Whether a file that came from outside still is what it was before its bytes were copied: who
    /// put it there may write into it.
    async fn is_untouched(&self, node: &Node) -> Result<bool, BackupError> {
        let id = node.id;
        let found =
            store::read(&self.content.store, move |tx| Ok::<_, BackupError>(locate(tx, id)?));
        let Some(Located { home, path, .. }) = found.await? else { return Ok(false) };
        let entry = self.content.storage.stat(&home.disk_path(&path)).await;
        Ok(entry.is_ok_and(|entry| entry.is_some_and(|entry| entry.tag == node.tag)))
    }

    /// [`Run::take_in`] for one after whom somebody looks again, and tells.
    pub(super) async fn try_to_take_in(&mut self, opened: OpenFile) -> Result<(), BackupError> {
        match self.take_in(opened).await {
            Err(Refusal::Fatal(error)) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn tell(&mut self) -> Result<(), BackupError> {
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            // Who is slow to read is told less: writes may be waiting.
            let _full = self.findings.try_send(Finding::Progress(self.progress));
        }
        match self.findings.is_closed() {
            true => Err(BackupError::Stopped),
            false => Ok(()),
        }
    }
}

pub(super) fn refusal(error: ContentError) -> Refusal {
    match error {
        ContentError::Gone => Refusal::Moved,
        ContentError::Changed => {
            Refusal::Fault("was changed on the disk by something else than the server".to_owned())
        }
        ContentError::Storage(error) => Refusal::Fault(format!("cannot be read: {error}")),
        error => Refusal::Fatal(error.into()),
    }
}
