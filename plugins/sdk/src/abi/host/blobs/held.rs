//! Writers and readers of objects.

use std::sync::Arc;

use bytes::Bytes;

use super::{info, info_of};
use crate::BoxFuture;
use crate::abi::ask::{Failure, succeeded};
use crate::abi::convert::read_struct;
use crate::abi::host::instance::Callee;
use crate::abi::host::storage::{Held, Span, piece};
use crate::abi::{BlobBegun, BlobOpened, BlobsTable, Buf, Outcome};
use crate::blobs::{BlobInfo, BlobReader, BlobWriter};
use crate::storage::StorageError;

struct PluginWriter(Arc<Held<BlobsTable>>);

pub(super) fn writer(
    callee: &Arc<Callee<BlobsTable>>,
) -> impl FnOnce(&Outcome) -> Result<Box<dyn BlobWriter>, Failure> + Send + use<> {
    let callee = Arc::clone(callee);
    move |outcome| {
        succeeded(outcome)?;
        let BlobsTable { this, writer_release, .. } = callee.table;
        // SAFETY: alive while the outcome is read, and what the table says.
        unsafe {
            let begun = read_struct::<BlobBegun>(outcome.value)?;
            let held = Held::new(&callee, this, begun.writer, writer_release)?;
            Ok(Box::new(PluginWriter(held)) as Box<dyn BlobWriter>)
        }
    }
}

impl BlobWriter for PluginWriter {
    fn write(&mut self, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>> {
        let callee = self.0.callee();
        let BlobsTable { this, writer_write, .. } = callee.table;
        let (keep, handle) = (Arc::clone(&self.0), self.0.handle());
        callee.storage(Span::Data, keep, writer_write, succeeded, |write, call, done| {
            // SAFETY: `keep` holds the handle; the buffer goes over.
            unsafe { write(this, call, handle, Buf::of(data), done) }
        })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<BlobInfo, StorageError>> {
        let callee = self.0.callee();
        let BlobsTable { this, writer_commit, .. } = callee.table;
        let (keep, handle) = (Arc::clone(&self.0), self.0.handle());
        callee.storage(Span::Whole, keep, writer_commit, info, |commit, call, done| {
            // SAFETY: `keep` holds the handle.
            unsafe { commit(this, call, handle, done) }
        })
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Result<(), StorageError>> {
        let callee = self.0.callee();
        let BlobsTable { this, writer_abort, .. } = callee.table;
        let (keep, handle) = (Arc::clone(&self.0), self.0.handle());
        callee.storage(Span::Data, keep, writer_abort, succeeded, |abort, call, done| {
            // SAFETY: `keep` holds the handle.
            unsafe { abort(this, call, handle, done) }
        })
    }
}

struct PluginReader {
    held: Arc<Held<BlobsTable>>,
    info: BlobInfo,
    /// Where the next byte is in the object.
    at: u64,
    /// Where the range ends.
    end: u64,
}

pub(super) fn reader(
    callee: &Arc<Callee<BlobsTable>>,
    at: u64,
    len: u64,
) -> impl FnOnce(&Outcome) -> Result<Box<dyn BlobReader>, Failure> + Send + use<> {
    let callee = Arc::clone(callee);
    move |outcome| {
        succeeded(outcome)?;
        let BlobsTable { this, reader_release, .. } = callee.table;
        // SAFETY: alive while the outcome is read, and what the table says.
        unsafe {
            let opened = read_struct::<BlobOpened>(outcome.value)?;
            let held = Held::new(&callee, this, opened.reader, reader_release)?;
            let info = info_of(opened.info)?;
            let end = at.saturating_add(len).min(info.size);
            Ok(Box::new(PluginReader { held, info, at, end }) as Box<dyn BlobReader>)
        }
    }
}

impl BlobReader for PluginReader {
    fn info(&self) -> BlobInfo {
        self.info.clone()
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Bytes, StorageError>> {
        let callee = self.held.callee();
        let BlobsTable { this, reader_next, .. } = callee.table;
        let (keep, handle) = (Arc::clone(&self.held), self.held.handle());
        let left = self.end.saturating_sub(self.at);
        let most = left.min(max as u64);
        let read = piece(self.at, most);
        let asked = callee.storage(Span::Data, keep, reader_next, read, |next, call, done| {
            // SAFETY: `keep` holds the handle.
            unsafe { next(this, call, handle, max as u64, done) }
        });
        Box::pin(async move {
            let data = asked.await?;
            if data.is_empty() && left > 0 {
                let text = format!("the object ends {left} bytes too early");
                return Err(StorageError::Internal(text));
            }
            self.at += data.len() as u64;
            Ok(data)
        })
    }
}
