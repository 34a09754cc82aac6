//! Running a future for a call from the other side.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::convert::size_of;
use super::token::Token;
use super::{CODE_INTERNAL, Done, Op};

/// A call that the other side may cancel.
#[repr(C)]
struct Running {
    head: Op,
    cancelled: Arc<AtomicBool>,
    call: Arc<Call>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call, and the waker of its first poll. It goes to the runtime when it can go on and not before:
/// what waits for one thing alone wakes a worker once.
struct Call {
    state: Mutex<State>,
    aborted: AtomicBool,
    runtime: Handle,
}

enum State {
    /// It is in its first poll.
    Polled,
    /// In which it was woken; or it is on its way to the runtime.
    Woken,
    /// It waits.
    Waiting(Task),
    /// It is the runtime's.
    Spawned(AbortHandle),
}

impl Call {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands it to the runtime if it waits.
    fn go_on(&self) {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Woken) {
            State::Polled | State::Woken => {}
            State::Waiting(task) => {
                drop(state);
                self.spawn(task);
            }
            spawned @ State::Spawned(_) => *state = spawned,
        }
    }

    /// The first poll is over, and it has to wait.
    fn wait(&self, task: Task) {
        let mut state = self.state();
        match *state {
            State::Woken => {
                drop(state);
                self.spawn(task);
            }
            _ => *state = State::Waiting(task),
        }
    }

    /// Not under the lock: a runtime that has ended drops the task, which may lead back here.
    fn spawn(&self, task: Task) {
        let task = self.runtime.spawn(task).abort_handle();
        *self.state() = State::Spawned(task.clone());
        if self.aborted.load(Ordering::SeqCst) {
            task.abort();
        }
    }

    /// Ends it, on a thread of the runtime: what it drops may take long.
    fn abort(&self) {
        self.aborted.store(true, Ordering::SeqCst);
        self.go_on();
        if let State::Spawned(task) = &*self.state() {
            task.abort();
        }
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.go_on();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.go_on();
    }
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
    let mut task: Task = Box::pin(async move {
        match guarded(work).await {
            Ok(value) => answer(value, token),
            Err(panic) => {
                token.code(CODE_INTERNAL, &format!("it panicked: {}", panic_text(&*panic)));
            }
        }
    });
    let _entered = runtime.enter();
    let call = Arc::new(Call {
        state: Mutex::new(State::Polled),
        aborted: AtomicBool::new(false),
        runtime: runtime.clone(),
    });
    let waker = Waker::from(Arc::clone(&call));
    let first = AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker)));
    match catch_unwind(first) {
        Ok(Poll::Pending) => call.wait(task),
        // In the second case `answer` panicked, and its token has answered.
        Ok(Poll::Ready(())) | Err(_) => return ptr::null_mut(),
    }
    let head =
        Op { size: size_of::<Op>(), reserved: 0, cancel: Some(cancel), release: Some(release) };
    Box::into_raw(Box::new(Running { head, cancelled, call })).cast()
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
    shielded((), || running.call.abort());
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
