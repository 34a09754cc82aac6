//! Rows of locks.

use super::state::State;
use crate::ids::{NodeId, Uid};
use crate::store::StoreError;
use crate::store::locks::{Lock, LocksRead, LocksWrite};

impl State {
    /// The locks that are meant, oldest first.
    fn locks_where(&self, meant: impl Fn(&Lock) -> bool) -> Vec<Lock> {
        let mut locks: Vec<Lock> = self.locks.values().filter(|it| meant(it)).cloned().collect();
        // Stable: those of one second stay ordered by token, as in the table.
        locks.sort_by_key(|lock| lock.created);
        locks
    }
}

impl LocksRead for State {
    fn locks_on(&mut self, node: NodeId) -> Result<Vec<Lock>, StoreError> {
        Ok(self.locks_where(|lock| lock.node == node))
    }

    fn lock(&mut self, token: &str) -> Result<Option<Lock>, StoreError> {
        Ok(self.locks.get(token).filter(|lock| self.is_attached(lock.node)).cloned())
    }

    fn locks_on_children(&mut self, parent: NodeId) -> Result<Vec<Lock>, StoreError> {
        let parent_of = |lock: &Lock| self.nodes.get(&lock.node).and_then(|node| node.parent);
        Ok(self.locks_where(|lock| parent_of(lock) == Some(parent)))
    }

    fn locks_in(&mut self, node: NodeId) -> Result<Vec<Lock>, StoreError> {
        Ok(self.locks_where(|lock| self.is_in(lock.node, node) && self.is_attached(node)))
    }

    fn count_locks(&mut self, user: &Uid) -> Result<usize, StoreError> {
        Ok(self.locks.values().filter(|lock| lock.user == *user).count())
    }

    fn any_locks(&mut self) -> Result<bool, StoreError> {
        Ok(!self.locks.is_empty())
    }
}

impl LocksWrite for State {
    fn put_lock(&mut self, lock: &Lock) -> Result<(), StoreError> {
        self.locks.insert(lock.token.clone(), lock.clone());
        Ok(())
    }

    fn remove_lock(&mut self, token: &str) -> Result<(), StoreError> {
        self.locks.remove(token);
        Ok(())
    }

    fn remove_locks_in(&mut self, node: NodeId) -> Result<(), StoreError> {
        let mut locks = std::mem::take(&mut self.locks);
        locks.retain(|_, lock| !self.is_in(lock.node, node));
        self.locks = locks;
        Ok(())
    }

    fn remove_expired_locks(&mut self, now: i64) -> Result<(), StoreError> {
        self.locks.retain(|_, lock| lock.expires.is_none_or(|expires| expires >= now));
        Ok(())
    }
}
