//! A generation against its manifest: every file, nothing besides, and the index.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use serde::Serialize;

use super::manifest::{Line, Reader};
use super::pool::{hash, open_below};
use super::put::EXTRA;
use super::{BackupError, Generation};
use crate::content::verify::{Finding, Problem, Progress};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(200);

/// What a verification came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// What was verified.
    pub generation: PathBuf,
    /// When it was made, Unix seconds.
    pub made: i64,
    /// Files of users that the manifest names.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Differences; each was told.
    pub problems: u64,
}

/// Compares a generation with its manifest. `index_faults` says what is wrong with the index.
///
/// # Errors
/// [`BackupError`] if the manifest cannot be read to its end. Differences are told.
pub fn verify(
    generation: &Generation,
    index_faults: &dyn Fn(&Path) -> Vec<String>,
    tell: &mut dyn FnMut(Finding),
) -> Result<Verified, BackupError> {
    let (header, mut lines) = Reader::open(&generation.path)?;
    let folder = |name: &str| -> Result<OwnedFd, BackupError> {
        let path = generation.path.join(name);
        Ok(File::open(&path).map_err(BackupError::io(&path))?.into())
    };
    let (top, files) = (folder("")?, folder("files")?);
    let mut run = Run { progress: Progress::default(), tell, told: Instant::now() };
    let mut there = 0;
    while let Some(line) = lines.next()? {
        match line {
            Line::File(file) => {
                run.progress.files += 1;
                there += u64::from(run.file(&files, &file.path, &file.path, file.size, &file.sha1));
            }
            Line::Folder(line) => {
                run.progress.folders += 1;
                match open_below(&files, &line.path).and_then(|it| it.metadata()) {
                    Ok(meta) if meta.is_dir() => there += 1,
                    _ => run.problem(line.path, "is no folder in the backup"),
                }
            }
            Line::Missing(line) => {
                run.problem(line.path, &format!("was left out of the backup: {}", line.why));
            }
            Line::Extra(line) => {
                let path = format!("{EXTRA}/{}", line.path);
                run.file(&top, &path, &path, line.size, &line.sha1);
            }
            Line::Index(line) => {
                let before = run.progress.problems;
                run.file(&top, &line.path, &line.path, line.size, &line.sha1);
                if run.progress.problems == before {
                    for fault in index_faults(&generation.path.join(&line.path)) {
                        run.problem(line.path.clone(), &fault);
                    }
                }
            }
            Line::Backup(_) | Line::End(_) => {}
        }
    }
    let found = entries(&files, &mut |_| {})?;
    if found > there {
        run.strangers(generation, &files)?;
    }
    let Progress { files, folders, bytes, problems, .. } = run.progress;
    let generation = generation.path.clone();
    Ok(Verified { generation, made: header.made, files, folders, bytes, problems })
}

struct Run<'a> {
    progress: Progress,
    tell: &'a mut dyn FnMut(Finding),
    told: Instant,
}

impl Run<'_> {
    /// Whether a file is there at all; what is wrong with it is told.
    fn file(&mut self, at: &OwnedFd, path: &str, shown: &str, size: u64, sha1: &str) -> bool {
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            (self.tell)(Finding::Progress(self.progress));
        }
        let what = match open_below(at, path).and_then(|mut file| hash(&mut file)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.problem(shown.to_owned(), "is missing");
                return false;
            }
            Err(error) => format!("cannot be read: {error}"),
            Ok((_, read)) if read != size => format!("has {read} bytes, not {size}"),
            Ok((hash, _)) if hash != sha1 => {
                format!("has other bytes than were backed up: SHA1 {hash}, not {sha1}")
            }
            Ok((_, read)) => {
                self.progress.bytes += read;
                return true;
            }
        };
        self.problem(shown.to_owned(), &what);
        true
    }

    fn problem(&mut self, path: String, what: &str) {
        self.progress.problems += 1;
        let remedy = "look into another generation, and at the disk".to_owned();
        (self.tell)(Finding::Problem(Problem { path, what: what.to_owned(), remedy }));
    }

    /// Names what is in `files` and not in the manifest.
    fn strangers(&mut self, generation: &Generation, files: &OwnedFd) -> Result<(), BackupError> {
        let mut known = HashSet::new();
        let (_, mut lines) = Reader::open(&generation.path)?;
        while let Some(line) = lines.next()? {
            match line {
                Line::File(line) => known.insert(line.path),
                Line::Folder(line) => known.insert(line.path),
                _ => false,
            };
        }
        let mut strangers = Vec::new();
        entries(files, &mut |path| {
            if !known.contains(path) {
                strangers.push(path.to_owned());
            }
        })?;
        for path in strangers {
            self.problem(path, "is not in the manifest");
        }
        Ok(())
    }
}

/// Shows each entry below a folder by its path there; gives their number.
fn entries(top: &OwnedFd, see: &mut dyn FnMut(&str)) -> Result<u64, BackupError> {
    let mut count = 0;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        // Below an open folder, since paths of users may be as long as the system takes them.
        let here = if folder.is_empty() { "." } else { folder.as_str() };
        let io = |error: rustix::io::Errno| BackupError::io(here)(error.into());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = openat(top, here, flags, Mode::empty()).map_err(io)?;
        for entry in Dir::new(open).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().to_string_lossy();
            if matches!(&*name, "." | "..") {
                continue;
            }
            let below =
                if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") };
            count += 1;
            see(&below);
            let stat = || statat(top, below.as_str(), AtFlags::SYMLINK_NOFOLLOW);
            let is_folder = match entry.file_type() {
                FileType::Unknown => stat()
                    .is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Directory),
                kind => kind == FileType::Directory,
            };
            if is_folder {
                folders.push(below);
            }
        }
    }
    Ok(count)
}
