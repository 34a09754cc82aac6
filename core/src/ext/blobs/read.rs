//! Reading: an object, pieces of several, bytes that are at hand.
//!
//! Who reads on where the last read ended is served from one open stream, in windows that grow, so
//! that a download is few requests; who jumps opens a new one. A window that nobody reads to its end
//! costs what the network had on its way.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blobs::{BlobReader, BlobStorage};
use tokio::sync::Mutex;

use super::note::{Piece, Pieces};
use crate::storage::{ReadFile, StorageError};

/// What is asked for first; each further window of a stream is twice as large.
const FIRST: u64 = 1 << 20;
/// Until this. A slow client must not keep a request open for longer than servers allow.
const LARGEST: u64 = 16 << 20;

/// An object that is read at any places.
pub(super) struct Source {
    store: Arc<dyn BlobStorage>,
    key: String,
    stream: Mutex<Option<Stream>>,
}

/// A window of an object.
struct Stream {
    reader: Box<dyn BlobReader>,
    at: u64,
    end: u64,
    window: u64,
}

impl Source {
    pub(super) fn new(store: Arc<dyn BlobStorage>, key: String) -> Self {
        Self { store, key, stream: Mutex::new(None) }
    }

    async fn open(&self, at: u64, window: u64) -> Result<Stream, StorageError> {
        let reader = self.store.open(&self.key, at, window).await?;
        let end = at.saturating_add(window).min(reader.info().size);
        Ok(Stream { reader, at, end, window })
    }

    /// Opens the start, so that it is known whether the object is there, and its length.
    async fn start(&self) -> Result<u64, StorageError> {
        let stream = self.open(0, FIRST).await?;
        let size = stream.reader.info().size;
        *self.stream.lock().await = Some(stream);
        Ok(size)
    }

    /// Reads exactly these bytes.
    pub(super) async fn read(&self, offset: u64, len: usize) -> Result<Bytes, StorageError> {
        let kept = self.stream.lock().await.take().filter(|stream| stream.at == offset);
        let mut stream = match kept {
            Some(stream) => stream,
            None => self.open(offset, FIRST.max(len as u64)).await?,
        };
        let mut all = BytesMut::new();
        let mut tried_again = false;
        while all.len() < len {
            if stream.at >= stream.end {
                let window = (stream.window * 2).min(LARGEST).max((len - all.len()) as u64);
                let at = stream.at;
                stream = self.open(at, window).await?;
                if stream.at >= stream.end {
                    return Err(StorageError::Changed(self.key.clone()));
                }
            }
            let piece = match stream.reader.next(len - all.len()).await {
                Ok(piece) if !piece.is_empty() => piece,
                // A stream may break; what it has begun goes on with another, once.
                Err(StorageError::Unavailable(_)) if !tried_again => {
                    tried_again = true;
                    stream = self.open(stream.at, stream.window).await?;
                    continue;
                }
                Ok(_) => return Err(StorageError::Unavailable(format!("{} broke off", self.key))),
                Err(error) => return Err(error),
            };
            stream.at += piece.len() as u64;
            if piece.len() == len {
                *self.stream.lock().await = Some(stream);
                return Ok(piece);
            }
            all.extend_from_slice(&piece);
        }
        *self.stream.lock().await = Some(stream);
        Ok(all.freeze())
    }
}

/// How many of `len` bytes at `offset` a file of `size` bytes has.
pub(super) fn clamp(size: u64, offset: u64, len: usize) -> usize {
    let rest = size.saturating_sub(offset);
    usize::try_from(rest).unwrap_or(usize::MAX).min(len)
}

/// A finished file.
pub(super) struct ObjectFile {
    source: Source,
    size: u64,
}

impl ObjectFile {
    /// Opens an object, which must have `size` bytes if that is known.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], or [`StorageError::Changed`] if it has not.
    pub(super) async fn open(
        store: Arc<dyn BlobStorage>,
        key: String,
        size: Option<u64>,
    ) -> Result<Self, StorageError> {
        let source = Source::new(store, key);
        let found = source.start().await?;
        if size.is_some_and(|size| size != found) {
            return Err(StorageError::Changed(source.key));
        }
        Ok(Self { source, size: found })
    }
}

impl ReadFile for ObjectFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let len = clamp(self.size, offset, len);
        Box::pin(async move {
            if len == 0 { Ok(Bytes::new()) } else { self.source.read(offset, len).await }
        })
    }
}

/// A file whose bytes are at hand.
pub(super) struct BytesFile(pub(super) Bytes);

impl ReadFile for BytesFile {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let len = clamp(self.size(), offset, len);
        let start = usize::try_from(offset).unwrap_or_default();
        let part = if len == 0 { Bytes::new() } else { self.0.slice(start..start + len) };
        Box::pin(async { Ok(part) })
    }
}

/// A file in pieces, with zeros between them.
pub(super) struct PiecesFile {
    store: Arc<dyn BlobStorage>,
    pieces: Pieces,
    /// The object that was read last, for who reads on.
    last: Mutex<Option<Arc<Source>>>,
}

impl PiecesFile {
    pub(super) fn new(store: Arc<dyn BlobStorage>, pieces: Pieces) -> Self {
        Self { store, pieces, last: Mutex::new(None) }
    }

    async fn source(&self, key: &str) -> Arc<Source> {
        let mut last = self.last.lock().await;
        if let Some(source) = last.as_ref().filter(|source| source.key == key) {
            return Arc::clone(source);
        }
        let source = Source::new(Arc::clone(&self.store), key.to_owned());
        Arc::clone(last.insert(Arc::new(source)))
    }

    /// The piece that has the byte at `at`, or how many zeros follow there.
    fn find(&self, at: u64) -> Result<&Piece, u64> {
        let next = self.pieces.pieces.partition_point(|piece| piece.at + piece.len <= at);
        match self.pieces.pieces.get(next) {
            Some(piece) if piece.at <= at => Ok(piece),
            Some(piece) => Err(piece.at - at),
            None => Err(u64::MAX),
        }
    }
}

impl ReadFile for PiecesFile {
    fn size(&self) -> u64 {
        self.pieces.size
    }

    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let len = clamp(self.pieces.size, offset, len);
        Box::pin(async move {
            let mut all = BytesMut::with_capacity(len);
            while all.len() < len {
                let at = offset + all.len() as u64;
                let want = len - all.len();
                match self.find(at) {
                    Err(zeros) => {
                        let zeros = usize::try_from(zeros).unwrap_or(usize::MAX);
                        all.resize(all.len() + want.min(zeros), 0);
                    }
                    Ok(piece) => {
                        let skip = at - piece.at;
                        let want = clamp(piece.len, skip, want);
                        let source = self.source(&piece.key).await;
                        all.extend_from_slice(&source.read(piece.from + skip, want).await?);
                    }
                }
            }
            Ok(all.freeze())
        })
    }
}
