//! Closing a transfer: from chunks to one staged file.

use super::{Progress, Transfer, TransferError, Turn};
use crate::content::stage::{
    Expected, Received, digest, digest_file, kinds_with, verify_checksums,
};
use crate::content::{Content, ContentError};
use crate::ids::Uid;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::proto::chunk_name::sort_chunks;
use crate::storage::{StageFile, StagePath, StorageError, StorageNo};
use crate::store::uploads::Chunk;

/// Bytes read at once while putting together or hashing.
const PIECE: usize = 1024 * 1024;

/// A transfer's bytes as one durable file in the stage.
pub struct Assembled {
    /// The file.
    pub received: Received,
    /// The transfer as it was; its rows go with the commit, its files afterwards.
    pub transfer: Transfer,
    /// Until the commit is done nobody else writes to the transfer's file.
    _turn: Turn,
}

impl Content {
    /// Puts a transfer together. Its rows and chunks stay as they are until the commit. Run it with
    /// the commit [to the end](crate::content::to_the_end): half-way the file is not what it was.
    ///
    /// # Errors
    /// [`TransferError`]; the chunks stay.
    pub async fn assemble(
        &self,
        user: &Uid,
        name: &str,
        expected: &Expected,
    ) -> Result<Assembled, TransferError> {
        let transfer = self.transfer(user, name).await?;
        let running = self.running.of(transfer.upload.id);
        let turn = running.lock_owned().await;
        // Again under the lock: a chunk may have been acknowledged while we waited for it.
        let mut transfer = self.transfer(user, name).await?;
        sort_chunks(&mut transfer.chunks, |chunk| &chunk.name);
        let size = check_sum(&transfer, expected)?;
        let mtime = expected.mtime.unwrap_or_else(|| self.clock.seconds());
        let (file, digester) = match &transfer.upload.file {
            Some(at) if all_in_order(&transfer.chunks) && self.stages_here(at) => {
                let mut file = self.reopen(&transfer.upload, at).await?;
                match self.digest_in_order(file.as_mut(), turn.as_ref(), size, expected).await {
                    Ok(digester) => (file, digester),
                    Err(error) => {
                        file.keep();
                        return Err(error);
                    }
                }
            }
            _ => self.put_together(&transfer, size, expected).await?,
        };
        let checksums = match verify_checksums(digester, expected.checksum.as_ref()) {
            Ok(checksums) => checksums,
            Err(error) => {
                // The transfer's own file stays with its chunks; one made here goes by being dropped.
                if transfer.upload.file.as_ref() == Some(&file.at()) {
                    file.keep();
                }
                return Err(error.into());
            }
        };
        let staged = file.finish(size, Some(mtime), self.durability).await?;
        let received = Received { staged, checksums, mtime };
        Ok(Assembled { received, transfer, _turn: turn })
    }

    /// Whether a stage entry is where this is to become true.
    fn stages_here(&self, at: &StagePath) -> bool {
        StorageNo::of_stage(at) == self.stage_on
    }

    /// The hash that ran along with the chunks, or a new one in one pass.
    async fn digest_in_order(
        &self,
        file: &mut dyn StageFile,
        progress: Option<&Progress>,
        size: u64,
        expected: &Expected,
    ) -> Result<Digester, TransferError> {
        let kinds = kinds_with(expected.checksum.as_ref());
        let ran_along = progress.filter(|progress| progress.end == size);
        match ran_along.and_then(|progress| progress.digester.clone()) {
            Some(digester) if kinds == [ChecksumKind::Sha1] => Ok(digester),
            _ => Ok(digest_file(file, size, Digester::new(&kinds)).await?),
        }
    }

    async fn put_together(
        &self,
        transfer: &Transfer,
        size: u64,
        expected: &Expected,
    ) -> Result<(Box<dyn StageFile>, Digester), TransferError> {
        let mut file = self.storage.begin_stage(Some(size)).await?;
        let mut digester = Digester::new(&kinds_with(expected.checksum.as_ref()));
        let mut at = 0;
        for chunk in &transfer.chunks {
            let (place, start) = match (&chunk.parked, &transfer.upload.file, chunk.offset) {
                (Some(parked), _, _) => (parked, 0),
                (None, Some(file), Some(offset)) => (file, offset),
                _ => return Err(TransferError::Offset(format!("chunk {} is lost", chunk.name))),
            };
            let source = match self.storage.open_staged(place).await {
                Err(StorageError::NotFound(_)) => {
                    // The transfer was given up, or the chunk was sent again.
                    self.transfer(&transfer.upload.user, &transfer.upload.name).await?;
                    return Err(ContentError::Changed.into());
                }
                opened => opened?,
            };
            let mut done = 0;
            while done < chunk.size {
                let want = usize::try_from(chunk.size - done).unwrap_or(PIECE).min(PIECE);
                let piece = source.read_at(start + done, want).await?;
                if piece.is_empty() {
                    return Err(ContentError::Changed.into());
                }
                done += piece.len() as u64;
                let offset = at;
                at += piece.len() as u64;
                let hashed = digest(digester, piece.clone());
                let (hashed, written) = tokio::join!(hashed, file.write_at(offset, piece));
                written?;
                digester = hashed?;
            }
        }
        Ok((file, digester))
    }
}

/// The sum of the chunks, checked against what was announced and against the chunks' own offsets.
fn check_sum(transfer: &Transfer, expected: &Expected) -> Result<u64, TransferError> {
    let received = transfer.size();
    if let Some(announced) = expected.length.filter(|announced| *announced != received) {
        return Err(TransferError::Sum { announced, received });
    }
    let mut at = 0;
    for chunk in &transfer.chunks {
        // The offset of a parked chunk is what its client said; of one in the transfer's file it is
        // where it happens to lie there.
        let told = chunk.offset.filter(|_| chunk.parked.is_some());
        if told.is_some_and(|told| told != at) {
            return Err(TransferError::Offset(format!(
                "chunk {} does not lie at {at}",
                chunk.name
            )));
        }
        at += chunk.size;
    }
    if expected.room.is_some_and(|room| received > room) {
        return Err(ContentError::OverQuota.into());
    }
    Ok(received)
}

/// Whether the chunks, in order, are just the transfer's file.
fn all_in_order(chunks: &[Chunk]) -> bool {
    let mut at = 0;
    chunks.iter().all(|chunk| {
        let fits = chunk.parked.is_none() && chunk.offset == Some(at);
        at += chunk.size;
        fits
    })
}
