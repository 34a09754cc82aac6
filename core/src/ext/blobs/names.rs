//! How objects are called, and what their names say.
//!
//! ```text
//! owner                     which index the store belongs to
//! o/ab/ID.FINISH            a finished file; ID.FINISH:SIZE is its tag
//! o/ab/ID-BELOW.FINISH      one below a staged folder ID; BELOW is a hash of the way there
//! s/ab/ID/VERSION           what was synced of an unfinished file
//! p/ab/ID/PIECE             bytes of an unfinished file that was not written in order
//! ```
//!
//! An id is 128 random bits, so that nothing is ever written twice under one key by chance; `ab` are
//! its first two digits, for stores that make folders of them.

use sha2::{Digest, Sha256};

use crate::storage::{StagePath, StorageError, Tag};

/// Where the mark of the owner lies.
pub(super) const OWNER: &str = "owner";
/// Above all finished files.
pub(super) const FINISHED: &str = "o/";
/// Above all that was synced of unfinished files.
pub(super) const SYNCED: &str = "s/";
/// Above all pieces.
pub(super) const PIECES: &str = "p/";

/// Digits of an id.
const ID: usize = 32;
/// Digits of a version, of a piece, of the hash of a way below a folder.
const SHORT: usize = 16;

/// A finished file: its key and its length, which its tag tells both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finished {
    /// Behind `o/ab/`.
    name: String,
    /// Bytes.
    pub(super) size: u64,
}

impl Finished {
    /// What `object` is, a key of the store with this many bytes.
    pub(super) fn of_key(key: &str, size: u64) -> Option<Self> {
        let (shard, name) = key.strip_prefix(FINISHED)?.split_once('/')?;
        let fits = name.starts_with(shard) && shard.len() == 2 && is_id(name.get(..ID)?);
        (fits && !name.contains('/')).then(|| Self { name: name.to_owned(), size })
    }

    /// What a row's tag says; `None` if it is of another storage, or of a folder.
    pub(super) fn of_tag(tag: &Tag) -> Option<Self> {
        let (name, size) = tag.0.split_once(':')?;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let fits = plain && is_id(name.get(..ID)?) && name.len() <= 100;
        let size = size.parse().ok().filter(|_| fits)?;
        Some(Self { name: name.to_owned(), size })
    }

    pub(super) fn key(&self) -> String {
        format!("{FINISHED}{}/{}", &self.name[..2], self.name)
    }

    pub(super) fn tag(&self) -> Tag {
        Tag(format!("{}:{}", self.name, self.size))
    }

    /// The stage key under which it was written.
    pub(super) fn stage_key(&self) -> StagePath {
        StagePath(self.name[..ID].to_owned())
    }
}

/// A place in the stage, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The id of the key.
    pub(super) id: String,
    /// The version of a kept file.
    pub(super) version: Option<String>,
    /// Hash of the way below a staged folder.
    below: Option<String>,
}

impl Place {
    /// A key that nothing has yet.
    pub(super) fn new() -> Result<Self, StorageError> {
        Ok(Self { id: random(ID)?, version: None, below: None })
    }

    /// Takes a place apart; [`StorageError::NotFound`] if it is none of this storage.
    pub(super) fn of(at: &StagePath) -> Result<Self, StorageError> {
        let not_found = || StorageError::NotFound(at.0.clone());
        let (key, below) = match at.0.split_once('/') {
            Some((key, below)) => (key, Some(hash(below))),
            None => (at.0.as_str(), None),
        };
        let (id, version) = match key.split_once('@') {
            Some((id, version)) => (id, Some(version.to_owned())),
            None => (key, None),
        };
        let fits = version.as_deref().is_none_or(is_short);
        if !is_id(id) || !fits || (version.is_some() && below.is_some()) {
            return Err(not_found());
        }
        Ok(Self { id: id.to_owned(), version, below })
    }

    /// The same key at a version.
    pub(super) fn at_version(&self, version: &str) -> StagePath {
        StagePath(format!("{}@{version}", self.id))
    }

    /// The key of the finished file, if it was finished as it is called (`o/…`), or was first
    /// (`FINISH` is 0), or later with a mark of its own.
    pub(super) fn finished(&self, finish: &str) -> String {
        format!("{}{}.{finish}", self.prefix(FINISHED), self.below_mark())
    }

