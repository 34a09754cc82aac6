//! A [`BlobsTable`] as a [`BlobStorage`]; writers and readers are in `held.rs`.

mod held;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::instance::{Callee, Instance};
use super::storage::{Span, piece, text};
use crate::BoxFuture;
use crate::abi::ask::{Failure, succeeded};
use crate::abi::convert::{Malformed, borrowed, read_struct};
use crate::abi::{
    self, BLOBS_SERVER_COPY, BlobsTable, Buf, EXTENSION_BLOBS, Outcome, Str, StrList,
};
use crate::blobs::{
    BlobAbilities, BlobEntry, BlobInfo, BlobPage, BlobReader, BlobStorage, BlobWriter, read_all,
};
use crate::storage::StorageError;

/// The store of objects of a plugin. Clones are one store.
#[derive(Clone)]
pub struct PluginBlobs(Arc<Callee<BlobsTable>>);

impl PluginBlobs {
    /// That of an instance; `None` if it offers none. Calls that move bytes may take ten times
    /// `timeout`, those that are about whole objects a hundred times.
    pub fn of(instance: &Arc<Instance>, timeout: Duration) -> Option<Self> {
        let callee: Callee<BlobsTable> = Callee::new(instance, EXTENSION_BLOBS, timeout)?;
        is_complete(&callee.table).then(|| Self(Arc::new(callee)))
    }

    fn table(&self) -> &BlobsTable {
        &self.0.table
    }
}

/// Whether all functions are there that no store can do without.
fn is_complete(table: &BlobsTable) -> bool {
    table.put.is_some()
        && table.begin.is_some()
        && table.open.is_some()
        && table.head.is_some()
        && table.copy.is_some()
        && table.remove.is_some()
        && table.list.is_some()
        && table.writer_write.is_some()
        && table.writer_commit.is_some()
        && table.writer_abort.is_some()
        && table.writer_release.is_some()
        && table.reader_next.is_some()
        && table.reader_release.is_some()
}

impl BlobStorage for PluginBlobs {
    fn abilities(&self) -> BlobAbilities {
        let table = self.table();
        BlobAbilities {
            server_copy: table.flags & BLOBS_SERVER_COPY != 0,
            multipart: table.multipart_begin.is_some()
                && table.multipart_put.is_some()
                && table.multipart_finish.is_some()
                && table.multipart_abort.is_some(),
            part_min: table.part_min,
            part_max: table.part_max,
            parts_max: table.parts_max,
            object_max: table.object_max,
        }
    }

    fn put(&self, key: &str, data: Bytes) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let BlobsTable { this, put, .. } = *self.table();
        self.0.storage(Span::Data, (), put, info, |put, call, done| {
            // SAFETY: what is borrowed lives until the call returns, and the buffer goes over.
            unsafe { put(this, call, Str::of(key), Buf::of(data), done) }
        })
    }

    fn begin(&self, key: &str) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StorageError>> {
        let BlobsTable { this, begin, .. } = *self.table();
        self.0.storage(Span::Quick, (), begin, held::writer(&self.0), |begin, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { begin(this, call, Str::of(key), done) }
        })
    }

    fn open(
        &self,
        key: &str,
        offset: u64,
        len: u64,
    ) -> BoxFuture<'_, Result<Box<dyn BlobReader>, StorageError>> {
        let BlobsTable { this, open, .. } = *self.table();
        let read = held::reader(&self.0, offset, len);
        self.0.storage(Span::Quick, (), open, read, |open, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { open(this, call, Str::of(key), offset, len, done) }
        })
    }

    fn get(&self, key: &str, offset: u64, len: u64) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let BlobsTable { this, get, .. } = *self.table();
        if get.is_none() {
            let opening = self.open(key, offset, len);
            return Box::pin(async { read_all(opening.await?).await });
        }
        self.0.storage(Span::Data, (), get, piece(offset, len), |get, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { get(this, call, Str::of(key), offset, len, done) }
        })
    }

    fn head(&self, key: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let BlobsTable { this, head, .. } = *self.table();
        self.0.storage(Span::Quick, (), head, info, |head, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { head(this, call, Str::of(key), done) }
        })
    }

    fn copy(&self, from: &str, to: &str) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let BlobsTable { this, copy, .. } = *self.table();
        self.0.storage(Span::Whole, (), copy, info, |copy, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { copy(this, call, Str::of(from), Str::of(to), done) }
        })
    }

    fn delete(&self, key: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let BlobsTable { this, remove, .. } = *self.table();
        self.0.storage(Span::Quick, (), remove, succeeded, |remove, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { remove(this, call, Str::of(key), done) }
        })
    }

    fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> BoxFuture<'_, Result<BlobPage, StorageError>> {
        let BlobsTable { this, list, .. } = *self.table();
        self.0.storage(Span::Data, (), list, page, |list, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { list(this, call, Str::of(prefix), Str::option(cursor), done) }
        })
    }

    fn multipart_begin(&self, key: &str) -> BoxFuture<'_, Result<String, StorageError>> {
        let BlobsTable { this, multipart_begin, .. } = *self.table();
        self.0.storage(Span::Quick, (), multipart_begin, text, |begin, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { begin(this, call, Str::of(key), done) }
        })
    }

    fn multipart_put(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        data: Bytes,
    ) -> BoxFuture<'_, Result<String, StorageError>> {
        let BlobsTable { this, multipart_put, .. } = *self.table();
        let (key, upload) = (Str::of(key), Str::of(upload));
        self.0.storage(Span::Data, (), multipart_put, text, |put, call, done| {
            // SAFETY: what is borrowed lives until the call returns, and the buffer goes over.
            unsafe { put(this, call, key, upload, number, Buf::of(data), done) }
        })
    }

    fn multipart_finish(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
    ) -> BoxFuture<'_, Result<BlobInfo, StorageError>> {
        let BlobsTable { this, multipart_finish, .. } = *self.table();
        let (key, upload, marks) = (Str::of(key), Str::of(upload), borrowed(&parts));
        self.0.storage(Span::Whole, (), multipart_finish, info, |finish, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { finish(this, call, key, upload, StrList::of(&marks), done) }
        })
    }

    fn multipart_abort(&self, key: &str, upload: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let BlobsTable { this, multipart_abort, .. } = *self.table();
        self.0.storage(Span::Data, (), multipart_abort, succeeded, |abort, call, done| {
            // SAFETY: what is borrowed lives until the call returns.
            unsafe { abort(this, call, Str::of(key), Str::of(upload), done) }
        })
    }
}

fn info(outcome: &Outcome) -> Result<BlobInfo, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    Ok(unsafe { info_of(outcome.value.cast()) }?)
}

/// # Safety
/// The pointer is null, or alive and as the table says.
unsafe fn info_of(at: *const abi::BlobInfo) -> Result<BlobInfo, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        let info = read_struct::<abi::BlobInfo>(at.cast())?;
        Ok(BlobInfo { size: info.bytes, tag: info.tag.owned()?, modified: info.modified })
    }
}

fn page(outcome: &Outcome) -> Result<BlobPage, Failure> {
    succeeded(outcome)?;
    // SAFETY: alive while the outcome is read, and what the table says.
    unsafe {
        let page = read_struct::<abi::BlobPage>(outcome.value)?;
        let entry = |entry: &abi::BlobEntry| {
            Ok(BlobEntry { key: entry.key.owned()?, info: info_of(entry.info)? })
        };
        let entries = page.entries.read::<abi::BlobEntry>()?;
        let entries = entries.iter().map(entry).collect::<Result<_, Malformed>>()?;
        Ok(BlobPage { entries, next: page.next.option_owned()? })
    }
}
