//! What is acknowledged is there: servers that are killed, cut off, filled up and lied to.
//!
//! A black-box test in the manner of Jepsen. [`worker`]s change files, [`choose`] decides by a seed
//! what they do, [`transfer`] is their chunked upload; [`observe`] looks what is there, on the
//! server and on its disk. The oracle is in three parts: [`model`] says what each operation does to
//! a tree, [`linear`] whether some order of the operations explains all answers and what is seen at
//! last, [`law`] what must hold of etags and ids for ever.
//!
//! | case    | what happens                                                             |
//! |---------|--------------------------------------------------------------------------|
//! | `oracle` | made-up histories, some of them lies                                    |
//! | `kills` | `kill -9` at random moments                                              |
//! | `failing-calls` | the same, on a disk that fails now and then                      |
//! | `points-…` | a kill at each system call of one operation                           |
//! | `faults-…` | system calls that fail                                                |
//! | `power-cut`, `power-cut-without-syncs` | only what was synced is there afterwards  |
//! | `clock` | the clock is set back between two lives                                  |
//! | `outside` | somebody writes to a file between commit and publication                |
//! | `full-disk`, `full-disk-with-reserve` | no room, or less than the server keeps back |
//!
//! By hand: `CRASH_CYCLES=200 cargo test -p e2e --test crash -- kills`; `CRASH_SEED` repeats a run,
//! `CRASH_FILES=100000` puts so many files of another user beside.

mod bulk;
mod choose;
mod clock;
mod faults;
mod full;
mod kills;
mod law;
mod linear;
mod model;
mod observe;
mod oracle;
mod outside;
mod points;
mod power;
mod rng;
mod transfer;
mod worker;
mod world;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use e2e::suite::{self, Case, Outcome};

fn main() -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as u64);
    let plan = kills::Plan {
        seed: number("CRASH_SEED", now),
        cycles: number("CRASH_CYCLES", 10),
        bulk: number("CRASH_FILES", 5000) as usize,
    };
    let (seed, cycles) = (plan.seed, plan.cycles);
    let mut cases = vec![case("oracle", oracle::run), case("kills", move || kills::run(&plan))];
    cases.push(case("failing-calls", move || kills::run_faulty(seed, cycles)));
    cases.push(case("power-cut", move || power::run(seed)));
    cases.push(case("power-cut-without-syncs", power::without_syncs));
    cases.push(case("faults-chunk", faults::chunks));
    cases.push(case("clock", move || clock::run(seed)));
    cases.push(case("outside", outside::run));
    cases.push(case("full-disk", || full::run(Some(0))));
    cases.push(case("full-disk-with-reserve", || full::run(None)));
    for kind in points::ALL {
        cases.push(case(&points::name(kind), move || points::run(kind)));
        cases.push(case(&faults::case_name(kind), move || faults::run(kind)));
    }
    // Most of them wait most of the time.
    suite::run(cases, 4)
}

fn case(
    name: &str,
    run: impl Fn() -> anyhow::Result<Outcome> + Send + Sync + 'static,
) -> Case<'static> {
    Case { name: name.to_owned(), run: Box::new(run) }
}

/// A number from the environment. A value that is none ends the program.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
    }
}

/// A line for whoever reads the test's output.
pub(crate) fn say(line: &str) {
    // Nobody reads a closed pipe.
    let _ = writeln!(std::io::stdout(), "    {line}");
}
