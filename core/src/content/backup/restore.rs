//! A generation back into an empty storage, under the index that came out of it.
//!
//! Everything goes through the storage's port, stage and publication, as an upload does; so each
//! row gets the tag that its file has here. Stamps stay: to apps, what did not change since the
//! backup did not change.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::fd::{AsFd, OwnedFd};
use serde::Serialize;
use tokio::sync::mpsc;

use super::pool::{open_below, sha1};
use super::walk::{PAGE, homes};
use super::{BackupError, Generation, off};
use crate::clock::Clock;
use crate::content::ContentError;
use crate::content::verify::{Finding, Problem, Progress};
use crate::ids::NodeId;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::storage::{
    DiskOp, Durability, FileStorage, StageFile, Staged, StorageError, StorageNo, Tag,
};
use crate::store::nodes::{Change, ChangeKind, Node, locate};
use crate::store::{self, Store, WriteTx};

/// Bytes handed to the storage at once, and the size up to which that is done in one step.
const PIECE: usize = 512 << 10;
/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);

/// What a restore came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files that the index had and the backup has not, or not whole. Each was told; to users they
    /// are deleted.
    pub missing: u64,
}

/// Restores all files of `from` into `storage`, and writes their tags into `store`. With `hashed`
/// the bytes of each file are compared with the index's checksum on the way; sizes always are.
///
/// Nothing is durable when it returns; sync the file system before the index is used.
///
/// # Errors
/// [`BackupError`]. What is wrong with single files is told.
pub async fn restore(
    from: &Generation,
    store: &Arc<dyn Store>,
    storage: &Arc<dyn FileStorage>,
    clock: &Clock,
    hashed: bool,
    findings: &mpsc::Sender<Finding>,
) -> Result<Restored, BackupError> {
    let files = from.path.join("files");
    let files = Arc::new(OwnedFd::from(File::open(&files).map_err(BackupError::io(&files))?));
    let mut run = Run {
        store,
        storage,
        clock,
        files,
        hashed,
        findings,
        told: Instant::now(),
        bytes_in_all: 0,
        done: Restored::default(),
        missing: Vec::new(),
    };
    run.all().await?;
    Ok(run.done)
}

struct Run<'a> {
    store: &'a Arc<dyn Store>,
    storage: &'a Arc<dyn FileStorage>,
    clock: &'a Clock,
    /// The folder of all files in the backup.
    files: Arc<OwnedFd>,
    hashed: bool,
    findings: &'a mpsc::Sender<Finding>,
    told: Instant,
    bytes_in_all: u64,
    done: Restored,
    missing: Vec<NodeId>,
}

/// What is staged and where it goes.
struct Placed {
    node: Node,
    staged: Staged,
    path: String,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<(), BackupError> {
        let roots = store::read(self.store, |tx| {
            let mut roots = Vec::new();
            for home in homes(tx)? {
                let Some(root) = tx.node(home.root)? else { continue };
                if home.storage() != StorageNo::DATA {
                    let text = "homes that are not in the data folder cannot be restored: their \
                                storage has them, and its own copies";
                    let error = StorageError::Unavailable(text.to_owned());
                    return Err(ContentError::from(error).into());
                }
                roots.push((home.base, root));
            }
            Ok::<_, BackupError>(roots)
        })
        .await?;
        self.bytes_in_all = roots.iter().map(|(_, root)| root.size).sum();
        for (base, root) in roots {
            let mut folders = vec![(root.id, base.clone())];
            let root = self.folder(root, base).await?;
            self.place(vec![root]).await?;
            while let Some((folder, path)) = folders.pop() {
                self.members(folder, &path, &mut folders).await?;
            }
        }
        let missing = std::mem::take(&mut self.missing);
        self.done.missing = missing.len() as u64;
        let now = self.clock.millis();
        for some in missing.chunks(PAGE) {
            let some = some.to_vec();
            store::write(self.store, move |tx| some.iter().try_for_each(|id| forget(tx, *id, now)))
                .await?;
        }
        Ok(())
    }

