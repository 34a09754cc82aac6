//! Code that never ends, and code that calls itself without end.

use crate::Ends::{self, *};
use crate::{Attack, check};

/// Endless loops, and depth.
pub(crate) const ATTACKS: &[Attack] = &[
    ("while true", Cpu, "while true do end"),
    ("repeat", Cpu, "repeat until false"),
    ("numeric for", Cpu, "for i = 1, 1e15 do end"),
    ("for with step 0", Bounded, "for i = 1, 2, 0 do end"),
    ("for to infinity", Cpu, "for i = 1, math.huge do end"),
    ("generic for", Cpu, "for _ in function() return 1 end do end"),
    (
        "iterator object",
        Cpu,
        "for _ in setmetatable({}, { __iter = function() return function() return 1 end end }) do end",
    ),
    ("empty calls", Cpu, "local function f() end while true do f() end"),
    ("calls of a builtin", Cpu, "while true do math.abs(1) end"),
    ("pcall around a loop", Cpu, "while true do pcall(function() while true do end end) end"),
    ("xpcall with a looping handler", Cpu, "xpcall(error, function() while true do end end)"),
    ("pcall of pcall of error", Cpu, "while true do pcall(pcall, pcall, error) end"),
    (
        "coroutines of loops",
        Cpu,
        "while true do coroutine.wrap(function() for i = 1, 100 do end end)() end",
    ),
    (
        "a loop of yields",
        Cpu,
        "local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end",
    ),
    (
        "loop in __index",
        Cpu,
        "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
    ),
    (
        "loop in __newindex",
        Cpu,
        "local t = setmetatable({}, { __newindex = function() while true do end end }) t.x = 1",
    ),
    (
        "loop in __eq",
        Cpu,
        "local m = { __eq = function() while true do end end } return setmetatable({}, m) == setmetatable({}, m)",
    ),
    (
        "loop in __lt",
        Cpu,
        "local m = { __lt = function() while true do end end } return setmetatable({}, m) < setmetatable({}, m)",
    ),
    (
        "loop in __concat",
        Cpu,
        "return setmetatable({}, { __concat = function() while true do end end }) .. ''",
    ),
    (
        "loop in __len",
        Cpu,
        "return #setmetatable({}, { __len = function() while true do end end })",
    ),
    ("loop in __call", Cpu, "setmetatable({}, { __call = function() while true do end end })()"),
    (
        "loop in __tostring",
        Cpu,
        "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
    ),
    (
        "loop in __tostring of an error",
        Cpu,
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
    ),
    ("loop in a comparison", Cpu, "table.sort({ 3, 2, 1 }, function() while true do end end)"),
    ("loop in a replacement", Cpu, "('abc'):gsub('.', function() while true do end end)"),
    (
        "loop in a formatted object",
        Cpu,
        "string.format('%*', setmetatable({}, { __tostring = function() while true do end end }))",
    ),
    (
        "a cycle of __index",
        Refused,
        "local a, b = {}, {} setmetatable(a, { __index = b }) setmetatable(b, { __index = a }) return a.x",
    ),
    (
        "a cycle of __newindex",
        Refused,
        "local a, b = {}, {} setmetatable(a, { __newindex = b }) setmetatable(b, { __newindex = a }) a.x = 1",
    ),
    ("recursion", Bounded, "local function f() return 1 + f() end return f()"),
    ("recursion by tail calls", Bounded, "local function f() return f() end return f()"),
    ("recursion through pcall", Bounded, "local function f() return pcall(f) end return f()"),
    ("recursion through xpcall", Bounded, "local function f() return xpcall(f, f) end return f()"),
    (
        "recursion through __index",
        Bounded,
        "local t t = setmetatable({}, { __index = function(_, k) return t[k .. 'x'] end }) return t.x",
    ),
    (
        "recursion through __tostring",
        Bounded,
        "local t t = setmetatable({}, { __tostring = function() return tostring(t) end }) return tostring(t)",
    ),
    (
        "recursion through gsub",
        Bounded,
        "local function f() return (('a'):gsub('a', f)) end return f()",
    ),
    ("recursion through sort", Bounded, "local function f() table.sort({ 1, 2, 3 }, f) end f()"),
    (
        "recursion through coroutines",
        Bounded,
        "local function f() return coroutine.wrap(f)() end return f()",
    ),
    (
        "recursion through resume",
        Bounded,
        "local function f() coroutine.resume(coroutine.create(f)) end f()",
    ),
    (
        "a coroutine that resumes itself",
        Bounded,
        "local co co = coroutine.wrap(function() co() end) co()",
    ),
    ("forks of recursion", Cpu, "local function f() pcall(f) pcall(f) end f()"),
    ("a loop without a call, with arithmetic", Cpu, "local x = 0 while true do x = x * 3 % 7 end"),
];

#[test]
fn endless_code_ends() {
    check(ATTACKS);
}

/// What is wrong with the text itself.
#[test]
fn hostile_sources_are_refused() {
    let mut failures = Vec::new();
    for (name, source) in [
        ("brackets", format!("return {}1{}", "(".repeat(100_000), ")".repeat(100_000))),
        ("tables", format!("return {}{}", "{".repeat(100_000), "}".repeat(100_000))),
        ("functions", format!("{}{}", "return function() ".repeat(10_000), "end ".repeat(10_000))),
        ("blocks", format!("{}{}", "do ".repeat(50_000), "end ".repeat(50_000))),
        ("unary operators", format!("return {}1", "not ".repeat(50_000))),
        ("elseif", format!("if x then {} end", "elseif x then ".repeat(15_000))),
        ("larger than a file may be", format!("return '{}'", "x".repeat(300_000))),
        ("NUL", "return 1 \0".into()),
        ("types", format!("type T = {}number", "{ a: ".repeat(50_000))),
        ("interpolation", format!("return {}", "`{".repeat(50_000))),
    ] {
        failures.extend(crate::try_out(name, Ends::Refused, "as a file", source, "return 1").err());
    }
    for (name, source) in [
        ("a long line", format!("return '{}'", "x".repeat(200_000))),
        ("concatenated constants", format!("return 'a'{}", " .. 'a'".repeat(150))),
        ("many statements", "local _ = 1 ".repeat(10) + &"_G.x = 1 ".repeat(20_000)),
    ] {
        failures.extend(crate::try_out(name, Ends::Bounded, "as a file", source, "return 1").err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
