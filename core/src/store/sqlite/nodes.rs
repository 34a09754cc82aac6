//! Rows of the tree: nodes, homes, the change feed and decided disk operations.

use rusqlite::{Row, params};

use super::feed::change;
use super::rows::{Rows, code, count, signed, unsigned};
use super::writer::Batch;
use crate::etag::Stamp;
use crate::ids::{NodeId, Uid};
use crate::storage::{DiskOp, Kind, StagePath, StorageNo, Tag};
use crate::store::StoreError;
use crate::store::nodes::{Change, ChangeKind, Home, Node, NodesRead, NodesWrite};

/// `SELECT` of the columns that [`node`] reads from table `n`, with what follows.
macro_rules! select_node {
    ($($rest:literal)+) => {
        concat!(
            "SELECT n.id, n.parent, n.name, n.kind, n.size, n.mtime, n.created, n.uploaded, ",
            "n.content, n.tree, n.tag, n.stage, n.checksums ",
            $($rest),+
        )
    };
}
pub(super) use select_node;

const KINDS: [Kind; 2] = [Kind::File, Kind::Folder];
pub(super) const CHANGE_KINDS: [ChangeKind; 6] = [
    ChangeKind::Created,
    ChangeKind::Written,
    ChangeKind::Moved,
    ChangeKind::Deleted,
    ChangeKind::Properties,
    ChangeKind::Copied,
];

/// A node from the columns of [`select_node`].
pub(super) fn node(row: &Row<'_>) -> rusqlite::Result<Node> {
    let parent: i64 = row.get(1)?;
    Ok(Node {
        id: row.get(0)?,
        // 0 is a root, -1 is detached.
        parent: (parent > 0).then_some(NodeId(parent)),
        name: row.get(2)?,
        kind: code(row, 3, &KINDS)?,
        size: unsigned(row.get(4)?),
        mtime: row.get(5)?,
        created: row.get(6)?,
        uploaded: row.get(7)?,
        content: row.get(8)?,
        tree: row.get(9)?,
        tag: Tag(row.get(10)?),
        stage: row.get::<_, Option<String>>(11)?.map(StagePath),
        checksums: row.get(12)?,
    })
}

fn home(row: &Row<'_>) -> rusqlite::Result<Home> {
    Ok(Home { owner: row.get(0)?, root: row.get(1)?, base: row.get(2)? })
}

fn disk_op(row: &Row<'_>) -> rusqlite::Result<(i64, DiskOp)> {
    let tag = || row.get(4).map(Tag);
    let op = match row.get(1)? {
        0 => DiskOp::Publish {
            stage: StagePath(row.get(2)?),
            path: row.get(3)?,
            replaces: row.get::<_, Option<String>>(4)?.map(Tag),
        },
        1 => DiskOp::Move { from: row.get(2)?, to: row.get(3)?, tag: tag()? },
        2 => DiskOp::Remove { path: row.get(2)?, tag: tag()? },
        3 => DiskOp::Touch { path: row.get(2)?, tag: tag()?, mtime: row.get(5)? },
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(1, other)),
    };
    Ok((row.get(0)?, op))
}

impl<T: Rows> NodesRead for T {
    fn home(&mut self, owner: &Uid) -> Result<Option<Home>, StoreError> {
        self.one("SELECT owner, root, base FROM home WHERE owner = ?1", [owner], home)
    }

    fn homes(&mut self) -> Result<Vec<Home>, StoreError> {
        self.all("SELECT owner, root, base FROM home ORDER BY owner", [], home)
    }

    fn storages(&mut self) -> Result<Vec<(StorageNo, String)>, StoreError> {
        let sql = "SELECT no, name FROM storage ORDER BY no";
        self.all(sql, [], |row| Ok((StorageNo(row.get(0)?), row.get(1)?)))
    }

    fn node(&mut self, id: NodeId) -> Result<Option<Node>, StoreError> {
        self.one(select_node!("FROM node n WHERE n.id = ?1"), [id], node)
    }

