//! Reading a resource and its members: what PROPFIND is answered from.
//!
//! Blocking, on a snapshot that the caller opened: rows come page by page, so memory stays flat.

use std::collections::{HashMap, HashSet};

use super::TreeError;
use super::locks::locks_covering;
use super::mounts::{self, Graft, Mounts};
use super::walk::Walk;
use crate::etag::Etag;
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
    /// What mounts make of it.
    pub graft: Option<Graft>,
}

impl Listed {
    /// The entity tag that this user sees.
    pub fn etag(&self) -> Etag {
        match &self.graft {
            Some(Graft::Above(etag)) => etag.clone(),
            _ => self.node.etag(),
        }
    }

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
    viewer: Viewer,
    /// Whether mounts are seen in the resource or below, as in nearly none.
    grafted: bool,
}

/// Who sees a listing, of which tree.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Whose favourites.
    pub user: Uid,
    /// Whose tree.
    pub owner: Uid,
    /// What is grafted into that tree for this user. None lies inside a mount.
    pub mounts: Mounts,
    /// Unix seconds.
    pub now: i64,
}

impl Listing {
    /// Finds the resource.
    ///
    /// # Errors
    /// [`TreeError::NotFound`] and [`TreeError::Store`].
    pub fn open(
        tx: &mut dyn ReadTx,
        viewer: Viewer,
        path: &DavPath,
        wants: Wants,
    ) -> Result<Self, TreeError> {
        let walk = Walk::to(tx, &viewer.owner, path)?;
        let node = walk.require()?;
        let (user, now) = (&viewer.user, viewer.now);
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
            grafted: viewer.mounts.hang_below(path),
            walk,
            viewer,
        };
        listing.read_members_extras(tx)?;
        Ok(listing)
    }

    fn read_members_extras(&mut self, tx: &mut dyn ReadTx) -> Result<(), TreeError> {
        let node = self.walk.require()?;
        let (user, now) = (&self.viewer.user, self.viewer.now);
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
        let graft = mounts::above(tx, &self.viewer.mounts, &path, &node)?;
        Ok(Listed { path, favorite: self.favorite, locks, dead, graft, node })
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
        let mut read = 0;
        for row in rows {
            read += 1;
            self.after = Some(row.name.clone());
            if self.grafted && self.is_shadowed(&row.name) {
                continue;
            }
            let listed = self.member(tx, row)?;
            bytes += listed.weight();
            page.push(listed);
            if bytes >= PAGE_BYTES {
                break;
            }
        }
        self.ended = last && read == count;
        if self.ended && self.grafted {
            self.add_mounts(tx, &mut page)?;
        }
        Ok(page)
    }

    /// Whether a mount is seen where a member of this name lies.
    fn is_shadowed(&self, name: &str) -> bool {
        let mut mounts = self.viewer.mounts.members(&self.walk.path);
        mounts.any(|mount| mount.name() == name)
    }

    /// The roots of the mounts in this folder.
    fn add_mounts(&self, tx: &mut dyn ReadTx, page: &mut Vec<Listed>) -> Result<(), TreeError> {
        for mount in self.viewer.mounts.members(&self.walk.path) {
            let Some(root) = mounts::root_of(tx, mount)? else { continue };
            let mut locks = Vec::new();
            if self.wants.locks {
                locks = tx.locks_on(root.id)?;
                locks.retain(|lock| lock.expires.is_none_or(|expires| expires > self.viewer.now));
            }
            let favorite = self.wants.favorites && tx.is_favorite(root.id, &self.viewer.user)?;
            let dead = if self.wants.dead { tx.dead_props(root.id)? } else { Vec::new() };
            page.push(Listed {
                path: mount.point.clone(),
                favorite,
                locks: locks.into_iter().map(|lock| (mount.point.clone(), lock)).collect(),
                dead,
                graft: Some(Graft::Root { read_only: mount.read_only }),
                node: root,
            });
        }
        Ok(())
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
        let favorite = self.favorites.contains(&node.id);
        let graft = match self.grafted {
            true => mounts::above(tx, &self.viewer.mounts, &path, &node)?,
            false => None,
        };
        Ok(Listed { favorite, path, locks, dead, graft, node })
    }
}

/// A node that was found in another way than by walking, with what beside its row is wanted.
///
/// # Errors
/// [`TreeError::Store`].
pub fn listed_at(
    tx: &mut dyn ReadTx,
    viewer: &Viewer,
    node: Node,
    path: DavPath,
    wants: Wants,
) -> Result<Listed, TreeError> {
    let locks = match wants.locks && tx.any_locks()? {
        true => {
            let walk = Walk::to(tx, &viewer.owner, &path)?;
            locks_covering(tx, &walk, viewer.now)?
        }
        false => Vec::new(),
    };
    let favorite = wants.favorites && tx.is_favorite(node.id, &viewer.user)?;
    let dead = if wants.dead { tx.dead_props(node.id)? } else { Vec::new() };
    let graft = mounts::above(tx, &viewer.mounts, &path, &node)?;
    Ok(Listed { path, favorite, locks, dead, graft, node })
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
