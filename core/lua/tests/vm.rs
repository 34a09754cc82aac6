//! A VM's manners: environments, faults, answers, memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlua::{Function, MultiValue, Table, Value};
use moonsail_lua::{Budget, Fault, Trouble, Vm, VmLimits, mlua};

const BUDGET: Budget = Budget { cpu: Duration::from_millis(50), wall: Duration::from_secs(20) };

fn vm() -> Vm {
    Vm::new(VmLimits::default()).expect("a VM")
}

/// Runs a file in an environment of its own.
async fn run(vm: &Vm, source: &str) -> Result<MultiValue, Fault> {
    let environment = vm.environment().expect("an environment");
    vm.run("scripts/a.lua", source.as_bytes(), &environment).await
}

/// What a file returns, as text.
async fn text(vm: &Vm, source: &str) -> String {
    let values = run(vm, source).await.unwrap_or_else(|fault| panic!("{source}: {fault}"));
    let texts: Vec<String> = values.iter().map(|it| it.to_string().expect("a text")).collect();
    texts.join(" ")
}

/// A function that a file returns.
async fn function(vm: &Vm, source: &str) -> Function {
    match run(vm, source).await.expect("the file runs").pop_front() {
        Some(Value::Function(function)) => function,
        other => panic!("no function: {other:?}"),
    }
}

#[tokio::test]
async fn the_language_works() {
    let vm = vm();
    for (source, expected) in [
        ("return 1 + 1", "2"),
        (
            "local t = {} for i = 1, 10 do t[i] = 11 - i end table.sort(t) return t[1], t[10]",
            "1 10",
        ),
        ("local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t[1]", "3"),
        ("return ('a,b,c'):split(',')[2], #string.split('abc', '')", "b 3"),
        (
            "return ('hello'):find('l'), ('hello'):find('.', 1, true), ('a.b'):find('.', 1, true)",
            "3 nil 2 2",
        ),
        ("return ('k=v'):match('(%w+)=(%w+)')", "k v"),
        ("local n = 0 for w in ('a b c'):gmatch('%a') do n += 1 end return n", "3"),
        ("return (('aXb'):gsub('X', '-'))", "a-b"),
        ("local n = 0 for k, v in pairs({a = 1, b = 2, 3}) do n += v end return n", "6"),
        ("return select('#', table.unpack({1, 2, 3}))", "3"),
        ("return table.concat(table.move({1, 2, 3}, 2, 3, 1), ',')", "2,3,3"),
        (
            "local co = coroutine.wrap(function() coroutine.yield(1) return 2 end) return co(), co()",
            "1 2",
        ),
        ("x = 5 return _G.x, rawget(_G, 'x')", "5 5"),
        ("return type(os.time()), type(os.clock())", "number number"),
        ("return pcall(string.rep)", "false missing argument #1 to 'rep' (string expected)"),
        (
            "local ok, e = pcall(function() string.rep() end) return e",
            "scripts/a.lua:1: missing argument #1 to 'rep' (string expected)",
        ),
        ("local b = buffer.create(8) buffer.writeu8(b, 0, 7) return buffer.readu8(b, 0)", "7"),
    ] {
        assert_eq!(text(&vm, source).await, expected, "{source}");
    }
}

#[tokio::test]
async fn long_plain_texts_are_found_where_they_are() {
    let vm = vm();
    let source = "
        local hay = ('a'):rep(2000000) .. ('a'):rep(99) .. 'b' .. 'tail'
        local needle = ('a'):rep(99) .. 'b'
        local from, to = hay:find(needle, 1, true)
        local negative = hay:find(needle, -104, true)
        return from, to, hay:find(needle), hay:find(needle, from + 1, true), negative
    ";
    let found = text(&vm, source).await;
    assert_eq!(
        found,
        "2000001 2000100 2000001 2000100 nil 2000001".replace(" 2000100 nil", " nil")
    );
}

#[tokio::test]
async fn faults_say_what_and_where() {
    let vm = vm();
    for (source, trouble, message) in [
        ("local x = = 1", Trouble::Syntax, "scripts/a.lua:1: "),
        (
            "\n\nlocal t = nil\nreturn t.name",
            Trouble::Script,
            "scripts/a.lua:4: attempt to index nil with 'name'",
        ),
        ("error('no')", Trouble::Script, "scripts/a.lua:1: no"),
        ("error('two\\nlines')", Trouble::Script, "scripts/a.lua:1: two lines"),
        (
            "error({code = 1})",
            Trouble::Script,
            "scripts/a.lua:1: raised a table that has no __tostring",
        ),
        (
            "error(setmetatable({}, {__tostring = function() return 'mine' end}))",
            Trouble::Script,
            "scripts/a.lua:1: mine",
        ),
        ("error(nil)", Trouble::Script, "scripts/a.lua:1: raised an error without a message"),
        ("error(coroutine.create(print))", Trouble::Script, "scripts/a.lua:1: raised a thread"),
        ("error(('x'):rep(100000))", Trouble::Script, "scripts/a.lua:1: xxx"),
        ("while true do end", Trouble::Cpu, "scripts/a.lua:1: used up its processor time (500 ms)"),
        ("(('a'):rep(30)):find(('a*'):rep(30) .. 'b')", Trouble::Cpu, "scripts/a.lua:1: used up"),
        (
            "error(setmetatable({}, {__tostring = function() while true do end end}))",
            Trouble::Cpu,
            "scripts/a.lua:1: used up",
        ),
    ] {
        let fault = run(&vm, source).await.expect_err(source);
        assert_eq!(fault.trouble, trouble, "{source}: {fault:?}");
        assert!(fault.message.starts_with(message), "{source}: {fault:?}");
        assert!(
            !fault.message.contains(['\n', '\r']) && fault.message.len() < 2_000,
            "{source}: {fault:?}"
        );
    }
    let fault = run(
        &vm,
        "local function inner() error('x') end\nlocal function outer() inner() end\nouter()",
    )
    .await;
    let fault = fault.expect_err("raised");
    assert!(
        fault.traceback.contains("scripts/a.lua:2") && !fault.traceback.contains("moonsail"),
        "{fault:?}"
    );
    assert!(!vm.is_spoilt());
}

