//! The change feed for those who follow it.

use super::state::State;
use crate::store::StoreError;
use crate::store::feed::{Cursor, FeedRead, FeedWrite, Logged};

impl FeedRead for State {
    fn feed(&mut self, after: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
        let later = self.changes.range(after + 1..).take(limit);
        let logged = |(seq, change): (&u64, &_)| Logged {
            change: Clone::clone(change),
            folder: self.change_folders.get(seq).copied(),
        };
        Ok(later.map(logged).collect())
    }

    fn cursors(&mut self) -> Result<Vec<Cursor>, StoreError> {
        let cursor = |(name, seq): (&String, &u64)| Cursor { name: name.clone(), seq: *seq };
        Ok(self.cursors.iter().map(cursor).collect())
    }

    fn last_seq(&mut self) -> Result<u64, StoreError> {
        Ok(self.seq)
    }
}

impl FeedWrite for State {
    fn put_cursor(&mut self, cursor: &Cursor) -> Result<(), StoreError> {
        self.cursors.insert(cursor.name.clone(), cursor.seq);
        Ok(())
    }

    fn remove_cursor(&mut self, name: &str) -> Result<(), StoreError> {
        self.cursors.remove(name);
        Ok(())
    }

    fn forget_changes(&mut self, up_to: u64, limit: usize) -> Result<usize, StoreError> {
        let old: Vec<u64> = self.changes.range(..=up_to).take(limit).map(|(seq, _)| *seq).collect();
        for seq in &old {
            self.changes.remove(seq);
            self.change_folders.remove(seq);
        }
        Ok(old.len())
    }
}
