//! Taking one chunk.

use super::{Progress, Transfer, TransferError, Turn};
use crate::content::stage::digest;
use crate::content::{Content, ContentError, to_the_end};
use crate::ids::Uid;
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::proto::chunk_name::{ChunkName, sort_chunks};
use crate::storage::{StageFile, StagePath, StorageError};
use crate::store::uploads::{Chunk, Upload};
use crate::store::{self, StoreError, WriteTx};
use crate::wire::Body;
use bytes::{Bytes, BytesMut};

/// What a transfer is told that has as many chunks as it may.
const TOO_MANY_CHUNKS: TransferError = TransferError::TooMany("chunks in this upload");
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
    /// Most bytes that the user's files and chunks may have together once this chunk is there. Looked
    /// at when the chunk is acknowledged: others may have come meanwhile.
    pub together: Option<u64>,
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
        let (uid, named) = (user.clone(), name.to_owned());
        let found = store::read(&self.store, move |tx| tx.upload(&uid, &named)).await;
        let id = found.map_err(ContentError::from)?.ok_or(TransferError::Missing)?.id;
        let turn = self.running.of(id).try_lock_owned().ok();
        // Its chunks are read under the lock, if we have it: another one adds none then.
        let transfer = self.transfer(user, name).await?;
        if transfer.upload.id != id {
            return Err(TransferError::Missing); // given up and begun anew in between
        }
        refuse_overlap(&transfer, chunk, expected)?;
        let known = transfer.chunks.iter().any(|known| known.name == chunk);
        if !known && transfer.chunks.len() >= self.limits.chunks {
            return Err(TOO_MANY_CHUNKS);
        }
        let end = contiguous(&transfer.chunks);
        let in_order = !known
            && comes_last(&transfer.chunks, chunk)
            && match expected.offset {
                Some(offset) => end == Some(offset),
                None => is_next(&transfer.chunks, chunk),
            };
        match (turn, end) {
            (Some(turn), Some(end)) if in_order => {
                self.append(&transfer, turn, chunk, end, body, expected).await
            }
            _ => self.park(&transfer, chunk, body, expected).await,
        }
    }

    async fn append(
        &self,
        transfer: &Transfer,
        mut turn: Turn,
        chunk: &str,
        end: u64,
        body: &mut Body,
        expected: &ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let (file, begun) = match &transfer.upload.file {
            Some(at) => (self.reopen(&transfer.upload, at).await?, true),
            None => {
                // Not the announced total: it is a promise, and would take space from others for a
                // day.
                (self.storage.begin_stage(expected.length).await?, false)
            }
        };
        let digester = match turn.take() {
            Some(Progress { end: known, digester }) if known == end => digester,
            _ if end == 0 => Some(Digester::new(&[ChecksumKind::Sha1])),
            _ => None,
        };
        // The file stays for the chunks before; what a cut body left behind them is written over.
        let mut writer = Writer::new(file, begun, end, digester);
        let size = writer.take(body, expected).await?;
        let at = writer.file()?.at();
        let row = Chunk {
            name: chunk.to_owned(),
            size,
            offset: Some(end),
            parked: None,
            mtime: self.clock.seconds(),
        };
        let (content, upload, said) = (self.clone(), transfer.upload.clone(), expected.clone());
        let stored = to_the_end(async move {
            writer.sync().await?;
            let digester = writer.digester.take();
            writer.keep();
            let recorded = content.record(upload, Some(at.clone()), row, said).await;
            match &recorded {
                Ok(_) => *turn = Some(Progress { end: end + size, digester }),
                Err(error) if !begun && error.is_certain() => content.discard(&at).await,
                Err(_) => {}
            }
            recorded
        });
        stored.await?
    }

    async fn park(
        &self,
        transfer: &Transfer,
        chunk: &str,
        body: &mut Body,
        expected: &ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let file = self.storage.begin_stage(expected.length).await?;
        let mut writer = Writer::new(file, false, 0, None);
        let size = writer.take(body, expected).await?;
        let at = writer.file()?.at();
        let row = Chunk {
            name: chunk.to_owned(),
            size,
            offset: expected.offset,
            parked: Some(at.clone()),
            mtime: self.clock.seconds(),
        };
        let (content, upload, said) = (self.clone(), transfer.upload.clone(), expected.clone());
        let stored = to_the_end(async move {
            writer.sync().await?;
            writer.keep();
            let recorded = content.record(upload, None, row, said).await;
            if recorded.as_ref().is_err_and(TransferError::is_certain) {
                content.discard(&at).await;
            }
            recorded
        });
        stored.await?
    }

    /// Acknowledges a chunk: from this commit on it counts. What was parked under its name before
    /// is thrown away.
    async fn record(
        &self,
        upload: Upload,
        file: Option<StagePath>,
        chunk: Chunk,
        expected: ChunkExpected,
    ) -> Result<ChunkStored, TransferError> {
        let (touched, most) = (self.clock.seconds(), self.limits.chunks);
        let replaced = store::write(&self.store, move |tx| {
            // The transfer may have been given up or closed while the bytes came.
            let known = tx.upload(&upload.user, &upload.name)?;
            let mut now = known.filter(|now| now.id == upload.id).ok_or(TransferError::Missing)?;
            now.touched = touched;
            now.file = file.or(now.file);
            now.total = now.total.or(expected.total);
            let replaced = tx.chunk(now.id, &chunk.name)?;
            if replaced.is_none() && tx.count_chunks(now.id)? >= most {
                return Err(TOO_MANY_CHUNKS);
            }
            tx.update_upload(&now)?;
            tx.put_chunk(now.id, &chunk)?;
            if let Some(most) = expected.together
                && stored(tx, &now.user)?.saturating_add(tx.uploads_size(&now.user)?) > most
            {
                return Err(ContentError::OverQuota.into());
            }
            Ok::<_, TransferError>(replaced)
        })
        .await?;
        let created = replaced.is_none();
        if let Some(parked) = replaced.and_then(|replaced| replaced.parked) {
            self.discard(&parked).await;
        }
        Ok(ChunkStored { created })
    }
}

