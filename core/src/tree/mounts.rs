//! Mounts: trees of other storages, grafted into homes.
//!
//! A mount's tree hangs in no home. It is one tree for all who see it, with one set of ids and etags,
//! and each viewer's home shows it at a path, the mount point. So a change in it writes its own chain
//! of folders and nothing else, and the folders of a home *above* a mount point show an etag that is
//! made when somebody asks, of their own and of the mounts' below them:
//!
//! | The viewer's | what is asked | etag |
//! |---|---|---|
//! | folder with mounts below | its own row | hash of its etag and of each mount's root, point and rights |
//! | mount's root and all in it | the mount's tree | its own |
//! | anything else | its own row | its own |

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::TreeError;
use crate::etag::Etag;
use crate::ids::{NodeId, Uid};
use crate::path::DavPath;
use crate::storage::StorageNo;
use crate::store::ReadTx;
use crate::store::nodes::Node;

/// Bytes of the hash that are shown.
const ETAG_BYTES: usize = 16;

/// A tree, where a viewer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The tree's owner ([`Uid::of_mount`]).
    pub tree: Uid,
    /// The storage it is on.
    pub storage: StorageNo,
    /// Where it is seen in the home. Never the root.
    pub point: DavPath,
    /// Whether nobody may change it through this server.
    pub read_only: bool,
}

impl Mount {
    /// What it is called in the folder that shows it.
    pub fn name(&self) -> &str {
        self.point.name().unwrap_or_default()
    }
}

/// The mounts of one viewer; none of nearly all viewers. None lies inside another.
#[derive(Debug, Clone, Default)]
pub struct Mounts(Option<Arc<[Mount]>>);

impl Mounts {
    /// These, of which the first at a point counts.
    pub fn new(mounts: impl IntoIterator<Item = Mount>) -> Self {
        let mut kept: Vec<Mount> = Vec::new();
        for mount in mounts {
            if kept.iter().all(|known| known.point != mount.point) {
                kept.push(mount);
            }
        }
        Self((!kept.is_empty()).then(|| kept.into()))
    }

    /// The mount that a path of the home lies in, and the path there.
    pub fn find(&self, path: &DavPath) -> Option<(&Mount, DavPath)> {
        self.all().iter().find_map(|mount| Some((mount, path.below(&mount.point)?)))
    }

    /// Mounts somewhere below a folder of the home.
    pub fn below<'a>(&'a self, folder: &'a DavPath) -> impl Iterator<Item = &'a Mount> {
        self.all().iter().filter(|mount| mount.point.is_in(folder) && mount.point != *folder)
    }

    /// Mounts that a folder of the home shows as its members.
    pub fn members<'a>(&'a self, folder: &'a DavPath) -> impl Iterator<Item = &'a Mount> {
        self.below(folder).filter(|mount| mount.point.parent().as_ref() == Some(folder))
    }

    /// Whether there are mounts below a folder.
    pub fn hang_below(&self, folder: &DavPath) -> bool {
        self.below(folder).next().is_some()
    }

    /// All of them.
    pub fn all(&self) -> &[Mount] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// What is seen otherwise than a node's row says, because of mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Graft {
    /// A folder of the home with mounts below: its etag.
    Above(Etag),
    /// A mount's root, as a member of the folder that shows it.
    Root {
        /// Whether nobody may change it.
        read_only: bool,
    },
}

/// The root of a mount's tree, called as the viewer calls it; `None` if it was never made.
pub(super) fn root_of(tx: &mut dyn ReadTx, mount: &Mount) -> Result<Option<Node>, TreeError> {
    let Some(tree) = tx.home(&mount.tree)? else { return Ok(None) };
    Ok(tx.node(tree.root)?.map(|root| Node { name: mount.name().to_owned(), ..root }))
}

/// What makes a folder of the home another for this viewer; `None` if no mount lies below it.
pub(crate) fn above(
    tx: &mut dyn ReadTx,
    mounts: &Mounts,
    path: &DavPath,
    node: &Node,
) -> Result<Option<Graft>, TreeError> {
    if mounts.0.is_none() || !node.is_folder() {
        return Ok(None);
    }
    let mut below: Vec<(NodeId, Etag, &Mount)> = Vec::new();
    for mount in mounts.below(path) {
        if let Some(root) = root_of(tx, mount)? {
            below.push((root.id, root.etag(), mount));
        }
    }
    if below.is_empty() {
        return Ok(None);
    }
    below.sort_by(|a, b| (a.0, &a.2.point).cmp(&(b.0, &b.2.point)));
    let mut hash = Sha256::new();
    hash.update(node.etag().0);
    for (id, etag, mount) in below {
        // No field holds a line break.
        hash.update(format!("\n{id}\n{}\n{}\n{}", etag.0, mount.point, mount.read_only));
    }
    let hash = hash.finalize();
    Ok(Some(Graft::Above(Etag(hex::encode(&hash[..ETAG_BYTES])))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> DavPath {
        DavPath::from_decoded(text).unwrap()
    }

    fn mount(number: u32, point: &str) -> Mount {
        let storage = StorageNo(number);
        let tree = Uid::of_mount(&storage.to_string()).unwrap();
        Mount { tree, storage, point: path(point), read_only: false }
    }

    #[test]
    fn paths_lead_into_mounts() {
        let mounts = Mounts::new([mount(1, "Music"), mount(2, "Team/Plans"), mount(3, "Music")]);
        for (asked, expected) in [
            ("Music", Some((1, ""))),
            ("Music/a/b", Some((1, "a/b"))),
            ("Musical", None),
            ("Team", None),
            ("Team/Plans/x", Some((2, "x"))),
            ("", None),
        ] {
            let found = mounts.find(&path(asked)).map(|(it, below)| (it.storage.0, below));
            assert_eq!(found, expected.map(|(number, below)| (number, path(below))), "{asked:?}");
        }
        for (folder, below, members) in
            [("", 2, 1), ("Team", 1, 1), ("Music", 0, 0), ("Tea", 0, 0), ("Team/Plans", 0, 0)]
        {
            let folder = path(folder);
            assert_eq!(mounts.below(&folder).count(), below, "{folder:?}");
            assert_eq!(mounts.members(&folder).count(), members, "{folder:?}");
        }
    }
}
