//! Properties of a node: PROPPATCH, favourites, times, checksums.

use super::change::Recorder;
use super::conditions::Conditions;
use super::locks::{Reach, check_locks};
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::etag::Stamp;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::DiskOp;
use crate::store::nodes::{ChangeKind, Node, locate};
use crate::store::props::DeadProp;
use crate::store::{self, WriteTx};

/// One change of a property. Whether a property may be changed at all is the room's business.
#[derive(Debug, Clone)]
pub enum PropChange {
    /// `oc:favorite`, the actor's own.
    Favorite(bool),
    /// `d:lastmodified`, Unix seconds.
    Mtime(i64),
    /// `nc:creation_time`, Unix seconds.
    Created(i64),
    /// Sets a dead property.
    Set(DeadProp),
    /// Removes a dead property (namespace, name).
    Remove(String, String),
}

/// The node after its properties changed.
pub type PropOutcome = Node;

impl Tree {
    /// Changes properties, all or none. The node's own etag stays if it is a file; the folders above
    /// change theirs, so that clients see it.
    ///
    /// # Errors
    /// [`TreeError::TooManyProperties`] beyond `most_dead` dead properties, and others.
    pub async fn patch_props(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        changes: Vec<PropChange>,
        most_dead: usize,
        conditions: Conditions,
    ) -> Result<PropOutcome, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let walk = Walk::to(tx, &owner, &path)?;
            conditions.check(tx, &walk, recorder.seconds())?;
            patch(tx, &recorder, &walk, &changes, most_dead, &conditions)
        })
        .await
    }

    /// Replaces the checksums of a file, if its bytes still are those of `content`.
    ///
    /// # Errors
    /// [`TreeError::Changed`] if they are not.
    pub async fn set_checksums(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        content: Stamp,
        checksums: String,
    ) -> Result<Node, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let walk = Walk::to(tx, &owner, &path)?;
            let mut node = walk.require()?.clone();
            if node.content != content {
                return Err(TreeError::Changed(path));
            }
            node.checksums = checksums;
            node.tree = tx.next_stamp()?;
            tx.update_node(&node)?;
            recorder.raise_above(tx, &walk, node.tree, 0)?;
            recorder.log(tx, node.tree, ChangeKind::Properties, node.id, &walk, None)?;
            Ok(node)
        })
        .await
    }

    /// What `user` marked as favourites in the own tree, with paths, by id.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn favorites(&self, user: &Uid) -> Result<Vec<(Node, DavPath)>, TreeError> {
        let user = user.clone();
        store::read(&self.store, move |tx| {
            let Some(home) = tx.home(&user)? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            for id in tx.favorites(&user)? {
                if let Some(at) = locate(tx, id)?.filter(|at| at.home == home) {
                    found.push((at.node, at.path));
                }
            }
            Ok(found)
        })
        .await
    }
}

/// The changes alone, inside a job that has checked its conditions.
pub(super) fn patch(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    walk: &Walk,
    changes: &[PropChange],
    most_dead: usize,
    conditions: &Conditions,
) -> Result<Node, TreeError> {
    walk.require()?;
    check_locks(tx, walk, recorder, conditions, Reach::Content)?;
    let mut node = walk.require()?.clone();
    for change in changes {
        apply(tx, recorder, walk, &mut node, change)?;
    }
    if tx.dead_props(node.id)?.len() > most_dead {
        return Err(TreeError::TooManyProperties);
    }
    node.tree = tx.next_stamp()?;
    tx.update_node(&node)?;
    recorder.raise_above(tx, walk, node.tree, 0)?;
    recorder.log(tx, node.tree, ChangeKind::Properties, node.id, walk, None)?;
    Ok(node)
}

fn apply(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    walk: &Walk,
    node: &mut Node,
    change: &PropChange,
) -> Result<(), TreeError> {
    match change {
        PropChange::Favorite(on) => tx.set_favorite(node.id, &recorder.actor.uid, *on)?,
        PropChange::Created(seconds) => node.created = Some(*seconds),
        PropChange::Set(prop) => tx.set_dead_prop(node.id, prop)?,
        PropChange::Remove(namespace, name) => tx.remove_dead_prop(node.id, namespace, name)?,
        PropChange::Mtime(seconds) => {
            node.mtime = *seconds;
            if !node.is_folder() {
                let (path, tag) = (walk.disk_path(), node.tag.clone());
                tx.push_disk_op(&DiskOp::Touch { path, tag, mtime: *seconds })?;
            }
        }
    }
    Ok(())
}
