//! The asking side of a [`Done`]: a call of the other side as a future.
//!
//! The other side gets a number, not a pointer. So an answer that comes twice, or after nobody waits
//! any more, finds nothing, and does no harm.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::oneshot;

use super::convert::{Malformed, read_struct, size_of};
use super::waiting::Waiting;
use super::{
    CODE_INTERNAL, CODE_OK, CODE_TIMEOUT, CODE_UNSUPPORTED, CallInfo, Done, Op, Outcome, Str,
};
use crate::BoxFuture;

/// How much later than announced a call is given up.
const GRACE: Duration = Duration::from_secs(2);

/// An answer that is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// One of the `CODE_` constants.
    pub code: i32,
    /// What the other side says.
    pub message: String,
    /// When to try again, if it says so.
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The function is not there.
    pub(crate) fn not_offered() -> Self {
        Self::new(CODE_UNSUPPORTED, "the plugin does not offer this")
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::new(CODE_INTERNAL, format!("a malformed answer: {error}"))
    }
}

type Taker = Box<dyn FnOnce(Option<&Outcome>) + Send>;

/// Calls that wait for their answer.
static WAITING: LazyLock<Waiting<Taker>> = LazyLock::new(Waiting::new);

/// Answers that came twice, or to nobody's question. For tests and metrics.
pub fn strays() -> usize {
    WAITING.strays()
}

/// Calls that were begun and not answered yet.
pub fn unanswered() -> usize {
    WAITING.len()
}

unsafe extern "C" fn complete(ctx: *mut c_void, outcome: *const Outcome) {
    let number = ctx as usize as u64;
    let Some(taker) = WAITING.called(number) else { return };
    // SAFETY: rule 4: the other side keeps it alive until this returns.
    let outcome = unsafe { read_struct::<Outcome>(outcome.cast()) };
    // A reader that panics has dropped its sender, which says that there is no answer.
    let _panicked = catch_unwind(AssertUnwindSafe(|| taker(outcome.as_ref().ok())));
}

/// A call that was begun. Dropping it tells the other side that nobody waits.
struct Begun(*mut Op, bool);

// SAFETY: rule 3: its functions may be called from any thread.
unsafe impl Send for Begun {}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: the other side gave it for exactly this, and it is released below.
        let head = unsafe { ptr::read_unaligned(self.0) };
        if let Some(cancel) = head.cancel.filter(|_| !self.1) {
            // SAFETY: once, and before the release.
            unsafe { cancel(self.0) }
        }
        if let Some(release) = head.release {
            // SAFETY: once.
            unsafe { release(self.0) }
        }
    }
}

/// Begins a call at once, by `start`, and gives its answer as a future. `read` makes a value of an
/// outcome, whatever its code, while what that points to is alive. `keep` lives until the answer has
/// come, whoever waits for it.
///
/// Without an answer within `timeout` (and a little) the call is cancelled: `CODE_TIMEOUT`.
pub(crate) fn ask<T: Send + 'static>(
    timeout: Duration,
    keep: impl Send + 'static,
    read: impl FnOnce(&Outcome) -> Result<T, Failure> + Send + 'static,
    start: impl FnOnce(Done) -> *mut Op,
) -> BoxFuture<'static, Result<T, Failure>> {
    let (answer, answered) = oneshot::channel();
    let taker = move |outcome: Option<&Outcome>| {
        let result = match outcome {
            Some(outcome) => read(outcome),
            None => Err(Failure::from(Malformed::Missing)),
        };
        // If nobody waits any more the value is dropped, and its buffers with it.
        let _gone = answer.send(result);
        drop(keep);
    };
    let number = WAITING.put(Box::new(taker));
    let done = Done { ctx: number as usize as *mut c_void, complete: Some(complete) };
    let mut begun = Begun(start(done), false);
    Box::pin(async move {
        let result = match tokio::time::timeout(timeout.saturating_add(GRACE), answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::new(CODE_INTERNAL, "the answer could not be read")),
            Err(_) => return Err(Failure::new(CODE_TIMEOUT, "no answer came in time")),
        };
        begun.1 = true;
        drop(begun);
        result
    })
}

/// Makes a call whose answer comes before `start` returns.
pub(crate) fn ask_now<T: Send + 'static>(
    read: impl FnOnce(&Outcome) -> Result<T, Failure> + Send + 'static,
    start: impl FnOnce(Done),
) -> Result<T, Failure> {
    let (answer, mut answered) = oneshot::channel();
    let taker = move |outcome: Option<&Outcome>| {
        let result = outcome.ok_or_else(|| Malformed::Missing.into()).and_then(read);
        let _gone = answer.send(result);
    };
    let number = WAITING.put(Box::new(taker));
    start(Done { ctx: number as usize as *mut c_void, complete: Some(complete) });
    drop(WAITING.take(number));
    let none = || Failure::new(CODE_INTERNAL, "it did not answer before it returned");
    answered.try_recv().unwrap_or_else(|_| Err(none()))
}

/// Begins a call in whose answer nobody is interested, and which is not cancelled. `keep` lives until
/// it has been answered.
pub(crate) fn tell(keep: impl Send + 'static, start: impl FnOnce(Done) -> *mut Op) {
    let number = WAITING.put(Box::new(move |_| drop(keep)));
    let done = Done { ctx: number as usize as *mut c_void, complete: Some(complete) };
    drop(Begun(start(done), true));
}

/// Fails unless the outcome is `CODE_OK`.
pub(crate) fn succeeded(outcome: &Outcome) -> Result<(), Failure> {
    match outcome.code {
        CODE_OK => Ok(()),
        _ => Err(failure(outcome)),
    }
}

/// An outcome as what it says beside its value.
pub(crate) fn failure(outcome: &Outcome) -> Failure {
    // SAFETY: rule 4: alive while the outcome is read.
    let message = unsafe { outcome.message.bytes() }.unwrap_or_default();
    let millis = u64::from(outcome.retry_after_ms);
    Failure {
        code: outcome.code,
        message: String::from_utf8_lossy(message).into_owned(),
        retry_after: (millis > 0).then(|| Duration::from_millis(millis)),
    }
}

/// A call's facts, borrowed. `address` is where the caller keeps its text.
pub(crate) fn call_info(
    timeout: Duration,
    request_id: &str,
    user: Option<&str>,
    address: Option<&str>,
) -> CallInfo {
    CallInfo {
        size: size_of::<CallInfo>(),
        timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
        request_id: Str::of(request_id),
        user: Str::option(user),
        remote_ip: Str::option(address),
        display_name: Str::NONE,
        base_url: Str::NONE,
        admin: 0,
        reserved: 0,
    }
}
