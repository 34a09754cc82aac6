//! Numbers of storages: which storage a path on the disk, or in the stage, is on.
//!
//! The server has one address space of disk paths for all its storages. The data folder's own is
//! number 0, and its paths are as they ever were: `alice/a.txt`. Any other has a number from the
//! index, and its paths begin with it: `:3/a.txt`, in the stage `:3:KEY`. No user id, so no folder of
//! a home, has a colon. So a row, a decided operation and a stage entry each say by themselves where
//! they are.

use std::fmt;

use super::StagePath;

/// The number of a storage in the index; 0 is the data folder's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StorageNo(pub u32);

impl StorageNo {
    /// The data folder's own.
    pub const DATA: Self = Self(0);

    /// The number in a disk path, and the path on that storage.
    pub fn split(path: &str) -> (Self, &str) {
        let Some(rest) = path.strip_prefix(':') else { return (Self::DATA, path) };
        let (number, below) = rest.split_once('/').unwrap_or((rest, ""));
        match number.parse() {
            Ok(number) => (Self(number), below),
            Err(_) => (Self::DATA, path),
        }
    }

    /// The storage of a disk path.
    pub fn of(path: &str) -> Self {
        Self::split(path).0
    }

    /// The disk path of a path on this storage.
    pub fn join(self, path: &str) -> String {
        match self {
            Self::DATA => path.to_owned(),
            _ if path.is_empty() => self.to_string(),
            _ => format!("{self}/{path}"),
        }
    }

    /// The number in a place in the stage, and the place on that storage.
    pub fn split_stage(at: &StagePath) -> (Self, StagePath) {
        let parts = at.0.strip_prefix(':').and_then(|rest| rest.split_once(':'));
        match parts.and_then(|(number, at)| Some((number.parse().ok()?, at))) {
            Some((number, at)) => (Self(number), StagePath(at.to_owned())),
            None => (Self::DATA, at.clone()),
        }
    }

    /// The storage of a place in the stage.
    pub fn of_stage(at: &StagePath) -> Self {
        match at.0.starts_with(':') {
            true => Self::split_stage(at).0,
            false => Self::DATA,
        }
    }

    /// The place in the stage of a place on this storage.
    pub fn join_stage(self, at: StagePath) -> StagePath {
        match self {
            Self::DATA => at,
            _ => StagePath(format!("{self}:{}", at.0)),
        }
    }
}

/// `:3`, the root of the storage as a disk path.
impl fmt::Display for StorageNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            number => write!(f, ":{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_their_storage() {
        for (path, number, below) in [
            ("", 0, ""),
            ("alice/a.txt", 0, "alice/a.txt"),
            (":3", 3, ""),
            (":3/a/b.txt", 3, "a/b.txt"),
            (":3/:4", 3, ":4"),
            (":x/a", 0, ":x/a"),
        ] {
            assert_eq!(StorageNo::split(path), (StorageNo(number), below), "{path:?}");
            assert_eq!(StorageNo(number).join(below), path);
        }
    }

    #[test]
    fn places_in_the_stage_say_theirs() {
        for (at, number, below) in
            [("key/sub", 0, "key/sub"), (":3:key/sub", 3, "key/sub"), (":3", 0, ":3")]
        {
            let place = StagePath(at.to_owned());
            let split = StorageNo::split_stage(&place);
            assert_eq!(split, (StorageNo(number), StagePath(below.to_owned())), "{at:?}");
            assert_eq!(StorageNo::of_stage(&place), StorageNo(number));
            assert_eq!(split.0.join_stage(split.1), place);
        }
        assert_eq!(StorageNo(3).join_stage(StagePath("k/a".into())).key(), ":3:k");
    }
}
