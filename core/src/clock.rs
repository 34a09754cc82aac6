//! The only place that reads the wall clock. Tests move it by hand, so nothing sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time. Cheap to clone.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `millis` (Unix milliseconds) until it is moved.
    pub fn fixed(millis: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(millis))))
    }

    /// Moves a fixed clock; no effect on the system's.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(millis) = &self.0 {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }

    /// Unix milliseconds.
    pub fn millis(&self) -> i64 {
        match &self.0 {
            Some(millis) => millis.load(Ordering::Relaxed),
            None => system_millis(),
        }
    }

    /// Unix seconds.
    pub fn seconds(&self) -> i64 {
        self.millis().div_euclid(1000)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