    async fn members(
        &mut self,
        folder: NodeId,
        path: &str,
        folders: &mut Vec<(NodeId, String)>,
    ) -> Result<(), BackupError> {
        let mut after: Option<String> = None;
        loop {
            let from = after.take();
            let page = store::read(self.store, move |tx| {
                Ok::<_, BackupError>(tx.children(folder, from.as_deref(), PAGE)?)
            })
            .await?;
            after = page.last().filter(|_| page.len() == PAGE).map(|it| it.name.clone());
            let mut placed = Vec::with_capacity(page.len());
            for node in page {
                let path = format!("{path}/{}", node.name);
                if node.is_folder() {
                    folders.push((node.id, path.clone()));
                    placed.push(self.folder(node, path).await?);
                } else if let Some(file) = self.file(node, path).await? {
                    placed.push(file);
                }
                self.tell().await?;
            }
            self.place(placed).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn folder(&mut self, node: Node, path: String) -> Result<Placed, BackupError> {
        let staged = self.storage.stage_folder(None).await.map_err(ContentError::from)?;
        self.done.folders += 1;
        Ok(Placed { node, staged, path })
    }

    /// Stages a file; `None` if the backup does not have it as the index describes it, which is told.
    async fn file(&mut self, node: Node, path: String) -> Result<Option<Placed>, BackupError> {
        let (files, below, expected) = (Arc::clone(&self.files), path.clone(), node.size);
        let opened = tokio::task::spawn_blocking(move || {
            let file = open_below(files.as_fd(), &below)?;
            let meta = file.metadata()?;
            Ok::<_, std::io::Error>((file, meta.is_file(), meta.len()))
        });
        let opened = opened.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let what = match opened {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "is not in the backup".to_owned()
            }
            Err(error) => format!("cannot be read in the backup: {error}"),
            Ok((_, false, _)) => "is no file in the backup".to_owned(),
            Ok((_, true, size)) if size != expected => {
                format!("has {size} bytes in the backup and {expected} in the index")
            }
            Ok((file, true, _)) => match self.stage(file, &node).await? {
                Ok(staged) => {
                    self.done.files += 1;
                    self.done.bytes += node.size;
                    return Ok(Some(Placed { node, staged, path }));
                }
                Err(what) => what,
            },
        };
        let remedy = "look for it in another generation; to users it is deleted".to_owned();
        let _gone = self.findings.send(Finding::Problem(Problem { path, what, remedy })).await;
        self.missing.push(node.id);
        Ok(None)
    }

    /// Copies an open file of the backup into the stage; the inner error says what is wrong with it.
    async fn stage(
        &mut self,
        mut file: File,
        node: &Node,
    ) -> Result<Result<Staged, String>, BackupError> {
        let mut digester = Digester::new(if self.hashed { &[ChecksumKind::Sha1] } else { &[] });
        let mut stage: Option<Box<dyn StageFile>> = None;
        let (mut at, mut small) = (0, Bytes::new());
        loop {
            let (back, digest, piece) = off(move || {
                let mut piece = Vec::new();
                let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece);
                digester.update(&piece);
                Ok((file, digester, read.map(|_| Bytes::from(piece))))
            })
            .await?;
            (file, digester) = (back, digest);
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(Err(format!("cannot be read in the backup: {error}"))),
            };
            if piece.is_empty() {
                break;
            }
            let offset = at;
            at += piece.len() as u64;
            if at == node.size && offset == 0 {
                small = piece;
                break;
            }
            let into = match &mut stage {
                Some(into) => into,
                None => {
                    let begun = self.storage.begin_stage(Some(node.size)).await;
                    stage.insert(begun.map_err(ContentError::from)?)
                }
            };
            into.write_at(offset, piece).await.map_err(ContentError::from)?;
            self.tell().await?;
        }
        if at != node.size {
            return Ok(Err(format!("has {at} bytes in the backup and {} in the index", node.size)));
        }
        if self.hashed {
            let hash = digester.finish().pop().map(|sum| sum.hex).unwrap_or_default();
            if sha1(node).is_some_and(|expected| expected != hash) {
                return Ok(Err(format!("has other bytes than were backed up: SHA1 {hash}")));
            }
        }
        let (mtime, durability) = (Some(node.mtime), Durability::Relaxed);
        let staged = match stage {
            Some(stage) => stage.finish(node.size, mtime, durability).await,
            None => self.storage.put_small(small, mtime, durability).await,
        };
        Ok(Ok(staged.map_err(ContentError::from)?))
    }

    /// Publishes what is staged and writes the tags.
    async fn place(&mut self, placed: Vec<Placed>) -> Result<(), BackupError> {
        let ops = placed.iter().map(|it| DiskOp::Publish {
            stage: it.staged.at.clone(),
            path: it.path.clone(),
            replaces: None,
        });
        let results = self.storage.apply(ops.collect()).await;
        for (result, placed) in results.iter().zip(&placed) {
            let applied = result.as_ref().map_err(|error| ContentError::from(error.clone()))?;
            if applied.kept.is_some() {
                let text = format!("this file system takes {} and another for one", placed.path);
                return Err(ContentError::from(StorageError::Internal(text)).into());
            }
        }
        if results.len() != placed.len() {
            let text = "fewer files were published than there are".to_owned();
            return Err(ContentError::from(StorageError::Internal(text)).into());
        }
        store::write(self.store, move |tx| {
            placed.into_iter().try_for_each(|Placed { node, staged, .. }| {
                let tag: Tag = staged.tag;
                tx.update_node(&Node { tag, stage: None, ..node })
            })
        })
        .await?;
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), BackupError> {
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            let Restored { files, folders, bytes, .. } = self.done;
            let problems = self.missing.len() as u64;
            let bytes_in_all = self.bytes_in_all;
            let progress = Progress { files, folders, bytes, bytes_in_all, problems };
            let _full = self.findings.try_send(Finding::Progress(progress));
        }
        Ok(())
    }
}

/// Takes a file that is lost out of the tree, as if it had been deleted now.
fn forget(tx: &mut dyn WriteTx, id: NodeId, now: i64) -> Result<(), store::StoreError> {
    let Some(lost) = locate(tx, id)? else { return Ok(()) };
    let mut above = Vec::new();
    let mut parent = lost.node.parent;
    while let Some(folder) = parent {
        above.push(folder);
        parent = tx.node(folder)?.and_then(|node| node.parent);
    }
    let stamp = tx.next_stamp()?;
    let size = i64::try_from(lost.node.size).unwrap_or(i64::MAX);
    tx.raise(&above, stamp, -size, None)?;
    tx.detach(id)?;
    tx.log_change(&Change {
        stamp,
        time: now,
        actor: None,
        origin: "cli".to_owned(),
        kind: ChangeKind::Deleted,
        node: id,
        owner: lost.home.owner,
        path: lost.path.as_str().to_owned(),
        old_path: None,
        request_id: "restore".to_owned(),
    })
}
