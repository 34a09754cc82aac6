//! A call under way: a future that holds the VM only while it is polled.
//!
//! One VM serves many calls. Whoever polls one holds the VM's **gate** for that time; the others wait
//! without keeping a thread. A call that is dropped gives its coroutine back at once, or, if the gate is
//! held, leaves it to whoever holds it.

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Value};
use tokio::sync::OwnedMutexGuard;

use super::Vm;
use super::fault::{fault_of, panicked};
use super::meter::{self, Account};
use crate::error::Fault;

/// The coroutine of a call.
type Coroutine = Pin<Box<dyn Future<Output = mlua::Result<MultiValue>> + Send>>;

/// The gate's holder.
type Pass = OwnedMutexGuard<()>;

/// What ending a coroutine may use: it runs no code of the script's.
const ENDING: Duration = Duration::from_millis(5);

/// Who may use the VM, and what they should clear away.
#[derive(Default)]
pub(super) struct Gate {
    lock: Arc<tokio::sync::Mutex<()>>,
    dropped: Mutex<Vec<Coroutine>>,
}

impl Gate {
    /// Its address, which names the VM.
    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Whether somebody uses the VM just now.
    pub(super) fn is_busy(&self) -> bool {
        self.lock.try_lock().is_err()
    }

    /// Waits for the VM.
    pub(super) async fn pass(self: &Arc<Self>) -> Option<Pass> {
        if meter::inside(self.address()) {
            None
        } else {
            Some(Arc::clone(&self.lock).lock_owned().await)
        }
    }

    fn graveyard(&self) -> std::sync::MutexGuard<'_, Vec<Coroutine>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vm {
    /// Ends a coroutine that nobody waits for any more.
    fn end(&self, coroutine: Coroutine) {
        self.gate.graveyard().push(coroutine);
        self.clear_if_free();
    }

    /// Ends what was dropped while somebody held the gate. To be called after the gate was left, and
    /// after something was dropped: then one of the two sides sees it.
    fn clear_if_free(&self) {
        while !self.gate.graveyard().is_empty() {
            if meter::inside(self.gate.address()) {
                return self.clear();
            }
            // Whoever holds it looks here when he has left.
            let Ok(_pass) = self.gate.lock.try_lock() else { return };
            self.clear();
        }
    }

    /// Ends what was dropped. Only for whoever holds the gate.
    fn clear(&self) {
        let dropped = mem::take(&mut *self.gate.graveyard());
        if dropped.is_empty() {
            return;
        }
        // To end a coroutine, mlua resets it, and that allocates where nothing catches the error of an
        // interpreter without memory: the process would end. It frees more than it takes.
        let limit = |bytes| self.lua.set_memory_limit(bytes).is_ok();
        limit(0);
        for coroutine in dropped {
            let mut account = Account::new(ENDING);
            let end = || catch_unwind(AssertUnwindSafe(|| drop(coroutine)));
            // What a destructor panics with has been reported by the panic hook; there is no one to tell.
            let _panicked = meter::charge(self.gate.address(), &mut account, end).result;
        }
        limit(self.limits.memory);
    }
}

/// How far a call is.
enum Stage<A, F> {
    /// Nothing has happened yet.
    Start(Function, A, F),
    /// Its coroutine runs or waits.
    Live(Coroutine, Option<F>),
    /// It has ended.
    Over,
}

/// A call.
pub(super) struct Running<A, F> {
    vm: Vm,
    account: Account,
    stage: Stage<A, F>,
    /// Whether the last poll ended because its slice was over.
    sliced: bool,
    /// Waiting for the gate.
    waiting: Option<Pin<Box<dyn Future<Output = Option<Pass>> + Send>>>,
}

// Nothing is pinned but what is boxed.
impl<A, F> Unpin for Running<A, F> {}

impl<A, F> Running<A, F> {
    pub(super) fn new(vm: Vm, function: Function, arguments: A, cpu: Duration, read: F) -> Self {
        let stage = Stage::Start(function, arguments, read);
        Self { vm, account: Account::new(cpu), stage, sliced: false, waiting: None }
    }

    /// Leaves the coroutine to [`Vm::clear`].
    fn bury(&mut self) {
        if let Stage::Live(coroutine, _) = mem::replace(&mut self.stage, Stage::Over) {
            self.vm.gate.graveyard().push(coroutine);
        }
    }

