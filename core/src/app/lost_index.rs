//! A data folder with files and no index: the index was lost, or files were put there before the
//! first start.
//!
//! Files are indexed anew, each home when its user is made and comes. The apps have to be told that
//! what the server knows is older than what they know: by a data fingerprint. What lay in the stage
//! may have been acknowledged and not yet published, and nobody knows what it was called; it is kept.

use std::fs;
use std::io;
use std::path::Path;

use super::{DataFolder, FolderError, INDEX, StartError};
use crate::clock::Clock;
use crate::store::Store;
use crate::store::sqlite::{self, Durability, SqliteOptions, SqliteStore};

/// Makes an index that says it is younger than its files, if there are files and no index.
pub(super) fn prepare(folder: &DataFolder, clock: &Clock) -> Result<(), StartError> {
    let index = folder.path().join(INDEX);
    let files = folder.path().join("files");
    // A link that leads nowhere, or a disk that does not answer, is not a loss.
    match fs::symlink_metadata(&index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        there => return there.map(drop).map_err(io(&index)),
    }
    if is_empty(&files)? {
        return Ok(());
    }
    tracing::warn!(
        "there are files and no index: users have to be made again, and their files are indexed \
         when they come; docs/reliability.md says what is lost"
    );
    let now = clock.seconds();
    keep_stage(folder.path(), now)?;
    keep_side_files(folder.path(), now)?;
    // Under another name until it is as it should be: a start that is cut here begins again.
    let draft = folder.path().join("moonsail.db.new");
    remove(&draft)?;
    let source = |source| StartError::Index { path: draft.clone(), source };
    let options = SqliteOptions { durability: Durability::Full };
    SqliteStore::open(&draft, options, clock.clone()).map_err(source)?.close();
    sqlite::renew(&draft).map_err(source)?;
    fs::rename(&draft, &index).map_err(io(&index))?;
    for side in ["new-wal", "new-shm", "reserve"] {
        remove(&folder.path().join(format!("moonsail.db.{side}")))?;
    }
    fs::File::open(folder.path()).and_then(|folder| folder.sync_all()).map_err(io(folder.path()))
}

/// Moves what lies in the stage among the kept files, as one folder.
fn keep_stage(data: &Path, now: i64) -> Result<(), StartError> {
    let stage = data.join("stage");
    if is_empty(&stage)? {
        return Ok(());
    }
    let kept = data.join("versions").join("kept");
    fs::create_dir_all(&kept).map_err(io(&kept))?;
    let to = kept.join(format!("{now}-stage-without-index"));
    tracing::warn!(to = %to.display(), "what was not yet published is kept there");
    fs::rename(&stage, &to).map_err(io(&to))
}

/// Moves a log of writes that is left of the lost index among the kept files: SQLite would put it on
/// top of the new one.
fn keep_side_files(data: &Path, now: i64) -> Result<(), StartError> {
    let kept = data.join("versions").join("kept");
    for side in ["moonsail.db-wal", "moonsail.db-shm"] {
        let from = data.join(side);
        if fs::symlink_metadata(&from).is_ok() {
            fs::create_dir_all(&kept).map_err(io(&kept))?;
            fs::rename(&from, kept.join(format!("{now}-{side}"))).map_err(io(&from))?;
        }
    }
    Ok(())
}

fn is_empty(path: &Path) -> Result<bool, StartError> {
    match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        entries => Ok(entries.map_err(io(path))?.next().is_none()),
    }
}

fn remove(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(path)(error)),
        _ => Ok(()),
    }
}

fn io(path: &Path) -> impl FnOnce(io::Error) -> StartError + use<> {
    let path = path.to_owned();
    move |source| FolderError::Io { path, source }.into()
}
