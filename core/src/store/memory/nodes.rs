//! Rows of the tree: nodes, homes, the change feed and decided disk operations.

use super::state::{State, failed, next, row};
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::{DiskOp, StorageNo, Tag};
use crate::store::StoreError;
use crate::store::nodes::{Change, Home, Node, NodesRead, NodesWrite};

impl NodesRead for State {
    fn home(&mut self, owner: &Uid) -> Result<Option<Home>, StoreError> {
        Ok(self.homes.get(owner).cloned())
    }

    fn homes(&mut self) -> Result<Vec<Home>, StoreError> {
        Ok(self.homes.values().cloned().collect())
    }

    fn storages(&mut self) -> Result<Vec<(StorageNo, String)>, StoreError> {
        let numbers = (1..).map(StorageNo);
        Ok(numbers.zip(self.storages.iter().cloned()).collect())
    }

    fn node(&mut self, id: NodeId) -> Result<Option<Node>, StoreError> {
        Ok(self.nodes.get(&id).cloned())
    }

    fn child(&mut self, parent: NodeId, name: &str) -> Result<Option<Node>, StoreError> {
        Ok(self.members(parent).into_iter().find(|node| node.name == name).cloned())
    }

    fn children(
        &mut self,
        parent: NodeId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Node>, StoreError> {
        let members = self.members(parent).into_iter();
        let later = members.filter(|node| after.is_none_or(|after| node.name.as_str() > after));
        Ok(later.take(limit).cloned().collect())
    }

    fn child_count(&mut self, parent: NodeId) -> Result<u64, StoreError> {
        Ok(self.members(parent).iter().map(|_| 1).sum())
    }

    fn unreachable(&mut self, limit: usize) -> Result<Vec<Node>, StoreError> {
        let is_top = |id| self.detached.contains(&id) || self.homes.values().any(|h| h.root == id);
        let lost = |node: &&Node| !self.upwards(node.id).iter().any(|node| is_top(node.id));
        Ok(self.nodes.values().filter(lost).take(limit).cloned().collect())
    }

    fn files_after(&mut self, seq: u64, limit: usize) -> Result<Vec<Node>, StoreError> {
        let after = |node: &&Node| !node.is_folder() && node.content.seq() > seq;
        Ok(self.nodes.values().filter(after).take(limit).cloned().collect())
    }

    fn disk_ops(&mut self) -> Result<Vec<(i64, DiskOp)>, StoreError> {
        Ok(self.disk_ops.iter().map(|(id, op)| (*id, op.clone())).collect())
    }

    fn last_disk_op(&mut self) -> Result<i64, StoreError> {
        Ok(self.last_disk_op)
    }

    fn disk_ops_after(&mut self, id: i64) -> Result<Vec<(i64, DiskOp)>, StoreError> {
        Ok(self.disk_ops.range(id + 1..).map(|(id, op)| (*id, op.clone())).collect())
    }

    fn nodes_tagged(&mut self, tag: &Tag, limit: usize) -> Result<Vec<Node>, StoreError> {
        let tagged = self.nodes.values().filter(|node| node.tag == *tag && !tag.0.is_empty());
        Ok(tagged.take(limit).cloned().collect())
    }

    fn files_without_checksums(
        &mut self,
        after: NodeId,
        limit: usize,
    ) -> Result<Vec<Node>, StoreError> {
        let unread = |node: &&Node| !node.is_folder() && node.checksums.is_empty();
        let later = self.nodes.range(NodeId(after.0 + 1)..).map(|(_, node)| node);
        Ok(later.filter(unread).take(limit).cloned().collect())
    }

    fn changes(&mut self, after: Stamp, limit: usize) -> Result<Vec<Change>, StoreError> {
        Ok(self.changes.range(after.seq() + 1..).take(limit).map(|(_, it)| it.clone()).collect())
    }
}

impl NodesWrite for State {
    fn next_stamp(&mut self) -> Result<Stamp, StoreError> {
        self.stamp()
    }

