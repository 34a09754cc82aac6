//! Running a future for a call from the other side.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::convert::size_of;
use super::token::Token;
use super::{CODE_INTERNAL, Done, Op};

/// A task that the other side may cancel.
#[repr(C)]
struct Running {
    head: Op,
    cancelled: Arc<AtomicBool>,
    task: AbortHandle,
}

/// Polls `work` once on the caller's thread, where an answer that is ready costs a fraction of a
/// microsecond, and hands it to `runtime` only if it has to wait. `answer` gives its result away.
pub(crate) fn run<T: Send + 'static>(
    runtime: &Handle,
    done: Done,
    work: impl Future<Output = T> + Send + 'static,
    answer: impl FnOnce(T, Token) + Send + 'static,
) -> *mut Op {
    let token = Token::new(done);
    let cancelled = token.cancelled();
    let mut task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        match guarded(work).await {
            Ok(value) => answer(value, token),
            Err(panic) => {
                token.code(CODE_INTERNAL, &format!("it panicked: {}", panic_text(&*panic)));
            }
        }
    });
    let _entered = runtime.enter();
    let first = AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    match catch_unwind(first) {
        Ok(Poll::Pending) => {}
        // In the second case `answer` panicked, and its token has answered.
        Ok(Poll::Ready(())) | Err(_) => return ptr::null_mut(),
    }
    let task = runtime.spawn(task).abort_handle();
    let head =
        Op { size: size_of::<Op>(), reserved: 0, cancel: Some(cancel), release: Some(release) };
    Box::into_raw(Box::new(Running { head, cancelled, task })).cast()
}

/// The result of `work`, or what it panicked with.
async fn guarded<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}

/// Calls what must not unwind into the other side; `otherwise` if it panics.
pub(crate) fn shielded<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

unsafe extern "C" fn cancel(op: *mut Op) {
    // SAFETY: the caller gives back what `run` gave it, and has not released it yet.
    let running = unsafe { &*op.cast::<Running>() };
    running.cancelled.store(true, Ordering::Relaxed);
    running.task.abort();
}

unsafe extern "C" fn release(op: *mut Op) {
    // SAFETY: the caller gives back what `run` gave it, once.
    drop(unsafe { Box::from_raw(op.cast::<Running>()) });
}

/// Lets go of an operation that nobody will cancel.
pub(crate) fn forget(op: *mut Op) {
    if op.is_null() {
        return;
    }
    // SAFETY: made by `run`, and released once.
    unsafe { release(op) }
}
