//! Coroutines of a script's own that wait for something of ours.
//!
//! A function that is not ready yields a mark to whoever resumed the coroutine. In the call's root that is
//! mlua; in a coroutine of the script's own it would be the script, which can do nothing with it. So
//! `resume` and `wrap` hand the mark on, up to the root, and resume below when there is something to do.

use mlua::{Lua, Table};

/// What the two functions do. The chunk is called as mlua calls its own, because it is resumed by the same
/// rule: when a waiting call is dropped, the innermost frame gets a signal, passes it on so that what it
/// waited for is dropped too, and is never resumed again.
const SOURCE: &str = r#"
local pending, resume, yield, create, pack, unpack, error = ...

local function settle(co, ok, first, ...)
    if first ~= pending or not ok then
        return ok, first, ...
    end
    local results
    repeat
        local signal = yield(pending)
        if signal ~= nil then
            resume(co, signal)
            yield()
        end
        results = pack(resume(co))
    until results[2] ~= pending or not results[1]
    return unpack(results, 1, results.n)
end

local function pass(ok, ...)
    if ok then
        return ...
    end
    error((...), 0)
end

return function(co, ...)
    return settle(co, resume(co, ...))
end, function(call)
    local co = create(call)
    return function(...)
        return pass(settle(co, resume(co, ...)))
    end
end
"#;

/// Replaces the two functions. To be called before the sandbox is closed.
pub(super) fn install(lua: &Lua) -> mlua::Result<()> {
    let globals = lua.globals();
    let coroutine: Table = globals.raw_get("coroutine")?;
    let table: Table = globals.raw_get("table")?;
    let get = |table: &Table, name: &str| table.raw_get::<mlua::Function>(name);
    let (resume, wrap): (mlua::Function, mlua::Function) =
        lua.load(SOURCE).set_name("=__mlua_async_poll").call((
            Lua::poll_pending(),
            get(&coroutine, "resume")?,
            get(&coroutine, "yield")?,
            get(&coroutine, "create")?,
            get(&table, "pack")?,
            get(&table, "unpack")?,
            get(&globals, "error")?,
        ))?;
    coroutine.raw_set("resume", resume)?;
    coroutine.raw_set("wrap", wrap)
}
