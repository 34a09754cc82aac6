//! All that the index in memory keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::DiskOp;
use crate::store::accounts::{LoginFlow, Session, Token, User};
use crate::store::locks::Lock;
use crate::store::nodes::{Change, Home, Node};
use crate::store::uploads::{Chunk, Upload};
use crate::store::{ReadTx, StoreError, WriteTx};

/// The tables. Ids are counted up and never given again, whatever is removed.
#[derive(Clone)]
pub(super) struct State {
    pub(super) era: u32,
    pub(super) seq: u64,
    pub(super) last_node: i64,
    /// Also what is detached, until it is swept.
    pub(super) nodes: BTreeMap<NodeId, Node>,
    /// Tops of what waits for the sweep; their rows have no parent.
    pub(super) detached: BTreeSet<NodeId>,
    pub(super) homes: BTreeMap<Uid, Home>,
    /// Names; the first has number 1.
    pub(super) storages: Vec<String>,
    /// By sequence number.
    pub(super) changes: BTreeMap<u64, Change>,
    /// Which of them were of a folder, which of a file.
    pub(super) change_folders: BTreeMap<u64, bool>,
    /// How far those have come who follow the feed.
    pub(super) cursors: BTreeMap<String, u64>,
    pub(super) kv: BTreeMap<(String, String), Vec<u8>>,
    pub(super) last_disk_op: i64,
    pub(super) disk_ops: BTreeMap<i64, DiskOp>,
    /// Disk operations of this batch, for the sink.
    pub(super) decided: Vec<(i64, DiskOp)>,
    /// Values by node, namespace, name.
    pub(super) props: BTreeMap<(NodeId, String, String), String>,
    pub(super) favorites: BTreeSet<(Uid, NodeId)>,
    /// By token.
    pub(super) locks: BTreeMap<String, Lock>,
    pub(super) last_upload: i64,
    pub(super) uploads: BTreeMap<i64, Upload>,
    /// By upload and name.
    pub(super) chunks: BTreeMap<(i64, String), Chunk>,
    /// By user id in lower case, as the next two.
    pub(super) users: BTreeMap<String, User>,
    pub(super) taken_uids: BTreeSet<String>,
    /// Members by group.
    pub(super) groups: BTreeMap<String, BTreeMap<String, Uid>>,
    pub(super) last_token: i64,
    pub(super) tokens: BTreeMap<i64, Token>,
    /// By hash.
    pub(super) sessions: BTreeMap<String, Session>,
    /// By hash of the poll token.
    pub(super) flows: BTreeMap<String, LoginFlow>,
}

impl State {
    /// An empty index.
    pub(super) fn new(era: u32) -> Self {
        Self {
            era,
            seq: 0,
            last_node: 0,
            nodes: BTreeMap::new(),
            detached: BTreeSet::new(),
            homes: BTreeMap::new(),
            storages: Vec::new(),
            changes: BTreeMap::new(),
            change_folders: BTreeMap::new(),
            cursors: BTreeMap::new(),
            kv: BTreeMap::new(),
            last_disk_op: 0,
            disk_ops: BTreeMap::new(),
            decided: Vec::new(),
            props: BTreeMap::new(),
            favorites: BTreeSet::new(),
            locks: BTreeMap::new(),
            last_upload: 0,
            uploads: BTreeMap::new(),
            chunks: BTreeMap::new(),
            users: BTreeMap::new(),
            taken_uids: BTreeSet::new(),
            groups: BTreeMap::new(),
            last_token: 0,
            tokens: BTreeMap::new(),
            sessions: BTreeMap::new(),
            flows: BTreeMap::new(),
        }
    }

    /// The node and all above it, up to what has no parent, is missing, or was already passed.
    pub(super) fn upwards(&self, id: NodeId) -> Vec<&Node> {
        let mut way: Vec<&Node> = Vec::new();
        let mut next = self.nodes.get(&id);
        while let Some(node) = next.filter(|next| way.iter().all(|node| node.id != next.id)) {
            way.push(node);
            next = node.parent.and_then(|parent| self.nodes.get(&parent));
        }
        way
    }

    /// Whether the way up ends at a root.
    pub(super) fn is_attached(&self, id: NodeId) -> bool {
        let top = self.upwards(id).pop();
        top.is_some_and(|top| top.parent.is_none() && !self.detached.contains(&top.id))
    }

    /// Whether `node` is `above` or lies below it.
    pub(super) fn is_in(&self, node: NodeId, above: NodeId) -> bool {
        self.upwards(node).iter().any(|node| node.id == above)
    }

    /// Members of a folder by name in byte order.
    pub(super) fn members(&self, folder: NodeId) -> Vec<&Node> {
        let mut members: Vec<&Node> =
            self.nodes.values().filter(|node| node.parent == Some(folder)).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members
    }

    /// The stamp of the next change.
    pub(super) fn stamp(&mut self) -> Result<Stamp, StoreError> {
        if self.seq >= Stamp::MAX_SEQ {
            return failed("no sequence numbers are left");
        }
        self.seq += 1;
        Ok(Stamp::new(self.era, self.seq))
    }
}

/// The next id of those that `last` counts.
pub(super) fn next(last: &mut i64) -> i64 {
    *last += 1;
    *last
}

/// The row, or the error of a row that is missing.
pub(super) fn row<'t, K: Ord + std::fmt::Debug, V>(
    table: &'t mut BTreeMap<K, V>,
    key: &K,
) -> Result<&'t mut V, StoreError> {
    let missing = || StoreError::Failed(format!("there is no row {key:?}"));
    table.get_mut(key).ok_or_else(missing)
}

/// What a caller's mistake gives.
pub(super) fn failed<T>(why: &str) -> Result<T, StoreError> {
    Err(StoreError::Failed(why.to_owned()))
}

impl ReadTx for State {
    fn save_copy(&mut self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::Failed("an index in memory cannot be saved".to_owned()))
    }
}

impl WriteTx for State {
    fn as_read(&mut self) -> &mut dyn ReadTx {
        self
    }
}
