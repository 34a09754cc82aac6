//! System calls as this crate uses them: paths that cannot leave their folder, and errors.

use moonsail_sdk::storage::StorageError;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags, Timespec, Timestamps, openat, openat2};
use rustix::io::{Errno, Result};

/// Mode of new files.
pub(crate) const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Mode of new folders.
pub(crate) const FOLDER_MODE: Mode = Mode::RWXU;

/// Flags that open a folder as a place to start from, needing no right to read it.
pub(crate) const PLACE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Flags that open a folder for reading its members or for `fsync`.
pub(crate) const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The kernel takes no longer path in one call (`PATH_MAX`, less what the prefix might add).
const LONGEST: usize = 4000;

/// Turns an errno into the error of the port, naming what was tried.
pub(crate) fn failed(what: &str) -> impl Fn(Errno) -> StorageError + '_ {
    move |errno| match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => StorageError::NotFound(what.to_owned()),
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => StorageError::Full,
        Errno::IO
        | Errno::STALE
        | Errno::NODEV
        | Errno::NOTCONN
        | Errno::HOSTDOWN
        | Errno::TIMEDOUT
        | Errno::ROFS
        | Errno::MFILE
        | Errno::NFILE => StorageError::Unavailable(format!("{what}: {errno}")),
        _ => StorageError::Internal(format!("{what}: {errno}")),
    }
}

/// Whether this errno says that a path leads to nothing (also through a link or a file).
pub(crate) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG)
}

/// Refuses what the core has promised not to send, before any system call sees it.
///
/// # Errors
/// [`StorageError::Internal`] for empty, `.` and `..` segments, and NUL.
pub(crate) fn check(path: &str) -> std::result::Result<(), StorageError> {
    let bad = |segment: &str| matches!(segment, "" | "." | "..");
    if path.contains('\0') || (!path.is_empty() && path.split('/').any(bad)) {
        return Err(StorageError::Internal(format!("not a relative path: {path:?}")));
    }
    Ok(())
}

/// Parent folder (empty for the root) and name of a path that is not the root itself.
///
/// # Errors
/// [`StorageError::Internal`] for the root, and as [`check`].
pub(crate) fn split(path: &str) -> std::result::Result<(&str, &str), StorageError> {
    check(path)?;
    match path.rsplit_once('/') {
        Some(pair) => Ok(pair),
        None if path.is_empty() => Err(StorageError::Internal("the root itself".into())),
        None => Ok(("", path)),
    }
}

/// Opens the folder at `path` below `root`, following no link at all.
pub(crate) fn open_folder(root: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd> {
    if path.is_empty() {
        return openat(root, ".", flags, Mode::empty());
    }
    if path.len() > LONGEST {
        return walk(root, path, flags);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(&root, path, flags, Mode::empty(), resolve) {
        // AGAIN: a rename went on meanwhile; the others: a sandbox that does not know openat2.
        Err(Errno::AGAIN | Errno::NOSYS | Errno::PERM) => walk(root, path, flags),
        // It was moved out of the root while it was opened, so it is not there any more.
        Err(Errno::XDEV) => Err(Errno::NOENT),
        result => result,
    }
}

/// The same, one segment at a time.
fn walk(root: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd> {
    let mut dir = openat(root, ".", PLACE, Mode::empty())?;
    for segment in path.split('/') {
        dir = openat(&dir, segment, PLACE | OFlags::NOFOLLOW, Mode::empty())?;
    }
    openat(&dir, ".", flags, Mode::empty())
}

/// Opens the regular file `name` of a folder. `NONBLOCK`: should a pipe or device take the place
/// of a file between the caller's check and now, opening it must not hang.
pub(crate) fn open_file(dir: impl AsFd, name: &str, flags: OFlags) -> Result<OwnedFd> {
    let always = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat(dir, name, flags | always, Mode::empty())
}

/// Sets only the modification time.
pub(crate) fn set_mtime(fd: impl AsFd, seconds: i64, nanos: i64) -> Result<()> {
    let omit = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanos };
    rustix::fs::futimens(fd, &Timestamps { last_access: omit, last_modification })
}

/// Makes the members of a folder durable, whose descriptor may be a mere place.
pub(crate) fn sync_folder(dir: impl AsFd) -> Result<()> {
    rustix::fs::fsync(openat(dir, ".", FOLDER, Mode::empty())?)
}

/// Writes all of `data` at `offset`.
pub(crate) fn write_all(fd: impl AsFd, mut data: &[u8], mut offset: u64) -> Result<()> {
    while !data.is_empty() {
        match rustix::io::pwrite(&fd, data, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => {
                data = &data[written..];
                offset += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Reads up to `len` bytes at `offset`; fewer only at the end of the file.
pub(crate) fn read_full(fd: impl AsFd, offset: u64, len: usize) -> Result<Vec<u8>> {
    let mut data = Vec::with_capacity(len);
    while data.len() < len {
        let at = offset + data.len() as u64;
        match rustix::io::pread(&fd, rustix::buffer::spare_capacity(&mut data), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    data.truncate(len);
    Ok(data)
}

/// A name that nobody can guess and nobody else has: 128 random bits, hexadecimal.
///
/// # Errors
/// [`StorageError::Internal`] if the system has no random bytes.
pub(crate) fn random_name() -> std::result::Result<String, StorageError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StorageError::Internal(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_root_and_around_it() {
        for (path, expected) in [
            ("a", Some(("", "a"))),
            ("a/b/c", Some(("a/b", "c"))),
            ("", None),
            ("/a", None),
            ("a/", None),
            ("a//b", None),
            ("a/../b", None),
            ("./a", None),
            ("..", None),
            ("a\0b", None),
        ] {
            assert_eq!(split(path).ok(), expected, "{path:?}");
        }
    }

    #[test]
    fn both_ways_of_resolving_refuse_links() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::File::open(dir.path()).unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("a/out")).unwrap();
        for (path, opens) in
            [("a", true), ("a/b", true), ("link", false), ("link/b", false), ("a/out/etc", false)]
        {
            assert_eq!(open_folder(&root, path, PLACE).is_ok(), opens, "{path}");
            assert_eq!(walk(&root, path, PLACE).is_ok(), opens, "walking {path}");
        }
    }
}
