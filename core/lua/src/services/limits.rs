//! How often something was done lately: token buckets, by the moment when each is full again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Clock;

/// Buckets that are kept; when there are more, those that are full again are forgotten.
const MOST: usize = 100_000;

/// Token buckets of all scripts.
pub struct RateLimits {
    clock: Arc<dyn Clock>,
    /// When a bucket is full again, in monotonic milliseconds.
    full_at: Mutex<HashMap<(String, String), f64>>,
}

impl RateLimits {
    /// All full, and this clock.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, full_at: Mutex::default() }
    }

    /// Takes `cost` of a bucket that holds `limit` and is filled within `per`. `Err` says how long to
    /// wait; nothing was taken then.
    pub(crate) fn take(
        &self,
        script: &str,
        key: &str,
        limit: f64,
        per: Duration,
        cost: f64,
    ) -> Result<(), Duration> {
        let per = per.as_secs_f64() * 1000.0;
        let now = self.clock.monotonic() as f64;
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, full_at| *full_at > now);
        }
        let at = (script.to_owned(), key.to_owned());
        let full_at = buckets.get(&at).copied().unwrap_or(now).max(now) + cost * per / limit;
        // Half a millisecond of grace: the clock has whole ones.
        let wait = full_at - now - per;
        if wait > 0.5 {
            return Err(Duration::from_secs_f64(wait / 1000.0));
        }
        // Everything is in use: whoever comes now has to wait, lest memory grow without end.
        if buckets.len() >= MOST && !buckets.contains_key(&at) {
            return Err(Duration::from_secs_f64(per / 1000.0));
        }
        buckets.insert(at, full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::FakeClock;

    #[test]
    fn a_bucket_fills_up_again() {
        let clock = Arc::new(FakeClock::default());
        let limits = RateLimits::new(Arc::clone(&clock) as _);
        let minute = Duration::from_secs(60);
        let take = |key: &str| limits.take("s", key, 3.0, minute, 1.0);
        for _ in 0..3 {
            assert_eq!(take("a"), Ok(()));
        }
        assert_eq!(take("a"), Err(Duration::from_secs(20)));
        assert_eq!(take("b"), Ok(()), "another key");
        assert_eq!(limits.take("t", "a", 3.0, minute, 1.0), Ok(()), "another script");
        clock.advance(Duration::from_secs(19));
        assert_eq!(take("a"), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(take("a"), Ok(()));
        assert!(take("a").is_err());
        clock.advance(Duration::from_secs(600));
        assert_eq!(limits.take("s", "a", 3.0, minute, 3.0), Ok(()), "full, and no more than full");
        assert!(take("a").is_err());
        assert!(limits.take("s", "new", 3.0, minute, 4.0).is_err(), "more than it holds");
    }

    #[test]
    fn forgotten_buckets_are_the_full_ones() {
        let clock = Arc::new(FakeClock::default());
        let limits = RateLimits::new(Arc::clone(&clock) as _);
        let day = Duration::from_secs(86_400);
        assert_eq!(limits.take("s", "mine", 1.0, day, 1.0), Ok(()));
        for number in 1..MOST {
            assert_eq!(
                limits.take("s", &number.to_string(), 1.0, Duration::from_secs(1), 1.0),
                Ok(())
            );
        }
        assert!(limits.take("s", "more", 1.0, day, 1.0).is_err(), "all are in use");
        clock.advance(Duration::from_secs(2));
        assert_eq!(limits.take("s", "more", 1.0, day, 1.0), Ok(()));
        assert!(limits.take("s", "mine", 1.0, day, 1.0).is_err(), "still empty");
    }
}
