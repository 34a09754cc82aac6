//! From a root down to a path, one indexed step a segment.

use super::TreeError;
use crate::ids::{NodeId, Uid};
use crate::path::DavPath;
use crate::store::nodes::{Home, Node, NodesRead};

/// Where a path leads: the nodes that exist on the way, and whether the last of them is the target.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// The tree walked in.
    pub(crate) home: Home,
    /// The path asked for.
    pub(crate) path: DavPath,
    /// Nodes from the root to the deepest that exists. Never empty.
    chain: Vec<Node>,
    /// Segments of the path that do not exist.
    missing: usize,
}

impl Walk {
    /// Walks. A missing home is [`TreeError::NotFound`], like any path that cannot be seen.
    pub(crate) fn to(
        tx: &mut (impl NodesRead + ?Sized),
        owner: &Uid,
        path: &DavPath,
    ) -> Result<Self, TreeError> {
        let not_found = || TreeError::NotFound(path.clone());
        let home = tx.home(owner)?.ok_or_else(not_found)?;
        let root = tx.node(home.root)?.ok_or_else(not_found)?;
        let mut chain = vec![root];
        let mut segments = path.segments();
        let mut missing = 0;
        for name in segments.by_ref() {
            let last = chain.last().expect("the chain starts with the root");
            let child = if last.is_folder() { tx.child(last.id, name)? } else { None };
            match child {
                Some(child) => chain.push(child),
                None => {
                    missing = 1;
                    break;
                }
            }
        }
        missing += segments.count();
        Ok(Self { home, path: path.clone(), chain, missing })
    }

    /// The node at the path, if it exists.
    pub(crate) fn target(&self) -> Option<&Node> {
        (self.missing == 0).then(|| self.last())
    }

    /// The node at the path.
    pub(crate) fn require(&self) -> Result<&Node, TreeError> {
        self.target().ok_or_else(|| TreeError::NotFound(self.path.clone()))
    }

    /// The folder that holds, or would hold, the path. The root has none.
    pub(crate) fn parent(&self) -> Result<&Node, TreeError> {
        let parent = match self.missing {
            0 if self.chain.len() < 2 => return Err(TreeError::Root),
            0 => &self.chain[self.chain.len() - 2],
            1 => self.last(),
            _ => return Err(TreeError::ParentMissing(self.path.clone())),
        };
        if parent.is_folder() {
            Ok(parent)
        } else {
            Err(TreeError::NotAFolder(self.path.parent().unwrap_or_default()))
        }
    }

    /// Existing nodes above the path, root first: those whose etags a change at the path raises.
    pub(crate) fn above(&self) -> &[Node] {
        match self.missing {
            0 => &self.chain[..self.chain.len() - 1],
            _ => &self.chain,
        }
    }

    /// Ids of [`Walk::above`].
    pub(crate) fn ids_above(&self) -> Vec<NodeId> {
        self.above().iter().map(|node| node.id).collect()
    }

    /// The root's node.
    pub(crate) fn root(&self) -> &Node {
        &self.chain[0]
    }

    /// All existing nodes, root first.
    pub(crate) fn existing(&self) -> &[Node] {
        &self.chain
    }

    /// The path on the storage.
    pub(crate) fn disk_path(&self) -> String {
        self.home.disk_path(&self.path)
    }

    fn last(&self) -> &Node {
        self.chain.last().expect("the chain starts with the root")
    }
}
