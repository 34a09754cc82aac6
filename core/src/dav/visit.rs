//! Who comes to files, and where a path among what they see leads: into the own tree, or a mount's.

use super::Dav;
use crate::auth::Principal;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::storage::StorageNo;
use crate::tree::{Mount, Mounts};

/// Who comes to files, and which there are for them.
#[derive(Clone)]
pub(super) struct Visit<'a> {
    pub(super) dav: &'a Dav,
    pub(super) principal: &'a Principal,
    /// The storage that the home is on.
    pub(super) home: StorageNo,
    /// What is grafted into the home.
    pub(super) mounts: Mounts,
}

/// A place among what somebody sees: in the own tree, or in a mount's.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Whose tree.
    pub(super) owner: Uid,
    /// The path in it.
    pub(super) path: DavPath,
    /// The mount, if it is one's tree.
    pub(super) mount: Option<Mount>,
    /// The storage that it lies on.
    pub(super) storage: StorageNo,
}

impl Visit<'_> {
    /// The place of a path below the user's root.
    pub(super) fn spot(&self, path: DavPath) -> Spot {
        match self.mounts.find(&path) {
            Some((mount, path)) => Spot {
                owner: mount.tree.clone(),
                path,
                mount: Some(mount.clone()),
                storage: mount.storage,
            },
            None => {
                Spot { owner: self.principal.uid.clone(), path, mount: None, storage: self.home }
            }
        }
    }
}

impl Spot {
    /// The path below the user's root.
    pub(super) fn seen_at(&self) -> DavPath {
        match &self.mount {
            Some(mount) => mount.point.over(&self.path),
            None => self.path.clone(),
        }
    }

    /// Whether it lies where nobody may change anything.
    pub(super) fn is_read_only(&self) -> bool {
        self.mount.as_ref().is_some_and(|mount| mount.read_only)
    }
}
