//! Bodies that come in pieces: of requests, of answers, of files.

use bytes::Bytes;

use crate::BoxFuture;

/// A stream could not be read to its end: what came before is not the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Whoever sends went away or sent less than was announced.
    #[error("the stream ended early")]
    Cut,
    /// More bytes came than are taken.
    #[error("the stream is too large")]
    TooLarge,
    /// Anything else, with text for the log.
    #[error("the stream failed: {0}")]
    Failed(String),
}

/// Pieces of bytes, in order. Dropping it tells whoever makes them that nobody wants more.
///
/// Pieces are owned: the reader keeps one as long as it likes. Makers do well to give 64 KiB to
/// 1 MiB at once.
pub trait ByteStream: Send + 'static {
    /// The next piece, never empty; `None` at the true end, and ever after.
    ///
    /// # Errors
    /// [`StreamError`], after which the stream must not be asked again. A stream that fails is not
    /// the same as one that ends.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>>;
}

/// A stream of bytes that are there already.
#[derive(Debug, Clone, Default)]
pub struct Whole(Option<Bytes>);

impl Whole {
    /// A stream that gives `bytes` in one piece.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    /// The same, boxed as the traits want it.
    pub fn boxed(bytes: impl Into<Bytes>) -> Box<dyn ByteStream> {
        Box::new(Self::new(bytes))
    }
}

impl ByteStream for Whole {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, StreamError>> {
        let piece = self.0.take();
        Box::pin(async { Ok(piece) })
    }
}

/// All bytes of a stream, at most `limit`.
///
/// # Errors
/// What the stream gives; [`StreamError::TooLarge`] as soon as more than `limit` bytes have come.
pub async fn collect(stream: &mut dyn ByteStream, limit: usize) -> Result<Bytes, StreamError> {
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await? {
        if all.len() + piece.len() > limit {
            return Err(StreamError::TooLarge);
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}
