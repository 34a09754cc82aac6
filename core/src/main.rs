//! The `moonsail` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    moonsail::heap::settle();
    moonsail::cli::main()
}
