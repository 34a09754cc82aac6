//! What scripts can `require`: one file each, with its documentation beside its code.

use mlua::{Lua, Table};

use crate::site::Site;

/// A function or value of a module, for the reference and the editors' stubs.
#[derive(Debug, Clone, Copy)]
pub struct ItemDoc {
    /// Its name in the module: `get`, or `pool:bind` for a method of what another one returns.
    pub name: &'static str,
    /// Luau type, as in a stub: `(key: string, value: any, options: { ttl: string? }?) -> ()`.
    pub signature: &'static str,
    /// What it does, says and refuses; one paragraph.
    pub doc: &'static str,
    /// What must be granted, as in `allow`; empty if nothing.
    pub grant: &'static str,
}

/// A module.
pub struct Module {
    /// How it is required: `moon.kv`.
    pub name: &'static str,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
    /// All that it has. A test compares it with what [`Module::open`] makes.
    pub items: &'static [ItemDoc],
    /// Makes its table for a script. Called once for each script and VM.
    pub open: fn(&Lua, &Site) -> mlua::Result<Table>,
}

/// All modules, by name.
pub const MODULES: &[Module] = &[];
