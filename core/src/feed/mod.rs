//! Those who follow the change feed: each sink is told what is committed, in order, at least once.
//!
//! A sink has a task and a cursor of its own. The task sleeps until something is committed, reads a
//! page of the feed behind the cursor, hands over what the sink wants of it, and goes on when that is
//! acknowledged; else it waits and begins with the same change again. Nothing is queued but the page
//! in hand: the feed itself is the queue, on disk. So a slow sink holds up nobody, a dead one takes
//! no memory, and a restart goes on where the cursor was kept.

mod consumer;
mod event;
mod metrics;
mod prune;

use std::sync::Arc;
use std::time::Duration;

use moonsail_sdk::events::EventSink;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::store::feed::Cursor;
use crate::store::{self, Store, StoreError};
use consumer::Consumer;
pub use metrics::FeedMetrics;
pub use prune::prune;

/// How the feed is followed and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// Most events of one call.
    pub batch: usize,
    /// How long one call may take.
    pub deliver_timeout: Duration,
    /// The pause after a first failure; it doubles with each that follows.
    pub first_pause: Duration,
    /// How long what has happened is kept at least until it is forgotten.
    pub keep: Duration,
    /// How many changes are kept at most, of those that everybody was told of.
    pub keep_changes: u64,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            batch: 100,
            deliver_timeout: Duration::from_secs(30),
            first_pause: Duration::from_secs(1),
            keep: Duration::from_secs(30 * 86_400),
            keep_changes: 1_000_000,
        }
    }
}

/// The sinks at work.
pub struct Feed {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Feed {
    /// Takes the sinks into service, each under its name. A sink that was never seen begins with what
    /// happens from now on; whoever has a cursor and is no longer among them is forgotten. `absent` are
    /// the names of those who will be back: they keep their place.
    ///
    /// # Errors
    /// [`StoreError`] if the cursors cannot be read or written.
    pub async fn start(
        store: Arc<dyn Store>,
        sinks: Vec<(String, Arc<dyn EventSink>)>,
        absent: Vec<String>,
        settings: FeedSettings,
        clock: Clock,
        metrics: &FeedMetrics,
    ) -> Result<Self, StoreError> {
        let names = sinks.iter().map(|(name, _)| name.clone()).collect();
        let cursors = take_in(&store, names, absent).await?;
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (pruning, mut end) =
            (prune::run(Arc::clone(&store), settings.clone(), clock), stopping.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = pruning => {}
                _told = end.wait_for(|stop| *stop) => {}
            }
        });
        for (cursor, (_, sink)) in cursors.into_iter().zip(sinks) {
            let standing = metrics.add(&cursor.name, cursor.seq, store.committed());
            let consumer =
                Consumer::new(Arc::clone(&store), sink, cursor, settings.clone(), standing);
            tasks.spawn(consumer.run(stopping.clone()));
        }
        Ok(Self { tasks, stop })
    }

    /// Ends it: what is not acknowledged yet comes again after the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Cursors of these names, in their order; those of others are removed.
async fn take_in(
    store: &Arc<dyn Store>,
    names: Vec<String>,
    absent: Vec<String>,
) -> Result<Vec<Cursor>, StoreError> {
    store::write(store, move |tx| {
        let known = tx.cursors()?;
        let stays =
            |cursor: &&Cursor| names.contains(&cursor.name) || absent.contains(&cursor.name);
        for gone in known.iter().filter(|cursor| !stays(cursor)) {
            tracing::info!(sink = gone.name, "its place in the feed is forgotten: it is not used");
            tx.remove_cursor(&gone.name)?;
        }
        let newest = tx.last_seq()?;
        let mut cursors = Vec::new();
        for name in names {
            let cursor = match known.iter().find(|cursor| cursor.name == name) {
                Some(cursor) => cursor.clone(),
                None => Cursor { name, seq: newest },
            };
            tx.put_cursor(&cursor)?;
            cursors.push(cursor);
        }
        Ok(cursors)
    })
    .await
}
