//! Real passwords that were right a moment ago.
//!
//! A client that sends the account's password with each request (davfs2, Finder, a first sync)
//! would cost one Argon2 hash each. For five minutes the same password for the same login from the
//! same address is taken from memory: the key is a keyed hash of the three, so memory holds no
//! password. Requests with the same three that come while the first is being checked wait for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::cache::Cache;
use super::keyed::{Keys, Mac};

/// How many checks in progress are kept before finished ones are swept out.
const SWEEP_AT: usize = 1024;

/// The cache and the checks in progress.
#[derive(Debug, Default)]
pub(crate) struct LoginCache {
    /// Who was proved.
    pub(crate) known: Cache,
    in_progress: Mutex<HashMap<Mac, Weak<AsyncMutex<()>>>>,
}

impl LoginCache {
    /// The key of a login, a password and an address. The address is part of it so that a guesser
    /// elsewhere, who is being throttled, cannot tell a right password by its not being refused.
    pub(crate) fn key(keys: &Keys, login: &str, password: &str, ip: IpAddr) -> Mac {
        let ip = ip.to_canonical().to_string();
        let parts = [login.to_lowercase(), password.to_owned(), ip];
        keys.mac("login-cache", &parts.each_ref().map(|part| part.as_bytes()))
    }

    /// Waits until no other request checks `key`; the guard is held while this one does.
    pub(crate) async fn turn(&self, key: Mac) -> OwnedMutexGuard<()> {
        self.gate(key).lock_owned().await
    }

    fn gate(&self, key: Mac) -> Arc<AsyncMutex<()>> {
        let mut gates = self.in_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&key).and_then(Weak::upgrade) {
            return gate;
        }
        if gates.len() >= SWEEP_AT {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        let gate = Arc::new(AsyncMutex::new(()));
        gates.insert(key, Arc::downgrade(&gate));
        gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_of_login_password_and_address() {
        let keys = Keys::new(b"test");
        let key = |login, password, ip: &str| {
            LoginCache::key(&keys, login, password, ip.parse().expect("an address"))
        };
        let base = key("alice", "secret", "192.0.2.1");
        for (other, same) in [
            (key("Alice", "secret", "192.0.2.1"), true),
            (key("alice", "secret", "::ffff:192.0.2.1"), true),
            (key("alice", "Secret", "192.0.2.1"), false),
            (key("alice", "secret", "192.0.2.2"), false),
            (key("alices", "ecret", "192.0.2.1"), false),
        ] {
            assert_eq!(base == other, same);
        }
    }

    #[tokio::test]
    async fn equal_checks_take_turns_and_others_do_not_wait() {
        let cache = LoginCache::default();
        let first = cache.turn([1; 32]).await;
        let _other = cache.turn([2; 32]).await;
        let gate = cache.gate([1; 32]);
        assert!(gate.try_lock().is_err());
        drop(first);
        assert!(gate.try_lock().is_ok());
    }
}
