//! The bytes of all generations, each state of a file once, by its etag: no etag ever had two
//! contents, so what is there need not be read again.
//!
//! `content/` has what is durable and in a finished generation; `new/` what this run took in;
//! `left/` what an unfinished run had taken in, which is believed only after its bytes were hashed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat, renameat, statat};
use rustix::io::Errno;

use super::BackupError;
use super::shelf::{create, make_folder, remove};
use crate::proto::checksum::{ChecksumKind, Digester};
use crate::store::nodes::Node;

/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// The bytes of a folder of backups.
pub(super) struct Pool {
    content: PathBuf,
    new: PathBuf,
    left: PathBuf,
    /// Whether the file system can give one file two names. Without, nothing is kept here, and each
    /// generation copies everything.
    links: bool,
}

impl Pool {
    /// Opens the pool in a folder of backups.
    pub(super) fn open(shelf: &Path) -> Result<Self, BackupError> {
        let place = |name: &str| shelf.join(name);
        let (content, new, left) = (place("content"), place(".new"), place(".left"));
        make_folder(&content)?;
        if new.exists() {
            move_all(&new, &left)?;
        }
        make_folder(&new)?;
        let links = can_link(shelf)?;
        if !links {
            tracing::warn!(
                folder = %shelf.display(),
                "this file system knows no hard links: each backup is a full copy"
            );
        }
        Ok(Self { content, new, left, links })
    }

    /// Whether the bytes of a row are there.
    pub(super) fn has(&self, node: &Node) -> Result<bool, BackupError> {
        let key = key(node);
        if self.find(&key, node.size).is_some() {
            return Ok(true);
        }
        let left = self.left.join(&key);
        let is_it = left.metadata().is_ok_and(|meta| meta.len() == node.size)
            && sha1(node).is_some_and(|sha1| hash_file(&left).is_ok_and(|hash| hash == sha1));
        if is_it {
            let new = self.new.join(&key);
            make_folder(shard(&new))?;
            std::fs::rename(&left, &new).map_err(BackupError::io(&left))?;
        }
        Ok(is_it)
    }

    fn find(&self, key: &str, size: u64) -> Option<PathBuf> {
        let there = |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.len() == size);
        [&self.content, &self.new].map(|place| place.join(key)).into_iter().find(there)
    }

    /// A file to write the bytes of a row into.
    pub(super) fn begin(&self, node: &Node) -> Result<Intake, BackupError> {
        let to = self.new.join(key(node));
        make_folder(shard(&to))?;
        let path = to.with_extension("partial");
        // An earlier try that failed.
        let _absent = std::fs::remove_file(&path);
        let file = create(&path)?;
        Ok(Intake { file, path, to, done: false })
    }

    /// Gives the bytes of a row the name `path` below the folder `at`; `false` if they are not here.
    pub(super) fn link(&self, node: &Node, at: &OwnedFd, path: &str) -> Result<bool, BackupError> {
        let Some(from) = self.find(&key(node), node.size) else { return Ok(false) };
        let linked = match self.links {
            true => linkat(CWD, &from, at, path, AtFlags::empty()),
            // Such a file system may take two names for one.
            false => match statat(at, path, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => renameat(CWD, &from, at, path),
                Ok(_) => Err(Errno::EXIST),
                Err(error) => Err(error),
            },
        };
        match linked {
            Ok(()) => Ok(true),
            // One file has so many names already; the others stay where they are.
            Err(Errno::MLINK) => {
                copy(&from, at, path).map(|()| true).map_err(BackupError::io(path))
            }
            Err(error) => Err(BackupError::io(path)(error.into())),
        }
    }

    /// What was taken in is durable now, and part of a generation; what is in none, because its file
    /// changed once more, goes.
    pub(super) fn keep_new(&self) -> Result<(), BackupError> {
        remove_single(&self.new)?;
        move_all(&self.new, &self.content)?;
        remove(&self.left)
    }

    /// Removes what is in no generation any more.
    pub(super) fn sweep(&self) -> Result<(), BackupError> {
        remove_single(&self.content)
    }
}

