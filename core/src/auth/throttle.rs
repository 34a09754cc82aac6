//! Counting failed logins (`threats` §4): per account, per address, per known device.
//!
//! An attempt is counted **before** it is checked and forgiven if it succeeds, so a burst of
//! parallel guesses counts in full. Where those that are being checked would use up what is left, the
//! next one waits for their end: whole offices log in at nine, and right passwords are no guesses.
//! Valid tokens and sessions never come here.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::keyed::{Keys, Mac};
use super::{AuthError, By, Caller, audit};
use crate::clock::Clock;

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

/// An attempt that was counted and is being checked. Dropped, it has failed.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt<'a> {
    throttle: &'a Throttle,
    keys: Vec<Key>,
    at: i64,
    forgiven: bool,
}

impl Attempt<'_> {
    /// Takes the attempt back: it succeeded, or could not be checked. Other failures stay counted, so
    /// a guesser cannot clear an address by logging in to an account of his own.
    pub(crate) fn forgive(mut self) {
        self.forgiven = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.throttle.settle(&self.keys, self.forgiven.then_some(self.at));
    }
}

/// Why an attempt was not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many failed; how long to wait.
    For(Duration),
    /// Too many would have failed if those fail that are being checked.
    Pending,
}

/// What is known of a key.
#[derive(Debug, Default)]
struct Counter {
    /// When attempts were counted, Unix milliseconds.
    times: VecDeque<i64>,
    /// How many of them are being checked.
    open: usize,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: usize,
    window_millis: i64,
    counted: Mutex<HashMap<Key, Counter>>,
    /// Told whenever an attempt has ended.
    settled: Notify,
}

impl Throttle {
    /// At most `limit` counted attempts in `window`.
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self {
            limit,
            window_millis: i64::try_from(window.as_millis()).unwrap_or(i64::MAX),
            counted: Mutex::default(),
            settled: Notify::new(),
        }
    }

    /// Counts an attempt for all `keys`, at `now` (Unix milliseconds).
    ///
    /// # Errors
    /// [`Refused`] if one of the keys is used up; then nothing is counted.
    pub(crate) fn count(&self, keys: &[Key], now: i64) -> Result<Attempt<'_>, Refused> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = keys.iter().filter_map(|key| self.wait(&mut counted, key, now)).max() {
            return Err(Refused::For(wait));
        }
        let full = |key: &Key| counted.get(key).is_some_and(|it| it.times.len() >= self.limit);
        if keys.iter().any(full) {
            return Err(Refused::Pending);
        }
        if counted.len() + keys.len() > MAX_KEYS {
            self.make_room(&mut counted, now);
        }
        for key in keys {
            let counter = counted.entry(*key).or_default();
            counter.times.push_back(now);
            counter.open += 1;
        }
        Ok(Attempt { throttle: self, keys: keys.to_vec(), at: now, forgiven: false })
    }

    /// The same, after those that are being checked if it hangs on them.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) async fn count_settled(
        &self,
        keys: &[Key],
        clock: &Clock,
    ) -> Result<Attempt<'_>, Duration> {
        loop {
            let mut settled = pin!(self.settled.notified());
            // From here on an end is not missed.
            settled.as_mut().enable();
            match self.count(keys, clock.millis()) {
                Ok(attempt) => return Ok(attempt),
                Err(Refused::For(wait)) => return Err(wait),
                Err(Refused::Pending) => settled.await,
            }
        }
    }

    /// How long `key` has to wait, without counting.
    pub(crate) fn blocked(&self, key: &Key, now: i64) -> Option<Duration> {
        self.wait(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner), key, now)
    }

    /// Ends an attempt; one that is forgiven is taken back.
    fn settle(&self, keys: &[Key], forgiven: Option<i64>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            let Some(counter) = counted.get_mut(key) else { continue };
            counter.open = counter.open.saturating_sub(1);
            let place = forgiven.and_then(|at| counter.times.iter().rposition(|it| *it == at));
            if let Some(place) = place {
                counter.times.remove(place);
            }
            if counter.times.is_empty() {
                counted.remove(key);
            }
        }
        drop(counted);
        self.settled.notify_waiters();
    }

    fn wait(&self, counted: &mut HashMap<Key, Counter>, key: &Key, now: i64) -> Option<Duration> {
        let Counter { times, open } = counted.get_mut(key)?;
        while times.front().is_some_and(|at| at.saturating_add(self.window_millis) <= now) {
            times.pop_front();
        }
        // Those that are being checked have not failed yet.
        let failed = times.len().saturating_sub(*open);
        let oldest = failed.checked_sub(self.limit).and_then(|index| times.get(index))?;
        let left = oldest.saturating_add(self.window_millis) - now;
        // A clock that was set back must not lock anybody out for longer than the window.
        u64::try_from(left.min(self.window_millis)).ok().map(Duration::from_millis)
    }

    /// Drops what is over, and if that is not enough the quarter that failed longest ago.
    fn make_room(&self, counted: &mut HashMap<Key, Counter>, now: i64) {
        let over = now - self.window_millis;
        counted.retain(|_, counter| counter.times.back().is_some_and(|at| *at > over));
        if counted.len() > MAX_KEYS / 4 * 3 {
            let mut last: Vec<i64> =
                counted.values().filter_map(|counter| counter.times.back().copied()).collect();
            let quarter = last.len() / 4;
            let (_, border, _) = last.select_nth_unstable(quarter);
            let border = *border;
            counted.retain(|_, Counter { times, .. }| {
                times.len() >= self.limit || times.back() > Some(&border)
            });
            // Everybody is blocked or failed in the same instant: memory goes first.
            if counted.len() > MAX_KEYS / 4 * 3 {
                counted.clear();
            }
        }
    }
}

