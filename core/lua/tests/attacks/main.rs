//! What a script may try to stop the server with, each in every place where its code can stand.
//!
//! One attack runs in a VM of its own, on a runtime of one thread, beside a neighbour that wants to be
//! woken all the time. Asserted are how it ends, the processor time that it took (not that of the clock on
//! the wall, so a busy machine changes nothing), and that the VM is either marked as spoilt or answers.

mod endless;
mod loops;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mlua::{MultiValue, Value};
use moonsail_lua::{Budget, Fault, Library, Trouble, Vm, VmLimits, mlua};
use rustix::time::{ClockId, clock_gettime};

/// What a call may use.
const CPU: Duration = Duration::from_millis(20);

/// Processor time beyond twice the budget that is nobody's fault: building the VM without optimisation,
/// the neighbour, one step of a library's function.
const SLACK: Duration = Duration::from_millis(400);

/// How an attack may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// By its processor time.
    Cpu,
    /// By the VM's memory.
    Memory,
    /// By an error that the script gets, and passes on here.
    Refused,
    /// By its memory or its time, whichever is first.
    Exhausted,
    /// By whatever: it is bounded work that may also succeed.
    Bounded,
}

/// An attack: a name, how it ends, the body of a function.
type Attack = (&'static str, Ends, &'static str);

/// Where the body stands. `BODY` is replaced.
const PLACES: &[(&str, &str)] = &[
    ("top level", "BODY"),
    ("call", "return function() BODY end"),
    (
        "coroutine",
        "return function()
            local ok, e = coroutine.resume(coroutine.create(function() BODY end))
            if not ok then error(e, 0) end
        end",
    ),
    ("wrap", "return function() coroutine.wrap(function() BODY end)() end"),
    (
        "pcall",
        "return function()
            local ok, e = pcall(function() BODY end)
            if not ok then error(e, 0) end
        end",
    ),
    (
        "metamethod",
        "return function()
            local t = setmetatable({}, { __index = function() BODY end })
            return t.x
        end",
    ),
    ("comparison", "return function() table.sort({ 2, 1, 3 }, function(a, b) BODY end) end"),
    ("replacement", "return function() return (('a'):gsub('a', function() BODY end)) end"),
    ("required", "require 'attack'"),
];

/// Places where an error does not come through, because the script catches it. The attack then goes on
/// until its time is up.
const STUBBORN: &[(&str, &str)] = &[
    ("pcall loop", "return function() while true do pcall(function() BODY end) end end"),
    (
        "nested pcall loop",
        "return function()
            local function again() while true do pcall(pcall, function() BODY end) end end
            while true do xpcall(again, again) end
        end",
    ),
    (
        "coroutine loop",
        "return function()
            while true do coroutine.resume(coroutine.create(function() BODY end)) end
        end",
    ),
];

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("a time since the thread's start")
}

/// A folder with the attack as a module, gone afterwards.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(body: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("attack-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder");
        std::fs::write(path.join("attack.lua"), body).expect("a module");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a file, and the function that it returns.
async fn strike(vm: &Vm, source: &str, library: &Library) -> Result<MultiValue, Fault> {
    let environment = vm.environment()?;
    let modules = vm.lua().create_table().expect("a table");
    vm.set_require(&environment, &modules, library)?;
    let mut values = vm.run("scripts/attack.lua", source.as_bytes(), &environment).await?;
    match values.pop_front() {
        Some(Value::Function(function)) => vm.call(&function, (), budget()).await,
        _ => Ok(values),
    }
}

fn budget() -> Budget {
    Budget { cpu: CPU, wall: Duration::from_secs(60) }
}

/// One attack at one place, on a thread of its own. What was not as it should be.
fn try_out(
    name: &str,
    ends: Ends,
    place: &str,
    source: String,
    body: &'static str,
) -> Result<(), String> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.expect("a runtime");
        let limits = VmLimits { memory: 32 << 20, load: budget() };
        let vm = Vm::new(limits).expect("a VM");
        let folder = Folder::new(body);
        let library = Library::new(&folder.0, "scripts");
        runtime.block_on(async {
            let neighbour = Neighbour::new();
            let before = thread_time();
            let result = strike(&vm, &source, &library).await;
            let used = thread_time() - before;
            let spoilt = vm.is_spoilt();
            if !spoilt {
                let answer = strike(&vm, "return function() return 42 end", &library).await;
                let answer = answer.map(|it| it.front().and_then(Value::as_integer));
                assert!(matches!(answer, Ok(Some(42))), "the VM answers: {answer:?}");
            }
            neighbour.goes_on().await;
            (result, used, spoilt)
        })
    };
    let what = format!("{name} ({place})");
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread");
    let (result, used, spoilt) = thread.join().map_err(|_| format!("{what}: panicked"))?;
    let trouble = result.as_ref().err().map(|fault| fault.trouble);
    let expected = match ends {
        Ends::Cpu => trouble == Some(Trouble::Cpu),
        Ends::Memory => trouble == Some(Trouble::Memory),
        Ends::Refused => matches!(trouble, Some(Trouble::Script | Trouble::Syntax)),
        Ends::Exhausted => matches!(trouble, Some(Trouble::Cpu | Trouble::Memory)),
        Ends::Bounded => trouble != Some(Trouble::Panic) && trouble != Some(Trouble::Wall),
    };
    let long = |fault: &Fault| fault.message.len() > 2_000 || fault.message.contains('\n');
    if !expected || result.as_ref().is_err_and(long) {
        return Err(format!("{what}: was to end {ends:?}, ended {result:?} after {used:?}"));
    }
    if spoilt != (trouble == Some(Trouble::Memory)) {
        return Err(format!("{what}: spoilt is {spoilt} after {result:?}"));
    }
    if used > 2 * CPU + SLACK {
        return Err(format!("{what}: took {used:?}, ended {result:?}"));
    }
    Ok(())
}

/// A task on the same runtime that wants to be woken all the time.
struct Neighbour(Arc<AtomicU64>, tokio::task::JoinHandle<()>);

impl Neighbour {
    fn new() -> Self {
        let ticks = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&ticks);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self(ticks, task)
    }

    async fn goes_on(self) {
        let before = self.0.load(Ordering::Relaxed);
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.0.load(Ordering::Relaxed) > before {
                return self.1.abort();
            }
        }
        panic!("the neighbour does not go on");
    }
}

/// All attacks of a class, everywhere.
fn check(attacks: &[Attack]) {
    let mut failures = Vec::new();
    for &(name, ends, body) in attacks {
        for (place, around) in PLACES {
            failures.extend(try_out(name, ends, place, around.replace("BODY", body), body).err());
        }
        for (place, around) in STUBBORN {
            let source = around.replace("BODY", body);
            failures.extend(try_out(name, Ends::Exhausted, place, source, body).err());
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// There are as many as promised, and none twice.
#[test]
fn there_are_sixty_attacks() {
    let all = [endless::ATTACKS, loops::ATTACKS, memory::ATTACKS].concat();
    let names: std::collections::BTreeSet<&str> = all.iter().map(|it| it.0).collect();
    assert!(names.len() >= 60 && names.len() == all.len(), "{} of {}", names.len(), all.len());
}
