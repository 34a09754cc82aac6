//! The interpreter's library, with its long loops bounded.
//!
//! A function written in C runs to its end, whatever the clock says. Each of them is put behind one that
//! looks at the clock first (so that nothing gets work done after the end by calling them as metamethods),
//! and those whose work is not linear in the memory they use get a limit of their own. They run in the
//! frame of the function they replace, so messages name the script's line and the function's name as
//! before.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use mlua::{Function, Lua, Table, Value, ffi, lua_CFunction, lua_State};

use super::meter;

/// Steps that a function may take without looking at the clock: about 0.1 s.
const MAX_STEPS: usize = 1 << 26;

/// Texts sought that are shorter than this cost little more than a single character.
const SHORT: usize = 32;

/// Elements moved at once, by `table.move`, `table.insert` and `table.remove`: as many as fit a VM.
const MAX_MOVED: usize = 1 << 21;

/// Longer tables are sorted by a function of the interpreter's, which can be stopped.
const MAX_SORTED: usize = 1 << 15;

/// Libraries whose functions are put behind guards. Those of `coroutine` continue after a yield, which
/// a guard cannot; each of them ends at once or runs a function that is interrupted.
const LIBRARIES: &[&str] = &["bit32", "buffer", "math", "os", "string", "table", "utf8", "vector"];

/// Global functions that are put behind guards; `pairs` has its own.
const GLOBALS: &[&str] =
    &["assert", "error", "next", "rawequal", "rawget", "rawlen", "rawset", "select"];
const MORE_GLOBALS: &[&str] =
    &["getmetatable", "setmetatable", "tonumber", "tostring", "type", "typeof", "unpack"];

/// Puts the library behind guards. To be called before the sandbox is closed.
pub(super) fn install(lua: &Lua) -> mlua::Result<()> {
    let globals = lua.globals();
    let less: Function =
        lua.load("return function(a, b) return a < b end").set_name("=sort").eval()?;
    for name in LIBRARIES {
        let Some(library) = globals.raw_get::<Option<Table>>(*name)? else { continue };
        for pair in library.clone().pairs::<String, Value>() {
            let (field, value) = pair?;
            let Value::Function(function) = value else { continue };
            let guard = guard_of(name, &field);
            let second = (*name == "table" && field == "sort").then(|| less.clone());
            library.raw_set(field.as_str(), behind(lua, &function, &field, guard, second)?)?;
        }
    }
    for name in GLOBALS.iter().chain(MORE_GLOBALS) {
        if let Some(function) = globals.raw_get::<Option<Function>>(*name)? {
            globals.raw_set(*name, behind(lua, &function, name, plain, None)?)?;
        }
    }
    let (pairs, next): (Function, Function) = (globals.raw_get("pairs")?, globals.raw_get("next")?);
    globals.raw_set("pairs", behind_upvalue(lua, &pairs, next)?)
}

/// The guard of a library's function.
fn guard_of(library: &str, name: &str) -> lua_CFunction {
    match (library, name) {
        ("string", "find") => find,
        ("string", "match" | "gmatch" | "gsub") => pattern,
        ("string", "split") => split,
        ("table", "sort") => sort,
        ("table", "move") => shift,
        ("table", "insert" | "remove" | "foreachi") => long_table,
        _ => plain,
    }
}

/// A name that lives as long as the process: the interpreter keeps the pointer. As many as there are
/// functions in its library.
fn keep(name: &str) -> *const c_char {
    static NAMES: OnceLock<Mutex<BTreeMap<String, &'static CStr>>> = OnceLock::new();
    let names = NAMES.get_or_init(Mutex::default);
    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = names.get(name) {
        return kept.as_ptr();
    }
    let kept: &'static CStr = Box::leak(CString::new(name).unwrap_or_default().into_boxed_c_str());
    names.insert(name.to_owned(), kept);
    kept.as_ptr()
}

/// `function` behind `guard`; a function of the interpreter's own stays as it is.
fn behind(
    lua: &Lua,
    function: &Function,
    name: &str,
    guard: lua_CFunction,
    second: Option<Function>,
) -> mlua::Result<Function> {
    let name = keep(name);
    // SAFETY: the closure uses what it was given on the stack (two values) and leaves one function, whose
    // first upvalue is a C function's address, as each guard expects.
    unsafe {
        lua.exec_raw((function, second), |state| {
            let Some(original) = ffi::lua_tocfunction(state, 1) else {
                return ffi::lua_settop(state, 1);
            };
            ffi::lua_pushlightuserdata(state, original as *mut c_void);
            ffi::lua_pushvalue(state, 2);
            ffi::lua_pushcclosurek(state, guard, name, 2, None);
            ffi::lua_replace(state, 1);
            ffi::lua_settop(state, 1);
        })
    }
}

/// `pairs`, which returns its first upvalue: `next`, which must be the guarded one.
fn behind_upvalue(lua: &Lua, function: &Function, upvalue: Function) -> mlua::Result<Function> {
    // SAFETY: as in `behind`; `pairs` finds `next` as its first upvalue, `second` the address.
    unsafe {
        lua.exec_raw((function, upvalue), |state| {
            let Some(original) = ffi::lua_tocfunction(state, 1) else {
                return ffi::lua_settop(state, 1);
            };
            ffi::lua_pushlightuserdata(state, original as *mut c_void);
            ffi::lua_pushcclosurek(state, pairs, c"pairs".as_ptr(), 2, None);
            ffi::lua_replace(state, 1);
            ffi::lua_settop(state, 1);
        })
    }
}

