//! Addresses that a hook keeps away from logins for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::throttle::Key;

/// Most addresses; one more, and those whose time is over go, or else all.
const MOST: usize = 65_536;

/// Addresses, and until when (Unix milliseconds).
#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<HashMap<Key, i64>>);

impl Blocks {
    /// Keeps an address away for some milliseconds; a longer time from before stays.
    pub(crate) fn block(&self, address: Key, now: i64, millis: i64) {
        let mut blocked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked.len() >= MOST {
            blocked.retain(|_, until| *until > now);
            if blocked.len() >= MOST {
                blocked.clear();
            }
        }
        let until = now.saturating_add(millis);
        let known = blocked.entry(address).or_insert(until);
        *known = until.max(*known);
    }

    /// How long an address has to wait.
    pub(crate) fn left(&self, address: &Key, now: i64) -> Option<Duration> {
        let blocked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = blocked.get(address)?.saturating_sub(now);
        u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_and_the_longer_one_counts() {
        let blocks = Blocks::default();
        let (here, elsewhere) = ([1; 32], [2; 32]);
        blocks.block(here, 1000, 500);
        blocks.block(here, 1000, 100);
        assert_eq!(blocks.left(&here, 1100), Some(Duration::from_millis(400)));
        assert_eq!(blocks.left(&elsewhere, 1100), None);
        assert_eq!(blocks.left(&here, 1500), None);
    }
}
