//! Chunked uploads: transfers that are resumed, also after a restart, and closed in one step.
//!
//! Chunks that come in order are written behind one another into one staged file, hashed on the
//! way; the closing MOVE then only verifies and commits. A chunk that comes out of order, at the
//! same time as another, or a second time under its name is **parked** in a file of its own, and
//! the closing MOVE puts the file together in one pass. An acknowledged chunk is durable, and its
//! bytes are never written over.

mod assemble;
mod intake;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use assemble::Assembled;
pub use intake::{ChunkExpected, ChunkStored};

use super::{Content, ContentError, to_the_end};
use crate::ids::Uid;
use crate::proto::checksum::Digester;
use crate::storage::{StageFile, StagePath, StorageError};
use crate::store;
use crate::store::uploads::{Chunk, Upload};

/// A transfer and its chunks, by name in byte order.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Its row.
    pub upload: Upload,
    /// Its chunks.
    pub chunks: Vec<Chunk>,
}

impl Transfer {
    /// Bytes of all chunks.
    pub fn size(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.size).sum()
    }
}

/// How many transfers a user may have, and how many chunks a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferLimits {
    /// Unfinished transfers of one user.
    pub transfers: usize,
    /// Chunks of one transfer.
    pub chunks: usize,
}

impl Default for TransferLimits {
    /// No limits.
    fn default() -> Self {
        Self { transfers: usize::MAX, chunks: usize::MAX }
    }
}

/// Why a transfer's request was refused.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// No such transfer (404).
    #[error("there is no such upload")]
    Missing,
    /// The transfer's name is taken (405).
    #[error("the upload exists already")]
    Exists,
    /// The chunk's offset overlaps another chunk or contradicts the sizes before it (400).
    #[error("the chunk's offset does not fit: {0}")]
    Offset(String),
    /// The chunks do not sum up to `OC-Total-Length` (400).
    #[error("chunks on server do not sum up to {announced} but to {received}")]
    Sum {
        /// `OC-Total-Length`.
        announced: u64,
        /// Sum of the chunks.
        received: u64,
    },
    /// As many transfers, or chunks in one, as there may be (507).
    #[error("there are too many {0}")]
    TooMany(&'static str),
    /// The bytes could not be taken.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl TransferError {
    /// Whether nothing was recorded for sure. A commit whose sync failed may come back after a
    /// crash, and then needs what was staged for it; else the next start sweeps it.
    fn is_certain(&self) -> bool {
        !matches!(self, Self::Content(ContentError::Store(store::StoreError::Failed(_))))
    }
}

impl From<store::StoreError> for TransferError {
    fn from(error: store::StoreError) -> Self {
        Self::Content(error.into())
    }
}

impl From<crate::storage::StorageError> for TransferError {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::Content(error.into())
    }
}

/// Hash of the bytes in order so far. Lost at a restart, when the closing MOVE reads them again.
pub(super) struct Progress {
    /// Bytes in order in the transfer's file.
    end: u64,
    /// Over exactly these bytes; `None` if they were not all hashed by this process.
    digester: Option<Digester>,
}

/// What this process knows of running transfers, by row id. The lock of a transfer is held while a
/// chunk is written in order; whoever does not get it parks.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<i64, Arc<tokio::sync::Mutex<Option<Progress>>>>>);

/// The lock of a transfer.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<Option<Progress>>;

impl Running {
    fn of(&self, upload: i64) -> Arc<tokio::sync::Mutex<Option<Progress>>> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(upload).or_default())
    }

    fn forget(&self, upload: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload);
    }
}

impl Content {
    /// Makes a transfer.
    ///
    /// # Errors
    /// [`TransferError::Exists`], [`TransferError::TooMany`] and others.
    pub async fn begin_transfer(
        &self,
        user: &Uid,
        name: &str,
        total: Option<u64>,
    ) -> Result<(), TransferError> {
        let touched = self.clock.seconds();
        let (user, name) = (user.clone(), name.to_owned());
        let upload = Upload { id: 0, user, name, total, file: None, touched };
        let most = self.limits.transfers;
        let made = store::write(&self.store, move |tx| {
            let made = tx.insert_upload(&upload)?;
            if made.is_some() && tx.uploads(&upload.user)?.len() > most {
                return Err(TransferError::TooMany("unfinished uploads"));
            }
            Ok(made)
        });
        made.await?.map(|_| ()).ok_or(TransferError::Exists)
    }

    /// A transfer with its chunks.
    ///
    /// # Errors
    /// [`TransferError::Missing`] and others.
    pub async fn transfer(&self, user: &Uid, name: &str) -> Result<Transfer, TransferError> {
        let (user, name) = (user.clone(), name.to_owned());
        store::read(&self.store, move |tx| {
            let upload = tx.upload(&user, &name)?.ok_or(TransferError::Missing)?;
            let chunks = tx.chunks(upload.id)?;
            Ok(Transfer { upload, chunks })
        })
        .await
    }

