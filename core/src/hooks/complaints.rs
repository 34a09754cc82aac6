//! Errors of hooks in the log: each once a minute, with how many there were meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a hook's errors about one event are counted before the next line.
const QUIET: Duration = Duration::from_secs(60);

/// When a hook's error about an event was logged, and how many came since.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<HashMap<Subject, (Instant, u64)>>);

/// Whose error about which event.
type Subject = (String, &'static str);

impl Complaints {
    /// How many errors were left out since the last line; `None` if this one is to be left out, too.
    pub(crate) fn note(&self, listener: &str, event: &'static str, now: Instant) -> Option<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get_mut(&(listener.to_owned(), event)) {
            Some((since, more)) if now.duration_since(*since) < QUIET => {
                *more += 1;
                None
            }
            Some((since, more)) => {
                *since = now;
                Some(std::mem::take(more))
            }
            None => {
                known.insert((listener.to_owned(), event), (now, 0));
                Some(0)
            }
        }
    }

    /// Begins anew, when the hooks are other ones.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_were_left_out() {
        let complaints = Complaints::default();
        let now = Instant::now();
        assert_eq!(complaints.note("a", "request", now), Some(0));
        assert_eq!(complaints.note("a", "request", now), None);
        assert_eq!(complaints.note("a", "request", now), None);
        assert_eq!(complaints.note("a", "response", now), Some(0), "another event");
        assert_eq!(complaints.note("b", "request", now), Some(0), "another hook");
        assert_eq!(complaints.note("a", "request", now + QUIET), Some(2));
        complaints.clear();
        assert_eq!(complaints.note("a", "request", now), Some(0), "other hooks");
    }
}
