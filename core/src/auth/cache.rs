//! Principals in memory, so that a request with a known token asks nobody.
//!
//! A change of an account or token is committed first, then forgotten here, then answered: from
//! that answer on no request gets the old state. A lookup that began before the change cannot put
//! the old state back, because entries carry the generation in which their lookup began.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::keyed::Mac;
use super::principal::Principal;
use crate::ids::Uid;

/// Shards, so that requests of different tokens rarely touch one lock.
const SHARDS: usize = 16;
/// Entries per shard; a full shard starts over.
const SHARD_ENTRIES: usize = 4096;

/// A remembered proof.
#[derive(Debug)]
pub(crate) struct Known {
    /// Who it proves.
    pub(crate) principal: Principal,
    /// Logins with which it may be used, in lower case.
    pub(crate) logins: Vec<String>,
    /// Unix milliseconds from which the entry is not used any more.
    pub(crate) until: i64,
    /// Unix seconds of the last use that was noted.
    pub(crate) noted: AtomicI64,
}

impl Known {
    /// Whether `login` names this principal, in any case.
    pub(crate) fn answers_to(&self, login: &str) -> bool {
        let lower = login.to_lowercase();
        self.logins.contains(&lower)
    }
}

/// The generation in which a lookup began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began(u64);

/// Keyed hashes of proofs and whom they prove.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    generation: AtomicU64,
    shards: [RwLock<HashMap<Mac, Arc<Known>>>; SHARDS],
}

impl Cache {
    /// To be called before the index is asked.
    pub(crate) fn begin(&self) -> Began {
        Began(self.generation.load(Ordering::SeqCst))
    }

    /// A proof that is still good at `now` (Unix milliseconds).
    pub(crate) fn find(&self, hash: &Mac, now: i64) -> Option<Arc<Known>> {
        let shard = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(hash).filter(|known| now < known.until).cloned()
    }

    /// Remembers a proof, unless something was forgotten since `began`.
    pub(crate) fn insert(&self, began: Began, hash: Mac, known: Arc<Known>) {
        let mut shard = self.shard(&hash).write().unwrap_or_else(PoisonError::into_inner);
        if self.generation.load(Ordering::SeqCst) != began.0 {
            return;
        }
        if shard.len() >= SHARD_ENTRIES {
            shard.clear();
        }
        shard.insert(hash, known);
    }

    /// Forgets all that proves `uid`.
    pub(crate) fn forget(&self, uid: &Uid) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, known| known.principal.uid != *uid);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn shard(&self, hash: &Mac) -> &RwLock<HashMap<Mac, Arc<Known>>> {
        &self.shards[usize::from(hash[0]) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::principal::Access;
    use crate::store::accounts::User;

    fn known(uid: &str) -> Arc<Known> {
        let user = User {
            uid: Uid::parse(uid).expect("a good id"),
            provider: String::new(),
            subject: uid.to_owned(),
            display_name: uid.to_owned(),
            email: None,
            password: None,
            quota: None,
            enabled: true,
            admin: false,
            language: "en".to_owned(),
            created: 0,
            last_login: None,
            refused: false,
        };
        Arc::new(Known {
            principal: Principal::new(&user, Access::Password, uid),
            logins: vec![uid.to_lowercase()],
            until: 1000,
            noted: AtomicI64::new(0),
        })
    }

    #[test]
    fn entries_end_and_are_forgotten_by_user() {
        let cache = Cache::default();
        cache.insert(cache.begin(), [1; 32], known("alice"));
        cache.insert(cache.begin(), [2; 32], known("bob"));
        assert!(cache.find(&[1; 32], 999).is_some());
        assert!(cache.find(&[1; 32], 1000).is_none());
        cache.forget(&Uid::parse("alice").expect("a good id"));
        assert!(cache.find(&[1; 32], 0).is_none());
        assert!(cache.find(&[2; 32], 0).is_some());
        let began = cache.begin();
        cache.clear();
        cache.insert(began, [1; 32], known("alice"));
        assert!(cache.find(&[1; 32], 0).is_none() && cache.find(&[2; 32], 0).is_none());
    }

    #[test]
    fn a_lookup_that_began_before_a_revocation_leaves_nothing() {
        let cache = Cache::default();
        let began = cache.begin();
        cache.forget(&Uid::parse("alice").expect("a good id"));
        cache.insert(began, [1; 32], known("alice"));
        assert!(cache.find(&[1; 32], 0).is_none());
    }

    #[test]
    fn a_login_answers_in_any_case() {
        let known = known("Alice");
        assert!(known.answers_to("ALICE") && known.answers_to("alice"));
        assert!(!known.answers_to("bob") && !known.answers_to(""));
    }
}
