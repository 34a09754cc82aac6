//! Carrying out decided disk operations: in commit order, and again after a crash.
//!
//! An operation is applied at once (a rename), so files are plain files within moments. It is
//! forgotten by the index only after its folders were synced, in groups, off the path of requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::storage::{DiskOp, FileStorage, StorageError, StorageNo, Tag, paths_of, storage_of};
use crate::store::{self, Store, StoreError};

/// How long applied operations wait for others before their folders are synced together.
const SYNC_AFTER: Duration = Duration::from_millis(300);
/// How many of them wait at most.
const SYNC_COUNT: usize = 1000;
/// Pause before an operation that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The same on a storage that stays away.
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// How long the start waits for what an earlier process left to be published.
const RECOVERY: Duration = Duration::from_secs(10);

enum Message {
    Ops(Vec<(i64, DiskOp)>),
    /// Answered when all operations handed over before are applied, and recorded if `synced`.
    Settle {
        synced: bool,
        done: oneshot::Sender<i64>,
    },
}

type Queue = mpsc::UnboundedSender<Message>;

/// Hands operations over to the tasks that apply them: one for each storage, so that one that is not
/// there holds up no other.
pub struct Publisher {
    storage: Arc<dyn FileStorage>,
    store: Arc<dyn Store>,
    /// Of the data folder.
    queue: Queue,
    /// Of other storages, made when something is decided on them.
    others: Mutex<BTreeMap<StorageNo, Queue>>,
    runtime: Handle,
    /// How many [`Unrecorded`] there are.
    unrecorded: Arc<AtomicUsize>,
}

/// While it lives, operations are applied and not recorded: who holds the index would wait for a
/// publisher that waits for the index.
pub(super) struct Unrecorded(Arc<AtomicUsize>);

impl Drop for Unrecorded {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Publisher {
    /// Starts the task of the data folder; all tasks end when the publisher is dropped.
    pub fn start(storage: Arc<dyn FileStorage>, store: Arc<dyn Store>) -> Arc<Self> {
        let runtime = Handle::current();
        let unrecorded = Arc::default();
        let queue = Worker::start(StorageNo::DATA, &storage, &store, &runtime, &unrecorded);
        Arc::new(Self { storage, store, queue, others: Mutex::default(), runtime, unrecorded })
    }

    /// Takes operations in commit order. The store's sink.
    pub fn push(&self, ops: Vec<(i64, DiskOp)>) {
        if ops.iter().all(|(_, op)| storage_of(op) == StorageNo::DATA) {
            let _closing = self.queue.send(Message::Ops(ops));
            return;
        }
        let mut by_storage = BTreeMap::<StorageNo, Vec<(i64, DiskOp)>>::new();
        for (id, op) in ops {
            by_storage.entry(storage_of(&op)).or_default().push((id, op));
        }
        for (no, ops) in by_storage {
            let _closing = self.queue(no).send(Message::Ops(ops));
        }
    }

    /// The queue of a storage.
    fn queue(&self, no: StorageNo) -> Queue {
        if no == StorageNo::DATA {
            return self.queue.clone();
        }
        let mut others = self.others();
        let make =
            || Worker::start(no, &self.storage, &self.store, &self.runtime, &self.unrecorded);
        others.entry(no).or_insert_with(make).clone()
    }

    fn others(&self) -> std::sync::MutexGuard<'_, BTreeMap<StorageNo, Queue>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out what an earlier process decided and may not have finished. Call at start, before
    /// serving. Waits for it, but not for ever: what the disk refuses is tried again later, and
    /// until then reads find it in the stage.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recover(&self, store: &Arc<dyn Store>) -> Result<usize, StoreError> {
        let ops = store::read(store, |tx| tx.disk_ops()).await?;
        let count = ops.len();
        if count > 0 {
            self.push(ops);
            // Not for other storages, which may not be there: reads find it in their stage.
            if timeout(RECOVERY, settle(&self.queue, true)).await.is_err() {
                tracing::error!("changes of the last run are not all published yet; see above why");
            }
        }
        Ok(count)
    }

    /// The same for a reader: not for ever, since an operation that the disk refuses is tried again
    /// and again.
    pub(super) async fn settle_for_a_reader(&self, disk_path: &str, synced: bool) {
        let _late = timeout(RECOVERY, self.settle_on(StorageNo::of(disk_path), synced)).await;
    }

