//! The port to bytes: the SDK's traits, as the core uses them. See `moonsail_sdk::storage`.

mod number;

pub use moonsail_sdk::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, Kind, Object, ObjectPage, Objects, ReadFile,
    Seen, StageFile, StagePath, Staged, StorageError, Survey, Tag, Unusable, Watch, WhyUnusable,
};
pub use number::StorageNo;

/// The live paths that an operation is about: of a move both.
pub(crate) fn paths_of(op: &DiskOp) -> Vec<String> {
    match op {
        DiskOp::Publish { path, .. } | DiskOp::Remove { path, .. } | DiskOp::Touch { path, .. } => {
            vec![path.clone()]
        }
        DiskOp::Move { from, to, .. } => vec![from.clone(), to.clone()],
    }
}

/// The storage that an operation is on: of a move both ends are on one.
pub(crate) fn storage_of(op: &DiskOp) -> StorageNo {
    match op {
        DiskOp::Publish { path, .. } | DiskOp::Remove { path, .. } | DiskOp::Touch { path, .. } => {
            StorageNo::of(path)
        }
        DiskOp::Move { from, .. } => StorageNo::of(from),
    }
}
