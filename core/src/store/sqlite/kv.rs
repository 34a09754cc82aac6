//! Rows of the small store of plugins and scripts.

use rusqlite::params;

use super::rows::{Rows, count};
use super::writer::Batch;
use crate::store::StoreError;
use crate::store::kv::{KvRead, KvWrite};

impl<T: Rows> KvRead for T {
    fn kv(&mut self, instance: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM kv WHERE instance = ?1 AND key = ?2";
        self.one(sql, [instance, key], |row| row.get(0))
    }

    fn kv_keys(
        &mut self,
        instance: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        // Keys that begin alike lie side by side.
        let sql = "SELECT key FROM kv WHERE instance = ?1 AND key >= ?2 AND key > ?3 \
                   AND substr(key, 1, length(?2)) = ?2 ORDER BY key LIMIT ?4";
        self.all(sql, params![instance, prefix, after, count(limit)], |row| row.get(0))
    }
}

impl KvWrite for Batch<'_> {
    fn put_kv(&mut self, instance: &str, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO kv (instance, key, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (instance, key) DO UPDATE SET value = excluded.value";
        self.run(sql, params![instance, key, value]).map(drop)
    }

    fn remove_kv(&mut self, instance: &str, key: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM kv WHERE instance = ?1 AND key = ?2", [instance, key]).map(drop)
    }
}
