//! Why bytes could not be taken or given.

use crate::proto::checksum::Checksum;
use crate::storage::StorageError;
use crate::store::StoreError;
use crate::wire::BodyError;

/// Nothing was stored, or nothing can be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ContentError {
    /// The body ended early, came too slowly, or was too large.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// More or fewer bytes than `Content-Length` or `OC-Total-Length` announced.
    #[error("{announced} bytes were announced and {received} came")]
    Length {
        /// Announced.
        announced: u64,
        /// Received.
        received: u64,
    },
    /// The bytes are not those that the client's checksum describes.
    #[error("the checksum of what came is {computed}, not {announced}")]
    Checksum {
        /// From `OC-Checksum`.
        announced: Checksum,
        /// Of what came.
        computed: Checksum,
    },
    /// The quota ended while the body came.
    #[error("the body is larger than the quota allows")]
    OverQuota,
    /// The file on the disk is another than the index describes, and stays so.
    #[error("the file was changed on the storage")]
    Changed,
    /// The node is gone.
    #[error("the file is gone")]
    Gone,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The index failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
