//! A [`BlobStorage`] in memory, for tests of what uses one. Nothing of it is durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::BoxFuture;
use crate::blobs::{
    BlobAbilities, BlobEntry, BlobInfo, BlobPage, BlobReader, BlobStorage, BlobWriter, check_key,
};
use crate::storage::StorageError;

/// Objects of a page, few enough that tests see several.
const PAGE: usize = 1000;

/// A store whose clones share their objects.
#[derive(Debug, Clone)]
pub struct MemoryBlobs {
    state: Arc<Mutex<State>>,
    abilities: BlobAbilities,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    last_id: u64,
    failing: Option<StorageError>,
}

#[derive(Debug, Clone)]
struct Object {
    data: Bytes,
    info: BlobInfo,
}

#[derive(Debug)]
struct Upload {
    key: String,
    parts: BTreeMap<u32, (String, Bytes)>,
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        let abilities = BlobAbilities {
            server_copy: true,
            multipart: true,
            part_min: 16,
            part_max: 1 << 30,
            parts_max: 10_000,
            object_max: 1 << 32,
        };
        Self { state: Arc::default(), abilities }
    }
}

impl MemoryBlobs {
    /// An empty store with parts of at least 16 bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same objects, by one that says that it can do other things.
    #[must_use]
    pub fn with_abilities(self, abilities: BlobAbilities) -> Self {
        Self { abilities, ..self }
    }

    /// From now on every call fails with this error; `None` ends it.
    pub fn fail(&self, error: Option<StorageError>) {
        self.lock().failing = error;
    }

    /// All keys, for a test's eyes.
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// How many uploads in parts are unfinished.
    pub fn uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    /// Makes an object older, or younger if `seconds` is negative.
    pub fn age(&self, key: &str, seconds: i64) {
        if let Some(object) = self.lock().objects.get_mut(key) {
            object.info.modified -= seconds;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Runs `work` on the state unless calls are to fail.
    fn call<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&mut State) -> Result<T, StorageError>,
    ) -> BoxFuture<'_, Result<T, StorageError>> {
        let mut state = self.lock();
        let result = match &state.failing {
            Some(error) => Err(error.clone()),
            None => check_key(key).and_then(|()| work(&mut state)),
        };
        Box::pin(async { result })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A test that panicked elsewhere has failed already.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_found(key: &str) -> StorageError {
    StorageError::NotFound(key.to_owned())
}

impl State {
    fn new_tag(&mut self) -> String {
        self.last_id += 1;
        format!("m{}", self.last_id)
    }

    fn insert(&mut self, key: &str, data: Bytes) -> BlobInfo {
        let (size, modified) = (data.len() as u64, super::now());
        let info = BlobInfo { size, tag: self.new_tag(), modified };
        self.objects.insert(key.to_owned(), Object { data, info: info.clone() });
        info
    }

    fn object(&self, key: &str) -> Result<&Object, StorageError> {
        self.objects.get(key).ok_or_else(|| not_found(key))
    }

    fn upload(&mut self, key: &str, upload: &str) -> Result<&mut Upload, StorageError> {
        let found = self.uploads.get_mut(upload).filter(|found| found.key == key);
        found.ok_or_else(|| not_found(upload))
    }

    fn join(
        &mut self,
        key: &str,
        upload: &str,
        parts: &[String],
        part_min: u64,
    ) -> Result<Bytes, StorageError> {
        let there = self.upload(key, upload)?;
        let mut joined = BytesMut::new();
        for (number, mark) in (1..).zip(parts) {
            let part = there.parts.get(&number).filter(|(known, _)| known == mark);
            let (_, data) = part.ok_or_else(|| not_found(&format!("{upload}: part {number}")))?;
            if (data.len() as u64) < part_min && (number as usize) < parts.len() {
                return Err(StorageError::Internal(format!("part {number} is too small")));
            }
            joined.extend_from_slice(data);
        }
        Ok(joined.freeze())
    }
}

impl BlobStorage for MemoryBlobs {
    fn abilities(&self) -> BlobAbilities {
        self.abilities
    }

    fn put(&self, key: &str, data: Bytes) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.call(key, |state| Ok(state.insert(key, data)))
    }

    fn begin(&self, key: &str) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StorageError>> {
        let writer =
            MemoryWriter { store: self.clone(), key: key.to_owned(), data: BytesMut::new() };
        self.call(key, |_| Ok(Box::new(writer) as Box<dyn BlobWriter>))
    }

