//! [`FilesTable`] around a [`FileStorage`]: the functions of the storage itself.
//!
//! | file        | what it does                                   |
//! |-------------|------------------------------------------------|
//! | `values.rs` | values both ways                               |
//! | `held.rs`   | stage files, opened files and watches          |

mod held;
mod values;

pub(super) use held::piece;

use std::ffi::c_void;
use std::sync::Arc;

use super::handles::{refused, unit};
use super::offers::{at_once, begin};
use crate::abi::convert::size_of;
use crate::abi::token::Token;
use crate::abi::{
    Buf, CODE_READ_ONLY, CallInfo, Done, FILE_NO_SIZE, FilesTable, List, Op, Str, StrList,
};
use crate::storage::{FileStorage, StagePath, Survey, Tag};

type Provider = dyn FileStorage;

pub(super) fn table(_: &Arc<Provider>, this: *mut c_void) -> FilesTable {
    FilesTable {
        size: size_of::<FilesTable>(),
        reserved: 0,
        this,
        put_small: Some(put_small),
        begin_stage: Some(begin_stage),
        reopen_stage: Some(reopen_stage),
        stage_folder: Some(stage_folder),
        stage_copy: Some(stage_copy),
        stage_copy_staged: Some(stage_copy_staged),
        discard: Some(discard),
        list_stage: Some(list_stage),
        open: Some(open),
        open_staged: Some(open_staged),
        apply: Some(apply),
        sync: Some(sync),
        stat: Some(stat),
        list: Some(list),
        stage_write: Some(held::stage_write),
        stage_sync: Some(held::stage_sync),
        stage_read: Some(held::stage_read),
        stage_finish: Some(held::stage_finish),
        stage_keep: Some(held::stage_keep),
        stage_release: Some(held::stage_release),
        file_read: Some(held::file_read),
        file_release: Some(held::file_release),
        survey: Some(survey),
        stat_members: Some(stat_members),
        is_same: Some(is_same),
        may_change: Some(may_change),
        watch: Some(watch),
        watch_next: Some(held::watch_next),
        watch_release: Some(held::watch_release),
        free_space: Some(free_space),
    }
}

unsafe extern "C" fn put_small(
    this: *mut c_void,
    call: *const CallInfo,
    data: Buf,
    mtime: i64,
    durability: u32,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let data = data.into_bytes();
        let prepare = |storage: Arc<Provider>, _| {
            let (mtime, durability) = (values::mtime(mtime), values::durability(durability));
            Ok(async move { storage.put_small(data, mtime, durability).await })
        };
        begin(this, call, done, prepare, values::staged)
    }
}

unsafe extern "C" fn begin_stage(
    this: *mut c_void,
    call: *const CallInfo,
    size_hint: u64,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let hint = (size_hint != FILE_NO_SIZE).then_some(size_hint);
            Ok(async move { storage.begin_stage(hint).await })
        };
        begin(this, call, done, prepare, held::stage)
    }
}

unsafe extern "C" fn reopen_stage(
    this: *mut c_void,
    call: *const CallInfo,
    at: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let at = StagePath(at.owned()?);
            Ok(async move { storage.reopen_stage(&at).await })
        };
        begin(this, call, done, prepare, held::stage)
    }
}

unsafe extern "C" fn stage_folder(
    this: *mut c_void,
    call: *const CallInfo,
    at: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let at = at.option_owned()?.map(StagePath);
            Ok(async move { storage.stage_folder(at).await })
        };
        begin(this, call, done, prepare, values::staged)
    }
}

unsafe extern "C" fn stage_copy(
    this: *mut c_void,
    call: *const CallInfo,
    path: Str,
    tag: Str,
    to: Str,
    durability: u32,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let (path, tag) = (path.owned()?, Tag(tag.owned()?));
            let (to, durability) =
                (to.option_owned()?.map(StagePath), values::durability(durability));
            Ok(async move { storage.stage_copy(&path, &tag, to, durability).await })
        };
        begin(this, call, done, prepare, values::staged)
    }
}

unsafe extern "C" fn stage_copy_staged(
    this: *mut c_void,
    call: *const CallInfo,
    from: Str,
    to: Str,
    durability: u32,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let (from, to) = (StagePath(from.owned()?), to.option_owned()?.map(StagePath));
            let durability = values::durability(durability);
            Ok(async move { storage.stage_copy_staged(&from, to, durability).await })
        };
        begin(this, call, done, prepare, values::staged)
    }
}