    fn storage_number(&mut self, name: &str) -> Result<StorageNo, StoreError> {
        let known = self.storages.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.storages.push(name.to_owned());
            self.storages.len() - 1
        });
        Ok(StorageNo(u32::try_from(index + 1).expect("a few")))
    }

    fn insert_home(&mut self, owner: &Uid, base: &str, root: &Node) -> Result<Home, StoreError> {
        if self.homes.contains_key(owner) {
            return failed("the owner has a home");
        }
        let root = self.insert_node(&Node { parent: None, ..root.clone() })?;
        let home = Home { owner: owner.clone(), root, base: base.to_owned() };
        self.homes.insert(owner.clone(), home.clone());
        Ok(home)
    }

    fn insert_node(&mut self, node: &Node) -> Result<NodeId, StoreError> {
        let id = NodeId(next(&mut self.last_node));
        let node = Node { id, ..node.clone() };
        free_name(self, &node)?;
        self.nodes.insert(id, node);
        Ok(id)
    }

    fn update_node(&mut self, node: &Node) -> Result<(), StoreError> {
        if node.parent.is_some() || !self.detached.contains(&node.id) {
            free_name(self, node)?;
        }
        *row(&mut self.nodes, &node.id)? = node.clone();
        if node.parent.is_some() {
            self.detached.remove(&node.id);
        }
        Ok(())
    }

    fn raise(
        &mut self,
        folders: &[NodeId],
        stamp: Stamp,
        size_delta: i64,
        mtime: Option<i64>,
    ) -> Result<(), StoreError> {
        for id in folders {
            if let Some(folder) = self.nodes.get_mut(id) {
                folder.tree = stamp;
                folder.size = folder.size.saturating_add_signed(size_delta);
                folder.mtime = folder.mtime.max(mtime.unwrap_or(folder.mtime));
            }
        }
        Ok(())
    }

    fn detach(&mut self, id: NodeId) -> Result<(), StoreError> {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.parent = None;
            self.detached.insert(id);
        }
        self.homes.retain(|_, home| home.root != id);
        Ok(())
    }

    fn sweep(&mut self, limit: usize) -> Result<usize, StoreError> {
        let mut waiting: Vec<NodeId> = self.detached.iter().copied().collect();
        let mut found = Vec::new();
        while let Some(id) = waiting.pop() {
            waiting.extend(self.members(id).iter().map(|node| node.id));
            found.push(id);
        }
        // Each was found after its folder: from the end, so that nothing is left without one.
        let swept: Vec<NodeId> = found.into_iter().rev().take(limit).collect();
        for id in &swept {
            self.nodes.remove(id);
            self.detached.remove(id);
            self.props.retain(|(node, ..), _| node != id);
            self.favorites.retain(|(_, node)| node != id);
            self.locks.retain(|_, lock| lock.node != *id);
        }
        Ok(swept.len())
    }

    fn log_change(&mut self, change: &Change) -> Result<(), StoreError> {
        if let Some(node) = self.nodes.get(&change.node) {
            self.change_folders.insert(change.stamp.seq(), node.is_folder());
        }
        match self.changes.insert(change.stamp.seq(), change.clone()) {
            Some(_) => failed("two changes have one sequence number"),
            None => Ok(()),
        }
    }

    fn push_disk_op(&mut self, op: &DiskOp) -> Result<i64, StoreError> {
        let id = next(&mut self.last_disk_op);
        self.disk_ops.insert(id, op.clone());
        self.decided.push((id, op.clone()));
        Ok(id)
    }

    fn disk_ops_done(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for id in ids {
            let Some(DiskOp::Publish { stage: published, .. }) = self.disk_ops.remove(id) else {
                continue;
            };
            let below = format!("{}/", published.0);
            for node in self.nodes.values_mut() {
                node.stage.take_if(|at| *at == published || at.0.starts_with(&below));
            }
        }
        Ok(())
    }

    fn retag(&mut self, from: &Tag, to: &Tag) -> Result<(), StoreError> {
        let tags = self.nodes.values_mut().map(|node| &mut node.tag);
        tags.filter(|tag| *tag == from && !tag.0.is_empty()).for_each(|tag| *tag = to.clone());
        Ok(())
    }
}

/// One name in a folder, and among the roots, is one node. What is detached has no name.
fn free_name(state: &State, node: &Node) -> Result<(), StoreError> {
    let taken = state.nodes.values().any(|other| {
        let place = (other.parent, &other.name) == (node.parent, &node.name);
        place && other.id != node.id && !state.detached.contains(&other.id)
    });
    if taken { failed("the name is taken") } else { Ok(()) }
}
