//! The only thread that writes: what is queued becomes one transaction with one sync.
//!
//! Each job runs in a savepoint of its own. One that refuses or panics is rolled back alone; the
//! others stand. Only after the commit the disk operations go out, and then the answers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::reserve::Reserve;
use super::rows::{Rows, failure, signed, unsigned};
use crate::etag::Stamp;
use crate::storage::DiskOp;
use crate::store::{DiskSink, Job, JobDone, ReadTx, StoreError, WriteTx};

/// Most jobs in one transaction: enough to share a sync, few enough to answer soon.
const MAX_BATCH: usize = 256;
/// How often a transaction is begun, each try as long as the busy timeout.
const TRIES: usize = 3;
/// How long the last checkpoint waits for readers.
const LAST_WAIT: Duration = Duration::from_millis(300);

type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

enum Message {
    Job(Job),
    Close,
}

/// The handle of the writer thread.
pub(super) struct Writer {
    queue: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    sink: OnceLock<DiskSink>,
    commits: AtomicU64,
    /// Greatest sequence number that is committed.
    newest: watch::Sender<u64>,
}

impl Writer {
    /// Starts the thread on a connection that is ready to write.
    pub(super) fn start(
        conn: Connection,
        era: u32,
        reserve: Arc<Reserve>,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = channel();
        let shared = Arc::new(Shared::default());
        let sql = "SELECT seq FROM counter";
        let newest: i64 = conn.query_row(sql, [], |row| row.get(0)).unwrap_or_default();
        shared.newest.send_replace(unsigned(newest));
        let mut desk = Desk { conn, jobs, era, seq: 0, shared: Arc::clone(&shared), reserve };
        let thread = thread::Builder::new().name("index".to_owned()).spawn(move || desk.work())?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)), shared })
    }

    /// Queues a job; drops it if the thread has ended, by which its submitter sees it.
    pub(super) fn submit(&self, job: Job) {
        let _closed = self.queue.send(Message::Job(job));
    }

    /// The first call counts.
    pub(super) fn set_disk_sink(&self, sink: DiskSink) {
        if self.shared.sink.set(sink).is_err() {
            tracing::error!("the index already has a disk sink");
        }
    }

    /// See [`crate::store::Store::committed`].
    pub(super) fn committed(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }

    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Does what is queued and ends the thread.
    pub(super) fn close(&self) {
        let _closed_before = self.queue.send(Message::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A job's answer may hold the last handle of the store: the thread cannot wait for itself.
        if let Some(thread) = thread.filter(|it| it.thread().id() != thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the writer of the index panicked");
        }
    }
}

/// What the thread owns.
struct Desk {
    conn: Connection,
    jobs: Receiver<Message>,
    era: u32,
    /// Greatest sequence number that may have been seen.
    seq: u64,
    shared: Arc<Shared>,
    reserve: Arc<Reserve>,
}

impl Desk {
    fn work(&mut self) {
        let mut open = true;
        while open {
            let Ok(first) = self.jobs.recv() else { break };
            let mut batch = VecDeque::new();
            for message in std::iter::once(first).chain(self.jobs.try_iter()) {
                match message {
                    Message::Job(job) => batch.push_back(job),
                    Message::Close => open = false,
                }
                if !open || batch.len() == MAX_BATCH {
                    break;
                }
            }
            while !batch.is_empty() {
                self.transact(&mut batch);
            }
        }
        self.checkpoint();
    }

    /// One transaction with as many jobs as it takes: all, unless SQLite gives the transaction up.
    fn transact(&mut self, jobs: &mut VecDeque<Job>) {
        if let Err(error) = self.begin() {
            return self.refuse(jobs, &error);
        }
        let mut batch = Batch::new(&self.conn, self.era, self.seq);
        let mut answers = Vec::with_capacity(jobs.len());
        let mut outcome = Ok(());
        while outcome.is_ok()
            && let Some(job) = jobs.pop_front()
        {
            outcome = batch.admit(job, &mut answers);
        }
        let outcome = outcome.and_then(|()| batch.commit(self.seq));
        // Also after a failure: a commit whose sync failed may yet come back after a crash, so its
        // stamps are not given out again.
        let Batch { seq, ops, .. } = batch;
        let is_new = seq != self.seq;
        self.seq = seq;
        match &outcome {
            Ok(()) => {
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.publish(ops);
                if is_new {
                    self.shared.newest.send_replace(seq);
                }
                self.reserve.fill();
            }
            Err(error) => {
                tracing::error!(%error, "the index could not commit");
                self.abandon();
            }
        }
        for answer in answers {
            call(|| answer(outcome.clone()));
        }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        let begin = || -> rusqlite::Result<i64> {
            self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.conn.prepare_cached("SELECT seq FROM counter")?.query_row([], |row| row.get(0))
        };
        let mut tries = 1;
        let stored = loop {
            match begin().map_err(|error| failure(&error)) {
                Ok(stored) => break stored,
                Err(StoreError::Busy) if tries < TRIES => tries += 1,
                Err(error) => {
                    self.abandon();
                    return Err(error);
                }
            }
        };
        self.seq = self.seq.max(unsigned(stored));
        Ok(())
    }

