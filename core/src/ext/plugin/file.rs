//! The file of a plugin: may it be believed, and a copy that nobody changes while it is in use.
//!
//! The loader knows a library by its path: opened a second time after another file was put there, it
//! gives the old one, and a file that is overwritten in place crashes who uses it. So what is loaded is
//! always a copy under a new name, made of the very bytes that were checked.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::error::Cause;

/// Everybody may write.
const WORLD_WRITABLE: u32 = 0o002;
/// Only owners may replace what is in the folder.
const STICKY: u32 = 0o1000;

/// Bytes of a plugin that were checked, and their hash.
pub(super) struct Checked {
    bytes: Vec<u8>,
    /// SHA-256 in lower-case hex.
    pub(super) sha256: String,
}

/// Reads a library that only trusted people can have changed, and that is the pinned one.
pub(super) fn check(path: &Path, pin: Option<&str>) -> Result<Checked, Cause> {
    let mut file = File::open(path).map_err(Cause::Unreadable)?;
    let about = file.metadata().map_err(Cause::Unreadable)?;
    if !about.is_file() {
        return Err(Cause::NotAFile);
    }
    if about.mode() & WORLD_WRITABLE != 0 {
        return Err(Cause::WorldWritable(path.to_owned()));
    }
    let real = path.canonicalize().map_err(Cause::Unreadable)?;
    if let Some(folder) = real.parent() {
        let mode = fs::metadata(folder).map_err(Cause::Unreadable)?.mode();
        if mode & WORLD_WRITABLE != 0 && mode & STICKY == 0 {
            return Err(Cause::WorldWritable(folder.to_owned()));
        }
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Cause::Unreadable)?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    match pin {
        Some(expected) if expected != sha256 => {
            Err(Cause::OtherHash { expected: expected.to_owned(), found: sha256 })
        }
        _ => Ok(Checked { bytes, sha256 }),
    }
}

impl Checked {
    /// Writes the bytes to a new file of a private folder.
    pub(super) fn copy(&self, folder: &Path, name: &str) -> Result<PathBuf, Cause> {
        let failed = |error| Cause::Copy(folder.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let path = folder.join(format!("{name}-{}.so", &self.sha256[..12]));
        // A copy of a process that died has the same bytes, and is in nobody's use.
        let _there_was_none = fs::remove_file(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o500);
        let mut file = options.open(&path).map_err(failed)?;
        file.write_all(&self.bytes).map_err(failed)?;
        Ok(path)
    }
}

/// Removes the copies of earlier processes.
pub(super) fn clean(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // What cannot be removed now can be at the next start.
        let _left = fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.so");
        fs::write(&path, "library").unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        for (file, above, expected) in [
            (0o644, 0o755, true),
            (0o664, 0o775, true),
            (0o666, 0o755, false),
            (0o644, 0o777, false),
            (0o644, 0o1777, true),
        ] {
            mode(&path, file).unwrap();
            mode(folder.path(), above).unwrap();
            let checked = check(&path, None);
            assert_eq!(checked.is_ok(), expected, "{file:o} in {above:o}");
            if let Err(cause) = checked {
                assert!(cause.to_string().contains("run: chmod o-w /"), "{cause}");
            }
        }
        mode(folder.path(), 0o755).unwrap();
        assert!(matches!(check(folder.path(), None), Err(Cause::NotAFile)));
        assert!(matches!(check(&folder.path().join("y"), None), Err(Cause::Unreadable(_))));
    }

    #[test]
    fn the_pin_holds_and_what_was_checked_is_what_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.so");
        fs::write(&path, "library").unwrap();
        let checked = check(&path, None).unwrap();
        assert!(check(&path, Some(&checked.sha256)).is_ok());
        let other = check(&path, Some(&"0".repeat(64))).err().unwrap().to_string();
        assert!(other.contains(&checked.sha256) && other.contains("change sha256"), "{other}");
        fs::write(&path, "another").unwrap();
        let run = folder.path().join("run");
        let copy = checked.copy(&run, "x-1").unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"library");
        assert_eq!(fs::metadata(&run).unwrap().mode() & 0o777, 0o700);
        assert_eq!(checked.copy(&run, "x-1").unwrap(), copy);
        clean(&run);
        assert!(!copy.exists());
    }
}
