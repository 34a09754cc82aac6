//! From one tree into another: COPY and MOVE whose ends are on different storages, as into a mount.
//!
//! As [`Tree::plan_copy`] and [`Tree::commit_copy`], in three steps: the bytes are read and staged
//! where they go, and then one commit makes it true at both ends. What is moved keeps its ids, and a
//! file its etag, as the recorded server does it; what is copied is new. The old place is removed
//! after the commit, by an operation of its own storage, while the new one is durable in its stage.

use super::change::{Recorder, signed};
use super::conditions::Conditions;
use super::copy::{CopyMade, CopyPlan, collect, insert};
use super::locks::{Reach, check_locks};
use super::relocate::{Destination, Relocated, clear_target};
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::DiskOp;
use crate::store::nodes::{ChangeKind, Node};
use crate::store::{self, WriteTx};

/// What becomes of the old place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carry {
    /// It stays.
    Copy,
    /// It is removed. With the modification time that a file is given on the way, Unix seconds.
    Move(Option<i64>),
}

/// A path in a tree: its owner, and the path.
pub type TreePath = (Uid, DavPath);

impl Tree {
    /// Reads what is to be carried from one tree into another. `deep` is `false` for a folder without
    /// its members.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn plan_carry(
        &self,
        (owner, from): TreePath,
        (to_owner, to): TreePath,
        carry: Carry,
        deep: bool,
    ) -> Result<CopyPlan, TreeError> {
        store::read(&self.store, move |tx| {
            // A mount's root may be copied: it is a folder like any other then.
            if to.is_root() || (from.is_root() && carry != Carry::Copy) {
                return Err(TreeError::Root);
            }
            let walk = Walk::to(tx, &owner, &from)?;
            let top = walk.require()?.clone();
            Walk::to(tx, &to_owner, &to)?.parent()?;
            let size = if deep || !top.is_folder() { top.size } else { 0 };
            let mut sources = Vec::new();
            collect(tx, &walk, top, deep, &mut sources)?;
            Ok(CopyPlan { sources, size })
        })
        .await
    }

    /// Makes what was staged true. The actor's quota is that of the new place.
    ///
    /// # Errors
    /// [`TreeError::Changed`] if what is moved is not what was planned any more, and others; what was
    /// staged is then the caller's to discard.
    pub async fn commit_carry(
        &self,
        actor: Actor,
        (owner, from): TreePath,
        (to_owner, to): (Uid, Destination),
        (plan, made): (CopyPlan, CopyMade),
        carry: Carry,
        conditions: Conditions,
    ) -> Result<Relocated, TreeError> {
        let now = self.clock.millis();
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let source = Walk::to(tx, &owner, &from)?;
            conditions.check(tx, &source, recorder.seconds())?;
            if let Carry::Move(_) = carry {
                require_unchanged(&source, &plan)?;
                check_locks(tx, &source, &recorder, &conditions, Reach::Tree)?;
            }
            let target = Walk::to(tx, &to_owner, &to.path)?;
            let freed = target.target().map_or(0, |node| node.size);
            recorder.check_quota(&target, signed(plan.size) - signed(freed))?;
            let replaced = clear_target(tx, &recorder, &target, to.overwrite, &conditions)?;
            let node = match carry {
                Carry::Copy => insert(tx, &recorder, &target, &plan, &made)?,
                Carry::Move(mtime) => {
                    bring(tx, &recorder, (&source, &target), (&plan, &made), mtime)?
                }
            };
            Ok(Relocated { node, created: !replaced })
        })
        .await
    }
}

/// Any change at or below a folder raises its stamp, and any change of a file one of its two.
fn require_unchanged(source: &Walk, plan: &CopyPlan) -> Result<(), TreeError> {
    let now = source.require()?;
    let planned = plan.sources.first().map(|source| &source.node);
    let facts = |node: &Node| (node.id, node.content, node.tree);
    match planned.is_some_and(|planned| facts(planned) == facts(now)) {
        true => Ok(()),
        false => Err(TreeError::Changed(source.path.clone())),
    }
}

/// Hangs the nodes of the plan into the other tree, each with its staged bytes.
fn bring(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    (source, target): (&Walk, &Walk),
    (plan, made): (&CopyPlan, &CopyMade),
    mtime: Option<i64>,
) -> Result<Node, TreeError> {
    let old = source.require()?.clone();
    let (old_parent, new_parent) = (source.parent()?.id, target.parent()?.id);
    let left = tx.next_stamp()?;
    tx.remove_locks_in(old.id)?;
    recorder.raise_above(tx, source, left, -signed(old.size))?;
    recorder.touch_parent(tx, old_parent, left)?;
    recorder.log(tx, left, ChangeKind::Deleted, old.id, source, None)?;
    let came = tx.next_stamp()?;
    let mut top = None;
    for (planned, staged) in plan.sources.iter().zip(made) {
        let gone = || TreeError::Changed(source.path.clone());
        let mut node = tx.node(planned.node.id)?.ok_or_else(gone)?;
        node.tag = staged.tag.clone();
        node.stage = (!node.is_folder()).then(|| staged.at.clone());
        if top.is_none() {
            node.parent = Some(new_parent);
            node.name = target.path.name().ok_or(TreeError::Root)?.to_owned();
            node.tree = came;
        }
        tx.update_node(&node)?;
        top.get_or_insert(node);
    }
    let mut top = top.ok_or_else(|| TreeError::NotFound(source.path.clone()))?;
    recorder.raise_above(tx, target, came, signed(top.size))?;
    recorder.touch_parent(tx, new_parent, came)?;
    recorder.log(tx, came, ChangeKind::Created, top.id, target, None)?;
    let stage = made.first().map(|staged| staged.at.clone());
    let stage = stage.ok_or_else(|| TreeError::NotFound(source.path.clone()))?;
    let path = target.disk_path();
    tx.push_disk_op(&DiskOp::Publish { stage, path: path.clone(), replaces: None })?;
    tx.push_disk_op(&DiskOp::Remove { path: source.disk_path(), tag: old.tag })?;
    if let Some(mtime) = mtime.filter(|mtime| !top.is_folder() && *mtime != top.mtime) {
        top.mtime = mtime;
        tx.update_node(&top)?;
        tx.push_disk_op(&DiskOp::Touch { path, tag: top.tag.clone(), mtime })?;
    }
    Ok(top)
}
