//! Exit codes, the same for every verb. `args.rs` explains them in the help.

use std::process::ExitCode;

/// Done.
pub const OK: u8 = 0;
/// It failed; standard error says why.
pub const FAILURE: u8 = 1;
/// The command line or the configuration is wrong; nothing was done. clap exits with it, too.
pub const CONFIGURATION: u8 = 2;
/// Another process uses the data folder.
pub const IN_USE: u8 = 3;
/// A check ran to its end and found problems (`fsck`).
pub const PROBLEMS: u8 = 4;

/// How a verb ends: one of the codes above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
