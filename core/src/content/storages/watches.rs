//! The watches of all storages as one.
//!
//! A storage that cannot be watched, or is not there, is told as one folder that nobody watches, so
//! that it is looked at from time to time. One that nobody else changes is not told of at all.

use futures_util::future::select_all;
use moonsail_sdk::BoxFuture;

use super::Storages;
use crate::storage::{FileStorage, Seen, StorageError, StorageNo, Watch};

/// See the module.
pub(super) struct Watches {
    parts: Vec<(StorageNo, Box<dyn Watch>)>,
    /// What is to be told before anything else.
    first: Vec<Seen>,
    /// Storages that are not watched.
    unwatched: u64,
}

impl Watches {
    pub(super) async fn begin(all: &Storages) -> Result<Self, StorageError> {
        let mut watches = Self { parts: Vec::new(), first: Vec::new(), unwatched: 0 };
        watches.add(StorageNo::DATA, &*all.data).await;
        for slot in all.others.iter() {
            match slot.storage().await {
                Ok(storage) => watches.add(slot.no, &*storage).await,
                Err(_) => watches.nobody_watches(slot.no),
            }
        }
        Ok(watches)
    }

    async fn add(&mut self, no: StorageNo, storage: &dyn FileStorage) {
        if !storage.changes_outside() {
            return;
        }
        match storage.watch().await {
            Ok(Some(watch)) => self.parts.push((no, watch)),
            Ok(None) => self.nobody_watches(no),
            Err(error) => {
                tracing::warn!(%error, "a storage is not watched");
                self.nobody_watches(no);
            }
        }
    }

    fn nobody_watches(&mut self, no: StorageNo) {
        self.unwatched += 1;
        self.first.push(Seen::Folder { path: no.join(""), watched: false });
    }

    async fn next_of_all(&mut self) -> Vec<Seen> {
        if !self.first.is_empty() {
            return std::mem::take(&mut self.first);
        }
        if self.parts.is_empty() {
            return std::future::pending().await;
        }
        let waiting = self.parts.iter_mut().map(|(_, watch)| watch.next());
        let (seen, index, _) = select_all(waiting).await;
        let no = self.parts[index].0;
        match seen {
            Some(seen) => seen.into_iter().map(|seen| numbered(no, seen)).collect(),
            None => {
                self.parts.remove(index);
                self.nobody_watches(no);
                std::mem::take(&mut self.first)
            }
        }
    }
}

fn numbered(no: StorageNo, seen: Seen) -> Seen {
    match seen {
        Seen::Member { folder, name } => Seen::Member { folder: no.join(&folder), name },
        Seen::Folder { path, watched } => Seen::Folder { path: no.join(&path), watched },
    }
}

impl Watch for Watches {
    fn next(&mut self) -> BoxFuture<'_, Option<Vec<Seen>>> {
        Box::pin(async { Some(self.next_of_all().await) })
    }

    fn counts(&self) -> (u64, u64) {
        let counts = self.parts.iter().map(|(_, watch)| watch.counts());
        counts.fold((0, self.unwatched), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    fn lost(&self) -> u64 {
        self.parts.iter().map(|(_, watch)| watch.lost()).sum()
    }
}
