//! An unfinished file that is written in order: parts of one upload of the store, and the bytes that
//! are too few for a part yet.
//!
//! A few parts are on their way at once, so memory is that of a few parts, whatever the length of
//! the file. The first part begins the upload; what is smaller is one `put` when it is finished.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::names::Place;
use super::note::{Note, Noted, Parts};
use super::{BEGUN, Files, has_size};
use crate::storage::StorageError;

/// Parts on their way at once.
const FLYING: usize = 3;
/// Parts of one size. Each further so many are twice as large, so that a store's 10,000 parts are
/// enough for 496 GiB.
const SAME_SIZE: usize = 2_000;

/// A part on its way: its place among the parts, and its mark to come.
type Flying = (usize, JoinHandle<Result<String, StorageError>>);

pub(super) struct Run {
    pub(super) files: Arc<Files>,
    pub(super) place: Place,
    parts: Parts,
    flying: VecDeque<Flying>,
    tail: BytesMut,
    /// Bytes of the tail that are in a note. They are not written over, only behind.
    noted: usize,
}

impl Run {
    pub(super) fn new(files: Arc<Files>, place: Place) -> Self {
        let (parts, flying, tail) = Default::default();
        Self { files, place, parts, flying, tail, noted: 0 }
    }

    /// Goes on with what was noted.
    pub(super) fn resumed(files: Arc<Files>, place: Place, parts: Parts, tail: &Bytes) -> Self {
        let (tail, noted) = (BytesMut::from(&tail[..]), tail.len());
        Self { parts, tail, noted, ..Self::new(files, place) }
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.parts.len() + self.tail.len() as u64
    }

    /// Whether anything of it lies in the store.
    pub(super) fn has_parts(&self) -> bool {
        self.parts.upload.is_some()
    }

    /// Where bytes at `offset` go, if they can be written here: at the end, not far behind it, or
    /// over what is still at hand.
    pub(super) fn takes(&self, offset: u64, len: usize) -> Option<usize> {
        let start = usize::try_from(offset.checked_sub(self.parts.len())?).ok()?;
        let far = start > self.tail.len() && start.checked_add(len)? > self.part_bytes();
        let over = start < self.noted;
        (!far && !over).then_some(start)
    }

    /// Writes where [`Run::takes`] says.
    pub(super) async fn write(&mut self, start: usize, data: Bytes) -> Result<(), StorageError> {
        let end = start + data.len();
        self.files.within_limits(self.parts.len().checked_add(end as u64))?;
        if end > self.tail.len() {
            self.tail.resize(end, 0);
        }
        self.tail[start..end].copy_from_slice(&data);
        while self.tail.len() >= self.part_bytes() {
            let part = self.tail.split_to(self.part_bytes()).freeze();
            self.noted = self.noted.saturating_sub(part.len());
            self.launch(part).await?;
        }
        Ok(())
    }

    /// Bytes that are at hand.
    pub(super) fn at_hand(&self, offset: u64, len: usize) -> Option<Bytes> {
        let start = usize::try_from(offset.checked_sub(self.parts.len())?).ok()?;
        let start = start.min(self.tail.len());
        let end = start.saturating_add(len).min(self.tail.len());
        Some(Bytes::copy_from_slice(&self.tail[start..end]))
    }

    /// Bytes of the next part.
    fn part_bytes(&self) -> usize {
        let doubled = (self.parts.parts.len() / SAME_SIZE).min(16);
        let most = usize::try_from(self.files.store.abilities().part_max).unwrap_or(usize::MAX);
        (self.files.settings.part_bytes << doubled).min(most)
    }

    async fn launch(&mut self, part: Bytes) -> Result<(), StorageError> {
        let key = self.place.finished("0");
        let upload = match &self.parts.upload {
            Some(upload) => upload.clone(),
            None => self.begin(&key).await?,
        };
        let limit = if self.part_bytes() > self.files.settings.part_bytes { 1 } else { FLYING };
        while self.flying.len() >= limit {
            self.land().await?;
        }
        let index = self.parts.parts.len();
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if number > self.files.store.abilities().parts_max {
            return Err(StorageError::Full);
        }
        self.parts.parts.push((String::new(), part.len() as u64));
        let store = Arc::clone(&self.files.store);
        let put = async move { store.multipart_put(&key, &upload, number, part).await };
        self.flying.push_back((index, tokio::spawn(put)));
        Ok(())
    }

    /// Begins the upload, and notes that: who dies from here on leaves a trace by which the next
    /// start finds the parts.
    async fn begin(&mut self, key: &str) -> Result<String, StorageError> {
        let upload = self.files.store.multipart_begin(key).await?;
        self.parts.upload = Some(upload.clone());
        let parts = Parts { upload: Some(upload.clone()), parts: Vec::new() };
        let note = Note { noted: Noted::Run(parts), before: None, tail: Bytes::new() };
        self.files.store.put(&self.place.synced(BEGUN), note.write()?).await?;
        Ok(upload)
    }

    /// Waits for the part that has been on its way for longest.
    async fn land(&mut self) -> Result<(), StorageError> {
        // It stays in the queue while it is waited for: who stops waiting does not lose sight of it.
        let Some((index, part)) = self.flying.front_mut() else { return Ok(()) };
        let landed = part.await.map_err(|error| StorageError::Internal(error.to_string()));
        let index = *index;
        self.flying.pop_front();
        self.parts.parts[index].0 = landed??;
        Ok(())
    }

    /// Waits for all parts.
    async fn land_all(&mut self) -> Result<(), StorageError> {
        while !self.flying.is_empty() {
            self.land().await?;
        }
        Ok(())
    }

    /// Gives up: waits until no part is on its way any more, whatever becomes of it.
    pub(super) async fn calm(mut self) {
        for (_, part) in self.flying.drain(..) {
            let _given_up = part.await;
        }
    }

    /// All of it in the store but the tail, for a note.
    pub(super) async fn settle(&mut self) -> Result<(Parts, Bytes), StorageError> {
        let abilities = self.files.store.abilities();
        if abilities.multipart && self.tail.len() as u64 >= abilities.part_min.max(1) {
            let part = self.tail.split().freeze();
            self.launch(part).await?;
        }
        self.land_all().await?;
        self.noted = self.tail.len();
        Ok((self.parts.clone(), Bytes::copy_from_slice(&self.tail)))
    }

    /// Makes all of it one object: its key and size.
    pub(super) async fn seal(&mut self) -> Result<(String, u64), StorageError> {
        let (key, size) = (self.place.finished("0"), self.len());
        if self.parts.upload.is_none() {
            let info = self.files.store.put(&key, self.tail.split().freeze()).await?;
            has_size(&key, &info, size)?;
            return Ok((key, size));
        }
        if !self.tail.is_empty() {
            let part = self.tail.split().freeze();
            self.launch(part).await?;
        }
        self.land_all().await?;
        self.files.close(&key, &self.parts, size).await?;
        Ok((key, size))
    }

    /// Cuts or extends what is all at hand.
    pub(super) fn resize(&mut self, size: usize) {
        self.tail.resize(size, 0);
    }
}
