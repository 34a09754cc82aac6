//! What a storage offers whose files are objects without names.

use super::{StagePath, StorageError, Tag};
use crate::BoxFuture;

/// A finished file as it lies in a store of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The tag by which a row refers to it.
    pub tag: Tag,
    /// The stage key under which it was written: an upload that is not closed refers to it so.
    pub key: StagePath,
    /// Bytes.
    pub size: u64,
    /// Seconds since it was finished.
    pub age: u64,
}

/// A page of all objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPage {
    /// Some of them; each is on one page.
    pub objects: Vec<Object>,
    /// Gives the next page; `None` at the end.
    pub next: Option<String>,
}

/// All that lies in a store of objects, so that what no row refers to is found: a removed folder
/// leaves the objects of everything below it.
pub trait Objects: Send + Sync {
    /// Makes the store this index's, or checks that it is: what one index does not know would be
    /// removed, though another may need it.
    ///
    /// # Errors
    /// [`StorageError::Internal`] if it belongs to another.
    fn claim(&self, installation: &str) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Finished files, a page at a time.
    fn list(&self, cursor: Option<String>) -> BoxFuture<'_, Result<ObjectPage, StorageError>>;

    /// Removes one for good; success if it is not there.
    fn remove(&self, tag: &Tag) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Removes what only this storage can know to be left over, older than `age` seconds; gives how
    /// much it was.
    fn tidy(&self, age: u64) -> BoxFuture<'_, Result<usize, StorageError>>;
}
