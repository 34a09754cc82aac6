//! `moonsail.files/1`: the table around [`crate::storage::FileStorage`], which says what each function
//! means: the two areas, what is durable when, and what may be repeated.
//!
//! # Things that live on
//!
//! `begin_stage`, `reopen_stage`, `open`, `open_staged` and `watch` give a **handle**: a pointer that
//! means something to the plugin alone, and is not null. The host gives it back to the functions that
//! take one, and at last, exactly once, to the function that releases it: after every call with this
//! handle has been answered, from any thread, also from within the `complete` of the last answer.
//! Calls with a handle of a stage or a watch come one after the other; reads of an opened file may
//! overlap.
//!
//! An answer that carries a handle and comes when nobody waits any more is released like every other.
//!
//! # Failures
//!
//! | code               | means                                                                |
//! |--------------------|----------------------------------------------------------------------|
//! | `CODE_NOT_FOUND`   | no such path or key                                                  |
//! | `CODE_CONFLICT`    | the live file is not the one that the tag describes                  |
//! | `CODE_QUOTA`       | no space left                                                        |
//! | `CODE_UNAVAILABLE` | cannot be reached, or not mounted; `CODE_BUSY` and `CODE_TIMEOUT` alike |
//! | any other          | failed; `message` is for the log                                     |

use std::ffi::c_void;

use super::values::{Buf, CallInfo, Done, Grows, List, Op, Str, StrList};

mod values;

pub use values::*;

/// Id of [`FilesTable`].
pub const EXTENSION_FILES: &str = "moonsail.files/1";

/// A storage of files. From `survey` on to `free_space` functions may be missing; `watch` needs
/// `watch_next` and `watch_release`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FilesTable {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of its functions.
    pub this: *mut c_void,
    /// Writes a small file to the stage: gives [`FileStaged`]. `data` goes over to the plugin.
    /// If the answer comes when nobody waits any more, the host discards the file.
    pub put_small: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            data: Buf,
            mtime: i64,
            durability: u32,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`FileStage`] that is empty. `size_hint` may be [`FILE_NO_SIZE`].
    pub begin_stage: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            size_hint: u64,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`FileStage`] that was kept.
    pub reopen_stage: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            at: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Makes a folder in the stage: gives [`FileStaged`]. A new key if `at` is none.
    pub stage_folder: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            at: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Copies a live file into the stage: gives [`FileStaged`]. Under a new key if `to` is none.
    pub stage_copy: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            path: Str,
            tag: Str,
            to: Str,
            durability: u32,
            done: Done,
        ) -> *mut Op,
    >,
    /// Copies a staged file: gives [`FileStaged`].
    pub stage_copy_staged: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            from: Str,
            to: Str,
            durability: u32,
            done: Done,
        ) -> *mut Op,
    >,
    /// Removes a stage entry with all below it. No value; success if it is not there.
    pub discard: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            at: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives [`FileStageKeys`].
    pub list_stage: Option<
        unsafe extern "C" fn(this: *mut c_void, call: *const CallInfo, done: Done) -> *mut Op,
    >,
    /// Opens a live file: gives [`FileOpened`], or `CODE_CONFLICT` if its tag is another.
    pub open: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            path: Str,
            tag: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Opens a staged file: gives [`FileOpened`].
    pub open_staged: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            at: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Carries out [`FileOp`]s in order: gives [`FileResults`].
    pub apply: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            ops: List,
            done: Done,
        ) -> *mut Op,
    >,
    /// Makes the applied changes of these paths durable. No value.
    pub sync: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            paths: StrList,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`FileEntry`], or `CODE_NOT_FOUND` if neither file nor folder is there.
    pub stat: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            path: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`FileListing`] without what is unusable.
    pub list: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            path: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Writes at an offset. `data` goes over to the plugin. Gives a [`Str`], the place of the file if
    /// that is another one now; or no value.
    pub stage_write: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            stage: *mut c_void,
            offset: u64,
            data: Buf,
            done: Done,
        ) -> *mut Op,
    >,
    /// Makes what was written durable. Gives a [`Str`] or no value, as `stage_write` does.
    pub stage_sync: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            stage: *mut c_void,
            done: Done,
        ) -> *mut Op,
    >,
    /// Reads back: gives a [`PieceAt`] of at most `len` bytes.
    pub stage_read: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            stage: *mut c_void,
            offset: u64,
            len: u64,
            done: Done,
        ) -> *mut Op,
    >,
    /// Finishes the file: gives [`FileStaged`]. The last call but `stage_release`, after which the
    /// file lies on, or is gone if this was cancelled. A file that was opened again is also left
    /// where it fails. If the answer comes when nobody waits any more, the host discards the file.
    pub stage_finish: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            stage: *mut c_void,
            bytes: u64,
            mtime: i64,
            durability: u32,
            done: Done,
        ) -> *mut Op,
    >,
    /// Has `stage_release` leave the file as it is, to be opened again.
    pub stage_keep: Option<unsafe extern "C" fn(this: *mut c_void, stage: *mut c_void)>,
    /// Lets go of the handle, and removes the file unless it was finished or is to be kept.
    pub stage_release: Option<unsafe extern "C" fn(this: *mut c_void, stage: *mut c_void)>,
    /// Reads: gives a [`PieceAt`] of at most `len` bytes, fewer only at the end of the file.
    pub file_read: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            file: *mut c_void,
            offset: u64,
            len: u64,
            done: Done,
        ) -> *mut Op,
    >,
    /// Closes a file.
    pub file_release: Option<unsafe extern "C" fn(this: *mut c_void, file: *mut c_void)>,
    /// Gives a [`FileListing`] with what is unusable.
    pub survey: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            path: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives [`FileEntries`]: what is at these names in a live folder.
    pub stat_members: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            folder: Str,
            names: StrList,
            done: Done,
        ) -> *mut Op,
    >,
    /// 1 if both tags are of one file or folder, written to or not; else 0. Answers at once.
    pub is_same: Option<unsafe extern "C" fn(this: *mut c_void, one: Str, other: Str) -> u32>,
    /// Whether operations can be carried out in a live folder: no value if so, else `CODE_READ_ONLY`.
    pub may_change: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            folder: Str,
            done: Done,
        ) -> *mut Op,
    >,
    /// Gives a [`FileWatch`], or `CODE_UNSUPPORTED` if this storage cannot watch.
    pub watch: Option<
        unsafe extern "C" fn(this: *mut c_void, call: *const CallInfo, done: Done) -> *mut Op,
    >,
    /// Gives [`FileHints`] as soon as there are any, however long that takes. What was seen before it
    /// is asked is told then. It is cancelled only before the release.
    pub watch_next: Option<
        unsafe extern "C" fn(
            this: *mut c_void,
            call: *const CallInfo,
            watch: *mut c_void,
            done: Done,
        ) -> *mut Op,
    >,
    /// Ends a watch.
    pub watch_release: Option<unsafe extern "C" fn(this: *mut c_void, watch: *mut c_void)>,
    /// Gives [`FileSpace`].
    pub free_space: Option<
        unsafe extern "C" fn(this: *mut c_void, call: *const CallInfo, done: Done) -> *mut Op,
    >,
}

// SAFETY: as the trait demands.
unsafe impl Grows for FilesTable {}
