//! Time: what counts, what does not, and who else gets some meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mlua::{Function, Value};
use moonsail_lua::{Budget, Trouble, Vm, VmLimits, mlua};

fn budget(cpu_ms: u64) -> Budget {
    Budget { cpu: Duration::from_millis(cpu_ms), wall: Duration::from_secs(60) }
}

/// A VM and a function of it that can await `sleep(milliseconds)`.
async fn prepare(source: &str) -> (Vm, Function) {
    let vm = Vm::new(VmLimits::default()).expect("a VM");
    let function = add(&vm, source).await;
    (vm, function)
}

async fn add(vm: &Vm, source: &str) -> Function {
    let environment = vm.environment().expect("an environment");
    let sleep = |_, milliseconds: u64| async move {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        Ok(())
    };
    let sleep = vm.lua().create_async_function(sleep).expect("a function");
    environment.raw_set("sleep", sleep).expect("set");
    let source = format!("return function(...) {source} end");
    match vm.run("scripts/a.lua", source.as_bytes(), &environment).await.expect("runs").pop_front()
    {
        Some(Value::Function(function)) => function,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_is_not_processor_time() {
    let source = "for i = 1, 100 do sleep(100) for j = 1, 1000 do end end return 'done'";
    let (vm, function) = prepare(source).await;
    let started = tokio::time::Instant::now();
    let values =
        vm.call(&function, (), budget(50)).await.expect("it waits for 10 s and does little");
    assert_eq!(values.front().and_then(|it| it.to_string().ok()).as_deref(), Some("done"));
    assert!(started.elapsed() >= Duration::from_secs(10));
}

#[tokio::test]
async fn processor_time_is() {
    let (vm, function) =
        prepare("local stop = os.clock() + ... repeat until os.clock() > stop").await;
    let fault = vm.call(&function, 30.0, budget(50)).await.expect_err("too much");
    assert_eq!(fault.trouble, Trouble::Cpu);
    let spread = add(&vm, "while true do sleep(1) for i = 1, 1e5 do end end").await;
    let fault = vm.call(&spread, (), budget(20)).await.expect_err("a little at a time is as much");
    assert_eq!(fault.trouble, Trouble::Cpu);
    let yields = add(&vm, "while true do coroutine.yield() end").await;
    let fault = vm.call(&yields, (), budget(20)).await.expect_err("yields are no way out");
    assert_eq!(fault.trouble, Trouble::Cpu);
    assert!(!vm.is_spoilt());
}

/// The clock once went to sleep below a script that ran for long in one go.
#[tokio::test]
async fn a_long_stretch_in_a_coroutine_ends() {
    let (vm, function) = prepare("coroutine.wrap(function() while true do end end)()").await;
    let fault = vm.call(&function, (), budget(700)).await.expect_err("it ends");
    assert_eq!(fault.trouble, Trouble::Cpu);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_its_deadline() {
    let (vm, function) = prepare("sleep(1e7)").await;
    let limits = Budget { wall: Duration::from_secs(10), ..budget(50) };
    let fault = vm.call(&function, (), limits).await.expect_err("too long");
    assert_eq!(fault.trouble, Trouble::Wall);
    assert_eq!(fault.message, "scripts/a.lua:1: took longer than 10s, waiting included");
    let caught = add(&vm, "while true do pcall(sleep, 1000) end").await;
    let fault = vm.call(&caught, (), limits).await.expect_err("too long");
    assert_eq!(fault.trouble, Trouble::Wall);
    assert!(!vm.is_spoilt());
}

/// On one thread: a script that computes leaves it to others every few milliseconds.
#[tokio::test]
async fn slices_keep_timers_alive() {
    let (vm, function) = prepare("local n = 0 while true do n += 1 end").await;
    let ticks = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&ticks);
    let timer = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let fault = vm.call(&function, (), budget(400)).await.expect_err("it never ends");
    assert_eq!(fault.trouble, Trouble::Cpu);
    let seen = ticks.load(Ordering::Relaxed);
    assert!(seen >= 400 / 30, "a timer of 5 ms fired {seen} times in 400 ms of processor time");
    timer.abort();
}

#[tokio::test]
async fn a_slice_does_not_disturb_what_is_computed() {
    let source = "
        local function f(...) return select('#', ...) end
        local n, t = 0, { 1, 2, 3 }
        for i = 1, 300000 do n += f(table.unpack(t)) + f(f(1, 2), table.unpack(t)) end
        local co = coroutine.wrap(function() for i = 1, 300000 do if i % 1000 == 0 then coroutine.yield(i) end end return -1 end)
        local last, all = 0, 0
        repeat local x = co() if x > 0 then last = x end all += 1 until x < 0
        return n, last, all";
    let (vm, function) = prepare(source).await;
    let values = vm.call(&function, (), budget(60_000)).await.expect("it ends");
    let values: Vec<i64> = values.iter().filter_map(Value::as_i64).collect();
    assert_eq!(values, [300_000 * 7, 300_000, 301]);
}

/// Calls of one VM from all workers: each is charged for its own work only.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_wait_for_the_vm_are_not_charged() {
    let (vm, busy) = prepare("coroutine.wrap(function() for i = 1, 1e9 do end end)()").await;
    let small = add(&vm, "local n = 0 for i = 1, 1000 do n += i end sleep(1) return n").await;
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..200 {
        let (vm, busy, small) = (vm.clone(), busy.clone(), small.clone());
        calls.spawn(async move {
            if index % 20 == 0 {
                let fault = vm.call(&busy, (), budget(50)).await.expect_err("it takes too long");
                assert_eq!(fault.trouble, Trouble::Cpu);
            } else {
                let values = vm.call(&small, (), budget(50)).await.expect("it does little");
                assert_eq!(values.front().and_then(Value::as_i64), Some(500_500));
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("as asserted");
    }
    assert!(!vm.is_spoilt() && !vm.is_busy());
}

/// A call from inside a call, on the same VM: it must not wait for itself.
#[tokio::test]
async fn a_call_inside_a_call_runs() {
    let (vm, inner) = prepare("sleep(1) return 7").await;
    let environment = vm.environment().expect("an environment");
    let again = vm.clone();
    let nested = move |_: mlua::Lua, ()| {
        let (vm, inner) = (again.clone(), inner.clone());
        async move {
            let values = vm.call(&inner, (), budget(50)).await;
            values.map_err(|fault| mlua::Error::runtime(fault.message))
        }
    };
    let nested = vm.lua().create_async_function(nested).expect("a function");
    environment.raw_set("nested", nested).expect("set");
    let outer =
        vm.run("scripts/b.lua", b"return function() return nested() end", &environment).await;
    let Some(Value::Function(outer)) = outer.expect("runs").pop_front() else {
        panic!("no function")
    };
    let values = vm.call(&outer, (), budget(50)).await.expect("both run");
    assert_eq!(values.front().and_then(Value::as_i64), Some(7));
}

/// What is not ready is waited for wherever it is called.
#[tokio::test(start_paused = true)]
async fn a_coroutine_of_the_scripts_own_can_wait() {
    let source = "
        local seen = {}
        for x in coroutine.wrap(function()
            for i = 1, 3 do sleep(1000) coroutine.yield(i) sleep(1000) end
        end) do seen[#seen + 1] = x end
        local co = coroutine.create(function(a)
            sleep(1000)
            local b = coroutine.yield(a + 1)
            coroutine.wrap(function() sleep(1000) end)()
            for i = 1, 30000 do sleep(0) end
            error(b, 0)
        end)
        local _, first = coroutine.resume(co, 1)
        local ok, second = coroutine.resume(co, 'raised')
        local caught, why = pcall(coroutine.wrap(function() sleep(1) error({ 7 }) end))
        return table.concat(seen, ','), first, ok, second, coroutine.status(co), caught, why[1]";
    let (vm, function) = prepare(source).await;
    let values = vm.call(&function, (), budget(60_000)).await.expect("it waits");
    let texts: Vec<String> = values.iter().map(|it| it.to_string().expect("a text")).collect();
    assert_eq!(texts, ["1,2,3", "2", "false", "raised", "dead", "false", "7"]);
}

/// Counts how many of it there are.
struct Held(Arc<AtomicU64>);

impl Held {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_calls_give_everything_back() {
    let vm = Vm::new(VmLimits::default()).expect("a VM");
    let environment = vm.environment().expect("an environment");
    let held = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&held);
    let wait = move |_: mlua::Lua, ()| {
        let held = Held::new(&counter);
        async move {
            let _held = held;
            std::future::pending::<mlua::Result<()>>().await
        }
    };
    environment.raw_set("wait", vm.lua().create_async_function(wait).expect("made")).expect("set");
    let source = b"return function(own)
        local kept = ('x'):rep(1000) .. tostring({})
        if own then coroutine.wrap(function() coroutine.wrap(wait)() end)() else pcall(wait) end
        return kept
    end";
    let function = vm.run("scripts/a.lua", source, &environment).await.expect("runs").pop_front();
    let Some(Value::Function(function)) = function else { panic!("no function") };
    let mut memory = Vec::new();
    for _ in 0..3 {
        let mut calls = tokio::task::JoinSet::new();
        for index in 0..1_000 {
            let (vm, function) = (vm.clone(), function.clone());
            calls.spawn(async move { vm.call(&function, index % 2 == 0, budget(50)).await });
        }
        let started = Instant::now();
        while held.load(Ordering::SeqCst) < 1_000 {
            assert!(started.elapsed() < Duration::from_secs(60), "they all wait");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let waiting = vm.used_memory();
        calls.shutdown().await;
        assert_eq!(
            held.load(Ordering::SeqCst),
            0,
            "what they awaited is dropped with them, at once"
        );
        vm.lua().gc_collect().expect("collects");
        vm.lua().gc_collect().expect("collects");
        memory.push((waiting, vm.used_memory()));
    }
    let (most, first) = memory[0];
    assert!(most - first > 1_000_000, "they did hold something: {memory:?}");
    assert!(
        memory.iter().all(|(_, after)| *after < first + 100_000),
        "nothing is left: {memory:?}"
    );
    assert!(first < 2 << 20, "{memory:?}");
}

/// A busy thread prepares the arguments of one call after the other, and each of them is short.
#[tokio::test]
async fn what_is_made_outside_of_calls_does_not_add_up() {
    let vm = Vm::new(VmLimits::default()).expect("a VM");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(600) {
        let made = vm.make(|lua| lua.create_async_function(|_, ()| async { Ok(()) }));
        made.expect("it is made in no time");
    }
}
