//! A file of tests: `test("name", function(t) … end)`. Each test runs in VMs of its own, with fakes of
//! its own, so none sees what another has done.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mlua::{Function, Lua};

use super::Rules;
use super::hands::Hands;
use crate::error::{Fault, Trouble};
use crate::modules::MODULES;
use crate::script::dialect;
use crate::site::{Grants, Site};
use crate::vm::{Budget, Library, Vm, VmLimits};

/// What one test may use, not counting the script.
const BUDGET: Budget = Budget { cpu: Duration::from_secs(2), wall: Duration::from_secs(60) };

/// What begins a first line that names the script.
const SCRIPT: &str = "-- script:";

/// A test that was run.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file, as it was given.
    pub file: String,
    /// What the test calls itself.
    pub name: String,
    /// Why it failed.
    pub failure: Option<Fault>,
    /// How long it took.
    pub time: Duration,
}

/// The tests that a file has, in one VM.
struct Set {
    vm: Vm,
    tests: Vec<(String, Function)>,
}

/// Runs the tests of a file, in order. A file that cannot be read or does not compile is a test that
/// fails, and so is one without tests.
pub async fn run(file: &Path, rules: &Arc<dyn Rules>) -> Vec<Case> {
    let shown = file.display().to_string();
    let failed = |fault| Case {
        file: shown.clone(),
        name: "the file loads".to_owned(),
        failure: Some(fault),
        time: Duration::ZERO,
    };
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => {
            return vec![failed(Fault::new(Trouble::Script, format!("{shown}: {error}")))];
        }
    };
    let names: Vec<String> = match load(file, &shown, &text).await {
        Ok(set) if set.tests.is_empty() => {
            let why = format!("{shown}: has no tests: test(\"name\", function(t) … end)");
            return vec![failed(Fault::new(Trouble::Script, why))];
        }
        Ok(set) => set.tests.into_iter().map(|(name, _)| name).collect(),
        Err(fault) => return vec![failed(fault)],
    };
    let mut cases = Vec::with_capacity(names.len());
    for (number, name) in names.into_iter().enumerate() {
        let begun = Instant::now();
        let done = one(file, &shown, &text, number, rules).await;
        let time = begun.elapsed();
        cases.push(Case { file: shown.clone(), name, failure: done.err(), time });
    }
    cases
}

async fn one(
    file: &Path,
    shown: &str,
    text: &[u8],
    number: usize,
    rules: &Arc<dyn Rules>,
) -> Result<(), Fault> {
    let set = load(file, shown, text).await?;
    let Some((_, function)) = set.tests.get(number) else {
        let why = format!("{shown}: has other tests each time it is loaded");
        return Err(Fault::new(Trouble::Script, why));
    };
    let first = String::from_utf8_lossy(text);
    let first = first.lines().next().and_then(|line| line.strip_prefix(SCRIPT));
    let script = first.map(|script| script.trim().to_owned());
    let hands = Hands::new(folder(file).to_owned(), script, Arc::clone(rules));
    let t = hands.table(set.vm.lua()).map_err(|error| fault(&error))?;
    set.vm.call(function, t, BUDGET).await.map(drop)
}

async fn load(file: &Path, shown: &str, text: &[u8]) -> Result<Set, Fault> {
    let vm = Vm::new(VmLimits::default())?;
    let environment = vm.environment()?;
    let tests: Arc<Mutex<Vec<(String, Function)>>> = Arc::default();
    let to = Arc::clone(&tests);
    let test = move |_: &Lua, (name, function): (String, Function)| {
        to.lock().unwrap_or_else(PoisonError::into_inner).push((name, function));
        Ok(())
    };
    let prepare = || {
        environment.raw_set("test", vm.lua().create_function(test)?)?;
        let modules = vm.lua().create_table()?;
        let (services, _) = crate::services::Services::for_tests();
        let site = Site::new("test", Grants::default(), services);
        for module in MODULES {
            modules.raw_set(module.name, (module.open)(vm.lua(), &site)?)?;
        }
        Ok(modules)
    };
    let modules = prepare().map_err(|error: mlua::Error| fault(&error))?;
    let folder = folder(file);
    let library = Library::new(folder, folder.display().to_string());
    vm.set_require(&environment, &modules, &library)?;
    vm.run(shown, text, &environment).await.map_err(|mut fault| {
        if let Some(advice) = dialect::advice(&String::from_utf8_lossy(text), &fault) {
            fault.message = format!("{}. {advice}", fault.message);
        }
        fault
    })?;
    let tests = std::mem::take(&mut *tests.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Set { vm, tests })
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn fault(error: &mlua::Error) -> Fault {
    Fault::new(Trouble::Script, error.to_string())
}
