//! Where the three areas lie.

use std::path::PathBuf;

use serde::Deserialize;

/// The three folders of a [`LocalStorage`](crate::LocalStorage). They must lie on one file system,
/// because everything becomes visible by a rename, and none may lie inside `files`.
/// Missing ones are made, with mode 0700.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalConfig {
    /// The live tree: what users see, as plain files.
    pub files: PathBuf,
    /// Files being written, and removed trees until their space is freed.
    pub stage: PathBuf,
    /// What somebody put into the live tree where the server was about to write.
    pub kept: PathBuf,
}
