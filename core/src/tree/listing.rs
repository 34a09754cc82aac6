//! Reading a resource and its members: what PROPFIND is answered from.
//!
//! Blocking, on a snapshot that the caller opened: rows come page by page, so memory stays flat.

use std::collections::{HashMap, HashSet};

use super::TreeError;
use super::locks::locks_covering;
use super::walk::Walk;
use crate::ids::{NodeId, Uid};
use crate::path::DavPath;
use crate::store::ReadTx;
use crate::store::locks::{Lock, LockDepth};
use crate::store::nodes::Node;
use crate::store::props::DeadProp;

/// What a property or a lock takes beside its texts.
const ENTRY_BYTES: usize = 128;
/// A page ends where so much hangs on its rows: 1,000 rows with 100 properties of 64 KiB would be
/// gigabytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What beside the rows is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// Favourites of the asking user.
    pub favorites: bool,
    /// Locks.
    pub locks: bool,
    /// Dead properties.
    pub dead: bool,
}

/// A node as one user sees it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its row.
    pub node: Node,
    /// Its path.
    pub path: DavPath,
    /// Marked by the asking user.
    pub favorite: bool,
    /// Locks that cover it, with the paths of their roots.
    pub locks: Vec<(DavPath, Lock)>,
    /// Dead properties.
    pub dead: Vec<DeadProp>,
}

impl Listed {
    /// About how many bytes hang on the row.
    pub fn weight(&self) -> usize {
        let dead = self.dead.iter().map(|prop| prop.value.len() + prop.name.len());
        let locks = self.locks.iter().map(|(path, lock)| path.as_str().len() + lock.owner.len());
        dead.chain(locks).map(|bytes| bytes + ENTRY_BYTES).sum()
    }
}

/// A resource that was found, and how far its members were read.
pub struct Listing {
    walk: Walk,
    wants: Wants,
    /// Locks of depth infinity on the target or above: they cover every member.
    inherited: Vec<(DavPath, Lock)>,
    own: Vec<(DavPath, Lock)>,
    member_locks: HashMap<NodeId, Vec<Lock>>,
    favorites: HashSet<NodeId>,
    with_dead: HashSet<NodeId>,
    favorite: bool,
    after: Option<String>,
    ended: bool,
}

impl Listing {
    /// Finds the resource.
    ///
    /// # Errors
    /// [`TreeError::NotFound`] and [`TreeError::Store`].
    pub fn open(
        tx: &mut dyn ReadTx,
        owner: &Uid,
        path: &DavPath,
        user: &Uid,
        wants: Wants,
        now: i64,
    ) -> Result<Self, TreeError> {
        let walk = Walk::to(tx, owner, path)?;
        let node = walk.require()?;
        let own = if wants.locks { locks_covering(tx, &walk, now)? } else { Vec::new() };
        let favorite = wants.favorites && tx.is_favorite(node.id, user)?;
        let inherited = own.iter().filter(|(_, lock)| lock.depth == LockDepth::Infinity);
        let inherited = inherited.cloned().collect();
        let mut listing = Self {
            wants,
            inherited,
            own,
            favorite,
            member_locks: HashMap::new(),
            favorites: HashSet::new(),
            with_dead: HashSet::new(),
            after: None,
            ended: !node.is_folder(),
            walk,
        };
        listing.read_members_extras(tx, user, now)?;
        Ok(listing)
    }

    fn read_members_extras(
        &mut self,
        tx: &mut dyn ReadTx,
        user: &Uid,
        now: i64,
    ) -> Result<(), TreeError> {
        let node = self.walk.require()?;
        if !node.is_folder() {
            return Ok(());
        }
        if self.wants.favorites {
            self.favorites = tx.favorite_children(node.id, user)?;
        }
        if self.wants.dead {
            self.with_dead = tx.children_with_dead_props(node.id)?;
        }
        if self.wants.locks && tx.any_locks()? {
            for lock in tx.locks_on_children(node.id)? {
                if lock.expires.is_none_or(|expires| expires > now) {
                    self.member_locks.entry(lock.node).or_default().push(lock);
                }
            }
        }
        Ok(())
    }

    /// The resource itself.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub fn target(&self, tx: &mut dyn ReadTx) -> Result<Listed, TreeError> {
        let node = self.walk.require()?.clone();
        let dead = if self.wants.dead { tx.dead_props(node.id)? } else { Vec::new() };
        let (path, locks) = (self.walk.path.clone(), self.own.clone());
        Ok(Listed { path, favorite: self.favorite, locks, dead, node })
    }

    /// The next members in byte order of their names, at most `limit`, and fewer where much hangs on
    /// them (dead properties, locks); empty at the end.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub fn next_page(
        &mut self,
        tx: &mut dyn ReadTx,
        limit: usize,
    ) -> Result<Vec<Listed>, TreeError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let parent = self.walk.require()?.id;
        let rows = tx.children(parent, self.after.as_deref(), limit)?;
        let last = rows.len() < limit;
        let (count, mut bytes) = (rows.len(), 0);
        let mut page = Vec::with_capacity(count);
        for row in rows {
            self.after = Some(row.name.clone());
            let listed = self.member(tx, row)?;
            bytes += listed.weight();
            page.push(listed);
            if bytes >= PAGE_BYTES {
                break;
            }
        }
        self.ended = last && page.len() == count;
        Ok(page)
    }

    /// Whether there are no more members.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    fn member(&mut self, tx: &mut dyn ReadTx, node: Node) -> Result<Listed, TreeError> {
        let path = self.walk.path.join(&node.name).unwrap_or_default();
        let mut locks = self.inherited.clone();
        let own = self.member_locks.remove(&node.id).unwrap_or_default();
        locks.extend(own.into_iter().map(|lock| (path.clone(), lock)));
        let dead = match self.with_dead.contains(&node.id) {
            true => tx.dead_props(node.id)?,
            false => Vec::new(),
        };
        Ok(Listed { favorite: self.favorites.contains(&node.id), path, locks, dead, node })
    }
}

/// A node that was found in another way than by walking, with what beside its row is wanted.
///
/// # Errors
/// [`TreeError::Store`].
pub fn listed_at(
    tx: &mut dyn ReadTx,
    user: &Uid,
    node: Node,
    path: DavPath,
    wants: Wants,
    now: i64,
) -> Result<Listed, TreeError> {
    let locks = match wants.locks && tx.any_locks()? {
        true => {
            let walk = Walk::to(tx, user, &path)?;
            locks_covering(tx, &walk, now)?
        }
        false => Vec::new(),
    };
    let favorite = wants.favorites && tx.is_favorite(node.id, user)?;
    let dead = if wants.dead { tx.dead_props(node.id)? } else { Vec::new() };
    Ok(Listed { path, favorite, locks, dead, node })
}

/// A node at a path, and where its bytes lie on the storage.
///
/// # Errors
/// [`TreeError::NotFound`] and [`TreeError::Store`].
pub fn find(
    tx: &mut (impl crate::store::nodes::NodesRead + ?Sized),
    owner: &Uid,
    path: &DavPath,
) -> Result<(Node, String), TreeError> {
    let walk = Walk::to(tx, owner, path)?;
    let node = walk.require()?.clone();
    Ok((node, walk.disk_path()))
}
