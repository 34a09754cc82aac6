//! What a call has used, and what happens when that is too much.
//!
//! The interpreter calls [`interrupt`] at each turn of a loop, each call and each return, and (patterns)
//! inside its own library. It has to be cheap, so it reads a thread-local pointer to the [`Meter`] of the
//! poll that is under way and compares one number with the coarse clock. Only when that has passed does it
//! look closer:
//!
//! * **Processor time** is the thread's own, from the start of the poll to its end, so neither awaiting
//!   nor a busy machine nor waiting for the VM is charged. Once it is used up the meter stays dead:
//!   whatever catches the error gets it again.
//! * **Slices**: the call's root coroutine hands the thread back to tokio after [`SLICE`]. A coroutine of
//!   the script's own cannot: its `resume` would see a yield that nobody wrote.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;
use std::time::Duration;

use mlua::ffi;
use mlua::lua_State;
use rustix::time::{ClockId, clock_gettime};

use super::clock;

/// How long a call keeps its thread, in microseconds.
const SLICE: u64 = 2_000;

/// How long code may run outside of any call, in microseconds. Nothing of ours does for long; this stops
/// a script's metamethod that was started by mistake.
const LOOSE: u64 = 250_000;

/// What is left to a call between its polls.
#[derive(Debug)]
pub(super) struct Account {
    /// Processor time, in microseconds.
    left: u64,
    /// Processor time allowed in all, for the message.
    allowed: u64,
    /// Address of its root coroutine; 0 until it runs.
    root: usize,
    /// Whether it has used up its time.
    pub(super) dead: bool,
}

impl Account {
    /// A call that has all of `cpu` before it.
    pub(super) fn new(cpu: Duration) -> Self {
        let cpu = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX);
        Self { left: cpu, allowed: cpu, root: 0, dead: false }
    }
}

/// What a poll left behind.
pub(super) struct Poll<R> {
    /// What the closure gave.
    pub(super) result: R,
    /// Whether it ended because its slice was over.
    pub(super) sliced: bool,
}

/// One poll.
struct Meter {
    /// Address of the VM that is polled.
    vm: usize,
    root: Cell<usize>,
    /// Processor time of the thread at its start.
    started: u64,
    left: u64,
    allowed: u64,
    /// When to look closer: the earlier of the next two.
    next: Cell<u64>,
    kill_at: Cell<u64>,
    slice_at: Cell<u64>,
    dead: Cell<bool>,
    sliced: Cell<bool>,
    /// The poll inside which this one runs, if any.
    outer: *const Meter,
}

thread_local! {
    static CURRENT: Cell<*const Meter> = const { Cell::new(ptr::null()) };
    /// Since when, and until when, code has been seen running outside of any call.
    static UNMETERED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Puts the outer meter back, also when unwinding.
struct Restore(*const Meter);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs `poll` at the expense of `account`.
pub(super) fn charge<R>(vm: usize, account: &mut Account, poll: impl FnOnce() -> R) -> Poll<R> {
    let going = clock::Going::new();
    let now = going.since;
    let started = thread_time();
    let outer = CURRENT.get();
    unwatched();
    let meter = Meter {
        vm,
        root: Cell::new(account.root),
        started,
        left: account.left,
        allowed: account.allowed,
        next: Cell::new(0),
        kill_at: Cell::new(if account.dead { 0 } else { now.saturating_add(account.left) }),
        slice_at: Cell::new(now + SLICE),
        dead: Cell::new(account.dead),
        sliced: Cell::new(false),
        outer,
    };
    meter.schedule();
    let result = {
        let _restore = Restore(outer);
        CURRENT.set(&raw const meter);
        poll()
    };
    account.left = meter.left.saturating_sub(thread_time().saturating_sub(started));
    account.root = meter.root.get();
    account.dead = meter.dead.get();
    Poll { result, sliced: meter.sliced.get() }
}

/// What runs outside of any call from here on is something else than before: a busy thread prepares one
/// call after the other, and each of them has all of [`LOOSE`].
pub(super) fn unwatched() {
    UNMETERED.set((0, 0));
}

/// Whether this thread is polling that VM already, further up.
pub(super) fn inside(vm: usize) -> bool {
    let mut at = CURRENT.get();
    // SAFETY: a non-null pointer of the chain is that of a `Meter` in a frame of `charge` further up this
    // thread's stack, which puts the outer one back before its own ends.
    while let Some(meter) = unsafe { at.as_ref() } {
        if meter.vm == vm {
            return true;
        }
        at = meter.outer;
    }
    false
}

impl Meter {
    fn schedule(&self) {
        self.next.set(self.kill_at.get().min(self.slice_at.get()));
    }

    /// Whether the time is used up. The coarse clock says that it may be; the thread's says whether it is.
    #[cold]
    fn is_over(&self, now: u64) -> bool {
        if self.dead.get() {
            return true;
        }
        if now < self.kill_at.get() {
            return false;
        }
        let used = thread_time().saturating_sub(self.started);
        if used >= self.left {
            self.dead.set(true);
            self.kill_at.set(0);
            return true;
        }
        self.kill_at.set(now + (self.left - used).max(1_000));
        false
    }
}

/// Processor time of this thread, in microseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
}

