//! New bytes at a path: PUT, and the closing MOVE of a chunked upload.

use super::change::{Recorder, signed};
use super::conditions::Conditions;
use super::locks::{Reach, check_locks};
use super::mkcol::{NewFolder, make};
use super::walk::Walk;
use super::{Actor, Tree, TreeError};
use crate::ids::{NodeId, Uid};
use crate::path::DavPath;
use crate::storage::{DiskOp, Kind, Staged};
use crate::store::nodes::{ChangeKind, Node};
use crate::store::uploads::{Chunk, Upload};
use crate::store::{self, WriteTx};

/// A file whose bytes are durable in the stage.
#[derive(Debug, Clone)]
pub struct Put {
    /// Where it goes.
    pub path: DavPath,
    /// Its bytes.
    pub staged: Staged,
    /// `SHA1:…`, and others that were verified, separated by blanks.
    pub checksums: String,
    /// Modification time in Unix seconds, as set on the staged file.
    pub mtime: i64,
    /// Creation time in Unix seconds, if the client told it.
    pub created: Option<i64>,
    /// What must hold for it to become true.
    pub conditions: Conditions,
    /// The transfer that becomes this file, with all its chunks: its rows go in the same commit,
    /// which is refused if they are others by then.
    pub upload: Option<(Upload, Vec<Chunk>)>,
}

/// A file that was written.
#[derive(Debug, Clone)]
pub struct PutDone {
    /// The node as it is now.
    pub node: Node,
    /// Whether it is new (201) or was replaced (204).
    pub created: bool,
}

impl Tree {
    /// Makes a staged file the content of `put.path` in `owner`'s tree. The id of an existing file is
    /// kept, also by the closing MOVE of a chunked upload.
    ///
    /// # Errors
    /// [`TreeError`]; the staged file is then still in the stage, and the caller's to discard.
    pub async fn put(&self, actor: Actor, owner: &Uid, put: Put) -> Result<PutDone, TreeError> {
        let done = self.put_below(actor, owner, put, Vec::new()).await;
        done.map(|(done, _)| done)
    }

    /// The same, in one commit with the folders above that are missing (the topmost first). Gives
    /// also the staged folders that somebody else has made meanwhile: they are the caller's to
    /// discard, and all of them are after an error.
    ///
    /// # Errors
    /// [`TreeError`]; there is none of the folders then.
    pub async fn put_below(
        &self,
        actor: Actor,
        owner: &Uid,
        put: Put,
        parents: Vec<NewFolder>,
    ) -> Result<(PutDone, Vec<Staged>), TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::write(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let mut unused = Vec::new();
            for parent in parents {
                match make(tx, &recorder, &owner, &parent) {
                    Ok(_) => {}
                    Err(TreeError::Exists(_)) => unused.push(parent.staged),
                    Err(error) => return Err(error),
                }
            }
            Ok((put_now(tx, &recorder, &owner, put)?, unused))
        })
        .await
    }
}

fn put_now(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    owner: &Uid,
    put: Put,
) -> Result<PutDone, TreeError> {
    let walk = Walk::to(tx, owner, &put.path)?;
    put.conditions.check(tx, &walk, recorder.seconds())?;
    let done = match walk.target().cloned() {
        Some(old) => overwrite(tx, recorder, &walk, old, &put)?,
        None => create(tx, recorder, &walk, &put)?,
    };
    if let Some((upload, chunks)) = put.upload {
        end_upload(tx, &put.path, &upload, chunks)?;
    }
    Ok(done)
}

/// Ends a transfer. One that was closed or given up meanwhile is not found: its stage belongs to
/// somebody else now.
fn end_upload(
    tx: &mut dyn WriteTx,
    path: &DavPath,
    upload: &Upload,
    mut chunks: Vec<Chunk>,
) -> Result<(), TreeError> {
    let known = tx.upload(&upload.user, &upload.name)?;
    if known.is_none_or(|known| known.id != upload.id) {
        return Err(TreeError::NotFound(path.clone()));
    }
    chunks.sort_by(|a, b| a.name.cmp(&b.name));
    if tx.chunks(upload.id)? != chunks {
        return Err(TreeError::Changed(path.clone()));
    }
    Ok(tx.remove_upload(upload.id)?)
}