/// Bytes of a user's files.
fn stored(tx: &mut dyn WriteTx, user: &Uid) -> Result<u64, StoreError> {
    let Some(home) = tx.home(user)? else { return Ok(0) };
    Ok(tx.node(home.root)?.map_or(0, |root| root.size))
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

/// Whether a chunk that does not say where it lies must be the next one: those before it may still
/// be on their way, and then its place is not yet known.
fn is_next(chunks: &[Chunk], name: &str) -> bool {
    let ChunkName::Number(number) = ChunkName::parse(name) else { return false };
    let last = chunks.iter().map(|chunk| match ChunkName::parse(&chunk.name) {
        ChunkName::Number(number) => number,
        _ => u64::MAX, // what comes next is not known
    });
    // The apps count from 1, older desktops from 0.
    last.max().map_or(number <= 1, |last| last.checked_add(1) == Some(number))
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

/// Writes a body behind what a file holds. Dropped half-way, also because the client has gone, it
/// leaves the file if chunks are in it already.
struct Writer {
    file: Option<Box<dyn StageFile>>,
    begun: bool,
    at: u64,
    digester: Option<Digester>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(file) = self.file.take().filter(|_| self.begun) {
            file.keep();
        }
    }
}

impl Writer {
    fn new(file: Box<dyn StageFile>, begun: bool, at: u64, digester: Option<Digester>) -> Self {
        Self { file: Some(file), begun, at, digester }
    }

    fn file(&mut self) -> Result<&mut dyn StageFile, StorageError> {
        let lost = || StorageError::Internal("the file of a chunk is gone".to_owned());
        self.file.as_deref_mut().ok_or_else(lost)
    }

    async fn sync(&mut self) -> Result<(), StorageError> {
        self.file()?.sync().await
    }

    fn keep(mut self) {
        self.begun = true;
    }

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
            None => self.file()?.write_at(offset, piece).await?,
            Some(digester) => {
                let hashed = digest(digester, piece.clone());
                let written = self.file()?.write_at(offset, piece);
                let (digester, written) = tokio::join!(hashed, written);
                written?;
                self.digester = Some(digester?);
            }
        }
        Ok(())
    }
}