    /// Bytes of the chunks of all transfers of a user.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn unfinished_size(&self, user: &Uid) -> Result<u64, ContentError> {
        let user = user.clone();
        store::read(&self.store, move |tx| Ok(tx.uploads_size(&user)?)).await
    }

    /// All transfers of a user.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn transfers(&self, user: &Uid) -> Result<Vec<Upload>, ContentError> {
        let user = user.clone();
        store::read(&self.store, move |tx| Ok(tx.uploads(&user)?)).await
    }

    /// Gives a transfer up.
    ///
    /// # Errors
    /// [`TransferError::Missing`] and others.
    pub async fn abort_transfer(&self, user: &Uid, name: &str) -> Result<(), TransferError> {
        let upload = self.transfer(user, name).await?.upload;
        self.abort(upload, i64::MAX).await
    }

    /// Gives up a transfer, unless it was closed meanwhile, when its file is somebody's content, or
    /// touched at `before` or later.
    async fn abort(&self, upload: Upload, before: i64) -> Result<(), TransferError> {
        let content = self.clone();
        let aborted = to_the_end(async move {
            let removed = store::write(&content.store, move |tx| {
                let known = tx.upload(&upload.user, &upload.name)?;
                let known = known.filter(|it| it.id == upload.id && it.touched < before);
                let upload = known.ok_or(TransferError::Missing)?;
                let chunks = tx.chunks(upload.id)?;
                tx.remove_upload(upload.id)?;
                Ok::<_, TransferError>(Transfer { upload, chunks })
            });
            content.discard_transfer(&removed.await?, None).await;
            Ok(())
        });
        aborted.await?
    }

    /// Opens the file of a transfer. One that is lost takes its transfer along, since no chunk of it
    /// can be had any more: the client is told to begin anew.
    async fn reopen(
        &self,
        upload: &Upload,
        at: &StagePath,
    ) -> Result<Box<dyn StageFile>, TransferError> {
        match self.storage.reopen_stage(at).await {
            Err(StorageError::NotFound(_)) => {
                tracing::error!(upload = upload.id, "the chunks of an upload are lost");
                self.abort(upload.clone(), i64::MAX).await?;
                Err(TransferError::Missing)
            }
            opened => Ok(opened?),
        }
    }

    /// Removes a chunk.
    ///
    /// # Errors
    /// [`TransferError::Missing`] and others.
    pub async fn remove_chunk(
        &self,
        user: &Uid,
        name: &str,
        chunk: &str,
    ) -> Result<(), TransferError> {
        let transfer = self.transfer(user, name).await?;
        let running = self.running.of(transfer.upload.id);
        let mut progress = running.lock_owned().await;
        let (content, id, chunk) = (self.clone(), transfer.upload.id, chunk.to_owned());
        let removed = to_the_end(async move {
            *progress = None;
            let removed = store::write(&content.store, move |tx| {
                let known = tx.chunks(id)?.into_iter().find(|known| known.name == chunk);
                let known = known.ok_or(TransferError::Missing)?;
                tx.remove_chunk(id, &chunk)?;
                Ok::<_, TransferError>(known)
            });
            if let Some(parked) = removed.await?.parked {
                content.discard(&parked).await;
            }
            Ok(())
        });
        removed.await?
    }

    /// Removes transfers that were not touched since `before` (Unix seconds); gives how many.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn remove_stale_transfers(&self, before: i64) -> Result<usize, ContentError> {
        let stale: Vec<Upload> =
            store::read(&self.store, move |tx| Ok::<_, ContentError>(tx.stale_uploads(before)?))
                .await?;
        let mut removed = 0;
        for upload in stale {
            let id = upload.id;
            match self.abort(upload, before).await {
                Ok(()) => removed += 1,
                // Closed, given up or gone on meanwhile.
                Err(TransferError::Missing) => {}
                Err(error) => tracing::warn!(upload = id, %error, "a stale upload stays"),
            }
        }
        Ok(removed)
    }

    /// Removes the files of a transfer whose rows are gone, but for the one that was published.
    async fn discard_transfer(&self, transfer: &Transfer, published: Option<&StagePath>) {
        let parked = transfer.chunks.iter().filter_map(|chunk| chunk.parked.as_ref());
        for at in parked.chain(&transfer.upload.file) {
            if Some(at) != published {
                self.discard(at).await;
            }
        }
        self.running.forget(transfer.upload.id);
    }

    /// To be called after the closing MOVE was committed, when the transfer's rows are gone.
    pub async fn end_transfer(&self, assembled: &Assembled) {
        let published = &assembled.received.staged.at;
        self.discard_transfer(&assembled.transfer, Some(published)).await;
    }

    /// To be called if the closing MOVE was refused: the chunks stay.
    pub async fn keep_transfer(&self, assembled: &Assembled) {
        let staged = &assembled.received.staged.at;
        if assembled.transfer.upload.file.as_ref() != Some(staged) {
            self.discard(staged).await;
        }
    }
}
