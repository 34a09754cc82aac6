//! Rows of dead properties and favourites.

use std::collections::HashSet;

use rusqlite::params;

use super::rows::Rows;
use super::writer::Batch;
use crate::ids::{NodeId, Uid};
use crate::store::StoreError;
use crate::store::props::{DeadProp, PropsRead, PropsWrite};

impl<T: Rows> PropsRead for T {
    fn dead_props(&mut self, node: NodeId) -> Result<Vec<DeadProp>, StoreError> {
        let sql = "SELECT namespace, name, value FROM prop WHERE node = ?1 \
                   ORDER BY namespace, name";
        self.all(sql, [node], |row| {
            Ok(DeadProp { namespace: row.get(0)?, name: row.get(1)?, value: row.get(2)? })
        })
    }

    fn children_with_dead_props(&mut self, parent: NodeId) -> Result<HashSet<NodeId>, StoreError> {
        // By a partial index: in a folder of 100,000 files it costs nothing if none has properties.
        let sql = "SELECT id FROM node WHERE parent = ?1 AND has_props = 1";
        self.all(sql, [parent], |row| row.get(0))
    }

    fn is_favorite(&mut self, node: NodeId, user: &Uid) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM favorite WHERE user = ?1 AND node = ?2";
        self.exists(sql, params![user, node])
    }

    fn favorite_children(
        &mut self,
        parent: NodeId,
        user: &Uid,
    ) -> Result<HashSet<NodeId>, StoreError> {
        // From the favourites to their folders (CROSS JOIN keeps the order): people mark few nodes.
        let sql = "SELECT f.node FROM favorite f CROSS JOIN node n ON n.id = f.node \
                   WHERE f.user = ?1 AND n.parent = ?2";
        self.all(sql, params![user, parent], |row| row.get(0))
    }

    fn favorites(&mut self, user: &Uid) -> Result<Vec<NodeId>, StoreError> {
        let sql = "SELECT f.node FROM favorite f WHERE f.user = ?1 AND EXISTS (
                       WITH RECURSIVE up (parent) AS (
                           SELECT parent FROM node WHERE id = f.node
                           UNION
                           SELECT node.parent FROM up JOIN node ON node.id = up.parent
                       ) SELECT 1 FROM up WHERE parent = 0
                   ) ORDER BY f.node";
        self.all(sql, [user], |row| row.get(0))
    }
}

impl PropsWrite for Batch<'_> {
    fn set_dead_prop(&mut self, node: NodeId, prop: &DeadProp) -> Result<(), StoreError> {
        let sql = "INSERT INTO prop (node, namespace, name, value) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET value = excluded.value";
        self.run(sql, params![node, prop.namespace, prop.name, prop.value])?;
        mark(self, node)
    }

    fn remove_dead_prop(
        &mut self,
        node: NodeId,
        namespace: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM prop WHERE node = ?1 AND namespace = ?2 AND name = ?3";
        self.run(sql, params![node, namespace, name])?;
        mark(self, node)
    }

    fn copy_dead_props(&mut self, from: NodeId, to: NodeId) -> Result<(), StoreError> {
        if from == to {
            return Ok(());
        }
        self.run("DELETE FROM prop WHERE node = ?1", [to])?;
        let sql = "INSERT INTO prop (node, namespace, name, value) \
                   SELECT ?2, namespace, name, value FROM prop WHERE node = ?1";
        self.run(sql, [from, to])?;
        mark(self, to)
    }

    fn set_favorite(&mut self, node: NodeId, user: &Uid, on: bool) -> Result<(), StoreError> {
        let sql = if on {
            "INSERT INTO favorite (user, node) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM favorite WHERE user = ?1 AND node = ?2"
        };
        self.run(sql, params![user, node]).map(drop)
    }
}

/// Keeps `has_props` true to the rows of `prop`; writes only if it changes.
fn mark(batch: &Batch<'_>, node: NodeId) -> Result<(), StoreError> {
    let sql = "UPDATE node SET has_props = 1 - has_props WHERE id = ?1 \
               AND has_props <> EXISTS (SELECT 1 FROM prop WHERE node = ?1)";
    batch.run(sql, [node]).map(drop)
}