unsafe extern "C" fn discard(
    this: *mut c_void,
    call: *const CallInfo,
    at: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let at = StagePath(at.owned()?);
            Ok(async move { storage.discard(&at).await })
        };
        begin(this, call, done, prepare, unit)
    }
}

unsafe extern "C" fn list_stage(this: *mut c_void, call: *const CallInfo, done: Done) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| Ok(async move { storage.list_stage().await });
        begin(this, call, done, prepare, values::stage_keys)
    }
}

unsafe extern "C" fn open(
    this: *mut c_void,
    call: *const CallInfo,
    path: Str,
    tag: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let (path, tag) = (path.owned()?, Tag(tag.owned()?));
            Ok(async move { storage.open(&path, &tag).await })
        };
        begin(this, call, done, prepare, held::file)
    }
}

unsafe extern "C" fn open_staged(
    this: *mut c_void,
    call: *const CallInfo,
    at: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let at = StagePath(at.owned()?);
            Ok(async move { storage.open_staged(&at).await })
        };
        begin(this, call, done, prepare, held::file)
    }
}

unsafe extern "C" fn apply(
    this: *mut c_void,
    call: *const CallInfo,
    ops: List,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let ops = values::disk_ops(ops)?;
            Ok(async move { storage.apply(ops).await })
        };
        begin(this, call, done, prepare, values::applied)
    }
}

unsafe extern "C" fn sync(
    this: *mut c_void,
    call: *const CallInfo,
    paths: StrList,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let paths = paths.option_owned()?.unwrap_or_default();
            Ok(async move { storage.sync(paths).await })
        };
        begin(this, call, done, prepare, unit)
    }
}

unsafe extern "C" fn stat(
    this: *mut c_void,
    call: *const CallInfo,
    path: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let path = path.owned()?;
            Ok(async move { storage.stat(&path).await })
        };
        begin(this, call, done, prepare, values::entry)
    }
}

unsafe extern "C" fn list(
    this: *mut c_void,
    call: *const CallInfo,
    path: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let path = path.owned()?;
            Ok(async move {
                let members = storage.list(&path).await?;
                Ok(Survey { members, unusable: Vec::new() })
            })
        };
        begin(this, call, done, prepare, values::listing)
    }
}

unsafe extern "C" fn survey(
    this: *mut c_void,
    call: *const CallInfo,
    path: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let path = path.owned()?;
            Ok(async move { storage.survey(&path).await })
        };
        begin(this, call, done, prepare, values::listing)
    }
}

unsafe extern "C" fn stat_members(
    this: *mut c_void,
    call: *const CallInfo,
    folder: Str,
    names: StrList,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let (folder, names) = (folder.owned()?, names.option_owned()?.unwrap_or_default());
            Ok(async move { storage.stat_members(&folder, names).await })
        };
        begin(this, call, done, prepare, values::entries)
    }
}

unsafe extern "C" fn is_same(this: *mut c_void, one: Str, other: Str) -> u32 {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let (Ok(one), Ok(other)) = (one.owned(), other.owned()) else { return 0 };
        at_once::<Provider, u32>(this, 0, |storage| {
            u32::from(storage.is_same(&Tag(one), &Tag(other)))
        })
    }
}

unsafe extern "C" fn may_change(
    this: *mut c_void,
    call: *const CallInfo,
    folder: Str,
    done: Done,
) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| {
            let folder = folder.owned()?;
            Ok(async move { storage.may_change(&folder).await })
        };
        begin(this, call, done, prepare, |result, token: Token| match result {
            Ok(true) => token.done(),
            Ok(false) => token.code(CODE_READ_ONLY, ""),
            Err(error) => refused(&error, token),
        })
    }
}

unsafe extern "C" fn watch(this: *mut c_void, call: *const CallInfo, done: Done) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| Ok(async move { storage.watch().await });
        begin(this, call, done, prepare, held::watch)
    }
}

unsafe extern "C" fn free_space(this: *mut c_void, call: *const CallInfo, done: Done) -> *mut Op {
    // SAFETY: the host calls it as the table says.
    unsafe {
        let prepare = |storage: Arc<Provider>, _| Ok(async move { storage.free_space().await });
        begin(this, call, done, prepare, values::space)
    }
}