    fn child(&mut self, parent: NodeId, name: &str) -> Result<Option<Node>, StoreError> {
        let sql = select_node!("FROM node n WHERE n.parent = ?1 AND n.name = ?2");
        self.one(sql, params![parent, name], node)
    }

    fn children(
        &mut self,
        parent: NodeId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Node>, StoreError> {
        // No name is empty, so all names come after the empty one.
        let sql = select_node!(
            "FROM node n WHERE n.parent = ?1 AND n.name > ?2 ORDER BY n.name LIMIT ?3"
        );
        self.all(sql, params![parent, after.unwrap_or_default(), count(limit)], node)
    }

    fn child_count(&mut self, parent: NodeId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM node WHERE parent = ?1";
        Ok(self.one(sql, [parent], |row| row.get(0))?.map_or(0, unsigned))
    }

    fn unreachable(&mut self, limit: usize) -> Result<Vec<Node>, StoreError> {
        let sql = select_node!(
            "FROM node n WHERE n.id NOT IN (
                 WITH RECURSIVE reached (id) AS (
                     SELECT root FROM home
                     UNION SELECT id FROM node WHERE parent = -1
                     UNION SELECT node.id FROM reached JOIN node ON node.parent = reached.id
                 ) SELECT id FROM reached
             ) LIMIT ?1"
        );
        self.all(sql, [count(limit)], node)
    }

    fn files_after(&mut self, seq: u64, limit: usize) -> Result<Vec<Node>, StoreError> {
        // The low bits of a stamp are its sequence number.
        let sql = select_node!("FROM node n WHERE n.kind = 0 AND (n.content & ?1) > ?2 LIMIT ?3");
        self.all(sql, params![signed(Stamp::MAX_SEQ), signed(seq), count(limit)], node)
    }

    fn disk_ops(&mut self) -> Result<Vec<(i64, DiskOp)>, StoreError> {
        self.all("SELECT id, op, a, b, tag, mtime FROM disk_op ORDER BY id", [], disk_op)
    }

    fn last_disk_op(&mut self) -> Result<i64, StoreError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'disk_op'";
        Ok(self.one(sql, [], |row| row.get(0))?.unwrap_or(0))
    }

    fn disk_ops_after(&mut self, id: i64) -> Result<Vec<(i64, DiskOp)>, StoreError> {
        let sql = "SELECT id, op, a, b, tag, mtime FROM disk_op WHERE id > ?1 ORDER BY id";
        self.all(sql, [id], disk_op)
    }

    fn nodes_tagged(&mut self, tag: &Tag, limit: usize) -> Result<Vec<Node>, StoreError> {
        let sql = select_node!("FROM node n WHERE n.tag = ?1 AND n.tag <> '' LIMIT ?2");
        self.all(sql, params![tag.0, count(limit)], node)
    }

    fn files_without_checksums(
        &mut self,
        after: NodeId,
        limit: usize,
    ) -> Result<Vec<Node>, StoreError> {
        let sql = select_node!(
            "FROM node n WHERE n.checksums = '' AND n.kind = 0 AND n.id > ?1 ORDER BY n.id LIMIT ?2"
        );
        self.all(sql, params![after, count(limit)], node)
    }

    fn changes(&mut self, after: Stamp, limit: usize) -> Result<Vec<Change>, StoreError> {
        let sql = "SELECT stamp, time, actor, origin, kind, node, owner, path, old_path, request_id
                   FROM change WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.all(sql, params![signed(after.seq()), count(limit)], change)
    }
}

/// Whether the node is in a tree: its chain of parents ends at a root.
pub(super) fn is_attached(rows: &impl Rows, id: NodeId) -> Result<bool, StoreError> {
    rows.exists(
        "WITH RECURSIVE up (parent) AS (
             SELECT parent FROM node WHERE id = ?1
             UNION
             SELECT node.parent FROM up JOIN node ON node.id = up.parent
         ) SELECT 1 FROM up WHERE parent = 0",
        [id],
    )
}

