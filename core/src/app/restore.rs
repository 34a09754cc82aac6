//! `restore`: a generation of a backup becomes an empty data folder.
//!
//! A mark in the folder says that it is not whole yet; nothing else opens it meanwhile, and the next
//! restore begins anew.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;

use super::folder::UNFINISHED;
use super::{DataFolder, FolderError, StartError, open_storage};
use crate::clock::Clock;
use crate::config::Settings;
use crate::content::Finding;
use crate::content::backup::{self, BackupError, Generation, Restored};
use crate::store::Store;
use crate::store::sqlite::{self, Durability, OpenError, SqliteOptions, SqliteStore};

/// What an empty folder may have: the lock, and what the root of a fresh file system has.
const EMPTY: [&str; 2] = ["lock", "lost+found"];

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something in the data folder.
    #[error(
        "{0} is not empty, and nothing is overwritten; if a server uses it, stop that; move the \
         folder away, or restore into another one with --data"
    )]
    NotEmpty(PathBuf),
    /// It belongs to somebody else, whose server could not read what is restored.
    #[error(
        "{path} belongs to user {owner}; run this as that user, as in: sudo -u '#{owner}' \
             moonsail …"
    )]
    OtherOwner {
        /// The data folder.
        path: PathBuf,
        /// Number of the user.
        owner: u32,
    },
    /// The index of the backup is damaged.
    #[error("the index in {path} is damaged ({what}); try another generation")]
    DamagedIndex {
        /// The file.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// The index cannot be used.
    #[error("{path}: {source}")]
    Index {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// The data folder or its storage cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The backup cannot be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// What was restored, and from where.
#[derive(Debug, Clone, Serialize)]
pub struct Restoration {
    /// The generation.
    pub generation: PathBuf,
    /// When it was made, Unix seconds.
    pub made: i64,
    /// The data folder.
    pub data: PathBuf,
    /// Files and folders.
    #[serde(flatten)]
    pub restored: Restored,
}

/// Restores `from`, a generation or a folder of them (then the newest), into the data folder, which
/// must be absent or empty. With `hashed` every file is compared with its checksum on the way.
///
/// # Errors
/// [`RestoreError`]; the data folder is as it was, or bears the mark of an unfinished restore.
pub async fn restore(
    settings: &Settings,
    from: &Path,
    hashed: bool,
    findings: mpsc::Sender<Finding>,
) -> Result<Restoration, RestoreError> {
    let generation = Generation::find(from)?;
    let contents = generation.contents()?;
    refuse_unless_empty(&settings.data_dir)?;
    refuse_if_of_another(&settings.data_dir)?;
    let folder = DataFolder::open(&settings.data_dir).map_err(StartError::from)?;
    let path = folder.path().to_owned();
    refuse_unless_empty(&path)?;
    let mark = path.join(UNFINISHED);
    if mark.exists() {
        clear(&path)?;
    }
    std::fs::write(&mark, "a restore did not finish\n").map_err(io(&mark))?;
    sync(&path)?;

    let index = path.join("moonsail.db");
    let damaged = |what: String| RestoreError::DamagedIndex { path: generation.index(), what };
    contents.copy_index(&index).map_err(|error| match error {
        BackupError::Damaged { what, .. } => damaged(what),
        error => error.into(),
    })?;
    let unusable = |source| RestoreError::Index { path: generation.index(), source };
    if let Some(fault) = sqlite::faults(&index).map_err(unusable)?.into_iter().next() {
        return Err(damaged(fault));
    }
    let clock = Clock::system();
    let open = || {
        // Nothing is lost that is not in the backup; at the end all of it is synced.
        let options = SqliteOptions { durability: Durability::None };
        SqliteStore::open(&index, options, clock.clone()).map_err(unusable)
    };
    // One that is older is brought up to date first, or refused if it is newer.
    open()?.close();
    sqlite::renew(&index).map_err(unusable)?;
    let store: Arc<dyn Store> = open()?;
    let storage = open_storage(&folder)?;
    let restored =
        backup::restore(&generation, &store, &storage, &clock, hashed, &findings).await?;
    store.close();
    drop((store, storage));
    contents.copy_extra(&path)?;
    sync(&path)?;
    std::fs::remove_file(&mark).map_err(io(&mark))?;
    sync(&path)?;
    let made = contents.made();
    Ok(Restoration { generation: generation.path, made, data: path, restored })
}

fn io(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |source| StartError::from(FolderError::Io { path, source }).into()
}

/// Whether a restore may begin here: nothing is there, or what an unfinished one left.
fn refuse_unless_empty(path: &Path) -> Result<(), RestoreError> {
    if path.join(UNFINISHED).exists() {
        return Ok(());
    }
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(io(path))?,
    };
    for entry in entries {
        let name = entry.map_err(io(path))?.file_name();
        if !EMPTY.iter().any(|allowed| name == *allowed) {
            return Err(RestoreError::NotEmpty(path.to_owned()));
        }
    }
    Ok(())
}

/// Whether what is restored will belong to the user whose folder it is.
fn refuse_if_of_another(path: &Path) -> Result<(), RestoreError> {
    let Ok(owner) = std::fs::metadata(path).map(|meta| meta.uid()) else { return Ok(()) };
    match owner == rustix::process::geteuid().as_raw() {
        true => Ok(()),
        false => Err(RestoreError::OtherOwner { path: path.to_owned(), owner }),
    }
}

/// Removes what an unfinished restore left, but for lock and mark.
fn clear(path: &Path) -> Result<(), RestoreError> {
    for entry in std::fs::read_dir(path).map_err(io(path))? {
        let entry = entry.map_err(io(path))?;
        let name = entry.file_name();
        if EMPTY.iter().any(|allowed| name == *allowed) || name == UNFINISHED {
            continue;
        }
        let at = entry.path();
        let removed = match entry.file_type().map_err(io(&at))?.is_dir() {
            true => std::fs::remove_dir_all(&at),
            false => std::fs::remove_file(&at),
        };
        removed.map_err(io(&at))?;
    }
    Ok(())
}

/// Brings the whole file system of a folder to disk.
fn sync(path: &Path) -> Result<(), RestoreError> {
    let synced = std::fs::File::open(path).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
    synced.map_err(io(path))
}
