//! Rows of chunked uploads: transfers and their chunks.

use super::StoreError;
use crate::ids::Uid;
use crate::storage::StagePath;

/// A transfer folder, `/remote.php/dav/uploads/<user>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Row id.
    pub id: i64,
    /// Whose.
    pub user: Uid,
    /// Name of the transfer, as the client chose it.
    pub name: String,
    /// Total length if a client told it.
    pub total: Option<u64>,
    /// The file in which chunks are put at their final offsets, once there is one.
    pub file: Option<StagePath>,
    /// Unix seconds of the last activity; unfinished transfers are removed some time after it.
    pub touched: i64,
}

/// A chunk that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Name as the client chose it.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Offset in [`Upload::file`] if it was written there.
    pub offset: Option<u64>,
    /// Its own stage file if it was parked.
    pub parked: Option<StagePath>,
    /// Unix seconds.
    pub mtime: i64,
}

/// Reading uploads.
pub trait UploadsRead {
    /// A transfer by name.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn upload(&mut self, user: &Uid, name: &str) -> Result<Option<Upload>, StoreError>;
    /// All transfers of a user, by name in byte order.
    fn uploads(&mut self, user: &Uid) -> Result<Vec<Upload>, StoreError>;
    /// Transfers not touched since `before` (Unix seconds), of anybody, the longest idle first.
    fn stale_uploads(&mut self, before: i64) -> Result<Vec<Upload>, StoreError>;
    /// The chunks of a transfer by name in byte order.
    fn chunks(&mut self, upload: i64) -> Result<Vec<Chunk>, StoreError>;
    /// A chunk of a transfer by name.
    fn chunk(&mut self, upload: i64, name: &str) -> Result<Option<Chunk>, StoreError>;
    /// How many chunks a transfer has.
    fn count_chunks(&mut self, upload: i64) -> Result<usize, StoreError>;
    /// Bytes of all chunks of a user's transfers.
    fn uploads_size(&mut self, user: &Uid) -> Result<u64, StoreError>;
    /// Stage keys that uploads use, each once: what a sweep of the stage must leave alone.
    fn upload_stage_keys(&mut self) -> Result<Vec<StagePath>, StoreError>;
}

/// Writing uploads.
pub trait UploadsWrite {
    /// Makes a transfer (`upload.id` is ignored) and gives its id; `None` if the name is taken.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn insert_upload(&mut self, upload: &Upload) -> Result<Option<i64>, StoreError>;
    /// Writes all columns by id. A missing transfer is an error, and so is a name that another one of
    /// the user has.
    fn update_upload(&mut self, upload: &Upload) -> Result<(), StoreError>;
    /// Removes a transfer and its chunks' rows.
    fn remove_upload(&mut self, id: i64) -> Result<(), StoreError>;
    /// Inserts or replaces a chunk by name.
    fn put_chunk(&mut self, upload: i64, chunk: &Chunk) -> Result<(), StoreError>;
    /// Removes one; no error if it is not there.
    fn remove_chunk(&mut self, upload: i64, name: &str) -> Result<(), StoreError>;
}
