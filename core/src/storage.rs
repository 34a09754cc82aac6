//! The port to bytes: the SDK's traits, as the core uses them. See `moonsail_sdk::storage`.

pub use moonsail_sdk::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, Kind, Object, ObjectPage, Objects, ReadFile,
    Seen, StageFile, StagePath, Staged, StorageError, Survey, Tag, Unusable, Watch, WhyUnusable,
};

/// The live paths that an operation is about: of a move both.
pub(crate) fn paths_of(op: &DiskOp) -> Vec<String> {
    match op {
        DiskOp::Publish { path, .. } | DiskOp::Remove { path, .. } | DiskOp::Touch { path, .. } => {
            vec![path.clone()]
        }
        DiskOp::Move { from, to, .. } => vec![from.clone(), to.clone()],
    }
}
