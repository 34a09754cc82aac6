//! The three open folders that everything is relative to.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use moonsail_sdk::storage::StorageError;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, open};

use crate::config::LocalConfig;
use crate::fs::FOLDER;
use crate::tag::Meta;

/// The folder at the top of a shared live tree in which stage and kept files are, hidden.
pub(crate) const OWN: &str = ".moonsail";

/// The open areas of one storage.
#[derive(Debug)]
pub(crate) struct Areas {
    /// The live tree.
    pub(crate) files: OwnedFd,
    /// The stage.
    pub(crate) stage: OwnedFd,
    /// What was kept aside.
    pub(crate) kept: OwnedFd,
    /// Whether something was kept aside since the last sync.
    pub(crate) kept_dirty: AtomicBool,
    /// Whether [`OWN`] at the top of the live tree is none of it.
    pub(crate) hides_own: bool,
    /// Whether nothing is ever changed.
    pub(crate) read_only: bool,
}

impl Areas {
    /// Makes what is missing, opens all, and checks that renames between them can work.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] with a text that names the folder and the remedy.
    pub(crate) fn open(config: &LocalConfig) -> Result<Self, StorageError> {
        let (files, files_meta) = open_area(&config.files)?;
        let (stage, stage_meta) = open_area(&config.stage)?;
        let (kept, kept_meta) = open_area(&config.kept)?;
        for (path, meta) in [(&config.stage, stage_meta), (&config.kept, kept_meta)] {
            if meta.dev != files_meta.dev {
                return Err(StorageError::Unavailable(format!(
                    "{} is on another file system than {}; put both on one, files become visible \
                     by a rename",
                    path.display(),
                    config.files.display(),
                )));
            }
            if resolved(path)?.starts_with(resolved(&config.files)?) {
                return Err(StorageError::Unavailable(format!(
                    "{} lies inside {}, where users would see it; put it beside",
                    path.display(),
                    config.files.display(),
                )));
            }
        }
        if stage_meta.ident() == kept_meta.ident() {
            return Err(StorageError::Unavailable(format!(
                "{} is both the stage and the folder for kept files; use two folders",
                config.stage.display(),
            )));
        }
        let kept_dirty = AtomicBool::new(false);
        Ok(Self { files, stage, kept, kept_dirty, hides_own: false, read_only: false })
    }

    /// A folder that others made, with stage and kept files in a hidden folder of its own.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`], as [`Areas::open`]; also if the folder is not there.
    pub(crate) fn open_shared(folder: &Path) -> Result<Self, StorageError> {
        let (files, files_meta) = open_there(folder)?;
        let own = folder.join(OWN);
        let (stage, stage_meta) = open_area(&own.join("stage"))?;
        let (kept, _) = open_area(&own.join("kept"))?;
        if stage_meta.dev != files_meta.dev {
            return Err(StorageError::Unavailable(format!(
                "{} is on another file system than the folder it is in; files become visible by a \
                 rename",
                own.display()
            )));
        }
        let kept_dirty = AtomicBool::new(false);
        Ok(Self { files, stage, kept, kept_dirty, hides_own: true, read_only: false })
    }

    /// A folder that is only ever read. Nothing is staged; what the areas need lies in `scratch`.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if one of both cannot be opened.
    pub(crate) fn open_read_only(folder: &Path, scratch: &Path) -> Result<Self, StorageError> {
        let (files, _) = open_there(folder)?;
        let (stage, _) = open_area(&scratch.join("stage"))?;
        let (kept, _) = open_area(&scratch.join("kept"))?;
        let kept_dirty = AtomicBool::new(false);
        Ok(Self { files, stage, kept, kept_dirty, hides_own: true, read_only: true })
    }

    /// Whether a member of a folder is none of the live tree.
    pub(crate) fn is_hidden(&self, folder: &str, name: &str) -> bool {
        self.hides_own && folder.is_empty() && name == OWN
    }
}

/// Opens a folder that must be there.
fn open_there(path: &Path) -> Result<(OwnedFd, Meta), StorageError> {
    let unavailable = |error: &dyn std::fmt::Display| {
        StorageError::Unavailable(format!("{}: {error}", path.display()))
    };
    let fd = open(path, FOLDER, Mode::empty()).map_err(|e| unavailable(&e))?;
    let meta = Meta::of(&fd).map_err(|e| unavailable(&e))?;
    Ok((fd, meta))
}

fn open_area(path: &Path) -> Result<(OwnedFd, Meta), StorageError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| StorageError::Unavailable(format!("{}: {error}", path.display())))?;
    open_there(path)
}

fn resolved(path: &Path) -> Result<std::path::PathBuf, StorageError> {
    path.canonicalize()
        .map_err(|error| StorageError::Unavailable(format!("{}: {error}", path.display())))
}
