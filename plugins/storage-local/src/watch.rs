//! Watching the live tree with inotify.
//!
//! One thread a watch. It sleeps until the kernel has events, somebody listens, or a time has come.
//!
//! | file         | what it does                                                       |
//! |--------------|--------------------------------------------------------------------|
//! | `kernel.rs`  | the inotify instance                                               |
//! | `table.rs`   | which folder has which watch and which path                        |
//! | `walk.rs`    | looking at folders: new, renamed, gone                             |
//! | `engine.rs`  | what events and times lead to                                      |
//! | `pending.rs` | what is to be told                                                 |
//!
//! Invariants: what events say is not believed, only looked at; a folder is watched before it is
//! read and told after; what is kept while nobody listens is bounded by the number of folders.

mod engine;
mod kernel;
mod pending;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use moonsail_sdk::BoxFuture;
use moonsail_sdk::storage::{Seen, StorageError, Watch};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::OwnedFd;

use crate::areas::Areas;
use crate::fs::failed;
use engine::Engine;
pub(crate) use engine::Limits;

/// What the thread and the listener share.
#[derive(Debug)]
struct Shared {
    slot: Mutex<Slot>,
    /// Wakes the thread.
    bell: OwnedFd,
    stop: AtomicBool,
    watched: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
}

/// The hand-over.
#[derive(Debug, Default)]
struct Slot {
    seen: Vec<Seen>,
    /// Somebody listens.
    wanted: bool,
    waker: Option<Waker>,
    ended: bool,
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Whoever panicked left a whole slot: each change of it is one assignment.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // It can only fail if it is full, and then it rings.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Changes the slot and wakes who listens.
    fn hand_over(&self, change: impl FnOnce(&mut Slot)) {
        let mut slot = self.slot();
        change(&mut slot);
        slot.wanted = false;
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The listener's end.
#[derive(Debug)]
struct LocalWatch {
    shared: Arc<Shared>,
}

/// Begins to watch; see [`moonsail_sdk::storage::FileStorage::watch`].
///
/// # Errors
/// [`StorageError::Unavailable`] if there are no file descriptors or threads left.
pub(crate) fn begin(areas: &Arc<Areas>, limits: Limits) -> Result<Box<dyn Watch>, StorageError> {
    let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(failed("beginning to watch"))?;
    let shared = Arc::new(Shared {
        slot: Mutex::default(),
        bell,
        stop: AtomicBool::new(false),
        watched: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        lost: AtomicU64::new(0),
    });
    let (areas, thread) = (areas.clone(), shared.clone());
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || run(areas, limits, &End(thread)))
        .map_err(|error| StorageError::Unavailable(format!("beginning to watch: {error}")))?;
    Ok(Box::new(LocalWatch { shared }))
}

/// Tells the listener that the thread has ended, also by a panic.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.hand_over(|slot| slot.ended = true);
    }
}

fn run(areas: Arc<Areas>, limits: Limits, End(shared): &End) {
    let mut engine = Engine::new(areas, limits, Instant::now());
    while !shared.stop.load(Ordering::Acquire) {
        let turn = engine.turn(Instant::now(), shared.slot().wanted);
        let (watched, refused, lost) = engine.counts();
        shared.watched.store(watched as u64, Ordering::Relaxed);
        shared.refused.store(refused as u64, Ordering::Relaxed);
        shared.lost.store(lost.into(), Ordering::Relaxed);
        if !turn.seen.is_empty() {
            shared.hand_over(|slot| slot.seen.extend(turn.seen));
        }
        let mut fds = vec![PollFd::new(&shared.bell, PollFlags::IN)];
        let events = engine.kernel.fd().filter(|_| turn.listen);
        fds.extend(events.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let wait = turn.due.map(|due| due.saturating_duration_since(Instant::now()));
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        // An error is an interruption, after which one looks as well.
        let _ = poll(&mut fds, wait.as_ref());
        let _ = rustix::io::read(&shared.bell, &mut [0; 8]);
    }
}

impl Watch for LocalWatch {
    fn next(&mut self) -> BoxFuture<'_, Option<Vec<Seen>>> {
        let shared = &self.shared;
        Box::pin(std::future::poll_fn(move |context| {
            let mut slot = shared.slot();
            if !slot.seen.is_empty() {
                return Poll::Ready(Some(std::mem::take(&mut slot.seen)));
            }
            if slot.ended {
                return Poll::Ready(None);
            }
            slot.waker = Some(context.waker().clone());
            if !std::mem::replace(&mut slot.wanted, true) {
                drop(slot);
                shared.ring();
            }
            Poll::Pending
        }))
    }

    fn counts(&self) -> (u64, u64) {
        (self.shared.watched.load(Ordering::Relaxed), self.shared.refused.load(Ordering::Relaxed))
    }

    fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for LocalWatch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.ring();
    }
}