    /// Has nothing recorded, from now on until what it gives is dropped. A record that has begun is
    /// waited for. Who waits for one gets it afterwards.
    pub(super) async fn unrecorded(&self) -> Unrecorded {
        self.unrecorded.fetch_add(1, SeqCst);
        let guard = Unrecorded(Arc::clone(&self.unrecorded));
        settle(&self.queue, false).await;
        guard
    }

    /// Waits until all that was decided so far is applied, on all storages; with `synced` also durable
    /// and recorded. One that is not there makes it wait for ever.
    pub async fn settle(&self, synced: bool) {
        let others: Vec<Queue> = self.others().values().cloned().collect();
        let all = std::iter::once(&self.queue).chain(&others).map(|queue| settle(queue, synced));
        futures_util::future::join_all(all).await;
    }

    /// The same on one storage. Gives the last operation that is applied by then, 0 if there was none
    /// since the start.
    pub async fn settle_on(&self, no: StorageNo, synced: bool) -> i64 {
        let queue = match no {
            StorageNo::DATA => Some(self.queue.clone()),
            _ => self.others().get(&no).cloned(),
        };
        match queue {
            Some(queue) => settle(&queue, synced).await,
            None => 0,
        }
    }
}

async fn settle(queue: &Queue, synced: bool) -> i64 {
    let (done, settled) = oneshot::channel();
    match queue.send(Message::Settle { synced, done }) {
        Ok(()) => settled.await.unwrap_or_default(),
        Err(_) => 0,
    }
}

struct Worker {
    no: StorageNo,
    storage: Arc<dyn FileStorage>,
    store: Arc<dyn Store>,
    waiting: mpsc::UnboundedReceiver<Message>,
    /// Applied and not yet synced.
    applied: Vec<(i64, DiskOp)>,
    /// The last operation that was applied.
    last: i64,
    /// Whether anything is recorded now: [`Unrecorded`].
    unrecorded: Arc<AtomicUsize>,
    /// Who waits for a record.
    owed: Vec<oneshot::Sender<i64>>,
    /// A sync failed: nothing is recorded any more.
    unsynced: bool,
    /// Tags that a [`DiskOp::Touch`] changed, with the newest of the same file, for operations that
    /// were decided before the index learnt it. What is newest is never changed itself: a time that
    /// is set to and fro gives a file a tag that it had before.
    retagged: HashMap<Tag, Tag>,
    /// Changed tags since the last record, in order: the index has been told, and may have failed.
    retags: Vec<(Tag, Tag)>,
}

impl Worker {
    fn start(
        no: StorageNo,
        storage: &Arc<dyn FileStorage>,
        store: &Arc<dyn Store>,
        runtime: &Handle,
        unrecorded: &Arc<AtomicUsize>,
    ) -> Queue {
        let (queue, waiting) = mpsc::unbounded_channel();
        let worker = Self {
            no,
            storage: Arc::clone(storage),
            store: Arc::clone(store),
            waiting,
            applied: Vec::new(),
            last: 0,
            unrecorded: Arc::clone(unrecorded),
            owed: Vec::new(),
            unsynced: false,
            retagged: HashMap::new(),
            retags: Vec::new(),
        };
        runtime.spawn(worker.run());
        queue
    }

    async fn run(mut self) {
        loop {
            let message = match self.applied.is_empty() && self.owed.is_empty() {
                true => self.waiting.recv().await,
                false => match tokio::time::timeout(SYNC_AFTER, self.waiting.recv()).await {
                    Ok(message) => message,
                    Err(_) => {
                        self.record().await;
                        continue;
                    }
                },
            };
            match message {
                Some(Message::Ops(ops)) => self.apply(ops).await,
                Some(Message::Settle { synced: true, done }) => {
                    self.owed.push(done);
                    self.record().await;
                }
                Some(Message::Settle { synced: false, done }) => {
                    let _gone = done.send(self.last);
                }
                None => break,
            }
            if self.applied.len() >= SYNC_COUNT {
                self.record().await;
            }
        }
        self.record().await;
    }

