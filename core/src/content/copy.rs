//! Copying files and trees into the stage, and hashing what lies there.

use bytes::Bytes;

use super::stage::{digest, verify_checksums};
use super::{Content, ContentError, OpenFile};
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::storage::{StagePath, Staged, StorageError};
use crate::store::nodes::Node;

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
                    self.publisher.settle(false).await;
                }
                Err(StorageError::NotFound(_) | StorageError::Changed(_)) => break,
                copied => return Ok(copied?),
            }
        }
        Err(ContentError::Changed)
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
}
