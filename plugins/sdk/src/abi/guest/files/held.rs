//! What a storage of files gives to the host to hold: stage files, opened files, watches.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::Mutex;

use super::{Provider, values};
use crate::abi::convert::size_of;
use crate::abi::guest::handles::{borrow, give, length, refused, release, text};
use crate::abi::guest::offers::begin;
use crate::abi::token::Token;
use crate::abi::{
    Buf, CODE_UNSUPPORTED, CallInfo, Done, FileOpened, FileStage, FileWatch, Op, PieceAt, Str,
};
use crate::storage::{ReadFile, StageFile, StorageError, Watch};

/// A stage file. Calls wait for each other also where one was cancelled and is still ending.
struct Stage {
    /// Gone once it was finished.
    file: Mutex<Option<Box<dyn StageFile>>>,
    kept: AtomicBool,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed)
            && let Some(file) = self.file.get_mut().take()
        {
            file.keep();
        }
    }
}

type File = Box<dyn ReadFile>;
type Watching = Mutex<Box<dyn Watch>>;

pub(super) fn stage(result: Result<Box<dyn StageFile>, StorageError>, token: Token) {
    match result {
        Ok(file) => {
            let at = file.at();
            let stage = Stage { file: Mutex::new(Some(file)), kept: AtomicBool::new(false) };
            token.ok(&FileStage {
                size: size_of::<FileStage>(),
                reserved: 0,
                stage: give(stage),
                at: Str::of(&at.0),
            });
        }
        Err(error) => refused(&error, token),
    }
}

pub(super) fn file(result: Result<File, StorageError>, token: Token) {
    match result {
        Ok(file) => {
            let bytes = file.size();
            let file = give(file);
            token.ok(&FileOpened { size: size_of::<FileOpened>(), reserved: 0, file, bytes });
        }
        Err(error) => refused(&error, token),
    }
}

pub(super) fn watch(result: Result<Option<Box<dyn Watch>>, StorageError>, token: Token) {
    match result {
        Ok(Some(watch)) => {
            let watch = give(Mutex::new(watch));
            token.ok(&FileWatch { size: size_of::<FileWatch>(), reserved: 0, watch });
        }
        Ok(None) => token.code(CODE_UNSUPPORTED, "this storage does not watch"),
        Err(error) => refused(&error, token),
    }
}

/// Answers bytes that begin at `offset`.
pub(in crate::abi::guest) fn piece(offset: u64, result: Result<Bytes, StorageError>, token: Token) {
    match result {
        Ok(data) => token.ok(&PieceAt {
            size: size_of::<PieceAt>(),
            reserved: 0,
            offset,
            data: Buf::of(data),
        }),
        Err(error) => refused(&error, token),
    }
}

fn over<T>() -> Result<T, StorageError> {
    Err(StorageError::Internal("the stage file was finished before".to_owned()))
}

pub(super) unsafe extern "C" fn stage_write(
    this: *mut c_void,
    call: *const CallInfo,
    stage: *mut c_void,
    offset: u64,
    data: Buf,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let (stage, data) = (borrow::<Stage>(stage), data.into_bytes());
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                match stage.file.lock().await.as_mut() {
                    Some(file) => file.write_at(offset, data).await.map(|()| file.at().0),
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, text)
    }
}

pub(super) unsafe extern "C" fn stage_sync(
    this: *mut c_void,
    call: *const CallInfo,
    stage: *mut c_void,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let stage = borrow::<Stage>(stage);
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                match stage.file.lock().await.as_mut() {
                    Some(file) => file.sync().await.map(|()| file.at().0),
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, text)
    }
}

pub(super) unsafe extern "C" fn stage_read(
    this: *mut c_void,
    call: *const CallInfo,
    stage: *mut c_void,
    offset: u64,
    len: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let stage = borrow::<Stage>(stage);
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                match stage.file.lock().await.as_mut() {
                    Some(file) => file.read_at(offset, length(len)).await,
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, move |result, token| piece(offset, result, token))
    }
}

pub(super) unsafe extern "C" fn stage_finish(
    this: *mut c_void,
    call: *const CallInfo,
    stage: *mut c_void,
    bytes: u64,
    mtime: i64,
    durability: u32,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let stage = borrow::<Stage>(stage);
        let prepare = |_: Arc<Provider>, _| {
            let (mtime, durability) = (values::mtime(mtime), values::durability(durability));
            Ok(async move {
                let file = stage.file.lock().await.take();
                match file {
                    Some(file) => file.finish(bytes, mtime, durability).await,
                    None => over(),
                }
            })
        };
        begin(this, call, done, prepare, values::staged)
    }
}

pub(super) unsafe extern "C" fn stage_keep(_: *mut c_void, stage: *mut c_void) {
    // SAFETY: the host calls it as the table says.
    unsafe { borrow::<Stage>(stage) }.kept.store(true, Ordering::Relaxed);
}

pub(super) unsafe extern "C" fn stage_release(this: *mut c_void, stage: *mut c_void) {
    // SAFETY: the host calls it as the table says.
    unsafe { release::<Provider, Stage>(this, stage) }
}

pub(super) unsafe extern "C" fn file_read(
    this: *mut c_void,
    call: *const CallInfo,
    file: *mut c_void,
    offset: u64,
    len: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let file = borrow::<File>(file);
        let prepare =
            |_: Arc<Provider>, _| Ok(async move { file.read_at(offset, length(len)).await });
        begin(this, call, done, prepare, move |result, token| piece(offset, result, token))
    }
}

pub(super) unsafe extern "C" fn file_release(this: *mut c_void, file: *mut c_void) {
    // SAFETY: the host calls it as the table says.
    unsafe { release::<Provider, File>(this, file) }
}

pub(super) unsafe extern "C" fn watch_next(
    this: *mut c_void,
    call: *const CallInfo,
    watch: *mut c_void,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let watch = borrow::<Watching>(watch);
        let prepare = |_: Arc<Provider>, _| {
            Ok(async move {
                let mut watch = watch.lock().await;
                let seen = watch.next().await;
                (seen, watch.counts(), watch.lost())
            })
        };
        begin(this, call, done, prepare, values::hints)
    }
}

pub(super) unsafe extern "C" fn watch_release(this: *mut c_void, watch: *mut c_void) {
    // SAFETY: the host calls it as the table says.
    unsafe { release::<Provider, Watching>(this, watch) }
}
