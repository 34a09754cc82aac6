//! Rows of the tree: nodes, homes, the change feed and decided disk operations.

use super::StoreError;
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::path::{DavPath, MAX_PATH_BYTES};
use crate::storage::{DiskOp, Kind, StagePath, StorageNo, Tag};

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Id, never reused.
    pub id: NodeId,
    /// Folder that holds it; `None` for a home's root (and for what is deleted and not yet swept).
    pub parent: Option<NodeId>,
    /// Name in NFC; for a root the user id.
    pub name: String,
    /// File or folder.
    pub kind: Kind,
    /// Bytes, below 2^63; of a folder, the sum of all files below it.
    pub size: u64,
    /// Modification time, Unix seconds, 1 to 2^32-1.
    pub mtime: i64,
    /// Creation time as a client gave it (`X-OC-CTime`), Unix seconds.
    pub created: Option<i64>,
    /// When its first bytes came to this server, Unix seconds.
    pub uploaded: i64,
    /// Rises when the bytes change; the etag of a file.
    pub content: Stamp,
    /// Rises when anything at or below changes; the etag of a folder.
    pub tree: Stamp,
    /// The storage's tag of the file or folder.
    pub tag: Tag,
    /// Where the bytes are until they are published.
    pub stage: Option<StagePath>,
    /// Checksums separated by blanks, `SHA1:… MD5:…`; empty for folders. SHA1 is there for all files,
    /// since `fsck` verifies by it, but for large ones that came on the disk and were not read yet.
    pub checksums: String,
}

impl Node {
    /// The entity tag that clients see (see [`Stamp`]).
    pub fn etag(&self) -> crate::etag::Etag {
        match self.kind {
            Kind::File => self.content.etag(self.id),
            Kind::Folder => self.tree.etag(self.id),
        }
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }
}

/// A tree: a user's, or a mount's. The root node, and the folder of the storage that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Whose it is; of a mount [`Uid::of_mount`].
    pub owner: Uid,
    /// Root node.
    pub root: NodeId,
    /// Disk path below which the tree lies, without slashes at its ends. It says the storage
    /// ([`StorageNo`]); of a mount it is the storage's root.
    pub base: String,
}

/// What happened to a node, in the change feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A new file or folder.
    Created,
    /// New bytes in a file.
    Written,
    /// Renamed or moved; `old_path` says from where.
    Moved,
    /// Deleted, with all below it.
    Deleted,
    /// Properties, times, favourite, lock or checksum.
    Properties,
    /// A new file or folder, with all below it, as the copy of another.
    Copied,
}

/// A row of the change feed. Written in the transaction of the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Stamp of the change; its sequence number orders the feed.
    pub stamp: Stamp,
    /// Unix milliseconds.
    pub time: i64,
    /// Who did it; `None` for the server itself.
    pub actor: Option<Uid>,
    /// `web`, `dav`, `disk`, `cli`.
    pub origin: String,
    /// What happened.
    pub kind: ChangeKind,
    /// To which node.
    pub node: NodeId,
    /// Whose tree.
    pub owner: Uid,
    /// Path in that tree after the change.
    pub path: String,
    /// Path before, if moved.
    pub old_path: Option<String>,
    /// The request that did it.
    pub request_id: String,
}

