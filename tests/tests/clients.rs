//! Real clients.
use std::process::ExitCode;
fn main() -> ExitCode {
    e2e::suite::run(Vec::new(), 1)
}
