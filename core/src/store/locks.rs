//! Rows of locks: write locks of RFC 4918 and the apps' file locks.

use super::StoreError;
use crate::ids::{NodeId, Uid};

/// How far a lock reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockDepth {
    /// The resource alone.
    Zero,
    /// All below it, too.
    Infinity,
}

/// RFC 4918 §6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockScope {
    /// One holder.
    Exclusive,
    /// Several.
    Shared,
}

/// Who made it, and how it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockType {
    /// `X-User-Lock: 1`, `nc:lock-owner-type` 0: the user holds it, from any client.
    User,
    /// `nc:lock-owner-type` 2 or a plain RFC 4918 lock: whoever submits the token holds it.
    Token,
}

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The lock token, an absolute URI (`opaquelocktoken:…`).
    pub token: String,
    /// The locked node.
    pub node: NodeId,
    /// Who made it.
    pub user: Uid,
    /// Kind of holder.
    pub kind: LockType,
    /// Scope.
    pub scope: LockScope,
    /// Depth.
    pub depth: LockDepth,
    /// The XML inside `d:owner` as the client sent it, self-contained; may be empty.
    pub owner: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds after which it is void; `None` for never.
    pub expires: Option<i64>,
    /// Seconds it was granted for; 0 for ever.
    pub timeout: i64,
}

/// Reading locks. Expired ones are given too: callers compare with the clock. Lists are ordered by
/// `created`, then by token in byte order.
pub trait LocksRead {
    /// Locks whose root is the node.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn locks_on(&mut self, node: NodeId) -> Result<Vec<Lock>, StoreError>;
    /// A lock by its token.
    fn lock(&mut self, token: &str) -> Result<Option<Lock>, StoreError>;
    /// Locks on members of a folder.
    fn locks_on_children(&mut self, parent: NodeId) -> Result<Vec<Lock>, StoreError>;
    /// All locks at or below the node.
    fn locks_in(&mut self, node: NodeId) -> Result<Vec<Lock>, StoreError>;
    /// How many locks a user holds, expired ones that are not removed yet among them.
    fn count_locks(&mut self, user: &Uid) -> Result<usize, StoreError>;
    /// Whether any lock exists at all: lets the common case skip the rest.
    fn any_locks(&mut self) -> Result<bool, StoreError>;
}

/// Writing locks.
pub trait LocksWrite {
    /// Inserts or replaces a lock by its token.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn put_lock(&mut self, lock: &Lock) -> Result<(), StoreError>;
    /// Removes one; no error if it is not there.
    fn remove_lock(&mut self, token: &str) -> Result<(), StoreError>;
    /// Removes all at or below the node (MOVE, DELETE: RFC 4918 §7.5, §9.6).
    fn remove_locks_in(&mut self, node: NodeId) -> Result<(), StoreError>;
    /// Removes those that expired before `now` (Unix seconds).
    fn remove_expired_locks(&mut self, now: i64) -> Result<(), StoreError>;
}