    /// Rolls back whatever is left of a transaction.
    fn abandon(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the index could not roll back");
        }
    }

    /// Lets all jobs know why nothing can be written. A job's answer comes out of the job itself, so
    /// each runs once on a connection that refuses to write.
    fn refuse(&mut self, jobs: &mut VecDeque<Job>, error: &StoreError) {
        tracing::error!(%error, "the index cannot be written");
        let read_only = |on: bool| self.conn.pragma_update(None, "query_only", on);
        let ready = read_only(true).and_then(|()| self.conn.execute_batch("BEGIN DEFERRED"));
        for job in jobs.drain(..) {
            let mut batch = Batch::new(&self.conn, self.era, self.seq);
            // Without the guard the job is dropped, by which its submitter hears of a failure.
            if ready.is_ok()
                && let Ok(JobDone { finish, .. }) =
                    catch_unwind(AssertUnwindSafe(|| job(&mut batch)))
            {
                call(|| finish(Err(error.clone())));
            }
        }
        self.abandon();
        if let Err(error) = read_only(false) {
            tracing::error!(%error, "the index stays read-only");
        }
    }

    fn publish(&self, ops: Vec<(i64, DiskOp)>) {
        if let Some(sink) = self.shared.sink.get()
            && !ops.is_empty()
        {
            call(|| sink(ops));
        }
    }

    /// Moves the log into the database and syncs it, so that one file holds all.
    fn checkpoint(&self) {
        let conn = &self.conn;
        // A reader that is still there may keep the log alive; the end does not wait for it.
        let moved = conn
            .busy_timeout(LAST_WAIT)
            .and_then(|()| conn.pragma_update(None, "synchronous", "FULL"))
            .and_then(|()| conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        if let Err(error) = moved {
            tracing::warn!(%error, "the log of the index stays, and is read at the next start");
        }
    }
}

/// Foreign code on this thread: its panic is its own.
fn call(code: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(code)).is_err() {
        tracing::error!("an answer of the index panicked");
    }
}

/// The transaction as jobs see it.
pub(super) struct Batch<'w> {
    conn: &'w Connection,
    era: u32,
    seq: u64,
    /// Disk operations of kept jobs, in order.
    ops: Vec<(i64, DiskOp)>,
    /// The last failed statement: the reason, should SQLite give up the transaction.
    failed: RefCell<Option<StoreError>>,
}

impl<'w> Batch<'w> {
    fn new(conn: &'w Connection, era: u32, seq: u64) -> Self {
        Self { conn, era, seq, ops: Vec::new(), failed: RefCell::default() }
    }

    /// The next stamp; free again if the job is rolled back.
    pub(super) fn stamp(&mut self) -> Result<Stamp, StoreError> {
        if self.seq >= Stamp::MAX_SEQ {
            return Err(StoreError::Failed("no sequence numbers are left".to_owned()));
        }
        self.seq += 1;
        Ok(Stamp::new(self.era, self.seq))
    }

    /// Notes a recorded disk operation for the sink.
    pub(super) fn decided(&mut self, id: i64, op: DiskOp) {
        self.ops.push((id, op));
    }

    /// Runs one job in its savepoint. An error means that the whole transaction is lost.
    fn admit(&mut self, job: Job, answers: &mut Vec<Finish>) -> Result<(), StoreError> {
        let (seq, ops) = (self.seq, self.ops.len());
        self.failed.take();
        self.step("SAVEPOINT job")?;
        let done = catch_unwind(AssertUnwindSafe(|| job(self)));
        let keep = match done {
            Ok(JobDone { keep, finish }) => {
                answers.push(finish);
                keep
            }
            Err(_) => {
                tracing::error!("a job of the index panicked and was rolled back");
                false
            }
        };
        if self.conn.is_autocommit() {
            // SQLite rolls back everything on some errors, a full disk above all.
            let why = self.failed.take();
            return Err(why.unwrap_or_else(|| StoreError::Failed("rolled back".to_owned())));
        }
        if !keep {
            self.seq = seq;
            self.ops.truncate(ops);
            self.step("ROLLBACK TO job")?;
        }
        self.step("RELEASE job")
    }

    fn commit(&mut self, seq_before: u64) -> Result<(), StoreError> {
        if self.seq != seq_before {
            self.run("UPDATE counter SET seq = ?1", [signed(self.seq)])?;
        }
        self.step("COMMIT")
    }

    fn step(&self, sql: &str) -> Result<(), StoreError> {
        self.run(sql, []).map(drop)
    }
}

impl Rows for Batch<'_> {
    fn conn(&self) -> &Connection {
        self.conn
    }

    fn note(&self, error: &StoreError) {
        self.failed.replace(Some(error.clone()));
    }
}

impl ReadTx for Batch<'_> {
    fn save_copy(&mut self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::Failed("only a snapshot can be saved".to_owned()))
    }
}

impl WriteTx for Batch<'_> {
    fn as_read(&mut self) -> &mut dyn ReadTx {
        self
    }
}
