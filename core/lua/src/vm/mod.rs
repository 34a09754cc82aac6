//! A VM that holds whatever it is given.
//!
//! | part | what it holds |
//! |---|---|
//! | [`sandbox`] | what a script finds, its environment |
//! | [`guard`] | the library's functions, bounded |
//! | [`meter`], [`clock`] | processor time, slices, the interrupt |
//! | [`running`] | a call as a future: the gate, panics, dropping |
//! | [`coroutines`] | waiting inside a script's own coroutines |
//! | [`require`] | other files of the scripts' folder |
//! | [`fault`] | errors as their author needs them |
//!
//! What is not bounded by the clock is bounded by size: a statement between two safepoints works on values
//! that fit the VM's memory, and a file has at most [`MAX_SOURCE`] bytes of them.
#![expect(
    unsafe_code,
    reason = "the interrupt and the library's guards speak the interpreter's C interface"
)]

mod clock;
mod coroutines;
mod fault;
mod guard;
mod meter;
mod require;
mod running;
mod sandbox;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlua::chunk::ChunkMode;
use mlua::{Function, IntoLuaMulti, Lua, LuaOptions, MultiValue, StdLib, Table, ffi};

use crate::error::{Fault, Trouble};
pub use require::Library;
use running::{Gate, Running};
use sandbox::Printer;

/// Bytes of a file.
pub const MAX_SOURCE: usize = 256 << 10;

/// Coroutines that are kept for the next call.
const POOL: usize = 16;

/// What a VM may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmLimits {
    /// Bytes of memory.
    pub memory: usize,
    /// What running a file's top level, or that of a module, may use.
    pub load: Budget,
}

impl Default for VmLimits {
    fn default() -> Self {
        let load = Budget { cpu: Duration::from_millis(500), wall: Duration::from_secs(10) };
        Self { memory: 32 << 20, load }
    }
}

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Processor time.
    pub cpu: Duration,
    /// Time, waiting included.
    pub wall: Duration,
}

/// A VM. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Vm {
    lua: Lua,
    limits: VmLimits,
    /// What all environments read from.
    base: sandbox::Base,
    /// Calls its first argument with the others, and marks the coroutine as the call's root.
    enter: Function,
    gate: Arc<Gate>,
    printer: Printer,
    spoilt: Arc<AtomicBool>,
}

impl Vm {
    /// An empty, sandboxed VM.
    ///
    /// # Errors
    /// [`Fault`] if there is no memory for it, or no thread for the clock.
    pub fn new(limits: VmLimits) -> Result<Self, Fault> {
        if !clock::install() {
            return Err(Fault::new(Trouble::Memory, "no thread for the scripts' clock"));
        }
        caught(|| Self::build(limits))
    }

    fn build(limits: VmLimits) -> mlua::Result<Self> {
        let options = LuaOptions::new().thread_pool_size(POOL);
        let lua = Lua::new_with(StdLib::ALL_SAFE, options)?;
        let printer = Printer::default();
        let enter = enter(&lua)?;
        let base = sandbox::close(&lua, &printer)?;
        lua.set_memory_limit(limits.memory)?;
        // SAFETY: the callbacks belong to this interpreter, which nothing runs yet; `interrupt` is a
        // function of the process and reads nothing of the interpreter's but the state it is given.
        unsafe {
            lua.exec_raw::<()>((), |state| {
                (*ffi::lua_callbacks(state)).interrupt = Some(meter::interrupt)
            })?;
        }
        let (gate, spoilt) = (Arc::default(), Arc::default());
        Ok(Self { lua, limits, base, enter, gate, printer, spoilt })
    }

    /// The interpreter, to make values for calls. What runs scripts goes through [`Vm::call`]: code that
    /// is started by other ways has no budget, and is stopped after a quarter of a second.
    pub fn lua(&self) -> &Lua {
        &self.lua
    }

    /// A new environment for a script: its own globals over the read-only base.
    ///
    /// # Errors
    /// [`Fault`] if there is no memory for it.
    pub fn environment(&self) -> Result<Table, Fault> {
        caught(|| sandbox::environment(&self.lua, &self.base))
    }

    /// Who gets what scripts `print`, line by line and cut at 4 KiB. Nobody does until this is called.
    pub fn set_print(&self, sink: impl Fn(&str) + Send + Sync + 'static) {
        self.printer.set(Arc::new(sink));
    }

