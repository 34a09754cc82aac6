//! What is known about one inode, and the tags made of it.
//!
//! A file's tag is `ino:size:mtime:btime` (times in nanoseconds), a folder's is `d:ino:btime`. The
//! device is left out, because its number changes with mounts; the change time is left out, because
//! a rename changes it. The birth time tells a reused inode number from the one that had it before
//! (0 where the file system does not record it).

use moonsail_sdk::storage::{Entry, Kind, Tag};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp, statx};
use rustix::io::{Errno, Result};

/// Nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// Which inode something is, whatever is written into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ident {
    folder: bool,
    ino: u64,
    btime: i128,
}

impl Ident {
    /// Reads the identity out of a tag; `None` if this storage did not make it.
    pub(crate) fn parse(tag: &Tag) -> Option<Self> {
        let parts: Vec<&str> = tag.0.split(':').collect();
        let (folder, ino, btime) = match parts[..] {
            ["d", ino, btime] => (true, ino, btime),
            [ino, _size, _mtime, btime] => (false, ino, btime),
            _ => return None,
        };
        Some(Self { folder, ino: ino.parse().ok()?, btime: btime.parse().ok()? })
    }
}

/// See [`moonsail_sdk::storage::FileStorage::is_same`].
pub(crate) fn is_same(one: &Tag, other: &Tag) -> bool {
    one == other || Ident::parse(one).is_some_and(|ident| Ident::parse(other) == Some(ident))
}

/// The tag that the file of `tag` has after its modification time was set; `None` if this storage
/// did not make the tag.
pub(crate) fn touched(tag: &Tag, mtime: i64) -> Option<Tag> {
    match tag.0.split(':').collect::<Vec<_>>()[..] {
        [ino, size, _, btime] => {
            Some(Tag(format!("{ino}:{size}:{}:{btime}", i128::from(mtime) * SECOND)))
        }
        _ => None,
    }
}

/// The answer of one `statx`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    /// `None` for links, devices, sockets and pipes.
    pub(crate) kind: Option<Kind>,
    /// Whether it is a symbolic link.
    pub(crate) link: bool,
    /// Bytes of a file; 0 for anything else.
    pub(crate) size: u64,
    /// Names of the inode.
    pub(crate) links: u32,
    /// Device numbers.
    pub(crate) dev: (u32, u32),
    /// Last change of the inode, Unix seconds.
    pub(crate) ctime: i64,
    mtime: StatxTimestamp,
    btime: i128,
    ino: u64,
}

impl Meta {
    /// Of an open file or folder.
    pub(crate) fn of(fd: impl AsFd) -> Result<Self> {
        Ok(Self::new(&statx(fd, "", AtFlags::EMPTY_PATH, wanted())?))
    }

    /// Of the member `name` of an open folder, not following links; `None` if it is not there.
    pub(crate) fn at(dir: impl AsFd, name: &str) -> Result<Option<Self>> {
        match statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, wanted()) {
            Ok(raw) => Ok(Some(Self::new(&raw))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    fn new(raw: &Statx) -> Self {
        let file_type = FileType::from_raw_mode(u32::from(raw.stx_mode));
        let kind = match file_type {
            FileType::RegularFile => Some(Kind::File),
            FileType::Directory => Some(Kind::Folder),
            _ => None,
        };
        let born = raw.stx_mask & StatxFlags::BTIME.bits() != 0;
        Self {
            kind,
            link: file_type == FileType::Symlink,
            size: if kind == Some(Kind::File) { raw.stx_size } else { 0 },
            links: raw.stx_nlink,
            dev: (raw.stx_dev_major, raw.stx_dev_minor),
            ctime: raw.stx_ctime.tv_sec,
            mtime: raw.stx_mtime,
            btime: if born { nanos(&raw.stx_btime) } else { 0 },
            ino: raw.stx_ino,
        }
    }

    /// See the module.
    pub(crate) fn tag(&self) -> Tag {
        let (ino, btime) = (self.ino, self.btime);
        Tag(match self.kind {
            Some(Kind::Folder) => format!("d:{ino}:{btime}"),
            _ => format!("{ino}:{}:{}:{btime}", self.size, nanos(&self.mtime)),
        })
    }

    /// Identity in few bytes: two inodes of one file system differ in it, but by bad luck.
    pub(crate) fn print(&self) -> u64 {
        // A birth time of nanoseconds fits for some centuries; beyond, its low bits do as well.
        self.ino.rotate_left(40) ^ self.btime as u64
    }

    /// Which inode it is.
    pub(crate) fn ident(&self) -> Ident {
        Ident { folder: self.kind == Some(Kind::Folder), ino: self.ino, btime: self.btime }
    }

    /// Modification time as `utimensat` takes it.
    pub(crate) fn mtime(&self) -> (i64, u32) {
        (self.mtime.tv_sec, self.mtime.tv_nsec)
    }

    /// What the core sees; `None` if it is neither file nor folder.
    pub(crate) fn entry(&self) -> Option<Entry> {
        let (kind, size, mtime) = (self.kind?, self.size, self.mtime.tv_sec);
        Some(Entry { kind, size, mtime, tag: self.tag() })
    }
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

fn nanos(time: &StatxTimestamp) -> i128 {
    i128::from(time.tv_sec) * SECOND + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_tags_have_an_identity() {
        let file = Some(Ident { folder: false, ino: 7, btime: 9 });
        for (tag, expected) in [
            ("7:5:1:9", file),
            ("7:6:-2:9", file),
            ("d:7:9", Some(Ident { folder: true, ino: 7, btime: 9 })),
            ("", None),
            ("7:5:1", None),
            ("d:x:9", None),
            ("7:5:1:9:3", None),
        ] {
            assert_eq!(Ident::parse(&Tag(tag.into())), expected, "{tag:?}");
        }
    }

    #[test]
    fn tags_of_one_inode_are_the_same() {
        for (one, other, expected) in [
            ("7:5:1:9", "7:5:1:9", true),
            ("7:5:1:9", "7:6:2:9", true),
            ("7:5:1:9", "8:5:1:9", false),
            ("7:5:1:9", "7:5:1:10", false),
            ("d:7:9", "d:7:9", true),
            ("d:7:9", "7:5:1:9", false),
            ("other", "other", true),
            ("other", "another", false),
            ("", "7:5:1:9", false),
        ] {
            let (one, other) = (Tag(one.into()), Tag(other.into()));
            assert_eq!(is_same(&one, &other), expected, "{one:?} {other:?}");
            assert_eq!(is_same(&other, &one), expected, "{other:?} {one:?}");
        }
    }

    #[test]
    fn a_tag_survives_a_rename_and_not_a_write() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let root = std::fs::File::open(dir.path()).unwrap();
        std::fs::write(&a, "x").unwrap();
        let before = Meta::at(&root, "a").unwrap().unwrap();
        std::fs::rename(&a, &b).unwrap();
        let renamed = Meta::at(&root, "b").unwrap().unwrap();
        assert_eq!(before.tag(), renamed.tag());
        std::fs::write(&b, "xy").unwrap();
        let written = Meta::at(&root, "b").unwrap().unwrap();
        assert_ne!(before.tag(), written.tag());
        assert_eq!(Ident::parse(&before.tag()), Some(written.ident()));
        assert!(Meta::at(&root, "a").unwrap().is_none());
    }
}
