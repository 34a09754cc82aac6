//! [`BlobsTable`] around a [`BlobStorage`]: the functions of the store itself; what it gives to the host
//! to hold is in `held.rs`.

mod held;

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::files::piece;
use super::handles::{refused, text, unit};
use super::offers::begin;
use crate::abi::convert::size_of;
use crate::abi::token::Token;
use crate::abi::{
    BLOBS_SERVER_COPY, BlobEntry, BlobInfo, BlobPage, BlobsTable, Buf, CallInfo, Done, List, Op,
    Str, StrList,
};
use crate::blobs::{self, BlobStorage};
use crate::storage::StorageError;

type Provider = dyn BlobStorage;

pub(super) fn table(store: &Arc<Provider>, this: *mut c_void) -> BlobsTable {
    let can = store.abilities();
    BlobsTable {
        size: size_of::<BlobsTable>(),
        flags: if can.server_copy { BLOBS_SERVER_COPY } else { 0 },
        this,
        part_min: can.part_min,
        part_max: can.part_max,
        parts_max: can.parts_max,
        reserved: 0,
        object_max: can.object_max,
        put: Some(put),
        begin: Some(start),
        open: Some(open),
        head: Some(head),
        copy: Some(copy),
        remove: Some(remove),
        list: Some(list),
        writer_write: Some(held::writer_write),
        writer_commit: Some(held::writer_commit),
        writer_abort: Some(held::writer_abort),
        writer_release: Some(held::writer_release),
        reader_next: Some(held::reader_next),
        reader_release: Some(held::reader_release),
        get: Some(get),
        multipart_begin: can.multipart.then_some(multipart_begin as _),
        multipart_put: can.multipart.then_some(multipart_put as _),
        multipart_finish: can.multipart.then_some(multipart_finish as _),
        multipart_abort: can.multipart.then_some(multipart_abort as _),
    }
}

fn c_info(info: &blobs::BlobInfo) -> BlobInfo {
    BlobInfo {
        size: size_of::<BlobInfo>(),
        reserved: 0,
        bytes: info.size,
        modified: info.modified,
        tag: Str::of(&info.tag),
    }
}

fn info(result: Result<blobs::BlobInfo, StorageError>, token: Token) {
    match result {
        Ok(info) => token.ok(&c_info(&info)),
        Err(error) => refused(&error, token),
    }
}

fn page(result: Result<blobs::BlobPage, StorageError>, token: Token) {
    let page = match result {
        Ok(page) => page,
        Err(error) => return refused(&error, token),
    };
    let infos: Vec<_> = page.entries.iter().map(|entry| c_info(&entry.info)).collect();
    let entry = |(entry, info): (&blobs::BlobEntry, &BlobInfo)| BlobEntry {
        size: size_of::<BlobEntry>(),
        reserved: 0,
        key: Str::of(&entry.key),
        info: ptr::from_ref(info),
    };
    let entries: Vec<_> = page.entries.iter().zip(&infos).map(entry).collect();
    token.ok(&BlobPage {
        size: size_of::<BlobPage>(),
        reserved: 0,
        entries: List::of(&entries),
        next: Str::option(page.next.as_deref()),
    });
}

unsafe extern "C" fn put(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    data: Buf,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let data = data.into_bytes();
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.put(&key, data).await })
        };
        begin(this, call, done, prepare, info)
    }
}

unsafe extern "C" fn start(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.begin(&key).await })
        };
        begin(this, call, done, prepare, held::writer)
    }
}

unsafe extern "C" fn open(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    offset: u64,
    len: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.open(&key, offset, len).await })
        };
        begin(this, call, done, prepare, move |result, token| held::reader(offset, result, token))
    }
}

unsafe extern "C" fn get(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    offset: u64,
    len: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.get(&key, offset, len).await })
        };
        begin(this, call, done, prepare, move |result, token| piece(offset, result, token))
    }
}

unsafe extern "C" fn head(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.head(&key).await })
        };
        begin(this, call, done, prepare, info)
    }
}

unsafe extern "C" fn copy(
    this: *mut c_void,
    call: *const CallInfo,
    from: Str,
    to: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let (from, to) = (from.owned()?, to.owned()?);
            Ok(async move { store.copy(&from, &to).await })
        };
        begin(this, call, done, prepare, info)
    }
}

unsafe extern "C" fn remove(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.delete(&key).await })
        };
        begin(this, call, done, prepare, unit)
    }
}

unsafe extern "C" fn list(
    this: *mut c_void,
    call: *const CallInfo,
    prefix: Str,
    cursor: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let (prefix, cursor) = (prefix.owned()?, cursor.option_owned()?);
            Ok(async move { store.list(&prefix, cursor.as_deref()).await })
        };
        begin(this, call, done, prepare, page)
    }
}

unsafe extern "C" fn multipart_begin(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let key = key.owned()?;
            Ok(async move { store.multipart_begin(&key).await })
        };
        begin(this, call, done, prepare, text)
    }
}

unsafe extern "C" fn multipart_put(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    upload: Str,
    number: u32,
    data: Buf,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let data = data.into_bytes();
        let prepare = |store: Arc<Provider>, _| {
            let (key, upload) = (key.owned()?, upload.owned()?);
            Ok(async move { store.multipart_put(&key, &upload, number, data).await })
        };
        begin(this, call, done, prepare, text)
    }
}

unsafe extern "C" fn multipart_finish(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    upload: Str,
    marks: StrList,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let (key, upload) = (key.owned()?, upload.owned()?);
            let marks = marks.option_owned()?.unwrap_or_default();
            Ok(async move { store.multipart_finish(&key, &upload, marks).await })
        };
        begin(this, call, done, prepare, info)
    }
}

unsafe extern "C" fn multipart_abort(
    this: *mut c_void,
    call: *const CallInfo,
    key: Str,
    upload: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |store: Arc<Provider>, _| {
            let (key, upload) = (key.owned()?, upload.owned()?);
            Ok(async move { store.multipart_abort(&key, &upload).await })
        };
        begin(this, call, done, prepare, unit)
    }
}