/// Reading the tree. Ids of nodes are above 0; who asks about the members of anything else gets
/// nothing that means something.
pub trait NodesRead {
    /// The home of a user.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn home(&mut self, owner: &Uid) -> Result<Option<Home>, StoreError>;
    /// All homes, those of mounts among them, by owner in byte order.
    fn homes(&mut self) -> Result<Vec<Home>, StoreError>;
    /// Storages beside the data folder's own, by number, with their names.
    fn storages(&mut self) -> Result<Vec<(StorageNo, String)>, StoreError>;
    /// A node by id.
    fn node(&mut self, id: NodeId) -> Result<Option<Node>, StoreError>;
    /// A member of a folder.
    fn child(&mut self, parent: NodeId, name: &str) -> Result<Option<Node>, StoreError>;
    /// Up to `limit` members with names after `after`, by name in byte order.
    fn children(
        &mut self,
        parent: NodeId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Node>, StoreError>;
    /// Number of members.
    fn child_count(&mut self, parent: NodeId) -> Result<u64, StoreError>;
    /// Up to `limit` nodes that hang in no tree: above them no home's root is found, and nothing
    /// that was detached. There are none unless the index is damaged. Reads all rows; gives them in
    /// any order.
    fn unreachable(&mut self, limit: usize) -> Result<Vec<Node>, StoreError>;
    /// Up to `limit` files whose bytes are from a change after `seq`, in any order; among them ones
    /// that are deleted and not yet swept. Looks at all rows, and quickly.
    fn files_after(&mut self, seq: u64, limit: usize) -> Result<Vec<Node>, StoreError>;
    /// Decided disk operations that are not known to be durable, in order.
    fn disk_ops(&mut self) -> Result<Vec<(i64, DiskOp)>, StoreError>;
    /// Id of the last disk operation that was ever decided; 0 if none was. Ids have no gaps, also
    /// where a job was rolled back.
    fn last_disk_op(&mut self) -> Result<i64, StoreError>;
    /// Decided disk operations with ids above `id` that are not known to be durable, in order.
    fn disk_ops_after(&mut self, id: i64) -> Result<Vec<(i64, DiskOp)>, StoreError>;
    /// Up to `limit` nodes with this tag, in any order, also such that are detached; none for the
    /// empty tag.
    fn nodes_tagged(&mut self, tag: &Tag, limit: usize) -> Result<Vec<Node>, StoreError>;
    /// Up to `limit` files above the id whose checksums are not known yet, by id.
    fn files_without_checksums(
        &mut self,
        after: NodeId,
        limit: usize,
    ) -> Result<Vec<Node>, StoreError>;
    /// Up to `limit` changes after the stamp, in order.
    fn changes(&mut self, after: Stamp, limit: usize) -> Result<Vec<Change>, StoreError>;
}

/// Writing the tree. No rules here: callers keep sizes and stamps right (`tree`).
pub trait NodesWrite {
    /// The next stamp. Each change takes one.
    fn next_stamp(&mut self) -> Result<Stamp, StoreError>;
    /// The number of the storage of this name, which it is given now if it has none. Numbers are above
    /// 0, and are never given again.
    fn storage_number(&mut self, name: &str) -> Result<StorageNo, StoreError>;
    /// Makes a home with its root node (`root.id` and `root.parent` are ignored). An owner who has
    /// one already is an error.
    fn insert_home(&mut self, owner: &Uid, base: &str, root: &Node) -> Result<Home, StoreError>;
    /// Inserts a node (`node.id` is ignored) and gives its id. A name that its folder has already is
    /// an error.
    fn insert_node(&mut self, node: &Node) -> Result<NodeId, StoreError>;
    /// Writes all columns of a node by its id. A missing node is an error, and so is a name that
    /// another member of its folder has. While `node.parent` is `None` a root stays a root, and what
    /// is detached stays detached, whatever its name.
    fn update_node(&mut self, node: &Node) -> Result<(), StoreError>;
    /// Sets `tree` of these folders to `stamp`, adds `size_delta` to their sizes (down to 0), and
    /// raises `mtime` to at least `mtime` where given. Missing folders are skipped.
    fn raise(
        &mut self,
        folders: &[NodeId],
        stamp: Stamp,
        size_delta: i64,
        mtime: Option<i64>,
    ) -> Result<(), StoreError>;
    /// Takes a node with all below it out of the tree: its name is free at once, its rows (props,
    /// locks, favourites) go later by [`NodesWrite::sweep`]. Its id stays taken. Until the sweep
    /// questions about the id itself are still answered (`node`, `children`, `dead_props`,
    /// `locks_on`), with no parent and any name; questions from a user, a token or from above are not
    /// (`favorites`, `lock`, `locks_in`, `search`). A root's home goes at once.
    fn detach(&mut self, id: NodeId) -> Result<(), StoreError>;
    /// Deletes up to `limit` nodes of what is detached, members before their folders, with all that
    /// hangs on their ids; gives how many.
    fn sweep(&mut self, limit: usize) -> Result<usize, StoreError>;
    /// Appends to the change feed. A sequence number that it has already is an error.
    fn log_change(&mut self, change: &Change) -> Result<(), StoreError>;
    /// Records a decided disk operation; the sink gets it after the commit. Gives its id.
    fn push_disk_op(&mut self, op: &DiskOp) -> Result<i64, StoreError>;
    /// Forgets disk operations that are durable, and with each published one the `stage` of all
    /// nodes that are staged there or below. Unknown ids are skipped.
    fn disk_ops_done(&mut self, ids: &[i64]) -> Result<(), StoreError>;
    /// Replaces the tag of the nodes whose tag still is `from`; an empty one is nobody's.
    fn retag(&mut self, from: &Tag, to: &Tag) -> Result<(), StoreError>;
}

impl Home {
    /// The storage that the tree lies on.
    pub fn storage(&self) -> StorageNo {
        StorageNo::of(&self.base)
    }

    /// The path on the storage of a path in this home.
    pub fn disk_path(&self, path: &DavPath) -> String {
        match path.is_root() {
            true => self.base.clone(),
            false => format!("{}/{}", self.base, path.as_str()),
        }
    }
}

/// A node with the tree it lies in and its path there.
#[derive(Debug, Clone)]
pub struct Located {
    /// The tree.
    pub home: Home,
    /// The path in it.
    pub path: DavPath,
    /// The node.
    pub node: Node,
}

/// Finds a node by its id, if it hangs in a tree.
///
/// # Errors
/// [`StoreError`].
pub fn locate(
    tx: &mut (impl NodesRead + ?Sized),
    id: NodeId,
) -> Result<Option<Located>, StoreError> {
    let Some(node) = tx.node(id)? else { return Ok(None) };
    let mut names = Vec::new();
    let mut top = node.clone();
    while let Some(parent) = top.parent {
        names.push(top.name);
        // A damaged index may hold a circle; no path has more segments than bytes.
        let above = tx.node(parent)?.filter(|_| names.len() <= MAX_PATH_BYTES);
        let Some(above) = above else { return Ok(None) };
        top = above;
    }
    // A root is named by its owner; what is detached has no parent and is no home's root.
    let Some(owner) = Uid::parse_owner(&top.name) else { return Ok(None) };
    let Some(home) = tx.home(&owner)?.filter(|home| home.root == top.id) else { return Ok(None) };
    names.reverse();
    let path = DavPath::from_decoded(&names.join("/"));
    Ok(path.ok().map(|path| Located { home, path, node }))
}
