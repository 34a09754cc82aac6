//! What tells that a script's files are other ones than those that were read.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Most files that are looked at beside a script that does not load.
const MOST: usize = 1000;

/// What tells that a file was written to: inode, size and time. `None` if it is not there.
type Stamp = Option<(u64, u64, i64, i64)>;

fn stamp(file: &Path) -> Stamp {
    let meta = std::fs::metadata(file).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// Files, each as it was at a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Stamps(BTreeMap<PathBuf, Stamp>);

impl Stamps {
    /// A script's file, and whatever it may come to require: all beside it. To be taken before the
    /// first one is read, so that what is written meanwhile is seen as a change. Blocking.
    pub(super) fn around(script: &Path, more: &Self) -> Self {
        let folder = script.parent().unwrap_or(Path::new("."));
        let mut files = vec![script.to_owned()];
        files.extend(more.0.keys().cloned());
        for folder in [folder.to_owned(), folder.join("lib")] {
            // A file that is added changes the folder.
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let paths = entries.map(|entry| entry.path());
            let lua = |path: &PathBuf| path.extension().is_some_and(|it| it == "lua");
            files.extend(paths.filter(lua).take(MOST));
            files.push(folder);
        }
        Self(
            files
                .into_iter()
                .map(|file| (stamp(&file), file))
                .map(|(at, file)| (file, at))
                .collect(),
        )
    }

    /// Those of `files`, as they are here, or as they are now if they are not here. Blocking.
    pub(super) fn of(&self, files: Vec<PathBuf>) -> Self {
        let known = |file: PathBuf| {
            let at = self.0.get(&file).copied().unwrap_or_else(|| stamp(&file));
            (file, at)
        };
        Self(files.into_iter().map(known).collect())
    }

    /// Whether one of them is another one now. Blocking.
    pub(super) fn differ(&self) -> bool {
        self.0.iter().any(|(file, at)| stamp(file) != *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_after_the_stamps_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (script, lib) = (folder.path().join("a.lua"), folder.path().join("lib"));
        std::fs::write(&script, "one").unwrap();
        let before = Stamps::around(&script, &Stamps::default());
        assert!(!before.differ());
        let read = before.of(vec![script.clone()]);
        std::fs::create_dir(&lib).unwrap();
        assert!(
            before.differ() && !read.differ(),
            "a folder that may come to hold what is required"
        );
        let before = Stamps::around(&script, &read);
        std::fs::write(lib.join("new.lua"), "").unwrap();
        assert!(before.differ());
        let before = Stamps::around(&script, &read);
        std::fs::write(&script, "three").unwrap();
        assert!(before.of(vec![script.clone()]).differ(), "written while it was being loaded");
        std::fs::remove_file(&script).unwrap();
        assert!(read.differ());
    }
}
