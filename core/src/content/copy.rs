//! Copying files and trees into the stage, and hashing what lies there.

use bytes::Bytes;

use super::stage::{Received, digest, digest_file, kinds_with, verify_checksums};
use super::{Content, ContentError, OpenFile};
use crate::etag::Stamp;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::storage::{Durability, StagePath, Staged, StorageError, StorageNo};
use crate::store::nodes::Node;
use crate::wire::Body;

/// Bytes read at once while hashing.
const PIECE: usize = 1024 * 1024;

impl Content {
    /// Copies a file into the stage: under a new key, or at `to`.
    ///
    /// # Errors
    /// [`ContentError`]; nothing is left behind then.
    pub async fn stage_copy(
        &self,
        node: &Node,
        disk_path: &str,
        to: Option<StagePath>,
    ) -> Result<Staged, ContentError> {
        let target = to.as_ref().map_or(self.stage_on, StorageNo::of_stage);
        if target != StorageNo::of(disk_path) {
            return self.carry(node, disk_path, target, to).await;
        }
        for attempt in 0..2 {
            if let Some(stage) = &node.stage {
                match self.storage.stage_copy_staged(stage, to.clone(), self.durability).await {
                    Err(StorageError::NotFound(_)) => {}
                    copied => return Ok(copied?),
                }
            }
            match self.storage.stage_copy(disk_path, &node.tag, to.clone(), self.durability).await {
                // Decided and not yet visible at this path, perhaps: once more after it is.
                Err(StorageError::NotFound(_) | StorageError::Changed(_)) if attempt == 0 => {
                    self.publisher.settle_for_a_reader(disk_path, false).await;
                }
                Err(StorageError::NotFound(_) | StorageError::Changed(_)) => {
                    // Refused now; who tries again is given what is there by then.
                    self.look(disk_path).await;
                    break;
                }
                copied => return Ok(copied?),
            }
        }
        Err(ContentError::Changed)
    }

    /// Copies a file into the stage of another storage.
    async fn carry(
        &self,
        node: &Node,
        disk_path: &str,
        target: StorageNo,
        to: Option<StagePath>,
    ) -> Result<Staged, ContentError> {
        let open = self.open(node.clone(), disk_path.to_owned()).await?;
        if open.node.content != node.content {
            return Err(ContentError::Changed);
        }
        let there = self.on(target).storage;
        let size = open.file.size();
        let mut file = there.begin_stage(Some(size)).await?;
        let mut at = 0;
        while at < size {
            let want = usize::try_from(size - at).unwrap_or(PIECE).min(PIECE);
            let piece = open.file.read_at(at, want).await?;
            if piece.is_empty() {
                return Err(ContentError::Changed);
            }
            let offset = at;
            at += piece.len() as u64;
            file.write_at(offset, piece).await?;
        }
        let mtime = Some(node.mtime);
        let Some(to) = to else { return Ok(file.finish(size, mtime, self.durability).await?) };
        // Files begin under keys of their own; what lies below a staged folder is a copy.
        let alone = file.finish(size, mtime, Durability::Relaxed).await?;
        let copied = there.stage_copy_staged(&alone.at, Some(to), self.durability).await;
        self.discard(&alone.at).await;
        Ok(copied?)
    }

    /// Makes a folder in the stage, at the top or below a staged one.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn stage_folder_at(&self, at: Option<StagePath>) -> Result<Staged, ContentError> {
        Ok(self.storage.stage_folder(at).await?)
    }

    /// Checksums of an open file, of these kinds, separated by blanks.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn checksums(
        &self,
        open: &OpenFile,
        kinds: &[ChecksumKind],
    ) -> Result<String, ContentError> {
        let mut digester = Digester::new(kinds);
        let mut offset = 0;
        while offset < open.file.size() {
            let piece: Bytes = open.file.read_at(offset, PIECE).await?;
            if piece.is_empty() {
                return Err(ContentError::Changed);
            }
            offset += piece.len() as u64;
            digester = digest(digester, piece).await?;
        }
        verify_checksums(digester, None)
    }

    /// Takes a body over a part of a copy of a file's bytes, from `offset` on. Gives the stamp of
    /// the bytes that were copied: the commit must require it.
    ///
    /// # Errors
    /// [`ContentError`]; nothing is left behind then.
    pub async fn receive_over(
        &self,
        body: &mut Body,
        node: Node,
        disk_path: String,
        offset: u64,
        length: u64,
    ) -> Result<(Received, Stamp), ContentError> {
        let copy = self.stage_copy(&node, &disk_path, None).await?;
        let mut file = match self.storage.reopen_stage(&copy.at).await {
            Ok(file) => file,
            Err(error) => {
                self.discard(&copy.at).await;
                return Err(error.into());
            }
        };
        // From here on the file goes away by being dropped.
        let mut received = 0;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            let at = offset + received;
            received += piece.len() as u64;
            if received > length {
                break;
            }
            file.write_at(at, piece).await?;
        }
        if received != length {
            return Err(ContentError::Length { announced: length, received });
        }
        let size = copy.size.max(offset + length);
        let digester = Digester::new(&kinds_with(None));
        let digester = digest_file(file.as_mut(), size, digester).await?;
        let checksums = verify_checksums(digester, None)?;
        let mtime = self.clock.seconds();
        match file.finish(size, Some(mtime), self.durability).await {
            Ok(staged) => Ok((Received { staged, checksums, mtime }, node.content)),
            Err(error) => {
                // A reopened file stays when it cannot be finished.
                self.discard(&copy.at).await;
                Err(error.into())
            }
        }
    }
}
