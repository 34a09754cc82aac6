//! Rows of the change feed as those see them who follow it, and how far each has come.

use super::StoreError;
use super::nodes::Change;

/// A change with what the node was when it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The change.
    pub change: Change,
    /// Whether the node was a folder; `None` if that was not noted.
    pub folder: Option<bool>,
}

/// How far a follower of the feed has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The follower's name.
    pub name: String,
    /// All changes up to this sequence number are acknowledged.
    pub seq: u64,
}

/// Following the feed.
pub trait FeedRead {
    /// Up to `limit` changes with sequence numbers above `after`, in order.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn feed(&mut self, after: u64, limit: usize) -> Result<Vec<Logged>, StoreError>;
    /// All followers, by name in byte order.
    fn cursors(&mut self) -> Result<Vec<Cursor>, StoreError>;
    /// The greatest sequence number that a committed change has used; 0 if none.
    fn last_seq(&mut self) -> Result<u64, StoreError>;
}

/// Writing what followers have done.
pub trait FeedWrite {
    /// Puts a follower's cursor, also back.
    fn put_cursor(&mut self, cursor: &Cursor) -> Result<(), StoreError>;
    /// Forgets a follower; an unknown one is no error.
    fn remove_cursor(&mut self, name: &str) -> Result<(), StoreError>;
    /// Deletes the oldest changes, up to `limit` and none above `up_to`; gives how many.
    fn forget_changes(&mut self, up_to: u64, limit: usize) -> Result<usize, StoreError>;
}
