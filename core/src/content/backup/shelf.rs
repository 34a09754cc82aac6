//! The folder of backups: whose it is, its generations, the one that is being made, pruning.
//!
//! A generation is made as `.unfinished` and gets its name by one rename when all of it is durable,
//! so what has a name is whole.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock, syncfs};

use super::pool::Pool;
use super::{BackupError, manifest};

/// Says that a folder is one of backups, and of which installation; locked while one is made.
const MARK: &str = "moonsail-backups";
/// The generation that is being made.
const UNFINISHED: &str = ".unfinished";
/// What is being removed.
const REMOVING: &str = ".removing";
/// Form of a generation's name. The order of names is that of time.
const NAME: &str = "%Y-%m-%dT%H-%M-%SZ";

/// A finished backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its folder.
    pub path: PathBuf,
}

impl Generation {
    /// The generation at `path`, or the newest one in the folder of backups at `path`.
    ///
    /// # Errors
    /// [`BackupError::NoBackup`] if it is neither.
    pub fn find(path: &Path) -> Result<Self, BackupError> {
        if path.join(manifest::NAME).is_file() {
            return Ok(Self { path: path.to_owned() });
        }
        let newest = if path.is_dir() { names(path)?.pop() } else { None };
        match newest {
            Some(name) => Ok(Self { path: path.join(name) }),
            None => Err(BackupError::NoBackup(path.to_owned())),
        }
    }

    /// Its index.
    pub fn index(&self) -> PathBuf {
        self.path.join("moonsail.db")
    }
}

/// A folder of backups, locked for this backup.
pub(super) struct Shelf {
    path: PathBuf,
    /// The bytes of its generations.
    pub(super) pool: Arc<Pool>,
    _lock: File,
}

impl Shelf {
    /// Opens the folder, which is made if it is missing, and removes what an unfinished backup left.
    pub(super) fn open(path: &Path, instance: &str) -> Result<Self, BackupError> {
        make_folder(path)?;
        let mark = path.join(MARK);
        if !mark.exists() && !is_empty(path)? {
            return Err(BackupError::NotOurs(path.to_owned()));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(&mark).map_err(BackupError::io(&mark))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(BackupError::InUse(path.to_owned())),
            Err(error) => return Err(BackupError::io(&mark)(error.into())),
        }
        let mut owner = String::new();
        lock.read_to_string(&mut owner).map_err(BackupError::io(&mark))?;
        if owner.trim().is_empty() {
            // New, or it was made a moment before a crash.
            writeln!(lock, "{instance}")
                .and_then(|()| lock.sync_all())
                .map_err(BackupError::io(&mark))?;
        } else if owner.trim() != instance {
            return Err(BackupError::OtherServer(path.to_owned()));
        }
        for name in [UNFINISHED, REMOVING] {
            remove(&path.join(name))?;
        }
        let pool = Arc::new(Pool::open(path)?);
        Ok(Self { path: path.to_owned(), pool, _lock: lock })
    }

    /// The empty folder of the generation to be made.
    pub(super) fn begin(&self) -> Result<PathBuf, BackupError> {
        let path = self.path.join(UNFINISHED);
        make_folder(&path)?;
        Ok(path)
    }

    /// Makes all durable and gives the generation its name. `made` in Unix seconds.
    pub(super) fn finish(&self, made: i64) -> Result<Generation, BackupError> {
        self.sync()?;
        let path = self.path.join(next_name(made, names(&self.path)?.pop()));
        std::fs::rename(self.path.join(UNFINISHED), &path).map_err(BackupError::io(&path))?;
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(BackupError::io(&self.path))?;
        self.pool.keep_new()?;
        Ok(Generation { path })
    }

    /// Brings the file system of the backups to disk.
    fn sync(&self) -> Result<(), BackupError> {
        let synced = File::open(&self.path).and_then(|folder| Ok(syncfs(folder)?));
        synced.map_err(BackupError::io(&self.path))
    }

