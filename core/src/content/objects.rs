//! Sweeping a storage of objects: what no row has is removed, a day after it was written.
//!
//! A removed folder leaves the objects of everything below it, a request that died leaves the one
//! that it had written, a deletion that failed leaves its own. The index says what is used; whatever
//! is younger than the grace time may be on its way into it.

use std::collections::HashSet;
use std::time::Duration;

use super::{Content, ContentError};
use crate::storage::{DiskOp, Object, Objects, StorageNo};
use crate::store;

/// What a sweep has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects looked at.
    pub seen: u64,
    /// Objects removed.
    pub removed: u64,
    /// Bytes in those.
    pub removed_bytes: u64,
    /// Objects that should have been removed, and could not be.
    pub refused: u64,
}

impl Content {
    /// Makes the data folder's own storage this index's, if it is one of objects, before anything is
    /// removed there. Call at start. Others are claimed when they are opened.
    ///
    /// # Errors
    /// [`ContentError::Storage`] if it is another's.
    pub async fn claim_objects(&self) -> Result<(), ContentError> {
        let data = self.storages.view(StorageNo::DATA);
        let Some(objects) = data.objects() else { return Ok(()) };
        Ok(objects.claim(&self.store.installation().instance.0).await?)
    }

    /// Removes the objects that nothing has and that are older than `grace`, of all storages of
    /// objects that are there.
    ///
    /// # Errors
    /// [`ContentError`] if the index or a listing cannot be read. What cannot be removed is counted.
    pub async fn sweep_objects(&self, grace: Duration) -> Result<Swept, ContentError> {
        let mut swept = Swept::default();
        for (no, storage) in self.storages.of_objects().await {
            if let Some(objects) = storage.objects() {
                self.sweep_one(no, objects, grace, &mut swept).await?;
            }
        }
        Ok(swept)
    }

    async fn sweep_one(
        &self,
        no: StorageNo,
        objects: &dyn Objects,
        grace: Duration,
        swept: &mut Swept,
    ) -> Result<(), ContentError> {
        let mut cursor = None;
        loop {
            let page = objects.list(cursor).await?;
            swept.seen += page.objects.len() as u64;
            for orphan in self.orphans(no, page.objects, grace.as_secs()).await? {
                match objects.remove(&orphan.tag).await {
                    Ok(()) => {
                        swept.removed += 1;
                        swept.removed_bytes += orphan.size;
                    }
                    Err(error) => {
                        tracing::warn!(object = orphan.tag.0, %error, "an orphan stays for now");
                        swept.refused += 1;
                    }
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        objects.tidy(grace.as_secs()).await?;
        Ok(())
    }

    /// Of these objects of a storage, which are at least so many seconds old and nothing has.
    pub(super) async fn orphans(
        &self,
        no: StorageNo,
        objects: Vec<Object>,
        least_age: u64,
    ) -> Result<Vec<Object>, ContentError> {
        let old: Vec<Object> =
            objects.into_iter().filter(|object| object.age >= least_age).collect();
        if old.is_empty() {
            return Ok(old);
        }
        store::read(&self.store, move |tx| {
            let publications = tx.disk_ops()?.into_iter().filter_map(|(_, op)| match op {
                DiskOp::Publish { stage, .. } => Some(stage),
                _ => None,
            });
            // The file of a transfer whose closing was refused is finished and has no row.
            let staged = tx.upload_stage_keys()?.into_iter().chain(publications);
            let staged: HashSet<String> = staged.map(|at| at.key().to_owned()).collect();
            let mut orphans = Vec::new();
            for object in old {
                let used = staged.contains(no.join_stage(object.key.clone()).key())
                    || !tx.nodes_tagged(&object.tag, 1)?.is_empty();
                if !used {
                    orphans.push(object);
                }
            }
            Ok(orphans)
        })
        .await
    }
}
