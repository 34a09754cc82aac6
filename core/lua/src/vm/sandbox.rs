//! What a script finds when it starts, and what it does not.

use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, Lua, Table, Value, Variadic};

use super::{coroutines, guard};

/// Globals that reach out of the sandbox, or that would show one script another's functions.
const REMOVED: &[&str] = &[
    "loadstring",
    "load",
    "dofile",
    "loadfile",
    "getfenv",
    "setfenv",
    "newproxy",
    "require",
    "debug",
    "io",
    "package",
    "gcinfo",
    "print",
];

/// What is left of `os`: the clock.
const OS: &[&str] = &["clock", "date", "difftime", "time"];

/// Bytes of what one `print` hands on.
const MAX_PRINTED: usize = 4 << 10;

/// Receives what scripts print.
pub(super) type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Where a VM's `print` goes; nowhere until it is told.
#[derive(Clone, Default)]
pub(super) struct Printer(Arc<Mutex<Option<Sink>>>);

impl Printer {
    pub(super) fn set(&self, sink: Sink) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    }

    fn sink(&self) -> Option<Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What all environments have.
#[derive(Clone)]
pub(super) struct Base {
    /// Read from, never written.
    globals: Table,
    print: Function,
}

/// Closes the sandbox. What it gives is the base that all environments read from.
pub(super) fn close(lua: &Lua, printer: &Printer) -> mlua::Result<Base> {
    let base = lua.globals();
    for name in REMOVED {
        base.raw_set(*name, Value::Nil)?;
    }
    if let Some(os) = base.raw_get::<Option<Table>>("os")? {
        for name in names(&os)? {
            if !OS.contains(&name.as_str()) {
                os.raw_set(name, Value::Nil)?;
            }
        }
    }
    guard::install(lua)?;
    coroutines::install(lua)?;
    let count = |lua: &Lua, what: Option<String>| match what.as_deref() {
        Some("count") => Ok(lua.used_memory() as f64 / 1024.0),
        _ => Err(mlua::Error::runtime("collectgarbage knows only \"count\" here")),
    };
    base.raw_set("collectgarbage", lua.create_function(count)?)?;
    // What each environment has of its own must not be here: the compiler resolves what it finds here
    // when a file is loaded, and would not look there.
    base.raw_set("_G", Value::Nil)?;
    let print = print(lua, &base, printer)?;
    let strings: Table = base.raw_get("string")?;
    if let Some(metatable) = lua.type_metatable::<mlua::LuaString>() {
        metatable.raw_set("__index", strings)?;
        metatable.raw_set("__metatable", "locked")?;
    }
    lua.sandbox(true)?;
    Ok(Base { globals: base, print })
}

/// A script's own globals over the base.
pub(super) fn environment(lua: &Lua, base: &Base) -> mlua::Result<Table> {
    let environment = lua.create_table()?;
    environment.raw_set("_G", &environment)?;
    environment.raw_set("print", &base.print)?;
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", &base.globals)?;
    metatable.raw_set("__metatable", "locked")?;
    metatable.set_readonly(true);
    environment.set_metatable(Some(metatable))?;
    // The base never changes, so the compiler may resolve `string.find` once and call what is built in.
    environment.set_safeenv(true);
    Ok(environment)
}

/// `print`: to the sink, a bounded line.
fn print(lua: &Lua, base: &Table, printer: &Printer) -> mlua::Result<Function> {
    let printer = printer.clone();
    let tostring: Function = base.raw_get("tostring")?;
    lua.create_function(move |_, values: Variadic<Value>| {
        let Some(sink) = printer.sink() else { return Ok(()) };
        let mut line = String::new();
        for (index, value) in values.into_iter().enumerate() {
            if line.len() >= MAX_PRINTED {
                break;
            }
            if index > 0 {
                line.push('\t');
            }
            let text: mlua::LuaString = tostring.call(value)?;
            let bytes = text.as_bytes();
            let room = bytes.len().min(MAX_PRINTED.saturating_sub(line.len()));
            line.push_str(&String::from_utf8_lossy(&bytes[..room]));
        }
        sink(&line);
        Ok(())
    })
}

/// Names in a library.
fn names(table: &Table) -> mlua::Result<Vec<String>> {
    table.clone().pairs::<String, Value>().map(|pair| Ok(pair?.0)).collect()
}
