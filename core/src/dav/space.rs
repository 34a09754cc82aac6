//! Free space on the disk: what is new stops before the disk is full (`storage.min_free_bytes`), so
//! that the index can go on and reading, moving and deleting work.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::context::Context;
use super::{Dav, DavError};
use crate::content::Content;
use crate::storage::{StorageError, StorageNo};

/// How long a measurement counts; what was promised meanwhile is taken off it.
const FRESH: Duration = Duration::from_secs(1);

/// The last measurement of each storage: when, and how much of it is not yet promised to somebody.
#[derive(Debug, Default)]
pub(super) struct Space(Mutex<HashMap<StorageNo, (Instant, u64)>>);

impl Space {
    /// Takes `bytes` off what was measured lately. `None` if that is too old to say.
    fn take(&self, no: StorageNo, bytes: u64) -> Option<Result<u64, Shortage>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, left) = last.get_mut(&no)?;
        match left.checked_sub(bytes) {
            _ if at.elapsed() >= FRESH => None,
            // A folder takes no bytes, and yet there must be some.
            Some(rest) if *left > 0 => {
                *left = rest;
                Some(Ok(rest))
            }
            _ => Some(Err(Shortage)),
        }
    }

    fn measured(&self, no: StorageNo, left: u64) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(no, (Instant::now(), left));
    }
}

/// The disk is too full for it.
struct Shortage;

impl Context<'_> {
    /// Refuses `bytes` more for which the disk of the resource has no room as things are now (507),
    /// and else sets them aside. Gives what is left then; `None` if the storage cannot tell.
    pub(super) async fn require_space(&self, bytes: u64) -> Result<Option<u64>, DavError> {
        self.dav.require_space(&self.content, bytes).await
    }
}

impl Dav {
    /// The same for what is staged by `content`.
    pub(super) async fn require_space(
        &self,
        content: &Content,
        bytes: u64,
    ) -> Result<Option<u64>, DavError> {
        let no = content.stages_on();
        if let Some(Ok(left)) = self.space.take(no, bytes) {
            return Ok(Some(left));
        }
        let Some(free) = content.free_space().await? else { return Ok(None) };
        self.space.measured(no, free.saturating_sub(self.settings.min_free_bytes));
        match self.space.take(no, bytes) {
            Some(Ok(left)) => Ok(Some(left)),
            // Less than an instant ago it was fresh: the machine stood still meanwhile.
            None => Ok(None),
            Some(Err(Shortage)) => Err(DavError::Content(StorageError::Full.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_is_taken_off() {
        let space = Space::default();
        let (one, other) = (StorageNo::DATA, StorageNo(1));
        assert!(space.take(one, 0).is_none(), "nothing is known yet");
        space.measured(one, 10);
        assert!(matches!(space.take(one, 4), Some(Ok(6))));
        assert!(space.take(other, 4).is_none(), "another disk is measured by itself");
        assert!(matches!(space.take(one, 7), Some(Err(Shortage))));
        assert!(matches!(space.take(one, 6), Some(Ok(0))));
        assert!(matches!(space.take(one, 0), Some(Err(Shortage))), "not even a folder");
        space.0.lock().unwrap().insert(one, (Instant::now() - FRESH, 10));
        assert!(space.take(one, 1).is_none(), "that is too long ago");
    }
}
