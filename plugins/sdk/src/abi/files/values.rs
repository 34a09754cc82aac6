//! Values of [`FilesTable`](super::FilesTable).

use std::ffi::c_void;

use crate::abi::values::{Buf, Grows, List, Str};

/// As a modification time: none is asked for, so it is the time of writing.
pub const FILE_NO_TIME: i64 = i64::MIN;
/// As an expected size: nobody knows.
pub const FILE_NO_SIZE: u64 = u64::MAX;

/// Durability: written, and left to the operating system to bring to disk.
pub const FILE_RELAXED: u32 = 0;
/// Durability: on disk before the answer.
pub const FILE_DURABLE: u32 = 1;

/// Kind of a [`FileEntry`]: nothing is there.
pub const FILE_KIND_NONE: u32 = 0;
/// Kind of a [`FileEntry`]: a regular file.
pub const FILE_KIND_FILE: u32 = 1;
/// Kind of a [`FileEntry`]: a folder.
pub const FILE_KIND_FOLDER: u32 = 2;

/// Kind of a [`FileOp`]: publish `stage` at `path`; `tag` is that of the file there, or none.
pub const FILE_OP_PUBLISH: u32 = 1;
/// Kind of a [`FileOp`]: rename `path` to `to`.
pub const FILE_OP_MOVE: u32 = 2;
/// Kind of a [`FileOp`]: remove `path`.
pub const FILE_OP_REMOVE: u32 = 3;
/// Kind of a [`FileOp`]: set the modification time of `path` to `mtime`.
pub const FILE_OP_TOUCH: u32 = 4;

/// Kind of a [`FileHint`]: the member `name` of the folder `path` came, went or changed.
pub const FILE_HINT_MEMBER: u32 = 1;
/// Kind of a [`FileHint`]: look at the folder `path`; later changes in it will be told.
pub const FILE_HINT_FOLDER: u32 = 2;
/// Kind of a [`FileHint`]: look at the folder `path`; later changes in it will not be told.
pub const FILE_HINT_UNWATCHED: u32 = 3;

/// Why of a [`FileUnusable`]: its name is not UTF-8.
pub const FILE_NOT_UTF8: u32 = 1;
/// Why of a [`FileUnusable`]: its name is not in NFC.
pub const FILE_NOT_NFC: u32 = 2;
/// Why of a [`FileUnusable`]: no client may send its name.
pub const FILE_IMPOSSIBLE: u32 = 3;
/// Why of a [`FileUnusable`]: a symbolic link.
pub const FILE_LINK: u32 = 4;
/// Why of a [`FileUnusable`]: a device, a socket or a pipe; and whatever else a newer plugin says.
pub const FILE_SPECIAL: u32 = 5;
/// Why of a [`FileUnusable`]: it cannot be read.
pub const FILE_UNREADABLE: u32 = 6;

/// Something written to the stage.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileStaged {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Bytes of a file; 0 for a folder.
    pub bytes: u64,
    /// Where it lies.
    pub at: Str,
    /// Its tag, which it keeps when it is published. At most 128 bytes.
    pub tag: Str,
}

/// A file being written in the stage. Released with `stage_release`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileStage {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The handle.
    pub stage: *mut c_void,
    /// Its place, for a later `reopen_stage`, until a write or a sync tells another.
    pub at: Str,
}

/// A file opened for reading. Released with `file_release`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileOpened {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The handle.
    pub file: *mut c_void,
    /// Length of the file when it was opened.
    pub bytes: u64,
}

/// A watch. Released with `watch_release`, which ends it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileWatch {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// The handle.
    pub watch: *mut c_void,
}

/// Bytes that were read. More than were asked for, or those of another place, count as a failure.
#[repr(C)]
#[derive(Debug)]
pub struct PieceAt {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Where they begin.
    pub offset: u64,
    /// They go over to the host.
    pub data: Buf,
}

/// An entry of the live tree.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileEntry {
    /// Size of this struct.
    pub size: u32,
    /// A `FILE_KIND_` constant.
    pub kind: u32,
    /// Bytes of a file; 0 for a folder.
    pub bytes: u64,
    /// Modification time in Unix seconds.
    pub mtime: i64,
    /// Its tag. At most 128 bytes.
    pub tag: Str,
    /// Its name, in a [`FileListing`].
    pub name: Str,
}

