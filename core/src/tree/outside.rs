//! Changes that came on the disk: the rows follow what lies there.
//!
//! Who looks at the disk (the room `outside`) compares a folder with its rows, and hands over what
//! differs together with what it had compared: a [`Sight`]. The job here believes it only as far as
//! nothing was decided about those paths since; the rest is to be looked at [`Adopted::Again`].
//!
//! | On the disk | In the index |
//! |---|---|
//! | something new | a node with a new id |
//! | something that another place has lost, by its tag | that node, moved; its locks and properties stay |
//! | other bytes at a name, in whatever inode | the node of that name, with a new etag |
//! | the same bytes, written again | the same etag, perhaps another time |
//! | nothing more | the node is deleted, with all below it |
//!
//! Quota and locks do not count: who writes on the disk has done so already.

use super::change::signed;
use super::walk::Walk;
use super::{Tree, TreeError};
use crate::etag::Stamp;
use crate::ids::NodeId;
use crate::path::DavPath;
use crate::storage::{Entry, Kind, Tag, paths_of};
use crate::store::nodes::{Change, ChangeKind, Node, locate};
use crate::store::{self, WriteTx};

/// Times that clients can be shown (`threats` §1): what is outside on the disk is clamped.
const TIMES: std::ops::RangeInclusive<i64> = 1..=u32::MAX as i64;

/// What lies at one name of a folder, and the row it was compared with.
#[derive(Debug, Clone)]
pub struct Found {
    /// The name, as the index would have it.
    pub name: String,
    /// What lies there.
    pub entry: Option<Entry>,
    /// The row that was there when it was compared.
    pub known: Option<(NodeId, Tag)>,
    /// `SHA1:…` of a file whose bytes were read; `None` if they were not, yet.
    pub checksums: Option<String>,
    /// The node that lay elsewhere, where nothing is now, with its tag.
    pub moved: Option<(NodeId, Tag)>,
}

/// What was found in one folder.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The folder.
    pub folder: NodeId,
    /// Where it lay on the disk.
    pub path: String,
    /// The last disk operation that was carried out before the look.
    pub mark: i64,
    /// What differs from the index.
    pub found: Vec<Found>,
}

/// What became of one thing that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// The index has it already.
    Same,
    /// A new node.
    Created,
    /// New bytes.
    Written,
    /// A node that lay elsewhere.
    Moved,
    /// Deleted.
    Deleted,
    /// Another time or another inode, with the same bytes.
    Touched,
    /// Something was decided about it meanwhile; look again.
    Again,
}

impl Tree {
    /// Lets the rows follow what was found. One answer for each of `sight.found`.
    ///
    /// # Errors
    /// [`TreeError::Store`]; nothing changed then.
    pub async fn adopt(&self, sight: Sight) -> Result<Vec<Adopted>, TreeError> {
        let now = self.clock.millis();
        store::write(&self.store, move |tx| {
            let Some(mut folder) = Folder::open(tx, &sight, now)? else {
                return Ok(vec![Adopted::Again; sight.found.len()]);
            };
            let mut adopted = Vec::with_capacity(sight.found.len());
            for found in &sight.found {
                adopted.push(folder.adopt(tx, found)?);
            }
            folder.close(tx)?;
            Ok(adopted)
        })
        .await
    }

    /// Records what was read from a file after it was adopted, if it is still that one. No etag
    /// changes: the bytes are the same.
    ///
    /// # Errors
    /// [`TreeError::Store`].
    pub async fn record_checksums(
        &self,
        id: NodeId,
        tag: Tag,
        checksums: String,
    ) -> Result<(), TreeError> {
        store::write(&self.store, move |tx| {
            match tx.node(id)?.filter(|node| node.tag == tag && node.checksums.is_empty()) {
                Some(node) => Ok(tx.update_node(&Node { checksums, ..node })?),
                None => Ok(()),
            }
        })
        .await
    }
}

/// A folder whose rows follow the disk.
struct Folder {
    walk: Walk,
    disk_path: String,
    now: i64,
    /// Paths on the disk that were decided on since the look.
    busy: Vec<String>,
    last: Option<Stamp>,
    growth: i64,
    members_changed: bool,
}