    /// Whether it lies below a staged folder.
    pub(super) fn is_below(&self) -> bool {
        self.below.is_some()
    }

    fn below_mark(&self) -> String {
        self.below.as_ref().map(|hash| format!("-{hash}")).unwrap_or_default()
    }

    /// All that belongs to the key, or to the place below one, in one of the areas.
    pub(super) fn prefix(&self, area: &str) -> String {
        format!("{area}{}/{}", &self.id[..2], self.id)
    }

    /// Where a version of it is noted.
    pub(super) fn synced(&self, version: &str) -> String {
        format!("{}/{version}", self.prefix(SYNCED))
    }

    /// Where a new piece of it goes.
    pub(super) fn new_piece(&self) -> Result<String, StorageError> {
        Ok(format!("{}/{}", self.prefix(PIECES), random(SHORT)?))
    }

    /// The tag of a folder staged here: nothing lies there, so it is made of the place alone.
    pub(super) fn folder_tag(&self) -> Tag {
        Tag(format!("folder-{}{}", self.id, self.below_mark()))
    }
}

/// The id in a key of the areas of unfinished files.
pub(super) fn id_of<'a>(area: &str, key: &'a str) -> Option<&'a str> {
    let id = key.strip_prefix(area)?.split('/').nth(1)?;
    is_id(id).then_some(id)
}

/// A mark that nothing has yet.
pub(super) fn new_mark() -> Result<String, StorageError> {
    random(SHORT)
}

fn is_id(text: &str) -> bool {
    text.len() == ID && is_hex(text)
}

fn is_short(text: &str) -> bool {
    text.len() == SHORT && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..SHORT / 2])
}

fn random(digits: usize) -> Result<String, StorageError> {
    let mut bytes = [0; ID / 2];
    let bytes = &mut bytes[..digits / 2];
    getrandom::fill(bytes).map_err(|error| StorageError::Internal(error.to_string()))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn tags_and_keys_say_the_same() {
        let key = format!("o/01/{SOME}.0");
        let finished = Finished::of_key(&key, 77).unwrap();
        assert_eq!(finished.tag(), Tag(format!("{SOME}.0:77")));
        assert_eq!(Finished::of_tag(&finished.tag()), Some(finished.clone()));
        assert_eq!((finished.key(), finished.stage_key().0), (key, SOME.to_owned()));
    }

    #[test]
    fn what_is_no_tag_of_a_file_is_none() {
        for tag in [
            "",
            ":",
            SOME,
            &format!("{SOME}.0"),
            &format!("{SOME}.0:"),
            &format!("{SOME}.0:-1"),
            &format!("{SOME}/../x:1"),
            &format!("{SOME}.ä:1"),
            &format!("folder-{SOME}:1"),
            "64768:12:0:1700000000:9",
        ] {
            assert_eq!(Finished::of_tag(&Tag(tag.into())), None, "{tag}");
        }
    }

    #[test]
    fn places_are_taken_apart() {
        for (at, expected) in [
            (SOME.to_owned(), true),
            (format!("{SOME}@0123456789abcdef"), true),
            (format!("{SOME}/a@b/c"), true),
            (format!("{SOME}@"), false),
            (format!("{SOME}@../x"), false),
            (format!("{SOME}@0123456789abcdef/x"), false),
            ("nothing".to_owned(), false),
            (String::new(), false),
            (SOME.to_uppercase(), false),
        ] {
            assert_eq!(Place::of(&StagePath(at.clone())).is_ok(), expected, "{at}");
        }
        let folder = Place::of(&StagePath(SOME.into())).unwrap();
        let below = Place::of(&StagePath(format!("{SOME}/a/b"))).unwrap();
        let other = Place::of(&StagePath(format!("{SOME}/a/c"))).unwrap();
        let keys = [&folder, &below, &other].map(|place| place.finished("0"));
        assert!(keys.iter().all(|key| key.starts_with(&folder.prefix(FINISHED))), "{keys:?}");
        assert!(keys[1] != keys[2] && keys[0] != keys[1], "{keys:?}");
        assert_eq!(id_of(SYNCED, &folder.synced("v")), Some(SOME));
        assert!(Place::new().unwrap() != Place::new().unwrap());
    }
}
