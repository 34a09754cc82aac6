//! The port to the index: what is persisted about files, people and uploads, as rows in transactions.
//!
//! A [`Store`] gives **snapshots** to read from ([`ReadTx`]) and takes **jobs** that write
//! ([`WriteTx`]). All jobs of the server go through one queue: the store runs what is queued in one
//! transaction, each job in a savepoint of its own, commits, and only then tells each job's
//! submitter. So a condition that a job checks holds until its own change is committed, and of N
//! racing writers one wins.
//!
//! The rules of the tree (what raises which etag) are not here but in `tree`; an implementation
//! only keeps rows. Everything is blocking: call from the blocking pool ([`read`]) or through
//! [`write()`].

pub mod accounts;
#[cfg(test)]
pub(crate) mod conformance;
pub mod feed;
pub mod hold;
pub mod kv;
pub mod locks;
#[cfg(test)]
pub(crate) mod memory;
pub mod nodes;
pub mod props;
pub mod search;
pub mod sqlite;
pub mod uploads;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::storage::DiskOp;

/// Why the index could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Busy for longer than the bound: 503 with `Retry-After`.
    #[error("the index is busy")]
    Busy,
    /// A search took longer than it may: 503.
    #[error("the search took too long")]
    TooLong,
    /// The disk that holds the index is full: 507.
    #[error("the index has no space left")]
    Full,
    /// Anything else: 500, text for the log.
    #[error("the index failed: {0}")]
    Failed(String),
}

/// A consistent snapshot of the index.
pub trait ReadTx:
    nodes::NodesRead
    + props::PropsRead
    + locks::LocksRead
    + uploads::UploadsRead
    + search::SearchRead
    + accounts::AccountsRead
    + feed::FeedRead
    + kv::KvRead
{
    /// Saves this snapshot to a new file, as an index of its own for a backup, and makes it durable:
    /// all rows, but for chunked uploads and other things that lie in the stage. Takes its time, and
    /// hinders nobody.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the file is there already, of a transaction that writes, and from
    /// an index that cannot be saved to a file.
    fn save_copy(&mut self, to: &Path) -> Result<(), StoreError>;
}

/// A job's view of the index inside the batch's transaction: it sees its own writes.
///
/// A call that gave an error may have done a part of its work: such a job must not be kept.
pub trait WriteTx:
    ReadTx
    + nodes::NodesWrite
    + props::PropsWrite
    + locks::LocksWrite
    + uploads::UploadsWrite
    + accounts::AccountsWrite
    + feed::FeedWrite
    + kv::KvWrite
{
    /// This transaction as one to read from.
    fn as_read(&mut self) -> &mut dyn ReadTx;
}

/// What a job leaves behind.
pub struct JobDone {
    /// Whether its writes are kept; `false` rolls its savepoint back.
    pub keep: bool,
    /// Called after the batch's commit, or with why it failed.
    pub finish: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// A queued write.
pub type Job = Box<dyn FnOnce(&mut dyn WriteTx) -> JobDone + Send>;

/// Decided disk operations with their ids, called after each commit, in commit order.
pub type DiskSink = Box<dyn Fn(Vec<(i64, DiskOp)>) + Send + Sync>;

/// The index.
pub trait Store: Send + Sync + 'static {
    /// Opens a snapshot. Blocking; drop it soon, a long one keeps the log of writes from shrinking.
    ///
    /// # Errors
    /// [`StoreError`].
    fn reader(&self) -> Result<Box<dyn ReadTx + '_>, StoreError>;

    /// Queues a write. Never blocks for long; the job runs on the store's writer thread.
    fn submit(&self, job: Job);

    /// Sets who carries out disk operations. Called once, at start.
    fn set_disk_sink(&self, sink: DiskSink);

    /// The greatest sequence number that is committed, told anew after each commit that has a
    /// change: it wakes those who follow the feed.
    fn committed(&self) -> watch::Receiver<u64>;

    /// Facts of the installation, fixed while it runs.
    fn installation(&self) -> &Installation;

    /// Gives up room that was kept back on a full disk; whether there was any. For a write that makes
    /// more room than it takes, and is then tried again.
    fn make_room(&self) -> bool {
        false
    }

    /// Commits what is queued, brings it to disk and stops the writer. Later jobs fail. Not to be
    /// called by a job or its answer, for which it would wait.
    fn close(&self);
}

/// Facts of the installation, made at its first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Suffix of all file ids.
    pub instance: crate::ids::InstanceId,
    /// High bits of all new stamps; random, changed by a restore.
    pub era: u32,
    /// `oc:data-fingerprint`; empty until a backup is restored.
    pub data_fingerprint: String,
    /// 256 random bits in hex, for keyed hashes of tokens and caches.
    pub secret: String,
}

/// Runs `question` on a snapshot, on the blocking pool.
///
/// # Errors
/// What `question` gives, or [`StoreError`] through `E`.
pub async fn read<T, E, F>(store: &Arc<dyn Store>, question: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: FnOnce(&mut dyn ReadTx) -> Result<T, E> + Send + 'static,
{
    let store = Arc::clone(store);
    let job = tokio::task::spawn_blocking(move || {
        let mut snapshot = store.reader()?;
        question(&mut *snapshot)
    });
    job.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string()).into()))
}

/// Runs `change` inside the next batch and waits until it is committed. An `Err` rolls it back.
///
/// # Errors
/// What `change` gives, or [`StoreError`] through `E`.
pub async fn write<T, E, F>(store: &Arc<dyn Store>, change: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: FnOnce(&mut dyn WriteTx) -> Result<T, E> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    store.submit(Box::new(move |tx| {
        let result = change(tx);
        JobDone {
            keep: result.is_ok(),
            finish: Box::new(move |committed| {
                // Nobody waits any more if the client has gone; the change stands all the same.
                let _gone = answer.send(committed.map_err(E::from).and(result));
            }),
        }
    }));
    answered.await.unwrap_or_else(|_| {
        Err(StoreError::Failed("the index is closed, or the job panicked".to_owned()).into())
    })
}
