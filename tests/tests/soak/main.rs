//! What a server takes over time: memory, files it keeps open, temporary files. And no 5xx.
//!
//! | case     | what happens                                                            |
//! |----------|-------------------------------------------------------------------------|
//! | `load`   | clients of all kinds at half load, nextcloudcmd among them              |
//! | `upload` | one large file, and pieces of it back                                   |
//! | `list`   | a listing of very many entries                                          |
//!
//! Shortened unless told: `SOAK_SECS=3600 SOAK_UPLOAD_MIB=10240 SOAK_ENTRIES=100000 cargo test -p
//! e2e --test soak`. Bounds of memory are those of `docs/reliability.md` for each length, but for
//! the slope, which means nothing on a short run: there the growth is bounded.

mod large;
mod listing;
mod load;
mod measure;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use e2e::suite::{self, Case};

fn main() -> ExitCode {
    let seconds = number("SOAK_SECS", 30);
    let (mib, entries) = (number("SOAK_UPLOAD_MIB", 256), number("SOAK_ENTRIES", 10_000));
    let cases = vec![
        Case {
            name: "load".to_owned(),
            run: Box::new(move || load::run(Duration::from_secs(seconds))),
        },
        Case { name: "upload".to_owned(), run: Box::new(move || large::run(mib)) },
        Case { name: "list".to_owned(), run: Box::new(move || listing::run(entries)) },
    ];
    // One after the other: each measures.
    suite::run(cases, 1)
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
