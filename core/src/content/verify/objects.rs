//! A storage of objects: rows against objects, and objects against rows.

use super::entry::{FROM_BACKUP, unreadable, wrong};
use super::{Fault, Run};
use crate::content::ContentError;
use crate::ids::NodeId;
use crate::storage::StorageError;
use crate::store::nodes::Node;

/// Age in seconds from which an object that nothing has is an orphan. A younger one may be on its
/// way into the index.
const ORPHAN_AGE: u64 = 3600;

impl Run<'_> {
    /// What is wrong with the object of a file. A folder has none.
    pub(super) async fn look_at_object(&mut self, node: &Node, path: &str) -> Option<Fault> {
        if node.is_folder() {
            return None;
        }
        let file = match self.content.storage.open(path, &node.tag).await {
            Ok(file) => file,
            Err(StorageError::NotFound(_)) => {
                return Some(Fault::new(
                    "is lost: the store does not have its object",
                    FROM_BACKUP,
                ));
            }
            Err(StorageError::Changed(_)) => {
                let what = "has an object of another length in the store";
                return Some(Fault::new(what, FROM_BACKUP));
            }
            Err(error) => return Some(unreadable(&error)),
        };
        if file.size() != node.size {
            let what =
                format!("has {} bytes in the store and {} in the index", file.size(), node.size);
            return Some(Fault::new(what, FROM_BACKUP));
        }
        match self.hash(&*file).await {
            Ok(hash) => wrong(node, &hash),
            Err(fault) => Some(fault),
        }
    }

    /// Compares a member of a folder.
    pub(super) async fn member_as_object(
        &mut self,
        node: &Node,
        folders: &mut Vec<NodeId>,
    ) -> Result<(), ContentError> {
        if node.is_folder() {
            folders.push(node.id);
            return Ok(());
        }
        self.progress.files += 1;
        self.tell_progress().await;
        if let Some((path, fault)) = self.look_again(node.id).await? {
            self.report(path, fault).await;
        }
        Ok(())
    }

    /// Objects that nothing has, of all storages of objects.
    pub(super) async fn orphans(&mut self) -> Result<(), ContentError> {
        for (no, storage) in self.content.storages().of_objects().await {
            let Some(objects) = storage.objects() else { continue };
            let (mut count, mut bytes, mut cursor) = (0_u64, 0_u64, None);
            loop {
                let page = objects.list(cursor).await?;
                let orphans = self.content.orphans(no, page.objects, ORPHAN_AGE).await?;
                count += orphans.len() as u64;
                bytes += orphans.iter().map(|orphan| orphan.size).sum::<u64>();
                cursor = page.next;
                if cursor.is_none() || self.is_over() {
                    break;
                }
            }
            if count > 0 {
                let what = format!("{count} objects with {bytes} bytes belong to no file");
                let remedy =
                    "nothing is lost; the server removes them a day after they were written";
                let name = self.content.storages().name(no).to_owned();
                self.report(name, Fault::new(what, remedy)).await;
            }
        }
        Ok(())
    }
}
