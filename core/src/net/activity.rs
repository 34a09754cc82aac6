//! What a connection is doing, seen from its bytes and its requests, and until when it may.
//!
//! hyper's own header timer runs also while a connection idles between requests, and knows nothing
//! of peers that stop reading an answer. So the clock is kept here: [`Watched`] sees the bytes,
//! [`Activity`] sums up, and the connection asks [`Activity::due`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

use super::places::Place;
use super::socket::Socket;

/// After our half is closed, the peer's bytes are read and thrown away for this long, and this many:
/// closing with bytes unread resets the connection, and the peer may lose the answer it is about to read.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 4 * 1024 * 1024);

/// A write of fewer bytes may be one of HTTP/2's own frames, which go out also while the peer
/// grants no window for any answer.
const REAL_PROGRESS: usize = 256;

/// More bytes than this without a request are a flood: of PING, SETTINGS or other frames that ask
/// for nothing. What a client may still send of uploads that were refused, over many streams and
/// before it hears of it, is less.
const FLOOD: u64 = 16 * 1024 * 1024;

/// The state of one connection. Times are milliseconds since it began, plus one; 0 is "not".
pub(super) struct Activity {
    began: Instant,
    requests: AtomicUsize,
    /// Of these, the ones for which it is our turn: to handle, or to make the next piece.
    ours: AtomicUsize,
    /// When the peer last took a part of an answer.
    taken: AtomicU64,
    multiplexed: AtomicBool,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    blocked_since: AtomicU64,
    /// Bytes that came while no request ran, since the last one began.
    idle_bytes: AtomicU64,
}

impl Activity {
    /// A connection that begins now and owes its first request.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            requests: AtomicUsize::new(0),
            ours: AtomicUsize::new(0),
            taken: AtomicU64::new(1),
            multiplexed: AtomicBool::new(false),
            idle_since: AtomicU64::new(1),
            head_since: AtomicU64::new(1),
            blocked_since: AtomicU64::new(0),
            idle_bytes: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// A request's fields are complete.
    pub(super) fn request_began(self: &Arc<Self>, multiplexed: bool) -> Running {
        self.multiplexed.store(multiplexed, Relaxed);
        self.head_since.store(0, Relaxed);
        self.idle_bytes.store(0, Relaxed);
        self.ours.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        Running { activity: Arc::clone(self), ours: true }
    }

