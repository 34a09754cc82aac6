//! From a request's body to a durable file in the stage, hashed on the way.

use bytes::{Bytes, BytesMut};

use super::{Content, ContentError};
use crate::proto::checksum::{Checksum, ChecksumKind, Digester};
use crate::storage::{StageFile, Staged};
use crate::wire::Body;

/// Bodies up to this size are written by one blocking job.
const SMALL: usize = 256 * 1024;
/// Bytes handed to the storage at once.
const PIECE: usize = 1024 * 1024;

/// What the client said of the body, and what may be taken.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// `Content-Length` or `OC-Total-Length`.
    pub length: Option<u64>,
    /// `OC-Checksum`.
    pub checksum: Option<Checksum>,
    /// `X-OC-MTime`, Unix seconds; now if `None`.
    pub mtime: Option<i64>,
    /// Most bytes that can become true, by quota.
    pub room: Option<u64>,
}

/// A body that is durable in the stage.
#[derive(Debug, Clone)]
pub struct Received {
    /// The file.
    pub staged: Staged,
    /// Verified checksums, SHA1 among them, separated by blanks.
    pub checksums: String,
    /// Modification time that it was given, Unix seconds.
    pub mtime: i64,
}

impl Content {
    /// Takes a whole body into the stage and verifies length and checksum. On any error nothing
    /// stays behind.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn receive(
        &self,
        body: &mut Body,
        expected: &Expected,
    ) -> Result<Received, ContentError> {
        let mtime = expected.mtime.unwrap_or_else(|| self.clock.seconds());
        let mut intake = Intake::new(expected);
        let mut buffer = BytesMut::new();
        let mut file: Option<Box<dyn StageFile>> = None;
        while let Some(piece) = body.next().await {
            let piece = piece?;
            intake.admit(piece.len())?;
            buffer.extend_from_slice(&piece);
            let limit = if file.is_some() { PIECE } else { SMALL };
            if buffer.len() >= limit {
                let piece = buffer.split().freeze();
                let file = match &mut file {
                    Some(file) => file,
                    None => file.insert(self.storage.begin_stage(expected.length).await?),
                };
                intake.write(file.as_mut(), piece).await?;
            }
        }
        let rest = buffer.freeze();
        let staged = match file {
            None => {
                intake.digester.update(&rest);
                let checksums = intake.verify(rest.len() as u64)?;
                let staged = self.storage.put_small(rest, Some(mtime), self.durability).await?;
                return Ok(Received { staged, checksums, mtime });
            }
            Some(mut file) => {
                intake.write(file.as_mut(), rest).await?;
                let size = intake.written;
                let checksums = intake.verify(size)?;
                let staged = file.finish(size, Some(mtime), self.durability).await?;
                Received { staged, checksums, mtime }
            }
        };
        Ok(staged)
    }
}

/// Counts, hashes and checks a body on its way.
struct Intake<'a> {
    expected: &'a Expected,
    digester: Digester,
    received: u64,
    written: u64,
}

impl<'a> Intake<'a> {
    fn new(expected: &'a Expected) -> Self {
        let kinds = kinds_with(expected.checksum.as_ref());
        Self { expected, digester: Digester::new(&kinds), received: 0, written: 0 }
    }

    /// Refuses more than was announced or than there is room for, before it is written.
    fn admit(&mut self, bytes: usize) -> Result<(), ContentError> {
        self.received += bytes as u64;
        if self.expected.room.is_some_and(|room| self.received > room) {
            return Err(ContentError::OverQuota);
        }
        match self.expected.length {
            Some(announced) if self.received > announced => {
                Err(ContentError::Length { announced, received: self.received })
            }
            _ => Ok(()),
        }
    }

    async fn write(&mut self, file: &mut dyn StageFile, piece: Bytes) -> Result<(), ContentError> {
        if piece.is_empty() {
            return Ok(());
        }
        let offset = self.written;
        self.written += piece.len() as u64;
        let hashed = digest(self.digester.clone(), piece.clone());
        let (digester, written) = tokio::join!(hashed, file.write_at(offset, piece));
        written?;
        self.digester = digester?;
        Ok(())
    }

    fn verify(self, size: u64) -> Result<String, ContentError> {
        if let Some(announced) = self.expected.length.filter(|length| *length != size) {
            return Err(ContentError::Length { announced, received: size });
        }
        verify_checksums(self.digester, self.expected.checksum.as_ref())
    }
}

/// SHA1, by which `fsck` verifies and which the desktop prefers, and what the client announced.
pub(super) fn kinds_with(announced: Option<&Checksum>) -> Vec<ChecksumKind> {
    let mut kinds = vec![ChecksumKind::Sha1];
    kinds.extend(announced.map(|checksum| checksum.kind).filter(|kind| *kind != kinds[0]));
    kinds
}

/// Checks what was computed against what was announced; gives all, separated by blanks.
pub(super) fn verify_checksums(
    digester: Digester,
    announced: Option<&Checksum>,
) -> Result<String, ContentError> {
    let computed = digester.finish();
    if let Some(announced) = announced
        && let Some(other) =
            computed.iter().find(|sum| sum.kind == announced.kind && sum.hex != announced.hex)
    {
        let (announced, computed) = (announced.clone(), other.clone());
        return Err(ContentError::Checksum { announced, computed });
    }
    let texts: Vec<String> = computed.iter().map(ToString::to_string).collect();
    Ok(texts.join(" "))
}

/// Hashes a large piece off the event loop.
pub(super) async fn digest(mut digester: Digester, piece: Bytes) -> Result<Digester, ContentError> {
    let job = tokio::task::spawn_blocking(move || {
        digester.update(&piece);
        digester
    });
    job.await.map_err(|error| {
        ContentError::Storage(crate::storage::StorageError::Internal(error.to_string()))
    })
}

/// Hashes the first `size` bytes of a staged file.
pub(super) async fn digest_file(
    file: &mut dyn StageFile,
    size: u64,
    mut digester: Digester,
) -> Result<Digester, ContentError> {
    let mut at = 0;
    while at < size {
        let want = usize::try_from(size - at).unwrap_or(PIECE).min(PIECE);
        let piece = file.read_at(at, want).await?;
        if piece.is_empty() {
            return Err(ContentError::Changed);
        }
        at += piece.len() as u64;
        digester = digest(digester, piece).await?;
    }
    Ok(digester)
}