#[tokio::test]
async fn scripts_do_not_see_each_others_globals() {
    let vm = vm();
    let (one, two) = (vm.environment().expect("one"), vm.environment().expect("two"));
    vm.run("scripts/one.lua", b"secret = 42 _G.other = 1", &one).await.expect("one runs");
    let seen = vm
        .run("scripts/two.lua", b"return secret, other, _G.secret", &two)
        .await
        .expect("two runs");
    assert!(seen.iter().all(Value::is_nil), "{seen:?}");
    assert_eq!(one.raw_get::<i64>("secret").expect("its own"), 42);
}

#[tokio::test]
async fn print_goes_where_it_is_told() {
    let vm = vm();
    run(&vm, "print('nobody hears')").await.expect("prints");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    vm.set_print(move |line| sink.lock().unwrap().push(line.to_owned()));
    run(&vm, "print('a', 1, nil, true) print(('x'):rep(100000))").await.expect("prints");
    let lines = lines.lock().unwrap();
    assert_eq!(lines[0], "a\t1\tnil\ttrue");
    assert_eq!(lines[1].len(), 4096);
}

#[tokio::test]
async fn an_answer_is_read_within_the_budget() {
    let vm = vm();
    let hostile = "return function() return setmetatable({}, {__index = function() while true do end end}) end";
    let hostile = function(&vm, hostile).await;
    let read = |_: &mlua::Lua, mut values: MultiValue| match values.pop_front() {
        Some(Value::Table(table)) => {
            table.get::<i64>("x").map_err(|error| Fault::new(Trouble::Script, error.to_string()))
        }
        _ => Ok(0),
    };
    let fault = vm.call_into(&hostile, (), BUDGET, read).await.expect_err("it never ends");
    assert_eq!(fault.trouble, Trouble::Cpu);
    // Even without a budget somebody looks at the clock.
    let table: Table = match vm.call(&hostile, (), BUDGET).await.expect("returns").pop_front() {
        Some(Value::Table(table)) => table,
        other => panic!("{other:?}"),
    };
    assert!(table.get::<Value>("x").is_err());
}

#[tokio::test]
async fn a_panic_below_a_script_is_a_fault() {
    let vm = vm();
    let environment = vm.environment().expect("an environment");
    let boom =
        vm.lua().create_function(|_, ()| -> mlua::Result<()> { panic!("boom") }).expect("made");
    environment.raw_set("boom", boom).expect("set");
    let fault = vm.run("scripts/a.lua", b"boom()", &environment).await.expect_err("panics");
    assert_eq!(
        (fault.trouble, fault.message.contains("boom")),
        (Trouble::Panic, true),
        "{fault:?}"
    );
    assert!(vm.is_spoilt());
}

#[test]
fn an_idle_vm_is_small() {
    let vm = vm();
    vm.lua().gc_collect().expect("collects");
    assert!(vm.used_memory() < 1 << 20, "{} bytes", vm.used_memory());
}

/// mlua resets a coroutine that is over, which allocates; without memory that ended the process.
#[tokio::test]
async fn a_call_that_ends_without_memory_ends_nothing_else() {
    for depth in [1, 10, 100, 1_000] {
        let vm = vm();
        let fill = format!(
            "local kept = {{}}
            local function fill()
                local size = 2 ^ 22
                while size >= 1 do
                    if not pcall(function() kept[#kept + 1] = ('x'):rep(size) .. #kept end) then
                        size /= 2
                    end
                end
                for i = 1, 1e6 do kept[#kept + 1] = coroutine.create(print) end
            end
            local function deep(n) if n == 0 then fill() else return 1 + deep(n - 1) end end
            return function() return deep({depth}) end"
        );
        let fill = function(&vm, &fill).await;
        let budget = Budget { cpu: Duration::from_secs(10), wall: Duration::from_secs(60) };
        let fault = vm.call(&fill, (), budget).await.expect_err("there is no memory");
        assert_eq!(fault.trouble, Trouble::Memory, "{fault:?}");
        assert!(vm.is_spoilt());
    }
}
