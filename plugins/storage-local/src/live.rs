//! Looking at the live tree, and making changes of it durable.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use moonsail_sdk::storage::{Entry, StorageError, Survey, Unusable, WhyUnusable};
use rustix::fs::{Access, AtFlags, Dir, FileType, accessat, fstatvfs, fsync};
use rustix::io::Errno;

use crate::areas::Areas;
use crate::fs::{FOLDER, PLACE, check, failed, is_absent, open_folder, split};
use crate::tag::Meta;

/// See [`moonsail_sdk::storage::FileStorage::stat`].
pub(crate) fn stat(areas: &Areas, path: &str) -> Result<Option<Entry>, StorageError> {
    if path.is_empty() {
        return Ok(Meta::of(&areas.files).map_err(failed("the root"))?.entry());
    }
    let (parent, name) = split(path)?;
    if areas.is_hidden(parent, name) {
        return Ok(None);
    }
    let found = open_folder(&areas.files, parent, PLACE).and_then(|dir| Meta::at(dir, name));
    match found {
        Ok(meta) => Ok(meta.and_then(|meta| meta.entry())),
        Err(errno) if is_absent(errno) => Ok(None),
        Err(errno) => Err(failed(path)(errno)),
    }
}

/// See [`moonsail_sdk::storage::FileStorage::stat_members`].
pub(crate) fn stat_members(
    areas: &Areas,
    folder: &str,
    names: &[String],
) -> Result<Vec<Option<Entry>>, StorageError> {
    check(folder)?;
    for name in names {
        if !split(name)?.0.is_empty() {
            return Err(StorageError::Internal(format!("not a name: {name:?}")));
        }
    }
    let dir = match open_folder(&areas.files, folder, PLACE) {
        Ok(dir) => dir,
        Err(errno) if is_absent(errno) => return Ok(vec![None; names.len()]),
        Err(errno) => return Err(failed(folder)(errno)),
    };
    let stat = |name: &String| match Meta::at(&dir, name) {
        _ if areas.is_hidden(folder, name) => Ok(None),
        Ok(meta) => Ok(meta.and_then(|meta| meta.entry())),
        Err(errno) if is_absent(errno) => Ok(None),
        Err(errno) => Err(failed(folder)(errno)),
    };
    names.iter().map(stat).collect()
}

/// See [`moonsail_sdk::storage::FileStorage::survey`].
pub(crate) fn survey(areas: &Areas, path: &str) -> Result<Survey, StorageError> {
    check(path)?;
    let dir = open_folder(&areas.files, path, FOLDER).map_err(failed(path))?;
    let mut survey = Survey::default();
    for entry in Dir::read_from(&dir).map_err(failed(path))? {
        let entry = entry.map_err(failed(path))?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let mut leave_out = |why| {
            survey.unusable.push(Unusable { name: printable(name.to_bytes()), why });
        };
        let Ok(name) = name.to_str() else {
            leave_out(WhyUnusable::NotUtf8);
            continue;
        };
        if areas.is_hidden(path, name) {
            continue;
        }
        match entry.file_type() {
            FileType::Symlink => leave_out(WhyUnusable::Link),
            FileType::RegularFile | FileType::Directory | FileType::Unknown => {
                // One that has gone meanwhile is no member.
                let Some(meta) = Meta::at(&dir, name).map_err(failed(path))? else { continue };
                match meta.entry() {
                    Some(found) => survey.members.push((name.to_owned(), found)),
                    None if meta.link => leave_out(WhyUnusable::Link),
                    None => leave_out(WhyUnusable::Special),
                }
            }
            _ => leave_out(WhyUnusable::Special),
        }
    }
    Ok(survey)
}

/// A name for people: what is not UTF-8 and control characters as `\xNN`.
fn printable(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    let escape = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    };
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() {
                escape(&mut text, letter.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(letter);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

/// Makes the folders durable that hold (or held) `paths`, and what was renamed out of the stage.
pub(crate) fn sync(areas: &Areas, paths: &[String]) -> Result<(), StorageError> {
    let mut parents = BTreeSet::new();
    for path in paths {
        parents.insert(split(path)?.0);
    }
    for parent in parents {
        sync_nearest(areas, parent).map_err(failed(parent))?;
    }
    if areas.kept_dirty.swap(false, Ordering::Relaxed) {
        fsync(&areas.kept).map_err(failed("kept"))?;
    }
    fsync(&areas.stage).map_err(failed("stage"))
}

/// Syncs a folder, or the nearest one above it that is still there.
fn sync_nearest(areas: &Areas, mut path: &str) -> rustix::io::Result<()> {
    loop {
        match open_folder(&areas.files, path, FOLDER) {
            Ok(dir) => return fsync(dir),
            Err(errno) if is_absent(errno) && !path.is_empty() => {
                path = path.rsplit_once('/').map_or("", |(above, _)| above);
            }
            Err(errno) => return Err(errno),
        }
    }
}

/// Bytes that an ordinary user can still write.
pub(crate) fn free_space(areas: &Areas) -> Result<u64, StorageError> {
    let all = fstatvfs(&areas.files).map_err(failed("free space"))?;
    Ok(all.f_bavail.saturating_mul(all.f_frsize))
}

/// See [`moonsail_sdk::storage::FileStorage::may_change`].
pub(crate) fn may_change(areas: &Areas, path: &str) -> Result<bool, StorageError> {
    check(path)?;
    let dir = match open_folder(&areas.files, path, PLACE) {
        Err(errno) if is_absent(errno) || errno == Errno::ACCESS => return Ok(false),
        dir => dir.map_err(failed(path))?,
    };
    if areas.read_only {
        return Ok(accessat(&dir, ".", Access::READ_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok());
    }
    let own = Meta::of(&areas.files).map_err(failed("the root"))?;
    if Meta::of(&dir).map_err(failed(path))?.dev != own.dev {
        return Ok(false);
    }
    let access = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(&dir, ".", access, AtFlags::EACCESS).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_printable() {
        for (name, expected) in [
            (&b"plain \xc3\xa4"[..], "plain \u{e4}"),
            (b"line\nfeed", "line\\x0afeed"),
            (b"\x1b[31m\x7f", "\\x1b[31m\\x7f"),
            (b"caf\xe9", "caf\\xe9"),
            (b"\xff\xfe.txt", "\\xff\\xfe.txt"),
            (b"\xc2\x85", "\\xc2\\x85"),
            (b"cut \xe2\x82", "cut \\xe2\\x82"),
        ] {
            assert_eq!(printable(name), expected, "{name:?}");
        }
    }
}
