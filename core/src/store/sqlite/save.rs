//! An index as a file to put away: saved from a snapshot, checked, and made ready to live again.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::rows::failure;
use super::{OpenError, make_private, schema};
use crate::ids::random_token;
use crate::store::StoreError;

/// Pages that are copied at once; between two pieces other readers of the disk get their turn.
const PAGES: i32 = 4096;
/// Ids and sequence numbers that a restored index leaves out at least: more than can have been given
/// since the backup was made, a hundred a second for a day. To these comes a random number, so that
/// what is restored twice does not give the same ids twice. An id that was lost must not come back as
/// another file: apps that have seen it would take the one for the other, renamed. Who follows the
/// feed must not have read further than it goes.
const GAP: i64 = 10_000_000;
/// The random part is below: 2^30 of 2^53 ids that apps can count, and of 2^40 sequence numbers.
const GAP_RANDOM: u32 = 1 << 30;
/// The same for app passwords, whose numbers people type.
const TOKEN_GAP: i64 = 1000;
const TOKEN_GAP_RANDOM: u32 = 100_000;

/// What is not part of a backup: bytes that lie in the stage, and all that refers to them. Decided
/// operations are done on the files of the backup.
const WITHOUT_STAGE: &str = "
    DELETE FROM chunk;
    DELETE FROM upload;
    DELETE FROM disk_op;
    UPDATE node SET stage = NULL WHERE stage IS NOT NULL;";

/// Writes what the transaction of `conn` sees to a new file, which is durable afterwards.
pub(super) fn save(conn: &Connection, to: &Path) -> Result<(), StoreError> {
    make_private(to).map_err(|error| StoreError::Failed(error.to_string()))?;
    copy(conn, to).map_err(|error| failure(&error))?;
    let synced = std::fs::File::open(to).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::Failed(format!("{}: {error}", to.display())))
}

fn copy(conn: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    // The copy is of this transaction's snapshot: SQLite reads through the one that is open.
    let pages = Backup::new(conn, &mut copy)?;
    loop {
        match pages.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More => {}
            // Nobody else has the new file, and the snapshot is open already.
            _ => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(busy, None));
            }
        }
    }
    drop(pages);
    // One file, that can be read where nothing can be written.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    let tx = copy.transaction()?;
    tx.execute_batch(WITHOUT_STAGE)?;
    tx.commit()
}

/// What is wrong with an index that was put away; nothing in one that is sound.
///
/// # Errors
/// [`OpenError::Sqlite`] if it is no index at all.
pub fn faults(path: &Path) -> Result<Vec<String>, OpenError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.query_row("SELECT seq FROM counter", [], |_| Ok(()))?;
    let mut check = conn.prepare("PRAGMA integrity_check")?;
    let said: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

/// Makes a restored index one that can go on: a new era and a new data fingerprint, by which apps
/// know that they may have newer files than the server; ids that were never given out; nobody is
/// logged in in a browser.
///
/// # Errors
/// [`OpenError`].
pub fn renew(path: &Path) -> Result<(), OpenError> {
    let mut conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before: Option<String> =
        tx.query_row("SELECT max(value) FROM meta WHERE key = 'era'", [], |row| row.get(0))?;
    let before = before.and_then(|era| era.parse().ok()).unwrap_or_default();
    for (key, value) in
        [("era", schema::era_after(before).to_string()), ("data_fingerprint", random_token(22))]
    {
        let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        tx.execute(sql, [key, &value])?;
    }
    let node_gap = GAP + below(GAP_RANDOM);
    let token_gap = TOKEN_GAP + below(TOKEN_GAP_RANDOM);
    for (table, gap) in [("node", node_gap), ("token", token_gap)] {
        let sql = "UPDATE sqlite_sequence SET seq = seq + ?2 WHERE name = ?1";
        tx.execute(sql, params![table, gap])?;
    }
    tx.execute("UPDATE counter SET seq = seq + ?1", [GAP + below(GAP_RANDOM)])?;
    tx.execute_batch("DELETE FROM session; DELETE FROM login_flow;")?;
    tx.execute_batch(WITHOUT_STAGE)?;
    tx.commit()?;
    Ok(())
}

