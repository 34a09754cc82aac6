//! A file of the stage being written: in order as a [`Run`], otherwise as a [`Quilt`].

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use moonsail_sdk::BoxFuture;

use super::Files;
use super::names::{Finished, Place, new_mark};
use super::note::{Note, Noted};
use super::quilt::Quilt;
use super::run::Run;
use crate::storage::{Durability, StageFile, StagePath, Staged, StorageError};

pub(super) struct Draft {
    files: Arc<Files>,
    place: Place,
    body: Body,
    /// The place of what is noted in the store, if nothing was written since.
    clean: Option<StagePath>,
    /// The version that is noted, and the one that it came from.
    version: Option<String>,
    before: Option<String>,
    /// The version of the next note.
    next: String,
    /// Whether it was there before this draft.
    reopened: bool,
    /// Whether it goes when it is dropped.
    armed: bool,
}

enum Body {
    Run(Run),
    Quilt(Quilt),
    /// Being turned into the other, which failed if this is ever seen.
    Lost,
}

impl Draft {
    /// A new file.
    pub(super) fn new(files: Arc<Files>) -> Result<Self, StorageError> {
        let place = Place::new()?;
        let body = match files.store.abilities().multipart {
            true => Body::Run(Run::new(Arc::clone(&files), place.clone())),
            false => Body::Quilt(Quilt::new(Arc::clone(&files), place.clone(), Default::default())),
        };
        let next = new_mark()?;
        let (clean, version, before) = (None, None, None);
        Ok(Self { files, place, body, clean, version, before, next, reopened: false, armed: true })
    }

    fn reopened(
        files: Arc<Files>,
        place: Place,
        at: StagePath,
        before: Option<String>,
        body: Body,
    ) -> Result<Self, StorageError> {
        let (next, version) = (new_mark()?, place.version.clone());
        let clean = Some(at);
        Ok(Self { files, place, body, clean, version, before, next, reopened: true, armed: true })
    }

    /// Goes on with a file in order.
    pub(super) fn of_run(
        at: StagePath,
        before: Option<String>,
        run: Run,
    ) -> Result<Self, StorageError> {
        let (files, place) = (Arc::clone(&run.files), run.place.clone());
        Self::reopened(files, place, at, before, Body::Run(run))
    }

    /// Goes on with a file in pieces, or a finished one.
    pub(super) fn of_quilt(
        at: StagePath,
        before: Option<String>,
        quilt: Quilt,
    ) -> Result<Self, StorageError> {
        let (files, place) = (Arc::clone(&quilt.files), quilt.place.clone());
        Self::reopened(files, place, at, before, Body::Quilt(quilt))
    }

    /// The body as a quilt, whatever it was.
    async fn quilt(&mut self) -> Result<&mut Quilt, StorageError> {
        if let Body::Run(run) = &mut self.body {
            let place = run.place.clone();
            let quilt = if run.has_parts() {
                // What lies in parts of an upload is read only once they are joined.
                let (key, size) = run.seal().await?;
                Quilt::over(Arc::clone(&self.files), place, key, size, size)
            } else {
                let mut quilt = Quilt::new(Arc::clone(&self.files), place, Default::default());
                let tail = run.at_hand(0, usize::MAX).unwrap_or_default();
                quilt.write(0, tail).await?;
                quilt
            };
            self.body = Body::Quilt(quilt);
        }
        match &mut self.body {
            Body::Quilt(quilt) => Ok(quilt),
            Body::Run(_) | Body::Lost => Err(lost()),
        }
    }

    async fn write(&mut self, offset: u64, data: Bytes) -> Result<(), StorageError> {
        self.files.within_limits(offset.checked_add(data.len() as u64))?;
        if data.is_empty() {
            return Ok(());
        }
        self.clean = None;
        if let Body::Run(run) = &mut self.body
            && let Some(start) = run.takes(offset, data.len())
        {
            return run.write(start, data).await;
        }
        self.quilt().await?.write(offset, data).await
    }

