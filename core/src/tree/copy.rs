//! Copying a file or a folder with all below it: COPY.
//!
//! In three steps, since bytes are not copied inside a commit: [`Tree::plan_copy`] reads what is to
//! be copied, `content` copies it into the stage, and [`Tree::commit_copy`] makes it true at once.

use std::collections::HashMap;

use super::change::{Recorder, signed};
use super::conditions::Conditions;
use super::relocate::{Destination, Relocated, check_ends, clear_target};
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::ids::{NodeId, Uid};
use crate::path::DavPath;
use crate::storage::{DiskOp, Staged};
use crate::store::nodes::{ChangeKind, Node};
use crate::store::{self, ReadTx, WriteTx};

/// What a copy consists of, parents before members.
#[derive(Debug, Clone)]
pub struct CopyPlan {
    /// The nodes.
    pub sources: Vec<CopySource>,
    /// Bytes of all files.
    pub size: u64,
}

/// One node to copy.
#[derive(Debug, Clone)]
pub struct CopySource {
    /// Its row.
    pub node: Node,
    /// Its path below the copied one; the root of the copy is empty.
    pub below: DavPath,
    /// Where its bytes lie on the storage.
    pub disk_path: String,
}

/// The staged copy of each source, in the order of the plan.
pub type CopyMade = Vec<Staged>;

impl Tree {
    /// Reads what a copy of `from` consists of. `deep` is `false` for `Depth: 0`: a folder without
    /// its members.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn plan_copy(
        &self,
        owner: &Uid,
        from: &DavPath,
        to: &DavPath,
        deep: bool,
    ) -> Result<CopyPlan, TreeError> {
        let (owner, from, to) = (owner.clone(), from.clone(), to.clone());
        store::read(&self.store, move |tx| {
            check_ends(&from, &to)?;
            let walk = Walk::to(tx, &owner, &from)?;
            let top = walk.require()?.clone();
            Walk::to(tx, &owner, &to)?.parent()?;
            let size = if deep || !top.is_folder() { top.size } else { 0 };
            let mut sources = Vec::new();
            collect(tx, &walk, top, deep, &mut sources)?;
            Ok(CopyPlan { sources, size })
        })
        .await
    }

    /// Makes a staged copy true. Copies have new ids; dead properties come along (RFC 4918 §9.8.2).
    ///
    /// # Errors
    /// [`TreeError`]; the staged copy is then the caller's to discard.
    pub async fn commit_copy(
        &self,
        actor: Actor,
        owner: &Uid,
        from: DavPath,
        to: Destination,
        (plan, made): (CopyPlan, CopyMade),
        conditions: Conditions,
    ) -> Result<Relocated, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let source = Walk::to(tx, &owner, &from)?;
            conditions.check(tx, &source, recorder.seconds())?;
            let target = Walk::to(tx, &owner, &to.path)?;
            let freed = target.target().map_or(0, |node| node.size);
            recorder.check_quota(&target, signed(plan.size) - signed(freed))?;
            let replaced = clear_target(tx, &recorder, &target, to.overwrite, &conditions)?;
            let node = insert(tx, &recorder, &target, &plan, &made)?;
            Ok(Relocated { node, created: !replaced })
        })
        .await
    }
}

pub(super) fn collect(
    tx: &mut dyn ReadTx,
    walk: &Walk,
    top: Node,
    deep: bool,
    sources: &mut Vec<CopySource>,
) -> Result<(), TreeError> {
    const PAGE: usize = 1000;
    let base = walk.disk_path();
    let mut waiting = vec![(top, DavPath::root())];
    while let Some((node, below)) = waiting.pop() {
        if node.is_folder() && deep {
            let mut after = None;
            loop {
                let members = tx.children(node.id, after.as_deref(), PAGE)?;
                let full = members.len() == PAGE;
                after = members.last().map(|member| member.name.clone());
                for member in members {
                    let path = below.join(&member.name).unwrap_or_default();
                    waiting.push((member, path));
                }
                if !full {
                    break;
                }
            }
        }
        let disk_path = match below.is_root() {
            true => base.clone(),
            false => format!("{base}/{}", below.as_str()),
        };
        sources.push(CopySource { node, below, disk_path });
    }
    Ok(())
}

pub(super) fn insert(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    target: &Walk,
    plan: &CopyPlan,
    made: &[Staged],
) -> Result<Node, TreeError> {
    let parent = target.parent()?.id;
    let name = target.path.name().ok_or(TreeError::Root)?;
    let stamp = tx.next_stamp()?;
    let mut ids: HashMap<NodeId, NodeId> = HashMap::new();
    let mut top = None;
    for (source, staged) in plan.sources.iter().zip(made) {
        let old = &source.node;
        let mut node = old.clone();
        node.parent = Some(old.parent.and_then(|id| ids.get(&id)).copied().unwrap_or(parent));
        node.name = if top.is_none() { name.to_owned() } else { old.name.clone() };
        node.uploaded = recorder.seconds();
        (node.content, node.tree) = (stamp, stamp);
        if node.is_folder() && plan.sources.len() == 1 {
            node.size = 0;
        }
        node.tag = staged.tag.clone();
        node.stage = (!node.is_folder()).then(|| staged.at.clone());
        node.id = tx.insert_node(&node)?;
        tx.copy_dead_props(old.id, node.id)?;
        ids.insert(old.id, node.id);
        top.get_or_insert(node);
    }
    let top = top.ok_or_else(|| TreeError::NotFound(target.path.clone()))?;
    recorder.raise_above(tx, target, stamp, signed(top.size))?;
    recorder.touch_parent(tx, parent, stamp)?;
    recorder.log(tx, stamp, ChangeKind::Copied, top.id, target, None)?;
    let stage = made.first().map(|staged| staged.at.clone());
    let stage = stage.ok_or_else(|| TreeError::NotFound(target.path.clone()))?;
    tx.push_disk_op(&DiskOp::Publish { stage, path: target.disk_path(), replaces: None })?;
    Ok(top)
}
