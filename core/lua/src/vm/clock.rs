//! One coarse clock for all VMs: reading it costs a load, so the interpreter can read it at every turn of a
//! loop.
//!
//! A thread stores the real time once a millisecond (it does not count its own turns, which would make a
//! busy machine's seconds long), and sleeps for good while no script runs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How often the time is stored.
const TICK: Duration = Duration::from_millis(1);

/// How long the thread goes on after the last script, in microseconds.
const LINGER: u64 = 200_000;

/// What was stored last: microseconds since [`start`].
static NOW: AtomicU64 = AtomicU64::new(0);
/// When a script ran last.
static USED: AtomicU64 = AtomicU64::new(0);
/// How many scripts run just now.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// Whether the thread sleeps, or is about to.
static ASLEEP: AtomicBool = AtomicBool::new(false);
/// The thread.
static TICKER: OnceLock<Option<Thread>> = OnceLock::new();

/// When time began.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Starts the thread, once for the process. `false` if the system has no thread for it.
pub(super) fn install() -> bool {
    let ticker = TICKER.get_or_init(|| {
        let spawned = thread::Builder::new().name("lua-clock".into()).spawn(tick);
        spawned.ok().map(|handle| handle.thread().clone())
    });
    ticker.is_some()
}

/// The stored time, in microseconds.
#[inline]
pub(super) fn coarse() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// The real time, in microseconds; stored too.
pub(super) fn exact() -> u64 {
    let now = u64::try_from(start().elapsed().as_micros()).unwrap_or(u64::MAX);
    NOW.fetch_max(now, Ordering::Relaxed);
    now
}

/// Keeps the clock going, for as long as a script runs.
pub(super) struct Going {
    /// When it began, in microseconds.
    pub(super) since: u64,
}

impl Going {
    pub(super) fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let since = exact();
        USED.store(since, Ordering::SeqCst);
        if ASLEEP.load(Ordering::SeqCst)
            && let Some(Some(ticker)) = TICKER.get()
        {
            ticker.unpark();
        }
        Self { since }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the thread does.
fn tick() {
    loop {
        thread::sleep(TICK);
        let unused = |now: u64| {
            RUNNING.load(Ordering::SeqCst) == 0
                && now.saturating_sub(USED.load(Ordering::SeqCst)) > LINGER
        };
        if unused(exact()) {
            ASLEEP.store(true, Ordering::SeqCst);
            // A script that started in between has either seen `ASLEEP` (and wakes us) or is seen here.
            if unused(exact()) {
                thread::park();
            }
            ASLEEP.store(false, Ordering::SeqCst);
        }
    }
}
