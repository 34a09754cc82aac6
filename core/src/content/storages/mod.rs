//! The storages of a server, by number: the data folder's own, and any others that mounts or homes
//! are on.
//!
//! All else sees one [`FileStorage`] with one address space ([`StorageNo`]): a [`view`] of all, which
//! hands each call to the storage that its path or stage place names. What begins in the stage has no
//! path yet; it goes to the storage that the view is for ([`Storages::view`]).
//!
//! A storage that cannot be opened, or is not there any more, is [`StorageError::Unavailable`] in each
//! call about it, and hinders no other.

mod files;
mod slot;
mod view;
mod watches;

use std::sync::Arc;

pub use slot::Opener;

use crate::storage::{FileStorage, StorageError, StorageNo};
use slot::Slot;
use view::View;

/// All storages. Cheap to clone.
#[derive(Clone)]
pub struct Storages {
    data: Arc<dyn FileStorage>,
    /// By number; few.
    others: Arc<[Slot]>,
}

impl Storages {
    /// Only the data folder's own.
    pub fn only(data: Arc<dyn FileStorage>) -> Self {
        Self { data, others: Arc::from([]) }
    }

    /// That, and others, each with the name it has in `server.toml`.
    pub fn new(
        data: Arc<dyn FileStorage>,
        others: Vec<(StorageNo, String, Box<dyn Opener>)>,
    ) -> Self {
        let slots = others.into_iter().map(|(no, name, opener)| Slot::new(no, name, opener));
        Self { data, others: slots.collect() }
    }

    /// All of them as one, which stages on `no` what says no other place. With no others it is the
    /// data folder's itself.
    pub fn view(&self, no: StorageNo) -> Arc<dyn FileStorage> {
        match self.others.is_empty() {
            true => Arc::clone(&self.data),
            false => Arc::new(View { all: self.clone(), stage_on: no }),
        }
    }

    /// Whether there are others than the data folder's own.
    pub fn are_many(&self) -> bool {
        !self.others.is_empty()
    }

    /// Whether the storage is in the configuration.
    pub fn has(&self, no: StorageNo) -> bool {
        no == StorageNo::DATA || self.slot(no).is_some()
    }

    /// What `server.toml` calls the storage.
    pub fn name(&self, no: StorageNo) -> &str {
        self.slot(no).map_or("builtin:local", |slot| &slot.name)
    }

    /// Whether the storage is there: opens it if it was not, and looks from time to time whether it
    /// still is the one that was opened.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`].
    pub async fn require(&self, no: StorageNo) -> Result<(), StorageError> {
        match no {
            StorageNo::DATA => Ok(()),
            _ => self.find(no)?.require().await.map(drop),
        }
    }

    /// Whether others may change what is on the storage. Not known of one that cannot be opened.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`].
    pub async fn changes_outside(&self, no: StorageNo) -> Result<bool, StorageError> {
        Ok(self.storage(no).await?.changes_outside())
    }

    /// Whether the storage is there and one of objects, whose names the index alone has.
    pub async fn has_objects(&self, no: StorageNo) -> bool {
        self.storage(no).await.is_ok_and(|storage| storage.objects().is_some())
    }

    /// The storages of objects that are there.
    pub(super) async fn of_objects(&self) -> Vec<(StorageNo, Arc<dyn FileStorage>)> {
        let numbers =
            std::iter::once(StorageNo::DATA).chain(self.others.iter().map(|slot| slot.no));
        let mut found = Vec::new();
        for no in numbers {
            if let Ok(storage) = self.storage(no).await
                && storage.objects().is_some()
            {
                found.push((no, storage));
            }
        }
        found
    }

    async fn storage(&self, no: StorageNo) -> Result<Arc<dyn FileStorage>, StorageError> {
        match no {
            StorageNo::DATA => Ok(Arc::clone(&self.data)),
            _ => self.find(no)?.storage().await,
        }
    }

    fn slot(&self, no: StorageNo) -> Option<&Slot> {
        self.others.iter().find(|slot| slot.no == no)
    }

    fn find(&self, no: StorageNo) -> Result<&Slot, StorageError> {
        let unknown =
            || StorageError::Unavailable(format!("storage {no} is not in server.toml any more"));
        self.slot(no).ok_or_else(unknown)
    }
}
