//! The port to bytes: the SDK's traits, as the core uses them. See `moonsail_sdk::storage`.

pub use moonsail_sdk::storage::{
    Applied, DiskOp, Durability, Entry, FileStorage, Kind, ReadFile, Seen, StageFile, StagePath,
    Staged, StorageError, Survey, Tag, Unusable, Watch, WhyUnusable,
};