    /// Applies operations in order; one that fails is tried again until it goes, since the index
    /// has decided it and all later ones may depend on it.
    async fn apply(&mut self, ops: Vec<(i64, DiskOp)>) {
        let mut rest: Vec<(i64, DiskOp)> = ops;
        let mut pause = RETRY;
        while !rest.is_empty() {
            let translated = rest.iter().map(|(_, op)| self.translate(op)).collect();
            let results = self.storage.apply(translated).await;
            let mut failed = results.len() < rest.len();
            let mut done = 0;
            for (result, (id, op)) in results.into_iter().zip(&rest) {
                match result {
                    Ok(applied) => {
                        done += 1;
                        self.last = *id;
                        if let Some(kept) = applied.kept {
                            tracing::warn!(
                                op = *id,
                                kept,
                                "a file that was changed on the disk was kept aside"
                            );
                        }
                        if let (Some(to), Some(from)) = (applied.tag, touched(op)) {
                            self.retag(from.clone(), to);
                        }
                    }
                    Err(error) => {
                        tracing::error!(op = *id, %error, "a decided change could not be published yet");
                        failed = true;
                        // A mount that is not there is not asked every second.
                        let away = matches!(error, StorageError::Unavailable(_));
                        if away && self.no != StorageNo::DATA {
                            pause = (pause * 2).min(LONGEST_RETRY);
                        }
                        break;
                    }
                }
            }
            self.applied.extend(rest.drain(..done));
            if failed {
                tokio::time::sleep(pause).await;
            }
        }
    }

    fn translate(&self, op: &DiskOp) -> DiskOp {
        let mut op = op.clone();
        let tag = match &mut op {
            DiskOp::Publish { replaces, .. } => replaces.as_mut(),
            DiskOp::Move { tag, .. } | DiskOp::Remove { tag, .. } | DiskOp::Touch { tag, .. } => {
                Some(tag)
            }
        };
        if let Some(tag) = tag {
            *tag = self.newest(tag).clone();
        }
        op
    }

    fn retag(&mut self, from: Tag, to: Tag) {
        let from = self.newest(&from).clone();
        if from == to {
            return;
        }
        self.retagged.values_mut().filter(|newest| **newest == from).for_each(|newest| {
            newest.clone_from(&to);
        });
        self.retagged.insert(from.clone(), to.clone());
        self.retagged.remove(&to);
        self.retags.push((from.clone(), to.clone()));
        self.store.submit(Box::new(move |tx| {
            let result = tx.retag(&from, &to);
            store::JobDone {
                keep: result.is_ok(),
                finish: Box::new(move |committed| {
                    if let Err(error) = result.and(committed) {
                        tracing::error!(%error, "a changed tag could not be recorded");
                    }
                }),
            }
        }));
    }

    fn newest<'a>(&'a self, tag: &'a Tag) -> &'a Tag {
        self.retagged.get(tag).unwrap_or(tag)
    }

    /// Records what was applied, unless that has to wait, and answers who waits for it.
    async fn record(&mut self) {
        if self.unrecorded.load(SeqCst) > 0 {
            return;
        }
        self.record_applied().await;
        for done in self.owed.drain(..) {
            let _gone = done.send(self.last);
        }
    }

    /// Syncs the folders of what was applied, then lets the index forget the operations.
    async fn record_applied(&mut self) {
        if self.unsynced {
            self.applied.clear();
            self.retags.clear();
        }
        if self.applied.is_empty() {
            return;
        }
        let paths = self.applied.iter().flat_map(|(_, op)| paths_of(op)).collect();
        if let Err(error) = self.storage.sync(paths).await {
            // A sync after a failed one proves nothing. None of what follows is recorded, so that
            // after a restart all of it is applied again, in order, which does no harm.
            tracing::error!(%error, "published files could not be made durable; restart the server");
            self.unsynced = true;
            self.applied.clear();
            return;
        }
        let ids: Vec<i64> = self.applied.iter().map(|(id, _)| *id).collect();
        let retags = self.retags.clone();
        let recorded = store::write(&self.store, move |tx| {
            // Again, all in order, which gives the same: an operation must not be forgotten before
            // the index has learnt what it did, else its file is another for ever.
            for (from, to) in &retags {
                tx.retag(from, to)?;
            }
            tx.disk_ops_done(&ids)
        })
        .await;
        if let Err(error) = recorded {
            // Kept for the next time: if some were forgotten and earlier ones not, a restart would
            // apply the earlier ones alone.
            tracing::error!(%error, "published files could not be recorded");
            tokio::time::sleep(RETRY).await;
            return;
        }
        self.applied.clear();
        self.retags.clear();
        // By this commit the index knows all of them. What waits may have been decided before.
        if self.retagged.len() > SYNC_COUNT && self.waiting.is_empty() {
            self.retagged.clear();
        }
    }
}

fn touched(op: &DiskOp) -> Option<&Tag> {
    match op {
        DiskOp::Touch { tag, .. } => Some(tag),
        _ => None,
    }
}
