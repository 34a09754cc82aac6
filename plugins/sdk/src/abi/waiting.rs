//! What waits for its number to be called. Each is taken once, whoever calls, how often, and when:
//! `tests/loom.rs` tries all orders.

use std::collections::HashMap;
use std::sync::PoisonError;

use super::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};

/// Maps that threads share: two calls rarely meet in one.
const SHELVES: u64 = 16;

/// Things by number.
pub(super) struct Waiting<T> {
    next: AtomicU64,
    shelves: Vec<Mutex<HashMap<u64, T>>>,
    strays: AtomicUsize,
}

impl<T> Waiting<T> {
    pub(super) fn new() -> Self {
        Self {
            next: AtomicU64::new(1),
            shelves: (0..SHELVES).map(|_| Mutex::new(HashMap::new())).collect(),
            strays: AtomicUsize::new(0),
        }
    }

    fn shelf(&self, number: u64) -> MutexGuard<'_, HashMap<u64, T>> {
        // The rest is below the number of shelves. Nothing panics while one is held.
        let shelf = &self.shelves[(number % SHELVES) as usize];
        shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something down, under a number that was never used.
    pub(super) fn put(&self, thing: T) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.shelf(number).insert(number, thing);
        number
    }

    /// Takes it away, if nobody has.
    pub(super) fn take(&self, number: u64) -> Option<T> {
        self.shelf(number).remove(&number)
    }

    /// The same for a call from outside, which counts if it is one too many.
    pub(super) fn called(&self, number: u64) -> Option<T> {
        let found = self.take(number);
        if found.is_none() {
            self.strays.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Calls that found nothing.
    pub(super) fn strays(&self) -> usize {
        self.strays.load(Ordering::Relaxed)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        (0..SHELVES).map(|number| self.shelf(number).len()).sum()
    }
}
