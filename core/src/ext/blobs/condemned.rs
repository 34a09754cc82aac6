//! Deleting later what no row has any more.
//!
//! Who began to read a file goes on with its object after it was replaced or removed, so that stays
//! for a while. The list is in memory only: what a restart forgets, or what the store refuses again
//! and again, is found by the sweeper.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use moonsail_sdk::blobs::BlobStorage;
use tokio::time::{Instant, sleep_until};

use super::names::Finished;
use crate::storage::StorageError;

/// Objects that wait at most; any more are the sweeper's.
const MOST: usize = 100_000;
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(30);
/// How often one object is tried.
const TRIES: u32 = 5;

pub(super) struct Condemned {
    store: Arc<dyn BlobStorage>,
    delete_after: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Instant, String)>,
    /// Whether a task goes through the queue.
    running: bool,
}

impl Condemned {
    pub(super) fn new(store: &Arc<dyn BlobStorage>, delete_after: Duration) -> Arc<Self> {
        let (store, state) = (Arc::clone(store), Mutex::default());
        Arc::new(Self { store, delete_after, state })
    }

    /// Condemns an object. Needs a runtime.
    pub(super) fn push(self: &Arc<Self>, finished: &Finished) {
        let mut state = self.state();
        if state.queue.len() >= MOST {
            return;
        }
        state.queue.push_back((Instant::now() + self.delete_after, finished.key()));
        if !state.running {
            state.running = true;
            tokio::spawn(run(Arc::downgrade(self)));
        }
    }

    /// What waits: objects of no row, and known to be.
    pub(super) fn keys(&self) -> HashSet<String> {
        self.state().queue.iter().map(|(_, key)| key.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next, or the end of the task. It stays in the queue until it is [`Condemned::done`].
    fn next(&self) -> Option<(Instant, String)> {
        let mut state = self.state();
        let next = state.queue.front().cloned();
        state.running = next.is_some();
        next
    }

    fn done(&self) {
        self.state().queue.pop_front();
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        let mut tries = 1;
        loop {
            match self.store.delete(key).await {
                Err(error) if tries >= TRIES => return Err(error),
                Err(_) => tries += 1,
                Ok(()) => return Ok(()),
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Goes through the queue until it is empty or the storage is gone.
async fn run(condemned: Weak<Condemned>) {
    while let Some((due, key)) = condemned.upgrade().and_then(|it| it.next()) {
        sleep_until(due).await;
        let Some(condemned) = condemned.upgrade() else { return };
        if let Err(error) = condemned.delete(&key).await {
            tracing::warn!(key, %error, "an object without a file is left to the sweeper");
        }
        condemned.done();
    }
}
