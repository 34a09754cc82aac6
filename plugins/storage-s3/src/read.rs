//! Ranges of an object, streamed.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blobs::{BlobInfo, BlobReader};
use moonsail_sdk::storage::StorageError;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::error::{is_beyond_the_end, meaning};
use crate::{S3Blobs, info};

/// The answer to one request.
pub(crate) struct Reader {
    key: String,
    info: BlobInfo,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    /// Of the stream, and not yet given.
    piece: Bytes,
    /// Bytes of the range that did not come yet.
    to_come: u64,
}

impl S3Blobs {
    pub(crate) async fn open_range(
        &self,
        key: &str,
        offset: u64,
        len: u64,
    ) -> Result<Reader, StorageError> {
        if len == 0 {
            return Ok(Reader::empty(key, self.head(key).await?));
        }
        let range = match offset.checked_add(len) {
            Some(end) => GetRange::Bounded(offset..end),
            None => GetRange::Offset(offset),
        };
        // Without a range where none is needed: an empty object has none that could be asked for.
        let range = (offset > 0 || len < u64::MAX).then_some(range);
        let options = GetOptions { range, ..GetOptions::default() };
        match self.store.get_opts(&self.path(key)?, options).await {
            Ok(found) => {
                let (info, to_come) = (info(&found.meta), found.range.end - found.range.start);
                let stream = found.into_stream();
                Ok(Reader { key: key.to_owned(), info, stream, piece: Bytes::new(), to_come })
            }
            Err(error) if is_beyond_the_end(&error) => {
                let info = self.head(key).await?;
                match info.size <= offset {
                    true => Ok(Reader::empty(key, info)),
                    false => Err(meaning(&error, key)),
                }
            }
            Err(error) => Err(meaning(&error, key)),
        }
    }
}

impl Reader {
    fn empty(key: &str, info: BlobInfo) -> Self {
        let stream = futures_util::stream::empty().boxed();
        Self { key: key.to_owned(), info, stream, piece: Bytes::new(), to_come: 0 }
    }

    pub(crate) async fn next(&mut self, max: usize) -> Result<Bytes, StorageError> {
        while self.piece.is_empty() && self.to_come > 0 {
            let piece = match self.stream.next().await {
                Some(piece) => piece.map_err(|error| meaning(&error, &self.key))?,
                None => {
                    let text = format!("{}: {} bytes did not come", self.key, self.to_come);
                    return Err(StorageError::Unavailable(text));
                }
            };
            let Some(to_come) = self.to_come.checked_sub(piece.len() as u64) else {
                let text = format!("{}: more bytes came than were asked for", self.key);
                return Err(StorageError::Unavailable(text));
            };
            (self.piece, self.to_come) = (piece, to_come);
        }
        let len = self.piece.len().min(max);
        Ok(self.piece.split_to(len))
    }
}

impl BlobReader for Reader {
    fn info(&self) -> BlobInfo {
        self.info.clone()
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        Box::pin(self.next(max))
    }
}