/// A refusal of somebody who has tried too often, noted.
pub(super) fn throttled(caller: &Caller, login: &str, retry_after: Duration) -> AuthError {
    audit!(&By::caller(caller, login), "login throttled", ?retry_after);
    AuthError::Throttled { retry_after }
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
        assert_eq!(refused.err(), Some(Refused::For(Duration::from_secs(20 * 60))));
        assert!(throttle.count(&[key("bob")], 10 * MINUTE).is_ok(), "others are not concerned");
        assert!(throttle.count(&[key("ALICE")], 29 * MINUTE).is_err(), "nor is case");
        assert!(throttle.count(&[key("alice")], 30 * MINUTE).is_ok());
    }

    #[test]
    fn a_refused_attempt_counts_for_nobody() {
        let throttle = throttle();
        for _ in 0..10 {
            drop(throttle.count(&[key("alice")], 0).expect("free"));
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
            drop(throttle.count(&[key("address")], 0).expect("free"));
        }
        for _ in 0..20 {
            let attempt = throttle.count(&[key("address")], 5).expect("free");
            attempt.forgive();
        }
        drop(throttle.count(&[key("address")], 6).expect("the tenth"));
        assert!(throttle.count(&[key("address")], 7).is_err());
    }

    #[tokio::test]
    async fn those_that_are_being_checked_are_waited_for_and_not_held_against_others() {
        let throttle = throttle();
        let clock = Clock::fixed(5);
        let keys = [key("office")];
        let mut open: Vec<Attempt<'_>> =
            (0..10).map(|_| throttle.count(&keys, 0).expect("free")).collect();
        assert_eq!(throttle.count(&keys, 1).err(), Some(Refused::Pending));
        assert_eq!(throttle.blocked(&keys[0], 1), None);
        let ends = async {
            tokio::task::yield_now().await;
            open.pop().expect("ten").forgive();
        };
        let (eleventh, ()) = tokio::join!(throttle.count_settled(&keys, &clock), ends);
        eleventh.expect("one of the ten was right").forgive();
        // All others are wrong: who waits for them is refused when the tenth has failed.
        drop(throttle.count(&keys, 6).expect("one is left"));
        let ends = async {
            tokio::task::yield_now().await;
            open.clear();
        };
        let (refused, ()) = tokio::join!(throttle.count_settled(&keys, &clock), ends);
        assert!(refused.is_err(), "ten have failed");
        assert!(throttle.blocked(&keys[0], 7).is_some());
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
            drop(throttle.count(&[key("victim")], 0).expect("free"));
        }
        for number in 0..i64::try_from(MAX_KEYS * 2).expect("fits") {
            drop(throttle.count(&[key(&number.to_string())], 1 + number / 100).expect("free"));
        }
        assert!(throttle.counted.lock().expect("sound").len() <= MAX_KEYS);
        assert!(throttle.blocked(&key("victim"), 2_000).is_some());
    }
}
