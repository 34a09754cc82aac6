//! Snapshots: a bounded pool of connections that only read.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::connect;
use super::rows::{Rows, failure};
use super::save::save;
use crate::store::{ReadTx, StoreError};

/// Greatest number of snapshots at one time; each costs up to about one MiB of cache.
const MAX_READERS: usize = 16;
/// How long a reader waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pool.
pub(super) struct Readers {
    path: PathBuf,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
}

impl Readers {
    /// Opens nothing yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, state: Mutex::default(), returned: Condvar::new() }
    }

    /// The index as it is now, and stays for this reader.
    pub(super) fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        let idle = self.borrow()?;
        // From here the drop of the snapshot gives the place back, also if opening fails.
        let mut snapshot = Snapshot { conn: idle, pool: self };
        snapshot.begin().map_err(|error| {
            snapshot.conn = None;
            failure(&error)
        })?;
        Ok(snapshot)
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        drop(idle);
    }

    /// Waits for a place; an idle connection comes with it, if there is one.
    fn borrow(&self) -> Result<Option<Connection>, StoreError> {
        let wait = self
            .returned
            .wait_timeout_while(self.state(), PATIENCE, |state| state.lent >= MAX_READERS);
        let (mut state, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Err(StoreError::Busy);
        }
        state.lent += 1;
        Ok(state.idle.pop())
    }

    fn give_back(&self, conn: Option<Connection>) {
        let mut state = self.state();
        state.lent -= 1;
        state.idle.extend(conn);
        drop(state);
        self.returned.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read transaction; its end gives the connection back.
pub(super) struct Snapshot<'p> {
    /// `None` only before a connection is open and after it has failed.
    conn: Option<Connection>,
    pool: &'p Readers,
}

impl Snapshot<'_> {
    fn begin(&mut self) -> Result<(), rusqlite::Error> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.open()?,
        };
        let conn = self.conn.insert(conn);
        conn.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        // The snapshot is taken by the first read, not by BEGIN.
        conn.prepare_cached("SELECT seq FROM counter")?.query_row([], |_| Ok(()))
    }

    fn open(&self) -> Result<Connection, rusqlite::Error> {
        let conn = connect(&self.pool.path)?;
        conn.pragma_update(None, "query_only", true)?;
        // Kibibytes. Small: another connection's commit empties it anyway.
        conn.pragma_update(None, "cache_size", -1024)?;
        Ok(conn)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let ended = self.conn.take().filter(|conn| {
            let end = || conn.prepare_cached("ROLLBACK")?.execute([]);
            end().is_ok()
        });
        self.pool.give_back(ended);
    }
}

impl Rows for Snapshot<'_> {
    fn conn(&self) -> &Connection {
        self.conn.as_ref().expect("`Readers::snapshot` gives only what has begun")
    }
}

impl ReadTx for Snapshot<'_> {
    fn save_copy(&mut self, to: &Path) -> Result<(), StoreError> {
        save(self.conn(), to)
    }
}
