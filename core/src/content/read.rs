//! Opening the bytes that a row describes, whatever state of publication they are in.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Content, ContentError};
use crate::storage::{ReadFile, StorageError};
use crate::store;
use crate::store::nodes::{Node, locate};
use crate::wire::StreamBroken;

/// Bytes read at once while streaming.
pub(super) const PIECE: usize = 512 * 1024;
/// The first piece; each that the client takes doubles the next. Who opens many streams and reads
/// from none of them (HTTP/2 lets a connection have 128) costs little.
const FIRST: usize = 128 * 1024;
/// Pieces that wait for a slow client. The next is read while this one is being sent.
const AHEAD: usize = 1;
/// How often the row is read again when file and row do not match.
const TRIES: usize = 4;

/// An open file and the row that describes exactly its bytes.
pub struct OpenFile {
    /// The row.
    pub node: Node,
    /// The bytes.
    pub file: Arc<dyn ReadFile>,
}

impl Content {
    /// Opens the bytes of a file. If the row has moved on meanwhile, the newer row is opened, and
    /// given back: never one etag over other bytes.
    ///
    /// # Errors
    /// [`ContentError::Gone`] if the node is no more, [`ContentError::Changed`] if the file on the
    /// disk is not the index's, also after all that was decided has been published.
    pub async fn open(&self, node: Node, disk_path: String) -> Result<OpenFile, ContentError> {
        let (mut node, mut disk_path) = (node, disk_path);
        for attempt in 0..TRIES {
            match self.open_now(&node, &disk_path).await {
                Ok(file) => return Ok(OpenFile { node, file: Arc::from(file) }),
                Err(StorageError::NotFound(_) | StorageError::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
            // First what is decided becomes visible, then the row says what should be there.
            self.publisher.settle_for_a_reader(&disk_path, attempt > 0).await;
            if attempt > 0 {
                // Not by us, then: somebody changed it on the disk.
                self.look(&disk_path).await;
            }
            let id = node.id;
            let found = store::read(&self.store, move |tx| locate(tx, id)).await?;
            let found = found.ok_or(ContentError::Gone)?;
            (node, disk_path) = (found.node, found.home.disk_path(&found.path));
        }
        Err(ContentError::Changed)
    }

    /// Opens the bytes of a file without waiting for anything, for one who holds the writes. Where
    /// the row's tag is old, because a time that was set is not recorded yet, the bytes may be other
    /// ones: compare them with the row's checksum.
    ///
    /// # Errors
    /// [`StorageError`].
    pub(super) async fn open_as_it_is(
        &self,
        node: Node,
        path: &str,
    ) -> Result<OpenFile, StorageError> {
        let file = match self.open_now(&node, path).await {
            Err(StorageError::Changed(_)) if !node.checksums.is_empty() => {
                match self.storage.stat(path).await? {
                    Some(entry) => self.storage.open(path, &entry.tag).await?,
                    None => return Err(StorageError::NotFound(path.to_owned())),
                }
            }
            opened => opened?,
        };
        Ok(OpenFile { node, file: Arc::from(file) })
    }

    async fn open_now(&self, node: &Node, path: &str) -> Result<Box<dyn ReadFile>, StorageError> {
        if let Some(stage) = &node.stage {
            match self.storage.open_staged(stage).await {
                Err(StorageError::NotFound(_)) => {}
                opened => return opened,
            }
        }
        self.storage.open(path, &node.tag).await
    }
}

/// Streams a range of a file. A file that turns out shorter breaks the stream: better no answer than
/// a wrong one.
pub fn stream(
    file: Arc<dyn ReadFile>,
    range: Range<u64>,
) -> mpsc::Receiver<Result<Bytes, StreamBroken>> {
    let (sender, pieces) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut offset = range.start;
        let mut size = FIRST;
        while offset < range.end {
            // A place first, then the bytes for it. It fails when the client is gone.
            let Ok(place) = sender.reserve().await else { break };
            let want = usize::try_from(range.end - offset).unwrap_or(size).min(size);
            size = (size * 2).min(PIECE);
            let piece = match file.read_at(offset, want).await {
                Ok(piece) if piece.is_empty() => {
                    Err(StreamBroken("the file is shorter now".into()))
                }
                Ok(piece) => Ok(piece),
                Err(error) => Err(StreamBroken(error.to_string())),
            };
            let broken = piece.is_err();
            offset += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            place.send(piece);
            if broken {
                break;
            }
        }
    });
    pieces
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::time::Duration;

    use futures_util::future::BoxFuture;

    use super::*;

    /// `size` bytes, each its offset's last; notes how many were asked for.
    struct Counted {
        size: u64,
        read: AtomicU64,
    }

    impl ReadFile for Counted {
        fn size(&self) -> u64 {
            self.size
        }

        fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
            let end = self.size.min(offset.saturating_add(len as u64));
            self.read.fetch_add(end.saturating_sub(offset), Relaxed);
            let bytes: Bytes = (offset..end).map(|at| at.to_le_bytes()[0]).collect();
            Box::pin(async move { Ok(bytes) })
        }
    }

    fn file(size: u64) -> Arc<Counted> {
        Arc::new(Counted { size, read: AtomicU64::new(0) })
    }

    #[tokio::test]
    async fn what_nobody_takes_is_not_read() {
        let file = file(100 << 20);
        let mut pieces = stream(Arc::clone(&file) as _, 0..file.size);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(file.read.load(Relaxed), FIRST as u64);
        pieces.recv().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(file.read.load(Relaxed), 3 * FIRST as u64, "one taken, the next twice as large");
        drop(pieces);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(file.read.load(Relaxed), 3 * FIRST as u64, "nobody is there any more");
    }

    #[tokio::test]
    async fn a_range_comes_whole_in_growing_pieces_and_a_short_file_breaks() {
        let file = file(3_000_000);
        let mut pieces = stream(Arc::clone(&file) as _, 77..2_900_001);
        let (mut at, mut sizes) = (77, Vec::new());
        while let Some(piece) = pieces.recv().await {
            let piece = piece.unwrap();
            assert!(piece.iter().zip(at..).all(|(byte, at)| *byte == u64::to_le_bytes(at)[0]));
            at += piece.len() as u64;
            sizes.push(piece.len());
        }
        assert_eq!(at, 2_900_001);
        assert_eq!(sizes[..4], [FIRST, 2 * FIRST, PIECE, PIECE]);
        let mut pieces = stream(file, 2_999_990..3_000_100);
        assert_eq!(pieces.recv().await.unwrap().unwrap().len(), 10);
        assert!(pieces.recv().await.unwrap().is_err());
        assert!(pieces.recv().await.is_none());
    }
}
