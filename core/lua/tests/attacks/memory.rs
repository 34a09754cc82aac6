//! Memory: all of it, as fast as possible.

use crate::Attack;
use crate::Ends::*;
use crate::check;

/// Ways to fill it.
pub(crate) const ATTACKS: &[Attack] = &[
    ("a growing table", Exhausted, "local t = {} while true do t[#t + 1] = {} end"),
    (
        "a growing map",
        Exhausted,
        "local t = {} local i = 0 while true do i += 1 t['k' .. i] = i end",
    ),
    ("a doubling text", Memory, "local s = 'x' while true do s = s .. s end"),
    ("growing texts", Exhausted, "local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end"),
    (
        "coroutines that wait",
        Exhausted,
        "local t = {} while true do local co = coroutine.create(coroutine.yield) coroutine.resume(co) t[#t + 1] = co end",
    ),
    (
        "coroutines with deep stacks",
        Exhausted,
        "local t = {} local function deep(n) if n == 0 then coroutine.yield() else return 1 + deep(n - 1) end end while true do local co = coroutine.create(deep) coroutine.resume(co, 1000) t[#t + 1] = co end",
    ),
    (
        "closures over closures",
        Exhausted,
        "local f = function() end while true do local g = f f = function() return g end end",
    ),
    (
        "upvalues",
        Exhausted,
        "local t = {} while true do local a, b, c, d = {}, {}, {}, {} t[#t + 1] = function() return a, b, c, d end end",
    ),
    ("buffers", Exhausted, "local t = {} while true do t[#t + 1] = buffer.create(1e5) end"),
    ("globals", Exhausted, "local i = 0 while true do i += 1 _G['g' .. i] = i end"),
    (
        "many captures",
        Exhausted,
        "local t = {} while true do for c in ('abc'):gmatch('()') do t[#t + 1] = { c } end end",
    ),
    ("arguments", Bounded, "local function f(...) return f(1, ...) end return f()"),
    ("a table that keeps its own keys", Exhausted, "local t = {} while true do t[{}] = t end"),
    (
        "weak tables",
        Cpu,
        "local t = setmetatable({}, { __mode = 'kv' }) while true do t[{}] = {} end",
    ),
    ("garbage", Cpu, "while true do local t = { {}, {}, {} } end"),
    ("a message as large as memory", Memory, "error(('x'):rep(1e7) .. ('y'):rep(1e8))"),
    (
        "large messages",
        Exhausted,
        "local s = ('x'):rep(5e6) while true do pcall(error, s .. 'y') end",
    ),
    (
        "metatables",
        Exhausted,
        "local t = {} while true do t = setmetatable({ t }, { __index = t }) end",
    ),
    (
        "formatted",
        Exhausted,
        "local t = {} while true do t[#t + 1] = string.format('%99.99f', #t) end",
    ),
    ("split", Exhausted, "local t = {} while true do t[#t + 1] = (('a,'):rep(1e4)):split(',') end"),
];

#[test]
fn memory_is_bounded() {
    check(ATTACKS);
}
