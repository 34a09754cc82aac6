//! The change feed for those who follow it.

use rusqlite::{Row, params};

use super::nodes::CHANGE_KINDS;
use super::rows::{Rows, code, count, signed, unsigned};
use super::writer::Batch;
use crate::store::StoreError;
use crate::store::feed::{Cursor, FeedRead, FeedWrite, Logged};
use crate::store::nodes::Change;

/// A change from its columns in the order of the table, from `stamp` on.
pub(super) fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    Ok(Change {
        stamp: row.get(0)?,
        time: row.get(1)?,
        actor: row.get(2)?,
        origin: row.get(3)?,
        kind: code(row, 4, &CHANGE_KINDS)?,
        node: row.get(5)?,
        owner: row.get(6)?,
        path: row.get(7)?,
        old_path: row.get(8)?,
        request_id: row.get(9)?,
    })
}

impl<T: Rows> FeedRead for T {
    fn feed(&mut self, after: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
        let sql = "SELECT stamp, time, actor, origin, kind, node, owner, path, old_path, \
                   request_id, folder FROM change WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.all(sql, params![signed(after), count(limit)], |row| {
            Ok(Logged { change: change(row)?, folder: row.get(10)? })
        })
    }

    fn cursors(&mut self) -> Result<Vec<Cursor>, StoreError> {
        self.all("SELECT name, seq FROM feed_cursor ORDER BY name", [], |row| {
            Ok(Cursor { name: row.get(0)?, seq: unsigned(row.get(1)?) })
        })
    }

    fn last_seq(&mut self) -> Result<u64, StoreError> {
        Ok(self.one("SELECT seq FROM counter", [], |row| row.get(0))?.map_or(0, unsigned))
    }
}

impl FeedWrite for Batch<'_> {
    fn put_cursor(&mut self, cursor: &Cursor) -> Result<(), StoreError> {
        let sql = "INSERT INTO feed_cursor (name, seq) VALUES (?1, ?2) \
                   ON CONFLICT (name) DO UPDATE SET seq = excluded.seq";
        self.run(sql, params![cursor.name, signed(cursor.seq)]).map(drop)
    }

    fn remove_cursor(&mut self, name: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM feed_cursor WHERE name = ?1", [name]).map(drop)
    }

    fn forget_changes(&mut self, up_to: u64, limit: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM change WHERE seq IN \
                   (SELECT seq FROM change WHERE seq <= ?1 ORDER BY seq LIMIT ?2)";
        self.run(sql, params![signed(up_to), count(limit)])
    }
}
