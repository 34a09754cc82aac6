//! The command line: one file a verb.
//!
//! `args.rs` has all verbs and flags, `exit.rs` the exit codes; only `out.rs` prints. Verbs that
//! work on the data folder go through `session.rs`.

pub mod args;
mod backup;
mod capabilities;
mod check;
pub mod exit;
mod fsck;
mod group;
mod ldap;
pub mod out;
mod password;
mod plugin;
mod progress;
mod restore;
mod scan;
mod script;
mod serve;
mod session;
mod table;
mod token;
pub mod units;
mod user;

use std::process::ExitCode;

use args::{Cli, Verb};

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let (flags, verb) = Cli::from_process();
    match verb {
        Verb::Check(output) => check::run(&flags, output.json),
        Verb::Serve => serve::run(&flags),
        Verb::User(verb) => user::run(&flags, verb),
        Verb::Group(verb) => group::run(&flags, verb),
        Verb::Token(verb) => token::run(&flags, verb),
        Verb::Capabilities(args) => capabilities::run(&flags, args),
        Verb::Ldap(verb) => ldap::run(&flags, verb),
        Verb::Fsck(output) => fsck::run(&flags, output.json),
        Verb::Scan(scan) => scan::run(&flags, scan),
        Verb::Script(verb) => script::run(&flags, verb),
        Verb::Plugin(verb) => plugin::run(&flags, verb),
        Verb::Backup(args) => backup::run(&flags, args),
        Verb::Restore(args) => restore::run(&flags, &args),
    }
    .into()
}
