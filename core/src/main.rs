//! The `moonsail` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    moonsail::cli::main()
}
