//! Forgetting what is old and what everybody was told of.
//!
//! Changes are counted by their sequence numbers, which costs nothing. A restore leaves a gap in them: what
//! was before it is then more than is kept, and goes once everybody was told.

use std::sync::Arc;
use std::time::Duration;

use super::FeedSettings;
use crate::clock::Clock;
use crate::store::{self, Store, StoreError};

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How many changes one job deletes, so that no write waits long for it.
const SLICE: usize = 500;

/// Prunes now and from time to time, for ever.
pub(super) async fn run(store: Arc<dyn Store>, settings: FeedSettings, clock: Clock) {
    loop {
        match prune(&store, &settings, clock.millis()).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::debug!(forgotten, "old changes were forgotten"),
            Err(error) => tracing::warn!(%error, "old changes stay in the feed for now"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Forgets what is older than it must be kept, or more than are kept, and is behind every cursor;
/// gives how many changes. `now` in Unix milliseconds.
///
/// # Errors
/// [`StoreError`].
pub async fn prune(
    store: &Arc<dyn Store>,
    settings: &FeedSettings,
    now: i64,
) -> Result<usize, StoreError> {
    let keep = i64::try_from(settings.keep.as_millis()).unwrap_or(i64::MAX);
    let (before, keep_changes) = (now.saturating_sub(keep), settings.keep_changes);
    let mut forgotten = 0;
    loop {
        let slice = store::write(store, move |tx| {
            let told = tx.cursors()?.iter().map(|cursor| cursor.seq).min().unwrap_or(u64::MAX);
            let too_many = tx.last_seq()?.saturating_sub(keep_changes);
            let oldest = tx.feed(0, SLICE)?;
            let is_old = |seq: u64, time: i64| seq <= told && (seq <= too_many || time < before);
            let mut changes = oldest.iter().map(|it| (it.change.stamp.seq(), it.change.time));
            // Up to the first that stays: a clock that was set back leaves no holes.
            let stays = changes.position(|(seq, time)| !is_old(seq, time));
            let last = match stays {
                Some(0) => return Ok(0),
                Some(stays) => oldest.get(stays - 1),
                None => oldest.last(),
            };
            let Some(last) = last else { return Ok(0) };
            tx.forget_changes(last.change.stamp.seq(), SLICE)
        });
        let slice: usize = slice.await?;
        forgotten += slice;
        if slice < SLICE {
            return Ok(forgotten);
        }
    }
}
