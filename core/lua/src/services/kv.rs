//! Values that scripts keep, in the namespace of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Answer, Clock};

/// Keeps values. Every call is atomic, whichever VM or process it comes from. What has expired is
/// not there.
///
/// An `Err` is a sentence about why the store did not answer.
pub trait Kv: Send + Sync {
    /// The value.
    fn get<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Answer<'a, Result<Option<Vec<u8>>, String>>;

    /// Keeps a value, forever or for a while. The time of an earlier one is forgotten.
    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<(), String>>;

    /// Removes it; whether it was there.
    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Result<bool, String>>;

    /// Adds to a whole number, which begins at 0 with this `ttl`; one that is there keeps its time. The
    /// sum, or a sentence if the value is no whole number in decimal, or the sum leaves ±2^53.
    fn incr<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<Result<i64, String>, String>>;

    /// Replaces `old` (`None`: nothing there) by `new` (`None`: remove); whether `old` was there.
    fn cas<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<bool, String>>;

    /// Keys that begin with `prefix`, after `after`, by their bytes; at most `limit`.
    fn list<'a>(
        &'a self,
        space: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Result<Vec<String>, String>>;
}

/// Largest whole number that scripts can hold exactly.
const EXACT: i64 = 1 << 53;
/// Values that one script may keep in memory.
const MOST: usize = 100_000;
/// Bytes that one script may keep in memory.
const MOST_BYTES: usize = 64 << 20;

/// Values in memory: gone with the process.
pub struct MemoryKv {
    clock: Arc<dyn Clock>,
    spaces: Mutex<BTreeMap<String, Space>>,
}

#[derive(Default)]
struct Space {
    values: BTreeMap<String, Kept>,
    bytes: usize,
}

struct Kept {
    value: Vec<u8>,
    /// Monotonic milliseconds.
    until: Option<u64>,
}

impl Space {
    fn remove(&mut self, key: &str) -> Option<Vec<u8>> {
        let kept = self.values.remove(key)?;
        self.bytes -= key.len() + kept.value.len();
        Some(kept.value)
    }

    fn live(&mut self, key: &str, now: u64) -> Option<&Kept> {
        if self.values.get(key)?.until.is_some_and(|until| until <= now) {
            self.remove(key);
        }
        self.values.get(key)
    }

    fn put(
        &mut self,
        key: &str,
        value: Vec<u8>,
        until: Option<u64>,
        now: u64,
    ) -> Result<(), String> {
        self.remove(key);
        let more = key.len() + value.len();
        let full = |space: &Self| space.values.len() >= MOST || space.bytes + more > MOST_BYTES;
        if full(self) {
            self.values.retain(|_, kept| kept.until.is_none_or(|until| until > now));
            self.bytes = self.values.iter().map(|(key, kept)| key.len() + kept.value.len()).sum();
        }
        if full(self) {
            return Err(format!("at most {MOST} values and {MOST_BYTES} bytes are kept in memory"));
        }
        self.bytes += more;
        self.values.insert(key.to_owned(), Kept { value, until });
        Ok(())
    }
}

impl MemoryKv {
    /// Nothing kept, and this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, spaces: Mutex::default() }
    }

    fn spaces(&self) -> MutexGuard<'_, BTreeMap<String, Space>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a namespace at once.
    fn with<T: Send + 'static>(
        &self,
        space: &str,
        work: impl FnOnce(&mut Space, u64) -> T,
    ) -> Answer<'_, T> {
        let mut spaces = self.spaces();
        let now = self.clock.monotonic();
        let done = work(spaces.entry(space.to_owned()).or_default(), now);
        Box::pin(std::future::ready(done))
    }
}

fn until(now: u64, ttl: Option<Duration>) -> Option<u64> {
    ttl.map(|ttl| now.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)))
}

impl Kv for MemoryKv {
    fn get<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Answer<'a, Result<Option<Vec<u8>>, String>> {
        self.with(space, |space, now| Ok(space.live(key, now).map(|kept| kept.value.clone())))
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<(), String>> {
        self.with(space, |space, now| space.put(key, value, until(now, ttl), now))
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Result<bool, String>> {
        self.with(space, |space, now| {
            let there = space.live(key, now).is_some();
            space.remove(key);
            Ok(there)
        })
    }

    fn incr<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<Result<i64, String>, String>> {
        self.with(space, |space, now| {
            let (before, until) = match space.live(key, now) {
                None => (0, until(now, ttl)),
                Some(kept) => {
                    let number =
                        std::str::from_utf8(&kept.value).ok().and_then(|it| it.parse().ok());
                    let Some(number) = number else {
                        return Ok(Err("the value is no whole number".to_owned()));
                    };
                    (number, kept.until)
                }
            };
            match i64::checked_add(before, by).filter(|sum| (-EXACT..=EXACT).contains(sum)) {
                None => Ok(Err("the sum is too large".to_owned())),
                Some(sum) => {
                    space.put(key, sum.to_string().into_bytes(), until, now)?;
                    Ok(Ok(sum))
                }
            }
        })
    }

    fn cas<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        old: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
        ttl: Option<Duration>,
    ) -> Answer<'a, Result<bool, String>> {
        self.with(space, |space, now| {
            if space.live(key, now).map(|kept| &kept.value) != old.as_ref() {
                return Ok(false);
            }
            match new {
                None => drop(space.remove(key)),
                Some(new) => space.put(key, new, until(now, ttl), now)?,
            }
            Ok(true)
        })
    }

    fn list<'a>(
        &'a self,
        space: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Result<Vec<String>, String>> {
        self.with(space, |space, now| {
            let from = after.map_or(prefix, |after| after.max(prefix)).to_owned();
            let keys = space.values.range(from..).take_while(|(key, _)| key.starts_with(prefix));
            let live = keys.filter(|(_, kept)| kept.until.is_none_or(|until| until > now));
            let keys = live.map(|(key, _)| key.clone());
            Ok(keys
                .filter(|key| after.is_none_or(|after| key.as_str() > after))
                .take(limit)
                .collect())
        })
    }
}