impl NodesWrite for Batch<'_> {
    fn next_stamp(&mut self) -> Result<Stamp, StoreError> {
        self.stamp()
    }

    fn storage_number(&mut self, name: &str) -> Result<StorageNo, StoreError> {
        let known = "SELECT no FROM storage WHERE name = ?1";
        if let Some(no) = self.one(known, [name], |row| row.get(0))? {
            return Ok(StorageNo(no));
        }
        self.run("INSERT INTO storage (name) VALUES (?1)", [name])?;
        let no = self.conn().last_insert_rowid();
        let too_many = |_| StoreError::Failed(format!("storage {no} is one too many"));
        u32::try_from(no).map(StorageNo).map_err(too_many)
    }

    fn insert_home(&mut self, owner: &Uid, base: &str, root: &Node) -> Result<Home, StoreError> {
        let root = self.insert_node(&Node { parent: None, ..root.clone() })?;
        let sql = "INSERT INTO home (owner, root, base) VALUES (?1, ?2, ?3)";
        self.run(sql, params![owner, root, base])?;
        Ok(Home { owner: owner.clone(), root, base: base.to_owned() })
    }

    fn insert_node(&mut self, node: &Node) -> Result<NodeId, StoreError> {
        let sql = "INSERT INTO node (parent, name, kind, size, mtime, created, uploaded, content, \
                   tree, tag, stage, checksums) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let values = params![
            node.parent.unwrap_or(NodeId(0)),
            node.name,
            node.is_folder(),
            signed(node.size),
            node.mtime,
            node.created,
            node.uploaded,
            node.content,
            node.tree,
            node.tag.0,
            node.stage.as_ref().map(|stage| &stage.0),
            node.checksums,
        ];
        self.run(sql, values)?;
        Ok(NodeId(self.conn().last_insert_rowid()))
    }

    fn update_node(&mut self, node: &Node) -> Result<(), StoreError> {
        // A root stays a root, and what is detached stays so (under its own name) until it is given
        // a folder again.
        let sql = "UPDATE node SET parent = ifnull(?2, min(parent, 0)), \
                   name = CASE WHEN ?2 IS NULL AND parent < 0 THEN name ELSE ?3 END, \
                   kind = ?4, size = ?5, mtime = ?6, created = ?7, uploaded = ?8, content = ?9, \
                   tree = ?10, tag = ?11, stage = ?12, checksums = ?13 WHERE id = ?1";
        let values = params![
            node.id,
            node.parent,
            node.name,
            node.is_folder(),
            signed(node.size),
            node.mtime,
            node.created,
            node.uploaded,
            node.content,
            node.tree,
            node.tag.0,
            node.stage.as_ref().map(|stage| &stage.0),
            node.checksums,
        ];
        match self.run(sql, values)? {
            0 => Err(StoreError::Failed(format!("there is no node {}", node.id))),
            _ => Ok(()),
        }
    }

    fn raise(
        &mut self,
        folders: &[NodeId],
        stamp: Stamp,
        size_delta: i64,
        mtime: Option<i64>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE node SET tree = ?2, size = max(size + ?3, 0), \
                   mtime = max(mtime, ifnull(?4, mtime)) WHERE id = ?1";
        for folder in folders {
            self.run(sql, params![folder, stamp, size_delta, mtime])?;
        }
        Ok(())
    }

    fn detach(&mut self, id: NodeId) -> Result<(), StoreError> {
        let sql = "UPDATE node SET parent = -1, name = CAST(id AS TEXT) WHERE id = ?1";
        self.run(sql, [id])?;
        self.run("DELETE FROM home WHERE root = ?1", [id]).map(drop)
    }

    fn sweep(&mut self, limit: usize) -> Result<usize, StoreError> {
        let mut swept = 0;
        // Leaves first, so that at each moment all that is left hangs below something detached.
        let mut stack: Vec<NodeId> = Vec::new();
        while swept < limit {
            let top = match stack.last() {
                Some(top) => *top,
                None => {
                    let sql = "SELECT id FROM node WHERE parent = -1 LIMIT 1";
                    let Some(top) = self.one(sql, [], |row| row.get(0))? else { break };
                    stack.push(top);
                    top
                }
            };
            let members: Vec<(NodeId, Kind)> = self.all(
                "SELECT id, kind FROM node WHERE parent = ?1 LIMIT ?2",
                params![top, count(limit - swept)],
                |row| Ok((row.get(0)?, code(row, 1, &KINDS)?)),
            )?;
            if members.is_empty() {
                delete_row(self, top)?;
                swept += 1;
                stack.pop();
            }
            for (member, kind) in members {
                match kind {
                    Kind::Folder => stack.push(member),
                    Kind::File => {
                        delete_row(self, member)?;
                        swept += 1;
                    }
                }
            }
        }
        Ok(swept)
    }

    fn log_change(&mut self, change: &Change) -> Result<(), StoreError> {
        let kind = CHANGE_KINDS.iter().position(|kind| *kind == change.kind);
        let sql = "INSERT INTO change (seq, stamp, time, actor, origin, kind, node, owner, path, \
                   old_path, request_id, folder) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                   ?11, (SELECT kind FROM node WHERE id = ?7))";
        let values = params![
            signed(change.stamp.seq()),
            change.stamp,
            change.time,
            change.actor,
            change.origin,
            kind.map(count),
            change.node,
            change.owner,
            change.path,
            change.old_path,
            change.request_id,
        ];
        self.run(sql, values).map(drop)
    }

    fn push_disk_op(&mut self, op: &DiskOp) -> Result<i64, StoreError> {
        let (code, a, b, tag, mtime) = match op {
            DiskOp::Publish { stage, path, replaces } => {
                (0, &stage.0, Some(path), replaces.as_ref(), None)
            }
            DiskOp::Move { from, to, tag } => (1, from, Some(to), Some(tag), None),
            DiskOp::Remove { path, tag } => (2, path, None, Some(tag), None),
            DiskOp::Touch { path, tag, mtime } => (3, path, None, Some(tag), Some(mtime)),
        };
        let sql = "INSERT INTO disk_op (op, a, b, tag, mtime) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run(sql, params![code, a, b, tag.map(|tag| &tag.0), mtime])?;
        let id = self.conn().last_insert_rowid();
        self.decided(id, op.clone());
        Ok(id)
    }

    fn disk_ops_done(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        for id in ids {
            let sql = "SELECT a FROM disk_op WHERE id = ?1 AND op = 0";
            if let Some(stage) = self.one(sql, [id], |row| row.get::<_, String>(0))? {
                // With a published folder all that was staged inside it; `0` follows `/` in ASCII.
                let sql = "UPDATE node SET stage = NULL WHERE stage = ?1";
                self.run(sql, [&stage])?;
                let sql = "UPDATE node SET stage = NULL \
                           WHERE stage > ?1 || '/' AND stage < ?1 || '0'";
                self.run(sql, [&stage])?;
            }
            self.run("DELETE FROM disk_op WHERE id = ?1", [id])?;
        }
        Ok(())
    }

    fn retag(&mut self, from: &Tag, to: &Tag) -> Result<(), StoreError> {
        // Nodes without a tag are never meant; the words of the condition also choose the index.
        let sql = "UPDATE node SET tag = ?2 WHERE tag = ?1 AND tag <> ''";
        self.run(sql, [&from.0, &to.0]).map(drop)
    }
}

/// Deletes a node with all that hangs on its id.
fn delete_row(batch: &Batch<'_>, id: NodeId) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM prop WHERE node = ?1",
        "DELETE FROM favorite WHERE node = ?1",
        "DELETE FROM lock WHERE node = ?1",
        "DELETE FROM node WHERE id = ?1",
    ] {
        batch.run(sql, [id])?;
    }
    Ok(())
}
