//! The index in memory, for tests: it shows that the port is not shaped by SQLite, and that the
//! conformance suite is exact.
//!
//! Everything is one [`State`], copied where SQLite would begin a transaction or a savepoint: a
//! snapshot is a copy, a job that is refused gives way to the copy from before it, and a commit puts
//! the writer's copy in the place of the old one. Slow, and plainly right. `state` says what is
//! kept; the other files answer, one file for each file of the port.

mod accounts;
mod feed;
mod kv;
mod locks;
mod nodes;
mod props;
mod search;
mod state;
mod uploads;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::{DiskSink, Installation, Job, JobDone, ReadTx, Store, StoreError};
use crate::ids::{InstanceId, random_token};
use state::State;

/// What outlives a handle, as a file does.
pub(crate) struct Data {
    committed: Mutex<State>,
    /// Held from the start of a batch to its commit: an earlier handle may still be at work.
    writing: Mutex<()>,
    newest: watch::Sender<u64>,
    installation: Installation,
}

impl Default for Data {
    fn default() -> Self {
        let installation = Installation {
            instance: InstanceId::random(),
            // Any will do: nothing in memory is ever restored.
            era: 7,
            data_fingerprint: String::new(),
            secret: hex::encode(random_token(32)),
        };
        let committed = Mutex::new(State::new(installation.era));
        Self {
            committed,
            writing: Mutex::default(),
            newest: watch::Sender::default(),
            installation,
        }
    }
}

impl Data {
    fn committed(&self) -> MutexGuard<'_, State> {
        lock(&self.committed)
    }
}

/// A handle of the index in memory.
pub(crate) struct MemoryStore {
    data: Arc<Data>,
    queue: Sender<Message>,
    sink: Arc<OnceLock<DiskSink>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Job(Job),
    Close,
}

impl MemoryStore {
    /// Opens the index that `data` holds, and starts its writer.
    pub(crate) fn open(data: &Arc<Data>) -> Arc<Self> {
        let (queue, messages) = channel();
        let sink = Arc::new(OnceLock::new());
        let (shared, publish) = (Arc::clone(data), Arc::clone(&sink));
        let writer = thread::spawn(move || work(&shared, &messages, &publish));
        let writer = Mutex::new(Some(writer));
        Arc::new(Self { data: Arc::clone(data), queue, sink, writer })
    }
}

impl Store for MemoryStore {
    fn reader(&self) -> Result<Box<dyn ReadTx + '_>, StoreError> {
        Ok(Box::new(self.data.committed().clone()))
    }

    fn submit(&self, job: Job) {
        let _closed = self.queue.send(Message::Job(job));
    }

    fn set_disk_sink(&self, sink: DiskSink) {
        assert!(self.sink.set(sink).is_ok(), "the disk sink is set once");
    }

    fn committed(&self) -> watch::Receiver<u64> {
        self.data.newest.subscribe()
    }

    fn installation(&self) -> &Installation {
        &self.data.installation
    }

    fn close(&self) {
        let _closed_before = self.queue.send(Message::Close);
        if let Some(writer) = lock(&self.writer).take() {
            writer.join().expect("the writer catches all panics");
        }
    }
}

/// Makes one commit of what is queued, again and again until the end.
fn work(data: &Data, messages: &Receiver<Message>, sink: &OnceLock<DiskSink>) {
    let mut open = true;
    while open {
        let Ok(first) = messages.recv() else { break };
        let mut batch = Vec::new();
        for message in std::iter::once(first).chain(messages.try_iter()) {
            match message {
                Message::Job(job) => batch.push(job),
                Message::Close => open = false,
            }
            if !open {
                break;
            }
        }
        transact(data, batch, sink);
    }
}

fn transact(data: &Data, batch: Vec<Job>, sink: &OnceLock<DiskSink>) {
    let turn = lock(&data.writing);
    let mut state = data.committed().clone();
    let mut answers = Vec::new();
    for job in batch {
        let before = state.clone();
        let done = catch_unwind(AssertUnwindSafe(|| job(&mut state)));
        if !matches!(done, Ok(JobDone { keep: true, .. })) {
            state = before;
        }
        answers.extend(done.ok().map(|done| done.finish));
    }
    let decided = std::mem::take(&mut state.decided);
    let seq = state.seq;
    *data.committed() = state;
    let is_new = |newest: &mut u64| std::mem::replace(newest, seq) != seq;
    data.newest.send_if_modified(is_new);
    drop(turn);
    if let Some(sink) = sink.get()
        && !decided.is_empty()
    {
        let _its_panic = catch_unwind(AssertUnwindSafe(|| sink(decided)));
    }
    for answer in answers {
        let _its_panic = catch_unwind(AssertUnwindSafe(|| answer(Ok(()))));
    }
}

/// Nothing is half done under these locks when code of others panics: it never runs under them, or
/// its panic is caught.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

mod tests {
    use super::{Data, MemoryStore};
    use crate::store::Store;
    use crate::store::conformance::{self, Bed};
    use std::sync::Arc;

    impl Bed for Arc<Data> {
        fn open(&self) -> Arc<dyn Store> {
            MemoryStore::open(self)
        }
    }

    conformance::conformance!(Arc::new(Data::default()));
}
