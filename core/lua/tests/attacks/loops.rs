//! Loops of the interpreter's own library, which never come to a safepoint.

use crate::Attack;
use crate::Ends::*;
use crate::check;

/// Functions given more than they should do at once.
pub(crate) const ATTACKS: &[Attack] = &[
    (
        "find a long plain text",
        Bounded,
        "return (('a'):rep(4e6)):find(('a'):rep(2e6) .. 'b', 1, true)",
    ),
    (
        "find a long plain text, again and again",
        Exhausted,
        "local s, p = ('a'):rep(4e6), ('a'):rep(2e6) .. 'b' while true do s:find(p, 1, true) end",
    ),
    ("find without specials", Bounded, "return (('a'):rep(4e6)):find(('a'):rep(2e6) .. 'b')"),
    ("split by a long text", Refused, "return (('a'):rep(4e6)):split(('a'):rep(2e6) .. 'b')"),
    ("split by a short text", Bounded, "return (('a'):rep(4e6)):split(('a'):rep(30) .. 'b')"),
    ("backtracking", Cpu, "return (('a'):rep(40)):find(('a*'):rep(30) .. 'b')"),
    ("lazy backtracking", Cpu, "return (('a'):rep(100)):find(('.-'):rep(30) .. 'b')"),
    (
        "backtracking in match",
        Cpu,
        "return (('a'):rep(40)):match(('a?'):rep(40) .. ('a*'):rep(20) .. 'b')",
    ),
    (
        "backtracking in gmatch",
        Cpu,
        "for _ in (('a'):rep(40)):gmatch(('a*'):rep(30) .. 'b') do end",
    ),
    ("backtracking in gsub", Cpu, "return (('a'):rep(40)):gsub(('a*'):rep(30) .. 'b', '')"),
    ("quadratic pattern", Cpu, "return (('a'):rep(1e6)):find('.*.*b')"),
    ("back reference", Exhausted, "return (('a'):rep(2e6)):find('(.*)%1b')"),
    ("balance", Cpu, "return (('('):rep(1e6)):find('%b()')"),
    ("frontier", Cpu, "return (('a'):rep(4e6)):gsub('%f[b]()%f[b]', '')"),
    ("a long set", Refused, "return (('a'):rep(4e6)):find('[' .. ('b'):rep(2e6) .. ']*')"),
    (
        "a long set in gsub",
        Refused,
        "return (('a'):rep(4e6)):gsub('[' .. ('b'):rep(2e6) .. ']', '')",
    ),
    ("a deep pattern", Refused, "return (('a'):rep(1000)):find(('('):rep(1000))"),
    ("rep", Memory, "return ('x'):rep(1e9)"),
    ("rep of nothing", Bounded, "return (''):rep(2^31 - 1)"),
    ("rep again and again", Exhausted, "while true do local s = ('x'):rep(1e7) end"),
    (
        "sort",
        Bounded,
        "local t = table.create(5e5, 0) for i = 1, 5e5 do t[i] = (i * 7919) % 500009 end table.sort(t)",
    ),
    (
        "sort with a builtin comparison",
        Bounded,
        "local t = table.create(1e6, 0) table.sort(t, rawequal)",
    ),
    (
        "sort with a lying comparison",
        Bounded,
        "local t = {} for i = 1, 1e4 do t[i] = i end table.sort(t, function() return true end)",
    ),
    (
        "sort long texts",
        Bounded,
        "local t = {} for i = 1, 200 do t[i] = ('x'):rep(5e4) .. i end table.sort(t)",
    ),
    (
        "concat with a long separator",
        Memory,
        "return table.concat(table.create(1e6, 'a'), ('x'):rep(1e6))",
    ),
    ("concat beyond the end", Refused, "return table.concat({}, '', 1, 2e9)"),
    ("unpack a range", Refused, "return table.unpack({}, 1, 1e8)"),
    ("move nothing far", Refused, "table.move({}, 1, 2e9, 2)"),
    ("move within bounds", Bounded, "local t = {} for i = 1, 20 do table.move(t, 1, 2e6, 2) end"),
    (
        "insert into a table with holes",
        Bounded,
        "local t = {} for i = 0, 30 do t[2 ^ i] = 1 end table.insert(t, 1, 1)",
    ),
    (
        "insert at the front",
        Cpu,
        "local t = table.create(5e5, 1) while true do table.insert(t, 1, 1) table.remove(t, 1) end",
    ),
    ("create", Memory, "return table.create(1e7, 1)"),
    ("clone", Exhausted, "local t = table.create(5e5, 1) while true do table.clone(t) end"),
    ("search an array", Cpu, "local t = table.create(1e6, 1) while true do table.find(t, 2) end"),
    ("format", Refused, "return string.format('%99999d', 1)"),
    (
        "format again and again",
        Exhausted,
        "local s = ('%s'):rep(1) while true do s = string.format('%s%s', s, s) end",
    ),
    ("byte of a long text", Refused, "return (('x'):rep(1e7)):byte(1, -1)"),
    ("char of many", Refused, "return string.char(table.unpack(table.create(1e6, 65)))"),
    (
        "reverse again and again",
        Exhausted,
        "local s = ('x'):rep(4e6) while true do s:reverse() end",
    ),
    (
        "upper as a metamethod, without a call",
        Exhausted,
        "local s = ('x'):rep(4e6) local t = setmetatable({}, { __concat = string.upper }) while true do local _ = s .. t end",
    ),
    ("length of a long text", Cpu, "local s = ('x'):rep(4e6) while true do utf8.len(s) end"),
    ("packing", Bounded, "return string.pack(('i16'):rep(1e5), 1)"),
    (
        "fill a buffer",
        Exhausted,
        "local b = buffer.create(8e6) while true do buffer.fill(b, 0, 1) end",
    ),
    ("a huge buffer", Memory, "return buffer.create(1e9)"),
    (
        "text of a buffer",
        Exhausted,
        "local b = buffer.create(4e6) while true do buffer.tostring(b) end",
    ),
    (
        "next in an emptied table",
        Cpu,
        "local t = {} for i = 1, 2e5 do t['k' .. i] = i end for k in pairs(t) do t[k] = nil end while true do next(t) end",
    ),
    (
        "select of many",
        Cpu,
        "local function f(...) return select('#', ...) end local t = table.create(7000, 1) while true do f(table.unpack(t)) end",
    ),
    ("numbers of long texts", Cpu, "local s = ('1'):rep(1e6) while true do tonumber(s) end"),
    ("times without end", Cpu, "while true do os.date('%c') end"),
];

#[test]
fn loops_of_the_library_end() {
    check(ATTACKS);
}
