//! The command line: one file a verb.
//!
//! `args.rs` has all verbs and flags, `exit.rs` the exit codes; only `out.rs` prints.

pub mod args;
mod check;
pub mod exit;
pub mod out;
mod serve;
pub mod units;

use std::process::ExitCode;

use args::{Cli, Verb};
use exit::Exit;

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let (flags, verb) = Cli::from_process();
    match verb {
        Verb::Check(output) => check::run(&flags, output.json),
        Verb::Serve => serve::run(&flags),
        Verb::User(_) | Verb::Group(_) | Verb::Token(_) | Verb::Fsck(_) => {
            out::error("this verb is not built yet");
            Exit(exit::FAILURE)
        }
    }
    .into()
}
