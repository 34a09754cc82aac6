//! Comparing the index with the files, for `fsck`.
//!
//! It may run beside requests: what looks wrong is looked at again, after all that was decided has
//! been published, and reported only if neither row nor file moved meanwhile. Memory is that of
//! the names in one folder.

use serde::{Deserialize, Serialize};

/// What a verification tells on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// How far it is.
    Progress(Progress),
    /// Something is wrong.
    Problem(Problem),
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Files and folders compared.
    pub entries: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes to be read in all, as the index has it.
    pub bytes_in_all: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where, below the folder of all files (`alice/Photos/a.jpg`), or what.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What can be done about it.
    pub remedy: String,
}
