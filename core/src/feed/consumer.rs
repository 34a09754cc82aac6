//! One sink and its place in the feed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use moonsail_sdk::events::{Delivered, Event, EventSink, is_meant};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::metrics::Standing;
use super::{FeedSettings, event};
use crate::store::feed::Cursor;
use crate::store::{self, Store, StoreError};

/// A cursor is kept at most so long after what it stands behind was acknowledged: a crash lets a
/// sink hear again of so much, and a busy server writes no more than this.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause that a sink can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(86_400);

/// A sink with its cursor.
pub(super) struct Consumer {
    store: Arc<dyn Store>,
    committed: watch::Receiver<u64>,
    sink: Arc<dyn EventSink>,
    /// What it wanted last.
    interest: Vec<String>,
    settings: FeedSettings,
    standing: Standing,
    /// Acknowledged up to here.
    cursor: Cursor,
    /// What of it is kept, and since when more is due.
    kept: u64,
    due: Option<Instant>,
    failures: u32,
}

impl Consumer {
    pub(super) fn new(
        store: Arc<dyn Store>,
        sink: Arc<dyn EventSink>,
        cursor: Cursor,
        settings: FeedSettings,
        standing: Standing,
    ) -> Self {
        let (committed, kept, interest) = (store.committed(), cursor.seq, sink.interest());
        Self {
            store,
            committed,
            sink,
            interest,
            settings,
            standing,
            cursor,
            kept,
            due: None,
            failures: 0,
        }
    }

    /// Works until it is told to stop. A call that runs then is dropped: its events come again.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            tokio::select! {
                _told = stop.changed() => break,
                () = self.step() => {}
            }
        }
        self.keep().await;
    }

    /// One page, or one pause. Whatever is dropped in its midst is done again by the next.
    async fn step(&mut self) {
        // Seen before the page is read: what is committed after that wakes us again.
        let newest = *self.committed.borrow_and_update();
        let page = match self.page().await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(sink = self.cursor.name, %error, "the feed cannot be read now");
                return sleep(self.settings.first_pause).await;
            }
        };
        let Some((last, events)) = page else {
            self.standing.reached(newest.max(self.cursor.seq));
            return self.wait().await;
        };
        if !events.is_empty() {
            let number = events.len() as u64;
            match self.deliver(events).await {
                Delivered::Ack => {
                    self.failures = 0;
                    self.standing.delivered(number);
                }
                Delivered::RetryAfter(wish) => {
                    self.failures = self.failures.saturating_add(1);
                    self.standing.failed();
                    return self.pause(wish).await;
                }
            }
        }
        self.cursor.seq = last;
        self.standing.reached(last);
        let due = *self.due.get_or_insert_with(|| Instant::now() + KEEP_EVERY);
        if due <= Instant::now() {
            self.keep().await;
        }
    }

    /// What follows the cursor: how far it goes, and what of it the sink wants.
    async fn page(&mut self) -> Result<Option<(u64, Vec<Event>)>, StoreError> {
        let (after, limit) = (self.cursor.seq, self.settings.batch);
        // A plugin that was loaded anew may want others. One that is not there says that it wants
        // none, and must not miss what comes meanwhile.
        let interest = Some(self.sink.interest()).filter(|patterns| !patterns.is_empty());
        if let Some(interest) = interest {
            self.interest = interest;
        }
        let interest = self.interest.clone();
        store::read(&self.store, move |tx| {
            let page = tx.feed(after, limit)?;
            let Some(last) = page.last().map(|logged| logged.change.stamp.seq()) else {
                return Ok(None);
            };
            let mut events = Vec::new();
            for logged in page {
                let name = event::name(logged.change.kind, logged.folder);
                if interest.iter().any(|pattern| is_meant(pattern, name)) {
                    events.push(event::event(tx, logged)?);
                }
            }
            Ok(Some((last, events)))
        })
        .await
    }

    async fn deliver(&self, events: Vec<Event>) -> Delivered {
        let call = AssertUnwindSafe(async { self.sink.deliver(events).await }).catch_unwind();
        let why = match timeout(self.settings.deliver_timeout, call).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(_)) => "it panicked",
            Err(_) => "it took too long",
        };
        tracing::warn!(sink = self.cursor.name, "events were not delivered: {why}");
        Delivered::RetryAfter(Duration::ZERO)
    }

    /// Nothing to do: until something is committed. What is due is kept meanwhile.
    async fn wait(&mut self) {
        let Some(due) = self.due else {
            // An index that is closed commits nothing more; the end is near.
            return match self.committed.changed().await {
                Ok(()) => {}
                Err(_) => std::future::pending().await,
            };
        };
        tokio::select! {
            _more = self.committed.changed() => {}
            () = sleep_until(due) => self.keep().await,
        }
    }

    /// After a failure: as long as the sink wants, or longer after each. What was acknowledged
    /// before is kept first.
    async fn pause(&mut self, wish: Duration) {
        let pause = match wish {
            Duration::ZERO => {
                let doubled = 1 << self.failures.saturating_sub(1).min(16);
                self.settings.first_pause.saturating_mul(doubled).min(LONGEST_PAUSE)
            }
            wish => wish.min(LONGEST_WISH),
        };
        if self.failures == 1 {
            tracing::warn!(sink = self.cursor.name, ?pause, "events wait for a sink");
        }
        let until = Instant::now() + pause;
        self.keep().await;
        sleep_until(until).await;
    }

    /// Writes the cursor, if it has moved.
    async fn keep(&mut self) {
        self.due = None;
        if self.kept == self.cursor.seq {
            return;
        }
        let cursor = self.cursor.clone();
        match store::write(&self.store, move |tx| tx.put_cursor(&cursor)).await {
            Ok(()) => self.kept = self.cursor.seq,
            Err(error) => {
                let error: StoreError = error;
                self.due = Some(Instant::now() + KEEP_EVERY);
                tracing::warn!(sink = self.cursor.name, %error, "its place is not kept yet");
            }
        }
    }
}
