//! All that lies in the store: whose it is, what is finished, what is left over.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use moonsail_sdk::BoxFuture;

use super::names::{FINISHED, Finished, OWNER, PIECES, Place, SYNCED, id_of};
use super::{BlobFiles, Files};
use crate::storage::{Object, ObjectPage, Objects, StagePath, StorageError, Tag};

impl Files {
    /// Seconds since an object was written, by clocks that may differ.
    fn age(&self, modified: i64) -> u64 {
        u64::try_from(self.clock.seconds().saturating_sub(modified)).unwrap_or_default()
    }

    /// Whose store it is, after it was made `installation`'s if it was nobody's.
    async fn claim(&self, installation: &str) -> Result<(), StorageError> {
        let owner = match self.store.get(OWNER, 0, u64::MAX).await {
            Err(StorageError::NotFound(_)) => {
                let mine = Bytes::copy_from_slice(installation.as_bytes());
                self.store.put(OWNER, mine).await?;
                // Whoever came at the same time has written too: one of both is read by both.
                self.store.get(OWNER, 0, u64::MAX).await?
            }
            owner => owner?,
        };
        if owner == installation.as_bytes() {
            return Ok(());
        }
        let owner = String::from_utf8_lossy(&owner);
        Err(StorageError::Internal(format!(
            "this place belongs to the index of the installation {owner}, not to {installation}; \
             give each its own prefix, or remove the object `{OWNER}` if that index is gone for good"
        )))
    }

    async fn finished(&self, cursor: Option<String>) -> Result<ObjectPage, StorageError> {
        let page = self.store.list(FINISHED, cursor.as_deref()).await?;
        let object = |entry: moonsail_sdk::blobs::BlobEntry| {
            let (size, age) = (entry.info.size, self.age(entry.info.modified));
            let finished = Finished::of_key(&entry.key, size)?;
            Some(Object { tag: finished.tag(), key: finished.stage_key(), size, age })
        };
        Ok(ObjectPage {
            objects: page.entries.into_iter().filter_map(object).collect(),
            next: page.next,
        })
    }

    /// Ids in an area of unfinished files, with the age of the youngest object of each.
    pub(super) async fn unfinished(
        &self,
        area: &str,
    ) -> Result<HashMap<String, u64>, StorageError> {
        let (mut ids, mut cursor) = (HashMap::new(), None::<String>);
        loop {
            let page = self.store.list(area, cursor.as_deref()).await?;
            for entry in page.entries {
                let Some(id) = id_of(area, &entry.key) else { continue };
                let age = self.age(entry.info.modified);
                ids.entry(id.to_owned())
                    .and_modify(|it: &mut u64| *it = age.min(*it))
                    .or_insert(age);
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(ids);
            }
        }
    }

    /// Removes pieces of files of which there is no note any more.
    async fn tidy(&self, least_age: u64) -> Result<usize, StorageError> {
        let pieces = self.unfinished(PIECES).await?;
        // Looked for afterwards: a note comes after its pieces, and goes after them.
        let noted: HashSet<String> = self.unfinished(SYNCED).await?.into_keys().collect();
        let mut removed = 0;
        for (id, age) in pieces {
            if age >= least_age && !noted.contains(&id) {
                let place = Place::of(&StagePath(id))?;
                self.delete_all(&place.prefix(PIECES)).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

impl Objects for BlobFiles {
    fn claim(&self, installation: &str) -> BoxFuture<'_, Result<(), StorageError>> {
        let installation = installation.to_owned();
        Box::pin(async move { self.files.claim(&installation).await })
    }

    fn list(&self, cursor: Option<String>) -> BoxFuture<'_, Result<ObjectPage, StorageError>> {
        Box::pin(async move {
            let mut page = self.files.finished(cursor).await?;
            // Those go by themselves.
            let condemned = self.condemned.keys();
            page.objects.retain(|object| {
                Finished::of_tag(&object.tag).is_none_or(|it| !condemned.contains(&it.key()))
            });
            Ok(page)
        })
    }

    fn remove(&self, tag: &Tag) -> BoxFuture<'_, Result<(), StorageError>> {
        let key = Finished::of_tag(tag).map(|finished| finished.key());
        Box::pin(async move {
            match key {
                Some(key) => self.files.store.delete(&key).await,
                None => Ok(()),
            }
        })
    }

    fn tidy(&self, age: u64) -> BoxFuture<'_, Result<usize, StorageError>> {
        Box::pin(self.files.tidy(age))
    }
}