/// A random number below `end`.
fn below(end: u32) -> i64 {
    i64::from(u32::from_le_bytes(schema::random_bytes()) % end)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::ids::NodeId;
    use crate::storage::{DiskOp, StagePath};
    use crate::store::conformance::{file, home, insert, read, write};
    use crate::store::sqlite::{SqliteOptions, SqliteStore};
    use crate::store::{ReadTx, Store};

    fn open(path: &Path) -> Arc<dyn Store> {
        SqliteStore::open(path, SqliteOptions::default(), Clock::fixed(0)).unwrap()
    }

    fn names(tx: &mut dyn ReadTx, root: NodeId) -> Vec<String> {
        let members = tx.children(root, None, 10_000).unwrap();
        members.into_iter().map(|node| node.name).collect()
    }

    #[test]
    fn what_is_saved_is_the_snapshot_and_not_what_came_later() {
        let dir = tempfile::tempdir().unwrap();
        let (live, saved) = (dir.path().join("live.db"), dir.path().join("saved.db"));
        let store = open(&live);
        let root = home(&store, "alice").root;
        for name in ["a", "b", "c"] {
            insert(&store, file(root, name));
        }
        let staged = StagePath("key".to_owned());
        let op = DiskOp::Publish { stage: staged.clone(), path: "x".to_owned(), replaces: None };
        let pending =
            insert(&store, crate::store::nodes::Node { stage: Some(staged), ..file(root, "d") });
        write(&store, move |tx| tx.push_disk_op(&op));
        let mut snapshot = store.reader().unwrap();
        // More than the log of writes holds, so that a copy that looked past its snapshot would show.
        for page in 0..20 {
            write(&store, move |tx| {
                (0..500)
                    .try_for_each(|i| tx.insert_node(&file(root, &format!("{page}-{i}"))).map(drop))
            });
        }
        snapshot.save_copy(&saved).unwrap();
        drop(snapshot);
        assert_eq!(faults(&saved).unwrap(), Vec::<String>::new());
        assert!(!dir.path().join("saved.db-wal").exists());
        let copy = open(&saved);
        assert_eq!(read(&copy, |tx| Ok(names(tx, root))), ["a", "b", "c", "d"]);
        assert_eq!(read(&copy, |tx| tx.disk_ops()), []);
        assert_eq!(read(&copy, |tx| tx.node(pending.id)).unwrap().stage, None);
        assert_eq!(copy.installation(), store.installation());
        let again = store.reader().unwrap().save_copy(&saved);
        assert!(again.is_err(), "nothing is overwritten");
    }

    #[test]
    fn a_transaction_that_writes_is_not_saved() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("live.db"));
        let to = dir.path().join("saved.db");
        let path = to.clone();
        assert!(write(&store, move |tx| Ok(tx.as_read().save_copy(&path))).is_err());
        assert!(!to.exists());
    }

    #[test]
    fn a_renewed_index_has_a_new_era_a_new_fingerprint_and_ids_that_nobody_saw() {
        let dir = tempfile::tempdir().unwrap();
        let (live, saved) = (dir.path().join("live.db"), dir.path().join("saved.db"));
        let store = open(&live);
        let root = home(&store, "alice").root;
        let first = insert(&store, file(root, "a"));
        store.reader().unwrap().save_copy(&saved).unwrap();
        let lost = insert(&store, file(root, "b"));
        let stamp = write(&store, |tx| tx.next_stamp());
        renew(&saved).unwrap();
        let copy = open(&saved);
        let (old, new) = (store.installation(), copy.installation());
        assert_ne!(old.era, new.era);
        assert_ne!(old.data_fingerprint, new.data_fingerprint);
        assert_eq!((&old.instance, &old.secret), (&new.instance, &new.secret));
        assert_eq!(read(&copy, |tx| tx.node(first.id)).unwrap(), first, "stamps stay");
        let next = insert(&copy, file(root, "c"));
        assert!(next.id.0 > lost.id.0 + 1_000_000, "{next:?}");
        assert!(write(&copy, |tx| tx.next_stamp()).seq() > stamp.seq() + 1_000_000);
    }

    #[test]
    fn a_damaged_index_has_faults() {
        let dir = tempfile::tempdir().unwrap();
        let (live, saved) = (dir.path().join("live.db"), dir.path().join("saved.db"));
        let store = open(&live);
        let root = home(&store, "alice").root;
        write(&store, move |tx| {
            (0..2000).try_for_each(|i| tx.insert_node(&file(root, &format!("{i}"))).map(drop))
        });
        store.reader().unwrap().save_copy(&saved).unwrap();
        let mut bytes = std::fs::read(&saved).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 5000].fill(0x5a);
        std::fs::write(&saved, bytes).unwrap();
        assert!(faults(&saved).map_or(true, |faults| !faults.is_empty()));
        std::fs::write(&saved, "no index").unwrap();
        assert!(faults(&saved).is_err());
    }
}
