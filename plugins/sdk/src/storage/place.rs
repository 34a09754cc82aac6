//! Places in the stage.

/// A place in the stage: a key from [`begin_stage`](super::FileStorage::begin_stage) and friends, or
/// a path below the key of a staged folder (`key/sub/file.txt`).
///
/// Behind the key may stand the version of a kept file, `key@version`: a storage that cannot write
/// into what it has then opens what was synced under just this place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StagePath(pub String);

impl StagePath {
    /// The member `name` of a staged folder.
    pub fn join(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// The key that [`list_stage`](super::FileStorage::list_stage) lists.
    pub fn key(&self) -> &str {
        self.0.split(['/', '@']).next().unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_neither_version_nor_path() {
        for (place, key) in [("k", "k"), ("k@v", "k"), ("k/a@b/c", "k"), ("", "")] {
            assert_eq!(StagePath(place.into()).key(), key, "{place}");
        }
    }
}