/// Calls the function whose address is the upvalue of that number, in this frame.
///
/// # Safety
/// The running function was made by `behind` or `behind_upvalue`.
unsafe fn call(state: *mut lua_State, upvalue: c_int) -> c_int {
    // SAFETY: that upvalue is the address of a `lua_CFunction`, put there from one and never changed.
    unsafe {
        meter::check(state);
        let address = ffi::lua_tolightuserdata(state, ffi::lua_upvalueindex(upvalue));
        let original: lua_CFunction = std::mem::transmute::<*mut c_void, lua_CFunction>(address);
        original(state)
    }
}

/// Any function.
unsafe extern "C-unwind" fn plain(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind`.
    unsafe { call(state, 1) }
}

unsafe extern "C-unwind" fn pairs(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind_upvalue`.
    unsafe { call(state, 2) }
}

/// The bytes of an argument that is a string; they stay while it is on the stack.
unsafe fn bytes<'a>(state: *mut lua_State, index: c_int) -> Option<&'a [u8]> {
    // SAFETY: a string is not converted, so its bytes stay where they are while it is on the stack.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TSTRING {
            return None;
        }
        let mut length = 0;
        let start = ffi::lua_tolstring(state, index, &raw mut length);
        (!start.is_null()).then(|| std::slice::from_raw_parts(start.cast::<u8>(), length))
    }
}

/// Subject and pattern, if matching them might take long. A number as either is short.
unsafe fn costly<'a>(state: *mut lua_State) -> Option<(&'a [u8], &'a [u8])> {
    // SAFETY: see `bytes`.
    let (subject, pattern) = unsafe { (bytes(state, 1)?, bytes(state, 2)?) };
    (subject.len().saturating_mul(pattern.len()) > MAX_STEPS).then_some((subject, pattern))
}

/// The matcher looks at the clock whenever it recurses. What it does in between is a step for each
/// character, times the length of a set in brackets.
unsafe fn refuse_long_sets(state: *mut lua_State) {
    // SAFETY: see `bytes`; nothing here has a destructor.
    unsafe {
        let Some((subject, pattern)) = costly(state) else { return };
        let Some(bracket) = memchr::memchr(b'[', pattern) else { return };
        if subject.len().saturating_mul(pattern.len() - bracket) > MAX_STEPS * 4 {
            ffi::luaL_error(state, c"pattern too complex for a text of this length".as_ptr());
        }
    }
}

/// `match`, `gmatch`, `gsub`.
unsafe extern "C-unwind" fn pattern(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind`.
    unsafe {
        refuse_long_sets(state);
        call(state, 1)
    }
}

/// `find`: a long plain text is sought in linear time.
unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind`; the slices are used while their strings are arguments.
    unsafe {
        let Some((subject, pattern)) = costly(state).filter(|(_, pattern)| pattern.len() > SHORT)
        else {
            refuse_long_sets(state);
            return call(state, 1);
        };
        let special = |byte: &u8| b"^$*+?.([%-".contains(byte);
        if ffi::lua_toboolean(state, 4) == 0 && pattern.iter().any(special) {
            refuse_long_sets(state);
            return call(state, 1);
        }
        meter::check(state);
        let from = ffi::luaL_optinteger(state, 3, 1);
        let length = i64::try_from(subject.len()).unwrap_or(i64::MAX);
        let from = if from < 0 {
            length.saturating_add(i64::from(from as i32))
        } else {
            i64::from(from as i32) - 1
        };
        let from = usize::try_from(from.max(0)).unwrap_or(usize::MAX);
        let found = subject.get(from..).and_then(|rest| memchr::memmem::find(rest, pattern));
        let Some(found) = found else {
            ffi::lua_pushnil(state);
            return 1;
        };
        ffi::lua_pushnumber(state, (from + found + 1) as f64);
        ffi::lua_pushnumber(state, (from + found + pattern.len()) as f64);
        2
    }
}

unsafe extern "C-unwind" fn split(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind`; nothing here has a destructor.
    unsafe {
        if costly(state).is_some_and(|(_, separator)| separator.len() > SHORT) {
            ffi::luaL_error(state, c"separator too long for a text of this length".as_ptr());
        }
        call(state, 1)
    }
}

/// `insert`, `remove`, `foreachi`: a table with holes may claim a length it does not have.
unsafe extern "C-unwind" fn long_table(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind`; nothing here has a destructor.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE && ffi::lua_objlen(state, 1) > MAX_MOVED {
            ffi::luaL_error(state, c"table too long".as_ptr());
        }
        call(state, 1)
    }
}

/// `move`.
unsafe extern "C-unwind" fn shift(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind`; nothing here has a destructor.
    unsafe {
        let (from, to) = (ffi::lua_tonumber(state, 2), ffi::lua_tonumber(state, 3));
        if to - from >= MAX_MOVED as f64 {
            ffi::luaL_error(state, c"too many elements to move".as_ptr());
        }
        call(state, 1)
    }
}

unsafe extern "C-unwind" fn sort(state: *mut lua_State) -> c_int {
    // SAFETY: made by `behind` with the comparison as its second upvalue.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE && ffi::lua_objlen(state, 1) > MAX_SORTED {
            if ffi::lua_type(state, 2) <= ffi::LUA_TNIL {
                ffi::lua_settop(state, 1);
                ffi::lua_pushvalue(state, ffi::lua_upvalueindex(2));
            } else if ffi::lua_iscfunction(state, 2) != 0 {
                ffi::luaL_error(
                    state,
                    c"a table of this length needs a comparison written in Lua".as_ptr(),
                );
            }
        }
        call(state, 1)
    }
}
