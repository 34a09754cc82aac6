//! Bytes: staging, publishing, reading, copying, chunked uploads.
//!
//! The commit decides (design: what is acknowledged is there). A write is **staged** here, made true
//! by one job of the index (`tree`), and **published** here afterwards: [`Publisher`] carries out
//! the index's decided disk operations in commit order, and again after a crash those that may not
//! have been durable. Until a file is published, reads open its stage.

pub mod backup;
mod copy;
mod error;
mod objects;
mod outside;
mod publish;
mod read;
mod stage;
mod staged;
mod storages;
mod upload;
mod verify;

use std::collections::HashSet;
use std::sync::Arc;

pub use error::ContentError;
pub use objects::Swept;
pub use outside::Freshness;
pub use publish::Publisher;
pub use read::{OpenFile, stream};
pub use stage::{Expected, Received};
pub use storages::{Opener, Storages};
pub use upload::{Assembled, ChunkExpected, ChunkStored, Transfer, TransferError, TransferLimits};
pub use verify::{Finding, Problem, Progress};

use crate::clock::Clock;
use crate::storage::{DiskOp, Durability, FileStorage, StagePath, Staged, StorageError, StorageNo};
use crate::store::Store;

/// Runs `work` to its end, also if its caller is dropped, as requests are whose client has gone: what
/// was committed stays, and what was not is cleaned up.
///
/// # Errors
/// [`ContentError::Storage`] if `work` panics or the server stops.
pub async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, ContentError> {
    let ended = tokio::spawn(work).await;
    ended.map_err(|error| ContentError::Storage(StorageError::Internal(error.to_string())))
}

/// Staging and reading, over a storage, or several.
#[derive(Clone)]
pub struct Content {
    storages: Storages,
    /// All of them as one, which stages on `stage_on`.
    storage: Arc<dyn FileStorage>,
    stage_on: StorageNo,
    store: Arc<dyn Store>,
    publisher: Arc<Publisher>,
    durability: Durability,
    clock: Clock,
    running: Arc<upload::Running>,
    freshness: outside::FreshnessCell,
    limits: TransferLimits,
}

impl Content {
    /// Over `storage`, whose disk operations `publisher` carries out.
    pub fn new(
        storage: Arc<dyn FileStorage>,
        store: Arc<dyn Store>,
        publisher: Arc<Publisher>,
        durability: Durability,
        clock: Clock,
    ) -> Self {
        Self::over(Storages::only(storage), store, publisher, durability, clock)
    }

    /// The same over several storages. It stages in the data folder; see [`Content::on`].
    pub fn over(
        storages: Storages,
        store: Arc<dyn Store>,
        publisher: Arc<Publisher>,
        durability: Durability,
        clock: Clock,
    ) -> Self {
        let (running, freshness, limits) = Default::default();
        let (storage, stage_on) = (storages.view(StorageNo::DATA), StorageNo::DATA);
        Self {
            storages,
            storage,
            stage_on,
            store,
            publisher,
            durability,
            clock,
            running,
            freshness,
            limits,
        }
    }

    /// The same, which stages on `no`: what becomes true there must be staged there.
    #[must_use]
    pub fn on(&self, no: StorageNo) -> Self {
        match no == self.stage_on {
            true => self.clone(),
            false => Self { storage: self.storages.view(no), stage_on: no, ..self.clone() },
        }
    }

    /// The storage that it stages on.
    pub fn stages_on(&self) -> StorageNo {
        self.stage_on
    }

    /// The storages.
    pub fn storages(&self) -> &Storages {
        &self.storages
    }

    /// The same for users who may have so many transfers with so many chunks.
    #[must_use]
    pub fn limited(self, limits: TransferLimits) -> Self {
        Self { limits, ..self }
    }

    /// An empty folder in the stage.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn stage_folder(&self) -> Result<Staged, ContentError> {
        Ok(self.storage.stage_folder(None).await?)
    }

    /// Throws a stage entry away. A failure is only logged: it costs space until the next start.
    pub async fn discard(&self, at: &StagePath) {
        if let Err(error) = self.storage.discard(at).await {
            tracing::warn!(stage = at.0, %error, "a stage entry could not be removed");
        }
    }

    /// Removes stage entries that nothing refers to: what requests left that died with an earlier
    /// process. Call at start, after [`Publisher::recover`] and before serving. What waits for its
    /// publication stays.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn sweep_stage(&self) -> Result<usize, ContentError> {
        let used: HashSet<String> = crate::store::read(&self.store, |tx| {
            let waiting = tx.disk_ops()?.into_iter().filter_map(|(_, op)| match op {
                DiskOp::Publish { stage, .. } => Some(stage),
                _ => None,
            });
            let used = tx.upload_stage_keys()?.into_iter().chain(waiting);
            Ok::<_, ContentError>(used.map(|at| at.key().to_owned()).collect())
        })
        .await?;
        let mut removed = 0;
        for (at, _) in self.storage.list_stage().await? {
            if !used.contains(at.key()) {
                self.storage.discard(&at).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// [`ContentError::Storage`].
    pub async fn free_space(&self) -> Result<Option<u64>, ContentError> {
        Ok(self.storage.free_space().await?)
    }
}
