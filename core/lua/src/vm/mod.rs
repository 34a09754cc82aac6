//! A VM that holds whatever it is given.

use std::time::Duration;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table};

use crate::error::{Fault, Trouble};

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
}

impl Vm {
    /// An empty, sandboxed VM.
    ///
    /// # Errors
    /// [`Fault`] if there is no memory for it.
    pub fn new(limits: VmLimits) -> Result<Self, Fault> {
        Ok(Self { lua: Lua::new(), limits })
    }

    /// The interpreter, to make values for calls. What runs scripts goes through [`Vm::call`].
    pub fn lua(&self) -> &Lua {
        &self.lua
    }

    /// A new environment for a script: its own globals over the read-only base.
    ///
    /// # Errors
    /// [`Fault`] if there is no memory for it.
    pub fn environment(&self) -> Result<Table, Fault> {
        self.lua.create_table().map_err(|error| Fault::new(Trouble::Memory, error.to_string()))
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
        let chunk = self.lua.load(source).set_name(format!("@{name}"));
        let function = chunk.set_environment(environment.clone()).into_function();
        let function = function.map_err(|error| Fault::new(Trouble::Syntax, error.to_string()))?;
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
        let _ = budget;
        let called = function.call_async(arguments).await;
        called.map_err(|error| Fault::new(Trouble::Script, error.to_string()))
    }
}