/// Makes the coroutine that runs the root of this poll's call. Scripts never get hold of it.
pub(super) unsafe extern "C-unwind" fn mark_root(state: *mut lua_State) -> c_int {
    // SAFETY: see `inside`.
    if let Some(meter) = unsafe { CURRENT.get().as_ref() } {
        meter.root.set(state.addr());
    }
    0
}

/// What the interpreter calls at its safepoints.
pub(super) unsafe extern "C-unwind" fn interrupt(state: *mut lua_State, gc: c_int) {
    // The collector's own steps must not be left by an error.
    if gc >= 0 {
        return;
    }
    // SAFETY: see `inside`.
    let Some(meter) = (unsafe { CURRENT.get().as_ref() }) else {
        // SAFETY: the interpreter gave us its state.
        return unsafe { unmetered(state) };
    };
    let now = clock::coarse();
    if now < meter.next.get() {
        return;
    }
    if meter.is_over(now) {
        // SAFETY: as above; no local of ours has a destructor.
        unsafe { raise(state, meter.allowed) }
    }
    if now >= meter.slice_at.get() {
        // SAFETY: as above.
        let may_yield = unsafe { ffi::lua_isyieldable(state) } != 0;
        if may_yield && state.addr() == meter.root.get() {
            meter.sliced.set(true);
            meter.slice_at.set(u64::MAX);
            // SAFETY: the root is resumed by mlua alone. What it takes off the stack again is the mark
            // of an operation that is not ready, so the call is pending, and nothing else on the
            // stack is touched: the interpreter goes on where it was.
            unsafe {
                ffi::lua_rawcheckstack(state, 1);
                ffi::lua_pushlightuserdata(state, mlua::Lua::poll_pending().0);
                ffi::lua_yield(state, 1);
            }
        } else {
            meter.slice_at.set(now + SLICE);
        }
    }
    meter.schedule();
}

/// For functions of the library, before they begin: an error if the call's time is used up.
///
/// # Safety
/// `state` is that of a running function, and no local of the caller has a destructor.
pub(super) unsafe fn check(state: *mut lua_State) {
    // SAFETY: see `inside`.
    let Some(meter) = (unsafe { CURRENT.get().as_ref() }) else { return };
    let now = clock::coarse();
    if now >= meter.next.get() && meter.is_over(now) {
        // SAFETY: as the caller promised.
        unsafe { raise(state, meter.allowed) }
    }
}

/// Stops what runs outside of any call for long.
#[cold]
unsafe fn unmetered(state: *mut lua_State) {
    let now = clock::exact();
    let (since, until) = UNMETERED.get();
    // A gap means that it is something else by now.
    let since = if now > until + 20_000 { now } else { since };
    UNMETERED.set((since, now));
    if now - since > LOOSE {
        // SAFETY: the interpreter gave us its state; no local has a destructor.
        unsafe { raise(state, LOOSE) }
    }
}

/// Raises the error of a call that has used up its time.
#[cold]
unsafe fn raise(state: *mut lua_State, allowed: u64) -> ! {
    let allowed = c_int::try_from(allowed / 1_000).unwrap_or(c_int::MAX);
    // SAFETY: `state` is that of a running function, and there is room for what is pushed. The format
    // has one `%d`, which a C int follows.
    unsafe {
        ffi::lua_rawcheckstack(state, 4);
        ffi::luaL_where(state, 0);
        if ffi::lua_objlen(state, -1) == 0 {
            ffi::lua_pop(state, 1);
            ffi::luaL_where(state, 1);
        }
        ffi::lua_pushfstring(state, c"used up its processor time (%d ms)".as_ptr(), allowed);
        ffi::lua_concat(state, 2);
        ffi::lua_error(state)
    }
}
