//! Homes: the root of each user's tree.

use super::{Tree, TreeError};
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::{DiskOp, Kind, Staged, Tag};
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

    /// Makes the home of a user from the folder that is at its place on the disk already, empty as
    /// the index sees it, and unfinished: [`Tree::finish_home`] is to be called when all that is in it
    /// was looked at. If there is a home, it stays as it is.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn begin_home(&self, owner: &Uid) -> Result<Home, TreeError> {
        let (owner, now, base) = (owner.clone(), self.clock.seconds(), self.base_of(owner));
        store::write(&self.store, move |tx| {
            if let Some(home) = tx.home(&owner)? {
                return Ok(home);
            }
            let stamp = tx.next_stamp()?;
            // No tag is what says that it is unfinished.
            let root = new_root(&owner, stamp, Tag::default(), now);
            Ok(tx.insert_home(&owner, &base, &root)?)
        })
        .await
    }

    /// Says that all that is in a home is known, and the tag of its folder.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn finish_home(&self, home: &Home, tag: Tag) -> Result<(), TreeError> {
        let root = home.root;
        store::write(&self.store, move |tx| match tx.node(root)? {
            Some(node) if node.tag == Tag::default() => Ok(tx.update_node(&Node { tag, ..node })?),
            _ => Ok(()),
        })
        .await
    }

    /// Whether all that is in a home is known; `None` if there is no such home.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn home_is_finished(&self, owner: &Uid) -> Result<Option<bool>, TreeError> {
        let owner = owner.clone();
        store::read(&self.store, move |tx| {
            let Some(home) = tx.home(&owner)? else { return Ok(None) };
            Ok(tx.node(home.root)?.map(|root| root.tag != Tag::default()))
        })
        .await
    }

    /// Makes the home of a user from an empty folder in the stage, or gives the one there is (the
    /// staged folder is then the caller's to discard: the second value is `false`).
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn make_home(&self, owner: &Uid, staged: Staged) -> Result<(Home, bool), TreeError> {
        let (owner, now, base) = (owner.clone(), self.clock.seconds(), self.base_of(owner));
        store::write(&self.store, move |tx| {
            if let Some(home) = tx.home(&owner)? {
                return Ok((home, false));
            }
            let stamp = tx.next_stamp()?;
            let root = new_root(&owner, stamp, staged.tag, now);
            let home = tx.insert_home(&owner, &base, &root)?;
            tx.push_disk_op(&DiskOp::Publish { stage: staged.at, path: base, replaces: None })?;
            Ok((home, true))
        })
        .await
    }

    /// Where a tree that is made now lies: a home where homes are made, a mount at its storage's root.
    pub fn base_of(&self, owner: &Uid) -> String {
        match owner.is_person() {
            true => self.homes_on.join(owner.as_str()),
            false => owner.as_str().to_owned(),
        }
    }

    /// Removes the home of a user with all in it, in the time of one row, and gives the bytes of
    /// its files; `None` if there is none. `on_disk` is the tag of its folder, for a home that was not
    /// finished and does not know it. Conditions and locks do not count: the account is gone.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn remove_home(
        &self,
        owner: &Uid,
        origin: &'static str,
        on_disk: Option<Tag>,
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
            let tag = match root.tag == Tag::default() {
                true => on_disk.unwrap_or_default(),
                false => root.tag,
            };
            tx.push_disk_op(&DiskOp::Remove { path: home.base, tag })?;
            Ok(Some(root.size))
        })
        .await
    }
}

fn new_root(owner: &Uid, stamp: Stamp, tag: Tag, now: i64) -> Node {
    Node {
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
        tag,
        stage: None,
        checksums: String::new(),
    }
}
