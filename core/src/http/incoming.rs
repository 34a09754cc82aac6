//! Request bodies as the rooms read them: cut, slow and unread ones are told apart here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::HttpLimits;
use crate::wire::{BodyError, BodySource};

/// What is left of a body that nobody wanted is read up to this size and time, so that the
/// connection can go on; more of it closes the connection.
const DRAIN: (u64, Duration) = (64 * 1024, Duration::from_secs(1));

/// What the pipeline learns of a body while a room reads it.
#[derive(Debug, Default)]
pub(super) struct BodyState {
    /// Bytes read.
    pub(super) bytes: AtomicU64,
    /// Whether the body came too slowly.
    pub(super) too_slow: AtomicBool,
    /// Whether so much of it is left unread that an HTTP/1.1 connection cannot go on.
    pub(super) abandoned: AtomicBool,
}

/// A request body, as hyper reads it.
pub(super) struct IncomingSource {
    /// `None` once the body has ended, well or badly.
    incoming: Option<Incoming>,
    state: Arc<BodyState>,
    pace: Pace,
    http2: bool,
    /// The client waits for `100 Continue`, and nobody has asked for the body yet.
    awaited: bool,
    received: u64,
}

impl IncomingSource {
    pub(super) fn new(
        incoming: Incoming,
        version: Version,
        expects_continue: bool,
        limits: &HttpLimits,
    ) -> (Self, Arc<BodyState>) {
        let state = Arc::new(BodyState::default());
        let source = Self {
            incoming: Some(incoming),
            state: Arc::clone(&state),
            pace: Pace::new(limits.body_bytes_per_second, limits.body_window),
            http2: version == Version::HTTP_2,
            awaited: expects_continue,
            received: 0,
        };
        (source, state)
    }
}

impl BodySource for IncomingSource {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.awaited = false;
        loop {
            let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
            let frame = match Pin::new(&mut *incoming).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(self.pace.poll_too_slow(cx));
                    self.incoming = None;
                    self.state.too_slow.store(true, Relaxed);
                    return Poll::Ready(Some(Err(BodyError::TooSlow)));
                }
            };
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue }; // trailers mean nothing to us
                    self.pace.came(data.len() as u64, Instant::now());
                    if data.is_empty() {
                        continue;
                    }
                    self.received += data.len() as u64;
                    self.state.bytes.fetch_add(data.len() as u64, Relaxed);
                    return Poll::Ready(Some(Ok(data)));
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "request body cut");
                    self.incoming = None;
                    return Poll::Ready(Some(Err(BodyError::Cut)));
                }
                None => {
                    // hyper reads RST_STREAM(NO_ERROR) as an end; only END_STREAM is one.
                    let whole = !self.http2 || incoming.is_end_stream();
                    self.incoming = None;
                    return Poll::Ready(if whole { None } else { Some(Err(BodyError::Cut)) });
                }
            }
        }
    }
}

impl Drop for IncomingSource {
    fn drop(&mut self) {
        let Some(mut incoming) = self.incoming.take() else { return };
        // Over HTTP/2 only the stream ends.
        if self.http2 || incoming.is_end_stream() {
            return;
        }
        let left = incoming.size_hint().exact().map(|all| all.saturating_sub(self.received));
        // A client told to wait may or may not send its body now; nobody can tell what comes next.
        if self.awaited || left.is_some_and(|left| left > DRAIN.0) {
            self.state.abandoned.store(true, Relaxed);
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let mut read = 0;
            let drain = async {
                while let Some(Ok(frame)) = incoming.frame().await {
                    read += frame.data_ref().map_or(0, |data| data.len() as u64);
                    if read > DRAIN.0 {
                        break;
                    }
                }
            };
            // Drained or not: dropping `incoming` lets hyper go on or close.
            let _ = timeout(DRAIN.1, drain).await;
        });
    }
}

/// Measures how fast a body comes: only while we wait for it, so that a reader busy with its disk
/// is not held against the client.
struct Pace {
    /// Bytes that a window must bring.
    quota: u64,
    window: Duration,
    /// Since when we wait.
    waiting: Option<Instant>,
    /// Waited in this window before.
    waited: Duration,
    /// Came in this window.
    bytes: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(bytes_per_second: u64, window: Duration) -> Self {
        let quota = u128::from(bytes_per_second) * window.as_millis() / 1000;
        let quota = u64::try_from(quota).unwrap_or(u64::MAX);
        Self { quota, window, waiting: None, waited: Duration::ZERO, bytes: 0, timer: None }
    }

    fn came(&mut self, bytes: u64, now: Instant) {
        if let Some(since) = self.waiting.take() {
            self.waited += now.duration_since(since);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= self.quota {
            self.waited = Duration::ZERO;
            self.bytes = 0;
        }
    }

    /// When this window of waiting is over, if nothing comes until then.
    fn due(&mut self, now: Instant) -> Instant {
        let since = *self.waiting.get_or_insert(now);
        since + self.window.saturating_sub(self.waited)
    }

    /// Ready when a whole window of waiting has brought less than its quota. To be polled while
    /// nothing has come.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.due(Instant::now());
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        loop {
            // A timer that is too early is moved when it fires: a fast body touches none.
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pace_is_measured_over_the_time_we_wait() {
        let mut pace = Pace::new(10, 4 * SECOND);
        let mut now = Instant::now();
        for round in 0..20 {
            assert_eq!(pace.due(now), now + 4 * SECOND, "a quota in time, round {round}");
            now += 3 * SECOND;
            pace.came(40, now);
        }
        for waited in 0..3 {
            assert_eq!(pace.due(now), now + (4 - waited) * SECOND, "waited {waited} s before");
            now += SECOND;
            pace.came(1, now);
            now += 100 * SECOND; // we are busy; the client is not to blame
        }
        assert_eq!(pace.due(now), now + SECOND, "three seconds of waiting brought three bytes");
        assert_eq!(pace.due(now + SECOND), now + SECOND, "asking again does not help");
    }
}
