//! Why the tree refused. Variants name the cause; the rooms pick the status.

use crate::path::DavPath;
use crate::storage::StorageError;
use crate::store::StoreError;
use crate::store::locks::Lock;

/// Why a change or a question about the tree was refused. Nothing changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreeError {
    /// Nothing at the path.
    #[error("{0} does not exist")]
    NotFound(DavPath),
    /// The folder that would hold the path does not exist (RFC 4918 §9.3.1, §9.7.1, §9.8.5).
    #[error("the folder for {0} does not exist")]
    ParentMissing(DavPath),
    /// A file stands where a folder would have to.
    #[error("{0} is not a folder")]
    NotAFolder(DavPath),
    /// A folder stands where a file would be written.
    #[error("{0} is a folder")]
    IsAFolder(DavPath),
    /// The name is taken and may not be replaced (MKCOL).
    #[error("{0} exists already")]
    Exists(DavPath),
    /// `Overwrite: F` and the destination exists.
    #[error("{0} exists and is not to be overwritten")]
    WouldOverwrite(DavPath),
    /// A header's condition does not hold; the header's name.
    #[error("the condition in {0} does not hold")]
    PreconditionFailed(&'static str),
    /// Locked by somebody, or the token was not submitted.
    #[error("{path} is locked")]
    Locked {
        /// The lock's root.
        path: DavPath,
        /// The lock, for the answer's body. Its token is not for strangers.
        lock: Box<Lock>,
    },
    /// The lock to be given up or refreshed is not on this resource.
    #[error("no such lock on {0}")]
    NoSuchLock(DavPath),
    /// The owner's quota does not allow it.
    #[error("the quota does not allow {needed} more bytes")]
    OverQuota {
        /// Bytes the change would add.
        needed: u64,
    },
    /// A folder into itself, or onto itself.
    #[error("{0} cannot be moved or copied into itself")]
    IntoItself(DavPath),
    /// Source and destination are one.
    #[error("source and destination are the same")]
    SameTarget,
    /// Roots are not moved, deleted or replaced.
    #[error("the root cannot be changed this way")]
    Root,
    /// The source, or the transfer, changed while it was being copied; nothing was made.
    #[error("{0} changed meanwhile")]
    Changed(DavPath),
    /// The user holds as many locks as users may.
    #[error("too many locks")]
    TooManyLocks,
    /// Too many dead properties on one resource.
    #[error("too many properties")]
    TooManyProperties,
    /// The index failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
