//! Files over a store of objects: [`BlobFiles`] is a [`FileStorage`] over any
//! [`BlobStorage`](moonsail_sdk::blobs::BlobStorage).
//!
//! The index has the names. A row's tag is the key of its object and the length, so a file is opened
//! by its tag wherever it lies, and publishing, moving and new times do nothing here; what is
//! replaced or removed is deleted a while later, when who reads it has finished.
//!
//! | File | What |
//! |---|---|
//! | `names.rs` | keys, tags, places in the stage |
//! | `draft.rs` | a file being written: in order (`run.rs`, parts of an upload), or not (`quilt.rs`) |
//! | `note.rs`, `kept.rs` | what a sync leaves in the store, and going on with it after a restart |
//! | `read.rs` | reading, in windows |
//! | `condemned.rs` | deleting later |
//! | `objects.rs` | all that lies in the store, for the sweeper and `fsck` |
//!
//! Nothing is kept but in the store itself. Deleting is always the last step: an object is deleted
//! if this process wrote it and nothing was decided about it, or a while after a decided operation
//! has said that no row has it; all else is left to the sweeper, which asks the index. A failed
//! deletion costs space, never a file.

mod condemned;
mod draft;
mod kept;
mod names;
mod note;
mod objects;
mod quilt;
mod read;
mod run;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moonsail_sdk::blobs::{BlobInfo, BlobStorage};

use crate::clock::Clock;
use crate::storage::{StagePath, StorageError};
use condemned::Condemned;
use names::{FINISHED, Finished, PIECES, Place, SYNCED};

/// The note of an upload that was begun, and of which nothing was synced yet.
const BEGUN: &str = "begun";

/// How [`BlobFiles`] uses its store.
#[derive(Debug, Clone)]
pub struct BlobSettings {
    /// Bytes of a part of a large file; what is smaller is written by one request. At least the
    /// store's smallest part. A few parts of a file are in memory while it comes in.
    pub part_bytes: usize,
    /// How long an object stays after its file was replaced or removed: as long as the slowest
    /// download may take.
    pub delete_after: Duration,
}

impl Default for BlobSettings {
    /// 8 MiB; one hour.
    fn default() -> Self {
        Self { part_bytes: 8 << 20, delete_after: Duration::from_secs(3600) }
    }
}

/// Files over a store of objects.
pub struct BlobFiles {
    files: Arc<Files>,
    condemned: Arc<Condemned>,
}

/// What its parts share.
struct Files {
    store: Arc<dyn BlobStorage>,
    settings: BlobSettings,
    clock: Clock,
    /// What this process has finished and nothing was decided about yet, by id: only this may be
    /// deleted without a look into the index.
    fresh: Mutex<HashMap<String, Fresh>>,
}

/// Something staged.
#[derive(Debug, Clone)]
struct Fresh {
    at: StagePath,
    /// `None` for a folder.
    finished: Option<Finished>,
    /// Whether there are objects: a folder has none until something is staged below it.
    filled: bool,
    /// Whether notes or pieces may be left of the time when it was written.
    leftovers: bool,
}

impl BlobFiles {
    /// Files over `store`. Before anything is removed there, let it be
    /// [claimed](crate::storage::Objects::claim).
    pub fn new(store: Arc<dyn BlobStorage>, settings: BlobSettings) -> Self {
        let fits = usize::try_from(store.abilities().part_min).unwrap_or(usize::MAX);
        let settings =
            BlobSettings { part_bytes: settings.part_bytes.max(fits).max(1), ..settings };
        let (condemned, clock) = (Condemned::new(&store, settings.delete_after), Clock::system());
        let fresh = Mutex::default();
        Self { files: Arc::new(Files { store, settings, clock, fresh }), condemned }
    }
}

impl Files {
    fn fresh(&self) -> MutexGuard<'_, HashMap<String, Fresh>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a finished file is handed over, to become true or be discarded.
    fn handed_over(&self, at: &StagePath, finished: Option<&Finished>, leftovers: bool) {
        let (filled, finished) = (finished.is_some(), finished.cloned());
        let fresh = Fresh { at: at.clone(), finished, filled, leftovers };
        self.fresh().insert(at.key().to_owned(), fresh);
    }

    /// The finished file at a place, if this process has finished it.
    fn finished_at(&self, at: &StagePath) -> Option<Finished> {
        self.fresh().get(at.key()).filter(|fresh| fresh.at == *at)?.finished.clone()
    }

    /// Refuses what no object can be as long as.
    fn within_limits(&self, end: Option<u64>) -> Result<u64, StorageError> {
        let most = self.store.abilities().object_max;
        end.filter(|end| *end <= most).ok_or(StorageError::Full)
    }

    /// Removes what lies at a place. Finished objects go only if `is_mine`, or if this process has
    /// finished them and nothing was decided about them: a leftover note must not take along what a
    /// row has by now.
    async fn discard(&self, place: &Place, is_mine: bool) -> Result<(), StorageError> {
        if place.is_below() {
            let is_fresh = self.fresh().contains_key(&place.id);
            return if is_fresh { self.store.delete(&place.finished("0")).await } else { Ok(()) };
        }
        let fresh = self.fresh().remove(&place.id);
        if is_mine || fresh.as_ref().is_some_and(|fresh| fresh.filled) {
            self.delete_all(&place.prefix(FINISHED)).await?;
        }
        if is_mine || fresh.is_none_or(|fresh| fresh.leftovers) {
            self.forget_unfinished(place).await?;
        }
        Ok(())
    }

    /// Removes all but finished objects of a place.
    async fn forget_unfinished(&self, place: &Place) -> Result<(), StorageError> {
        let begun = place.synced(BEGUN);
        if let Some(note) = self.note(&begun).await?
            && let note::Noted::Run(note::Parts { upload: Some(upload), .. }) = note.noted
        {
            self.store.multipart_abort(&place.finished("0"), &upload).await?;
        }
        self.delete_all(&place.prefix(PIECES)).await?;
        self.delete_all(&place.prefix(SYNCED)).await
    }

    async fn delete_all(&self, prefix: &str) -> Result<(), StorageError> {
        let mut cursor = None;
        loop {
            let page = self.store.list(prefix, cursor.as_deref()).await?;
            for entry in page.entries {
                self.store.delete(&entry.key).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes something in the background that is only space.
    fn delete_later(&self, key: String) {
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(error) = store.delete(&key).await {
                tracing::debug!(key, %error, "an object that is not needed any more stays for now");
            }
        });
    }
}

/// Refuses an object that is not as long as it should be: something else was written under its key,
/// or the store is broken.
fn has_size(key: &str, info: &BlobInfo, size: u64) -> Result<(), StorageError> {
    match info.size == size {
        true => Ok(()),
        false => Err(StorageError::Internal(format!(
            "{key} has {} bytes in the store, and not {size}",
            info.size
        ))),
    }
}
