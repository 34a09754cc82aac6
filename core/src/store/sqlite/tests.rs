//! The conformance suite on SQLite, and what only SQLite promises.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rusqlite::Connection;

use super::{OpenError, SqliteOptions, SqliteStore};
use crate::clock::Clock;
use crate::store::conformance::{self, Bed, file, home, queue, read, write};
use crate::store::{JobDone, Store, StoreError};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn db(&self) -> std::path::PathBuf {
        self.0.path().join("moonsail.db")
    }
}

impl Bed for Folder {
    fn open(&self) -> Arc<dyn Store> {
        open(&self.db()).unwrap()
    }
}

fn open(path: &Path) -> Result<Arc<SqliteStore>, OpenError> {
    SqliteStore::open(path, SqliteOptions::default(), Clock::fixed(1_700_000_000_000))
}

conformance::conformance!(Folder::new());

#[test]
fn what_is_queued_becomes_one_commit() {
    let folder = Folder::new();
    let store = open(&folder.db()).unwrap();
    let port: Arc<dyn Store> = store.clone();
    let root = home(&port, "alice").root;
    let before = store.commits();
    let (open_gate, gate) = channel::<()>();
    port.submit(Box::new(move |_| {
        gate.recv().unwrap();
        JobDone { keep: true, finish: Box::new(drop) }
    }));
    let answers: Vec<_> = (0..256)
        .map(|i| queue(&port, move |tx| tx.insert_node(&file(root, &format!("{i}")))))
        .collect();
    open_gate.send(()).unwrap();
    for answer in answers {
        answer.recv().unwrap().unwrap();
    }
    // The one that held the writer, perhaps with some of the others, and then the rest.
    let commits = store.commits() - before;
    assert!((1..=2).contains(&commits), "{commits} commits for 257 jobs");
}

#[test]
fn what_was_answered_survives_a_kill() {
    let folder = Folder::new();
    let store = folder.open();
    let root = home(&store, "alice").root;
    let stamp = write(&store, move |tx| {
        tx.insert_node(&file(root, "answered"))?;
        tx.next_stamp()
    });
    // The files as a killed process leaves them: nothing closed, the log not moved.
    let after = Folder::new();
    for name in ["moonsail.db", "moonsail.db-wal"] {
        std::fs::copy(folder.0.path().join(name), after.0.path().join(name)).unwrap();
    }
    let reopened = after.open();
    assert!(read(&reopened, |tx| tx.child(root, "answered")).is_some());
    assert!(write(&reopened, |tx| tx.next_stamp()) > stamp);
    assert_eq!(reopened.installation(), store.installation());
}

#[test]
fn close_leaves_one_file_with_everything() {
    let folder = Folder::new();
    let store = folder.open();
    let root = home(&store, "alice").root;
    store.close();
    drop(store);
    let copy = Folder::new();
    std::fs::copy(folder.db(), copy.db()).unwrap();
    assert!(read(&copy.open(), |tx| tx.node(root)).is_some());
}

#[test]
fn only_the_owner_may_read_the_files() {
    let folder = Folder::new();
    let store = folder.open();
    home(&store, "alice");
    for name in ["moonsail.db", "moonsail.db-wal", "moonsail.db-shm"] {
        let mode = folder.0.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn an_index_that_is_locked_elsewhere_is_busy_and_recovers() {
    let folder = Folder::new();
    folder.open().close();
    let impatient = super::connect(&folder.db()).unwrap();
    impatient.busy_timeout(Duration::from_millis(20)).unwrap();
    let store: Arc<dyn Store> = SqliteStore::on(impatient, &folder.db()).unwrap();
    let root = home(&store, "alice").root;
    let other = Connection::open(folder.db()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for i in 0..3 {
        let answer = queue(&store, move |tx| tx.insert_node(&file(root, &format!("{i}"))));
        assert!(matches!(answer.recv().unwrap(), Err(StoreError::Busy)), "{i}");
    }
    assert_eq!(read(&store, |tx| tx.child_count(root)), 0, "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    write(&store, move |tx| tx.insert_node(&file(root, "later")));
    assert!(read(&store, |tx| tx.child(root, "later")).is_some());
}

#[test]
fn another_process_may_take_stamps_in_between() {
    let folder = Folder::new();
    let (here, there) = (folder.open(), folder.open());
    let mut given = Vec::new();
    for store in [&here, &there, &here, &here, &there] {
        given.push(write(store, |tx| tx.next_stamp()));
    }
    assert!(given.windows(2).all(|two| two[0] < two[1]), "{given:?}");
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let folder = Folder::new();
    let store = folder.open();
    let root = home(&store, "alice").root;
    store.close();
    let small = super::connect(&folder.db()).unwrap();
    let pages: i64 = small.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    small.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let port: Arc<dyn Store> = SqliteStore::on(small, &folder.db()).unwrap();
    let big = "x".repeat(100_000);
    let full = queue(&port, move |tx| tx.insert_node(&file(root, &big)));
    assert!(matches!(full.recv().unwrap(), Err(StoreError::Full)));
    write(&port, move |tx| tx.insert_node(&file(root, "small")));
    assert_eq!(read(&port, |tx| tx.child_count(root)), 1);
}

#[test]
fn many_readers_share_the_pool() {
    let folder = Folder::new();
    let store = folder.open();
    let root = home(&store, "alice").root;
    let threads: Vec<_> = (0..40)
        .map(|_| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for _ in 0..20 {
                    assert!(read(&store, |tx| tx.node(root)).is_some());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_path_that_is_no_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.db(), "not a database, but long enough to be looked at".repeat(99))
        .unwrap();
    assert!(matches!(open(&folder.db()), Err(OpenError::Damaged(_))));
    let nowhere = folder.0.path().join("missing/moonsail.db");
    assert!(matches!(open(&nowhere), Err(OpenError::Io { .. })));
}
