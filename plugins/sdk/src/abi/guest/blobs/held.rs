//! What a store of objects gives to the host to hold: writers and readers.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Provider, c_info, info};
use crate::abi::convert::size_of;
use crate::abi::guest::files::piece;
use crate::abi::guest::handles::{borrow, give, length, refused, release, unit};
use crate::abi::guest::offers::begin;
use crate::abi::token::Token;
use crate::abi::{BlobBegun, BlobOpened, Buf, CallInfo, Done, Op};
use crate::blobs::{BlobReader, BlobWriter};
use crate::storage::StorageError;

/// Gone once it was committed or given up.
type Writer = Mutex<Option<Box<dyn BlobWriter>>>;
type Reader = Mutex<Reading>;

/// A reader, and where its next byte is in the object.
struct Reading {
    reader: Box<dyn BlobReader>,
    at: u64,
}

pub(super) fn writer(result: Result<Box<dyn BlobWriter>, StorageError>, token: Token) {
    match result {
        Ok(writer) => {
            let writer = give::<Writer>(Mutex::new(Some(writer)));
            token.ok(&BlobBegun { size: size_of::<BlobBegun>(), reserved: 0, writer });
        }
        Err(error) => refused(&error, token),
    }
}

pub(super) fn reader(at: u64, result: Result<Box<dyn BlobReader>, StorageError>, token: Token) {
    match result {
        Ok(reader) => {
            let info = reader.info();
            let info = c_info(&info);
            token.ok(&BlobOpened {
                size: size_of::<BlobOpened>(),
                reserved: 0,
                reader: give::<Reader>(Mutex::new(Reading { reader, at })),
                info: ptr::from_ref(&info),
            });
        }
        Err(error) => refused(&error, token),
    }
}

fn over<T>() -> Result<T, StorageError> {
    Err(StorageError::Internal("the object was committed or given up before".to_owned()))
}

pub(super) unsafe extern "C" fn writer_write(
    this: *mut c_void,
    call: *const CallInfo,
    writer: *mut c_void,
    data: Buf,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let (writer, data) = (borrow::<Writer>(writer), data.into_bytes());
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                match writer.lock().await.as_mut() {
                    Some(writer) => writer.write(data).await,
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, unit)
    }
}

pub(super) unsafe extern "C" fn writer_commit(
    this: *mut c_void,
    call: *const CallInfo,
    writer: *mut c_void,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let writer = borrow::<Writer>(writer);
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                let writer = writer.lock().await.take();
                match writer {
                    Some(writer) => writer.commit().await,
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, info)
    }
}

pub(super) unsafe extern "C" fn writer_abort(
    this: *mut c_void,
    call: *const CallInfo,
    writer: *mut c_void,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let writer = borrow::<Writer>(writer);
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                let writer = writer.lock().await.take();
                match writer {
                    Some(writer) => writer.abort().await,
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, unit)
    }
}

pub(super) unsafe extern "C" fn writer_release(this: *mut c_void, writer: *mut c_void) {
    // SAFETY: the host calls it as the table says.
    unsafe { release::<Provider, Writer>(this, writer) }
}

pub(super) unsafe extern "C" fn reader_next(
    this: *mut c_void,
    call: *const CallInfo,
    reader: *mut c_void,
    max: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let reader = borrow::<Reader>(reader);
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                let mut reading = reader.lock().await;
                let data = reading.reader.next(length(max)).await;
                let at = reading.at;
                reading.at += data.as_ref().map_or(0, |data| data.len() as u64);
                (at, data)
            })
        };
        begin(this, call, done, prepare, |(at, data), token| piece(at, data, token))
    }
}

pub(super) unsafe extern "C" fn reader_release(this: *mut c_void, reader: *mut c_void) {
    // SAFETY: the host calls it as the table says.
    unsafe { release::<Provider, Reader>(this, reader) }
}
