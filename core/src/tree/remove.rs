//! Deleting a file or a whole folder: DELETE.

use super::change::{Recorder, signed};
use super::conditions::Conditions;
use super::locks::{Reach, check_locks};
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::etag::Stamp;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::DiskOp;
use crate::store::nodes::{ChangeKind, Node};
use crate::store::{self, StoreError, WriteTx};

impl Tree {
    /// Deletes what is at `path`, with all below it, in the time of one row: descendants are swept
    /// later, and their ids are never used again. On a full disk it takes room that was kept back.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn remove(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        conditions: Conditions,
    ) -> Result<(), TreeError> {
        let remove = || self.try_remove(&actor, owner, &path, &conditions);
        match remove().await {
            Err(TreeError::Store(StoreError::Full)) if self.store.make_room() => remove().await,
            removed => removed,
        }
    }

    async fn try_remove(
        &self,
        actor: &Actor,
        owner: &Uid,
        path: &DavPath,
        conditions: &Conditions,
    ) -> Result<(), TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        let (actor, path, conditions) = (actor.clone(), path.clone(), conditions.clone());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let walk = Walk::to(tx, &owner, &path)?;
            if path.is_root() {
                return Err(TreeError::Root);
            }
            conditions.check(tx, &walk, recorder.seconds())?;
            walk.require()?;
            check_locks(tx, &walk, &recorder, &conditions, Reach::Tree)?;
            take_out(tx, &recorder, &walk).map(|_| ())
        })
        .await
    }
}

/// Takes the target of `walk` out of the tree. Its locks and conditions were checked.
pub(crate) fn take_out(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    walk: &Walk,
) -> Result<(Node, Stamp), TreeError> {
    let node = walk.require()?.clone();
    let parent = walk.parent()?.id;
    let stamp = tx.next_stamp()?;
    tx.detach(node.id)?;
    recorder.raise_above(tx, walk, stamp, -signed(node.size))?;
    recorder.touch_parent(tx, parent, stamp)?;
    recorder.log(tx, stamp, ChangeKind::Deleted, node.id, walk, None)?;
    tx.push_disk_op(&DiskOp::Remove { path: walk.disk_path(), tag: node.tag.clone() })?;
    Ok((node, stamp))
}
