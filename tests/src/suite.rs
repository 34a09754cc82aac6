//! Runs cases that are known only at run time, and reports them as `cargo test` does.
//!
//! `tests/run` adds up the closing lines of all test programs, so these print the same one.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How a case ended without failing.
pub enum Outcome {
    /// Everything it checks holds.
    Passed,
    /// It could not run, and why. Where `CI` is set this counts as a failure.
    Skipped(String),
}

/// What a case does.
pub type Run<'a> = Box<dyn Fn() -> anyhow::Result<Outcome> + Send + Sync + 'a>;

/// A named case.
pub struct Case<'a> {
    /// Shown, and matched against the filters of the command line.
    pub name: String,
    /// The work.
    pub run: Run<'a>,
}

/// What the command line asks for: `--list`, `--exact`, and parts of names.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Only show the names.
    pub list: bool,
    /// Filters are whole names.
    pub exact: bool,
    /// A case runs if one of these is in its name; all run if there is none.
    pub filters: Vec<String>,
}

impl Arguments {
    /// Reads the command line; the options of `cargo test` that mean nothing here are passed over.
    pub fn from_command_line() -> Self {
        let mut arguments = Self::default();
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--list" => arguments.list = true,
                "--exact" => arguments.exact = true,
                option if option.starts_with('-') => {}
                filter => arguments.filters.push(filter.to_owned()),
            }
        }
        arguments
    }

    /// Whether a case of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        let hit = |filter: &String| if self.exact { name == filter } else { name.contains(filter) };
        self.filters.is_empty() || self.filters.iter().any(hit)
    }
}

/// Runs the wanted cases on `threads` threads and prints each result as it comes.
pub fn run(mut cases: Vec<Case<'_>>, threads: usize) -> ExitCode {
    let arguments = Arguments::from_command_line();
    let all = cases.len();
    cases.retain(|case| arguments.wants(&case.name));
    if arguments.list {
        for case in &cases {
            say(&format!("{}: test", case.name));
        }
        return ExitCode::SUCCESS;
    }
    say(&format!("\nrunning {} tests", cases.len()));
    let begun = Instant::now();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let (passed, skipped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    let result = guarded(case);
                    let took = started.elapsed().as_secs_f32();
                    match result {
                        Ok(Outcome::Passed) => {
                            passed.fetch_add(1, Ordering::Relaxed);
                            say(&format!("test {} ... ok ({took:.1} s)", case.name));
                        }
                        Ok(Outcome::Skipped(why)) if std::env::var_os("CI").is_none() => {
                            skipped.fetch_add(1, Ordering::Relaxed);
                            say(&format!("test {} ... ignored, {why}", case.name));
                        }
                        Ok(Outcome::Skipped(why)) => {
                            say(&format!("test {} ... FAILED ({took:.1} s)", case.name));
                            let text = format!("skipped where CI is set: {why}");
                            failures.lock().expect("no holder panics").push((&case.name, text));
                        }
                        Err(text) => {
                            say(&format!("test {} ... FAILED ({took:.1} s)", case.name));
                            failures.lock().expect("no holder panics").push((&case.name, text));
                        }
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no holder panics");
    failures.sort();
    if !failures.is_empty() {
        say("\nfailures:\n");
    }
    for (name, text) in &failures {
        say(&format!("---- {name} ----\n{text}\n"));
    }
    for (name, _) in &failures {
        say(&format!("    {name}"));
    }
    let word = if failures.is_empty() { "ok" } else { "FAILED" };
    say(&format!(
        "\ntest result: {word}. {} passed; {} failed; {} ignored; 0 measured; {} filtered out; \
         finished in {:.2}s\n",
        passed.into_inner(),
        failures.len(),
        skipped.into_inner(),
        all - cases.len(),
        begun.elapsed().as_secs_f32()
    ));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A panic of one case is a failure of this case.
fn guarded(case: &Case<'_>) -> Result<Outcome, String> {
    match catch_unwind(AssertUnwindSafe(|| (case.run)())) {
        Ok(result) => result.map_err(|error| format!("{error:#}")),
        Err(panic) => Err(panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "panicked".to_owned())),
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads a closed pipe.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
