//! `moonsail.files/1`: a tree of plain files that also exists without the server.
//!
//! A storage has two areas on one file system: the **live** tree, addressed by path, and the
//! **stage**, addressed by [`StagePath`]. Bytes are written to the stage, made durable there, and
//! become visible by [`FileStorage::apply`] of a [`DiskOp`], which is a rename. The core decides in
//! its index *that* something becomes visible, and calls `apply` afterwards, in the order of its
//! decisions and again after a crash; so every operation can be repeated without harm.
//!
//! Paths are relative, `/`-separated, valid UTF-8 in NFC, already checked by the core: no empty,
//! `.` or `..` segments, no NUL. The empty path is the root of the area.

use bytes::Bytes;

use crate::BoxFuture;

mod defaults;
mod objects;
mod place;
mod seen;

pub(crate) use defaults::stat_each;
pub use objects::{Object, ObjectPage, Objects};
pub use place::StagePath;
pub use seen::{Seen, Survey, Unusable, Watch, WhyUnusable};

/// Identifies one state of one file or folder on the storage.
///
/// Opaque to the core, at most 128 bytes. For a file it changes with every write from outside and
/// survives a rename inside the storage, stage to live included. For a folder it identifies the
/// folder itself and does not change when its members do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Tag(pub String);

/// File or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// Something written to the stage and durable there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// Where it lies.
    pub at: StagePath,
    /// Bytes of a file; 0 for a folder.
    pub size: u64,
    /// Its tag, which it keeps when it is published.
    pub tag: Tag,
}

/// What a storage knows about an entry of the live tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// File or folder.
    pub kind: Kind,
    /// Bytes of a file; 0 for a folder.
    pub size: u64,
    /// Modification time in Unix seconds; may be negative or in the future, clamp before showing.
    pub mtime: i64,
    /// Its tag.
    pub tag: Tag,
}

/// A decided change of the live tree. Each is one rename or less, and idempotent: after a crash the
/// core applies again, in order, all that may not have been durable.
///
/// What is repeated belongs into **one** call of [`FileStorage::apply`]: a repeated move can meet
/// what a later change has put at its target, and only within one call does the storage bring that
/// back, or see that the move must not be repeated. Tags of one call may be those from before its
/// touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskOp {
    /// Make a staged file or folder visible at `path`, replacing a *file* that is there.
    /// If the stage entry is gone, it was published before: success.
    /// If the live file's tag is not `replaces`, somebody edited it from outside: it is kept aside
    /// (see [`Applied::kept`]) before it is replaced. A folder at the path is kept aside as well.
    Publish {
        /// The staged entry.
        stage: StagePath,
        /// Where it appears.
        path: String,
        /// Tag of the file that the core knows at `path`, `None` if nothing should be there.
        replaces: Option<Tag>,
    },
    /// Rename. If `from` is absent or has another identity than `tag`, it was moved before: success.
    /// A file that was written to from outside has its identity still, and is moved.
    /// Whatever is at `to` unexpectedly is kept aside.
    Move {
        /// Old path.
        from: String,
        /// New path.
        to: String,
        /// Tag of the entry that is moved.
        tag: Tag,
    },
    /// Remove a file or a whole folder. If it is absent or has another identity than `tag`: success.
    /// A file of that identity that was written to from outside is kept aside.
    /// Takes the time of a rename; the space of large trees is freed later.
    Remove {
        /// Path of the entry.
        path: String,
        /// Tag of the entry that is removed.
        tag: Tag,
    },
    /// Set the modification time of a file and tell its new tag, also if it was set before. If the
    /// tag does not match: success, nothing done. From here on the
    /// old tag opens nothing: decide on the file again when the new one is known.
    Touch {
        /// Path of the file.
        path: String,
        /// Tag of the file as the core knows it.
        tag: Tag,
        /// Unix seconds.
        mtime: i64,
    },
}

impl DiskOp {
    /// For implementations: the index of the last operation that was applied before. `done` looks
    /// at the storage before anything is repeated, and says of a publication whether its stage
    /// entry is gone, of a move `Some(true)` if the entry is at its new place, and of anything else
    /// that it cannot know. As operations are applied in order, nothing is done from the first
    /// publication on that is still staged.
    pub fn last_done(ops: &[Self], mut done: impl FnMut(&Self) -> Option<bool>) -> Option<usize> {
        let mut last = None;
        for (index, op) in ops.iter().enumerate() {
            match done(op) {
                Some(true) if op.may_be_at_target(&ops[last.map_or(0, |last| last + 1)..index]) => {
                }
                Some(true) => last = Some(index),
                Some(false) => break,
                None => {}
            }
        }
        last
    }

