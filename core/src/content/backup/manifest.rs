//! The manifest: one JSON object a line, `{"file":{…}}`, the first a header, the last a total.
//!
//! ```sh
//! jq -r 'select(.file) | .file | "\(.sha1)  files/\(.path)"' manifest.jsonl | sha1sum -c
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::BackupError;

/// The name in a generation.
pub(super) const NAME: &str = "manifest.jsonl";
/// Version of the format.
pub(super) const FORMAT: u32 = 1;
/// No line of ours is longer, in bytes.
const MAX_LINE: u64 = 1 << 20;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// The first.
    Backup(Header),
    /// A folder of a user, below `files/`.
    Folder(FolderLine),
    /// A file of a user, below `files/`.
    File(FileLine),
    /// A file of a user that is in the index and could not be backed up.
    Missing(MissingLine),
    /// A file below `extra/`.
    Extra(PlainLine),
    /// The index.
    Index(PlainLine),
    /// The last: without it the manifest is cut.
    End(Totals),
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Version of the manifest's format.
    pub(super) format: u32,
    /// Release that made it.
    pub(super) moonsail: String,
    /// When it was made, Unix seconds.
    pub(super) made: i64,
    /// Of which installation.
    pub(super) instance: String,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FolderLine {
    pub(super) path: String,
    pub(super) id: i64,
    pub(super) etag: String,
}

/// A file of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileLine {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sha1: String,
    pub(super) id: i64,
    pub(super) etag: String,
    pub(super) mtime: i64,
}

/// A file that is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MissingLine {
    pub(super) path: String,
    pub(super) id: i64,
    pub(super) why: String,
}

/// Any other file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlainLine {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sha1: String,
}

/// What the lines before it come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) folders: u64,
    pub(super) bytes: u64,
    pub(super) missing: u64,
}

impl Totals {
    fn count(&mut self, line: &Line) {
        match line {
            Line::File(file) => {
                self.files += 1;
                self.bytes += file.size;
            }
            Line::Folder(_) => self.folders += 1,
            Line::Missing(_) => self.missing += 1,
            _ => {}
        }
    }
}

/// Writes a manifest.
pub(super) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    totals: Totals,
}

impl Writer {
    /// Begins a manifest under its name with `.partial` behind it.
    pub(super) fn begin(generation: &Path, header: Header) -> Result<Self, BackupError> {
        let path = generation.join(format!("{NAME}.partial"));
        let out = BufWriter::new(super::shelf::create(&path)?);
        let mut writer = Self { path, out, totals: Totals::default() };
        writer.line(&Line::Backup(header))?;
        Ok(writer)
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &Line) -> Result<(), BackupError> {
        self.totals.count(line);
        let mut text =
            serde_json::to_vec(line).map_err(|error| BackupError::io(&self.path)(error.into()))?;
        text.push(b'\n');
        self.out.write_all(&text).map_err(BackupError::io(&self.path))
    }

    /// Adds the totals, makes all durable and gives the file its name.
    pub(super) fn finish(mut self) -> Result<Totals, BackupError> {
        let totals = self.totals;
        self.line(&Line::End(totals))?;
        let io = BackupError::io(&self.path);
        let synced = self.out.into_inner().map_err(std::io::IntoInnerError::into_error);
        let named = self.path.with_file_name(NAME);
        synced
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&self.path, named))
            .map_err(io)?;
        Ok(totals)
    }
}

/// Reads a manifest to its end and checks that it has one.
pub(super) struct Reader {
    path: PathBuf,
    lines: BufReader<File>,
    number: usize,
    totals: Totals,
    ended: bool,
}

impl Reader {
    /// Opens the manifest of a generation; gives its header.
    pub(super) fn open(generation: &Path) -> Result<(Header, Self), BackupError> {
        let path = generation.join(NAME);
        let file = File::open(&path).map_err(BackupError::io(&path))?;
        let lines = BufReader::new(file);
        let mut reader = Self { path, lines, number: 0, totals: Totals::default(), ended: false };
        match reader.next()? {
            Some(Line::Backup(header)) if header.format <= FORMAT => Ok((header, reader)),
            Some(Line::Backup(header)) => {
                let what = format!(
                    "format {} is of a newer release than this one, which made {}",
                    header.format, header.moonsail
                );
                Err(reader.fault(what))
            }
            _ => Err(reader.fault("is not the head of a manifest")),
        }
    }

    /// The next line; `None` after the totals, which were right.
    pub(super) fn next(&mut self) -> Result<Option<Line>, BackupError> {
        let mut text = Vec::new();
        let limited = std::io::Read::take(std::io::Read::by_ref(&mut self.lines), MAX_LINE);
        let mut limited = limited;
        limited.read_until(b'\n', &mut text).map_err(BackupError::io(&self.path))?;
        if text.is_empty() && self.ended {
            return Ok(None);
        }
        self.number += 1;
        if text.is_empty() {
            return Err(self.fault("the manifest is cut: its last line is missing"));
        }
        if self.ended {
            return Err(self.fault("something follows the last line"));
        }
        let line: Line =
            serde_json::from_slice(&text).map_err(|error| self.fault(error.to_string()))?;
        if let Line::End(totals) = line {
            if totals != self.totals {
                return Err(self.fault("the totals are not those of the lines before"));
            }
            self.ended = true;
        } else {
            self.totals.count(&line);
        }
        Ok(Some(line))
    }

    fn fault(&self, what: impl Into<String>) -> BackupError {
        BackupError::Manifest { path: self.path.clone(), line: self.number, what: what.into() }
    }
}
