//! Counting failed logins (`threats` §4): per account, per address, per known device.
//!
//! An attempt is counted **before** it is checked and forgiven if it succeeds, so a burst of
//! parallel guesses counts in full. Valid tokens and sessions never come here.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::keyed::{Keys, Mac};

/// How many keys are remembered; the quietest are forgotten first.
const MAX_KEYS: usize = 65_536;

/// What attempts are counted by. Hashed, so that a long login costs no memory.
pub(crate) type Key = Mac;

/// The key of an address: IPv4 alone, IPv6 by /64, which is what one household is given.
pub(crate) fn address_key(keys: &Keys, purpose: &str, ip: IpAddr) -> Key {
    match ip.to_canonical() {
        IpAddr::V4(ip) => keys.mac("throttle", &[purpose.as_bytes(), &ip.octets()]),
        IpAddr::V6(ip) => keys.mac("throttle", &[purpose.as_bytes(), &ip.octets()[..8]]),
    }
}

/// The key of an account or device by its name, without regard to case.
pub(crate) fn name_key(keys: &Keys, purpose: &str, name: &str) -> Key {
    keys.mac("throttle", &[purpose.as_bytes(), name.to_lowercase().as_bytes()])
}

/// An attempt that was counted.
#[derive(Debug)]
pub(crate) struct Attempt {
    keys: Vec<Key>,
    at: i64,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: usize,
    window_millis: i64,
    counted: Mutex<HashMap<Key, VecDeque<i64>>>,
}

impl Throttle {
    /// At most `limit` counted attempts in `window`.
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self {
            limit,
            window_millis: i64::try_from(window.as_millis()).unwrap_or(i64::MAX),
            counted: Mutex::default(),
        }
    }

    /// Counts an attempt for all `keys`, at `now` (Unix milliseconds).
    ///
    /// # Errors
    /// How long to wait if one of the keys is used up; then nothing is counted.
    pub(crate) fn count(&self, keys: &[Key], now: i64) -> Result<Attempt, Duration> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = keys.iter().filter_map(|key| self.wait(&mut counted, key, now)).max() {
            return Err(wait);
        }
        if counted.len() + keys.len() > MAX_KEYS {
            self.make_room(&mut counted, now);
        }
        for key in keys {
            counted.entry(*key).or_default().push_back(now);
        }
        Ok(Attempt { keys: keys.to_vec(), at: now })
    }

    /// How long `key` has to wait, without counting.
    pub(crate) fn blocked(&self, key: &Key, now: i64) -> Option<Duration> {
        self.wait(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner), key, now)
    }

    /// Takes a counted attempt back: it succeeded, or could not be checked. Other failures stay
    /// counted, so a guesser cannot clear an address by logging in to an account of his own.
    pub(crate) fn forgive(&self, attempt: &Attempt) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &attempt.keys {
            let Some(times) = counted.get_mut(key) else { continue };
            if let Some(place) = times.iter().rposition(|at| *at == attempt.at) {
                times.remove(place);
            }
            if times.is_empty() {
                counted.remove(key);
            }
        }
    }

    fn wait(
        &self,
        counted: &mut HashMap<Key, VecDeque<i64>>,
        key: &Key,
        now: i64,
    ) -> Option<Duration> {
        let times = counted.get_mut(key)?;
        while times.front().is_some_and(|at| at.saturating_add(self.window_millis) <= now) {
            times.pop_front();
        }
        let oldest = times.len().checked_sub(self.limit).and_then(|index| times.get(index))?;
        let left = oldest.saturating_add(self.window_millis) - now;
        // A clock that was set back must not lock anybody out for longer than the window.
        u64::try_from(left.min(self.window_millis)).ok().map(Duration::from_millis)
    }

    /// Drops what is over, and if that is not enough the quarter that failed longest ago.
    fn make_room(&self, counted: &mut HashMap<Key, VecDeque<i64>>, now: i64) {
        let over = now - self.window_millis;
        counted.retain(|_, times| times.back().is_some_and(|at| *at > over));
        if counted.len() > MAX_KEYS / 4 * 3 {
            let mut last: Vec<i64> =
                counted.values().filter_map(|times| times.back().copied()).collect();
            let quarter = last.len() / 4;
            let (_, border, _) = last.select_nth_unstable(quarter);
            let border = *border;
            counted.retain(|_, times| times.len() >= self.limit || times.back() > Some(&border));
            // Everybody is blocked or failed in the same instant: memory goes first.
            if counted.len() > MAX_KEYS / 4 * 3 {
                counted.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn throttle() -> Throttle {
        Throttle::new(10, Duration::from_secs(30 * 60))
    }

    fn key(name: &str) -> Key {
        name_key(&Keys::new(b"test"), "account", name)
    }

    #[test]
    fn the_eleventh_failure_in_half_an_hour_waits_for_the_first_to_pass() {
        let throttle = throttle();
        for minute in 0..10 {
            assert!(throttle.count(&[key("alice")], minute * MINUTE).is_ok());
        }
        let refused = throttle.count(&[key("alice")], 10 * MINUTE);
        assert_eq!(refused.expect_err("used up"), Duration::from_secs(20 * 60));
        assert!(throttle.count(&[key("bob")], 10 * MINUTE).is_ok(), "others are not concerned");
        assert!(throttle.count(&[key("ALICE")], 29 * MINUTE).is_err(), "nor is case");
        assert!(throttle.count(&[key("alice")], 30 * MINUTE).is_ok());
    }

    #[test]
    fn a_refused_attempt_counts_for_nobody() {
        let throttle = throttle();
        for _ in 0..10 {
            throttle.count(&[key("alice")], 0).expect("free");
        }
        for _ in 0..50 {
            assert!(throttle.count(&[key("alice"), key("address")], 1).is_err());
        }
        assert_eq!(throttle.blocked(&key("address"), 1), None);
    }

    #[test]
    fn success_takes_back_its_own_attempt_only() {
        let throttle = throttle();
        for _ in 0..9 {
            throttle.count(&[key("address")], 0).expect("free");
        }
        for _ in 0..20 {
            let attempt = throttle.count(&[key("address")], 5).expect("free");
            throttle.forgive(&attempt);
        }
        throttle.count(&[key("address")], 6).expect("the tenth");
        assert!(throttle.count(&[key("address")], 7).is_err());
    }

    #[test]
    fn addresses_are_counted_by_household() {
        let keys = Keys::new(b"test");
        let key = |ip: &str| address_key(&keys, "login", ip.parse().expect("an address"));
        for (left, right, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:1:2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            assert_eq!(key(left) == key(right), same, "{left} {right}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_blocked_stay_blocked() {
        let throttle = throttle();
        for _ in 0..10 {
            throttle.count(&[key("victim")], 0).expect("free");
        }
        for number in 0..i64::try_from(MAX_KEYS * 2).expect("fits") {
            throttle.count(&[key(&number.to_string())], 1 + number / 100).expect("free");
        }
        assert!(throttle.counted.lock().expect("sound").len() <= MAX_KEYS);
        assert!(throttle.blocked(&key("victim"), 2_000).is_some());
    }
}