    async fn read(&mut self, offset: u64, len: usize) -> Result<Bytes, StorageError> {
        if let Body::Run(run) = &mut self.body
            && let Some(bytes) = run.at_hand(offset, len)
        {
            return Ok(bytes);
        }
        self.quilt().await?.read(offset, len).await
    }

    /// Notes all that was written, under a version of its own.
    async fn note(&mut self) -> Result<(), StorageError> {
        if self.clean.is_some() {
            return Ok(());
        }
        let (noted, tail) = match &mut self.body {
            Body::Run(run) => {
                let (parts, tail) = run.settle().await?;
                (Noted::Run(parts), tail)
            }
            Body::Quilt(quilt) => (Noted::Quilt(quilt.settle().await?), Bytes::new()),
            Body::Lost => return Err(lost()),
        };
        let next = mem::replace(&mut self.next, new_mark()?);
        let note = Note { noted, before: self.version.clone(), tail };
        self.files.store.put(&self.place.synced(&next), note.write()?).await?;
        self.clean = Some(self.place.at_version(&next));
        let noted_before = self.version.replace(next);
        // Whoever reopened this draft has a place of `noted_before`, so what came before that one
        // counts no more. It is only space: what fails here goes with the file.
        if let Some(gone) = mem::replace(&mut self.before, noted_before) {
            self.files.delete_later(self.place.synced(&gone));
        }
        Ok(())
    }

    async fn complete(&mut self, size: u64) -> Result<Staged, StorageError> {
        self.files.within_limits(Some(size))?;
        let at = self.at();
        let mut leftovers = self.reopened || self.version.is_some();
        let sealed = match &mut self.body {
            Body::Run(run) if run.len() == size => {
                let key = run.seal().await?.0;
                leftovers |= run.has_parts();
                Some(key)
            }
            Body::Run(run) if !run.has_parts() && size <= self.files.settings.part_bytes as u64 => {
                run.resize(usize::try_from(size).unwrap_or_default());
                Some(run.seal().await?.0)
            }
            _ => None,
        };
        let key = match sealed {
            Some(key) => key,
            None => {
                leftovers = true;
                self.quilt().await?;
                match mem::replace(&mut self.body, Body::Lost) {
                    Body::Quilt(quilt) => quilt.finish(size).await?,
                    Body::Run(_) | Body::Lost => return Err(lost()),
                }
            }
        };
        let finished = Finished::of_key(&key, size).ok_or_else(lost)?;
        self.files.handed_over(&at, Some(&finished), leftovers);
        Ok(Staged { at, size, tag: finished.tag() })
    }
}

fn lost() -> StorageError {
    StorageError::Internal("an unfinished file was lost by an earlier failure".to_owned())
}

impl StageFile for Draft {
    fn at(&self) -> StagePath {
        self.clean.clone().unwrap_or_else(|| self.place.at_version(&self.next))
    }

    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.write(offset, data))
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(self.note())
    }

    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        Box::pin(self.read(offset, len))
    }

    fn finish(
        mut self: Box<Self>,
        size: u64,
        _mtime: Option<i64>,
        _durability: Durability,
    ) -> BoxFuture<'static, Result<Staged, StorageError>> {
        Box::pin(async move {
            let finished = self.complete(size).await;
            self.armed = finished.is_err() && !self.reopened;
            finished
        })
    }

    fn keep(mut self: Box<Self>) {
        self.armed = false;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (files, place) = (Arc::clone(&self.files), self.place.clone());
        let body = mem::replace(&mut self.body, Body::Lost);
        let cleaning = async move {
            if let Body::Run(run) = body {
                run.calm().await;
            }
            if let Err(error) = files.discard(&place, true).await {
                tracing::warn!(id = place.id, %error, "an upload that was given up stays for now");
            }
        };
        // Without a runtime the server is going down; the next start finds what is noted.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(cleaning);
        }
    }
}
