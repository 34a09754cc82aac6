//! A storage that may not be there: opened when it is needed, and again when it came back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moonsail_sdk::BoxFuture;
use tokio::time::timeout;

use crate::storage::{FileStorage, StorageError, StorageNo, Tag};

/// How soon a storage that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// How long one that was seen to be there is believed to be.
const BELIEVED: Duration = Duration::from_secs(2);
/// How long a disk may take to answer that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a storage of the configuration.
pub trait Opener: Send + Sync {
    /// Opens it.
    ///
    /// # Errors
    /// Why it cannot be used now, for the log.
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn FileStorage>, StorageError>>;

    /// Whether what was opened last is still what would be opened now: not if another disk was
    /// mounted there, or the disk is gone.
    fn is_current(&self) -> BoxFuture<'static, bool> {
        Box::pin(async { true })
    }
}

/// One storage.
pub(super) struct Slot {
    pub(super) no: StorageNo,
    pub(super) name: String,
    opener: Box<dyn Opener>,
    state: Mutex<State>,
    /// Held while it is opened or looked at, so that one does it for all.
    turn: tokio::sync::Mutex<()>,
}

enum State {
    New,
    Open { storage: Arc<dyn FileStorage>, seen: Instant },
    Closed { error: StorageError, since: Instant },
}

impl Slot {
    pub(super) fn new(no: StorageNo, name: String, opener: Box<dyn Opener>) -> Self {
        let (state, turn) = (Mutex::new(State::New), tokio::sync::Mutex::new(()));
        Self { no, name, opener, state, turn }
    }

    /// The storage, as it was opened; opens it if it is not.
    pub(super) async fn storage(&self) -> Result<Arc<dyn FileStorage>, StorageError> {
        if let Some(known) = self.known(None) {
            return known;
        }
        let _turn = self.turn.lock().await;
        match self.known(None) {
            Some(known) => known,
            None => self.open().await,
        }
    }

    /// The same, and sure to be there still.
    pub(super) async fn require(&self) -> Result<Arc<dyn FileStorage>, StorageError> {
        if let Some(known) = self.known(Some(BELIEVED)) {
            return known;
        }
        let _turn = self.turn.lock().await;
        if let Some(known) = self.known(Some(BELIEVED)) {
            return known;
        }
        let open = match &*self.state() {
            State::Open { storage, .. } => Some(Arc::clone(storage)),
            _ => None,
        };
        if let Some(storage) = open
            && timeout(PATIENCE, self.opener.is_current()).await.unwrap_or(false)
        {
            let (kept, seen) = (Arc::clone(&storage), Instant::now());
            *self.state() = State::Open { storage: kept, seen };
            return Ok(storage);
        }
        self.open().await
    }

    /// Whether both tags are of one file, by the word of the storage; `false` if it is not open.
    pub(super) fn is_same(&self, one: &Tag, other: &Tag) -> bool {
        match &*self.state() {
            State::Open { storage, .. } => storage.is_same(one, other),
            _ => false,
        }
    }

    /// What is known without a look; of an open storage only if it was seen within `believed`.
    fn known(
        &self,
        believed: Option<Duration>,
    ) -> Option<Result<Arc<dyn FileStorage>, StorageError>> {
        match &*self.state() {
            State::Open { storage, seen } => {
                let fresh = believed.is_none_or(|believed| seen.elapsed() < believed);
                fresh.then(|| Ok(Arc::clone(storage)))
            }
            State::Closed { error, since } if since.elapsed() < RETRY => Some(Err(error.clone())),
            State::Closed { .. } | State::New => None,
        }
    }

    async fn open(&self) -> Result<Arc<dyn FileStorage>, StorageError> {
        let late = |_| Err(StorageError::Unavailable("it does not answer".to_owned()));
        let opened = timeout(PATIENCE, self.opener.open()).await.unwrap_or_else(late);
        let was_closed = matches!(&*self.state(), State::Closed { .. });
        match opened {
            Ok(storage) => {
                if was_closed {
                    tracing::info!(storage = self.name, "the storage is there again");
                }
                let (kept, seen) = (Arc::clone(&storage), Instant::now());
                *self.state() = State::Open { storage: kept, seen };
                Ok(storage)
            }
            Err(error) => {
                if !was_closed {
                    tracing::error!(
                        storage = self.name, %error,
                        "a storage cannot be used; what is on it is answered 503 until it can"
                    );
                }
                let error = match error {
                    StorageError::Unavailable(text) => StorageError::Unavailable(text),
                    other => StorageError::Unavailable(other.to_string()),
                };
                *self.state() = State::Closed { error: error.clone(), since: Instant::now() };
                Err(error)
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use moonsail_sdk::memory::MemoryStorage;

    use super::*;

    #[derive(Default)]
    struct Disk {
        there: AtomicBool,
        opened: AtomicUsize,
    }

    impl Opener for Arc<Disk> {
        fn open(&self) -> BoxFuture<'static, Result<Arc<dyn FileStorage>, StorageError>> {
            let disk = Arc::clone(self);
            Box::pin(async move {
                if !disk.there.load(SeqCst) {
                    return Err(StorageError::Unavailable("not mounted".to_owned()));
                }
                disk.opened.fetch_add(1, SeqCst);
                Ok(Arc::new(MemoryStorage::new()) as Arc<dyn FileStorage>)
            })
        }

        fn is_current(&self) -> BoxFuture<'static, bool> {
            let there = self.there.load(SeqCst);
            Box::pin(async move { there })
        }
    }

    fn wait(slot: &Slot) {
        if let State::Open { seen: at, .. } | State::Closed { since: at, .. } = &mut *slot.state() {
            *at -= RETRY;
        }
    }

    #[tokio::test]
    async fn a_disk_that_goes_and_comes_back_is_opened_again() {
        let disk = Arc::new(Disk::default());
        let slot = Slot::new(StorageNo(1), "local:/x".into(), Box::new(Arc::clone(&disk)));
        assert!(slot.storage().await.is_err());
        disk.there.store(true, SeqCst);
        assert!(slot.storage().await.is_err(), "not tried again at once");
        wait(&slot);
        assert!(slot.storage().await.is_ok());
        disk.there.store(false, SeqCst);
        assert!(slot.require().await.is_ok(), "believed for a moment");
        wait(&slot);
        assert!(slot.require().await.is_err());
        assert!(slot.storage().await.is_err(), "and closed for all");
        disk.there.store(true, SeqCst);
        wait(&slot);
        assert!(slot.require().await.is_ok());
        assert_eq!(disk.opened.load(SeqCst), 2);
        wait(&slot);
        assert!(slot.require().await.is_ok());
        assert_eq!(disk.opened.load(SeqCst), 2, "the same disk is not opened twice");
    }
}