    fn open(
        &self,
        key: &str,
        offset: u64,
        len: u64,
    ) -> BoxFuture<'_, Result<Box<dyn BlobReader>, StorageError>> {
        let store = self.clone();
        self.call(key, |state| {
            let Object { data, info } = state.object(key)?.clone();
            let start = offset.min(info.size);
            let end = start.saturating_add(len).min(info.size);
            let rest = data.slice(start as usize..end as usize);
            Ok(Box::new(MemoryReader { store, info, rest }) as Box<dyn BlobReader>)
        })
    }

    fn head(&self, key: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.call(key, |state| Ok(state.object(key)?.info.clone()))
    }

    fn copy(&self, from: &str, to: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.call(to, |state| {
            check_key(from)?;
            let data = state.object(from)?.data.clone();
            Ok(state.insert(to, data))
        })
    }

    fn delete(&self, key: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.call(key, |state| {
            state.objects.remove(key);
            Ok(())
        })
    }

    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> BoxFuture<'_, Result<BlobPage, StorageError>> {
        // A prefix need not be a key.
        self.call("list", |state| {
            let behind = |key: &str| cursor.is_none_or(|cursor| key > cursor);
            let mut found = state
                .objects
                .iter()
                .filter(|(key, _)| key.starts_with(prefix) && behind(key))
                .map(|(key, object)| BlobEntry { key: key.clone(), info: object.info.clone() });
            let entries: Vec<_> = found.by_ref().take(PAGE).collect();
            let next = found.next().and(entries.last()).map(|last| last.key.clone());
            Ok(BlobPage { entries, next })
        })
    }

    fn multipart_begin(&self, key: &str) -> BoxFuture<'_, Result<String, StorageError>> {
        self.call(key, |state| {
            let name = state.new_tag();
            let upload = Upload { key: key.to_owned(), parts: BTreeMap::new() };
            state.uploads.insert(name.clone(), upload);
            Ok(name)
        })
    }

    fn multipart_put(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let abilities = self.abilities;
        self.call(key, |state| {
            if number == 0 || number > abilities.parts_max {
                return Err(StorageError::Internal(format!("there is no part {number}")));
            }
            if data.len() as u64 > abilities.part_max {
                return Err(StorageError::Internal(format!("part {number} is too large")));
            }
            let mark = state.new_tag();
            state.upload(key, upload)?.parts.insert(number, (mark.clone(), data));
            Ok(mark)
        })
    }

    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let part_min = self.abilities.part_min;
        self.call(key, |state| {
            let joined = state.join(key, upload, &parts, part_min)?;
            state.uploads.remove(upload);
            Ok(state.insert(key, joined))
        })
    }

    fn multipart_abort(&self, key: &str, upload: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.call(key, |state| {
            if state.upload(key, upload).is_ok() {
                state.uploads.remove(upload);
            }
            Ok(())
        })
    }
}

struct MemoryWriter {
    store: MemoryBlobs,
    key: String,
    data: BytesMut,
}

impl BlobWriter for MemoryWriter {
    fn write(&mut self, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        let failing = self.store.lock().failing.clone();
        if failing.is_none() {
            self.data.extend_from_slice(&data);
        }
        Box::pin(async { failing.map_or(Ok(()), Err) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<BlobInfo, StorageError>> {
        Box::pin(async move { self.store.put(&self.key, self.data.freeze()).await })
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Result<(), StorageError>> {
        Box::pin(async { Ok(()) })
    }
}

struct MemoryReader {
    store: MemoryBlobs,
    info: BlobInfo,
    rest: Bytes,
}

impl BlobReader for MemoryReader {
    fn info(&self) -> BlobInfo {
        self.info.clone()
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let next = match &self.store.lock().failing {
            Some(error) => Err(error.clone()),
            None => Ok(self.rest.split_to(max.min(self.rest.len()))),
        };
        Box::pin(async { next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::blobs::blobs_suite;

    #[tokio::test]
    async fn memory_passes_the_suite() {
        blobs_suite(|| (MemoryBlobs::new(), ())).await;
    }

    #[tokio::test]
    async fn every_call_fails_while_it_is_told_to() {
        let blobs = MemoryBlobs::new();
        blobs.put("there", Bytes::from_static(b"x")).await.unwrap();
        let mut reader = blobs.open("there", 0, 1).await.unwrap();
        let down = StorageError::Unavailable("down".into());
        blobs.fail(Some(down.clone()));
        assert_eq!(blobs.put("a", Bytes::new()).await, Err(down.clone()));
        assert_eq!(blobs.head("there").await, Err(down.clone()));
        assert_eq!(blobs.list("", None).await, Err(down.clone()));
        assert_eq!(reader.next(1).await, Err(down));
        blobs.fail(None);
        assert_eq!(reader.next(1).await, Ok(Bytes::from_static(b"x")));
        assert_eq!(blobs.keys(), ["there"]);
    }
}
