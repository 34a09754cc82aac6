//! A store that counts its calls, and fails from one of them on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use moonsail::storage::StorageError;
use moonsail_sdk::BoxFuture;
use moonsail_sdk::blobs::{BlobAbilities, BlobInfo, BlobPage, BlobReader, BlobStorage, BlobWriter};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It does not reach the store.
    Refused,
    /// It is carried out, and its answer is lost.
    AnswerLost,
}

/// Which calls fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) failure: Failure,
    /// From this call on, from 0.
    pub(crate) nth: usize,
    /// Only this one.
    pub(crate) once: bool,
}

#[derive(Clone)]
pub(crate) struct Flaky {
    inner: Arc<dyn BlobStorage>,
    calls: Arc<AtomicUsize>,
    struck: Arc<AtomicBool>,
    plan: Arc<Mutex<Option<Plan>>>,
}

impl Flaky {
    pub(crate) fn new(inner: Arc<dyn BlobStorage>) -> Self {
        let (calls, struck, plan) = Default::default();
        Self { inner, calls, struck, plan }
    }

    /// Counts anew, and fails as planned.
    pub(crate) fn arm(&self, plan: Option<Plan>) {
        self.calls.store(0, SeqCst);
        self.struck.store(false, SeqCst);
        *self.plan.lock().unwrap() = plan;
    }

    /// Calls since it was armed.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// Whether a call has failed since.
    pub(crate) fn has_struck(&self) -> bool {
        self.struck.load(SeqCst)
    }

    fn strike(&self) -> Option<Failure> {
        let call = self.calls.fetch_add(1, SeqCst);
        let plan = (*self.plan.lock().unwrap())?;
        let hit = call == plan.nth || (call > plan.nth && !plan.once);
        if hit {
            self.struck.store(true, SeqCst);
        }
        hit.then_some(plan.failure)
    }

    fn around<'a, T: Send + 'a>(
        &self,
        call: impl Future<Output = Result<T, StorageError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StorageError>> {
        let failure = self.strike();
        Box::pin(async move {
            let down = Err(StorageError::Unavailable("the test's outage".into()));
            match failure {
                None => call.await,
                Some(Failure::Refused) => down,
                Some(Failure::AnswerLost) => {
                    drop(call.await);
                    down
                }
            }
        })
    }
}

impl BlobStorage for Flaky {
    fn abilities(&self) -> BlobAbilities {
        self.inner.abilities()
    }

    fn put(&self, key: &str, data: Bytes) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.around(self.inner.put(key, data))
    }

    fn begin(&self, key: &str) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StorageError>> {
        let begun = self.inner.begin(key);
        let flaky = self.clone();
        self.around(async move {
            Ok(Box::new(FlakyWriter { inner: begun.await?, flaky }) as Box<dyn BlobWriter>)
        })
    }

    fn open(
        &self,
        key: &str,
        offset: u64,
        len: u64,
    ) -> BoxFuture<'_, Result<Box<dyn BlobReader>, StorageError>> {
        let opened = self.inner.open(key, offset, len);
        let flaky = self.clone();
        self.around(async move {
            Ok(Box::new(FlakyReader { inner: opened.await?, flaky }) as Box<dyn BlobReader>)
        })
    }

    fn head(&self, key: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.around(self.inner.head(key))
    }

    fn copy(&self, from: &str, to: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.around(self.inner.copy(from, to))
    }

    fn delete(&self, key: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.around(self.inner.delete(key))
    }

    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> BoxFuture<'_, Result<BlobPage, StorageError>> {
        self.around(self.inner.list(prefix, cursor))
    }

    fn multipart_begin(&self, key: &str) -> BoxFuture<'_, Result<String, StorageError>> {
        self.around(self.inner.multipart_begin(key))
    }

    fn multipart_put(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        self.around(self.inner.multipart_put(key, upload, number, data))
    }

    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        self.around(self.inner.multipart_finish(key, upload, parts))
    }

    fn multipart_abort(&self, key: &str, upload: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.around(self.inner.multipart_abort(key, upload))
    }
}

struct FlakyWriter {
    inner: Box<dyn BlobWriter>,
    flaky: Flaky,
}

impl BlobWriter for FlakyWriter {
    fn write(&mut self, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        let Self { inner, flaky } = self;
        flaky.around(inner.write(data))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<BlobInfo, StorageError>> {
        self.flaky.clone().around(self.inner.commit())
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Result<(), StorageError>> {
        self.inner.abort()
    }
}

struct FlakyReader {
    inner: Box<dyn BlobReader>,
    flaky: Flaky,
}

impl BlobReader for FlakyReader {
    fn info(&self) -> BlobInfo {
        self.inner.info()
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let Self { inner, flaky } = self;
        flaky.around(inner.next(max))
    }
}