impl Folder {
    /// `None` if it is another, or elsewhere, by now.
    fn open(tx: &mut dyn WriteTx, sight: &Sight, now: i64) -> Result<Option<Self>, TreeError> {
        let Some(located) = locate(tx, sight.folder)? else { return Ok(None) };
        let disk_path = located.home.disk_path(&located.path);
        if disk_path != sight.path || !located.node.is_folder() {
            return Ok(None);
        }
        let ops = tx.disk_ops_after(sight.mark)?;
        let decided = tx.last_disk_op()? - sight.mark;
        if i64::try_from(ops.len()) != Ok(decided) {
            return Ok(None); // some are forgotten already
        }
        let busy = ops.into_iter().flat_map(|(_, op)| paths_of(&op)).collect();
        let walk = Walk::to(tx, &located.home.owner, &located.path)?;
        let (last, growth, members_changed) = (None, 0, false);
        Ok(Some(Self { walk, disk_path, now, busy, last, growth, members_changed }))
    }

    fn adopt(&mut self, tx: &mut dyn WriteTx, found: &Found) -> Result<Adopted, TreeError> {
        let folder = self.walk.require()?.id;
        let Ok(path) = self.walk.path.join(&found.name) else { return Ok(Adopted::Same) };
        let row = tx.child(folder, &found.name)?;
        let known = row.as_ref().map(|row| (row.id, row.tag.clone()));
        if known != found.known || self.is_busy(&format!("{}/{}", self.disk_path, found.name)) {
            return Ok(Adopted::Again);
        }
        match (row, &found.entry) {
            (None, None) => Ok(Adopted::Same),
            (None, Some(entry)) => match &found.moved {
                Some(moved) => self.take_in(tx, &path, moved),
                None => self.create(tx, folder, &path, found, entry),
            },
            (Some(row), None) => self.delete(tx, &path, &row),
            (Some(row), Some(entry)) if entry.kind != row.kind => {
                self.delete(tx, &path, &row)?;
                self.create(tx, folder, &path, found, entry)
            }
            (Some(row), Some(entry)) if entry.tag == row.tag => Ok(Adopted::Same),
            (Some(row), Some(entry)) if row.is_folder() => {
                // Its members are looked at one by one.
                tx.update_node(&Node { tag: entry.tag.clone(), ..row })?;
                Ok(Adopted::Touched)
            }
            (Some(row), Some(entry)) => self.write(tx, &path, found, entry, row),
        }
    }

    fn create(
        &mut self,
        tx: &mut dyn WriteTx,
        folder: NodeId,
        path: &DavPath,
        found: &Found,
        entry: &Entry,
    ) -> Result<Adopted, TreeError> {
        let stamp = self.stamp(tx)?;
        let size = if entry.kind == Kind::File { entry.size } else { 0 };
        let node = Node {
            id: NodeId(0),
            parent: Some(folder),
            name: found.name.clone(),
            kind: entry.kind,
            size,
            mtime: shown(entry.mtime),
            created: None,
            uploaded: self.now.div_euclid(1000),
            content: stamp,
            tree: stamp,
            tag: entry.tag.clone(),
            stage: None,
            checksums: found.checksums.clone().unwrap_or_default(),
        };
        let id = tx.insert_node(&node)?;
        self.growth = self.growth.saturating_add(signed(size));
        self.members_changed = true;
        self.log(tx, stamp, ChangeKind::Created, id, path, None)?;
        Ok(Adopted::Created)
    }

    fn write(
        &mut self,
        tx: &mut dyn WriteTx,
        path: &DavPath,
        found: &Found,
        entry: &Entry,
        row: Node,
    ) -> Result<Adopted, TreeError> {
        let (tag, mtime) = (entry.tag.clone(), shown(entry.mtime));
        let same = entry.size == row.size && same_bytes(&row, found.checksums.as_deref());
        if same && mtime == row.mtime {
            tx.update_node(&Node { tag, stage: None, ..row })?;
            return Ok(Adopted::Touched);
        }
        let stamp = self.stamp(tx)?;
        if same {
            let id = row.id;
            tx.update_node(&Node { tag, mtime, stage: None, tree: stamp, ..row })?;
            self.log(tx, stamp, ChangeKind::Properties, id, path, None)?;
            return Ok(Adopted::Touched);
        }
        let growth = signed(entry.size).saturating_sub(signed(row.size));
        self.growth = self.growth.saturating_add(growth);
        let node = Node {
            size: entry.size,
            mtime,
            content: stamp,
            tree: stamp,
            tag,
            stage: None,
            checksums: found.checksums.clone().unwrap_or_default(),
            ..row
        };
        tx.update_node(&node)?;
        self.log(tx, stamp, ChangeKind::Written, node.id, path, None)?;
        Ok(Adopted::Written)
    }

