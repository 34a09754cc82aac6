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
        Ok(Self { files, stage, kept, kept_dirty: AtomicBool::new(false) })
    }
}

fn open_area(path: &Path) -> Result<(OwnedFd, Meta), StorageError> {
    let unavailable = |error: &dyn std::fmt::Display| {
        StorageError::Unavailable(format!("{}: {error}", path.display()))
    };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| unavailable(&e))?;
    let fd = open(path, FOLDER, Mode::empty()).map_err(|e| unavailable(&e))?;
    let meta = Meta::of(&fd).map_err(|e| unavailable(&e))?;
    Ok((fd, meta))
}

fn resolved(path: &Path) -> Result<std::path::PathBuf, StorageError> {
    path.canonicalize()
        .map_err(|error| StorageError::Unavailable(format!("{}: {error}", path.display())))
}
