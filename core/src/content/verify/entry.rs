//! One file or folder: what the index says, and what is on the disk.

use super::{Fault, Run};
use crate::content::stage::digest;
use crate::content::{ContentError, read};
use crate::ids::NodeId;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::storage::{Entry, Kind, ReadFile, StorageError, Tag};
use crate::store;
use crate::store::nodes::{Located, Node, locate};

/// Up to this size a piece is hashed at once, without another thread.
const SMALL: usize = 64 << 10;
/// How often something that moves is looked at again.
pub(super) const TRIES: usize = 4;

pub(super) const FROM_BACKUP: &str =
    "restore it from a backup by uploading it, or delete it in an app";
const EDITED: &str = "run `moonsail scan`, which takes over what was changed on the disk";

impl Run<'_> {
    /// Looks at a node again and again until it holds still; gives its path and what is wrong.
    pub(super) async fn look_again(
        &mut self,
        id: NodeId,
    ) -> Result<Option<(String, Fault)>, ContentError> {
        for _ in 0..TRIES {
            // First the row, then the wait: so what the row says is published when it is looked for.
            let Some(before) = self.locate(id).await? else { return Ok(None) };
            self.settle().await;
            let path = before.home.disk_path(&before.path);
            let Some(fault) = self.look(&before.node, &path).await else { return Ok(None) };
            let after = self.locate(id).await?;
            let still = |after: &Located| {
                after.node.tag == before.node.tag
                    && after.node.stage == before.node.stage
                    && after.path == before.path
            };
            if after.as_ref().is_some_and(still) {
                return Ok(Some((path, fault)));
            }
        }
        Ok(None)
    }

    pub(super) async fn locate(&self, id: NodeId) -> Result<Option<Located>, ContentError> {
        store::read(&self.content.store, move |tx| Ok(locate(tx, id)?)).await
    }

    /// What is wrong with a node whose changes are all published.
    async fn look(&mut self, node: &Node, path: &str) -> Option<Fault> {
        if let Some(stage) = &node.stage
            && !node.is_folder()
        {
            // Its publication is stuck, which is reported of its own; requests read the stage.
            match self.content.storage.open_staged(stage).await {
                Err(StorageError::NotFound(_)) => {}
                Err(error) => return Some(unreadable(&error)),
                Ok(file) => {
                    return self.hash(&*file).await.map_or_else(Some, |hash| wrong(node, &hash));
                }
            }
        }
        if self.has_objects {
            return self.look_at_object(node, path).await;
        }
        let entry = match self.content.storage.stat(path).await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Some(Fault::new("is missing on the disk", FROM_BACKUP)),
            Err(error) => return Some(unreadable(&error)),
        };
        if entry.kind != node.kind {
            let what = match node.kind {
                Kind::File => "is a file in the index and a folder on the disk",
                Kind::Folder => "is a folder in the index and a file on the disk",
            };
            return Some(Fault::new(what, EDITED));
        }
        if node.is_folder() {
            let what = "is not the folder that the server made; changes in it may get lost";
            return (entry.tag != node.tag).then(|| Fault::new(what, EDITED));
        }
        if entry.size != node.size {
            let what =
                format!("has {} bytes on the disk and {} in the index", entry.size, node.size);
            let remedy = if entry.tag == node.tag { FROM_BACKUP } else { EDITED };
            return Some(Fault::new(what, remedy));
        }
        match self.hash_live(path, &entry.tag).await {
            Err(fault) => Some(fault),
            Ok(hash) => wrong(node, &hash).or_else(|| {
                let what = "was written to from outside; its bytes are the same, but apps are \
                            refused it";
                (entry.tag != node.tag).then(|| Fault::new(what, EDITED))
            }),
        }
    }

    /// Whether the bytes of a file that matches its row in all else are those of the row.
    pub(super) async fn has_right_bytes(&mut self, node: &Node, path: &str) -> bool {
        match self.hash_live(path, &node.tag).await {
            Ok(hash) => wrong(node, &hash).is_none(),
            Err(_) => false,
        }
    }

    async fn hash_live(&mut self, path: &str, tag: &Tag) -> Result<String, Fault> {
        match self.content.storage.open(path, tag).await {
            Ok(file) => self.hash(&*file).await,
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// SHA-1 of a file, in hex.
    pub(super) async fn hash(&mut self, file: &dyn ReadFile) -> Result<String, Fault> {
        let mut digester = Digester::new(&[ChecksumKind::Sha1]);
        let (mut at, size) = (0, file.size());
        while at < size {
            let piece = match file.read_at(at, read::PIECE).await {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => piece,
                Err(error) => return Err(unreadable(&error)),
            };
            let read = piece.len();
            at += read as u64;
            if read <= SMALL {
                digester.update(&piece);
            } else {
                let hashed = digest(digester, piece).await;
                digester = hashed.map_err(|error| Fault::new(error.to_string(), FROM_BACKUP))?;
            }
            self.progress.bytes += read as u64;
            self.tell_progress().await;
        }
        Ok(digester.finish().pop().map(|sum| sum.hex).unwrap_or_default())
    }
}

/// Whether an entry of a listing is what a row describes, as far as a listing shows.
pub(super) fn matches(node: &Node, entry: &Entry) -> bool {
    let size = node.is_folder() || entry.size == node.size;
    entry.kind == node.kind && size && entry.tag == node.tag && node.stage.is_none()
}

pub(super) fn wrong(node: &Node, hash: &str) -> Option<Fault> {
    let known = node.checksums.split_ascii_whitespace().find_map(|sum| sum.strip_prefix("SHA1:"));
    match known {
        Some(known) if known == hash => None,
        Some(known) => {
            let what = format!("has other bytes than were stored: SHA1 {hash}, not {known}");
            Some(Fault::new(what, FROM_BACKUP))
        }
        // A large file that came on the disk, and is read when the server has time.
        None if node.checksums.is_empty() => None,
        None => Some(Fault::new("has no SHA1 in the index", "upload it again")),
    }
}

pub(super) fn unreadable(error: &StorageError) -> Fault {
    let remedy = "look into the system's log for faults of the disk, and at the permissions";
    Fault::new(format!("cannot be read: {error}"), remedy)
}
