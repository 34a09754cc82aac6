//! The data folder, used by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The mark of a folder that is being restored.
pub(super) const UNFINISHED: &str = "restore-unfinished";

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error("another moonsail uses {0}; stop it, or choose another folder with --data or data_dir")]
    InUse(PathBuf),
    /// A restore began here and did not finish.
    #[error(
        "a restore into {0} did not finish; run `moonsail restore` again, which begins anew, or \
         remove the folder"
    )]
    Unfinished(PathBuf),
    /// It cannot be made or opened.
    #[error("{path}: {source}")]
    Io {
        /// What could not be made or opened.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// The folder, locked for this process as long as the value lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Holds the lock; the operating system lets it go with the process, however that ends.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder (0700) if it is missing, and locks it.
    ///
    /// # Errors
    /// [`FolderError::InUse`] if another process holds the lock.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io(path))?;
        let path = path.canonicalize().map_err(io(path))?;
        let at = path.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&at).map_err(io(&at))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(FolderError::InUse(path)),
            Err(error) => Err(FolderError::Io { path: at, source: error.into() }),
        }
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a folder into which only a part of a backup was restored.
    ///
    /// # Errors
    /// [`FolderError::Unfinished`].
    pub(super) fn refuse_unfinished(&self) -> Result<(), FolderError> {
        match self.path.join(UNFINISHED).exists() {
            true => Err(FolderError::Unfinished(self.path.clone())),
            false => Ok(()),
        }
    }

    /// The socket by which the command line speaks to the running server.
    pub fn socket(&self) -> PathBuf {
        socket_in(&self.path)
    }
}

/// The socket in a data folder.
pub(crate) fn socket_in(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataFolder::open(dir.path()).unwrap();
        assert!(matches!(DataFolder::open(dir.path()), Err(FolderError::InUse(_))));
        drop(first);
        assert!(DataFolder::open(dir.path()).is_ok());
    }
}
