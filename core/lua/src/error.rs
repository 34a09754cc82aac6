//! What goes wrong with a script.

use std::fmt;

/// What kind of failure it was; decides what becomes of the VM and of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The source is no Luau.
    Syntax,
    /// The script raised an error, or a function refused what it was given.
    Script,
    /// It used up its processor time.
    Cpu,
    /// It took longer than it may, waiting included.
    Wall,
    /// The VM's memory limit was reached. The VM should be replaced.
    Memory,
    /// Our own code panicked below the script. The VM should be replaced.
    Panic,
}

impl Trouble {
    /// Whether the VM it happened in should not be used for further calls.
    pub const fn spoils_the_vm(self) -> bool {
        matches!(self, Self::Memory | Self::Panic)
    }
}

/// A failure, as its author needs to see it.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Which kind.
    pub trouble: Trouble,
    /// One line: `scripts/a.lua:3: attempt to index nil with 'name'`.
    pub message: String,
    /// Who called whom, several lines; empty where nothing is known.
    pub traceback: String,
}

impl Fault {
    /// A failure without a traceback.
    pub fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        Self { trouble, message: message.into(), traceback: String::new() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