    /// Whether what this moves may be at its new place because it has not left it yet, by one of
    /// the operations `before`.
    fn may_be_at_target(&self, before: &[Self]) -> bool {
        let Self::Move { to, tag, .. } = self else { return false };
        before.iter().any(|op| match op {
            Self::Move { from, tag: other, .. } if from == to => other == tag,
            Self::Move { from, .. } => {
                to.strip_prefix(from.as_str()).is_some_and(|s| s.starts_with('/'))
            }
            _ => false,
        })
    }

    /// For implementations: whether `ops[index]` is a move that was applied before and undone by a
    /// later operation, so that it must not be repeated. `last` is from [`DiskOp::last_done`]: what
    /// is at the old place of a move that was done is there because a later one has brought it
    /// back, or a folder above it.
    pub fn moved_back(ops: &[Self], index: usize, last: Option<usize>) -> bool {
        let (Some(last), Some(Self::Move { from, .. })) = (last, ops.get(index)) else {
            return false;
        };
        let brings_back = |op: &Self| match op {
            Self::Move { to, .. } => {
                from.strip_prefix(to.as_str()).is_some_and(|s| s.is_empty() || s.starts_with('/'))
            }
            _ => false,
        };
        ops.get(index + 1..=last).is_some_and(|later| later.iter().any(brings_back))
    }
}

/// What [`FileStorage::apply`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// The tag after the operation where it changed (only [`DiskOp::Touch`]).
    pub tag: Option<Tag>,
    /// Where something that the core did not know of was kept, relative to the storage's folder for
    /// kept files; for the log.
    pub kept: Option<String>,
}

/// Why a storage refused. The core maps each to one status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No such path or stage key.
    #[error("not found: {0}")]
    NotFound(String),
    /// The live file is not the one the tag describes.
    #[error("changed on the storage: {0}")]
    Changed(String),
    /// No space left, or the file system's quota is used up.
    #[error("storage is full")]
    Full,
    /// The storage cannot be reached or is not mounted.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// Anything else, with text for the log.
    #[error("storage failed: {0}")]
    Internal(String),
}

/// How much is promised when a staged file is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk (fsync) before the call returns.
    Full,
    /// Written, and left to the operating system to bring to disk.
    Relaxed,
}

/// A file being written in the stage. Dropping it without [`StageFile::finish`] or
/// [`StageFile::keep`] removes it, soon after if not at once; so does a `finish` that fails or is
/// dropped before it returns. A `finish` that fails leaves a file that was opened again, whose bytes
/// somebody was promised before. After a failed sync or write, drop it: trying again proves nothing.
pub trait StageFile: Send + 'static {
    /// Its place, for a later [`FileStorage::reopen_stage`]. Its version is that of the next sync if
    /// something was written since the last.
    fn at(&self) -> StagePath;

    /// Writes `data` at `offset`. Holes read as zeros.
    fn write_at(&mut self, offset: u64, data: Bytes) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Makes what was written durable and goes on.
    fn sync(&mut self) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Reads back up to `len` bytes at `offset` (fewer only at the end).
    fn read_at(&mut self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>>;

    /// Cuts or extends to `size`, sets the modification time (Unix seconds; now if `None`), makes
    /// all of it durable as asked, and hands it over.
    fn finish(
        self: Box<Self>,
        size: u64,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<Staged, StorageError>>;

    /// Leaves the file in the stage, to be reopened later. What was not synced may be lost.
    fn keep(self: Box<Self>);
}

/// A live or staged file opened for reading. Positioned reads, any order.
pub trait ReadFile: Send + Sync + 'static {
    /// Length of the file when it was opened.
    fn size(&self) -> u64;

    /// Reads up to `len` bytes at `offset`; fewer only at the end of the file.
    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, StorageError>>;
}