fn overwrite(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    walk: &Walk,
    old: Node,
    put: &Put,
) -> Result<PutDone, TreeError> {
    if old.is_folder() {
        return Err(TreeError::IsAFolder(walk.path.clone()));
    }
    check_locks(tx, walk, recorder, &put.conditions, Reach::Content)?;
    let growth = signed(put.staged.size) - signed(old.size);
    recorder.check_quota(walk, growth)?;
    let stamp = tx.next_stamp()?;
    let replaces = Some(old.tag.clone());
    let node = Node {
        size: put.staged.size,
        mtime: put.mtime,
        created: put.created.or(old.created),
        content: stamp,
        tree: stamp,
        tag: put.staged.tag.clone(),
        stage: Some(put.staged.at.clone()),
        checksums: put.checksums.clone(),
        ..old
    };
    tx.update_node(&node)?;
    recorder.raise_above(tx, walk, stamp, growth)?;
    recorder.log(tx, stamp, ChangeKind::Written, node.id, walk, None)?;
    publish(tx, walk, put, replaces)?;
    Ok(PutDone { node, created: false })
}

pub(super) fn create(
    tx: &mut dyn WriteTx,
    recorder: &Recorder<'_>,
    walk: &Walk,
    put: &Put,
) -> Result<PutDone, TreeError> {
    let parent = walk.parent()?.id;
    check_locks(tx, walk, recorder, &put.conditions, Reach::Membership)?;
    let growth = signed(put.staged.size);
    recorder.check_quota(walk, growth)?;
    let stamp = tx.next_stamp()?;
    let mut node = Node {
        id: NodeId(0),
        parent: Some(parent),
        name: walk.path.name().ok_or(TreeError::Root)?.to_owned(),
        kind: Kind::File,
        size: put.staged.size,
        mtime: put.mtime,
        created: put.created,
        uploaded: recorder.seconds(),
        content: stamp,
        tree: stamp,
        tag: put.staged.tag.clone(),
        stage: Some(put.staged.at.clone()),
        checksums: put.checksums.clone(),
    };
    node.id = tx.insert_node(&node)?;
    recorder.raise_above(tx, walk, stamp, growth)?;
    recorder.touch_parent(tx, parent, stamp)?;
    recorder.log(tx, stamp, ChangeKind::Created, node.id, walk, None)?;
    publish(tx, walk, put, None)?;
    Ok(PutDone { node, created: true })
}

fn publish(
    tx: &mut dyn WriteTx,
    walk: &Walk,
    put: &Put,
    replaces: Option<crate::storage::Tag>,
) -> Result<(), TreeError> {
    let stage = put.staged.at.clone();
    tx.push_disk_op(&DiskOp::Publish { stage, path: walk.disk_path(), replaces })?;
    Ok(())
}

/// What is known of a write before its body is read.
#[derive(Debug, Clone, Copy)]
pub struct Foreseen {
    /// Whether a file is there already.
    pub exists: bool,
    /// Most bytes that the new content may have by the quota; `None` for any.
    pub room: Option<u64>,
}

impl Tree {
    /// Refuses, before any byte is read, a write that would be refused at its commit as things are
    /// now. The commit checks again.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn foresee_put(
        &self,
        actor: Actor,
        owner: &Uid,
        path: DavPath,
        length: Option<u64>,
        conditions: Conditions,
    ) -> Result<Foreseen, TreeError> {
        let (owner, now) = (owner.clone(), self.clock.millis());
        store::read(&self.store, move |tx| {
            let recorder = Recorder { actor: &actor, now };
            let walk = Walk::to(tx, &owner, &path)?;
            conditions.check(tx, &walk, recorder.seconds())?;
            let old = match walk.target() {
                Some(node) if node.is_folder() => return Err(TreeError::IsAFolder(path)),
                Some(node) => node.size,
                None => walk.parent().map(|_| 0)?,
            };
            let exists = walk.target().is_some();
            let reach = if exists { Reach::Content } else { Reach::Membership };
            check_locks(tx, &walk, &recorder, &conditions, reach)?;
            recorder.check_quota(&walk, signed(length.unwrap_or(0)) - signed(old))?;
            let free = actor.quota.map(|quota| quota.saturating_sub(walk.root().size));
            Ok(Foreseen { exists, room: free.map(|free| free.saturating_add(old)) })
        })
        .await
    }
}