/// A file that is taken in. Dropped before [`Intake::keep`], it is gone.
pub(super) struct Intake {
    file: File,
    path: PathBuf,
    to: PathBuf,
    done: bool,
}

impl Intake {
    /// The bytes are those of the row.
    pub(super) fn keep(mut self) -> Result<(), BackupError> {
        std::fs::rename(&self.path, &self.to).map_err(BackupError::io(&self.to))?;
        self.done = true;
        Ok(())
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.file.write_all(bytes).map_err(BackupError::io(&self.path))
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if !self.done {
            // What stays is removed by the next backup.
            let _stays = std::fs::remove_file(&self.path);
        }
    }
}

/// The SHA-1 that the index has of a file.
pub(super) fn sha1(node: &Node) -> Option<&str> {
    node.checksums.split_ascii_whitespace().find_map(|sum| sum.strip_prefix("SHA1:"))
}

/// Hex SHA-1 of a file.
pub(super) fn hash_file(path: &Path) -> io::Result<String> {
    hash(&mut File::open(path)?).map(|(hash, _)| hash)
}

/// Hex SHA-1 of what a reader gives, and how many bytes that was.
pub(super) fn hash(from: &mut impl Read) -> io::Result<(String, u64)> {
    let mut digester = Digester::new(&[ChecksumKind::Sha1]);
    let (mut piece, mut size) = (vec![0; PIECE], 0);
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                digester.update(&piece[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((digester.finish().pop().map(|sum| sum.hex).unwrap_or_default(), size))
}

/// Opens a file below a folder to be read; no link is followed at its end, and a pipe not waited for.
pub(super) fn open_below(at: impl AsFd, path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(at, path, flags, Mode::empty())?.into())
}

fn copy(from: &Path, at: &OwnedFd, path: &str) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut to = File::from(openat(at, path, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut File::open(from)?, &mut to).map(drop)
}

/// Where a row's bytes are in the pool: 256 folders, each of a manageable size.
fn key(node: &Node) -> String {
    let etag = node.content.etag(node.id).0;
    let shard = &etag[etag.len() - 2..];
    format!("{shard}/{etag}")
}

fn shard(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn members(path: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = std::fs::read_dir(path).map_err(BackupError::io(path))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(BackupError::io(path))).collect()
}

/// Removes what has no other name.
fn remove_single(place: &Path) -> Result<(), BackupError> {
    for shard in members(place)? {
        for file in members(&shard)? {
            let meta = file.symlink_metadata().map_err(BackupError::io(&file))?;
            if meta.nlink() == 1 {
                std::fs::remove_file(&file).map_err(BackupError::io(&file))?;
            }
        }
    }
    Ok(())
}

/// Moves what is in one place to another, and removes the first.
fn move_all(from: &Path, to: &Path) -> Result<(), BackupError> {
    for shard in members(from)? {
        let into = to.join(shard.file_name().unwrap_or_default());
        make_folder(&into)?;
        for file in members(&shard)? {
            let to = into.join(file.file_name().unwrap_or_default());
            std::fs::rename(&file, &to).map_err(BackupError::io(&file))?;
        }
    }
    remove(from)
}

fn can_link(shelf: &Path) -> Result<bool, BackupError> {
    let (one, two) = (shelf.join(".link-1"), shelf.join(".link-2"));
    for path in [&one, &two] {
        let _absent = std::fs::remove_file(path);
    }
    drop(create(&one)?);
    let can = std::fs::hard_link(&one, &two).is_ok();
    for path in [&one, &two] {
        let _absent = std::fs::remove_file(path);
    }
    Ok(can)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etag::Stamp;
    use crate::ids::NodeId;
    use crate::storage::{Kind, Tag};

    /// A file whose bytes are `text`.
    fn row(id: i64, text: &str) -> Node {
        let mut digester = Digester::new(&[ChecksumKind::Sha1]);
        digester.update(text.as_bytes());
        let sums: Vec<String> = digester.finish().iter().map(ToString::to_string).collect();
        Node {
            id: NodeId(id),
            parent: Some(NodeId(1)),
            name: format!("file-{id}"),
            kind: Kind::File,
            size: text.len() as u64,
            mtime: 1,
            created: None,
            uploaded: 1,
            content: Stamp::new(7, 100 + id.unsigned_abs()),
            tree: Stamp::new(7, 1),
            tag: Tag::default(),
            stage: None,
            checksums: sums.join(" "),
        }
    }

    fn take_in(pool: &Pool, node: &Node, text: &str) {
        let mut intake = pool.begin(node).unwrap();
        intake.write(text.as_bytes()).unwrap();
        intake.keep().unwrap();
    }

    fn folder(path: &Path) -> OwnedFd {
        std::fs::create_dir_all(path).unwrap();
        File::open(path).unwrap().into()
    }

    #[test]
    fn what_an_unfinished_run_took_in_is_believed_only_if_its_bytes_are_right() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad, cut) = (row(1, "good"), row(2, "bad"), row(3, "cut short"));
        let pool = Pool::open(dir.path()).unwrap();
        for (node, text) in [(&good, "good"), (&bad, "bad"), (&cut, "cut short")] {
            take_in(&pool, node, text);
            assert!(pool.has(node).unwrap());
        }
        // As a power cut may leave them.
        std::fs::write(pool.new.join(key(&bad)), "\0\0\0").unwrap();
        std::fs::write(pool.new.join(key(&cut)), "").unwrap();
        drop(pool.begin(&row(4, "dropped")).unwrap());
        for _ in 0..3 {
            // Each of these is cut as well.
            let pool = Pool::open(dir.path()).unwrap();
            assert!(pool.has(&good).unwrap());
            assert!(!pool.has(&bad).unwrap() && !pool.has(&cut).unwrap());
        }
        let pool = Pool::open(dir.path()).unwrap();
        assert!(pool.has(&good).unwrap());
        let at = folder(&dir.path().join("files"));
        assert!(pool.link(&good, &at, "a").unwrap());
        assert!(!pool.link(&bad, &at, "b").unwrap());
        let unused = row(5, "changed once more");
        take_in(&pool, &unused, "changed once more");
        pool.keep_new().unwrap();
        assert!(!pool.new.exists() && !pool.left.exists());
        // Now it is in a generation, and is not read again.
        let pool = Pool::open(dir.path()).unwrap();
        assert!(pool.has(&good).unwrap() && !pool.has(&unused).unwrap());
        pool.sweep().unwrap();
        assert!(pool.has(&good).unwrap(), "it has two names");
        std::fs::remove_file(dir.path().join("files/a")).unwrap();
        pool.sweep().unwrap();
        assert!(!pool.has(&good).unwrap());
    }

    #[test]
    fn without_hard_links_bytes_are_moved_and_names_that_collide_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let pool = Pool { links: false, ..Pool::open(dir.path()).unwrap() };
        let (one, two) = (row(1, "one"), row(2, "two"));
        take_in(&pool, &one, "one");
        take_in(&pool, &two, "two");
        let files = dir.path().join("files");
        let at = folder(&files);
        assert!(pool.link(&one, &at, "a").unwrap());
        assert!(pool.link(&two, &at, "a").is_err(), "as if A were a");
        assert!(pool.link(&two, &at, "b").unwrap());
        assert_eq!(std::fs::read_to_string(files.join("a")).unwrap(), "one");
        pool.keep_new().unwrap();
        let pool = Pool::open(dir.path()).unwrap();
        assert!(!pool.has(&one).unwrap(), "the next backup copies all");
    }
}