/// A tree of files. See the module for the two areas and the order of things.
///
/// Object-safe, with boxed futures: every call is at least one system call, beside which a box is
/// nothing.
pub trait FileStorage: Send + Sync + 'static {
    /// Writes a small file to the stage in one step (one blocking job).
    fn put_small(
        &self,
        data: Bytes,
        mtime: Option<i64>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>>;

    /// Starts a file in the stage. `size_hint` lets the storage preallocate.
    fn begin_stage(
        &self,
        size_hint: Option<u64>,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>>;

    /// Opens a kept stage file again, also after a restart.
    fn reopen_stage(
        &self,
        at: &StagePath,
    ) -> BoxFuture<'_, Result<Box<dyn StageFile>, StorageError>>;

    /// Makes a folder in the stage, durable when the call returns: a new key if `at` is `None`,
    /// else that path below one, whose parent must be there. A folder that is there is a success.
    fn stage_folder(&self, at: Option<StagePath>) -> BoxFuture<'_, Result<Staged, StorageError>>;

    /// Copies a live file (which must match `tag`) into the stage: under a new key if `to` is
    /// `None`, else at that path below a staged folder, where nothing may be. Keeps the
    /// modification time.
    ///
    /// # Errors
    /// [`StorageError::Changed`] or [`StorageError::NotFound`] if the live file is another.
    fn stage_copy(
        &self,
        path: &str,
        tag: &Tag,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>>;

    /// Copies a staged file within the stage; see [`FileStorage::stage_copy`].
    fn stage_copy_staged(
        &self,
        from: &StagePath,
        to: Option<StagePath>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Staged, StorageError>>;

    /// Removes a stage entry, with all below it; success if it is not there. Space of large trees
    /// may be freed later.
    fn discard(&self, at: &StagePath) -> BoxFuture<'_, Result<(), StorageError>>;

    /// The keys in the stage, with the seconds since each was last changed (a folder: since its
    /// direct members did).
    fn list_stage(&self) -> BoxFuture<'_, Result<Vec<(StagePath, u64)>, StorageError>>;

    /// Opens a live file, which must match `tag`.
    ///
    /// # Errors
    /// [`StorageError::Changed`] or [`StorageError::NotFound`] if it is another.
    fn open(&self, path: &str, tag: &Tag)
    -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>>;

    /// Opens a staged file.
    fn open_staged(&self, at: &StagePath)
    -> BoxFuture<'_, Result<Box<dyn ReadFile>, StorageError>>;

    /// Carries out decided changes, in order, and stops at the first that fails: one result for
    /// each that was tried, so fewer results than `ops` after a failure, which is the last of them.
    /// Missing parent folders of targets are made; what is there instead of one is kept aside. What
    /// it did is durable only after [`FileStorage::sync`].
    fn apply(&self, ops: Vec<DiskOp>) -> BoxFuture<'_, Vec<Result<Applied, StorageError>>>;

    /// Makes the applied changes of these paths durable: give every path of the operations, of a
    /// move both.
    fn sync(&self, paths: Vec<String>) -> BoxFuture<'_, Result<(), StorageError>>;

    /// What is at `path` in the live tree; `None` if nothing, or neither file nor folder.
    fn stat(&self, path: &str) -> BoxFuture<'_, Result<Option<Entry>, StorageError>>;

    /// The members of a live folder by name, in any order. Entries that are neither file nor
    /// folder, or whose names are not UTF-8, are left out.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] if there is no folder at `path`.
    fn list(&self, path: &str) -> BoxFuture<'_, Result<Vec<(String, Entry)>, StorageError>>;

    /// A live folder with all that is in it; see [`FileStorage::list`], whose errors it has.
    fn survey(&self, path: &str) -> BoxFuture<'_, Result<Survey, StorageError>> {
        let listing = self.list(path);
        Box::pin(async { Ok(Survey { members: listing.await?, unusable: Vec::new() }) })
    }

    /// What is at these names in a live folder, in their order; all `None` if there is no folder.
    fn stat_members(
        &self,
        folder: &str,
        names: Vec<String>,
    ) -> BoxFuture<'_, Result<Vec<Option<Entry>>, StorageError>> {
        stat_each(self, folder, names)
    }

    /// Whether both tags are of one file or folder, written to or not, wherever it lies.
    fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        one == other
    }

    /// Whether operations can be carried out in a live folder: the server may read and write it, and
    /// it lies on the file system of the stage.
    fn may_change(&self, folder: &str) -> BoxFuture<'_, Result<bool, StorageError>> {
        let folder = self.stat(folder);
        Box::pin(async { Ok(folder.await?.is_some()) })
    }

    /// Whether others may change the live tree. If not, it is neither watched nor gone through.
    fn changes_outside(&self) -> bool {
        true
    }

    /// Begins to watch the live tree; `None` if the storage cannot, or is changed by nobody else.
    /// Returns at once: the folders are gone through in the background, each told when it is
    /// watched.
    fn watch(&self) -> BoxFuture<'_, Result<Option<Box<dyn Watch>>, StorageError>> {
        Box::pin(async { Ok(None) })
    }

    /// Set for a storage of objects without names, where the index alone knows what lies where. Then
    /// a file is opened by its tag whatever the path, publishing and moving cost nothing, nobody
    /// else changes anything, and what looks at the live tree (`stat`, `list` and what builds on
    /// them) is an error.
    fn objects(&self) -> Option<&dyn Objects> {
        None
    }

    /// Bytes that can still be written, if the storage can tell.
    fn free_space(&self) -> BoxFuture<'_, Result<Option<u64>, StorageError>>;
}
