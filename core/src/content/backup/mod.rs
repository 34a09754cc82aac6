//! Backups: one generation after the other in a folder, made while clients write.
//!
//! ```text
//! DIR/2026-11-24T11-20-05Z/   a generation: whole by itself, can be copied away
//!     manifest.jsonl          what is in it, line by line; written last
//!     moonsail.db             the index, one snapshot
//!     files/<user>/…          plain files as that snapshot has them
//!     extra/tls/…             what else of the data folder belongs to the server
//! DIR/content/                the bytes of all generations by etag, hard links of the files above
//! ```
//!
//! | File | What it does |
//! |---|---|
//! | `run.rs`, `last.rs` | the passes over the files; the last, in which index and files agree (ADR 6) |
//! | `shelf.rs` | `DIR`: generations, the one that is being made, pruning |
//! | `pool.rs` | bytes by etag: whether they are there, taking them in, linking them |
//! | `walk.rs` | the rows of all homes in one snapshot |
//! | `put.rs` | from a snapshot to the folders of a generation |
//! | `manifest.rs` | the lines of the manifest |
//! | `verify.rs` | a generation against its manifest |
//! | `restore.rs`, `contents.rs` | a generation back into an empty storage, and what is beside it |
//!
//! What is made here lies outside of every storage, so it is made with plain system calls.

mod contents;
mod last;
mod manifest;
mod pool;
mod put;
mod restore;
mod run;
mod shelf;
mod verify;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use contents::Contents;
pub use restore::{Restored, restore};
pub use run::Plan;
pub use shelf::Generation;
pub use verify::{Verified, verify};

use super::ContentError;
use crate::store::StoreError;

/// What a backup came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The new generation.
    pub generation: PathBuf,
    /// Files in it.
    pub files: u64,
    /// Folders in it.
    pub folders: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Files that were copied, since no earlier generation had their bytes; one that changed
    /// meanwhile counts again.
    pub copied_files: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// For how long writes waited, in milliseconds.
    pub held_millis: u64,
    /// Files that could not be backed up; each was told.
    pub problems: u64,
    /// Generations that were removed because there are enough newer ones.
    pub pruned: Vec<String>,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// What it was about.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder holds something else.
    #[error("{0} is not empty and not a folder of backups; choose an empty or a new one")]
    NotOurs(PathBuf),
    /// The folder holds the backups of another installation.
    #[error("{0} holds backups of another server; choose another folder")]
    OtherServer(PathBuf),
    /// Another backup into it runs.
    #[error("another backup into {0} is running")]
    InUse(PathBuf),
    /// Nothing to verify or restore.
    #[error("there is no finished backup in {0}")]
    NoBackup(PathBuf),
    /// The manifest is not what a finished backup has.
    #[error("{path}, line {line}: {what}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A part of the backup is not what was backed up.
    #[error("{path} is damaged ({what}); try another generation")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// Who asked for it has gone.
    #[error("nobody waits for the backup any more")]
    Stopped,
    /// It could not catch up with the writers.
    #[error("files change faster than they can be copied; try again when less is written")]
    TooBusy,
    /// What is decided does not get onto the disk.
    #[error("changes cannot be published on the disk; the server's log says why")]
    Stuck,
    /// Bytes failed.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The index failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Runs blocking work off the event loop.
async fn off<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Failed(error.to_string()).into()),
    }
}
