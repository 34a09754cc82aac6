//! Taking one chunk.

use super::{Progress, Transfer, TransferError};
use crate::content::stage::digest;
use crate::content::{Content, ContentError};
use crate::ids::Uid;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::proto::chunk_name::sort_chunks;
use crate::storage::{StageFile, StagePath};
use crate::store;
use crate::store::uploads::{Chunk, Upload};
use crate::wire::Body;
use bytes::{Bytes, BytesMut};

/// Bytes handed to the storage at once.
const PIECE: usize = 1024 * 1024;

/// What the request says of a chunk.
#[derive(Debug, Clone, Default)]
pub struct ChunkExpected {
    /// `Content-Length`.
    pub length: Option<u64>,
    /// Offset in the whole file, from `OC-Chunk-Offset` or the chunk's name.
    pub offset: Option<u64>,
    /// `OC-Total-Length`, if given with the chunk.
    pub total: Option<u64>,
    /// Most bytes that the chunk may have, by quota.
    pub room: Option<u64>,
}

/// A chunk that is durable.
#[derive(Debug, Clone, Copy)]
pub struct ChunkStored {
    /// Whether the name is new (201) or was replaced (204).
    pub created: bool,
}

impl Content {
    /// Takes a chunk. A body that is cut changes nothing.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn put_chunk(
        &self,
        user: &Uid,
        name: &str,
        chunk: &str,
        body: &mut Body,
        expected: &ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let transfer = self.transfer(user, name).await?;
        let running = self.running.of(transfer.upload.id);
        let mut lock = running.try_lock();
        // Read again under the lock: another chunk may have been added in between.
        let transfer = match lock {
            Ok(_) => self.transfer(user, name).await?,
            Err(_) => transfer,
        };
        let known = transfer.chunks.iter().find(|known| known.name == chunk).cloned();
        refuse_overlap(&transfer, chunk, expected)?;
        let end = contiguous(&transfer.chunks);
        let in_order = known.is_none()
            && end.is_some_and(|end| expected.offset.is_none_or(|offset| offset == end))
            && comes_last(&transfer.chunks, chunk);
        let stored = match (&mut lock, end) {
            (Ok(progress), Some(end)) if in_order => {
                self.append(&transfer, progress, chunk, end, body, expected).await?
            }
            _ => self.park(&transfer, chunk, body, expected).await?,
        };
        if let Some(parked) = known.and_then(|known| known.parked) {
            self.discard(&parked).await;
        }
        Ok(stored)
    }

    async fn append(
        &self,
        transfer: &Transfer,
        progress: &mut Option<Progress>,
        chunk: &str,
        end: u64,
        body: &mut Body,
        expected: &ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let file = match &transfer.upload.file {
            Some(at) => self.storage.reopen_stage(at).await?,
            None => self.storage.begin_stage(transfer.upload.total.or(expected.total)).await?,
        };
        let digester = match progress.take() {
            Some(Progress { end: known, digester }) if known == end => digester,
            _ if end == 0 => Some(Digester::new(&[ChecksumKind::Sha1])),
            _ => None,
        };
        let mut writer = Writer { file, at: end, digester };
        let taken = writer.take(body, expected).await;
        let synced = match taken {
            Ok(size) => writer.file.sync().await.map(|()| size).map_err(TransferError::from),
            Err(error) => Err(error),
        };
        let at = writer.file.at();
        // The file stays for the chunks before; what a cut body left behind them is written over.
        let keep = transfer.upload.file.is_some() || synced.is_ok();
        if keep {
            writer.file.keep();
        }
        let size = synced?;
        let row = Chunk {
            name: chunk.to_owned(),
            size,
            offset: Some(end),
            parked: None,
            mtime: self.clock.seconds(),
        };
        let recorded = self.record(&transfer.upload, Some(at.clone()), row, expected).await;
        if recorded.is_err() && transfer.upload.file.is_none() {
            self.discard(&at).await;
        }
        recorded?;
        *progress = Some(Progress { end: end + size, digester: writer.digester });
        Ok(ChunkStored { created: true })
    }

    async fn park(
        &self,
        transfer: &Transfer,
        chunk: &str,
        body: &mut Body,
        expected: &ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let file = self.storage.begin_stage(expected.length).await?;
        let mut writer = Writer { file, at: 0, digester: None };
        let size = writer.take(body, expected).await?;
        writer.file.sync().await?;
        let at = writer.file.at();
        writer.file.keep();
        let row = Chunk {
            name: chunk.to_owned(),
            size,
            offset: expected.offset,
            parked: Some(at.clone()),
            mtime: self.clock.seconds(),
        };
        let recorded = self.record(&transfer.upload, None, row, expected).await;
        if recorded.is_err() {
            self.discard(&at).await;
        }
        recorded
    }

    /// Acknowledges a chunk: from this commit on it counts.
    async fn record(
        &self,
        upload: &Upload,
        file: Option<StagePath>,
        chunk: Chunk,
        expected: &ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let mut upload = upload.clone();
        upload.touched = self.clock.seconds();
        upload.file = file.or(upload.file);
        upload.total = upload.total.or(expected.total);
        store::write(&self.store, move |tx| {
            // The transfer may have been given up or closed while the bytes came.
            let now = tx.upload(&upload.user, &upload.name)?;
            let now = now.filter(|now| now.id == upload.id).ok_or(TransferError::Missing)?;
            upload.file = upload.file.or(now.file);
            let created = !tx.chunks(upload.id)?.iter().any(|known| known.name == chunk.name);
            tx.update_upload(&upload)?;
            tx.put_chunk(upload.id, &chunk)?;
            Ok(ChunkStored { created })
        })
        .await
    }
}