    /// Removes all but the newest `keep` generations, with the bytes that only they had; gives their
    /// names.
    pub(super) fn prune(&self, keep: usize) -> Result<Vec<String>, BackupError> {
        let mut old = names(&self.path)?;
        old.truncate(old.len().saturating_sub(keep.max(1)));
        let removing = self.path.join(REMOVING);
        for name in &old {
            // By a rename first: what has a name is whole, at each moment.
            let path = self.path.join(name);
            std::fs::rename(&path, &removing).map_err(BackupError::io(&path))?;
            remove(&removing)?;
        }
        if !old.is_empty() {
            self.pool.sweep()?;
        }
        Ok(old)
    }
}

/// The names of the finished generations, oldest first.
fn names(path: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(BackupError::io(path))? {
        let entry = entry.map_err(BackupError::io(path))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_one = name.starts_with(|c: char| c.is_ascii_digit())
            && entry.path().join(manifest::NAME).is_file();
        if is_one {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The name of a generation that is made at `made`, after the `newest` one so far: a later name even
/// if the clock went back, since by names the newest is found and old ones go.
fn next_name(made: i64, newest: Option<String>) -> String {
    let time = jiff::Timestamp::from_second(made).unwrap_or_default();
    let name = time.strftime(NAME).to_string();
    match newest {
        Some(newest) if newest >= name => {
            let (begin, count) =
                newest.split_once("Z-").unwrap_or((newest.trim_end_matches('Z'), ""));
            format!("{begin}Z-{:04}", count.parse::<u32>().unwrap_or(1) + 1)
        }
        _ => name,
    }
}

fn is_empty(path: &Path) -> Result<bool, BackupError> {
    let mut entries = std::fs::read_dir(path).map_err(BackupError::io(path))?;
    // What the root of a fresh file system has.
    Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")))
}

/// Makes a folder that only its owner may read.
pub(super) fn make_folder(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(BackupError::io(path))
}

/// Makes a file that only its owner may read; one that is there is an error.
pub(super) fn create(path: &Path) -> Result<File, BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path).map_err(BackupError::io(path))
}

/// Removes a folder with all in it; success if it is not there.
pub(super) fn remove(path: &Path) -> Result<(), BackupError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BackupError::io(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_rise_even_if_the_clock_does_not() {
        let noon = 1_795_521_600;
        for (newest, expected) in [
            (None, "2026-11-24T12-00-00Z"),
            (Some("2026-11-24T11-59-59Z"), "2026-11-24T12-00-00Z"),
            (Some("2026-11-24T11-59-59Z-0007"), "2026-11-24T12-00-00Z"),
            (Some("2026-11-24T12-00-00Z"), "2026-11-24T12-00-00Z-0002"),
            (Some("2026-11-24T12-00-00Z-0002"), "2026-11-24T12-00-00Z-0003"),
            (Some("2026-11-24T12-00-00Z-0009"), "2026-11-24T12-00-00Z-0010"),
            (Some("2027-01-01T00-00-00Z"), "2027-01-01T00-00-00Z-0002"),
        ] {
            let name = next_name(noon, newest.map(str::to_owned));
            assert_eq!(name, expected, "{newest:?}");
            assert!(newest.is_none_or(|newest| name.as_str() > newest));
        }
    }

    #[test]
    fn the_one_that_was_just_made_stays_though_the_clock_went_back() {
        let dir = tempfile::tempdir().unwrap();
        let made = |second: i64| {
            let shelf = Shelf::open(dir.path(), "instance").unwrap();
            let folder = shelf.begin().unwrap();
            std::fs::write(folder.join(manifest::NAME), "").unwrap();
            let generation = shelf.finish(second).unwrap();
            (generation, shelf.prune(1).unwrap())
        };
        let (first, _) = made(1_795_521_600);
        let (second, pruned) = made(1_000_000_000);
        assert!(second.path.exists() && !first.path.exists());
        assert_eq!(pruned.len(), 1);
        assert_eq!(Generation::find(dir.path()).unwrap(), second);
    }

    #[test]
    fn a_folder_is_used_by_one_backup_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Shelf::open(dir.path(), "one").unwrap();
        assert!(matches!(Shelf::open(dir.path(), "one"), Err(BackupError::InUse(_))));
        drop(first);
        assert!(matches!(Shelf::open(dir.path(), "two"), Err(BackupError::OtherServer(_))));
        assert!(Shelf::open(dir.path(), "one").is_ok());
    }
}