    /// The gate, if it is free; else a waker is left there.
    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pass>> {
        let gate = &self.vm.gate;
        if let Some(waiting) = &mut self.waiting {
            let pass = std::task::ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
            return Poll::Ready(pass);
        }
        if meter::inside(gate.address()) {
            return Poll::Ready(None);
        }
        if let Ok(pass) = Arc::clone(&gate.lock).try_lock_owned() {
            return Poll::Ready(Some(pass));
        }
        let gate = Arc::clone(gate);
        let mut waiting: Pin<Box<dyn Future<Output = Option<Pass>> + Send>> =
            Box::pin(async move { gate.pass().await });
        let polled = waiting.as_mut().poll(cx);
        if polled.is_pending() {
            self.waiting = Some(waiting);
        }
        polled
    }
}

impl<A, F, R> Future for Running<A, F>
where
    A: IntoLuaMulti,
    F: FnOnce(&Lua, MultiValue) -> Result<R, Fault>,
{
    type Output = Result<R, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let pass = std::task::ready!(this.poll_pass(cx));
        this.vm.clear();
        let (vm, stage) = (&this.vm, &mut this.stage);
        let polled = meter::charge(vm.gate.address(), &mut this.account, || {
            catch_unwind(AssertUnwindSafe(|| step(vm, stage, cx)))
        });
        if !matches!(polled.result, Ok(Poll::Pending)) {
            this.bury();
            this.vm.clear();
        }
        drop(pass);
        this.vm.clear_if_free();
        let dead = this.account.dead;
        let result = match polled.result {
            Ok(Poll::Pending) if polled.sliced => {
                this.sliced = true;
                // Behind all others, and after timers and sockets have been looked at.
                let _pending = pin!(tokio::task::yield_now()).poll(cx);
                return Poll::Pending;
            }
            Ok(Poll::Pending) => {
                // The slice may have ended between asking what is awaited, which then became ready, and
                // saying that it was not: this poll said so, and has used up the only wake-up.
                if mem::take(&mut this.sliced) {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(Ok(_))) if dead => Err(fault_of(&mlua::Error::runtime(""), true)),
            Ok(Poll::Ready(Ok(read))) => read,
            Ok(Poll::Ready(Err(error))) => Err(fault_of(&error, dead)),
            Err(payload) => Err(panicked(payload.as_ref())),
        };
        if let Err(fault) = &result {
            this.vm.note(fault);
        }
        Poll::Ready(result)
    }
}

/// One step of a call: until it ends, waits, or its slice is over.
fn step<A, F, R>(
    vm: &Vm,
    stage: &mut Stage<A, F>,
    cx: &mut Context<'_>,
) -> Poll<mlua::Result<Result<R, Fault>>>
where
    A: IntoLuaMulti,
    F: FnOnce(&Lua, MultiValue) -> Result<R, Fault>,
{
    if let Stage::Start(..) = stage
        && let Stage::Start(function, arguments, read) = mem::replace(stage, Stage::Over)
    {
        let mut all = match arguments.into_lua_multi(&vm.lua) {
            Ok(all) => all,
            Err(error) => return Poll::Ready(Err(error)),
        };
        all.push_front(Value::Function(function));
        *stage = Stage::Live(Box::pin(vm.enter.call_async(all)), Some(read));
    }
    // It stays where it is, also when this panics, so that it is ended by `Vm::clear` and nowhere else.
    let Stage::Live(coroutine, read) = stage else {
        return Poll::Ready(Err(mlua::Error::CoroutineUnresumable));
    };
    let values = match std::task::ready!(coroutine.as_mut().poll(cx)) {
        Ok(values) => values,
        Err(error) => return Poll::Ready(Err(error)),
    };
    let Some(read) = read.take() else {
        return Poll::Ready(Err(mlua::Error::CoroutineUnresumable));
    };
    Poll::Ready(Ok(read(&vm.lua, values)))
}

impl<A, F> Drop for Running<A, F> {
    fn drop(&mut self) {
        if let Stage::Live(coroutine, _) = mem::replace(&mut self.stage, Stage::Over) {
            self.vm.end(coroutine);
        }
    }
}
