//! What a generation has besides users' files, for a restore.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::manifest::{Header, Line, PlainLine, Reader};
use super::pool::hash;
use super::put::{EXTRA, Tee};
use super::shelf::{create, make_folder};
use super::{BackupError, Generation};

/// The parts of a generation, from a manifest that was read to its end.
pub struct Contents {
    generation: Generation,
    header: Header,
    index: PlainLine,
    extra: Vec<PlainLine>,
}

impl Generation {
    /// Reads the manifest.
    ///
    /// # Errors
    /// [`BackupError`] if it is not whole.
    pub fn contents(&self) -> Result<Contents, BackupError> {
        let (header, mut lines) = Reader::open(&self.path)?;
        let (mut index, mut extra) = (None, Vec::new());
        while let Some(line) = lines.next()? {
            match line {
                Line::Index(line) => index = Some(line),
                Line::Extra(line) if is_plain(&line.path) => extra.push(line),
                _ => {}
            }
        }
        let generation = self.clone();
        match index {
            Some(index) => Ok(Contents { generation, header, index, extra }),
            None => Err(BackupError::NoBackup(self.path.clone())),
        }
    }
}

impl Contents {
    /// When it was made, Unix seconds.
    pub fn made(&self) -> i64 {
        self.header.made
    }

    /// Copies the index to a new file.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] if it is not the one that was backed up.
    pub fn copy_index(&self, to: &Path) -> Result<(), BackupError> {
        self.copy(&self.generation.index(), to, &self.index)
    }

    /// Copies certificates and the like into a data folder.
    ///
    /// # Errors
    /// [`BackupError::Damaged`] if one of them is not what was backed up.
    pub fn copy_extra(&self, data: &Path) -> Result<(), BackupError> {
        for line in &self.extra {
            let to = data.join(&line.path);
            make_folder(to.parent().unwrap_or(data))?;
            self.copy(&self.generation.path.join(EXTRA).join(&line.path), &to, line)?;
        }
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path, line: &PlainLine) -> Result<(), BackupError> {
        let mut source = File::open(from).map_err(BackupError::io(from))?;
        let mut tee = Tee { from: &mut source, to: create(to)? };
        let (sha1, size) = hash(&mut tee).map_err(BackupError::io(from))?;
        tee.to.flush().map_err(BackupError::io(to))?;
        if (size, &sha1) == (line.size, &line.sha1) {
            return Ok(());
        }
        let what = format!("{size} bytes with SHA1 {sha1}, not {} with {}", line.size, line.sha1);
        Err(BackupError::Damaged { path: from.to_owned(), what })
    }
}

/// Whether a path of a manifest stays below the folder it is joined to.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
