//! New folders: MKCOL.

use super::change::Recorder;
use super::conditions::Conditions;
use super::locks::{Reach, check_locks};
use super::props::{PropChange, patch};
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::ids::{NodeId, Uid};
use crate::path::DavPath;
use crate::storage::{DiskOp, Kind, Staged};
use crate::store::nodes::{ChangeKind, Node};
use crate::store::{self, WriteTx};

/// A folder to be made.
#[derive(Debug, Clone)]
pub struct NewFolder {
    /// Where it goes.
    pub path: DavPath,
    /// An empty folder in the stage.
    pub staged: Staged,
    /// What must hold.
    pub conditions: Conditions,
    /// What it starts with (RFC 5689 §3: all of it, or there is no folder).
    pub props: Vec<PropChange>,
    /// Most dead properties that it may have.
    pub most_dead: usize,
}

impl NewFolder {
    /// One without properties.
    pub fn plain(path: DavPath, staged: Staged, conditions: Conditions) -> Self {
        Self { path, staged, conditions, props: Vec::new(), most_dead: 0 }
    }
}

impl Tree {
    /// Makes a folder.
    ///
    /// # Errors
    /// [`TreeError::Exists`] if the name is taken, by a file or a folder; [`TreeError::ParentMissing`]
    /// and others. The staged folder is then the caller's to discard.
    pub async fn mkcol(
        &self,
        actor: Actor,
        owner: &Uid,
        new: NewFolder,
    ) -> Result<Node, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let made = make(tx, &recorder, &owner, &new)?;
            if new.props.is_empty() {
                return Ok(made);
            }
            let tokens = new.conditions.tokens_only();
            let walk = Walk::to(tx, &owner, &new.path)?;
            patch(tx, &recorder, &walk, &new.props, new.most_dead, &tokens)
        })
        .await
    }
}

/// The folder alone, inside a job.
pub(super) fn make(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    owner: &Uid,
    new: &NewFolder,
) -> Result<Node, TreeError> {
    let NewFolder { path, staged, conditions, .. } = new;
    let walk = Walk::to(tx, owner, path)?;
    if walk.target().is_some() {
        return Err(TreeError::Exists(path.clone()));
    }
    let parent = walk.parent()?.id;
    conditions.check(tx, &walk, recorder.seconds())?;
    check_locks(tx, &walk, recorder, conditions, Reach::Membership)?;
    let stamp = tx.next_stamp()?;
    let mut node = Node {
        id: NodeId(0),
        parent: Some(parent),
        name: path.name().ok_or(TreeError::Root)?.to_owned(),
        kind: Kind::Folder,
        size: 0,
        mtime: recorder.seconds(),
        created: None,
        uploaded: recorder.seconds(),
        content: stamp,
        tree: stamp,
        tag: staged.tag.clone(),
        stage: None,
        checksums: String::new(),
    };
    node.id = tx.insert_node(&node)?;
    recorder.raise_above(tx, &walk, stamp, 0)?;
    recorder.touch_parent(tx, parent, stamp)?;
    recorder.log(tx, stamp, ChangeKind::Created, node.id, &walk, None)?;
    let path = walk.disk_path();
    tx.push_disk_op(&DiskOp::Publish { stage: staged.at.clone(), path, replaces: None })?;
    Ok(node)
}