/// Something in a live folder that no client can be shown.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileUnusable {
    /// Size of this struct.
    pub size: u32,
    /// Why, one of the constants that say so.
    pub why: u32,
    /// Its name, made printable.
    pub name: Str,
}

/// What is in a live folder.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileListing {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Its files and folders: [`FileEntry`]s with names, in any order.
    pub members: List,
    /// [`FileUnusable`]s; empty where only `list` was asked.
    pub unusable: List,
}

/// What is at some names: as many [`FileEntry`]s as were asked about, in their order.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileEntries {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// [`FileEntry`]s; [`FILE_KIND_NONE`] where nothing is.
    pub entries: List,
}

/// A key of the stage.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileStageKey {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Seconds since it was last changed.
    pub age_seconds: u64,
    /// The key.
    pub key: Str,
}

/// The keys of the stage.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileStageKeys {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// [`FileStageKey`]s.
    pub keys: List,
}

/// A decided change of the live tree.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileOp {
    /// Size of this struct.
    pub size: u32,
    /// A `FILE_OP_` constant. If it is not known, the call is answered with `CODE_INVALID`.
    pub kind: u32,
    /// Its path in the live tree; of a move the old one.
    pub path: Str,
    /// The new path of a move.
    pub to: Str,
    /// The staged entry of a publication.
    pub stage: Str,
    /// Tag of what is moved, removed or touched; of a publication that of the file which it replaces,
    /// or none if nothing should be there.
    pub tag: Str,
    /// Unix seconds, of a touch.
    pub mtime: i64,
}

/// What one operation did.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileApplied {
    /// Size of this struct.
    pub size: u32,
    /// `CODE_OK`, or why it failed.
    pub code: i32,
    /// Why it failed, for the log.
    pub message: Str,
    /// The tag afterwards, of a touch; else none.
    pub tag: Str,
    /// Where something that the host did not know of was kept; else none.
    pub kept: Str,
}

/// What operations did: one result for each that was tried, the first that fails being the last.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileResults {
    /// Size of this struct.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// [`FileApplied`]s.
    pub results: List,
}

/// Something that may have changed.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileHint {
    /// Size of this struct.
    pub size: u32,
    /// A `FILE_HINT_` constant. One that the host does not know counts as [`FILE_HINT_FOLDER`].
    pub kind: u32,
    /// Path of the folder.
    pub path: Str,
    /// Name of the member.
    pub name: Str,
}

/// What was seen since the answer before, and how the watch stands after it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileHints {
    /// Size of this struct.
    pub size: u32,
    /// 1 once nothing will be seen any more.
    pub ended: u32,
    /// Folders that are watched.
    pub watched: u64,
    /// Folders that could not be.
    pub refused: u64,
    /// How often hints were lost, after which every folder is told.
    pub lost: u64,
    /// [`FileHint`]s, oldest first.
    pub hints: List,
}

/// What can still be written.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FileSpace {
    /// Size of this struct.
    pub size: u32,
    /// 1 if the storage can tell.
    pub known: u32,
    /// Bytes.
    pub bytes: u64,
}

// SAFETY: as the trait demands, all of them, by their definitions above.
unsafe impl Grows for FileStaged {}
// SAFETY: the same.
unsafe impl Grows for FileStage {}
// SAFETY: the same.
unsafe impl Grows for FileOpened {}
// SAFETY: the same.
unsafe impl Grows for FileWatch {}
// SAFETY: the same.
unsafe impl Grows for PieceAt {}
// SAFETY: the same.
unsafe impl Grows for FileEntry {}
// SAFETY: the same.
unsafe impl Grows for FileUnusable {}
// SAFETY: the same.
unsafe impl Grows for FileListing {}
// SAFETY: the same.
unsafe impl Grows for FileEntries {}
// SAFETY: the same.
unsafe impl Grows for FileStageKey {}
// SAFETY: the same.
unsafe impl Grows for FileStageKeys {}
// SAFETY: the same.
unsafe impl Grows for FileOp {}
// SAFETY: the same.
unsafe impl Grows for FileApplied {}
// SAFETY: the same.
unsafe impl Grows for FileResults {}
// SAFETY: the same.
unsafe impl Grows for FileHint {}
// SAFETY: the same.
unsafe impl Grows for FileHints {}
// SAFETY: the same.
unsafe impl Grows for FileSpace {}
