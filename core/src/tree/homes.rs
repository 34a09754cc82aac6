//! Homes: the root of each user's tree.

use super::{Tree, TreeError};
use crate::ids::{NodeId, Uid};
use crate::storage::{DiskOp, Kind, Staged};
use crate::store;
use crate::store::nodes::{Change, ChangeKind, Home, Node};

impl Tree {
    /// The home of a user, if it was made.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn find_home(&self, owner: &Uid) -> Result<Option<Home>, TreeError> {
        let owner = owner.clone();
        store::read(&self.store, move |tx| Ok(tx.home(&owner)?)).await
    }

    /// Makes the home of a user from an empty folder in the stage, or gives the one there is (the
    /// staged folder is then the caller's to discard: the second value is `false`).
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn make_home(&self, owner: &Uid, staged: Staged) -> Result<(Home, bool), TreeError> {
        let (owner, now) = (owner.clone(), self.clock.seconds());
        store::write(&self.store, move |tx| {
            if let Some(home) = tx.home(&owner)? {
                return Ok((home, false));
            }
            let stamp = tx.next_stamp()?;
            let root = Node {
                id: NodeId(0),
                parent: None,
                name: owner.as_str().to_owned(),
                kind: Kind::Folder,
                size: 0,
                mtime: now,
                created: None,
                uploaded: now,
                content: stamp,
                tree: stamp,
                tag: staged.tag,
                stage: None,
                checksums: String::new(),
            };
            let base = owner.as_str().to_owned();
            let home = tx.insert_home(&owner, &base, &root)?;
            tx.push_disk_op(&DiskOp::Publish { stage: staged.at, path: base, replaces: None })?;
            Ok((home, true))
        })
        .await
    }

    /// Removes the home of a user with all in it, in the time of one row, and gives the bytes of
    /// its files; `None` if there is none. Conditions and locks do not count: the account is gone.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn remove_home(
        &self,
        owner: &Uid,
        origin: &'static str,
    ) -> Result<Option<u64>, TreeError> {
        let (owner, time) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let Some(home) = tx.home(&owner)? else { return Ok(None) };
            let Some(root) = tx.node(home.root)? else { return Ok(None) };
            let stamp = tx.next_stamp()?;
            tx.detach(root.id)?;
            tx.log_change(&Change {
                stamp,
                time,
                actor: None,
                origin: origin.to_owned(),
                kind: ChangeKind::Deleted,
                node: root.id,
                owner,
                path: String::new(),
                old_path: None,
                request_id: String::new(),
            })?;
            tx.push_disk_op(&DiskOp::Remove { path: home.base, tag: root.tag })?;
            Ok(Some(root.size))
        })
        .await
    }
}