    /// Whether a call runs just now, so that another VM would answer sooner.
    pub fn is_busy(&self) -> bool {
        self.gate.is_busy()
    }

    /// Whether a fault has left it in a state that is not to be relied on: it should be replaced.
    pub fn is_spoilt(&self) -> bool {
        self.spoilt.load(Ordering::Relaxed)
    }

    /// Bytes of memory in use, garbage included.
    pub fn used_memory(&self) -> usize {
        self.lua.used_memory()
    }

    /// Runs the top level of a file, within [`VmLimits::load`]. `name` is what messages call it
    /// (`scripts/a.lua`).
    ///
    /// # Errors
    /// [`Fault`]; the VM is usable afterwards unless it says otherwise.
    pub async fn run(
        &self,
        name: &str,
        source: &[u8],
        environment: &Table,
    ) -> Result<MultiValue, Fault> {
        let function = {
            let _pass = self.gate.pass().await;
            let compiled = caught(|| compile(&self.lua, name, source, environment));
            compiled.inspect_err(|fault| self.note(fault))?
        };
        self.call(&function, (), self.limits.load).await
    }

    /// Calls a function as a coroutine of its own. Dropping the future ends it.
    ///
    /// # Errors
    /// [`Fault`]; the VM is usable afterwards unless it says otherwise.
    pub async fn call(
        &self,
        function: &Function,
        arguments: impl IntoLuaMulti,
        budget: Budget,
    ) -> Result<MultiValue, Fault> {
        self.call_into(function, arguments, budget, |_, values| Ok(values)).await
    }

    /// As [`Vm::call`], and reads the answer within the same budget. What a script returned may have
    /// metamethods, so looking at it can run code of the script's.
    ///
    /// # Errors
    /// [`Fault`], also what `read` gives.
    pub async fn call_into<R>(
        &self,
        function: &Function,
        arguments: impl IntoLuaMulti,
        budget: Budget,
        read: impl FnOnce(&Lua, MultiValue) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let running = Running::new(self.clone(), function.clone(), arguments, budget.cpu, read);
        match tokio::time::timeout(budget.wall, running).await {
            Ok(result) => result,
            Err(_) => Err(fault::too_long(function, budget.wall)),
        }
    }

    /// Makes something in the VM that runs none of the script's code, such as the argument of a call.
    ///
    /// # Errors
    /// [`Fault`]; where there is no memory for it there will be none the next time.
    pub fn make<T>(&self, make: impl FnOnce(&Lua) -> mlua::Result<T>) -> Result<T, Fault> {
        meter::unwatched();
        caught(|| make(&self.lua)).inspect_err(|fault| self.note(fault))
    }

    /// Remembers a fault that spoils the VM.
    fn note(&self, fault: &Fault) {
        if fault.trouble.spoils_the_vm() {
            self.spoilt.store(true, Ordering::Relaxed);
        }
    }
}

/// The function through which all calls go. Its chunk is called as tracebacks leave it out.
fn enter(lua: &Lua) -> mlua::Result<Function> {
    // SAFETY: `mark_root` takes no arguments, returns nothing and keeps to the rules of C functions.
    let mark = unsafe { lua.create_c_function(meter::mark_root)? };
    let source = "local mark = ... return function(call, ...) mark() return call(...) end";
    lua.load(source).set_name("=moonsail").call(mark)
}

/// A file as a function. Only text: bytecode is trusted by the interpreter.
fn compile(lua: &Lua, name: &str, source: &[u8], environment: &Table) -> mlua::Result<Function> {
    let refused = |why: String| {
        Err(mlua::Error::SyntaxError {
            message: format!("{name}:1: {why}"),
            incomplete_input: false,
        })
    };
    if source.len() > MAX_SOURCE {
        return refused(format!("larger than {} KiB", MAX_SOURCE >> 10));
    }
    if source.contains(&0) || source.first().is_some_and(|first| *first < b'\t') {
        return refused("not a text file".into());
    }
    let chunk = lua.load(source).set_name(format!("@{name}")).set_mode(ChunkMode::Text);
    chunk.set_environment(environment.clone()).into_function()
}

/// Does something with the interpreter that runs no script.
fn caught<T>(work: impl FnOnce() -> mlua::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| fault::fault_of(&error, false)),
        Err(payload) => Err(fault::panicked(payload.as_ref())),
    }
}
