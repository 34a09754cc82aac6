//! From a snapshot to the folders of a generation: links to the bytes, the index, the manifest.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, mkdirat};

use super::manifest::{FileLine, FolderLine, Header, Line, MissingLine, PlainLine, Totals, Writer};
use super::pool::{Pool, hash, hash_file, open_below, sha1};
use super::shelf::{create, make_folder};
use super::{BackupError, walk};
use crate::ids::NodeId;
use crate::store::ReadTx;

/// What else of the data folder is put into a generation.
pub(super) const EXTRA: &str = "extra";

/// Fills the folder `to` with what `tx` sees. `missing` has the rows without bytes, and why.
/// Ends early when it `is_over`.
pub(super) fn put(
    tx: &mut dyn ReadTx,
    pool: &Pool,
    to: &Path,
    header: Header,
    extra: &[(String, PathBuf)],
    missing: &[(NodeId, String)],
    is_over: &dyn Fn() -> bool,
) -> Result<Totals, BackupError> {
    let mut manifest = Writer::begin(to, header)?;
    let files = to.join("files");
    make_folder(&files)?;
    let at: OwnedFd = File::open(&files).map_err(BackupError::io(&files))?.into();
    walk::walk(tx, &mut |node, path| {
        if is_over() {
            return Err(BackupError::Stopped);
        }
        let (id, etag) = (node.id.0, node.etag().0);
        let path = path.to_owned();
        if node.is_folder() {
            let made = mkdirat(&at, &path, Mode::RWXU);
            made.map_err(|error| BackupError::io(files.join(&path))(error.into()))?;
            return manifest.line(&Line::Folder(FolderLine { path, id, etag }));
        }
        let (size, mtime) = (node.size, node.mtime);
        let line = if pool.link(node, &at, &path)? {
            let sha1 = match sha1(node) {
                Some(sha1) => sha1.to_owned(),
                // It came on the disk, and the server has not read it yet.
                None => {
                    let hash = open_below(&at, &path).and_then(|mut file| hash(&mut file));
                    hash.map_err(BackupError::io(files.join(&path)))?.0
                }
            };
            Line::File(FileLine { path, size, sha1, id, etag, mtime })
        } else {
            let why = missing.iter().find(|(other, _)| *other == node.id);
            let why = why.map_or("its bytes were not there", |(_, why)| why).to_owned();
            Line::Missing(MissingLine { path, id, why })
        };
        manifest.line(&line)
    })?;
    let index = to.join("moonsail.db");
    tx.save_copy(&index)?;
    let size = index.metadata().map_err(BackupError::io(&index))?.len();
    let sha1 = hash_file(&index).map_err(BackupError::io(&index))?;
    manifest.line(&Line::Index(PlainLine { path: "moonsail.db".to_owned(), size, sha1 }))?;
    for (name, from) in extra {
        plain(from, &to.join(EXTRA), name, &mut manifest)?;
    }
    manifest.finish()
}

/// Copies a folder of plain files, with all below it; no link is followed.
fn plain(from: &Path, to: &Path, name: &str, manifest: &mut Writer) -> Result<(), BackupError> {
    let Ok(meta) = from.symlink_metadata() else { return Ok(()) };
    let target = to.join(name);
    if meta.is_dir() {
        make_folder(&target)?;
        let entries = match std::fs::read_dir(from) {
            Ok(entries) => entries,
            Err(error) => return left_out(from, &error),
        };
        for entry in entries {
            let entry = entry.map_err(BackupError::io(from))?;
            let Ok(member) = entry.file_name().into_string() else { continue };
            plain(&entry.path(), to, &format!("{name}/{member}"), manifest)?;
        }
        return Ok(());
    }
    if !meta.is_file() {
        return Ok(());
    }
    let mut source = match File::open(from) {
        // A certificate that was renewed just now.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return left_out(from, &error),
        Ok(file) => file,
    };
    let mut tee = Tee { from: &mut source, to: create(&target)? };
    let (sha1, size) = hash(&mut tee).map_err(BackupError::io(&target))?;
    manifest.line(&Line::Extra(PlainLine { path: name.to_owned(), size, sha1 }))
}

/// What was kept aside is anybody's, and may be for nobody to read; it keeps no backup from being made.
fn left_out(path: &Path, error: &std::io::Error) -> Result<(), BackupError> {
    tracing::warn!(path = %path.display(), %error, "cannot be read, and is not in the backup");
    Ok(())
}

/// What is read is written as well.
pub(super) struct Tee<'a> {
    pub(super) from: &'a mut File,
    pub(super) to: File,
}

impl std::io::Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.to.write_all(&buffer[..read])?;
        Ok(read)
    }
}
