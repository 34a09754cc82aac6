//! Patches in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moonsail_sdk::capabilities::UserView;
use serde_json::Value;

/// Most patches; one more, and memory starts over.
const MOST: usize = 4096;
/// Longest time that a patch is kept, whatever it says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose patch for whom.
type Key = (String, Option<String>);

/// A patch, and what its user was when it was made.
struct Patch {
    user: Option<UserView>,
    patch: Arc<Value>,
    /// Unix milliseconds.
    until: i64,
}

/// Patches by provider and user.
#[derive(Default)]
pub(super) struct Kept {
    patches: Mutex<HashMap<Key, Patch>>,
    /// Rises when all is forgotten, so that who was asked before leaves nothing behind.
    generation: AtomicU64,
}

impl Kept {
    /// To be called before a provider is asked.
    pub(super) fn begin(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// The last patch for a user who is still the same, and until when it counts.
    pub(super) fn find(&self, name: &str, user: Option<&UserView>) -> Option<(Arc<Value>, i64)> {
        let patches = self.patches.lock().unwrap_or_else(PoisonError::into_inner);
        let patch = patches.get(&key(name, user))?;
        (patch.user.as_ref() == user).then(|| (Arc::clone(&patch.patch), patch.until))
    }

    /// Keeps a patch, unless all was forgotten since `began`.
    pub(super) fn put(
        &self,
        began: u64,
        name: &str,
        user: Option<&UserView>,
        patch: &Arc<Value>,
        now: i64,
        ttl: Duration,
    ) {
        let ttl = i64::try_from(ttl.min(LONGEST).as_millis()).unwrap_or(i64::MAX);
        let mut patches = self.patches.lock().unwrap_or_else(PoisonError::into_inner);
        if self.generation.load(SeqCst) != began {
            return;
        }
        let key = key(name, user);
        if patches.len() >= MOST && !patches.contains_key(&key) {
            patches.clear();
        }
        let (patch, until) = (Arc::clone(patch), now.saturating_add(ttl));
        patches.insert(key, Patch { user: user.cloned(), patch, until });
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let mut patches = self.patches.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, SeqCst);
        patches.clear();
    }
}

fn key(name: &str, user: Option<&UserView>) -> Key {
    (name.to_owned(), user.map(|user| user.id.clone()))
}
