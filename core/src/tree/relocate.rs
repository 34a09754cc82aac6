//! Renaming and moving: MOVE. One row, whatever lies below.

use super::change::{Recorder, signed};
use super::conditions::Conditions;
use super::locks::{Reach, check_locks};
use super::remove::take_out;
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::DiskOp;
use crate::store::nodes::{ChangeKind, Node};
use crate::store::{self, WriteTx};

/// Where something goes.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Path in the same tree.
    pub path: DavPath,
    /// Whether something there may be replaced (`Overwrite`).
    pub overwrite: bool,
}

/// Something that was moved.
#[derive(Debug, Clone)]
pub struct Relocated {
    /// The node, with its old id.
    pub node: Node,
    /// Whether the destination was free (201) or replaced (204).
    pub created: bool,
}

impl Tree {
    /// Moves what is at `from` to `to.path`. Ids stay, also of all below; a file's etag stays; the
    /// etags of the folders above both places change. Locks do not move (RFC 4918 §7.5).
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn relocate(
        &self,
        actor: Actor,
        owner: &Uid,
        from: DavPath,
        to: Destination,
        mtime: Option<i64>,
        conditions: Conditions,
    ) -> Result<Relocated, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            check_ends(&from, &to.path)?;
            let source = Walk::to(tx, &owner, &from)?;
            conditions.check(tx, &source, recorder.seconds())?;
            source.require()?;
            check_locks(tx, &source, &recorder, &conditions, Reach::Tree)?;
            let target = Walk::to(tx, &owner, &to.path)?;
            let replaced = clear_target(tx, &recorder, &target, to.overwrite, &conditions)?;
            let node = rename(tx, &recorder, &source, &target, mtime)?;
            Ok(Relocated { node, created: !replaced })
        })
        .await
    }
}

/// Refuses what cannot be: roots, one place as both ends, a folder into itself, onto its ancestor.
pub(crate) fn check_ends(from: &DavPath, to: &DavPath) -> Result<(), TreeError> {
    if from.is_root() || to.is_root() {
        return Err(TreeError::Root);
    }
    if from == to {
        return Err(TreeError::SameTarget);
    }
    if to.is_in(from) || from.is_in(to) {
        return Err(TreeError::IntoItself(from.clone()));
    }
    Ok(())
}

/// Makes the destination's name free; gives whether something was there.
pub(crate) fn clear_target(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    target: &Walk,
    overwrite: bool,
    conditions: &Conditions,
) -> Result<bool, TreeError> {
    target.parent()?;
    if target.target().is_none() {
        check_locks(tx, target, recorder, conditions, Reach::Membership)?;
        return Ok(false);
    }
    if !overwrite {
        return Err(TreeError::WouldOverwrite(target.path.clone()));
    }
    check_locks(tx, target, recorder, conditions, Reach::Tree)?;
    take_out(tx, recorder, target)?;
    Ok(true)
}

fn rename(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    source: &Walk,
    target: &Walk,
    mtime: Option<i64>,
) -> Result<Node, TreeError> {
    let old = source.require()?;
    let (old_parent, new_parent) = (source.parent()?.id, target.parent()?.id);
    let stamp = tx.next_stamp()?;
    tx.remove_locks_in(old.id)?;
    let node = Node {
        parent: Some(new_parent),
        name: target.path.name().ok_or(TreeError::Root)?.to_owned(),
        tree: stamp,
        mtime: mtime.filter(|_| !old.is_folder()).unwrap_or(old.mtime),
        ..old.clone()
    };
    tx.update_node(&node)?;
    recorder.raise_above(tx, source, stamp, -signed(node.size))?;
    recorder.raise_above(tx, target, stamp, signed(node.size))?;
    recorder.touch_parent(tx, old_parent, stamp)?;
    recorder.touch_parent(tx, new_parent, stamp)?;
    recorder.log(tx, stamp, ChangeKind::Moved, node.id, target, Some(&source.path))?;
    let (from, to) = (source.disk_path(), target.disk_path());
    let tag = node.tag.clone();
    tx.push_disk_op(&DiskOp::Move { from, to: to.clone(), tag: tag.clone() })?;
    if node.mtime != old.mtime {
        tx.push_disk_op(&DiskOp::Touch { path: to, tag, mtime: node.mtime })?;
    }
    Ok(node)
}
