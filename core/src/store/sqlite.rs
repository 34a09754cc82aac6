//! The index in one SQLite file.
//!
//! One **writer** thread owns the only connection that writes and turns what is queued into one
//! transaction (`writer`); **readers** are pooled connections, each a snapshot (`reader`). The log
//! of writes (WAL) keeps them out of each other's way. The other files hold the statements, one
//! file for each file of the port.
//!
//! A second process that writes to the same file is kept apart by SQLite's own locks, and stamps
//! stay unique because each batch reads the counter inside its transaction.

mod accounts;
mod feed;
mod functions;
mod kv;
mod locks;
mod migrate;
mod nodes;
mod props;
mod reader;
mod reserve;
mod rows;
mod save;
mod schema;
mod search;
mod uploads;
mod watch;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch::Receiver;

use super::{DiskSink, Installation, Job, ReadTx, Store, StoreError};
use crate::clock::Clock;
use reader::Readers;
use reserve::Reserve;
pub use save::{faults, renew};
use writer::Writer;

/// How long a statement waits for another process that holds a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that stay prepared on each connection: more than there are in these files.
const PREPARED_STATEMENTS: usize = 160;
/// The log is cut to this many bytes once its content has moved to the database.
const LOG_LIMIT_BYTES: i64 = 16 << 20;

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Synced to disk before it is answered.
    #[default]
    Full,
    /// Safe from a crash of the server; the last seconds may be lost with the power.
    Batch,
    /// Left to the operating system. A power cut may damage the index.
    None,
}

/// How to open an index.
#[derive(Debug, Clone, Copy, Default)]
pub struct SqliteOptions {
    /// What a commit promises.
    pub durability: Durability,
}

/// Why an index could not be opened. All of them stop the start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made.
    #[error("cannot make the index {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A later release has changed the index; this one would damage it.
    #[error(
        "the index has schema {found} and this program knows {known}: run the newer program, or \
         restore a backup that is as old as this one"
    )]
    Newer {
        /// Number of the last migration in the index.
        found: i64,
        /// Number of the last migration in this program.
        known: i64,
    },
    /// The index was made by a program with another text of the same migration.
    #[error("migration {number} of the index is not the one in this program (checksum differs)")]
    Altered {
        /// Number of the migration.
        number: i64,
    },
    /// A migration failed and was rolled back.
    #[error("migration {number} of the index failed: {source}")]
    Migration {
        /// Number of the migration.
        number: i64,
        /// Why.
        source: rusqlite::Error,
    },
    /// The facts of the installation are incomplete.
    #[error("the index says nothing good about its {0}")]
    Installation(&'static str),
    /// The file is damaged.
    #[error(
        "the index is damaged ({0}): restore a backup (moonsail restore); without one, move it aside \
         and start again, and files are indexed anew (docs/reliability.md says what is lost)"
    )]
    Damaged(rusqlite::Error),
    /// Locked, or not allowed.
    #[error("cannot open the index: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(error),
            _ => Self::Sqlite(error),
        }
    }
}

/// The index in one SQLite file, with `-wal` and `-shm` beside it while it is open, and the room that
/// is kept back for deletions.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    installation: Installation,
    reserve: Arc<Reserve>,
}

impl SqliteStore {
    /// Opens the index at `path`, makes it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, options: SqliteOptions, clock: Clock) -> Result<Arc<Self>, OpenError> {
        make_private(path)?;
        let mut conn = connect(path)?;
        let mode: String =
            conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            tracing::warn!(mode, "the index cannot use a write-ahead log; reads wait for writes");
        }
        let synchronous = match options.durability {
            Durability::Full => "FULL",
            Durability::Batch => "NORMAL",
            Durability::None => "OFF",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update(None, "journal_size_limit", LOG_LIMIT_BYTES)?;
        // Kibibytes, taken only as they are needed.
        conn.pragma_update(None, "cache_size", -4096)?;
        migrate::run(&mut conn, schema::MIGRATIONS, clock.seconds())?;
        Self::on(conn, path)
    }

    /// The store on a writing connection that is ready.
    fn on(mut conn: Connection, path: &Path) -> Result<Arc<Self>, OpenError> {
        let installation = schema::installation(&mut conn)?;
        let reserve = Arc::new(Reserve::beside(path));
        reserve.fill();
        let writer = Writer::start(conn, installation.era, Arc::clone(&reserve))
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        let readers = Readers::new(path.to_owned());
        Ok(Arc::new(Self { writer, readers, installation, reserve }))
    }

    /// Number of transactions committed since the start, for metrics: writes divided by it is the
    /// size of a batch.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

impl Store for SqliteStore {
    fn reader(&self) -> Result<Box<dyn ReadTx + '_>, StoreError> {
        Ok(Box::new(self.readers.snapshot()?))
    }

    fn submit(&self, job: Job) {
        self.writer.submit(job);
    }

    fn set_disk_sink(&self, sink: DiskSink) {
        self.writer.set_disk_sink(sink);
    }

    fn committed(&self) -> Receiver<u64> {
        self.writer.committed()
    }

    fn installation(&self) -> &Installation {
        &self.installation
    }

    fn make_room(&self) -> bool {
        self.reserve.release()
    }

    fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}

/// Makes an empty file that only its owner may read: the index holds hashes of passwords. SQLite
/// gives its side files the same mode.
fn make_private(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::OpenOptionsExt;
    // Only if it is absent: opening and closing the file of a running index would drop its locks
    // (POSIX: all locks of the process on that file).
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(OpenError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A connection with what all of them need. No memory map: it would count as memory of the server,
/// and turns a failing disk into a signal.
fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    functions::register(&conn)?;
    watch::register(&mut conn)?;
    Ok(conn)
}

#[cfg(test)]
mod tests;