    fn delete(
        &mut self,
        tx: &mut dyn WriteTx,
        path: &DavPath,
        row: &Node,
    ) -> Result<Adopted, TreeError> {
        let stamp = self.stamp(tx)?;
        tx.detach(row.id)?;
        self.growth = self.growth.saturating_sub(signed(row.size));
        self.members_changed = true;
        self.log(tx, stamp, ChangeKind::Deleted, row.id, path, None)?;
        Ok(Adopted::Deleted)
    }

    /// Takes in a node of the same home that was renamed on the disk. Locks stay: who holds one
    /// works on the file still.
    fn take_in(
        &mut self,
        tx: &mut dyn WriteTx,
        path: &DavPath,
        (id, tag): &(NodeId, Tag),
    ) -> Result<Adopted, TreeError> {
        let Some(source) = locate(tx, *id)? else { return Ok(Adopted::Again) };
        let usable = source.node.tag == *tag
            && source.home == self.walk.home
            && !source.path.is_root()
            && !path.is_in(&source.path)
            && !self.is_busy(&source.home.disk_path(&source.path));
        if !usable {
            return Ok(Adopted::Again);
        }
        let old = Walk::to(tx, &source.home.owner, &source.path)?;
        let stamp = self.stamp(tx)?;
        let name = path.name().ok_or(TreeError::Root)?.to_owned();
        let parent = Some(self.walk.require()?.id);
        let size = signed(source.node.size);
        tx.update_node(&Node { parent, name, tree: stamp, ..source.node })?;
        tx.raise(&old.ids_above(), stamp, -size, None)?;
        tx.raise(&[old.parent()?.id], stamp, 0, Some(self.now.div_euclid(1000)))?;
        self.growth = self.growth.saturating_add(size);
        self.members_changed = true;
        self.log(tx, stamp, ChangeKind::Moved, *id, path, Some(&source.path))?;
        Ok(Adopted::Moved)
    }

    /// Raises the folder and all above it, once for all changes.
    fn close(self, tx: &mut dyn WriteTx) -> Result<(), TreeError> {
        let Some(stamp) = self.last else { return Ok(()) };
        let mut chain: Vec<NodeId> = self.walk.ids_above();
        let folder = self.walk.require()?.id;
        chain.push(folder);
        tx.raise(&chain, stamp, self.growth, None)?;
        if self.members_changed {
            tx.raise(&[folder], stamp, 0, Some(self.now.div_euclid(1000)))?;
        }
        Ok(())
    }

    fn stamp(&mut self, tx: &mut dyn WriteTx) -> Result<Stamp, TreeError> {
        let stamp = tx.next_stamp()?;
        self.last = Some(stamp);
        Ok(stamp)
    }

    fn is_busy(&self, path: &str) -> bool {
        let above = |upper: &str, lower: &str| {
            lower.strip_prefix(upper).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.busy.iter().any(|busy| above(busy, path) || above(path, busy))
    }

    fn log(
        &self,
        tx: &mut dyn WriteTx,
        stamp: Stamp,
        kind: ChangeKind,
        node: NodeId,
        path: &DavPath,
        old_path: Option<&DavPath>,
    ) -> Result<(), TreeError> {
        tx.log_change(&Change {
            stamp,
            time: self.now,
            actor: None,
            origin: "disk".to_owned(),
            kind,
            node,
            owner: self.walk.home.owner.clone(),
            path: path.as_str().to_owned(),
            old_path: old_path.map(|path| path.as_str().to_owned()),
            request_id: String::new(),
        })?;
        Ok(())
    }
}

fn shown(mtime: i64) -> i64 {
    mtime.clamp(*TIMES.start(), *TIMES.end())
}

/// Whether what was read is what the row says. What was not read is not known to be.
fn same_bytes(row: &Node, checksums: Option<&str>) -> bool {
    let sha1 = |text: &str| {
        text.split_ascii_whitespace().find(|sum| sum.starts_with("SHA1:")).map(str::to_owned)
    };
    let read = checksums.and_then(sha1);
    read.is_some() && read == sha1(&row.checksums)
}