/// Bytes that lie in order from the start in the transfer's file; `None` if a chunk is parked or a
/// hole was made, so that nothing more can be appended.
fn contiguous(chunks: &[Chunk]) -> Option<u64> {
    let mut placed: Vec<(u64, u64)> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        match (chunk.offset, &chunk.parked) {
            (Some(offset), None) => placed.push((offset, chunk.size)),
            _ => return None,
        }
    }
    placed.sort_unstable();
    let mut end = 0;
    for (offset, size) in placed {
        if offset != end {
            return None;
        }
        end += size;
    }
    Some(end)
}

/// Whether a chunk of this name comes behind all that there are.
fn comes_last(chunks: &[Chunk], name: &str) -> bool {
    let mut names: Vec<&str> = chunks.iter().map(|chunk| chunk.name.as_str()).collect();
    names.push(name);
    sort_chunks(&mut names, |name| name);
    names.last() == Some(&name)
}

/// A chunk that says where it lies must not lie over another that says so.
fn refuse_overlap(
    transfer: &Transfer,
    chunk: &str,
    expected: &ChunkExpected,
) -> Result<(), TransferError> {
    let (Some(start), Some(length)) = (expected.offset, expected.length) else { return Ok(()) };
    let end = start.checked_add(length);
    let end = end.ok_or_else(|| TransferError::Offset(format!("{start} + {length}")))?;
    if transfer.upload.total.or(expected.total).is_some_and(|total| end > total) {
        return Err(TransferError::Offset(format!("{start} + {length} is beyond the end")));
    }
    let others = transfer.chunks.iter().filter(|known| known.name != chunk);
    for other in others {
        let Some(offset) = other.offset else { continue };
        if start < offset + other.size && offset < end {
            return Err(TransferError::Offset(format!("{start} lies in chunk {}", other.name)));
        }
    }
    Ok(())
}

/// Writes a body behind what a file holds.
struct Writer {
    file: Box<dyn StageFile>,
    at: u64,
    digester: Option<Digester>,
}

impl Writer {
    async fn take(
        &mut self,
        body: &mut Body,
        expected: &ChunkExpected,
    ) -> Result<u64, TransferError> {
        let mut buffer = BytesMut::new();
        let mut received = 0u64;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(ContentError::from)?;
            received += piece.len() as u64;
            if expected.room.is_some_and(|room| received > room) {
                return Err(ContentError::OverQuota.into());
            }
            buffer.extend_from_slice(&piece);
            if buffer.len() >= PIECE {
                self.write(buffer.split().freeze()).await?;
            }
        }
        self.write(buffer.freeze()).await?;
        match expected.length {
            Some(announced) if announced != received => {
                Err(ContentError::Length { announced, received }.into())
            }
            _ => Ok(received),
        }
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), TransferError> {
        if piece.is_empty() {
            return Ok(());
        }
        let offset = self.at;
        self.at += piece.len() as u64;
        match self.digester.take() {
            None => self.file.write_at(offset, piece).await?,
            Some(digester) => {
                let hashed = digest(digester, piece.clone());
                let (digester, written) = tokio::join!(hashed, self.file.write_at(offset, piece));
                written?;
                self.digester = Some(digester?);
            }
        }
        Ok(())
    }
}
