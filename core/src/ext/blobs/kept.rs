//! What a place in the stage stands for, also after a restart.

use std::sync::Arc;

use bytes::Bytes;

use super::draft::Draft;
use super::names::{Finished, Place};
use super::note::{Note, Noted, Parts, Pieces};
use super::quilt::Quilt;
use super::read::{BytesFile, ObjectFile, PiecesFile};
use super::run::Run;
use super::{Files, has_size};
use crate::storage::{ReadFile, StagePath, StorageError};

/// What lies at a place.
enum Kept {
    /// A finished object, of which these first bytes count.
    Whole { key: String, whole: u64, size: u64 },
    /// Parts of an upload that goes on, and the bytes behind them.
    Run { parts: Parts, tail: Bytes },
    /// Pieces.
    Quilt(Pieces),
}

impl Files {
    /// What lies at a place, and the version that its note came from.
    async fn look_up(
        &self,
        at: &StagePath,
        place: &Place,
    ) -> Result<(Kept, Option<String>), StorageError> {
        if let Some(finished) = self.finished_at(at) {
            let (key, size) = (finished.key(), finished.size);
            return Ok((Kept::Whole { key, whole: size, size }, None));
        }
        let key = place.finished("0");
        let note = match &place.version {
            // Without its note it is not known which object was made of a version: the note goes
            // when the file is published, and then its row's tag knows.
            Some(version) => {
                let note = self.note(&place.synced(version)).await?;
                Some(note.ok_or_else(|| StorageError::NotFound(at.0.clone()))?)
            }
            None => None,
        };
        let there = match self.store.head(&key).await {
            Ok(info) => Some(info.size),
            Err(StorageError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(note) = note else {
            let whole = there.ok_or_else(|| StorageError::NotFound(at.0.clone()))?;
            return Ok((Kept::Whole { key, whole, size: whole }, None));
        };
        let kept = match note.noted {
            Noted::Quilt(pieces) => Kept::Quilt(pieces),
            Noted::Run(parts) => {
                let size = parts.len() + note.tail.len() as u64;
                match there {
                    // Its parts were joined already: to be read, or by a finish whose commit failed.
                    Some(whole) if whole >= size => Kept::Whole { key, whole, size },
                    Some(_) => return Err(StorageError::Changed(at.0.clone())),
                    None => Kept::Run { parts, tail: note.tail },
                }
            }
        };
        Ok((kept, note.before))
    }

    pub(super) async fn note(&self, key: &str) -> Result<Option<Note>, StorageError> {
        match self.store.get(key, 0, u64::MAX).await {
            Ok(note) => Note::parse(&note).map(Some),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a kept file to go on with it.
    pub(super) async fn reopen(self: &Arc<Self>, at: &StagePath) -> Result<Draft, StorageError> {
        let place = Place::of(at)?;
        let files = Arc::clone(self);
        let (kept, before) = self.look_up(at, &place).await?;
        match kept {
            Kept::Run { parts, tail } => {
                let run = Run::resumed(files, place, parts, &tail);
                Draft::of_run(at.clone(), before, run)
            }
            Kept::Quilt(pieces) => {
                Draft::of_quilt(at.clone(), before, Quilt::new(files, place, pieces))
            }
            Kept::Whole { key, whole, size } => {
                Draft::of_quilt(at.clone(), before, Quilt::over(files, place, key, whole, size))
            }
        }
    }

    /// Opens a staged file to read it, finished or not.
    pub(super) async fn read_staged(
        &self,
        at: &StagePath,
    ) -> Result<Box<dyn ReadFile>, StorageError> {
        let place = Place::of(at)?;
        let store = Arc::clone(&self.store);
        if place.version.is_none() && self.finished_at(at).is_none() {
            // One request instead of two.
            return Ok(Box::new(ObjectFile::open(store, place.finished("0"), None).await?));
        }
        Ok(match self.look_up(at, &place).await?.0 {
            Kept::Whole { key, whole, size } if whole == size => {
                Box::new(ObjectFile::open(store, key, Some(size)).await?)
            }
            Kept::Whole { key, size, .. } => Box::new(PiecesFile::new(store, first(key, size))),
            Kept::Quilt(pieces) => Box::new(PiecesFile::new(store, pieces)),
            Kept::Run { parts, tail } if parts.upload.is_none() => Box::new(BytesFile(tail)),
            Kept::Run { parts, tail } => {
                let size = parts.len() + tail.len() as u64;
                let key = self.join(&place, parts, tail).await?;
                if let Some(finished) = Finished::of_key(&key, size) {
                    self.handed_over(at, Some(&finished), true);
                }
                Box::new(ObjectFile::open(store, key, Some(size)).await?)
            }
        })
    }

    /// Joins the parts of an upload, which can be read only then, with what is behind them.
    async fn join(
        &self,
        place: &Place,
        mut parts: Parts,
        tail: Bytes,
    ) -> Result<String, StorageError> {
        let (key, size) = (place.finished("0"), parts.len() + tail.len() as u64);
        let upload = parts.upload.clone().unwrap_or_default();
        if !tail.is_empty() {
            let len = tail.len() as u64;
            let number = u32::try_from(parts.parts.len() + 1).unwrap_or(u32::MAX);
            let mark = self.store.multipart_put(&key, &upload, number, tail).await?;
            parts.parts.push((mark, len));
        }
        self.close(&key, &parts, size).await?;
        Ok(key)
    }

    /// Joins parts that are all there.
    pub(super) async fn close(
        &self,
        key: &str,
        parts: &Parts,
        size: u64,
    ) -> Result<(), StorageError> {
        let upload = parts.upload.clone().unwrap_or_default();
        let marks = parts.parts.iter().map(|(mark, _)| mark.clone()).collect();
        match self.store.multipart_finish(key, &upload, marks).await {
            Ok(info) => has_size(key, &info, size),
            // It may have been done though the answer was lost.
            Err(error) => match self.store.head(key).await {
                Ok(info) => has_size(key, &info, size),
                Err(_) => Err(error),
            },
        }
    }
}

fn first(key: String, size: u64) -> Pieces {
    let piece = super::note::Piece { at: 0, len: size, key, from: 0 };
    Pieces { size, pieces: vec![piece].into_iter().filter(|piece| piece.len > 0).collect() }
}