    fn bytes_came(&self, bytes: usize) {
        if self.requests.load(Relaxed) > 0 {
            return;
        }
        self.idle_bytes.fetch_add(bytes as u64, Relaxed);
        if self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    /// Whether the peer sends and sends, and asks for nothing.
    pub(super) fn floods(&self) -> bool {
        self.idle_bytes.load(Relaxed) > FLOOD
    }

    fn bytes_went(&self, bytes: usize) {
        if self.blocked_since.load(Relaxed) != 0 {
            self.blocked_since.store(0, Relaxed);
        }
        if bytes >= REAL_PROGRESS && self.ours.load(Relaxed) == 0 {
            self.taken.store(self.now(), Relaxed);
        }
    }

    fn write_waits(&self) {
        if self.blocked_since.load(Relaxed) == 0 {
            self.blocked_since.store(self.now(), Relaxed);
        }
    }

    /// When the connection has had its time; `None` while nothing limits it.
    pub(super) fn due(&self, header_timeout: Duration, idle_timeout: Duration) -> Option<Instant> {
        if self.floods() {
            return Some(self.began);
        }
        let at = |millis: u64, plus| self.began + Duration::from_millis(millis - 1) + plus;
        let blocked = match self.blocked_since.load(Relaxed) {
            0 => None,
            since => Some(at(since, idle_timeout)),
        };
        if self.requests.load(Relaxed) > 0 {
            if self.ours.load(Relaxed) > 0 {
                return blocked;
            }
            let untaken = at(self.taken.load(Relaxed), idle_timeout);
            return Some(blocked.map_or(untaken, |blocked| blocked.min(untaken)));
        }
        let idle = at(self.idle_since.load(Relaxed), idle_timeout);
        let waits = match self.head_since.load(Relaxed) {
            // An idle HTTP/2 connection exchanges frames too; only its idleness counts.
            since if since != 0 && !self.multiplexed.load(Relaxed) => at(since, header_timeout),
            _ => idle,
        };
        Some(blocked.map_or(waits, |blocked| blocked.min(waits)))
    }

    /// Whether the connection waits for the next request and has no part of it.
    pub(super) fn idles(&self) -> bool {
        let no_head = self.head_since.load(Relaxed) == 0 || self.multiplexed.load(Relaxed);
        self.requests.load(Relaxed) == 0 && no_head && self.blocked_since.load(Relaxed) == 0
    }
}

/// A request between its fields and the end of its answer.
pub(super) struct Running {
    activity: Arc<Activity>,
    ours: bool,
}

impl Running {
    /// Says whose turn it is: ours to make the next piece of the answer, or the peer's to take one.
    pub(super) fn turn(&mut self, ours: bool) {
        if !ours {
            self.activity.taken.store(self.activity.now(), Relaxed);
        }
        match (self.ours, ours) {
            (false, true) => _ = self.activity.ours.fetch_add(1, Relaxed),
            (true, false) => _ = self.activity.ours.fetch_sub(1, Relaxed),
            _ => {}
        }
        self.ours = ours;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Before the counts fall, so that nobody sees an idle connection with an old time.
        self.activity.idle_since.store(self.activity.now(), Relaxed);
        self.turn(false);
        self.activity.requests.fetch_sub(1, Relaxed);
    }
}

/// A socket whose bytes are noticed, and which is closed gently.
pub(super) struct Watched {
    /// `None` only while it is being dropped.
    stream: Option<(Socket, Place)>,
    activity: Arc<Activity>,
    ended: bool,
    shut: bool,
    /// Bytes came since we last waited for some.
    unacknowledged: bool,
}

impl Watched {
    pub(super) fn new(stream: Socket, place: Place, activity: Arc<Activity>) -> Self {
        let stream = Some((stream, place));
        Self { stream, activity, ended: false, shut: false, unacknowledged: false }
    }

    /// Acknowledges what came, now that we wait for more.
    ///
    /// COMPAT(desktop): it sends head and body of a request in two writes, and its second write
    /// waits for our acknowledgement of the first, which the kernel holds back for 40 ms.
    fn acknowledge(&mut self) {
        if std::mem::take(&mut self.unacknowledged)
            && let Some((stream, _)) = &self.stream
        {
            stream.acknowledge();
        }
    }

    /// Counts the connection to whom it has turned out to be of.
    pub(super) fn take_place(&mut self, place: Place) {
        if let Some((_, old)) = &mut self.stream {
            *old = place;
        }
    }

    fn stream(&mut self) -> Pin<&mut Socket> {
        Pin::new(&mut self.stream.as_mut().expect("only drop takes the stream").0)
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(Ok(bytes)) => self.activity.bytes_went(*bytes),
            Poll::Pending => self.activity.write_waits(),
            Poll::Ready(Err(_)) => {}
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = self.stream().poll_read(cx, buffer);
        match &result {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.activity.bytes_came(buffer.filled().len() - before);
                self.unacknowledged = true;
            }
            Poll::Ready(_) => self.ended = true,
            Poll::Pending => self.acknowledge(),
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = self.stream().poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.stream().poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.stream().poll_shutdown(cx);
        self.shut |= matches!(result, Poll::Ready(Ok(())));
        result
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let Some((mut stream, place)) = self.stream.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.shut && !self.ended {
            runtime.spawn(async move {
                let drain = async {
                    let mut scrap = [0; 4096];
                    let mut left = LINGER.1;
                    while let Ok(1..) = stream.read(&mut scrap).await {
                        left = left.saturating_sub(scrap.len());
                        if left == 0 {
                            break;
                        }
                    }
                };
                // Whether the peer ended or time did, there is nothing more to do.
                let _ = timeout(LINGER.0, drain).await;
                drop(place);
            });
        }
    }
}
