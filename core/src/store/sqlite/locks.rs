//! Rows of locks. There are few at any time, so questions about a folder start from the locks and
//! climb, instead of walking down a tree.

use rusqlite::{Row, params};

use super::nodes::is_attached;
use super::rows::{Rows, code};
use super::writer::Batch;
use crate::ids::{NodeId, Uid};
use crate::store::StoreError;
use crate::store::locks::{Lock, LockDepth, LockScope, LockType, LocksRead, LocksWrite};

/// `SELECT` of the columns that [`lock`] reads from table `l`, with what follows.
macro_rules! select_lock {
    ($rest:literal) => {
        concat!(
            "SELECT l.token, l.node, l.user, l.kind, l.scope, l.depth, l.owner, l.created, ",
            "l.expires, l.timeout FROM lock l ",
            $rest
        )
    };
}

/// Condition on lock `l`: node `?1` is on the way from its node up.
macro_rules! at_or_below {
    () => {
        "EXISTS (
             WITH RECURSIVE up (id) AS (
                 SELECT l.node
                 UNION
                 SELECT node.parent FROM up JOIN node ON node.id = up.id
             ) SELECT 1 FROM up WHERE id = ?1
         )"
    };
}

const KINDS: [LockType; 2] = [LockType::User, LockType::Token];
const SCOPES: [LockScope; 2] = [LockScope::Exclusive, LockScope::Shared];
const DEPTHS: [LockDepth; 2] = [LockDepth::Zero, LockDepth::Infinity];

fn lock(row: &Row<'_>) -> rusqlite::Result<Lock> {
    Ok(Lock {
        token: row.get(0)?,
        node: row.get(1)?,
        user: row.get(2)?,
        kind: code(row, 3, &KINDS)?,
        scope: code(row, 4, &SCOPES)?,
        depth: code(row, 5, &DEPTHS)?,
        owner: row.get(6)?,
        created: row.get(7)?,
        expires: row.get(8)?,
        timeout: row.get(9)?,
    })
}

impl<T: Rows> LocksRead for T {
    fn locks_on(&mut self, node: NodeId) -> Result<Vec<Lock>, StoreError> {
        let sql = select_lock!("WHERE l.node = ?1 ORDER BY l.created, l.token");
        self.all(sql, [node], lock)
    }

    fn lock(&mut self, token: &str) -> Result<Option<Lock>, StoreError> {
        match self.one(select_lock!("WHERE l.token = ?1"), [token], lock)? {
            Some(lock) if is_attached(self, lock.node)? => Ok(Some(lock)),
            _ => Ok(None),
        }
    }

    fn locks_on_children(&mut self, parent: NodeId) -> Result<Vec<Lock>, StoreError> {
        let sql = select_lock!(
            "CROSS JOIN node n ON n.id = l.node WHERE n.parent = ?1 ORDER BY l.created, l.token"
        );
        self.all(sql, [parent], lock)
    }

    fn locks_in(&mut self, node: NodeId) -> Result<Vec<Lock>, StoreError> {
        if !is_attached(self, node)? {
            return Ok(Vec::new());
        }
        let sql = concat!(select_lock!("WHERE "), at_or_below!(), " ORDER BY l.created, l.token");
        self.all(sql, [node], lock)
    }

    fn count_locks(&mut self, user: &Uid) -> Result<usize, StoreError> {
        let sql = "SELECT count(*) FROM lock WHERE user = ?1";
        let found = self.one(sql, [user], |row| row.get::<_, i64>(0))?;
        Ok(found.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
    }

    fn any_locks(&mut self) -> Result<bool, StoreError> {
        self.exists("SELECT 1 FROM lock", [])
    }
}

impl LocksWrite for Batch<'_> {
    fn put_lock(&mut self, lock: &Lock) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO lock (token, node, user, kind, scope, depth, owner, \
                   created, expires, timeout) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let values = params![
            lock.token,
            lock.node,
            lock.user,
            lock.kind == LockType::Token,
            lock.scope == LockScope::Shared,
            lock.depth == LockDepth::Infinity,
            lock.owner,
            lock.created,
            lock.expires,
            lock.timeout,
        ];
        self.run(sql, values).map(drop)
    }

    fn remove_lock(&mut self, token: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM lock WHERE token = ?1", [token]).map(drop)
    }

    fn remove_locks_in(&mut self, node: NodeId) -> Result<(), StoreError> {
        let sql = concat!("DELETE FROM lock AS l WHERE ", at_or_below!());
        self.run(sql, [node]).map(drop)
    }

    fn remove_expired_locks(&mut self, now: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM lock WHERE expires < ?1", [now]).map(drop)
    }
}
