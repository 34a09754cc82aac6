//! An unfinished file that was not written in order: pieces here and there, zeros between them.
//!
//! Each piece is an object of its own until the file is finished, when all are joined into one, which
//! moves their bytes once more. It happens to uploads that are written over, not to those of the apps.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use moonsail_sdk::blobs::BlobInfo;

use super::Files;
use super::names::Place;
use super::note::{Piece, Pieces};
use super::read::PiecesFile;
use crate::storage::{ReadFile, StorageError};

/// Bytes joined at once.
const STEP: usize = 1 << 20;

pub(super) struct Quilt {
    pub(super) files: Arc<Files>,
    pub(super) place: Place,
    pieces: Pieces,
    /// What is written next, and is no object yet.
    patch: Option<(u64, BytesMut)>,
    /// An object that is a file as it is, if it is all of it.
    whole: Option<(String, u64)>,
    /// For reading; dropped when something is written.
    reader: Option<PiecesFile>,
}

impl Quilt {
    /// Goes on with pieces.
    pub(super) fn new(files: Arc<Files>, place: Place, pieces: Pieces) -> Self {
        Self { files, place, pieces, patch: None, whole: None, reader: None }
    }

    /// Goes on with the first `size` bytes of a finished object of `whole` bytes.
    pub(super) fn over(
        files: Arc<Files>,
        place: Place,
        key: String,
        whole: u64,
        size: u64,
    ) -> Self {
        let pieces = match size {
            0 => Vec::new(),
            len => vec![Piece { at: 0, len, key: key.clone(), from: 0 }],
        };
        let mut quilt = Self::new(files, place, Pieces { size, pieces });
        quilt.whole = Some((key, whole));
        quilt
    }

    pub(super) async fn write(&mut self, offset: u64, data: Bytes) -> Result<(), StorageError> {
        if data.is_empty() {
            return Ok(());
        }
        self.reader = None;
        let end = self.files.within_limits(offset.checked_add(data.len() as u64))?;
        let follows =
            |(at, patch): &(u64, BytesMut)| at.checked_add(patch.len() as u64) == Some(offset);
        if !self.patch.as_ref().is_some_and(follows) {
            self.flush().await?;
            self.patch = Some((offset, BytesMut::new()));
        }
        self.pieces.size = self.pieces.size.max(end);
        let Some((_, patch)) = &mut self.patch else { return Ok(()) };
        patch.extend_from_slice(&data);
        if patch.len() >= self.files.settings.part_bytes {
            self.flush().await?;
        }
        Ok(())
    }

    /// Makes the patch a piece.
    async fn flush(&mut self) -> Result<(), StorageError> {
        let Some((at, patch)) = self.patch.take() else { return Ok(()) };
        let (key, len) = (self.place.new_piece()?, patch.len() as u64);
        self.files.store.put(&key, patch.freeze()).await?;
        lay_over(&mut self.pieces.pieces, Piece { at, len, key, from: 0 });
        Ok(())
    }

    /// All of it as objects, for a note.
    pub(super) async fn settle(&mut self) -> Result<Pieces, StorageError> {
        self.flush().await?;
        Ok(self.pieces.clone())
    }

    pub(super) async fn read(&mut self, offset: u64, len: usize) -> Result<Bytes, StorageError> {
        self.flush().await?;
        let (store, pieces) = (&self.files.store, &self.pieces);
        let reader =
            self.reader.get_or_insert_with(|| PiecesFile::new(Arc::clone(store), pieces.clone()));
        reader.read_at(offset, len).await
    }

    /// One object with the first `size` bytes, zeros behind what there is: its key.
    pub(super) async fn finish(mut self, size: u64) -> Result<String, StorageError> {
        self.files.within_limits(Some(size))?;
        self.flush().await?;
        cut(&mut self.pieces.pieces, size);
        self.pieces.size = size;
        if let (Some((key, whole)), [piece]) = (&self.whole, &self.pieces.pieces[..])
            && *whole == size
            && piece.key == *key
            && piece.len == size
        {
            return Ok(key.clone());
        }
        let key = self.place.finished(&super::names::new_mark()?);
        let info = self.join(&key, size).await?;
        super::has_size(&key, &info, size)?;
        Ok(key)
    }

    async fn join(&self, key: &str, size: u64) -> Result<BlobInfo, StorageError> {
        let store = &self.files.store;
        let file = PiecesFile::new(Arc::clone(store), self.pieces.clone());
        if size <= STEP as u64 {
            let all = file.read_at(0, STEP).await?;
            return store.put(key, all).await;
        }
        let mut writer = store.begin(key).await?;
        let mut at = 0;
        while at < size {
            let bytes = file.read_at(at, STEP).await?;
            at += bytes.len() as u64;
            writer.write(bytes).await?;
        }
        writer.commit().await
    }
}

/// Puts a piece over those that are there.
fn lay_over(pieces: &mut Vec<Piece>, new: Piece) {
    let end = new.at + new.len;
    let mut kept = Vec::with_capacity(pieces.len() + 2);
    for piece in pieces.drain(..) {
        let piece_end = piece.at + piece.len;
        if piece.at < new.at {
            let len = piece.len.min(new.at - piece.at);
            kept.push(Piece { len, ..piece.clone() });
        }
        if piece_end > end {
            let skip = end.saturating_sub(piece.at);
            let (at, from, len) = (piece.at + skip, piece.from + skip, piece.len - skip);
            kept.push(Piece { at, from, len, key: piece.key });
        }
    }
    let place = kept.partition_point(|piece| piece.at < new.at);
    kept.insert(place, new);
    *pieces = kept;
}

/// Cuts off what lies behind `size`.
fn cut(pieces: &mut Vec<Piece>, size: u64) {
    pieces.retain(|piece| piece.at < size);
    if let Some(last) = pieces.last_mut() {
        last.len = last.len.min(size - last.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(at: u64, len: u64, key: &str, from: u64) -> Piece {
        Piece { at, len, key: key.into(), from }
    }

    #[test]
    fn pieces_lie_over_older_ones() {
        let mut pieces = Vec::new();
        for (new, expected) in [
            (piece(10, 10, "a", 0), vec![piece(10, 10, "a", 0)]),
            (piece(30, 5, "b", 0), vec![piece(10, 10, "a", 0), piece(30, 5, "b", 0)]),
            (
                piece(12, 3, "c", 0),
                vec![
                    piece(10, 2, "a", 0),
                    piece(12, 3, "c", 0),
                    piece(15, 5, "a", 5),
                    piece(30, 5, "b", 0),
                ],
            ),
            (
                piece(11, 20, "d", 0),
                vec![piece(10, 1, "a", 0), piece(11, 20, "d", 0), piece(31, 4, "b", 1)],
            ),
            (piece(0, 35, "e", 0), vec![piece(0, 35, "e", 0)]),
        ] {
            lay_over(&mut pieces, new);
            assert_eq!(pieces, expected);
        }
        cut(&mut pieces, 20);
        assert_eq!(pieces, [piece(0, 20, "e", 0)]);
        cut(&mut pieces, 0);
        assert_eq!(pieces, []);
    }
}
